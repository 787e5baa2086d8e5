/*
 * Each condition of a rule by itself: when it holds, when not, and what is unknown. The request is one that the rule
 * daily of the fixture allows; each test gives that rule one condition.
 */
#include "policy/evaluate.h"

#include "fixture.h"

#include <criterion/criterion.h>

#define MINUTE_US 60000000LL
#define BERT_CAROL 2

static struct world world;
static struct policy policy; /* the world's, edited */
static struct evaluation_approval approvals[BERT_CAROL];
static struct evaluation_request request;
static struct name wallet;
static struct name requester;
static struct name group;
static struct digest asset;

static void setup(void)
{
    world_init(&world);
    wallet = name_of("hot-1");
    requester = name_of("rita");
    group = name_of("clients");
    asset = digest_of(ASSET_A);
    approvals[0] = (struct evaluation_approval){.person = name_of("bert"), .digest = digest_of(ASSET_A)};
    approvals[1] = (struct evaluation_approval){.person = name_of("carol"), .digest = digest_of(ASSET_B)};
    request = (struct evaluation_request){.type = TRANSACTION_TRANSFER,
                                          .chain = &world.policy.chain,
                                          .wallet = &wallet,
                                          .asset = &asset,
                                          .amount = amount_of("250"),
                                          .destination_listed = true,
                                          .destination_group = &group,
                                          .requester = &requester,
                                          .approvals = approvals,
                                          .approval_count = BERT_CAROL,
                                          .at_utc_us = world.now};
}

static void teardown(void)
{
    policy_free(&policy);
    world_wipe(&world);
}

TestSuite(condition, .init = setup, .fini = teardown);

/* The world's policy with the value at a path set. */
static void given(const char *path, const char *text)
{
    struct fault fault = {0};
    json_t *edited = json_deep_copy(world.policy_json);
    json_edit(edited, path, text);
    struct bytes bytes = json_bytes(edited);
    policy_free(&policy);
    cr_assert(policy_decode(&policy, bytes.data, bytes.len, &fault) == STATUS_OK, "%s %s: %s: %s", path, text,
              fault.where, fault.detail);
    bytes_free(&bytes);
    json_decref(edited);
}

static void expect(enum decision decision, enum status reason, const char *text)
{
    struct evaluation evaluation;
    char told[EVALUATION_TEXT_SIZE];
    cr_assert(policy_evaluate(&evaluation, &policy, &request, NULL) == STATUS_OK);
    evaluation_describe(told, &evaluation, &policy);
    cr_expect(evaluation.decision == decision && evaluation.reason == reason, "%s, not %s: %s",
              decision_text(evaluation.decision), decision_text(decision), told);
    cr_expect(strstr(told, text) != NULL, "'%s' does not say '%s'", told, text);
    evaluation_free(&evaluation);
}

static void expect_allowed(void)
{
    expect(DECISION_ALLOWED, STATUS_OK, "every demand");
}

/* The rule is not about the request, for this condition alone. */
static void expect_not_about(const char *condition)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "daily (%s)", condition);
    expect(DECISION_DENIED, STATUS_DENIED, text);
}

Test(condition, none_given_holds)
{
    given("rules[0].when.wallets", NULL);
    expect_allowed();
}

Test(condition, amount_is_above_one_end_and_up_to_the_other)
{
    given("rules[0].when.amount", "{\"above\":\"249\",\"up_to\":\"250\"}");
    expect_allowed();
    given("rules[0].when.amount", "{\"above\":\"250\"}");
    expect_not_about("amount");
    given("rules[0].when.amount", "{\"up_to\":\"249\"}");
    expect_not_about("amount");
    given("rules[0].when.amount", "{\"above\":\"0\"}");
    expect_allowed();
}

Test(condition, assets_are_listed)
{
    given("rules[0].when.assets", "[\"" ASSET_B "\"]");
    expect_not_about("assets");
}

Test(condition, wallets_are_listed)
{
    given("rules[0].when.wallets", "[\"cold-1\"]");
    expect_not_about("wallets");
}

Test(condition, the_destination_is_in_a_group)
{
    given("rules[0].when.destinations", "[\"clients\"]");
    expect_allowed();
    given("rules[0].when.destinations", "[\"own\"]");
    expect_not_about("destinations");
    given("rules[0].when.destinations", "[\"clients\",\"own\"]");
    expect_allowed();
}

