/*
 * Evaluation of one request. Every matching rule is looked at and every demand is worked out, met or not, so that the
 * answer can be explained; nothing here depends on the order of rules or approvals.
 */
#include "policy/evaluate.h"

#include "policy_internal.h"

static const struct word decision_words[] = {
    {"denied", DECISION_DENIED}, {"waiting", DECISION_WAITING}, {"allowed", DECISION_ALLOWED}, {NULL, 0}};
static const struct word standing_words[] = {{"counted", STANDING_COUNTED},
                                             {"may_approve", STANDING_MAY_APPROVE},
                                             {"requester", STANDING_REQUESTER},
                                             {"expired", STANDING_EXPIRED},
                                             {NULL, 0}};

const char *decision_text(enum decision decision)
{
    return word_text(decision_words, (int)decision);
}

const char *standing_text(enum standing standing)
{
    return word_text(standing_words, (int)standing);
}

/* One request under one policy, with every person's standing worked out once. */
struct evaluator {
    const struct policy *policy;
    const struct evaluation_request *request;
    size_t wallet;
    enum standing standing[POLICY_PEOPLE_MAX];
};

static enum standing standing_of(const struct person *person, const struct evaluation_request *request)
{
    if (name_equal(&person->id, request->requester)) {
        return STANDING_REQUESTER;
    }
    if (!policy_person_valid(person, request->at_utc_us)) {
        return STANDING_EXPIRED;
    }
    for (size_t i = 0; i < request->approver_count; i++) {
        if (name_equal(&person->id, &request->approvers[i])) {
            return STANDING_COUNTED;
        }
    }
    return STANDING_MAY_APPROVE;
}

static int compare_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static bool holds_asset(const struct digest *assets, size_t count, const struct digest *asset)
{
    return count > 0 && bsearch(asset, assets, count, sizeof(*assets), compare_digest) != NULL;
}

static bool rule_matches(const struct rule *rule, size_t wallet, const struct digest *asset)
{
    for (size_t i = 0; i < rule->wallet_count; i++) {
        if (rule->wallets[i] == wallet) {
            return holds_asset(rule->assets, rule->asset_count, asset);
        }
    }
    return false;
}

static enum status evaluate_quorum(struct evaluation_demand *out, const struct evaluator *evaluator,
                                   const struct quorum *quorum)
{
    const struct group *group = &evaluator->policy->groups[quorum->group];
    *out = (struct evaluation_demand){.kind = DEMAND_QUORUM, .group = quorum->group, .need = quorum->m};
    out->members = calloc(group->member_count == 0 ? 1 : group->member_count, sizeof(*out->members));
    if (out->members == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < group->member_count; i++) {
        enum standing standing = evaluator->standing[group->members[i]];
        out->members[i] = (struct evaluation_member){group->members[i], standing};
        out->have += standing == STANDING_COUNTED;
        out->open += standing == STANDING_MAY_APPROVE;
    }
    out->member_count = group->member_count;
    out->met = out->have >= out->need;
    return STATUS_OK;
}

/* The groups of a rule share nobody, so people of several quorums add up. */
static struct evaluation_demand evaluate_return(const struct evaluation_rule *rule)
{
    struct evaluation_demand more = {.kind = DEMAND_RETURN, .need = POLICY_RETURN_MORE};
    for (size_t i = 0; i < rule->demand_count; i++) {
        more.need += rule->demands[i].need;
        more.have += rule->demands[i].have;
        more.open += rule->demands[i].open;
    }
    more.met = more.have >= more.need;
    return more;
}

