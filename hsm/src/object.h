/*
 * Key objects on the token: finding them, reading them, and judging whether one may serve. Internal to the room.
 */
#ifndef STRONGROOM_HSM_OBJECT_H
#define STRONGROOM_HSM_OBJECT_H

#include "token.h"

/* How a kind of key is made and recognised in PKCS #11. Pointers are static. */
struct hsm_key_kind {
    enum algorithm algorithm;
    CK_KEY_TYPE key_type;
    CK_MECHANISM_TYPE generate;
    struct {
        const uint8_t *der;
        size_t len;
    } ec_params[2]; /* spellings of the curve, the one to generate with first; unused ones have length 0 */
};

/* The kind of an algorithm, NULL when tokens are not used for it. */
const struct hsm_key_kind *hsm_key_kind_of(enum algorithm algorithm);

#define HSM_OBJECTS_MAX (2 * HSM_KEYS_MAX + 32) /* on a token: the halves of its keys, some certificates and data */

/* Room for one more than may be, so that too many is seen. */
struct hsm_handles {
    CK_OBJECT_HANDLE at[HSM_OBJECTS_MAX + 1];
    CK_ULONG count;
};

/* Every object that agrees with the template (none: every visible one). STATUS_TOKEN. */
MUST_CHECK enum status hsm_objects_find(struct hsm_token *token, struct hsm_handles *out, CK_SESSION_HANDLE session,
                                        CK_ATTRIBUTE *template, CK_ULONG template_count, struct fault *fault);

/* What an object is, and what people call it: its label, or its handle when it has no usable one. */
struct hsm_object_about {
    CK_OBJECT_CLASS class;
    char name[HSM_KEY_LABEL_SIZE];
    uint8_t id[HSM_OBJECT_ID_MAX]; /* CKA_ID */
    size_t id_len;                 /* 0 when it has none */
};

/* Asks the token about one object. STATUS_TOKEN, STATUS_KEY_UNFIT (it does not say what it is). */
MUST_CHECK enum status hsm_object_about(struct hsm_token *token, struct hsm_object_about *out,
                                        CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, struct fault *fault);

/* Judges and reads one private key object. Out: free with free(). STATUS_KEY_UNFIT, STATUS_TOKEN. */
MUST_CHECK enum status hsm_object_key(struct hsm_token *token, struct hsm_key **out, CK_SESSION_HANDLE session,
                                      CK_OBJECT_HANDLE handle, struct fault *fault);

/*
 * Looks at every object that the login shows, and reads the private keys into the key table of the token.
 * STATUS_KEY_UNFIT for the first one that may not serve or is none of ours, STATUS_TOO_LARGE for more than HSM_KEYS_MAX
 * keys (audit.c).
 */
MUST_CHECK enum status hsm_objects_audit(struct hsm_token *token, struct fault *fault);

/*
 * Finds the one private key object with this label in the given session, judges it and reads it. Out: free with free().
 * STATUS_NOT_FOUND, STATUS_KEY_UNFIT, STATUS_TOKEN.
 */
MUST_CHECK enum status hsm_object_load(struct hsm_token *token, struct hsm_key **out, CK_SESSION_HANDLE session,
                                       const char *label, struct fault *fault);

/* Judges a secret key object as a wrapping key (hsm/vault.h); `name` is what people call it. STATUS_KEY_UNFIT,
 * STATUS_TOKEN. */
MUST_CHECK enum status hsm_object_check_vault(struct hsm_token *token, CK_SESSION_HANDLE session,
                                              CK_OBJECT_HANDLE handle, const char *name, struct fault *fault);

/* Adds a key to the table, which takes it over. STATUS_KEY_UNFIT when it shares label, CKA_ID or public key. */
MUST_CHECK enum status hsm_object_adopt(struct hsm_token *token, struct hsm_key *key, struct fault *fault);

#endif
