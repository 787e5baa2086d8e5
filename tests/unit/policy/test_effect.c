/*
 * What one approval does, on the policy of the fixture with other rules: risk is carol and dave, treasury bert, bob and
 * toby; rita asks.
 */
#include "policy/evaluate.h"

#include "fixture.h"

#include <criterion/criterion.h>

#define RISK_FIRST "[[{\"group\":\"risk\",\"m\":1}],[{\"group\":\"treasury\",\"m\":2}]]"

static struct world world;
static struct policy policy;
static struct name wallet;
static struct name requester;
static struct digest asset;
static struct evaluation_approval approvals[4];
static struct digest seen[4];
static struct evaluation_request request;

static void setup(void)
{
    world_init(&world);
    wallet = name_of("cold-1");
    requester = name_of("rita");
    asset = digest_of(ASSET_A);
    request = (struct evaluation_request){.type = TRANSACTION_TRANSFER,
                                          .chain = &world.policy.chain,
                                          .wallet = &wallet,
                                          .asset = &asset,
                                          .amount = amount_of("250"),
                                          .destination_listed = true,
                                          .requester = &requester,
                                          .approvals = approvals,
                                          .at_utc_us = world.now};
}

static void teardown(void)
{
    policy_free(&policy);
    world_wipe(&world);
}

TestSuite(effect, .init = setup, .fini = teardown);

