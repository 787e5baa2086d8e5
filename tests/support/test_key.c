/*
 * Signing keys in software, by OpenSSL's EVP interface. The keys are as good as any, but they lie in ordinary memory:
 * that is why they are for tests. Low s is made here with OpenSSL's numbers and not with the base room, so that a
 * mistake there does not hide itself.
 */
#include "test/test_key.h"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct test_key {
    EVP_PKEY *pair;
    struct public_key public_key;
};

#define NEED(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "test_key: failed: %s (line %d)\n", #condition, __LINE__);                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static int curve_nid(enum algorithm algorithm)
{
    return algorithm == ALGORITHM_P256 ? NID_X9_62_prime256v1 : NID_secp256k1;
}

static EVP_PKEY *generate(enum algorithm algorithm)
{
    switch (algorithm) {
    case ALGORITHM_P256:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "prime256v1");
    case ALGORITHM_SECP256K1:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
    case ALGORITHM_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

struct test_key *test_key_new(enum algorithm algorithm)
{
    struct test_key *key = calloc(1, sizeof *key);
    NEED(key != NULL);
    key->pair = generate(algorithm);
    NEED(key->pair != NULL);
    uint8_t *spki = NULL;
    int len = i2d_PUBKEY(key->pair, &spki);
    NEED(len > 0);
    struct fault fault = {0};
    enum status status = public_key_parse(&key->public_key, algorithm, spki, (size_t)len, &fault);
    NEED(status == STATUS_OK);
    OPENSSL_free(spki);
    return key;
}

void test_key_free(struct test_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pair);
        free(key);
    }
}

const struct public_key *test_key_public(const struct test_key *key)
{
    return &key->public_key;
}

/* Leaves s as it is when it lies in the wanted half already, otherwise replaces it by n - s. */
static void choose_half(uint8_t sig64[SIGNATURE_LEN], enum algorithm algorithm, bool upper)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(curve_nid(algorithm));
    BIGNUM *s = BN_bin2bn(sig64 + 32, 32, NULL);
    BIGNUM *half = BN_new();
    NEED(group != NULL && s != NULL && half != NULL);
    const BIGNUM *order = EC_GROUP_get0_order(group);
    NEED(BN_rshift1(half, order));
    bool is_upper = BN_cmp(s, half) > 0;
    if (is_upper != upper) {
        NEED(BN_sub(s, order, s));
        NEED(BN_bn2binpad(s, sig64 + 32, 32) == 32);
    }
    BN_free(half);
    BN_free(s);
    EC_GROUP_free(group);
}

static void ecdsa_from_der(uint8_t out64[SIGNATURE_LEN], const uint8_t *der, size_t len)
{
    const uint8_t *position = der;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &position, (long)len);
    NEED(parsed != NULL);
    NEED(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), out64, 32) == 32);
    NEED(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), out64 + 32, 32) == 32);
    ECDSA_SIG_free(parsed);
}

void test_key_sign_message(uint8_t out64[SIGNATURE_LEN], const struct test_key *key, const void *message, size_t len)
{
    enum algorithm algorithm = key->public_key.algorithm;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t raw[160];
    size_t raw_len = sizeof raw;
    NEED(context != NULL);
    const EVP_MD *hash = algorithm == ALGORITHM_ED25519 ? NULL : EVP_sha256();
    NEED(EVP_DigestSignInit(context, NULL, hash, NULL, key->pair) == 1);
    NEED(EVP_DigestSign(context, raw, &raw_len, message, len) == 1);
    EVP_MD_CTX_free(context);
    if (algorithm == ALGORITHM_ED25519) {
        NEED(raw_len == SIGNATURE_LEN);
        memcpy(out64, raw, SIGNATURE_LEN);
        return;
    }
    ecdsa_from_der(out64, raw, raw_len);
    choose_half(out64, algorithm, false);
}

void test_key_sign(struct signature *out, const struct test_key *key, const char *kind, const void *document,
                   size_t len)
{
    struct bytes message = {0};
    NEED(document_message(&message, kind, document, len) == STATUS_OK);
    out->algorithm = key->public_key.algorithm;
    public_key_id(&out->key_id, &key->public_key);
    test_key_sign_message(out->bytes64, key, message.data, message.len);
    bytes_free(&message);
}

void test_key_make_high_s(uint8_t sig64[SIGNATURE_LEN], enum algorithm algorithm)
{
    NEED(algorithm != ALGORITHM_ED25519);
    choose_half(sig64, algorithm, true);
}

void test_key_sign_document(struct signed_document *document, const char *kind, const struct test_key *key)
{
    struct signature signature;
    test_key_sign(&signature, key, kind, document->document.data, document->document.len);
    NEED(signed_document_add(document, &signature) == STATUS_OK);
}

void test_key_write_pem(const struct test_key *key, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    NEED(fd >= 0);
    FILE *file = fdopen(fd, "w");
    NEED(file != NULL);
    NEED(PEM_write_PKCS8PrivateKey(file, key->pair, NULL, NULL, 0, NULL, NULL) == 1);
    NEED(fclose(file) == 0);
}
