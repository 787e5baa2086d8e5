/*
 * What the policy room says of a case (rules_case.h).
 */
#include "policy/evaluate.h"

#include "rules_case.h"

struct votes {
    struct evaluation_approval rows[EVALUATION_APPROVALS_MAX];
    struct digest seen[EVALUATION_APPROVALS_MAX][EVALUATION_APPROVALS_MAX];
    size_t count;
};

static void fill_votes(struct votes *out, const json_t *array)
{
    json_t *value = NULL;
    json_t *digest = NULL;
    size_t s = 0;
    json_array_foreach(array, out->count, value)
    {
        const json_t *seen = json_object_get(value, "seen");
        json_array_foreach(seen, s, digest)
        {
            out->seen[out->count][s] = case_digest(json_string_value(digest));
        }
        out->rows[out->count] = (struct evaluation_approval){.person = case_name(case_text(value, "person")),
                                                             .digest = case_digest(case_text(value, "digest")),
                                                             .seen = out->seen[out->count],
                                                             .seen_count = json_array_size(seen)};
    }
}

static void judge(const struct policy *policy, const json_t *object)
{
    static struct votes votes;
    const char *group = case_text(object, "group");
    struct digest chain = case_digest(case_text(object, "chain"));
    struct digest asset = case_digest(case_text(object, "asset"));
    struct name wallet = case_name(case_text(object, "wallet"));
    struct name requester = case_name(case_text(object, "requester"));
    struct name destination = group == NULL ? (struct name){0} : case_name(group);
    fill_votes(&votes, json_object_get(object, "votes"));
    const struct evaluation_request request = {
        .type = strcmp(case_text(object, "type"), "issue") == 0 ? TRANSACTION_ISSUE : TRANSACTION_TRANSFER,
        .chain = &chain,
        .wallet = &wallet,
        .asset = &asset,
        .amount = case_amount(object),
        .destination_listed = true,
        .destination_group = group == NULL ? NULL : &destination,
        .returns = json_is_true(json_object_get(object, "returns")),
        .requester = &requester,
        .requester_signed = json_is_true(json_object_get(object, "signed")),
        .approvals = votes.rows,
        .approval_count = votes.count,
        .at_utc_us = json_integer_value(json_object_get(object, "at"))};
    struct evaluation evaluation = {0};
    struct obligations obligations = {0};
    INVARIANT(policy_evaluate(&evaluation, policy, &request, NULL) == STATUS_OK);
    INVARIANT(policy_obligations(&obligations, policy, &request, NULL) == STATUS_OK);
    if (evaluation.decision == DECISION_ALLOWED) {
        (void)printf("allowed %zu %" PRId64 "\n", obligations.limit_count, obligations.delay_s);
    } else {
        (void)printf("refused %s: %s\n", status_info(evaluation.reason)->code, evaluation.text);
    }
    obligations_free(&obligations);
    evaluation_free(&evaluation);
}

static void answer(const json_t *object)
{
    struct policy policy = {0};
    struct fault fault = {0};
    const char *text = case_text(object, "policy");
    if (policy_decode(&policy, text, strlen(text), &fault) == STATUS_OK) {
        judge(&policy, object);
    } else {
        (void)printf("unread %s: %s\n", fault.where, fault.detail);
    }
    policy_free(&policy);
}

int main(void)
{
    return case_each(answer);
}
