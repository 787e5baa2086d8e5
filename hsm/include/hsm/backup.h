/*
 * Backup and restore of wrappable keys under a key-encryption key (KEK).
 *
 * The KEK (AES-256) comes from outside, because people hold its shares, and is on the token only as a session object:
 * the security officer brings it in, marked CKA_TRUSTED, then the user logs in and wraps or unwraps with it. It is gone
 * when the token is closed; a secret key that is found on a token keeps it closed (hsm/token.h).
 */
#ifndef STRONGROOM_HSM_BACKUP_H
#define STRONGROOM_HSM_BACKUP_H

#include "base/bytes.h"
#include "hsm/key.h"

#define HSM_KEK_LEN 32
#define HSM_WRAPPED_MAX 512

/* How a private key is wrapped: both are RFC 5649 over its PKCS #8 form. */
enum hsm_wrap {
    HSM_WRAP_AES_PAD = 1, /* CKM_AES_KEY_WRAP_PAD */
    HSM_WRAP_AES_KWP = 2, /* CKM_AES_KEY_WRAP_KWP (PKCS #11 v3.0) */
};

/* What a login as security officer brings to the token. Both secrets are borrowed for the call. */
struct hsm_kek {
    const struct secret *so_pin;
    const struct secret *key32; /* HSM_KEK_LEN bytes */
};

/*
 * hsm_token_open with a KEK: before the user, the security officer logs in once and brings it in. `config->use` must be
 * HSM_TOKEN_GENERATE. The rules for PINs hold for both. Besides the statuses of hsm_token_open:
 * STATUS_ALGORITHM_REFUSED when the token can neither wrap nor unwrap with AES (no PIN was tried then) or does not take
 * such a key.
 */
MUST_CHECK enum status hsm_backup_open(struct hsm_token **out, const struct hsm_token_config *config,
                                       const struct secret *pin, const struct hsm_kek *kek, struct fault *fault);

/* A private key as it leaves a token, and what goes with it. */
struct hsm_wrapped {
    char label[HSM_KEY_LABEL_SIZE];
    struct public_key public;
    enum hsm_wrap wrap;
    uint8_t bytes[HSM_WRAPPED_MAX];
    size_t len;
};

/*
 * Wraps the private key under the KEK of the token, with KWP where the token has it, and unwraps it again at once into
 * a session object that must sign for the public key: what is no backup does not leave (STATUS_MISMATCH).
 * STATUS_KEY_UNFIT when it is not wrappable, STATUS_ALGORITHM_REFUSED when the token wraps no keys of this algorithm,
 * STATUS_TOKEN, STATUS_INVALID when the token was opened without a KEK.
 */
MUST_CHECK enum status hsm_key_wrap(const struct hsm_key *key, struct hsm_wrapped *out, struct fault *fault);

/*
 * Unwraps a key into the token with its label and a new CKA_ID, makes its public object from `wrapped->public`, syncs,
 * finds both again in a fresh session, checks every attribute, signs a challenge and verifies it. Of a key that turns
 * out to be another or unfit nothing stays. Out: borrowed from the token; it is not born there. The profile decides
 * whether the new token can be backed up again. STATUS_EXISTS (label or public key are on the token),
 * STATUS_MISMATCH (bytes altered, another KEK, or another key than the public one), STATUS_ALGORITHM_REFUSED (the token
 * does not have the mechanism or the curve), STATUS_INVALID (no KEK, or the token was not opened for `restored` keys),
 * STATUS_TOKEN, STATUS_IO.
 */
MUST_CHECK enum status hsm_key_unwrap(struct hsm_token *token, const struct hsm_key **out,
                                      const struct hsm_wrapped *wrapped, enum hsm_key_profile profile,
                                      struct fault *fault);

#endif
