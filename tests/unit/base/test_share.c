/*
 * Secret sharing: what is made, what is refused, and that wrong, missing and changed shares are seen. libgfshare, which
 * we do not use otherwise, is the oracle: its shares are joined by us and ours by it. See
 * docs/decisions/0006-secret-sharing.md.
 */
#include "base/share.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <libgfshare.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <string.h>
#include <sys/random.h>

static void open_heap(void)
{
    cr_assert_eq(secret_heap_open(NULL), STATUS_OK);
}

TestSuite(share, .init = open_heap);

static struct secret secret_of(const void *data, size_t len)
{
    struct secret secret = {0};
    cr_assert_eq(secret_new(&secret, len), STATUS_OK);
    memcpy(secret.data, data, len);
    return secret;
}

static struct secret text_secret(const char *text)
{
    return secret_of(text, strlen(text));
}

static bool secret_is(const struct secret *secret, const char *text)
{
    return secret->len == strlen(text) && memcmp(secret->data, text, secret->len) == 0;
}

static void split(struct share *shares, struct digest *commitments, const char *text, unsigned k, unsigned n)
{
    struct secret secret = text_secret(text);
    cr_assert_eq(share_split(shares, &secret, k, n, NULL), STATUS_OK);
    for (unsigned i = 0; i < n; i++) {
        cr_assert_eq(shares[i].index, i + 1);
        share_commitment(&commitments[i], &shares[i].value);
    }
    secret_free(&secret);
}

static void drop(struct share *shares, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        share_free(&shares[i]);
        cr_assert_null(shares[i].value.data);
    }
}

static void expect_refused(const struct share *shares, size_t count, unsigned threshold,
                           const struct digest *commitments, enum status expected, const char *detail)
{
    struct fault fault = {0};
    struct secret out = {0};
    enum status status = share_join(&out, shares, count, threshold, commitments, &fault);
    cr_expect_eq(status, expected, "%s: %s", status_info(status)->code, fault.detail);
    cr_expect(strstr(fault.detail, detail) != NULL, "detail '%s'", fault.detail);
    cr_expect_null(out.data, "nothing is written");
}

Test(share, all_shares_lie_in_the_secure_heap)
{
    struct share shares[5];
    struct digest commitments[5];
    split(shares, commitments, "a key-encryption key, thirty-two", 3, 5);
    struct secret joined = {0};
    cr_assert_eq(share_join(&joined, shares + 1, 3, 3, commitments + 1, NULL), STATUS_OK);
    cr_assert(secret_is(&joined, "a key-encryption key, thirty-two"));
    cr_assert(CRYPTO_secure_allocated(joined.data));
    for (int i = 0; i < 5; i++) {
        cr_assert(CRYPTO_secure_allocated(shares[i].value.data));
    }
    secret_free(&joined);
    drop(shares, 5);
    cr_assert_eq(CRYPTO_secure_used(), 0, "coefficients are freed, too");
}

Test(share, fewer_than_the_threshold_are_refused)
{
    struct share shares[3];
    struct digest commitments[3];
    split(shares, commitments, "secret", 3, 3);
    expect_refused(shares, 2, 3, commitments, STATUS_QUORUM_MISSING, "2 of 3");
    expect_refused(shares, 0, 3, commitments, STATUS_QUORUM_MISSING, "0 of 3");
    drop(shares, 3);
}

/* Whoever claims a lower threshold gets another secret; the check of the KEK shows it. */
Test(share, a_lower_threshold_gives_another_secret)
{
    struct share shares[3];
    struct digest commitments[3];
    const char *text = "a key-encryption key, thirty-two";
    split(shares, commitments, text, 3, 3);
    struct secret wrong = {0};
    cr_assert_eq(share_join(&wrong, shares, 2, 2, commitments, NULL), STATUS_OK);
    cr_assert_not(secret_is(&wrong, text));
    struct secret right = text_secret(text);
    struct digest check;
    struct digest other;
    share_kek_check(&check, &right);
    share_kek_check(&other, &wrong);
    cr_assert_not(digest_equal(&check, &other));
    secret_free(&wrong);
    secret_free(&right);
    drop(shares, 3);
}

Test(share, a_changed_share_is_named)
{
    struct share shares[4];
    struct digest commitments[4];
    split(shares, commitments, "secret", 2, 4);
    shares[2].value.data[5] ^= 1;
    expect_refused(shares, 4, 2, commitments, STATUS_MISMATCH, "share 3 ");
    expect_refused(shares + 1, 2, 2, commitments + 1, STATUS_MISMATCH, "share 3 ");
    struct fault fault = {0};
    cr_expect_eq(share_check(&shares[2], &commitments[2], &fault), STATUS_MISMATCH);
    cr_expect_str_eq(fault.detail, "share 3 is not its commitment");
    cr_expect_eq(share_check(&shares[3], &commitments[3], NULL), STATUS_OK);
    drop(shares, 4);
}

