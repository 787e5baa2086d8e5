/*
 * Amounts at the edges of their range. Arithmetic over the whole range is compared with big integers in
 * tests/property/base.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/amount.h"

#define GREATEST "340282366920938463463374607431768211455"
#define ONE_MORE "340282366920938463463374607431768211456"

static struct amount amount_of(const char *text)
{
    struct amount amount = {0};
    cr_assert_eq(amount_parse(&amount, text), STATUS_OK, "%s", text);
    return amount;
}

Test(amount, text_form_round_trips)
{
    static const char *const good[] = {"0", "1", "9", "10", "18446744073709551615", "18446744073709551616", GREATEST};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[AMOUNT_TEXT_SIZE];
        amount_format(text, amount_of(good[i]));
        cr_assert_str_eq(text, good[i]);
    }
}

Test(amount, other_shapes_are_refused)
{
    static const char *const bad[] = {
        "",    "-1",  "+1",  "01",  "00", " 1",  "1 ", "1e3",
        "1.0", "0x1", "1,0", "1\n", "٣",  "abc", "-0", "000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct amount out = amount_from_u64(77);
        cr_assert_eq(amount_parse(&out, bad[i]), STATUS_INVALID, "%s", bad[i]);
        cr_assert_eq(amount_compare(out, amount_from_u64(77)), 0);
    }
}

Test(amount, the_range_ends_at_2_to_the_128)
{
    struct amount out = amount_from_u64(77);
    cr_assert_eq(amount_parse(&out, ONE_MORE), STATUS_OVERFLOW);
    cr_assert_eq(amount_parse(&out, "999999999999999999999999999999999999999"), STATUS_OVERFLOW);
    cr_assert_eq(amount_parse(&out, "10000000000000000000000000000000000000000000000000"), STATUS_OVERFLOW);
    cr_assert_eq(amount_compare(out, amount_from_u64(77)), 0);
}

Test(amount, addition_and_subtraction_stop_at_the_ends)
{
    struct amount out = amount_from_u64(77);
    const struct amount greatest = amount_of(GREATEST);
    const struct amount one = amount_from_u64(1);
    cr_assert_eq(amount_add(&out, greatest, one), STATUS_OVERFLOW);
    cr_assert_eq(amount_subtract(&out, amount_from_u64(0), one), STATUS_OVERFLOW);
    cr_assert_eq(amount_compare(out, amount_from_u64(77)), 0);
    cr_assert_eq(amount_subtract(&out, greatest, one), STATUS_OK);
    cr_assert_eq(amount_add(&out, out, one), STATUS_OK);
    cr_assert_eq(amount_compare(out, greatest), 0);
    cr_assert_eq(amount_subtract(&out, greatest, greatest), STATUS_OK);
    cr_assert(amount_is_zero(out));
}

Test(amount, comparison_sees_the_upper_half)
{
    const struct amount low = amount_of("18446744073709551615");
    const struct amount high = amount_of("18446744073709551616");
    cr_assert_lt(amount_compare(low, high), 0);
    cr_assert_gt(amount_compare(high, low), 0);
    cr_assert_not(amount_is_zero(high));
}

Test(amount, units)
{
    static const struct {
        const char *amount;
        unsigned decimals;
        const char *text;
    } rows[] = {
        {"1250", 2, "12.5"},
        {"1200", 2, "12"},
        {"0", 18, "0"},
        {"1", 2, "0.01"},
        {"100", 2, "1"},
        {"7", 0, "7"},
        {"1050", 3, "1.05"},
        {"10", 2, "0.1"},
        {"1", 38, "0.00000000000000000000000000000000000001"},
        {GREATEST, 38, "3.40282366920938463463374607431768211455"},
        {GREATEST, 0, GREATEST},
        {"100000000000000000000000000000000000000", 38, "1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[48];
        amount_format_units(text, amount_of(rows[i].amount), rows[i].decimals);
        cr_assert_str_eq(text, rows[i].text);
    }
}

Test(amount, more_decimals_than_any_asset_has, .signal = SIGABRT)
{
    char text[48];
    amount_format_units(text, amount_from_u64(1), 39);
}
