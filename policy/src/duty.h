/*
 * A person of the policy with a duty, for documents that name people by what they did.
 */
#ifndef STRONGROOM_POLICY_SRC_DUTY_H
#define STRONGROOM_POLICY_SRC_DUTY_H

#include "policy/policy.h"

/* Who must do something: one of `duties` (bits), valid at `at_utc_us`. `where` names the field in faults. */
struct duty_demand {
    const char *where;
    unsigned duties;
    int64_t at_utc_us;
};

/*
 * The person `id` when the demand is met: STATUS_FORBIDDEN (nobody, or without the duty), STATUS_EXPIRED. Out: borrowed
 * from the policy.
 */
MUST_CHECK enum status duty_find(const struct person **out, const struct policy *policy, const struct name *id,
                                 const struct duty_demand *demand, struct fault *fault);

#endif
