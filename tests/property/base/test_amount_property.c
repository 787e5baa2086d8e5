/*
 * Amounts against OpenSSL's big integers: every operation agrees with arithmetic that has no upper end, and says so
 * when the true result leaves the range.
 */
#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>

#include "base/amount.h"
#include "random.h"

#define ROUNDS 20000

TestSuite(amount_property, .init = random_open);

/* Of every size, and often close to an edge, where mistakes live. */
static struct amount random_amount(void)
{
    /* Raw: the test builds amounts bit by bit. */
    amount_raw raw = (amount_raw)random_u64() << 64 | random_u64();
    raw >>= random_below(128);
    switch (random_below(6)) {
    case 0:
        return (struct amount){.raw = ~(amount_raw)0 - random_below(3)};
    case 1:
        return (struct amount){.raw = ((amount_raw)1 << random_below(128)) - random_below(2)};
    case 2:
        return (struct amount){.raw = ~raw};
    default:
        return (struct amount){.raw = raw};
    }
}

static BIGNUM *oracle(struct amount amount)
{
    uint8_t bytes[16];
    for (int i = 0; i < 16; i++) {
        bytes[i] = (uint8_t)(amount.raw >> (120 - 8 * i)); /* Raw: handed to the oracle without our own text form */
    }
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    cr_assert_not_null(number);
    return number;
}

static void assert_same(struct amount amount, const BIGNUM *number)
{
    BIGNUM *own = oracle(amount);
    cr_assert_eq(BN_cmp(own, number), 0);
    BN_free(own);
}

Test(amount_property, addition)
{
    for (int i = 0; i < ROUNDS; i++) {
        const struct amount a = random_amount();
        const struct amount b = random_amount();
        BIGNUM *sum = oracle(a);
        BIGNUM *other = oracle(b);
        cr_assert_eq(BN_add(sum, sum, other), 1);
        struct amount out = {0};
        if (BN_num_bits(sum) > 128) {
            cr_assert_eq(amount_add(&out, a, b), STATUS_OVERFLOW);
        } else {
            cr_assert_eq(amount_add(&out, a, b), STATUS_OK);
            assert_same(out, sum);
        }
        BN_free(sum);
        BN_free(other);
    }
}

Test(amount_property, subtraction_and_comparison)
{
    for (int i = 0; i < ROUNDS; i++) {
        const struct amount a = random_amount();
        const struct amount b = random_amount();
        BIGNUM *difference = oracle(a);
        BIGNUM *other = oracle(b);
        int order = BN_cmp(difference, other);
        cr_assert_eq((amount_compare(a, b) > 0) - (amount_compare(a, b) < 0), order);
        cr_assert_eq(BN_sub(difference, difference, other), 1);
        struct amount out = {0};
        if (BN_is_negative(difference)) {
            cr_assert_eq(amount_subtract(&out, a, b), STATUS_OVERFLOW);
        } else {
            cr_assert_eq(amount_subtract(&out, a, b), STATUS_OK);
            assert_same(out, difference);
        }
        BN_free(difference);
        BN_free(other);
    }
}

Test(amount_property, text_form)
{
    for (int i = 0; i < ROUNDS; i++) {
        const struct amount amount = random_amount();
        BIGNUM *number = oracle(amount);
        char *expected = BN_bn2dec(number);
        char text[AMOUNT_TEXT_SIZE];
        amount_format(text, amount);
        cr_assert_str_eq(text, expected);
        struct amount back;
        cr_assert_eq(amount_parse(&back, text), STATUS_OK);
        cr_assert_eq(amount_compare(amount, back), 0);
        OPENSSL_free(expected);
        BN_free(number);
    }
}

/* Decimal strings of any length: accepted exactly when the number has at most 128 bits. */
Test(amount_property, texts_of_any_length)
{
    for (int i = 0; i < ROUNDS; i++) {
        char text[64];
        size_t len = 1 + random_below(44);
        for (size_t k = 0; k < len; k++) {
            text[k] = (char)('0' + random_below(10));
        }
        text[0] = (char)('1' + random_below(9));
        text[len] = '\0';
        BIGNUM *number = NULL;
        cr_assert_eq(BN_dec2bn(&number, text), (int)len);
        struct amount out;
        if (BN_num_bits(number) > 128) {
            cr_assert_eq(amount_parse(&out, text), STATUS_OVERFLOW, "%s", text);
        } else {
            cr_assert_eq(amount_parse(&out, text), STATUS_OK, "%s", text);
            assert_same(out, number);
        }
        BN_free(number);
    }
}

/* The form in units, read digit by digit without its point, is the amount again. */
Test(amount_property, units_lose_nothing)
{
    for (int i = 0; i < ROUNDS; i++) {
        const struct amount amount = random_amount();
        const unsigned decimals = (unsigned)random_below(39);
        char text[48];
        amount_format_units(text, amount, decimals);
        char digits[96] = {0};
        size_t len = strcspn(text, ".");
        memcpy(digits, text, len);
        size_t fraction = text[len] == '.' ? strlen(text + len + 1) : 0;
        memcpy(digits + len, text + len + 1, fraction);
        memset(digits + len + fraction, '0', decimals - fraction);
        BIGNUM *read = NULL;
        cr_assert_gt(BN_dec2bn(&read, digits), 0);
        assert_same(amount, read);
        cr_assert(fraction == 0 || text[strlen(text) - 1] != '0', "%s", text);
        BN_free(read);
    }
}