Test(condition, a_destination_of_no_known_group_lets_nothing_pass)
{
    const struct name other = name_of("elsewhere");
    given("rules[0].when.destinations", "[\"clients\"]");
    request.destination_group = &other;
    expect(DECISION_DENIED, STATUS_DESTINATION_UNLISTED, "the group of the destination is not known: rule daily");
    request.destination_group = NULL;
    expect(DECISION_DENIED, STATUS_DESTINATION_UNLISTED, "not known: rule daily");
    given("rules[1].when", "{\"destinations\":[\"own\"]}");
    expect(DECISION_DENIED, STATUS_DESTINATION_UNLISTED, "not known: rule frozen");
    request.destination_group = &group;
    expect_allowed();
}

Test(condition, ledgers_are_listed)
{
    given("rules[0].when.ledgers", "[\"" CHAIN "\"]");
    expect_allowed();
    given("rules[0].when.ledgers", "[\"" ASSET_A "\"]");
    expect_not_about("ledgers");
}

Test(condition, the_tier_of_the_wallet)
{
    given("rules[0].when.tiers", "[\"hot\"]");
    expect_allowed();
    given("rules[0].when.tiers", "[\"cold\",\"warm\"]");
    expect_not_about("tiers");
}

Test(condition, a_rule_is_about_transfers_unless_it_says_otherwise)
{
    given("rules[0].when.types", "[\"transfer\"]");
    expect_allowed();
    request.type = TRANSACTION_ISSUE;
    expect_not_about("types");
    given("rules[0].when.wallets", NULL);
    expect_not_about("types");
    policy.rules[0].when.types = 1U << TRANSACTION_ISSUE;
    expect_allowed();
    request.type = TRANSACTION_TRANSFER;
    expect_not_about("types");
}

/* 2026-02-02, NOW, is a Monday, 04:00. */
Test(condition, hours_are_from_one_minute_to_before_another)
{
    given("rules[0].when.hours", "[{\"days\":[\"mon\"],\"from\":\"04:00\",\"until\":\"04:01\"}]");
    expect_allowed();
    request.at_utc_us += MINUTE_US - 1;
    expect_allowed();
    request.at_utc_us += 1;
    expect(DECISION_WAITING, STATUS_OUTSIDE_HOURS, "rule daily");
    request.at_utc_us = world.now - 1;
    expect(DECISION_WAITING, STATUS_OUTSIDE_HOURS, "rule daily");
    given("rules[0].when.hours", "[{\"days\":[\"sun\",\"tue\"],\"from\":\"00:00\",\"until\":\"24:00\"}]");
    request.at_utc_us = world.now;
    expect(DECISION_WAITING, STATUS_OUTSIDE_HOURS, "rule daily");
    request.at_utc_us = world.now + 24 * 60 * MINUTE_US;
    expect_allowed();
    given("rules[0].when.hours", "[{\"days\":[\"fri\"],\"from\":\"00:00\",\"until\":\"24:00\"},"
                                 "{\"days\":[\"mon\"],\"from\":\"03:59\",\"until\":\"04:01\"}]");
    request.at_utc_us = world.now;
    expect_allowed();
}

Test(condition, what_the_hour_alone_forbids_waits)
{
    given("rules[1].when", "{\"hours\":[{\"days\":[\"mon\"],\"from\":\"00:00\",\"until\":\"05:00\"}]}");
    expect(DECISION_WAITING, STATUS_OUTSIDE_HOURS, "a deny rule matches at this hour: rule frozen");
    request.amount = amount_of("1001");
    expect(DECISION_DENIED, STATUS_LIMIT_EXCEEDED, "rule daily");
    request.amount = amount_of("250");
    request.at_utc_us += 60 * MINUTE_US;
    expect_allowed();
    given("rules[1].when", "{}");
    expect(DECISION_DENIED, STATUS_DENIED, "a deny rule matches: rule frozen");
}

/* Out: minutes from NOW, a Monday, 04:00; -1 when it is not known. */
static int64_t minutes_until(void)
{
    int64_t until_utc_us = 0;
    return policy_hours_until(&until_utc_us, &policy, &request) ? (until_utc_us - world.now) / MINUTE_US : -1;
}

