/*
 * Ed25519 verification by libsodium, alone in its file: a program that never verifies such a signature does not need
 * the library. OpenSSL computes the same equation and takes more than twice the time.
 *
 * sodium_init is not called: verification uses neither randomness nor code that is chosen by the processor, which is
 * what it sets up.
 */
#include <sodium/crypto_sign_ed25519.h>

#include "algorithm_ed25519.h"

_Static_assert(SIGNATURE_LEN == crypto_sign_ed25519_BYTES, "R and S");
_Static_assert(ED25519_POINT_LEN == crypto_sign_ed25519_PUBLICKEYBYTES, "a point");

bool ed25519_signature_valid(const uint8_t point32[ED25519_POINT_LEN], const uint8_t sig64[SIGNATURE_LEN],
                             const void *message, size_t len)
{
    static const uint8_t nothing[1];
    return crypto_sign_ed25519_verify_detached(sig64, len == 0 ? nothing : message, len, point32) == 0;
}
