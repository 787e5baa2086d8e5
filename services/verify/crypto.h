/*
 * Signatures, checked with libcrypto alone: the three algorithms of docs/formats.md over the message of a document.
 */
#ifndef STRONGROOM_VERIFY_CRYPTO_H
#define STRONGROOM_VERIFY_CRYPTO_H

#include "base/bytes.h"
#include "base/digest.h"

/* A public key as documents hold it: the name of the algorithm and the DER bytes. */
struct key {
    char alg[16];
    uint8_t der[96];
    size_t der_len;
    struct digest id; /* SHA-256 of the DER bytes */
};

/* Fills a key from its DER bytes; false when it is not a key of that algorithm in its one form. */
bool key_make(struct key *out, const char *alg, const uint8_t *der, size_t len);

/* The same from the texts of a document; NULL is no text. */
bool key_read(struct key *out, const char *alg, const char *base64);

/* True when the 64 bytes are a signature by the key over the message: ECDSA with s in the lower half, or Ed25519. */
bool key_verifies(const struct key *key, const uint8_t signature64[64], const void *message, size_t len);

#endif
