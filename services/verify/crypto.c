/*
 * Signatures through libcrypto's EVP interface. Written for this program; the service verifies with other code.
 */
#include "crypto.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

/* Half of the group order, rounded down: the largest s. FIPS 186-5 (P-256), SEC 2 (secp256k1). */
static const struct {
    const char *alg;
    size_t der_len;
    const char *half_order;
} algorithms[] = {
    {"p256", 91, "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"},
    {"secp256k1", 88, "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"},
    {"ed25519", 44, NULL},
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

static size_t find(const char *alg)
{
    size_t i = 0;
    while (i < ALGORITHMS && strcmp(algorithms[i].alg, alg) != 0) {
        i++;
    }
    return i;
}

static EVP_PKEY *load(const struct key *key)
{
    const unsigned char *at = key->der;
    return d2i_PUBKEY(NULL, &at, (long)key->der_len);
}

/* With such a key every message has signatures that verify. The y of the eight points, in any spelling. */
static bool is_of_small_order(const uint8_t point32[32])
{
    static const char *const points[] = {"0000000000000000000000000000000000000000000000000000000000000000",
                                         "0100000000000000000000000000000000000000000000000000000000000000",
                                         "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                                         "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                                         "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                         "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                         "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
    uint8_t y32[32];
    char hex[65];
    memcpy(y32, point32, sizeof(y32));
    y32[31] &= 0x7f; /* the sign of x */
    hex_encode(hex, y32, sizeof(y32));
    bool found = false;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        found = found || strcmp(points[i], hex) == 0;
    }
    return found;
}

/* The curve is the one the algorithm names, and the DER bytes are the ones libcrypto itself would write. */
static bool is_of(const EVP_PKEY *pkey, const struct key *key)
{
    char group[32] = "";
    unsigned char *der = NULL;
    if (strcmp(key->alg, "ed25519") == 0) {
        if (!EVP_PKEY_is_a(pkey, "ED25519") || is_of_small_order(key->der + key->der_len - 32)) {
            return false;
        }
    } else if (!EVP_PKEY_is_a(pkey, "EC") || EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 ||
               strcmp(group, strcmp(key->alg, "p256") == 0 ? "prime256v1" : "secp256k1") != 0) {
        return false;
    }
    int len = i2d_PUBKEY(pkey, &der);
    bool same = len > 0 && (size_t)len == key->der_len && memcmp(der, key->der, key->der_len) == 0;
    OPENSSL_free(der);
    return same;
}

bool key_make(struct key *out, const char *alg, const uint8_t *der, size_t len)
{
    struct key key = {.der_len = len};
    size_t row = find(alg);
    if (row == ALGORITHMS || len != algorithms[row].der_len) {
        return false;
    }
    (void)snprintf(key.alg, sizeof(key.alg), "%s", alg);
    memcpy(key.der, der, len);
    digest_sha256(&key.id, der, len);
    EVP_PKEY *pkey = load(&key);
    bool good = pkey != NULL && is_of(pkey, &key);
    EVP_PKEY_free(pkey);
    if (good) {
        *out = key;
    }
    return good;
}

bool key_read(struct key *out, const char *alg, const char *base64)
{
    struct bytes der = {0};
    if (alg == NULL || base64 == NULL || base64_decode(&der, base64, strlen(base64)) != STATUS_OK) {
        return false;
    }
    bool good = key_make(out, alg, der.data, der.len);
    bytes_free(&der);
    return good;
}

static bool s_is_low(const BIGNUM *s, const char *half_order)
{
    BIGNUM *half = NULL;
    bool low = BN_hex2bn(&half, half_order) != 0 && BN_cmp(s, half) <= 0;
    BN_free(half);
    return low;
}

/* r||s to the DER that EVP wants. Out: *out is OPENSSL_free'd by the caller; its length, or 0 when refused. */
static int to_der(unsigned char **out, const uint8_t signature64[64], const char *half_order)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature64, 32, NULL);
    BIGNUM *s = BN_bin2bn(signature64 + 32, 32, NULL);
    int len = 0;
    if (signature != NULL && r != NULL && s != NULL && s_is_low(s, half_order) &&
        ECDSA_SIG_set0(signature, r, s) == 1) {
        r = NULL; /* transferred */
        s = NULL; /* transferred */
        len = i2d_ECDSA_SIG(signature, out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(signature);
    return len > 0 ? len : 0;
}

bool key_verifies(const struct key *key, const uint8_t signature64[64], const void *message, size_t len)
{
    size_t row = find(key->alg);
    INVARIANT(row < ALGORITHMS);
    const char *half_order = algorithms[row].half_order;
    unsigned char *der = NULL;
    const unsigned char *bytes = signature64;
    size_t bytes_len = 64;
    if (half_order != NULL) {
        bytes_len = (size_t)to_der(&der, signature64, half_order);
        bytes = der;
    }
    EVP_PKEY *pkey = load(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = bytes_len > 0 && pkey != NULL && context != NULL &&
                EVP_DigestVerifyInit(context, NULL, half_order == NULL ? NULL : EVP_sha256(), NULL, pkey) == 1 &&
                EVP_DigestVerify(context, bytes, bytes_len, message, len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    OPENSSL_free(der);
    return good;
}
