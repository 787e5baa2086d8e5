/*
 * The wrapping key of a token: one AES-256 key that belongs to a signing key (it has that key's CKA_ID), was born on
 * the token and never leaves it. It wraps other keys of 32 bytes with AES-GCM, each for one context; it encrypts and
 * decrypts, and does nothing else.
 *
 * It is fit only if the token says: TOKEN, PRIVATE, SENSITIVE, ENCRYPT, DECRYPT, LOCAL, ALWAYS_SENSITIVE and
 * NEVER_EXTRACTABLE are true; EXTRACTABLE, MODIFIABLE, WRAP, UNWRAP, SIGN and DERIVE are false; AES of 32 bytes.
 * Anything else keeps the token closed (STATUS_KEY_UNFIT), and so does a secret key whose CKA_ID no signing key has.
 */
#ifndef STRONGROOM_HSM_VAULT_H
#define STRONGROOM_HSM_VAULT_H

#include "hsm/key.h"

#define HSM_VAULT_KEY_LEN 32
#define HSM_VAULT_CONTEXT_LEN 16
#define HSM_VAULT_WRAPPED_LEN 60 /* nonce of 12 bytes, 32 bytes encrypted, tag of 16 */

/*
 * Makes the wrapping key of a signing key of this token, syncs, and wraps and unwraps with it once. The token must be
 * open with HSM_TOKEN_GENERATE, and no other call may be running. STATUS_EXISTS (it has one), STATUS_ALGORITHM_REFUSED
 * (no AES keys or no AES-GCM on this token), STATUS_INVALID (open for signing), STATUS_KEY_UNFIT, STATUS_TOKEN,
 * STATUS_IO. After a failure nothing of it is left.
 */
MUST_CHECK enum status hsm_vault_generate(struct hsm_token *token, const struct hsm_key *key, struct fault *fault);

/* Whether this signing key has a wrapping key. */
bool hsm_vault_has(const struct hsm_key *key);

/*
 * Wraps 32 bytes for a context of 16 under the wrapping key of `key`, with a nonce of the kernel's randomness.
 * STATUS_NOT_FOUND (the key has none), STATUS_TOKEN, STATUS_IO.
 */
MUST_CHECK enum status hsm_vault_wrap(const struct hsm_key *key, uint8_t out60[HSM_VAULT_WRAPPED_LEN],
                                      const uint8_t plain32[HSM_VAULT_KEY_LEN],
                                      const uint8_t context16[HSM_VAULT_CONTEXT_LEN], struct fault *fault);

/*
 * Unwraps. STATUS_MISMATCH when it was altered, wrapped by another key or for another context; STATUS_NOT_FOUND,
 * STATUS_TOKEN. The caller wipes `out32`.
 */
MUST_CHECK enum status hsm_vault_unwrap(const struct hsm_key *key, uint8_t out32[HSM_VAULT_KEY_LEN],
                                        const uint8_t wrapped60[HSM_VAULT_WRAPPED_LEN],
                                        const uint8_t context16[HSM_VAULT_CONTEXT_LEN], struct fault *fault);

#endif