/* The rules about this request: `daily` with these steps, `large` with those. */
static void given(const char *daily, const char *large)
{
    struct fault fault = {0};
    json_edit(world.policy_json, "governance.m", "3");
    json_edit(world.policy_json, "rules[0].demand.steps", daily);
    json_edit(world.policy_json, "rules[2].demand.steps", large);
    struct bytes bytes = json_bytes(world.policy_json);
    cr_assert(policy_decode(&policy, bytes.data, bytes.len, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    bytes_free(&bytes);
}

/* One more approval, which names the first `count` before it. */
static void approve(const char *person, size_t count)
{
    const size_t at = request.approval_count++;
    seen[at] = (struct digest){{(uint8_t)(at + 1)}};
    approvals[at] =
        (struct evaluation_approval){.person = name_of(person), .digest = seen[at], .seen = seen, .seen_count = count};
}

/* Of the last one. */
static void expect(enum approval_effect effect, const char *text)
{
    struct approval_early early;
    char told[EVALUATION_TEXT_SIZE] = "";
    enum approval_effect is = 0;
    const size_t last = request.approval_count - 1;
    cr_assert(policy_approval_effect(&is, &early, &policy, &request, last, NULL) == STATUS_OK);
    cr_expect_eq(is, effect, "%s: %d, not %d", approvals[last].person.text, (int)is, (int)effect);
    if (is == APPROVAL_EARLY) {
        approval_early_describe(told, &early);
    }
    cr_expect(strstr(told, text) != NULL, "'%s' does not say '%s'", told, text);
}

Test(effect, before_its_step_is_early)
{
    given(RISK_FIRST, RISK_FIRST);
    approve("bert", 0);
    expect(APPROVAL_EARLY, "rule daily: step 1 (risk) is not complete");
    request.approval_count = 0;
    approve("carol", 0);
    expect(APPROVAL_FILLS, "");
    approve("bert", 0); /* it is complete, and was not seen */
    expect(APPROVAL_EARLY, "rule daily: step 1 (risk)");
    request.approval_count = 1;
    approve("bert", 1);
    expect(APPROVAL_FILLS, "");
    approve("bob", 1);
    expect(APPROVAL_FILLS, ""); /* the last that is needed */
    approve("toby", 1);
    expect(APPROVAL_NO_PLACE, "");
}

Test(effect, a_place_in_another_rule_is_enough)
{
    given(RISK_FIRST, "[[{\"group\":\"treasury\",\"m\":2}]]");
    approve("bert", 0);
    expect(APPROVAL_FILLS, "");
    approve("bob", 0);
    expect(APPROVAL_FILLS, "");
    request.approval_count = 1;
    approve("dave", 0);
    expect(APPROVAL_FILLS, "");
}

Test(effect, another_entry_is_enough)
{
    given("[[{\"group\":\"treasury\",\"m\":1}],[{\"group\":\"risk\",\"m\":1},{\"group\":\"treasury\",\"m\":1}]]",
          "[[{\"group\":\"treasury\",\"m\":1}],[{\"group\":\"risk\",\"m\":1},{\"group\":\"treasury\",\"m\":1}]]");
    approve("bert", 0);
    expect(APPROVAL_FILLS, "");
    approve("bob", 0); /* the same step a second time; he could have the next */
    expect(APPROVAL_EARLY, "step 1 (treasury)");
    request.approval_count = 0;
    approve("carol", 0);
    expect(APPROVAL_EARLY, "step 1 (treasury)");
}

Test(effect, the_first_step_that_is_missing_is_told)
{
    static const char three[] = "[[{\"group\":\"risk\",\"m\":1}],[{\"group\":\"treasury\",\"m\":1}],"
                                "[{\"group\":\"treasury\",\"m\":1}]]";
    given(three, three);
    approve("carol", 0);
    approve("bert", 1);
    expect(APPROVAL_FILLS, "");
    approve("toby", 1);
    expect(APPROVAL_EARLY, "rule daily: step 2 (treasury)");
    request.approval_count = 2;
    approve("toby", 2);
    expect(APPROVAL_FILLS, "");
}

Test(effect, who_counts_nowhere_or_never_is_not_early)
{
    given(RISK_FIRST, RISK_FIRST);
    const struct name suspended = name_of("bert");
    approve("rita", 0);
    expect(APPROVAL_NO_PLACE, "");
    request.approval_count = 0;
    approve("bert", 0);
    request.suspended = &suspended;
    request.suspended_count = 1;
    expect(APPROVAL_NO_PLACE, "");
}

/* Nobody is left for risk, whatever treasury waits for. */
Test(effect, of_a_rule_that_cannot_be_filled_nothing_is_early)
{
    static struct name both[2];
    given(RISK_FIRST, RISK_FIRST);
    both[0] = name_of("carol");
    both[1] = name_of("dave");
    request.suspended = both;
    request.suspended_count = 2;
    approve("bert", 0);
    expect(APPROVAL_NO_PLACE, "");
}

Test(effect, the_hour_does_not_make_it_right)
{
    static const char never[] = "[{\"days\":[\"mon\"],\"from\":\"00:00\",\"until\":\"00:01\"}]";
    json_edit(world.policy_json, "rules[0].when.hours", never);
    json_edit(world.policy_json, "rules[2].when.hours", never);
    given(RISK_FIRST, RISK_FIRST);
    approve("bert", 0);
    expect(APPROVAL_EARLY, "step 1 (risk)");
}

/* A return has one place more, which anybody of the rule may have, once. */
Test(effect, the_one_more_of_a_return)
{
    given(RISK_FIRST, RISK_FIRST);
    request.returns = true;
    approve("bert", 0);
    expect(APPROVAL_FILLS, "");
    approve("bob", 0);
    expect(APPROVAL_EARLY, "step 1 (risk)");
}

static const char *standing_in(const json_t *explanation, size_t demand, const char *person)
{
    const json_t *rule = json_array_get(json_object_get(explanation, "rules"), 0);
    const json_t *people = json_object_get(json_array_get(json_object_get(rule, "demands"), demand), "people");
    for (size_t i = 0; i < json_array_size(people); i++) {
        const json_t *row = json_array_get(people, i);
        if (strcmp(json_string_value(json_object_get(row, "id")), person) == 0) {
            return json_string_value(json_object_get(row, "standing"));
        }
    }
    return "";
}

static json_t *explain(void)
{
    struct evaluation evaluation;
    json_t *explanation = NULL;
    cr_assert(policy_evaluate(&evaluation, &policy, &request, NULL) == STATUS_OK);
    cr_assert(policy_explain(&explanation, &policy, &request, &evaluation, NULL) == STATUS_OK);
    evaluation_free(&evaluation);
    return explanation;
}

Test(effect, what_came_too_early_is_explained)
{
    given(RISK_FIRST, RISK_FIRST);
    approve("bert", 0);
    approve("carol", 0);
    approve("bob", 2);
    json_t *explanation = explain();
    cr_expect_str_eq(standing_in(explanation, 2, "carol"), "counted");
    cr_expect_str_eq(standing_in(explanation, 3, "bert"), "too_early");
    cr_expect_str_eq(standing_in(explanation, 3, "bob"), "counted");
    cr_expect_str_eq(standing_in(explanation, 3, "toby"), "may_approve");
    json_decref(explanation);
}

/* Only the hour is against it: nobody need be told that the approval counts for nothing. */
Test(effect, at_another_hour_an_approval_is_not_called_in_vain)
{
    static const char never[] = "[{\"days\":[\"mon\"],\"from\":\"00:00\",\"until\":\"00:01\"}]";
    json_edit(world.policy_json, "rules[0].when.hours", never);
    json_edit(world.policy_json, "rules[2].when.hours", never);
    given(RISK_FIRST, RISK_FIRST);
    approve("carol", 0);
    approve("alan", 0); /* he is in no group of either */
    json_t *explanation = explain();
    const json_t *not_counted = json_object_get(explanation, "not_counted");
    cr_expect_eq(json_array_size(not_counted), 1);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(not_counted, 0), "id")), "alan");
    json_decref(explanation);
}
