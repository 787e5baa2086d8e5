/*
 * The budget of one person's orders by itself; through the real operations: test_orders.c.
 */
#include "budget.h"

#include <criterion/criterion.h>

Test(budget, people_beyond_those_of_one_policy_are_not_refused)
{
    static struct budget all;
    for (int i = 0; i < 2 * POLICY_PEOPLE_MAX; i++) {
        struct name person;
        (void)snprintf(person.text, sizeof(person.text), "person-%d", i);
        for (int k = 0; k < BUDGET_BURST; k++) {
            cr_assert(budget_pay(&all, &person, 5, NULL) == STATUS_OK, "%s, order %d", person.text, k);
        }
        cr_assert(budget_pay(&all, &person, 5, NULL) == STATUS_BUSY, "%s", person.text);
    }
}

Test(budget, rest_gives_no_more_than_a_burst)
{
    static struct budget all;
    const struct name person = {.text = "carol"};
    int64_t now_us = 365 * INT64_C(86400000000);
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < BUDGET_BURST; k++) {
            cr_assert(budget_pay(&all, &person, now_us, NULL) == STATUS_OK, "order %d", k);
        }
        cr_assert(budget_pay(&all, &person, now_us + BUDGET_EVERY_US - 1, NULL) == STATUS_BUSY);
        now_us += 2 * BUDGET_BURST * BUDGET_EVERY_US;
    }
}
