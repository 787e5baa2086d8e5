/*
 * The floors: every policy below one of them is refused with the rule and the name of the offender.
 */
#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(floor, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct policy policy;
    enum status status = policy_decode(&policy, document, len, fault);
    if (status == STATUS_OK) {
        policy_free(&policy);
    }
    return status;
}

static void expect_refused(const char *where, const char *detail)
{
    struct fault fault = {0};
    struct bytes bytes = json_bytes(world.policy_json);
    cr_expect(decode(bytes.data, bytes.len, &fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, where);
    cr_expect(strstr(fault.detail, detail) != NULL, "%s", fault.detail);
    bytes_free(&bytes);
}

static void expect_accepted(void)
{
    struct fault fault = {0};
    struct bytes bytes = json_bytes(world.policy_json);
    cr_expect(decode(bytes.data, bytes.len, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    bytes_free(&bytes);
}

Test(floor, one_edit_below_each)
{
    static const struct refusal rows[] = {
        {"rules[2].demand.steps[0][0].m", "1", STATUS_INVALID, "rules[2].demand.steps",
         "rule large asks for fewer than 2"},
        {"rules[2].demand.steps[0][0].m", "3", STATUS_INVALID, "governance.m", "below the 3 people of rule large"},
        {"governance.m", "1", STATUS_INVALID, "governance.m", "at least 2"},
        {"governance.delay_s", "0", STATUS_INVALID, "governance.delay_s", "1"},
        {"governance.delay_s", "2592001", STATUS_INVALID, "governance.delay_s", "2592000"},
        {"governance.m", "4", STATUS_INVALID, "governance.m", "group admins has 3"},
        {"governance.group", "\"treasury\"", STATUS_INVALID, "governance.group",
         "bert of group treasury lacks the duty "
         "administrator"},
        {"people[0].duties", "[\"administrator\",\"approver\"]", STATUS_INVALID, "people[0].duties", "ada"},
        {"people[0].duties", "[\"administrator\",\"auditor\"]", STATUS_INVALID, "people[0].duties", "ada"},
        {"people[0].duties", "[\"administrator\",\"operator\"]", STATUS_INVALID, "people[0].duties", "ada"},
        {"people[0].duties", "[\"administrator\",\"requester\"]", STATUS_INVALID, "people[0].duties", "ada"},
        {"people[3].duties", "[\"approver\",\"auditor\"]", STATUS_INVALID, "people[3].duties", "audrey"},
        {"people[3].duties", "[\"auditor\",\"operator\"]", STATUS_INVALID, "people[3].duties", "audrey"},
        {"people[3].duties", "[\"auditor\",\"requester\"]", STATUS_INVALID, "people[3].duties", "audrey"},
        {"people[4].duties", "[\"operator\"]", STATUS_INVALID, "rules[0].demand.steps",
         "bert of group treasury lacks the "
         "duty approver"},
        {"people[1].duties", "[]", STATUS_INVALID, "governance.group", "alan of group admins"},
        {"people[4].duties", "[\"approver\",\"automated\"]", STATUS_INVALID, "people[4].duties", "bert"},
        {"groups[2].members", "[\"bert\"]", STATUS_INVALID, "rules[2].demand.steps",
         "rule large has 2 places, which its groups cannot fill"},
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(floor, a_requester_among_the_members_does_not_count)
{
    json_edit(world.policy_json, "people[4].duties", "[\"approver\",\"requester\"]");
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\"]");
    expect_refused("rules[2].demand.steps", "rule large has 2 places, which its groups cannot fill when bert requests");
}

/* Two of three: with rita, who is in no group, as requester a return has three. */
Test(floor, a_return_can_be_met)
{
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\"]");
    expect_refused("rules[2].demand.steps",
                   "a return needs 3 approvers, more than rule large has other than a requester");
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\",\"toby\"]");
    json_edit(world.policy_json, "people[12].duties", "[\"approver\",\"requester\"]");
    expect_accepted();
    json_edit(world.policy_json, "people[9].duties", "[\"operator\"]");
    json_edit(world.policy_json, "people[7].duties", "[\"approver\"]");
    expect_refused("rules[2].demand.steps",
                   "a return needs 3 approvers, more than rule large has other than a requester");
    json_edit(world.policy_json, "people[9].duties", "[\"requester\"]");
    expect_accepted();
}

Test(floor, a_group_of_one_requester_is_empty)
{
    json_edit(world.policy_json, "groups[1].members", "[\"dave\"]");
    expect_refused("rules[0].demand.steps", "rule daily has 2 places, which its groups cannot fill when dave requests");
}

/* Only what is plainly no place of work may change its policy within a day. */
Test(floor, a_version_waits_a_day_where_it_matters)
{
    static const char *const real[] = {"\"production\"", "\"demonstration\"", "\"a-test\"", "\"live-demo\""};
    static const char *const shown[] = {"\"demo\"", "\"demo-2\"", "\"test\"", "\"testnet\""};
    for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
        json_edit(world.policy_json, "environment", real[i]);
        json_edit(world.policy_json, "destinations.cooling_s", "3600");
        json_edit(world.policy_json, "governance.delay_s", "86399");
        expect_refused("governance.delay_s", "at least 86400");
        json_edit(world.policy_json, "governance.delay_s", "86400");
        expect_accepted();
        json_edit(world.policy_json, "environment", shown[i]);
        json_edit(world.policy_json, "governance.delay_s", "1");
        expect_accepted();
    }
}

static json_t *key_of(const char *list, size_t index)
{
    return json_array_get(json_object_get(json_array_get(json_object_get(world.policy_json, list), index), "keys"), 0);
}

Test(floor, one_key_for_two_people)
{
    json_t *keys = json_object_get(json_array_get(json_object_get(world.policy_json, "people"), 3), "keys");
    json_array_append(keys, key_of("people", 4));
    expect_refused("people", "one key belongs to both");
}

Test(floor, one_key_twice_for_one_person)
{
    json_t *keys = json_object_get(json_array_get(json_object_get(world.policy_json, "people"), 4), "keys");
    json_array_append_new(keys, json_deep_copy(key_of("people", 4)));
    expect_refused("people", "one key belongs to both bert and bert");
}

Test(floor, a_wallet_key_for_a_person)
{
    json_t *wallet = json_array_get(json_object_get(world.policy_json, "wallets"), 1);
    json_t *key = json_pack("{s:O,s:O}", "alg", json_object_get(wallet, "alg"), "key", json_object_get(wallet, "key"));
    json_array_append_new(json_object_get(json_array_get(json_object_get(world.policy_json, "people"), 3), "keys"),
                          key);
    expect_refused("people", "one key belongs to both");
}

Test(floor, one_key_for_two_wallets)
{
    json_t *wallets = json_object_get(world.policy_json, "wallets");
    json_t *from = json_array_get(wallets, 1);
    json_t *to = json_array_get(wallets, 0);
    json_object_set(to, "alg", json_object_get(from, "alg"));
    json_object_set(to, "key", json_object_get(from, "key"));
    expect_refused("people", "one key belongs to both");
}

Test(floor, deny_rules_have_none)
{
    json_edit(world.policy_json, "rules", "[]");
    expect_accepted();
}

Test(floor, a_new_destination_cools_down_an_hour_where_it_matters)
{
    json_edit(world.policy_json, "environment", "\"production\"");
    json_edit(world.policy_json, "governance.delay_s", "86400");
    json_edit(world.policy_json, "destinations.cooling_s", "3599");
    expect_refused("destinations.cooling_s", "at least 3600");
    json_edit(world.policy_json, "destinations.cooling_s", "3600");
    expect_accepted();
}

/* Groups may overlap as long as different people can fill all places, also beside a requester, also of a return. */
Test(floor, places_are_filled_by_different_people)
{
    json_edit(world.policy_json, "groups[1].members", "[\"bert\",\"carol\"]");
    expect_accepted();
    json_edit(world.policy_json, "groups[1].members", "[\"bert\"]");
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\",\"toby\"]");
    expect_accepted();
    json_edit(world.policy_json, "rules[0].demand.steps[0]",
              "[{\"group\":\"admins\",\"m\":1},{\"group\":\"risk\",\"m\":1},{\"group\":\"treasury\",\"m\":1}]");
    json_edit(world.policy_json, "governance.m", "3");
    json_edit(world.policy_json, "groups[0].id", "\"a\"");
    json_edit(world.policy_json, "governance.group", "\"a\"");
    json_edit(world.policy_json, "groups[1].id", "\"admins\"");
    json_edit(world.policy_json, "groups[2].id", "\"risk\"");
    json_edit(world.policy_json, "groups[3]", "{\"id\":\"treasury\",\"members\":[\"bert\",\"bob\"]}");
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\"]");
    expect_refused("rules[0].demand.steps", "rule daily has 3 places, which its groups cannot fill");
}

/* Programs fill places, but two people are needed beside them. */
Test(floor, programs_count_for_no_floor)
{
    json_edit(world.policy_json, "people[12].duties", "[\"automated\"]");
    expect_refused("rules[0].demand.steps", "rule daily asks for fewer than 2 people");
    json_edit(world.policy_json, "rules[0].demand.steps[0][1].m", "2");
    expect_refused("rules[2].demand.steps", "rule large asks for fewer than 2 people");
    json_edit(world.policy_json, "rules[2].demand.steps[0][0].m", "3");
    expect_refused("rules[2].demand.steps", "a return needs 4 approvers");
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\",\"carol\",\"toby\"]");
    expect_accepted();
    json_edit(world.policy_json, "groups[0].members", "[\"ada\",\"alan\",\"toby\"]");
    expect_refused("governance.group", "toby of group admins lacks the duty administrator");
}
