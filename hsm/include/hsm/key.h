/*
 * Signing keys of an open token: made in it or restored into it, for signing and for nothing else.
 *
 * A key serves only if the token says of the private object: TOKEN, PRIVATE, SENSITIVE and SIGN are true; MODIFIABLE,
 * DECRYPT, UNWRAP, DERIVE, SIGN_RECOVER and ALWAYS_AUTHENTICATE are false; EXTRACTABLE is false, or WRAP_WITH_TRUSTED
 * is true as well, so that no value leaves but under a key that the security officer brought; its label and CKA_ID are
 * its own; and exactly one public object with its CKA_ID names a curve of the register and is not MODIFIABLE. Anything
 * else is STATUS_KEY_UNFIT with the object in `where` and the attribute in `detail`.
 *
 * A key is *born* on the token when LOCAL and ALWAYS_SENSITIVE are true, and NEVER_EXTRACTABLE where it is not
 * extractable. Otherwise it came from outside: a token cannot tell an unwrapped backup from an import of a value that
 * somebody else has, too. Registration of a key therefore demands one that was born; a token with others opens only
 * when the caller says so (`restored` of hsm_token_config), and then the caller must know which key it expects.
 *
 * A `struct hsm_key` belongs to its token and is valid until hsm_token_close. Object handles are read once and cached.
 * All functions may be called from several threads, but hsm_key_destroy.
 */
#ifndef STRONGROOM_HSM_KEY_H
#define STRONGROOM_HSM_KEY_H

#include "base/algorithm.h"
#include "hsm/token.h"

#define HSM_KEY_LABEL_SIZE 64 /* 1..63 printable ASCII characters and a NUL */

struct hsm_key;

/* What may be done with the private value. */
enum hsm_key_profile {
    HSM_KEY_FIXED,     /* never leaves the token (EXTRACTABLE false): backed up by cloning, or not at all */
    HSM_KEY_WRAPPABLE, /* may be wrapped under a key-encryption key that the security officer brought (hsm/backup.h) */
};

/*
 * Makes a key pair in the token, syncs the file system when the token is files, finds it again in a fresh session,
 * checks every attribute, signs and verifies. The token must be open with HSM_TOKEN_GENERATE. `label` must not be in
 * use (STATUS_EXISTS). Out: borrowed from the token. STATUS_ALGORITHM_REFUSED when the algorithm is not in use, or the
 * token does not have it, or cannot wrap a key of it that is to be wrappable; STATUS_KEY_UNFIT,
 * STATUS_SIGNATURE_INVALID, STATUS_TOKEN, STATUS_IO (not synced). After a failure its objects are destroyed.
 */
MUST_CHECK enum status hsm_key_generate(struct hsm_token *token, const struct hsm_key **out, enum algorithm algorithm,
                                        enum hsm_key_profile profile, const char *label, struct fault *fault);

/*
 * The key with this label, after one signature of a random challenge was verified with its public key. When `expected`
 * is not NULL the public key must be that one (STATUS_MISMATCH). STATUS_NOT_FOUND naming the label.
 */
MUST_CHECK enum status hsm_key_open_label(struct hsm_token *token, const struct hsm_key **out, const char *label,
                                          const struct public_key *expected, struct fault *fault);

/* The key whose public key has this key id (SHA-256 of its DER form), after the same signature. */
MUST_CHECK enum status hsm_key_open_id(struct hsm_token *token, const struct hsm_key **out, const struct digest *key_id,
                                       struct fault *fault);

/* Number of keys on the token, and one of them by index below that number (for listings). */
size_t hsm_key_count(struct hsm_token *token);
const struct hsm_key *hsm_key_at(struct hsm_token *token, size_t index);

/* Public key and label. Borrowed from the key. */
const struct public_key *hsm_key_public(const struct hsm_key *key);
const char *hsm_key_label(const struct hsm_key *key);

/* True when the key was made on this token, false when it came from outside (see the top). */
bool hsm_key_is_born(const struct hsm_key *key);

/* Whether its value may leave the token, wrapped. */
enum hsm_key_profile hsm_key_profile(const struct hsm_key *key);

/*
 * Signs the message (not a digest): ECDSA over its SHA-256 with s in the lower half, or Ed25519. The signature was
 * verified with the public key before it is in `out`; one that does not verify, or is not 64 bytes, is never released
 * (STATUS_SIGNATURE_INVALID). Waits while all sessions are signing. STATUS_TOKEN when the token failed.
 */
MUST_CHECK enum status hsm_key_sign(const struct hsm_key *key, struct signature *out, const void *message, size_t len,
                                    struct fault *fault);

/*
 * The same without the verification, for a process whose master verifies every signature itself, out of the module's
 * reach: 64 bytes as the token gave them, of ECDSA with s in either half. STATUS_TOKEN for another length, too.
 */
MUST_CHECK enum status hsm_key_sign_raw(const struct hsm_key *key, uint8_t out64[SIGNATURE_LEN], const void *message,
                                        size_t len, struct fault *fault);

/*
 * Destroys both objects of the key, syncs, and looks in a fresh session whether anything with its label or CKA_ID is
 * left. The token must be open with HSM_TOKEN_GENERATE, and no other call may be running with this key, which is not to
 * be used again. STATUS_INVALID (open for signing), STATUS_TOKEN (refused, or an object is still there), STATUS_IO.
 */
MUST_CHECK enum status hsm_key_destroy(struct hsm_token *token, const struct hsm_key *key, struct fault *fault);

#endif
