/*
 * The register of algorithms: data only, and the one function that reads it.
 *
 * It stands apart from verification so that a program which only reads names does not link the libraries that verify.
 * Whoever asks for a row asks algorithm_info, so a test can put another register in its place when it is linked
 * (tests/support/test_register.c); no program can.
 */
#include "base/algorithm.h"

/* SubjectPublicKeyInfo up to the point: sequence, algorithm and curve, bit string with no unused bits. */
static const uint8_t prefix_p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
                                      0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
static const uint8_t prefix_ed25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t prefix_secp256k1[] = {0x30, 0x56, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                           0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a, 0x03, 0x42, 0x00};

#define CKM_ECDSA_NUMBER 0x1041UL
#define CKM_EDDSA_NUMBER 0x1057UL

static const struct algorithm_info rows[] = {
    {ALGORITHM_P256, "p256", "P-256", "SHA-256", CKM_ECDSA_NUMBER, ALGORITHM_IN_USE, prefix_p256, sizeof(prefix_p256),
     65},
    {ALGORITHM_ED25519, "ed25519", "Ed25519", "none", CKM_EDDSA_NUMBER, ALGORITHM_IN_USE, prefix_ed25519,
     sizeof(prefix_ed25519), 32},
    {ALGORITHM_SECP256K1, "secp256k1", "secp256k1", "SHA-256", CKM_ECDSA_NUMBER, ALGORITHM_IN_USE, prefix_secp256k1,
     sizeof(prefix_secp256k1), 65},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct algorithm_info *algorithm_info(enum algorithm algorithm)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].algorithm == algorithm) {
            return &rows[i];
        }
    }
    return NULL;
}