Test(share, numbers_out_of_range_are_refused)
{
    static const unsigned bad[][2] = {{0, 0}, {1, 1}, {1, 5}, {3, 2}, {2, 17}, {17, 17}, {0, 3}};
    struct secret secret = text_secret("secret");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct share shares[17] = {0};
        struct fault fault = {0};
        cr_expect_eq(share_split(shares, &secret, bad[i][0], bad[i][1], &fault), STATUS_INVALID);
        cr_expect_str_eq(fault.where, "threshold");
        cr_expect_null(shares[0].value.data);
    }
    secret_free(&secret);
    struct secret large = {0};
    cr_assert_eq(secret_new(&large, SHARE_SECRET_MAX + 1), STATUS_OK);
    struct share shares[2] = {0};
    cr_expect_eq(share_split(shares, &large, 2, 2, NULL), STATUS_INVALID);
    const struct secret empty = {.data = large.data, .len = 0};
    struct fault fault = {0};
    cr_expect_eq(share_split(shares, &empty, 2, 2, &fault), STATUS_INVALID);
    cr_expect_str_eq(fault.where, "secret");
    cr_expect_null(shares[0].value.data);
    secret_free(&large);
}

Test(share, indexes_and_lengths_that_cannot_be_are_refused)
{
    struct share shares[3];
    struct digest commitments[3];
    split(shares, commitments, "secret", 2, 3);
    shares[1].index = 1;
    expect_refused(shares, 3, 2, commitments, STATUS_INVALID, "index 1 ");
    shares[1].index = 0;
    expect_refused(shares, 3, 2, commitments, STATUS_INVALID, "index 0 ");
    shares[1].index = 17;
    expect_refused(shares, 3, 2, commitments, STATUS_INVALID, "index 17 ");
    shares[1].index = 2;
    expect_refused(shares, 3, 1, commitments, STATUS_INVALID, "1 of 3");
    expect_refused(shares, 17, 2, commitments, STATUS_INVALID, "2 of 17");
    shares[1].value.len--;
    expect_refused(shares, 3, 2, commitments, STATUS_INVALID, "share 2 ");
    shares[1].value.len++;
    drop(shares, 3);
}

/* The same secret twice: no share, and so no coefficient, is the same. */
Test(share, every_split_is_another)
{
    struct share first[2];
    struct share second[2];
    struct digest commitments[2];
    split(first, commitments, "sixteen letters.", 2, 2);
    split(second, commitments, "sixteen letters.", 2, 2);
    for (int i = 0; i < 2; i++) {
        cr_expect(memcmp(first[i].value.data, second[i].value.data, 16) != 0);
        cr_expect_not(secret_is(&first[i].value, "sixteen letters."));
    }
    drop(first, 2);
    drop(second, 2);
}

Test(share, without_randomness_nothing_is_made)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    cr_assert(filter != NULL);
    cr_assert_eq(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(getrandom), 0), 0);
    cr_assert_eq(seccomp_load(filter), 0);
    seccomp_release(filter);
    struct secret secret = text_secret("secret");
    struct share shares[3] = {0};
    struct fault fault = {0};
    cr_expect_eq(share_split(shares, &secret, 2, 3, &fault), STATUS_IO);
    cr_expect_str_eq(fault.where, "randomness");
    cr_expect_null(shares[0].value.data);
    struct secret block = {0};
    cr_expect_eq(share_pin_pack(&block, &secret, NULL), STATUS_IO);
    cr_expect_null(block.data);
    secret_free(&secret);
    cr_expect_eq(CRYPTO_secure_used(), 0);
}

Test(share, a_full_heap_is_an_answer)
{
    struct secret secret = text_secret("secret");
    struct secret hogs[128] = {0};
    size_t count = 0;
    while (count < 128 && secret_new(&hogs[count], SECRET_MAX) == STATUS_OK) {
        count++;
    }
    cr_assert_lt(count, 128);
    struct secret crumbs[4096] = {0};
    size_t crumb_count = 0;
    while (crumb_count < 4096 && secret_new(&crumbs[crumb_count], 64) == STATUS_OK) {
        crumb_count++;
    }
    secret_free(&crumbs[0]);
    secret_free(&crumbs[1]);
    struct share shares[16] = {0};
    cr_expect_eq(share_split(shares, &secret, 2, 16, NULL), STATUS_NO_MEMORY);
    cr_expect_null(shares[0].value.data);
    for (size_t i = 0; i < crumb_count; i++) {
        secret_free(&crumbs[i]);
    }
    for (size_t i = 0; i < count; i++) {
        secret_free(&hogs[i]);
    }
    secret_free(&secret);
    cr_expect_eq(CRYPTO_secure_used(), 0, "what was made before is freed");
}

Test(share, the_check_of_a_kek_is_the_one_of_the_formats)
{
    struct secret kek = {0};
    cr_assert_eq(secret_new(&kek, SHARE_KEK_LEN), STATUS_OK);
    static const char message[] = "strongroom/kek/v1\n"
                                  "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    struct digest expected;
    digest_sha256(&expected, message, sizeof(message));
    struct digest check;
    share_kek_check(&check, &kek);
    cr_assert(digest_equal(&check, &expected));
    secret_free(&kek);
}

