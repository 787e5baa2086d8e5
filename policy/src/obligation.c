/*
 * What the matching rules ask over time: limits and delays. They are gathered here and judged in the signer, which
 * alone knows what it has promised and when.
 */
#include "condition.h"
#include "policy/chain.h"

static bool applies(const struct rule *rule, const struct condition_subject *subject)
{
    return rule->effect == EFFECT_ALLOW && condition_judge(rule, subject).failed == 0;
}

static void gather(struct obligations *out, const struct policy *policy, size_t index)
{
    const struct demand *demand = &policy->rules[index].demand;
    if (demand->delay_s > out->delay_s) {
        out->delay_s = demand->delay_s;
        out->delay_policy = policy;
        out->delay_rule = index;
    }
    for (size_t i = 0; i < demand->limit_count; i++) {
        out->limits[out->limit_count++] = (struct obligation){policy, index, i, &demand->limits[i]};
    }
}

static size_t limits_of(const struct policy *policy)
{
    size_t count = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        count += policy->rules[i].demand.limit_count;
    }
    return count;
}

static void gather_all(struct obligations *out, const struct policy *policy, const struct evaluation_request *request)
{
    const char *text = NULL;
    const struct wallet *wallet = condition_wallet(&text, policy, request);
    if (wallet == NULL) {
        return;
    }
    const struct condition_subject subject = condition_subject_of(policy, request, (size_t)(wallet - policy->wallets));
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (applies(&policy->rules[i], &subject)) {
            gather(out, policy, i);
        }
    }
}

/* Under two versions, or one. */
static enum status obligations_of(struct obligations *out, const struct policy *proposed, const struct policy *in_force,
                                  const struct evaluation_request *request, struct fault *fault)
{
    size_t room = limits_of(in_force) + (proposed == NULL ? 0 : limits_of(proposed));
    struct obligations obligations = {.limits = calloc(room == 0 ? 1 : room, sizeof(*obligations.limits))};
    if (obligations.limits == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "gathering limits");
    }
    if (proposed != NULL) {
        gather_all(&obligations, proposed, request);
    }
    gather_all(&obligations, in_force, request);
    *out = obligations; /* transferred */
    return STATUS_OK;
}

enum status policy_obligations(struct obligations *out, const struct policy *policy,
                               const struct evaluation_request *request, struct fault *fault)
{
    return obligations_of(out, NULL, policy, request, fault);
}

enum status policy_obligations_both(struct obligations *out, const struct policy *proposed,
                                    const struct policy *in_force, const struct evaluation_request *request,
                                    struct fault *fault)
{
    bool one = digest_equal(&proposed->digest, &in_force->digest);
    return obligations_of(out, one ? NULL : proposed, in_force, request, fault);
}

void obligations_free(struct obligations *obligations)
{
    free(obligations->limits);
    *obligations = (struct obligations){0};
}
