/*
 * The token as an attacker or a careless operator with the PIN uses it: straight through its function list.
 *
 * Everything here aborts the test program when it fails. Not to be open while a struct hsm_token is.
 */
#ifndef STRONGROOM_TEST_RAW_TOKEN_H
#define STRONGROOM_TEST_RAW_TOKEN_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "test/test_place.h"

struct raw_token {
    void *library;
    CK_FUNCTION_LIST *functions;
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
};

/* One boolean attribute of a private key that is to differ from a fit key's. */
struct raw_flag {
    CK_ATTRIBUTE_TYPE type;
    bool value;
};

/* Initialises the module, opens a read-write session and logs in as user. */
void raw_token_open(struct raw_token *out, const struct test_token *token);

/* Finalises. */
void raw_token_close(struct raw_token *raw);

/* Flags (CKF_*) and serial of the token without a login. */
CK_FLAGS raw_token_flags(const struct test_token *token);
void raw_token_serial(char out17[17], const struct test_token *token);

/* Makes a P-256 key pair in the token, fit but for these flags. */
void raw_key_generate(struct raw_token *raw, const char *label, const char *id, const struct raw_flag *flags,
                      size_t count);

/* Makes an RSA key pair that signs only. */
void raw_key_generate_rsa(struct raw_token *raw, const char *label);

/* Brings a known P-256 private key into the token from outside, fit but for these flags, and its public half. */
void raw_key_import(struct raw_token *raw, const char *label, const struct raw_flag *flags, size_t count);

/* Adds a public key object of a stranger under a CKA_ID. */
void raw_public_import(struct raw_token *raw, const char *label, const char *id);

/* Destroys the object of a class with a label. */
void raw_object_destroy(struct raw_token *raw, CK_OBJECT_CLASS class, const char *label);

/* Sets one boolean attribute of the private key with a label. */
void raw_key_set(struct raw_token *raw, const char *label, const struct raw_flag *flag);

/* Makes an AES key on the token (not trusted), with these flags. */
void raw_secret_generate(struct raw_token *raw, const char *label, const struct raw_flag *flags, size_t count);

/*
 * Makes an AES key of `len` bytes on the token that is a fit wrapping key of the private key `owner` (32), but for
 * these flags.
 */
void raw_wrapping_generate(struct raw_token *raw, const char *label, const char *owner, CK_ULONG len,
                           const struct raw_flag *flags, size_t count);

/* What wrapping a private key under a secret key, both by label, answers. */
CK_RV raw_key_wrap(struct raw_token *raw, const char *secret_label, const char *key_label);

/* How many objects the login shows. */
CK_ULONG raw_object_count(struct raw_token *raw);

/* What CKA_VALUE of the private key with a label answers (CKR_OK would be the end of the world). */
CK_RV raw_key_value_read(struct raw_token *raw, const char *label);

#endif
