/*
 * Whether a request that is only asked for may still come to be allowed: the evaluation of it with everything open that
 * is still to come.
 */
#include "policy/evaluate.h"

#include "evaluator.h"

/* What the rules that may match say of the amount. */
struct outlook {
    size_t certain; /* an allow rule that matches whatever comes, and whose max_amount is exceeded; rule_count: none */
    bool fits;      /* within that of an allow rule that may match */
};

static void look_at_rule(struct outlook *inout, const struct evaluation *evaluation, const struct policy *policy,
                         size_t index, struct amount amount)
{
    const struct rule *rule = &policy->rules[index];
    const struct evaluation_match *match = &evaluation->matches[index];
    bool certain = match->failed == 0 && match->unknown == 0 && rule->when.hours_count == 0;
    if (rule->effect == EFFECT_DENY || !evaluation_concerned(evaluation, index)) {
        return;
    }
    bool fits = amount_compare(amount, rule->demand.max_amount) <= 0;
    inout->fits = inout->fits || fits;
    inout->certain = certain && !fits && inout->certain == policy->rule_count ? index : inout->certain;
}

static enum status judge(const struct evaluation *evaluation, const struct policy *policy,
                         const struct evaluation_request *request, struct fault *fault)
{
    struct outlook outlook = {.certain = policy->rule_count};
    char text[EVALUATION_TEXT_SIZE];
    for (size_t i = 0; evaluation->matches != NULL && i < policy->rule_count; i++) {
        look_at_rule(&outlook, evaluation, policy, i, request->amount);
    }
    if (evaluation->reason == STATUS_DENIED) { /* which nothing does that the hour or an entry may change */
        evaluation_describe(text, evaluation, policy);
        return fault_set(fault, STATUS_DENIED, "policy", "%s", text);
    }
    if (outlook.certain < policy->rule_count) {
        return fault_set(fault, STATUS_LIMIT_EXCEEDED, "amount", "exceeds the max_amount of rule %s",
                         policy->rules[outlook.certain].id.text);
    }
    return outlook.fits ? STATUS_OK
                        : fault_set(fault, STATUS_LIMIT_EXCEEDED, "amount",
                                    "exceeds the max_amount of every rule that may allow it");
}

enum status policy_check_possible(const struct policy *policy, const struct evaluation_request *request,
                                  struct fault *fault)
{
    struct evaluation evaluation = {0};
    struct evaluation_request open = *request;
    open.destination_listed = true;
    open.destination_group = NULL;
    open.requester_signed = true;
    open.approval_count = 0;
    open.suspended_count = 0;
    enum status status = policy_evaluate(&evaluation, policy, &open, fault);
    if (status == STATUS_OK) {
        status = judge(&evaluation, policy, &open, fault);
        evaluation_free(&evaluation);
    }
    return status;
}
