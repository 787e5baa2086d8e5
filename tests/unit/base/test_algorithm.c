/*
 * Public keys and signatures against published vectors: RFC 8032 section 7.1 (Ed25519), RFC 6979 appendix A.2.5 (P-256
 * with SHA-256), the deterministic secp256k1 vectors that Bitcoin implementations share (private key 1), and the SEC 2
 * generator points. The encodings of small order follow from the curve equation (doubling thrice gives the identity).
 */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "base/algorithm.h"
#include "test/test_key.h"

#define P256_POINT                                                                                                     \
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"                                               \
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
#define SECP256K1_POINT                                                                                                \
    "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"                                               \
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
#define ED25519_POINT "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static const enum algorithm algorithms[] = {ALGORITHM_P256, ALGORITHM_ED25519, ALGORITHM_SECP256K1};

static const struct {
    enum algorithm algorithm;
    const char *point;
    const char *message;
    size_t len;
    const char *signature;
    bool high; /* the published s lies in the upper half */
} vectors[] = {
    {ALGORITHM_P256, P256_POINT, "sample", 6,
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
     true},
    {ALGORITHM_P256, P256_POINT, "test", 4,
     "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
     "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
     false},
    {ALGORITHM_ED25519, ED25519_POINT, "", 0,
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
     "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
     false},
    {ALGORITHM_ED25519, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72", 1,
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
     false},
    {ALGORITHM_ED25519, "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82", 2,
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
     "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
     false},
    {ALGORITHM_SECP256K1, SECP256K1_POINT, "Satoshi Nakamoto", 16,
     "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
     "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
     false},
    {ALGORITHM_SECP256K1, SECP256K1_POINT, "All those moments will be lost in time, like tears in rain. Time to die...",
     74,
     "8600dbd41e348fe5c9465ab92d23e3db8b98b873beecd930736488696438cb6b"
     "547fe64427496db33bf66019dacbf0039c04199abb0122918601db38a72cfc21",
     false},
};

#define VECTOR_COUNT (sizeof(vectors) / sizeof(vectors[0]))

static void decode(uint8_t *out, const char *hex)
{
    cr_assert_eq(hex_decode(out, strlen(hex) / 2, hex), STATUS_OK);
}

static struct public_key key_of(enum algorithm algorithm, const char *point_hex)
{
    uint8_t point[POINT_MAX];
    decode(point, point_hex);
    struct public_key key;
    struct fault fault = {0};
    cr_assert_eq(public_key_from_point(&key, algorithm, point, strlen(point_hex) / 2, &fault), STATUS_OK, "%s",
                 fault.detail);
    return key;
}

static const char *point_of(enum algorithm algorithm)
{
    switch (algorithm) {
    case ALGORITHM_P256:
        return P256_POINT;
    case ALGORITHM_ED25519:
        return ED25519_POINT;
    case ALGORITHM_SECP256K1:
        return SECP256K1_POINT;
    }
    return NULL;
}

Test(algorithm, the_register_is_found_by_number_and_name)
{
    for (size_t i = 0; i < 3; i++) {
        const struct algorithm_info *info = algorithm_info(algorithms[i]);
        cr_assert_not_null(info);
        cr_assert_eq(algorithm_find(info->name), info);
        cr_assert_leq(info->spki_prefix_len + info->point_len, PUBLIC_KEY_MAX);
    }
    cr_assert_null(algorithm_info((enum algorithm)0));
    cr_assert_null(algorithm_info((enum algorithm)4));
    cr_assert_null(algorithm_find("P256"));
    cr_assert_null(algorithm_find("rsa"));
    cr_assert_null(algorithm_find(""));
}

