/*
 * The budget of orders: for each person the time until which they have paid. In memory alone, since a restart is in no
 * one person's hands.
 */
#include "budget.h"

static size_t row_of(const struct budget *budget, const struct name *person)
{
    size_t least = 0;
    for (size_t i = 0; i < POLICY_PEOPLE_MAX; i++) {
        if (name_equal(&budget->rows[i].person, person)) {
            return i;
        }
        least = budget->rows[i].paid_us < budget->rows[least].paid_us ? i : least;
    }
    return least;
}

enum status budget_pay(struct budget *budget, const struct name *person, int64_t now_us, struct fault *fault)
{
    size_t row = row_of(budget, person);
    bool known = name_equal(&budget->rows[row].person, person);
    int64_t paid_us = known && budget->rows[row].paid_us > now_us ? budget->rows[row].paid_us : now_us;
    if (paid_us + BUDGET_EVERY_US - now_us > BUDGET_BURST * BUDGET_EVERY_US) {
        return fault_set(fault, STATUS_BUSY, "command", "%s gave %d orders that stay here for ever: one in %d s now",
                         person->text, BUDGET_BURST, (int)(BUDGET_EVERY_US / 1000000));
    }
    budget->rows[row].person = *person;
    budget->rows[row].paid_us = paid_us + BUDGET_EVERY_US;
    return STATUS_OK;
}