Test(condition, the_end_of_a_wait_for_the_hour)
{
    const int64_t day = 24 * 60;
    given("rules[0].when.hours", "[{\"days\":[\"mon\"],\"from\":\"04:10\",\"until\":\"05:00\"}]");
    cr_expect_eq(minutes_until(), 10);
    request.at_utc_us += 10 * MINUTE_US - 1;
    cr_expect_eq(minutes_until(), 10);
    request.at_utc_us = world.now + 60 * MINUTE_US; /* it has just ended */
    cr_expect_eq(minutes_until(), 7 * day + 10);
    request.at_utc_us = world.now;
    given("rules[0].when.hours", "[{\"days\":[\"sat\",\"wed\"],\"from\":\"00:00\",\"until\":\"00:01\"}]");
    cr_expect_eq(minutes_until(), 2 * day - 240);
    given("rules[1].when", "{\"hours\":[{\"days\":[\"mon\"],\"from\":\"00:00\",\"until\":\"24:00\"}]}");
    cr_expect_eq(minutes_until(), day - 240, "what denies ends");
    given("rules[1].when", "{\"hours\":[{\"days\":[\"fri\",\"mon\",\"sat\",\"sun\",\"thu\",\"tue\",\"wed\"],"
                           "\"from\":\"00:00\",\"until\":\"24:00\"}]}");
    cr_expect_eq(minutes_until(), -1, "what denies at all hours ends never");
}

/* At the wrong hour and of the wrong amount: no hour will help. */
Test(condition, hours_do_not_hide_another_condition)
{
    given("rules[0].when", "{\"amount\":{\"up_to\":\"249\"},\"assets\":[\"" ASSET_A "\"],"
                           "\"hours\":[{\"days\":[\"sun\"],\"from\":\"00:00\",\"until\":\"05:00\"}]}");
    expect(DECISION_DENIED, STATUS_DENIED, "daily (amount, hours)");
}

Test(condition, who_asks_is_known_by_a_signature)
{
    given("rules[0].when.requesters", "[\"risk\"]"); /* carol, dave */
    expect(DECISION_WAITING, STATUS_QUORUM_MISSING, "the signature of the requester is missing: rule daily");
    request.requester_signed = true;
    expect_not_about("requesters");
    requester = name_of("dave");
    expect_allowed();
    policy.people[7].valid_until = world.now;
    expect(DECISION_DENIED, STATUS_DENIED, "does not count now: rule daily");
}

Test(condition, a_deny_rule_about_who_asks_binds_until_that_is_known)
{
    given("rules[1].when", "{\"requesters\":[\"risk\"]}");
    expect(DECISION_WAITING, STATUS_QUORUM_MISSING, "the signature of the requester is missing: rule frozen");
    request.requester_signed = true;
    expect_allowed();
    requester = name_of("dave");
    expect(DECISION_DENIED, STATUS_DENIED, "a deny rule matches: rule frozen");
}

Test(condition, a_suspended_person_does_not_count)
{
    const struct name suspended[] = {name_of("bert"), name_of("zoe")};
    given("rules[0].when.tiers", "[\"hot\"]");
    request.suspended = suspended;
    request.suspended_count = 2;
    expect(DECISION_WAITING, STATUS_QUORUM_MISSING, "approvals are missing: rule daily");
    request.suspended = &suspended[1];
    request.suspended_count = 1;
    expect_allowed();
}

Test(condition, more_approvals_than_can_be_judged_are_no_decision)
{
    struct evaluation evaluation;
    given("rules[0].when.tiers", "[\"hot\"]");
    request.approval_count = EVALUATION_APPROVALS_MAX + 1;
    cr_expect(policy_evaluate(&evaluation, &policy, &request, NULL) == STATUS_TOO_LARGE);
}

/*
 * Risk, then treasury, then treasury again. Toby is the last and saw carol and bert; but bert had seen nothing, so what
 * toby saw fills no second step, though bob's approval, which he did not see, would.
 */
Test(condition, what_was_seen_is_judged_alone_and_in_turn)
{
    struct digest seen_by_bob[1];
    struct digest seen_by_toby[2];
    struct evaluation_approval four[4] = {approvals[0], approvals[1]}; /* bert, carol */
    seen_by_bob[0] = four[1].digest;
    seen_by_toby[0] = four[0].digest;
    seen_by_toby[1] = four[1].digest;
    four[2] = (struct evaluation_approval){name_of("bob"), digest_of(CHAIN), seen_by_bob, 1};
    four[3] = (struct evaluation_approval){name_of("toby"), digest_of(ZEROS), seen_by_toby, 2};
    json_edit(world.policy_json, "governance.m", "3");
    given("rules[0].demand.steps", "[[{\"group\":\"risk\",\"m\":1}],[{\"group\":\"treasury\",\"m\":1}],"
                                   "[{\"group\":\"treasury\",\"m\":1}]]");
    request.approvals = four;
    request.approval_count = 4;
    expect(DECISION_DENIED, STATUS_QUORUM_MISSING, "too few people remain who may approve: rule daily");
    seen_by_toby[0] = four[2].digest;
    expect_allowed();
    request.approval_count = 3;
    expect(DECISION_WAITING, STATUS_QUORUM_MISSING, "approvals are missing: rule daily");
}

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct policy decoded;
    enum status status = policy_decode(&decoded, document, len, fault);
    if (status == STATUS_OK) {
        policy_free(&decoded);
    }
    return status;
}

