/*
 * Keys whose nonces are bad give themselves away, each kind of badness by itself; good nonces do not. The signatures
 * are made here, because no library signs badly when asked to; s is normalised as the signer does it.
 */
#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "nonce_scan.h"

#define SIGNATURES_MAX 70

/* A nonce: `low` random bits above `shift` zero or shared ones, below what is shared at the top. */
struct habit {
    int random_bits;
    int at;           /* where they stand */
    bool shares_rest; /* the other bits are the same in all, else zero */
};

static struct key key;
static BIGNUM *secret;
static BIGNUM *order;
static BIGNUM *rest;
static EC_GROUP *group;
static BN_CTX *context;
static struct nonce_signature signatures[SIGNATURES_MAX];

static void make_key(const char *alg)
{
    bool is_p256 = strcmp(alg, "p256") == 0;
    unsigned char *der = NULL;
    context = BN_CTX_new();
    group = EC_GROUP_new_by_curve_name(is_p256 ? NID_X9_62_prime256v1 : NID_secp256k1);
    order = BN_new();
    secret = BN_new();
    rest = BN_new();
    cr_assert(EC_GROUP_get_order(group, order, NULL) == 1);
    EVP_PKEY *pkey = EVP_EC_gen(is_p256 ? "P-256" : "secp256k1");
    cr_assert(EVP_PKEY_get_bn_param(pkey, "priv", &secret) == 1);
    int len = i2d_PUBKEY(pkey, &der);
    cr_assert(key_make(&key, alg, der, (size_t)len));
    OPENSSL_free(der);
    EVP_PKEY_free(pkey);
    cr_assert(BN_rand(rest, 255, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1);
}

static void free_key(void)
{
    BN_free(order);
    BN_free(secret);
    BN_free(rest);
    EC_GROUP_free(group);
    BN_CTX_free(context);
}

static void draw_nonce(BIGNUM *out, const struct habit *habit)
{
    BIGNUM *shared = BN_new();
    cr_assert(BN_rand(out, habit->random_bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1);
    cr_assert(BN_lshift(out, out, habit->at) == 1);
    if (habit->shares_rest) { /* the bits of `rest` outside */
        BIGNUM *inside = BN_new();
        cr_assert(BN_rshift(inside, rest, habit->at) == 1);
        if (BN_num_bits(inside) > habit->random_bits) {
            cr_assert(BN_mask_bits(inside, habit->random_bits) == 1);
        }
        cr_assert(BN_lshift(inside, inside, habit->at) == 1 && BN_sub(shared, rest, inside) == 1);
        cr_assert(BN_add(out, out, shared) == 1);
        BN_free(inside);
    }
    cr_assert(BN_nnmod(out, out, order, context) == 1);
    BN_free(shared);
}

static void sign(struct nonce_signature *out, const struct habit *habit, size_t number)
{
    BIGNUM *k = BN_new();
    BIGNUM *s = BN_new();
    BIGNUM *r = BN_new();
    BIGNUM *h = BN_new();
    EC_POINT *point = EC_POINT_new(group);
    digest_sha256(&out->message, &number, sizeof(number));
    draw_nonce(k, habit);
    cr_assert(BN_bin2bn(out->message.bytes32, 32, h) != NULL);
    cr_assert(EC_POINT_mul(group, point, k, NULL, NULL, context) == 1);
    cr_assert(EC_POINT_get_affine_coordinates(group, point, r, NULL, context) == 1);
    cr_assert(BN_nnmod(r, r, order, context) == 1 && BN_mod_mul(s, r, secret, order, context) == 1);
    cr_assert(BN_mod_add(s, s, h, order, context) == 1 && BN_mod_inverse(k, k, order, context) != NULL);
    cr_assert(BN_mod_mul(s, s, k, order, context) == 1);
    cr_assert(BN_lshift1(h, s) == 1);
    if (BN_cmp(h, order) > 0) {
        cr_assert(BN_sub(s, order, s) == 1);
    }
    cr_assert(BN_bn2binpad(r, out->r32, 32) == 32 && BN_bn2binpad(s, out->s32, 32) == 32);
    BN_free(k);
    BN_free(s);
    BN_free(r);
    BN_free(h);
    EC_POINT_free(point);
}

static const struct habit good = {256, 0, false};

/* `bad` signatures of a habit after `before` good ones, and what is found. */
static struct nonce_finding scan_of(const char *alg, const struct habit *habit, size_t before, size_t bad)
{
    struct nonce_finding finding = {.flaw = (enum nonce_flaw) - 1};
    make_key(alg);
    for (size_t i = 0; i < before + bad; i++) {
        sign(&signatures[i], i < before ? &good : habit, i);
        uint8_t both64[64];
        memcpy(both64, signatures[i].r32, 32);
        memcpy(both64 + 32, signatures[i].s32, 32);
        cr_assert(key_verifies(&key, both64, &i, sizeof(i)), "the test signs");
    }
    cr_expect(nonce_scan(&finding, &key, signatures, before + bad));
    free_key();
    return finding;
}

Test(nonce_scan, good_nonces_give_nothing_away, .timeout = 600)
{
    cr_expect(scan_of("p256", &good, 0, 66).flaw == NONCE_FLAW_NONE);
    cr_expect(scan_of("secp256k1", &good, 0, 9).flaw == NONCE_FLAW_NONE);
    for (size_t i = 0; i < 4; i++) {
        cr_expect(scan_of("p256", &good, 0, i).flaw == NONCE_FLAW_NONE);
    }
}

/* What the text of nonce_scan_reach promises, in the middle of good ones. */
Test(nonce_scan, bad_nonces_give_the_key_away, .timeout = 600)
{
    static const struct {
        const char *what;
        struct habit habit;
        size_t before, bad;
        enum nonce_flaw flaw;
    } rows[] = {
        {"128 bits", {128, 0, false}, 5, 3, NONCE_FLAW_SHORT},
        {"92 zero bits at the top", {164, 0, false}, 4, 3, NONCE_FLAW_SHORT},
        {"92 zero bits at the bottom", {164, 92, false}, 4, 3, NONCE_FLAW_EVEN},
        {"38 at the top", {218, 0, false}, 4, 8, NONCE_FLAW_SHORT},
        {"38 at the bottom", {218, 38, false}, 8, 8, NONCE_FLAW_EVEN},
        {"20 at the top", {236, 0, false}, 0, 16, NONCE_FLAW_SHORT},
        {"20 at the bottom", {236, 20, false}, 8, 16, NONCE_FLAW_EVEN},
        {"11 at the top", {245, 0, false}, 0, 32, NONCE_FLAW_SHORT},
        {"11 at the bottom", {245, 11, false}, 0, 32, NONCE_FLAW_EVEN},
        {"8 at the top", {248, 0, false}, 0, 64, NONCE_FLAW_SHORT},
        {"8 at the bottom", {248, 8, false}, 0, 64, NONCE_FLAW_EVEN},
        {"92 the same at the top", {164, 0, true}, 2, 4, NONCE_FLAW_PREFIX},
        {"92 the same at the bottom", {164, 92, true}, 2, 4, NONCE_FLAW_SUFFIX},
        {"42 the same at the top", {214, 0, true}, 0, 8, NONCE_FLAW_PREFIX},
        {"42 the same at the bottom", {214, 42, true}, 0, 8, NONCE_FLAW_SUFFIX},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct nonce_finding finding =
            scan_of(i % 2 == 0 ? "p256" : "secp256k1", &rows[i].habit, rows[i].before, rows[i].bad);
        cr_expect(finding.flaw == rows[i].flaw, "%s: found %d", rows[i].what, finding.flaw);
        cr_expect(finding.first >= rows[i].before, "%s: at %zu", rows[i].what, finding.first);
    }
}
