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

/*
 * Reads every private key object into the key table of the token. STATUS_KEY_UNFIT for the first one that may not
 * serve, STATUS_TOO_LARGE for more than HSM_KEYS_MAX.
 */
MUST_CHECK enum status hsm_objects_audit(struct hsm_token *token, struct fault *fault);

/*
 * Finds the one private key object with this label in the given session, judges it and reads it. Out: free with free().
 * STATUS_NOT_FOUND, STATUS_KEY_UNFIT, STATUS_TOKEN.
 */
MUST_CHECK enum status hsm_object_load(struct hsm_token *token, struct hsm_key **out, CK_SESSION_HANDLE session,
                                       const char *label, struct fault *fault);

/* Adds a key to the table, which takes it over. STATUS_KEY_UNFIT when it shares label, CKA_ID or public key. */
MUST_CHECK enum status hsm_object_adopt(struct hsm_token *token, struct hsm_key *key, struct fault *fault);

#endif
