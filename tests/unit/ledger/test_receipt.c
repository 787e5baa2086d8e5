/*
 * Receipt documents.
 */
#include <criterion/criterion.h>

#include "base/digest.h"
#include "ledger/receipt.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

Test(ledger_receipt, bytes_are_those_of_the_formats)
{
    static const char text[] =
        "{\"code\":\"insufficient_funds\",\"height\":\"3\",\"index\":4,\"transaction\":\"" ZEROS "\"}";
    const struct ledger_receipt receipt = {.code = STATUS_INSUFFICIENT_FUNDS, .height = 3, .index = 4};
    struct ledger_receipt back;
    struct bytes bytes = {0};
    cr_assert_eq(ledger_receipt_encode(&bytes, &receipt, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)bytes.data, text);
    cr_assert_eq(ledger_receipt_decode(&back, bytes.data, bytes.len, NULL), STATUS_OK);
    cr_expect_eq(back.code, STATUS_INSUFFICIENT_FUNDS);
    cr_expect_eq(back.height, 3);
    cr_expect_eq(back.index, 4);
    bytes_free(&bytes);
}

Test(ledger_receipt, an_unknown_code_is_refused)
{
    static const char text[] = "{\"code\":\"fine\",\"height\":\"3\",\"index\":4,\"transaction\":\"" ZEROS "\"}";
    struct ledger_receipt back;
    struct fault fault = {0};
    cr_expect_eq(ledger_receipt_decode(&back, text, strlen(text), &fault), STATUS_INVALID);
    cr_expect_str_eq(fault.where, "code");
}