Test(signature, published_vectors_verify)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        const struct public_key key = key_of(vectors[i].algorithm, vectors[i].point);
        uint8_t signature[SIGNATURE_LEN];
        decode(signature, vectors[i].signature);
        struct fault fault = {0};
        if (vectors[i].high) {
            cr_assert_eq(signature_verify(&key, signature, vectors[i].message, vectors[i].len, &fault),
                         STATUS_SIGNATURE_INVALID);
            cr_assert_not_null(strstr(fault.detail, "upper half"), "%s", fault.detail);
            fault_clear(&fault);
        }
        cr_assert_eq(signature_normalize(signature, vectors[i].algorithm), STATUS_OK);
        cr_assert_eq(signature_verify(&key, signature, vectors[i].message, vectors[i].len, &fault), STATUS_OK,
                     "vector %zu: %s", i, fault.detail);
    }
}

Test(signature, any_changed_bit_is_refused)
{
    for (size_t i = 1; i < VECTOR_COUNT; i++) { /* the first has a high s, which is refused anyway */
        const struct public_key key = key_of(vectors[i].algorithm, vectors[i].point);
        for (size_t bit = 0; bit < SIGNATURE_LEN * 8; bit += 13) {
            uint8_t signature[SIGNATURE_LEN];
            decode(signature, vectors[i].signature);
            signature[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            cr_assert_eq(signature_verify(&key, signature, vectors[i].message, vectors[i].len, NULL),
                         STATUS_SIGNATURE_INVALID, "vector %zu bit %zu", i, bit);
        }
    }
}

Test(signature, another_message_or_key_is_refused)
{
    for (size_t i = 0; i < 3; i++) {
        struct test_key *key = test_key_new(algorithms[i]);
        struct test_key *other = test_key_new(algorithms[i]);
        uint8_t signature[SIGNATURE_LEN];
        test_key_sign_message(signature, key, "message", 7);
        cr_assert_eq(signature_verify(test_key_public(key), signature, "message", 7, NULL), STATUS_OK);
        cr_assert_eq(signature_verify(test_key_public(key), signature, "Message", 7, NULL), STATUS_SIGNATURE_INVALID);
        cr_assert_eq(signature_verify(test_key_public(key), signature, "message", 6, NULL), STATUS_SIGNATURE_INVALID);
        cr_assert_eq(signature_verify(test_key_public(other), signature, "message", 7, NULL), STATUS_SIGNATURE_INVALID);
        test_key_free(key);
        test_key_free(other);
    }
}

Test(signature, the_other_s_is_refused_and_normalised_back)
{
    static const enum algorithm ecdsa[] = {ALGORITHM_P256, ALGORITHM_SECP256K1};
    for (size_t i = 0; i < 40; i++) {
        struct test_key *key = test_key_new(ecdsa[i % 2]);
        uint8_t signature[SIGNATURE_LEN];
        uint8_t changed[SIGNATURE_LEN];
        test_key_sign_message(signature, key, "message", 7);
        memcpy(changed, signature, SIGNATURE_LEN);
        test_key_make_high_s(changed, ecdsa[i % 2]);
        cr_assert_eq(signature_verify(test_key_public(key), changed, "message", 7, NULL), STATUS_SIGNATURE_INVALID);
        cr_assert_eq(signature_normalize(changed, ecdsa[i % 2]), STATUS_OK);
        cr_assert_arr_eq(changed, signature, SIGNATURE_LEN);
        test_key_free(key);
    }
}

/* Group orders (SEC 2, FIPS 186-5), big-endian; Ed25519's little-endian. */
#define ORDER_P256 "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
#define ORDER_SECP256K1 "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
#define ZERO "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define ALL_ONES "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static void assert_range_refused(enum algorithm algorithm, const char *signature_hex)
{
    const struct public_key key = key_of(algorithm, point_of(algorithm));
    uint8_t signature[SIGNATURE_LEN];
    decode(signature, signature_hex);
    struct fault fault = {0};
    cr_assert_eq(signature_verify(&key, signature, "m", 1, &fault), STATUS_SIGNATURE_INVALID);
    cr_assert_not_null(strstr(fault.detail, "group order"), "%s", fault.detail);
}

Test(signature, r_and_s_lie_between_zero_and_the_order)
{
    static const char *const p256[] = {ZERO ONE, ONE ZERO, ZERO ZERO, ORDER_P256 ONE, ONE ORDER_P256, ALL_ONES ONE};
    static const char *const secp256k1[] = {ZERO ONE, ONE ZERO, ORDER_SECP256K1 ONE, ONE ORDER_SECP256K1, ONE ALL_ONES};
    for (size_t i = 0; i < sizeof(p256) / sizeof(p256[0]); i++) {
        assert_range_refused(ALGORITHM_P256, p256[i]);
    }
    for (size_t i = 0; i < sizeof(secp256k1) / sizeof(secp256k1[0]); i++) {
        assert_range_refused(ALGORITHM_SECP256K1, secp256k1[i]);
    }
    uint8_t zero_s[SIGNATURE_LEN] = {[31] = 1};
    cr_assert_eq(signature_normalize(zero_s, ALGORITHM_P256), STATUS_SIGNATURE_INVALID);
    cr_assert_eq(signature_normalize(zero_s, (enum algorithm)9), STATUS_ALGORITHM_REFUSED);
}

/* S + L is the same number modulo L: the classic second encoding of an Ed25519 signature. */
Test(signature, ed25519_with_a_second_encoding_of_s_is_refused)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    const struct public_key key = key_of(ALGORITHM_ED25519, ED25519_POINT);
    uint8_t signature[SIGNATURE_LEN];
    decode(signature, vectors[2].signature);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += signature[32 + i] + (unsigned)order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    struct fault fault = {0};
    cr_assert_eq(signature_verify(&key, signature, "", 0, &fault), STATUS_SIGNATURE_INVALID);
    cr_assert_not_null(strstr(fault.detail, "group order"), "%s", fault.detail);
}

