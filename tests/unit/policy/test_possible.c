/*
 * Which requests no approval, entry, hour or signature can still bring through; and that everything else is left to
 * those. On the policy of the fixture: daily allows up to 1000 in cold-1 and hot-1, large up to 500 in cold-1.
 */
#include "policy/evaluate.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;
static struct policy policy; /* the world's, edited */
static struct evaluation_request request;
static struct name wallet;
static struct name requester;
static struct digest asset;

/* The world's policy with the values at two paths set. */
static void given_both(const char *path, const char *text, const char *other, const char *value)
{
    struct fault fault = {0};
    json_t *edited = json_deep_copy(world.policy_json);
    json_edit(edited, path, text);
    json_edit(edited, other, value);
    struct bytes bytes = json_bytes(edited);
    policy_free(&policy);
    cr_assert(policy_decode(&policy, bytes.data, bytes.len, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    bytes_free(&bytes);
    json_decref(edited);
}

static void given(const char *path, const char *text)
{
    given_both(path, text, path, text);
}

static void setup(void)
{
    world_init(&world);
    given("rules[0].demand.max_amount", "\"1000\"");
    wallet = name_of("hot-1");
    requester = name_of("rita");
    asset = digest_of(ASSET_A);
    request = (struct evaluation_request){.type = TRANSACTION_TRANSFER,
                                          .chain = &world.policy.chain,
                                          .wallet = &wallet,
                                          .asset = &asset,
                                          .amount = amount_of("1000"),
                                          .requester = &requester,
                                          .at_utc_us = world.now};
}

static void teardown(void)
{
    policy_free(&policy);
    world_wipe(&world);
}

TestSuite(possible, .init = setup, .fini = teardown);

static void expect_possible(void)
{
    struct fault fault = {0};
    cr_expect_eq(policy_check_possible(&policy, &request, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
}

static void expect_never(enum status status, const char *where, const char *text)
{
    struct fault fault = {0};
    cr_expect_eq(policy_check_possible(&policy, &request, &fault), status, "%s", status_info(fault.status)->code);
    cr_expect_str_eq(fault.where, where);
    cr_expect(strstr(fault.detail, text) != NULL, "'%s' does not say '%s'", fault.detail, text);
}

Test(possible, up_to_the_largest_amount_of_a_rule)
{
    expect_possible();
    request.amount = amount_of("1001");
    expect_never(STATUS_LIMIT_EXCEEDED, "amount", "max_amount of rule daily");
    wallet = name_of("cold-1"); /* every rule that matches binds */
    request.amount = amount_of("501");
    expect_never(STATUS_LIMIT_EXCEEDED, "amount", "max_amount of rule large");
    request.amount = amount_of("500");
    expect_possible();
}

Test(possible, what_no_rule_allows_or_one_denies)
{
    asset = digest_of(ASSET_B);
    wallet = name_of("cold-1");
    expect_never(STATUS_DENIED, "policy", "a deny rule matches: rule frozen");
    given("rules[0].when.wallets", "[\"cold-1\"]");
    asset = digest_of(ASSET_A);
    wallet = name_of("hot-1");
    expect_never(STATUS_DENIED, "policy", "daily (wallets)");
    wallet = name_of("elsewhere");
    expect_never(STATUS_DENIED, "policy", "");
}

/* Nobody has approved, the requester has not signed and the destination is not on the list: all that may come. */
Test(possible, a_group_that_is_not_known_yet_may_be_any)
{
    wallet = name_of("cold-1");
    given("rules[2].when.destinations", "[\"own\"]");
    expect_possible();
    given_both("rules[0].when.destinations", "[\"own\"]", "rules[2].when.destinations", "[\"own\"]");
    request.amount = amount_of("1001");
    expect_never(STATUS_LIMIT_EXCEEDED, "amount", "every rule that may allow it");
    given("rules[1].when", "{\"destinations\":[\"own\"]}");
    request.amount = amount_of("500");
    expect_possible();
}

Test(possible, another_hour_may_come)
{
    const char *const later = "[{\"days\":[\"sun\"],\"from\":\"00:00\",\"until\":\"05:00\"}]";
    const char *const now = "[{\"days\":[\"mon\"],\"from\":\"00:00\",\"until\":\"05:00\"}]";
    wallet = name_of("cold-1");
    given_both("rules[2].when.hours", now, "rules[0].when.hours", later);
    expect_possible(); /* above what is allowed at this hour, within what is allowed at the other */
    request.amount = amount_of("1001");
    expect_never(STATUS_LIMIT_EXCEEDED, "amount", "every rule that may allow it");
    request.amount = amount_of("500");
    given("rules[1].when", "{\"hours\":[{\"days\":[\"mon\"],\"from\":\"00:00\",\"until\":\"05:00\"}]}");
    expect_possible();
}

Test(possible, who_asks_is_who_will_have_signed)
{
    given("rules[0].when.requesters", "[\"risk\"]"); /* carol, dave */
    expect_never(STATUS_DENIED, "policy", "daily (requesters)");
    requester = name_of("dave");
    expect_possible();
    policy.people[7].valid_until = world.now;
    expect_never(STATUS_DENIED, "policy", "does not count now");
    given("rules[1].when", "{\"requesters\":[\"risk\"]}");
    expect_never(STATUS_DENIED, "policy", "a deny rule matches");
    requester = name_of("rita");
    expect_possible();
}
