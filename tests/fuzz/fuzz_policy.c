/*
 * The policy decoder and the evaluation under a fuzzer. For any bytes: nothing is read out of bounds and nothing leaks;
 * a policy that is accepted has at least two people behind every allow rule, allows nothing without approvals, and
 * every question about it gets an answer that can be explained.
 */
#include "policy/analyse.h"
#include "policy/evaluate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rule(const struct rule *rule)
{
    unsigned people = 0;
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        people += rule->demand.entries[i].quorum.m;
    }
    INVARIANT(rule->effect == EFFECT_DENY || people >= 2);
}

static void ask(const struct policy *policy, const struct wallet *wallet, const struct digest *asset)
{
    static const struct name requester = {"rita"};
    const struct evaluation_request request = {.type = TRANSACTION_TRANSFER,
                                               .chain = &policy->chain,
                                               .wallet = &wallet->id,
                                               .asset = asset,
                                               .amount = amount_from_u64(0),
                                               .destination_listed = true,
                                               .requester = &requester};
    struct evaluation evaluation;
    json_t *explanation = NULL;
    INVARIANT(policy_evaluate(&evaluation, policy, &request, NULL) == STATUS_OK);
    INVARIANT(evaluation.decision != DECISION_ALLOWED);
    INVARIANT(policy_explain(&explanation, policy, &request, &evaluation, NULL) == STATUS_OK);
    json_decref(explanation);
    evaluation_free(&evaluation);
}

/* What has passed the floors, rule by rule, lets no one person do anything on the whole. */
static void analyse(const struct policy *policy)
{
    struct analysis analysis;
    json_t *report = NULL;
    enum status status = policy_analyse(&analysis, policy, policy->issued_at, NULL);
    INVARIANT(status == STATUS_OK || status == STATUS_TOO_LARGE);
    if (status == STATUS_OK) {
        INVARIANT(analysis_verdict(&analysis, NULL) == STATUS_OK);
        INVARIANT(analysis_report(&report, &analysis, NULL) == STATUS_OK);
        json_decref(report);
        analysis_free(&analysis);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy policy;
    if (policy_decode(&policy, data, size, NULL) != STATUS_OK) {
        return 0;
    }
    INVARIANT(policy.governance.m >= 2);
    for (size_t i = 0; i < policy.rule_count; i++) {
        check_rule(&policy.rules[i]);
    }
    for (size_t i = 0; i < policy.wallet_count; i++) {
        for (size_t k = 0; k < policy.wallets[i].asset_count; k++) {
            ask(&policy, &policy.wallets[i], &policy.wallets[i].assets[k]);
        }
    }
    analyse(&policy);
    policy_free(&policy);
    return 0;
}