/*
 * The nonce 0: R is the identity, S is H(R, A, message) times the private key of RFC 8032's first vector, so the
 * equation holds and anybody can read the private key off it. The control: OpenSSL, which knows no such rule, calls it
 * valid.
 */
Test(signature, ed25519_with_r_of_small_order_is_refused)
{
    static const char message[] = "nonce zero";
    const struct public_key key = key_of(ALGORITHM_ED25519, ED25519_POINT);
    uint8_t signature[SIGNATURE_LEN];
    uint8_t point[POINT_MAX];
    decode(signature, "0100000000000000000000000000000000000000000000000000000000000000"
                      "0cbe8f9caf08bce3853d3ba433c76b6be0dec1446768657749a512a4a818270a");
    decode(point, ED25519_POINT);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    cr_assert_eq(EVP_DigestVerifyInit(context, NULL, NULL, NULL, other), 1);
    cr_assert_eq(EVP_DigestVerify(context, signature, SIGNATURE_LEN, (const unsigned char *)message, strlen(message)),
                 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(other);
    struct fault fault = {0};
    cr_assert_eq(signature_verify(&key, signature, message, strlen(message), &fault), STATUS_SIGNATURE_INVALID);
    cr_assert_not_null(strstr(fault.detail, "small order"), "%s", fault.detail);
}

Test(public_key, der_and_point_are_two_views_of_one_key)
{
    for (size_t i = 0; i < 3; i++) {
        const struct public_key key = key_of(algorithms[i], point_of(algorithms[i]));
        struct public_key parsed;
        cr_assert_eq(public_key_parse(&parsed, algorithms[i], key.spki, key.spki_len, NULL), STATUS_OK);
        cr_assert(public_key_equal(&key, &parsed));
        size_t len = 0;
        const uint8_t *point = public_key_point(&parsed, &len);
        char hex[2 * POINT_MAX + 1];
        hex_encode(hex, point, len);
        cr_assert_str_eq(hex, point_of(algorithms[i]));
        struct digest id;
        struct digest expected;
        public_key_id(&id, &key);
        digest_sha256(&expected, key.spki, key.spki_len);
        cr_assert(digest_equal(&id, &expected));
    }
}

/* RFC 8410, section 10.1: the example public key, as printed there in base64. */
Test(public_key, published_der_of_ed25519)
{
    uint8_t spki[44];
    cr_assert_eq(
        base64_decode_exact(spki, sizeof(spki), "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="),
        STATUS_OK);
    struct public_key key;
    cr_assert_eq(public_key_parse(&key, ALGORITHM_ED25519, spki, sizeof(spki), NULL), STATUS_OK);
}

Test(public_key, keys_made_by_openssl_are_read)
{
    for (size_t i = 0; i < 30; i++) {
        struct test_key *key = test_key_new(algorithms[i % 3]);
        const struct public_key *public = test_key_public(key);
        struct public_key parsed;
        cr_assert_eq(public_key_parse(&parsed, algorithms[i % 3], public->spki, public->spki_len, NULL), STATUS_OK);
        cr_assert(public_key_equal(public, &parsed));
        test_key_free(key);
    }
}

static enum status parse_point(enum algorithm algorithm, const char *hex)
{
    uint8_t point[POINT_MAX + 1] = {0};
    decode(point, hex);
    struct public_key key = {.algorithm = 77};
    enum status status = public_key_from_point(&key, algorithm, point, strlen(hex) / 2, NULL);
    cr_assert(status == STATUS_OK || (int)key.algorithm == 77, "nothing is written on failure");
    return status;
}

static const struct {
    enum algorithm algorithm;
    const char *point;
    const char *what;
} bad_points[] = {
    {ALGORITHM_P256, SECP256K1_POINT, "a point of the other curve"},
    {ALGORITHM_SECP256K1, P256_POINT, "a point of the other curve"},
    {ALGORITHM_P256, "04" ZERO ZERO, "zeros"},
    {ALGORITHM_SECP256K1, "04" ZERO ZERO, "zeros"},
    {ALGORITHM_P256, "04" ALL_ONES ALL_ONES, "coordinates beyond the field"},
    {ALGORITHM_SECP256K1, "04" ALL_ONES ALL_ONES, "coordinates beyond the field"},
    {ALGORITHM_P256, "00", "the identity"},
    {ALGORITHM_SECP256K1, "00", "the identity"},
    {ALGORITHM_P256, "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6", "compressed"},
    {ALGORITHM_SECP256K1, "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "compressed"},
    {ALGORITHM_P256,
     "0760fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
     "hybrid"},
    {ALGORITHM_SECP256K1,
     "0679be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
     "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
     "hybrid"},
    {ALGORITHM_P256, P256_POINT "00", "too long"},
    {ALGORITHM_ED25519, ED25519_POINT "00", "too long"},
    {ALGORITHM_ED25519, "d75a98", "too short"},
    {ALGORITHM_ED25519, "0200000000000000000000000000000000000000000000000000000000000000", "y = 2: off the curve"},
    {ALGORITHM_ED25519, "0700000000000000000000000000000000000000000000000000000000000000", "y = 7: off the curve"},
    /* the eight points of small order, with either sign */
    {ALGORITHM_ED25519, "0000000000000000000000000000000000000000000000000000000000000000", "order 4"},
    {ALGORITHM_ED25519, "0000000000000000000000000000000000000000000000000000000000000080", "order 4"},
    {ALGORITHM_ED25519, "0100000000000000000000000000000000000000000000000000000000000000", "order 1"},
    {ALGORITHM_ED25519, "0100000000000000000000000000000000000000000000000000000000000080", "order 1, wrong sign"},
    {ALGORITHM_ED25519, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "order 2"},
    {ALGORITHM_ED25519, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "order 2, wrong sign"},
    {ALGORITHM_ED25519, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "order 8"},
    {ALGORITHM_ED25519, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85", "order 8"},
    {ALGORITHM_ED25519, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "order 8"},
    {ALGORITHM_ED25519, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa", "order 8"},
    /* y not below the prime: a second spelling of 0, 1 and 3 */
    {ALGORITHM_ED25519, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p"},
    {ALGORITHM_ED25519, "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "y = p"},
    {ALGORITHM_ED25519, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 1"},
    {ALGORITHM_ED25519, "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "y = p + 1"},
    {ALGORITHM_ED25519, "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 3"},
};

Test(public_key, points_that_are_none_are_refused)
{
    for (size_t i = 0; i < sizeof(bad_points) / sizeof(bad_points[0]); i++) {
        cr_assert_eq(parse_point(bad_points[i].algorithm, bad_points[i].point), STATUS_INVALID, "%s: %s",
                     bad_points[i].what, bad_points[i].point);
    }
    cr_assert_eq(parse_point(ALGORITHM_ED25519, "0300000000000000000000000000000000000000000000000000000000000000"),
                 STATUS_OK, "y = 3 is on the curve");
    cr_assert_eq(parse_point((enum algorithm)9, ED25519_POINT), STATUS_ALGORITHM_REFUSED);
}

Test(public_key, der_has_one_form)
{
    for (size_t i = 0; i < 3; i++) {
        const struct public_key key = key_of(algorithms[i], point_of(algorithms[i]));
        const size_t prefix_len = algorithm_info(algorithms[i])->spki_prefix_len;
        struct public_key out;
        for (size_t byte = 0; byte < prefix_len; byte++) {
            uint8_t changed[PUBLIC_KEY_MAX];
            memcpy(changed, key.spki, key.spki_len);
            changed[byte] ^= 1;
            cr_assert_eq(public_key_parse(&out, algorithms[i], changed, key.spki_len, NULL), STATUS_INVALID);
        }
        uint8_t longer[PUBLIC_KEY_MAX + 1] = {0};
        memcpy(longer, key.spki, key.spki_len);
        cr_assert_eq(public_key_parse(&out, algorithms[i], longer, key.spki_len + 1, NULL), STATUS_INVALID);
        cr_assert_eq(public_key_parse(&out, algorithms[i], longer, key.spki_len - 1, NULL), STATUS_INVALID);
        cr_assert_eq(public_key_parse(&out, algorithms[i], longer, 0, NULL), STATUS_INVALID);
        cr_assert_eq(public_key_parse(&out, algorithms[(i + 1) % 3], key.spki, key.spki_len, NULL), STATUS_INVALID);
        cr_assert_eq(public_key_parse(&out, (enum algorithm)0, key.spki, key.spki_len, NULL), STATUS_ALGORITHM_REFUSED);
    }
}

/* More keys than are kept between verifications, from several threads: each verifies what is its own and nothing else.
 */

#define KEYS 200
#define MESSAGE "a message"

static struct test_key *many[KEYS];
static uint8_t many_signed[KEYS][SIGNATURE_LEN];

static void *verify_many(void *argument)
{
    size_t from = (size_t)(uintptr_t)argument;
    for (size_t i = 0; i < 2 * KEYS; i++) {
        const struct public_key *key = test_key_public(many[(from + i) % KEYS]);
        const uint8_t *own = many_signed[(from + i) % KEYS];
        const uint8_t *other = many_signed[(from + i + 1) % KEYS];
        cr_assert_eq(signature_verify(key, own, MESSAGE, strlen(MESSAGE), NULL), STATUS_OK);
        cr_assert_eq(signature_verify(key, own, MESSAGE, strlen(MESSAGE), NULL), STATUS_OK);
        cr_assert_eq(signature_verify(key, other, MESSAGE, strlen(MESSAGE), NULL), STATUS_SIGNATURE_INVALID);
    }
    return argument;
}

Test(signature, of_one_key_is_never_judged_by_another)
{
    pthread_t threads[4];
    for (size_t i = 0; i < KEYS; i++) {
        many[i] = test_key_new(ALGORITHM_P256);
        test_key_sign_message(many_signed[i], many[i], MESSAGE, strlen(MESSAGE));
    }
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, verify_many, (void *)(uintptr_t)(i * 50)), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < KEYS; i++) {
        test_key_free(many[i]);
    }
}
