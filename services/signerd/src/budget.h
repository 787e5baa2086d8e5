/*
 * How many orders one person alone may give that stay in the guard for ever.
 *
 * A veto, a revocation, and a freeze or suspension of what is stopped already: each leaves a record, so each person has
 * BUDGET_BURST at once and then one in BUDGET_EVERY_US, by the steady clock of this process. What stops something that
 * was not stopped costs nothing: there are only so many things to stop, and only a quorum starts them again.
 */
#ifndef STRONGROOM_SIGNER_BUDGET_H
#define STRONGROOM_SIGNER_BUDGET_H

#include "base/id.h"
#include "policy/policy.h"

#define BUDGET_BURST 128
#define BUDGET_EVERY_US INT64_C(10000000)

/* All of them, by name: a later version of the policy gives nobody the debts of another. Zeros: nobody owes. */
struct budget {
    struct {
        struct name person;
        int64_t paid_us; /* so far, of the steady clock */
    } rows[POLICY_PEOPLE_MAX];
};

/*
 * Takes one order of the person at `now_us` of the steady clock. Within changes of the guard only, which are made one
 * by one. Where more people owe than a policy has, who owes least is forgotten. STATUS_BUSY, `where` is `command`.
 */
MUST_CHECK enum status budget_pay(struct budget *budget, const struct name *person, int64_t now_us,
                                  struct fault *fault);

#endif
