/*
 * What custody-verify says of a case (rules_case.h). Who does not count is left out here, as in an evidence bundle.
 */
#include "policy_rules.h"

#include "rules_case.h"

static void fill_intent(struct verify_intent *out, const json_t *object)
{
    *out = (struct verify_intent){.amount = case_amount(object),
                                  .asset = case_digest(case_text(object, "asset")),
                                  .chain = case_digest(case_text(object, "chain")),
                                  .requester = case_name(case_text(object, "requester")),
                                  .wallet = case_name(case_text(object, "wallet"))};
    (void)snprintf(out->type, sizeof(out->type), "%s", strcmp(case_text(object, "type"), "issue") == 0 ? "issue" : "");
    memset(&out->returns, json_is_true(json_object_get(object, "returns")) ? 1 : 0, sizeof(out->returns));
}

static bool counts(const struct verify_policy *policy, const struct verify_intent *intent, const struct name *person,
                   int64_t at_utc_us)
{
    return !name_equal(person, &intent->requester) &&
           verify_person_is(object_named(policy->people, person->text), person->text, at_utc_us);
}

static void judge(const struct verify_policy *policy, const json_t *object)
{
    struct verify_intent intent;
    struct rules_vote votes[RULES_VOTES_MAX];
    struct rules_finding finding;
    const json_t *announced = json_object_get(object, "announced");
    fill_intent(&intent, object);
    struct rules_request request = {.intent = &intent,
                                    .group = case_text(object, "group"),
                                    .requester_signed = json_is_true(json_object_get(object, "signed")),
                                    .votes = votes,
                                    .at_utc_us = json_integer_value(json_object_get(object, "at"))};
    request.waited_us = announced == NULL ? -1 : request.at_utc_us - json_integer_value(announced);
    json_t *value = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(object, "votes"), i, value)
    {
        struct name person = case_name(case_text(value, "person"));
        if (counts(policy, &intent, &person, request.at_utc_us)) {
            votes[request.vote_count++] = (struct rules_vote){.person = person,
                                                              .digest = case_digest(case_text(value, "digest")),
                                                              .seen = json_object_get(value, "seen")};
        }
    }
    const char *why = rules_judge(&finding, policy, &request);
    if (why != NULL) {
        (void)printf("refused %s: %s\n", finding.rule, why);
    } else {
        (void)printf("allowed %u %" PRId64 "\n", finding.limits, finding.delay_s);
    }
}

static void answer(const json_t *object)
{
    struct verify_policy policy;
    json_t *document = NULL;
    const char *text = case_text(object, "policy");
    INVARIANT(canon_parse(&document, text, strlen(text), CANON_POLICY_MAX, NULL) == STATUS_OK);
    if (document_decode(&policy, DOCUMENT_POLICY, document, NULL) == STATUS_OK) {
        judge(&policy, object);
    } else {
        (void)printf("unread\n");
    }
    json_decref(document);
}

int main(void)
{
    return case_each(answer);
}