static enum status evaluate_rule(struct evaluation_rule *out, const struct evaluator *evaluator, size_t index)
{
    const struct rule *rule = &evaluator->policy->rules[index];
    const struct evaluation_request *request = evaluator->request;
    *out = (struct evaluation_rule){.rule = index};
    if (rule->effect == EFFECT_DENY) {
        return STATUS_OK;
    }
    out->demands[out->demand_count++] = (struct evaluation_demand){
        .kind = DEMAND_MAX_AMOUNT, .met = amount_compare(request->amount, rule->max_amount) <= 0};
    out->demands[out->demand_count++] =
        (struct evaluation_demand){.kind = DEMAND_DESTINATION, .met = request->destination_listed};
    for (size_t i = 0; i < rule->quorum_count; i++) {
        enum status status = evaluate_quorum(&out->demands[out->demand_count++], evaluator, &rule->quorum[i]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (request->returns) {
        out->demands[out->demand_count] = evaluate_return(out);
        out->demand_count++;
    }
    return STATUS_OK;
}

static enum status evaluate_rules(struct evaluation *out, const struct evaluator *evaluator)
{
    const struct policy *policy = evaluator->policy;
    out->rules = calloc(policy->rule_count == 0 ? 1 : policy->rule_count, sizeof(*out->rules));
    if (out->rules == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (rule_matches(&policy->rules[i], evaluator->wallet, evaluator->request->asset)) {
            enum status status = evaluate_rule(&out->rules[out->rule_count++], evaluator, i);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

static bool has_effect(const struct evaluation *evaluation, const struct policy *policy, enum rule_effect effect)
{
    for (size_t i = 0; i < evaluation->rule_count; i++) {
        if (policy->rules[evaluation->rules[i].rule].effect == effect) {
            return true;
        }
    }
    return false;
}

static bool all_met(const struct evaluation *evaluation, enum demand_kind kind)
{
    for (size_t i = 0; i < evaluation->rule_count; i++) {
        const struct evaluation_rule *rule = &evaluation->rules[i];
        for (size_t k = 0; k < rule->demand_count; k++) {
            if (rule->demands[k].kind == kind && !rule->demands[k].met) {
                return false;
            }
        }
    }
    return true;
}

/* Could every quorum be met by people who may still approve? */
static bool all_reachable(const struct evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->rule_count; i++) {
        const struct evaluation_rule *rule = &evaluation->rules[i];
        for (size_t k = 0; k < rule->demand_count; k++) {
            const struct evaluation_demand *demand = &rule->demands[k];
            if (demand->have + demand->open < demand->need) {
                return false;
            }
        }
    }
    return true;
}

static void decide(struct evaluation *out, enum decision decision, enum status reason, const char *text)
{
    out->decision = decision;
    out->reason = reason;
    out->text = text;
}

static void decide_on_rules(struct evaluation *out, const struct policy *policy)
{
    if (has_effect(out, policy, EFFECT_DENY)) {
        decide(out, DECISION_DENIED, STATUS_DENIED, "a deny rule matches");
    } else if (!has_effect(out, policy, EFFECT_ALLOW)) {
        decide(out, DECISION_DENIED, STATUS_DENIED, "no allow rule matches the wallet and the asset");
    } else if (!all_met(out, DEMAND_MAX_AMOUNT)) {
        decide(out, DECISION_DENIED, STATUS_LIMIT_EXCEEDED, "the amount exceeds the limit of a rule");
    } else if (!all_met(out, DEMAND_DESTINATION)) {
        decide(out, DECISION_DENIED, STATUS_DESTINATION_UNLISTED, "the destination is not on the list");
    } else if (all_met(out, DEMAND_QUORUM) && all_met(out, DEMAND_RETURN)) {
        decide(out, DECISION_ALLOWED, STATUS_OK, "every demand of every matching rule is met");
    } else if (all_reachable(out)) {
        decide(out, DECISION_WAITING, STATUS_QUORUM_MISSING, "approvals are missing");
    } else {
        decide(out, DECISION_DENIED, STATUS_QUORUM_MISSING, "too few people remain who may approve");
    }
}

static enum status evaluate_wallet(struct evaluation *out, const struct wallet *wallet, const struct policy *policy,
                                   const struct evaluation_request *request)
{
    if (!holds_asset(wallet->assets, wallet->asset_count, request->asset)) {
        decide(out, DECISION_DENIED, STATUS_DENIED, "the policy does not list the asset for the wallet");
        return STATUS_OK;
    }
    struct evaluator evaluator = {policy, request, (size_t)(wallet - policy->wallets), {0}};
    for (size_t i = 0; i < policy->person_count; i++) {
        evaluator.standing[i] = standing_of(&policy->people[i], request);
    }
    enum status status = evaluate_rules(out, &evaluator);
    if (status == STATUS_OK) {
        decide_on_rules(out, policy);
    }
    return status;
}

enum status policy_evaluate(struct evaluation *out, const struct policy *policy,
                            const struct evaluation_request *request, struct fault *fault)
{
    struct evaluation evaluation = {.decision = DECISION_DENIED, .reason = STATUS_INTERNAL, .text = ""};
    enum status status = STATUS_OK;
    const struct wallet *wallet = policy_find_wallet(policy, request->wallet);
    if (wallet == NULL) {
        decide(&evaluation, DECISION_DENIED, STATUS_DENIED, "the wallet is not in the policy");
    } else {
        status = evaluate_wallet(&evaluation, wallet, policy, request);
    }
    if (status != STATUS_OK) {
        evaluation_free(&evaluation);
        return fault_set(fault, status, "policy", "could not evaluate, which denies");
    }
    INVARIANT((evaluation.decision == DECISION_ALLOWED) == (evaluation.reason == STATUS_OK));
    *out = evaluation; /* transferred */
    return STATUS_OK;
}

void evaluation_free(struct evaluation *evaluation)
{
    for (size_t i = 0; i < evaluation->rule_count; i++) {
        for (size_t k = 0; k < evaluation->rules[i].demand_count; k++) {
            free(evaluation->rules[i].demands[k].members);
        }
    }
    free(evaluation->rules);
    *evaluation = (struct evaluation){0};
}
