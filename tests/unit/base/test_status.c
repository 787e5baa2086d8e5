/*
 * The status table and faults.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/status.h"

static const enum status all[] = {
#define STATUS_ROW(name, number, code, http, retry, text) STATUS_##name,
    STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

#define ALL_COUNT (sizeof(all) / sizeof(all[0]))

Test(status, every_status_finds_its_way_back_from_its_code)
{
    for (size_t i = 0; i < ALL_COUNT; i++) {
        cr_assert_eq(status_from_code(status_info(all[i])->code), all[i]);
    }
}

Test(status, texts_are_lower_case_without_full_stop)
{
    for (size_t i = 0; i < ALL_COUNT; i++) {
        const char *text = status_info(all[i])->text;
        cr_assert(text[0] >= 'a' && text[0] <= 'z', "%s", text);
        cr_assert_neq(text[strlen(text) - 1], '.', "%s", text);
    }
}

Test(status, unknown_numbers_and_codes_are_internal)
{
    cr_assert_str_eq(status_info((enum status) - 1000)->code, "internal");
    cr_assert_str_eq(status_info((enum status)1)->code, "internal");
    cr_assert_str_eq(status_info((enum status)(-(int)ALL_COUNT))->code, "internal");
    cr_assert_eq(status_from_code("from_the_future"), STATUS_INTERNAL);
    cr_assert_eq(status_from_code(""), STATUS_INTERNAL);
}

Test(status, numbers_that_peers_read_stand_still)
{
    cr_assert_eq(STATUS_OK, 0);
    cr_assert_eq(STATUS_INVALID, -4);
    cr_assert_eq(STATUS_SIGNATURE_INVALID, -25);
    cr_assert_eq(STATUS_EXISTS, -45);
}

Test(fault, the_first_fault_wins_and_the_status_is_returned)
{
    struct fault fault = {0};
    cr_assert_eq(fault_set(&fault, STATUS_INVALID, "amount", "%d is too much", 7), STATUS_INVALID);
    cr_assert_eq(fault_set(&fault, STATUS_IO, "disk", "full"), STATUS_IO);
    cr_assert_eq(fault.status, STATUS_INVALID);
    cr_assert_str_eq(fault.where, "amount");
    cr_assert_str_eq(fault.detail, "7 is too much");
    fault_clear(&fault);
    (void)fault_set(&fault, STATUS_IO, NULL, "full");
    cr_assert_eq(fault.status, STATUS_IO);
    cr_assert_str_eq(fault.where, "");
}

Test(fault, nowhere_to_put_it_is_fine)
{
    cr_assert_eq(fault_set(NULL, STATUS_BUSY, "x", "y"), STATUS_BUSY);
    fault_clear(NULL);
}

Test(fault, foreign_bytes_are_replaced_and_long_ones_cut)
{
    struct fault fault = {0};
    char longer[400];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    (void)fault_set(&fault, STATUS_INVALID, "na\nme\x7f", "%s\xc3\xa9", longer);
    cr_assert_str_eq(fault.where, "na?me?");
    cr_assert_eq(strlen(fault.detail), sizeof(fault.detail) - 1);
    fault_clear(&fault);
    (void)fault_set(&fault, STATUS_INVALID, longer, "\x1b[31m\xc3\xa9");
    cr_assert_eq(strlen(fault.where), sizeof(fault.where) - 1);
    cr_assert_str_eq(fault.detail, "?[31m??");
}

Test(invariant, a_broken_one_aborts, .signal = SIGABRT)
{
    INVARIANT(1 + 1 == 3);
}

Test(invariant, a_kept_one_does_nothing)
{
    INVARIANT(1 + 1 == 2);
}
