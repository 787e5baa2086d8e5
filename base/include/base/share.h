/*
 * Secret sharing: a key-encryption key or a PIN in n shares, any k of which give it back and fewer say nothing (Shamir,
 * "How to share a secret", 1979), byte by byte over GF(2^8) with the polynomial x^8+x^4+x^3+x^2+1 (0x11d). The share of
 * index i is the value at i, as libgfshare and its tools gfsplit and gfcombine have it.
 *
 * Secrets and shares live in the secure heap (base/secret.h) and nowhere else. Shamir's scheme alone believes every
 * share; therefore each has a commitment (SHA-256 of its bytes), published when the shares are made, and a share that
 * is not its commitment is named. Why this is our own code: docs/decisions/0006-secret-sharing.md.
 */
#ifndef STRONGROOM_BASE_SHARE_H
#define STRONGROOM_BASE_SHARE_H

#include "base/digest.h"
#include "base/secret.h"

#define SHARE_THRESHOLD_MIN 2
#define SHARE_COUNT_MAX 16
#define SHARE_SECRET_MAX 256
#define SHARE_KEK_LEN 32
#define SHARE_PIN_BLOCK_LEN 64
#define SHARE_PIN_MAX 47 /* leaves 16 random bytes in the block */

struct share {
    unsigned index;      /* 1..SHARE_COUNT_MAX: where the polynomial was evaluated */
    struct secret value; /* as long as the secret */
};

/*
 * Splits `secret` (1 to 256 bytes) into `count` shares of indexes 1 to `count`; any `threshold` of them give it back.
 * 2 <= threshold <= count <= 16 (STATUS_INVALID). Out: out_shares[0..count-1], each freed with share_free.
 * STATUS_IO when the kernel gives no randomness: nothing is made then; STATUS_NO_MEMORY.
 */
MUST_CHECK enum status share_split(struct share *out_shares, const struct secret *secret, unsigned threshold,
                                   unsigned count, struct fault *fault);

/*
 * Puts the secret together. `commitments[i]` belongs to shares[i]; all shares must be of one length. Indexes are
 * distinct and in range (STATUS_INVALID); at least `threshold` shares (STATUS_QUORUM_MISSING), of which the first
 * `threshold` serve; every one given is its commitment, or STATUS_MISMATCH names the index ("share 3"). That the result
 * is the right secret is for the caller to see (share_kek_check, share_pin_unpack). Out: owned by the caller.
 */
MUST_CHECK enum status share_join(struct secret *out, const struct share *shares, size_t count, unsigned threshold,
                                  const struct digest *commitments, struct fault *fault);

/* Wipes, frees and empties; an empty one is fine. */
void share_free(struct share *share);

/* The commitment of a share: SHA-256 of its bytes. */
void share_commitment(struct digest *out, const struct secret *value);

/* STATUS_MISMATCH, naming the index, when the bytes of the share are not its commitment. */
MUST_CHECK enum status share_check(const struct share *share, const struct digest *commitment, struct fault *fault);

/* The `check` of a KEK in backup documents: SHA-256 of "strongroom/kek/v1\n" and its 32 bytes (an invariant). */
void share_kek_check(struct digest *out, const struct secret *kek);

/*
 * What is shared of a PIN: a block of 64 bytes, so that a share does not tell how long the PIN is: one length byte, the
 * PIN, random bytes. The commitments are public: who has k - 1 shares could try PINs against them, were there not at
 * least 16 random bytes to guess too. `pin` has 1 to SHARE_PIN_MAX bytes (STATUS_INVALID). Out: owned by the caller.
 * STATUS_IO without randomness.
 */
MUST_CHECK enum status share_pin_pack(struct secret *out, const struct secret *pin, struct fault *fault);

/*
 * The PIN in a block. STATUS_CORRUPT when it is no such block: not 64 bytes, or a length of 0 or above 63 (a
 * block made with a longer PIN still opens). A PIN put together from wrong shares is not always seen here; their
 * commitments are. Out: owned by the caller.
 */
MUST_CHECK enum status share_pin_unpack(struct secret *out, const struct secret *block, struct fault *fault);

#endif
