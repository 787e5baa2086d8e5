/*
 * A person of the policy with a duty. Quorums are counted elsewhere (policy_signature.c).
 */
#include "duty.h"

/* "administrator or operator" */
static void describe(char *out, size_t size, unsigned duties)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned duty = DUTY_ADMINISTRATOR; duty <= DUTY_CUSTODIAN; duty <<= 1) {
        if ((duties & duty) != 0 && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used == 0 ? "" : " or ",
                                     policy_duty_text((enum duty)duty));
        }
    }
}

enum status duty_find(const struct person **out, const struct policy *policy, const struct name *id,
                      const struct duty_demand *demand, struct fault *fault)
{
    const struct person *person = policy_find_person(policy, id);
    if (person == NULL || (person->duties & demand->duties) == 0) {
        char duties[96];
        describe(duties, sizeof(duties), demand->duties);
        return fault_set(fault, STATUS_FORBIDDEN, demand->where, "in the policy %s is not %s", id->text, duties);
    }
    if (!policy_person_valid(person, demand->at_utc_us)) {
        return fault_set(fault, STATUS_EXPIRED, demand->where, "%s did not count any more", id->text);
    }
    *out = person;
    return STATUS_OK;
}
