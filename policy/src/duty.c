/*
 * A person of the policy with a duty. Quorums are counted elsewhere (policy_signature.c).
 */
#include "duty.h"

enum status duty_find(const struct person **out, const struct policy *policy, const struct name *id,
                      const struct duty_demand *demand, struct fault *fault)
{
    const struct person *person = policy_find_person(policy, id);
    if (person == NULL || (person->duties & demand->duties) == 0) {
        return fault_set(fault, STATUS_FORBIDDEN, demand->where, "the policy does not give this duty to %s", id->text);
    }
    if (!policy_person_valid(person, demand->at_utc_us)) {
        return fault_set(fault, STATUS_EXPIRED, demand->where, "%s did not count any more", id->text);
    }
    *out = person;
    return STATUS_OK;
}