Test(share, a_pin_survives_its_block_whatever_its_length)
{
    char text[SHARE_PIN_MAX + 2];
    memset(text, '7', sizeof(text));
    for (size_t len = 1; len <= SHARE_PIN_MAX; len++) {
        struct secret pin = secret_of(text, len);
        struct secret block = {0};
        struct secret back = {0};
        cr_assert_eq(share_pin_pack(&block, &pin, NULL), STATUS_OK);
        cr_assert_eq(block.len, SHARE_PIN_BLOCK_LEN);
        cr_assert_eq(share_pin_unpack(&back, &block, NULL), STATUS_OK);
        cr_assert_eq(back.len, len);
        cr_assert_eq(memcmp(back.data, text, len), 0);
        secret_free(&pin);
        secret_free(&block);
        secret_free(&back);
    }
    struct secret none = {.data = (uint8_t *)text, .len = 0};
    struct secret block = {0};
    cr_expect_eq(share_pin_pack(&block, &none, NULL), STATUS_INVALID);
    none.len = SHARE_PIN_MAX + 1;
    cr_expect_eq(share_pin_pack(&block, &none, NULL), STATUS_INVALID);
    cr_expect_geq(SHARE_PIN_BLOCK_LEN - 1 - SHARE_PIN_MAX, 16, "few enough random bytes to be guessed");
}

Test(share, what_is_no_block_of_a_pin_is_refused)
{
    struct secret block = {0};
    struct secret pin = {0};
    cr_assert_eq(secret_new(&block, SHARE_PIN_BLOCK_LEN), STATUS_OK);
    cr_expect_eq(share_pin_unpack(&pin, &block, NULL), STATUS_CORRUPT, "length 0");
    block.data[0] = SHARE_PIN_BLOCK_LEN;
    cr_expect_eq(share_pin_unpack(&pin, &block, NULL), STATUS_CORRUPT, "longer than the block");
    block.data[0] = 4;
    block.len--;
    cr_expect_eq(share_pin_unpack(&pin, &block, NULL), STATUS_CORRUPT, "63 bytes");
    block.len++;
    secret_free(&block);
}

/* libgfshare, both ways */

static void fill_for_gfshare(unsigned char *out, unsigned int len)
{
    cr_assert_eq(getrandom(out, len, 0), (ssize_t)len);
}

Test(share, the_oracle_joins_ours)
{
    static const char text[] = "our shares, its interpolation";
    for (unsigned k = 2; k <= SHARE_COUNT_MAX; k++) {
        struct share shares[SHARE_COUNT_MAX];
        struct digest commitments[SHARE_COUNT_MAX];
        split(shares, commitments, text, k, SHARE_COUNT_MAX);
        unsigned char indexes[SHARE_COUNT_MAX];
        for (unsigned i = 0; i < k; i++) {
            indexes[i] = (unsigned char)shares[SHARE_COUNT_MAX - k + i].index;
        }
        gfshare_fill_rand = fill_for_gfshare;
        gfshare_ctx *oracle = gfshare_ctx_init_dec(indexes, k, sizeof(text) - 1);
        for (unsigned i = 0; i < k; i++) {
            gfshare_ctx_dec_giveshare(oracle, (unsigned char)i, shares[SHARE_COUNT_MAX - k + i].value.data);
        }
        unsigned char joined[sizeof(text) - 1];
        gfshare_ctx_dec_extract(oracle, joined);
        gfshare_ctx_free(oracle);
        cr_expect_eq(memcmp(joined, text, sizeof(joined)), 0, "k = %u", k);
        drop(shares, SHARE_COUNT_MAX);
    }
}

Test(share, we_join_those_of_the_oracle)
{
    unsigned char secret[32];
    unsigned char indexes[SHARE_COUNT_MAX];
    for (unsigned i = 0; i < SHARE_COUNT_MAX; i++) {
        indexes[i] = (unsigned char)(i + 1);
    }
    gfshare_fill_rand = fill_for_gfshare;
    for (unsigned k = 2; k <= SHARE_COUNT_MAX; k++) {
        fill_for_gfshare(secret, sizeof(secret));
        gfshare_ctx *oracle = gfshare_ctx_init_enc(indexes, SHARE_COUNT_MAX, (unsigned char)k, sizeof(secret));
        gfshare_ctx_enc_setsecret(oracle, secret);
        struct share shares[SHARE_COUNT_MAX];
        struct digest commitments[SHARE_COUNT_MAX];
        for (unsigned i = 0; i < SHARE_COUNT_MAX; i++) {
            shares[i].index = i + 1;
            cr_assert_eq(secret_new(&shares[i].value, sizeof(secret)), STATUS_OK);
            gfshare_ctx_enc_getshare(oracle, (unsigned char)i, shares[i].value.data);
            share_commitment(&commitments[i], &shares[i].value);
        }
        gfshare_ctx_free(oracle);
        struct secret joined = {0};
        cr_assert_eq(share_join(&joined, shares, k, k, commitments, NULL), STATUS_OK);
        cr_expect_eq(memcmp(joined.data, secret, sizeof(secret)), 0, "k = %u", k);
        secret_free(&joined);
        drop(shares, SHARE_COUNT_MAX);
    }
}
