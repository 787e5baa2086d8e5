/*
 * Sealed boxes: a secret for one receiver, whom its public key names; the sender needs none (libsodium crypto_box_seal:
 * X25519, XSalsa20, Poly1305, a fresh key pair for each box). A box hides and protects its content but says nothing of
 * its sender: where that matters, a signed document holds the box.
 *
 * Plain bytes and private keys live in the secure heap (base/secret.h). Where a private key is kept is the caller's
 * business. The target is base_seal, so that only programs that seal hold this code; what documents need of public keys
 * (seal_key_*) is in base. Without randomness from the kernel libsodium ends the process: nothing is made then.
 */
#ifndef STRONGROOM_BASE_SEAL_H
#define STRONGROOM_BASE_SEAL_H

#include "base/bytes.h"
#include "base/secret.h"

#define SEAL_KEY_LEN 32
#define SEAL_KEY_TEXT_SIZE 45 /* base64 and a NUL */
#define SEAL_OVERHEAD 48      /* a box is longer than its content by so much */
#define SEAL_BOX_MAX (SEAL_OVERHEAD + 1024)

/* A public key (X25519, RFC 7748). */
struct seal_key {
    uint8_t bytes32[SEAL_KEY_LEN];
};

/* A fresh pair. Out: `out_private` (32 bytes) owned by the caller, free with secret_free. STATUS_NO_MEMORY. */
MUST_CHECK enum status seal_pair_generate(struct seal_key *out_public, struct secret *out_private, struct fault *fault);

/* The public key of a private one; STATUS_INVALID when that has not 32 bytes. */
MUST_CHECK enum status seal_public_key(struct seal_key *out, const struct secret *private_key, struct fault *fault);

/*
 * Seals 1 to 1024 bytes for `to`. STATUS_INVALID for another length or a key of small order (which anybody could open).
 * Out: owned by the caller.
 */
MUST_CHECK enum status seal_close(struct bytes *out, const struct secret *plain, const struct seal_key *to,
                                  struct fault *fault);

/* Opens a box. STATUS_MISMATCH when it is not for this key or was changed. Out: owned by the caller. */
MUST_CHECK enum status seal_open(struct secret *out, const void *box, size_t len, const struct secret *private_key,
                                 struct fault *fault);

/* Equality of public keys. */
bool seal_key_equal(const struct seal_key *a, const struct seal_key *b);

/* The text form in documents: base64. */
void seal_key_format(char out45[SEAL_KEY_TEXT_SIZE], const struct seal_key *key);

/* Reads the text form; STATUS_INVALID for anything but base64 of 32 bytes. */
MUST_CHECK enum status seal_key_parse(struct seal_key *out, const char *text);

#endif
