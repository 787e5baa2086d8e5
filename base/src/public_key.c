/*
 * Public keys: their one DER form, the check that the point lies on the curve, and the key id.
 *
 * OpenSSL does the arithmetic for every curve here, so that reading a key does not link libsecp256k1. Its lenient
 * readers of keys are not used: the bytes before the point are compared, not interpreted.
 */
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <string.h>

#include "algorithm_ed25519.h"

static enum status weierstrass_point_check(int curve, const uint8_t *point, size_t len)
{
    if (point[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return STATUS_INVALID;
    }
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve);
    EC_POINT *read = group == NULL ? NULL : EC_POINT_new(group);
    enum status status = STATUS_NO_MEMORY;
    if (read != NULL) {
        /* Reading refuses coordinates outside the field and points off the curve; both curves have cofactor 1. */
        status = EC_POINT_oct2point(group, read, point, len, NULL) == 1 ? STATUS_OK : STATUS_INVALID;
    }
    EC_POINT_free(read);
    EC_GROUP_free(group);
    return status;
}

/*
 * The y coordinates of the eight points of small order, little-endian: 0, 1, -1 and the two of order 8. The sign bit is
 * not looked at, and y must be below the prime, so that every other spelling of these points is refused, too.
 */
static const uint8_t small_order_y[][ED25519_POINT_LEN] = {
    {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    {0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
     0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
     0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* 2^255 - 19, little-endian. */
static const uint8_t ed25519_prime[ED25519_POINT_LEN] = {
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

/* The constant d of the curve, -121665/121666, little-endian. */
static const uint8_t ed25519_d[ED25519_POINT_LEN] = {0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41,
                                                     0x41, 0x4d, 0x0a, 0x70, 0x00, 0x98, 0xe8, 0x79, 0x77, 0x79, 0x40,
                                                     0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52};

bool ed25519_small_order(const uint8_t point32[ED25519_POINT_LEN])
{
    uint8_t y[ED25519_POINT_LEN];
    memcpy(y, point32, ED25519_POINT_LEN);
    y[ED25519_POINT_LEN - 1] &= 0x7f; /* the sign of x */
    for (size_t i = 0; i < sizeof(small_order_y) / sizeof(small_order_y[0]); i++) {
        if (memcmp(y, small_order_y[i], ED25519_POINT_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* x^2 = (y^2 - 1) / (d y^2 + 1) has a solution exactly when numerator times denominator is a square. */
static bool edwards_y_on_curve(const uint8_t bytes[ED25519_POINT_LEN], BN_CTX *context)
{
    BN_CTX_start(context);
    BIGNUM *prime = BN_CTX_get(context);
    BIGNUM *y = BN_CTX_get(context);
    BIGNUM *d = BN_CTX_get(context);
    BIGNUM *square = BN_CTX_get(context);
    BIGNUM *below = BN_CTX_get(context);
    bool valid = below != NULL && BN_lebin2bn(ed25519_prime, ED25519_POINT_LEN, prime) != NULL &&
                 BN_lebin2bn(bytes, ED25519_POINT_LEN, y) != NULL &&
                 BN_lebin2bn(ed25519_d, ED25519_POINT_LEN, d) != NULL && BN_cmp(y, prime) < 0 &&
                 BN_mod_sqr(square, y, prime, context) == 1 && BN_mod_mul(below, d, square, prime, context) == 1 &&
                 BN_add_word(below, 1) == 1 && BN_sub_word(square, 1) == 1 &&
                 BN_mod_mul(square, square, below, prime, context) == 1 && BN_kronecker(square, prime, context) == 1;
    BN_CTX_end(context);
    return valid;
}

static enum status edwards_point_check(const uint8_t point[ED25519_POINT_LEN])
{
    uint8_t y[ED25519_POINT_LEN];
    memcpy(y, point, ED25519_POINT_LEN);
    y[ED25519_POINT_LEN - 1] &= 0x7f; /* the sign of x */
    BN_CTX *context = BN_CTX_new();
    if (context == NULL) {
        return STATUS_NO_MEMORY;
    }
    bool valid = !ed25519_small_order(point) && edwards_y_on_curve(y, context);
    BN_CTX_free(context);
    return valid ? STATUS_OK : STATUS_INVALID;
}

static enum status point_check(enum algorithm algorithm, const uint8_t *point, size_t len)
{
    switch (algorithm) {
    case ALGORITHM_P256:
        return weierstrass_point_check(NID_X9_62_prime256v1, point, len);
    case ALGORITHM_SECP256K1:
        return weierstrass_point_check(NID_secp256k1, point, len);
    case ALGORITHM_ED25519:
        return edwards_point_check(point);
    }
    return STATUS_ALGORITHM_REFUSED;
}

enum status public_key_from_point(struct public_key *out, enum algorithm algorithm, const uint8_t *point, size_t len,
                                  struct fault *fault)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    if (info == NULL || info->standing == ALGORITHM_RETIRED) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "public_key", "algorithm %d", (int)algorithm);
    }
    if (len != info->point_len) {
        return fault_set(fault, STATUS_INVALID, "public_key", "%s: a point of %zu bytes, not %zu", info->name,
                         info->point_len, len);
    }
    enum status status = point_check(algorithm, point, len);
    if (status == STATUS_INVALID) {
        return fault_set(fault, status, "public_key", "%s: not an acceptable point of the curve", info->name);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, "public_key", "%s: could not examine the point", info->name);
    }
    INVARIANT(info->spki_prefix_len + len <= PUBLIC_KEY_MAX);
    struct public_key key = {.algorithm = algorithm, .spki_len = info->spki_prefix_len + len};
    memcpy(key.spki, info->spki_prefix, info->spki_prefix_len);
    memcpy(key.spki + info->spki_prefix_len, point, len);
    *out = key;
    return STATUS_OK;
}

enum status public_key_parse(struct public_key *out, enum algorithm algorithm, const uint8_t *spki, size_t len,
                             struct fault *fault)
{
    const struct algorithm_info *info = algorithm_info(algorithm);
    if (info == NULL || info->standing == ALGORITHM_RETIRED) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "public_key", "algorithm %d", (int)algorithm);
    }
    size_t prefix_len = info->spki_prefix_len;
    if (len != prefix_len + info->point_len || memcmp(spki, info->spki_prefix, prefix_len) != 0) {
        return fault_set(fault, STATUS_INVALID, "public_key",
                         "%s: DER SubjectPublicKeyInfo with named curve and uncompressed point", info->name);
    }
    return public_key_from_point(out, algorithm, spki + prefix_len, info->point_len, fault);
}

const uint8_t *public_key_point(const struct public_key *key, size_t *out_len)
{
    const struct algorithm_info *info = algorithm_info(key->algorithm);
    INVARIANT(info != NULL && key->spki_len == info->spki_prefix_len + info->point_len);
    *out_len = info->point_len;
    return key->spki + info->spki_prefix_len;
}

void public_key_id(struct digest *out, const struct public_key *key)
{
    digest_sha256(out, key->spki, key->spki_len);
}

bool public_key_equal(const struct public_key *a, const struct public_key *b)
{
    return a->algorithm == b->algorithm && a->spki_len == b->spki_len && memcmp(a->spki, b->spki, a->spki_len) == 0;
}
