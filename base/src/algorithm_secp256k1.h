/*
 * The one call into libsecp256k1; inside the room only.
 */
#ifndef STRONGROOM_BASE_ALGORITHM_SECP256K1_H
#define STRONGROOM_BASE_ALGORITHM_SECP256K1_H

#include "base/algorithm.h"

/* Verifies r||s over a digest with libsecp256k1; `point` is 0x04||X||Y. False for any fault. */
bool secp256k1_signature_valid(const uint8_t point[POINT_MAX], const uint8_t sig64[SIGNATURE_LEN],
                               const struct digest *digest);

#endif
