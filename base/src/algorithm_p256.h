/*
 * Verification of P-256; inside the room only.
 */
#ifndef STRONGROOM_BASE_ALGORITHM_P256_H
#define STRONGROOM_BASE_ALGORITHM_P256_H

#include "base/algorithm.h"

enum { NO_ANSWER = -1 };

/*
 * Verifies ECDSA over a digest with a point 0x04||X||Y that public_key_parse has accepted; the caller has checked the
 * ranges of r and s. As OpenSSL answers: 1 valid, 0 invalid, NO_ANSWER or another number when it could not be judged.
 */
int p256_signature_answer(const uint8_t point[POINT_MAX], const uint8_t sig64[SIGNATURE_LEN],
                          const struct digest *digest);

#endif