#define HOURS(days, from, until) "[{\"days\":" days ",\"from\":\"" from "\",\"until\":\"" until "\"}]"
#define HOURS_INVALID(value, where, detail)                                                                            \
    {                                                                                                                  \
        "rules[0].when.hours", value, STATUS_INVALID, "rules[0].when.hours" where, detail                              \
    }

Test(condition, forms_broken_once)
{
    static const struct refusal rows[] = {
        {"rules[1].when.amount", "{\"above\":\"1\"}", STATUS_OK, "", ""},
        {"rules[0].when.amount", "{}", STATUS_INVALID, "rules[0].when.amount", "above, up_to or both"},
        {"rules[0].when.amount", "{\"above\":\"5\",\"up_to\":\"5\"}", STATUS_INVALID, "rules[0].when.amount", "below"},
        {"rules[0].when.assets", NULL, STATUS_INVALID, "rules[0].when.assets", "for which assets"},
        {"rules[1].when", "{\"amount\":{\"above\":\"1\"}}", STATUS_INVALID, "rules[1].when.amount", "with assets only"},
        {"rules[0].when.destinations", "[\"friends\"]", STATUS_INVALID, "rules[0].when.destinations", "there is no"},
        {"rules[0].when.destinations", "[]", STATUS_INVALID, "rules[0].when.destinations", "array"},
        {"rules[0].when.ledgers", "[\"main\"]", STATUS_INVALID, "rules[0].when.ledgers", "hexadecimal"},
        {"rules[0].when.requesters", "[\"board\"]", STATUS_INVALID, "rules[0].when.requesters", "no group board"},
        {"rules[0].when.tiers", "[\"system\"]", STATUS_INVALID, "rules[0].when.tiers", "none of the words"},
        {"rules[0].when.tiers", "[\"warm\",\"hot\"]", STATUS_INVALID, "rules[0].when.tiers", "sorted"},
        {"rules[0].when.types", "[\"burn\"]", STATUS_INVALID, "rules[0].when.types", "none of the words"},
        {"rules[0].when.types", "[\"issue\",\"transfer\"]", STATUS_INVALID, "rules[0].when.types", "for that alone"},
        {"rules[0].when.colour", "1", STATUS_UNKNOWN_FIELD, "rules[0].when.colour", "no such field"},
        HOURS_INVALID(HOURS("[]", "00:00", "01:00"), "[0].days", "array"),
        HOURS_INVALID(HOURS("[\"monday\"]", "00:00", "01:00"), "[0].days", "none of the words"),
        HOURS_INVALID(HOURS("[\"mon\",\"fri\"]", "00:00", "01:00"), "[0].days", "sorted"),
        HOURS_INVALID(HOURS("[\"mon\"]", "0:00", "01:00"), "[0].from", "HH:MM"),
        HOURS_INVALID(HOURS("[\"mon\"]", "00:60", "02:00"), "[0].from", "HH:MM"),
        HOURS_INVALID(HOURS("[\"mon\"]", "00:00", "24:01"), "[0].until", "24:00"),
        HOURS_INVALID(HOURS("[\"mon\"]", "22:00", "06:00"), "[0].from", "two rows"),
        HOURS_INVALID(HOURS("[\"mon\"]", "06:00", "06:00"), "[0].from", "before until"),
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
    json_edit(world.policy_json, "rules[0].when.hours", HOURS("[\"mon\"]", "06:00", "07:00"));
    static const struct refusal more[] = {
        {"rules[0].when.hours[1]", "{\"days\":[\"tue\"],\"from\":\"06:00\",\"until\":\"07:00\"}", STATUS_INVALID,
         "rules[0].when.hours", "sorted by from"},
        {"rules[0].when.hours[1]", "{\"days\":[\"tue\"],\"from\":\"05:00\",\"until\":\"07:00\"}", STATUS_INVALID,
         "rules[0].when.hours", "sorted by from"},
    };
    expect_refusals(decode, world.policy_json, more, sizeof(more) / sizeof(more[0]));
}
