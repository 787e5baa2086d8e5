/*
 * secp256k1 verification by libsecp256k1, alone in its file: a program that never verifies such a signature does not
 * need the library. The library refuses s in the upper half by itself.
 */
#include <secp256k1.h>

#include "algorithm_secp256k1.h"

bool secp256k1_signature_valid(const uint8_t point[POINT_MAX], const uint8_t sig64[SIGNATURE_LEN],
                               const struct digest *digest)
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_pubkey key;
    secp256k1_ecdsa_signature signature;
    return secp256k1_ec_pubkey_parse(context, &key, point, POINT_MAX) == 1 &&
           secp256k1_ecdsa_signature_parse_compact(context, &signature, sig64) == 1 &&
           secp256k1_ecdsa_verify(context, &signature, digest->bytes32, &key) == 1;
}
