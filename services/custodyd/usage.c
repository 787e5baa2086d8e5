/*
 * What the signer's numbers say of one more withdrawal. No limit is judged here that the signer does not judge again.
 */
#include "usage.h"

#include <string.h>

const struct wire_usage *usage_find(const struct wire_usage_reply *said, int64_t policy_version, const char *rule,
                                    size_t index)
{
    for (size_t i = 0; i < said->count; i++) {
        const struct wire_usage *usage = &said->limits[i];
        if (usage->policy_version == policy_version && usage->index == (int64_t)index &&
            strcmp(usage->rule.text, rule) == 0) {
            return usage;
        }
    }
    return NULL;
}

bool usage_has_room(const struct wire_usage *usage, struct amount amount)
{
    struct amount sum;
    bool few = usage->count == 0 || usage->used_count < usage->count;
    bool little = amount_is_zero(usage->sum) ||
                  (amount_add(&sum, usage->used_sum, amount) == STATUS_OK && amount_compare(sum, usage->sum) <= 0);
    return few && little;
}

uint64_t usage_left_count(const struct wire_usage *usage)
{
    return usage->used_count < usage->count ? usage->count - usage->used_count : 0;
}

struct amount usage_left_sum(const struct wire_usage *usage)
{
    struct amount left = {0};
    return amount_subtract(&left, usage->sum, usage->used_sum) == STATUS_OK ? left : amount_from_u64(0);
}

enum status usage_judge(int64_t *out_until_utc_us, const struct wire_usage_reply *said,
                        const struct obligations *obligations, struct amount amount, struct fault *fault)
{
    bool full = false;
    bool never = false;
    int64_t until = 0;
    for (size_t i = 0; i < obligations->limit_count; i++) {
        const struct obligation *limit = &obligations->limits[i];
        const struct wire_usage *usage =
            usage_find(said, limit->policy->version, limit->policy->rules[limit->rule].id.text, limit->index);
        if (usage != NULL && !usage_has_room(usage, amount)) {
            full = true;
            never = never || usage->free_at == 0;
            until = usage->free_at > until ? usage->free_at : until;
        }
    }
    if (!full) {
        return STATUS_OK;
    }
    *out_until_utc_us = never ? 0 : until;
    return fault_set(fault, STATUS_LIMIT_EXCEEDED, "policy.limits", "a limit of the policy has no room for it%s",
                     never ? ", nor ever will" : " yet");
}

enum status usage_check(int64_t *out_until_utc_us, const struct usage_question *question, struct fault *fault)
{
    struct wire_usage_reply said = {0};
    struct fault why = {0};
    if (question->obligations->limit_count == 0) {
        return STATUS_OK;
    }
    enum status status = wire_transfer_usage(question->signer, &said, question->intent, question->timeout_ms, &why);
    if (status == STATUS_TOO_LARGE) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? usage_judge(out_until_utc_us, &said, question->obligations, question->amount, fault)
                               : fault_set(fault, status, why.where, "%s", why.detail);
}
