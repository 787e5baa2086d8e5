/*
 * Balances around zero and at the end of 128 bits.
 */
#include <criterion/criterion.h>

#include "balance.h"

#define MOST "340282366920938463463374607431768211455"

static struct amount amount(const char *text)
{
    struct amount out = {0};
    cr_assert_eq(amount_parse(&out, text), STATUS_OK);
    return out;
}

static struct ledger_balance balance(bool negative, const char *text)
{
    return (struct ledger_balance){.negative = negative, .amount = amount(text)};
}

static void expect(const struct ledger_balance *actual, bool negative, const char *text)
{
    cr_expect_eq(actual->negative, negative, "%s", text);
    cr_expect_eq(amount_compare(actual->amount, amount(text)), 0, "%s", text);
}

Test(ledger_balance, a_holder_never_goes_below_zero)
{
    struct ledger_balance held = balance(false, "5");
    cr_expect_eq(balance_debit(&held, amount("6"), false), STATUS_INSUFFICIENT_FUNDS);
    expect(&held, false, "5");
    cr_expect_eq(balance_debit(&held, amount("5"), false), STATUS_OK);
    expect(&held, false, "0");
    cr_expect_eq(balance_debit(&held, amount("1"), false), STATUS_INSUFFICIENT_FUNDS);
}

Test(ledger_balance, issuance_goes_through_zero_both_ways)
{
    struct ledger_balance issued = balance(false, "5");
    cr_expect_eq(balance_debit(&issued, amount("12"), true), STATUS_OK);
    expect(&issued, true, "7");
    cr_expect_eq(balance_debit(&issued, amount("1"), false), STATUS_INSUFFICIENT_FUNDS);
    cr_expect_eq(balance_credit(&issued, amount("7")), STATUS_OK);
    expect(&issued, false, "0");
    cr_expect_eq(balance_debit(&issued, amount("3"), true), STATUS_OK);
    cr_expect_eq(balance_credit(&issued, amount("10")), STATUS_OK);
    expect(&issued, false, "7");
}

Test(ledger_balance, ends_of_the_range)
{
    struct ledger_balance held = balance(false, MOST);
    cr_expect_eq(balance_credit(&held, amount("1")), STATUS_OVERFLOW);
    expect(&held, false, MOST);
    struct ledger_balance issued = balance(true, MOST);
    cr_expect_eq(balance_debit(&issued, amount("1"), true), STATUS_OVERFLOW);
    expect(&issued, true, MOST);
    cr_expect_eq(balance_credit(&issued, amount(MOST)), STATUS_OK);
    expect(&issued, false, "0");
}

Test(ledger_balance, stored_form_has_one_spelling)
{
    uint8_t bytes[BALANCE_VALUE_LEN];
    struct ledger_balance issued = balance(true, "340282366920938463463374607431768211454");
    struct ledger_balance back;
    balance_encode(bytes, &issued);
    cr_assert_eq(balance_decode(&back, bytes, sizeof(bytes), NULL), STATUS_OK);
    expect(&back, true, "340282366920938463463374607431768211454");
    cr_expect_eq(balance_decode(&back, bytes, sizeof(bytes) - 1, NULL), STATUS_CORRUPT);
    bytes[0] = 2;
    cr_expect_eq(balance_decode(&back, bytes, sizeof(bytes), NULL), STATUS_CORRUPT);
    memset(bytes, 0, sizeof(bytes));
    bytes[0] = 1;
    cr_expect_eq(balance_decode(&back, bytes, sizeof(bytes), NULL), STATUS_CORRUPT);
}
