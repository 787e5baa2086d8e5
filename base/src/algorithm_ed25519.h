/*
 * Ed25519 inside the room: the one call into libsodium's verification, and the points that nobody may use.
 */
#ifndef STRONGROOM_BASE_ALGORITHM_ED25519_H
#define STRONGROOM_BASE_ALGORITHM_ED25519_H

#include "base/algorithm.h"

#define ED25519_POINT_LEN 32

/*
 * Whether S*B = R + H(R, A, message)*A holds, compared as bytes and without the cofactor (RFC 8032, 5.1.7, the stricter
 * reading). S, R and the point A have passed our own rules before.
 */
bool ed25519_signature_valid(const uint8_t point32[ED25519_POINT_LEN], const uint8_t sig64[SIGNATURE_LEN],
                             const void *message, size_t len);

/* Whether these 32 bytes are a point of small order, whatever the sign of x. */
bool ed25519_small_order(const uint8_t point32[ED25519_POINT_LEN]);

#endif
