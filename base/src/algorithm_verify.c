/*
 * Signature verification, one rule per algorithm.
 *
 * What libraries leave to taste is decided here before they are asked: the ranges of r and s, the half of s, the
 * range of Ed25519's S and the order of its R. A signature has exactly one encoding, because digests of signed things
 * must not have two.
 */
#include <string.h>

#include "algorithm_ed25519.h"
#include "algorithm_p256.h"
#include "algorithm_secp256k1.h"

#define SCALAR_LEN 32

/* Group orders n and floor(n/2), big-endian (FIPS 186-5, SEC 2). */
struct ecdsa_order {
    uint8_t n[SCALAR_LEN];
    uint8_t half[SCALAR_LEN];
};

static const struct ecdsa_order order_p256 = {
    .n = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51},
    .half = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
             0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8},
};

static const struct ecdsa_order order_secp256k1 = {
    .n = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe,
          0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41},
    .half = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
             0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0},
};

/* The group order L of Ed25519, little-endian (RFC 8032). */
static const uint8_t order_ed25519[SCALAR_LEN] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                                  0xa2, 0xde, 0xf9, 0xde, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                                  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10};

static const struct ecdsa_order *ecdsa_order_of(enum algorithm algorithm)
{
    switch (algorithm) {
    case ALGORITHM_P256:
        return &order_p256;
    case ALGORITHM_SECP256K1:
        return &order_secp256k1;
    case ALGORITHM_ED25519:
        return NULL;
    }
    return NULL;
}

/* 0 < scalar < n */
static bool scalar_in_range(const uint8_t scalar[SCALAR_LEN], const struct ecdsa_order *order)
{
    static const uint8_t zero[SCALAR_LEN];
    return memcmp(scalar, zero, SCALAR_LEN) != 0 && memcmp(scalar, order->n, SCALAR_LEN) < 0;
}

static bool scalar_below_ed25519(const uint8_t scalar[SCALAR_LEN])
{
    for (int i = SCALAR_LEN - 1; i >= 0; i--) {
        if (scalar[i] != order_ed25519[i]) {
            return scalar[i] < order_ed25519[i];
        }
    }
    return false;
}

/* 1 for valid, 0 for invalid; anything else, or no answer, is a fault of ours and no judgement. */
static int answer_of(const struct public_key *key, const uint8_t sig64[SIGNATURE_LEN], const void *message, size_t len)
{
    size_t point_len = 0;
    struct digest digest;
    switch (key->algorithm) {
    case ALGORITHM_P256:
        digest_sha256(&digest, message, len);
        return p256_signature_answer(public_key_point(key, &point_len), sig64, &digest);
    case ALGORITHM_SECP256K1:
        digest_sha256(&digest, message, len);
        return secp256k1_signature_valid(public_key_point(key, &point_len), sig64, &digest) ? 1 : 0;
    case ALGORITHM_ED25519:
        return ed25519_signature_valid(public_key_point(key, &point_len), sig64, message, len) ? 1 : 0;
    }
    return NO_ANSWER;
}

/* The rule of the encoding that a signature breaks, NULL for none. */
static const char *encoding_rule(enum algorithm algorithm, const uint8_t sig64[SIGNATURE_LEN])
{
    const uint8_t *s = sig64 + SCALAR_LEN;
    const struct ecdsa_order *order = ecdsa_order_of(algorithm);
    if (order == NULL && !scalar_below_ed25519(s)) {
        return "S is not below the group order";
    }
    if (order == NULL) {
        return ed25519_small_order(sig64) ? "R is of small order" : NULL;
    }
    if (!scalar_in_range(sig64, order) || !scalar_in_range(s, order)) {
        return "r or s is zero or not below the group order";
    }
    return memcmp(s, order->half, SCALAR_LEN) > 0 ? "s is in the upper half" : NULL;
}

enum status signature_verify(const struct public_key *key, const uint8_t sig64[SIGNATURE_LEN], const void *message,
                             size_t len, struct fault *fault)
{
    const struct algorithm_info *info = algorithm_info(key->algorithm);
    if (info == NULL || info->standing == ALGORITHM_RETIRED) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "signature", "algorithm %d", (int)key->algorithm);
    }
    const char *rule = encoding_rule(key->algorithm, sig64);
    if (rule != NULL) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signature", "%s: %s", info->name, rule);
    }
    int answer = answer_of(key, sig64, message, len);
    if (answer == 0) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signature", "%s: not made by this key over these bytes",
                         info->name);
    }
    if (answer != 1) {
        return fault_set(fault, STATUS_NO_MEMORY, "signature", "%s: could not verify", info->name);
    }
    return STATUS_OK;
}

/* s = n - s, big-endian. */
static void scalar_negate(uint8_t scalar[SCALAR_LEN], const uint8_t n[SCALAR_LEN])
{
    int borrow = 0;
    for (int i = SCALAR_LEN - 1; i >= 0; i--) {
        int difference = n[i] - scalar[i] - borrow;
        borrow = difference < 0;
        scalar[i] = (uint8_t)(difference & 0xff);
    }
}

enum status signature_normalize(uint8_t sig64[SIGNATURE_LEN], enum algorithm algorithm)
{
    if (algorithm_info(algorithm) == NULL) {
        return STATUS_ALGORITHM_REFUSED;
    }
    const struct ecdsa_order *order = ecdsa_order_of(algorithm);
    if (order == NULL) {
        return STATUS_OK;
    }
    uint8_t *s = sig64 + SCALAR_LEN;
    if (!scalar_in_range(s, order)) {
        return STATUS_SIGNATURE_INVALID;
    }
    if (memcmp(s, order->half, SCALAR_LEN) > 0) {
        scalar_negate(s, order->n);
    }
    return STATUS_OK;
}
