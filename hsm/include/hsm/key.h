/*
 * Signing keys of an open token: made in it, never outside it, for signing and for nothing else.
 *
 * A key serves only if the token says of the private object: TOKEN, PRIVATE, SENSITIVE, ALWAYS_SENSITIVE,
 * NEVER_EXTRACTABLE, LOCAL and SIGN are true; EXTRACTABLE, MODIFIABLE, DECRYPT, UNWRAP, DERIVE, SIGN_RECOVER and
 * ALWAYS_AUTHENTICATE are false; its label and CKA_ID are its own; and exactly one public object with its CKA_ID names
 * a curve of the register (hsm/README.md lists what single tokens leave out). Anything else is STATUS_KEY_UNFIT with
 * the object in `where` and the attribute in `detail`.
 *
 * A `struct hsm_key` belongs to its token and is valid until hsm_token_close. Object handles are read once and cached.
 * All functions may be called from several threads.
 */
#ifndef STRONGROOM_HSM_KEY_H
#define STRONGROOM_HSM_KEY_H

#include "base/algorithm.h"
#include "hsm/token.h"

#define HSM_KEY_LABEL_SIZE 64 /* 1..63 printable ASCII characters and a NUL */

struct hsm_key;

/*
 * Makes a key pair in the token, syncs the file system when the token is files, finds it again in a fresh session,
 * checks every attribute, signs and verifies. The token must be open with HSM_TOKEN_GENERATE. `label` must not be in
 * use (STATUS_EXISTS). Out: borrowed from the token. STATUS_ALGORITHM_REFUSED when the token does not have the
 * algorithm; STATUS_KEY_UNFIT, STATUS_SIGNATURE_INVALID (the object stays on the token and keeps it from being opened:
 * people must look), STATUS_TOKEN, STATUS_IO (not synced).
 */
MUST_CHECK enum status hsm_key_generate(struct hsm_token *token, const struct hsm_key **out, enum algorithm algorithm,
                                        const char *label, struct fault *fault);

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

/*
 * Signs the message (not a digest): ECDSA over its SHA-256 with s in the lower half, or Ed25519. The signature was
 * verified with the public key before it is in `out`; one that does not verify, or is not 64 bytes, is never released
 * (STATUS_SIGNATURE_INVALID). Waits while all sessions are signing. STATUS_TOKEN when the token failed.
 */
MUST_CHECK enum status hsm_key_sign(const struct hsm_key *key, struct signature *out, const void *message, size_t len,
                                    struct fault *fault);

#endif
