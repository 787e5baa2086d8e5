/*
 * Policies: every rule about the shape of the document broken once. The floors are in test_floor.c.
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

TestSuite(policy_decode, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct policy policy;
    enum status status = policy_decode(&policy, document, len, fault);
    if (status == STATUS_OK) {
        policy_free(&policy);
    }
    return status;
}

Test(policy_decode, the_world_in_memory)
{
    const struct policy *policy = &world.policy;
    cr_assert(policy->person_count == 13 && policy->group_count == 3);
    cr_assert(policy->wallet_count == 2 && policy->rule_count == 3);
    cr_assert(policy->version == 1 && digest_is_zero(&policy->prev));
    const struct name bob = name_of("bob");
    const struct person *person = policy_find_person(policy, &bob);
    cr_assert(person != NULL && person->key_count == 2 && person->duties == DUTY_APPROVER);
    cr_assert(policy_find_key(NULL, policy, &person->keys[1].id) == person);
    cr_assert(policy_person_valid(person, person->valid_until - 1));
    cr_assert(!policy_person_valid(person, person->valid_until));
    const struct group *group = &policy->groups[policy->rules[0].demand.entries[1].quorum.group];
    cr_expect_str_eq(group->id.text, "treasury");
    cr_assert(group->member_count == 3 && &policy->people[group->members[1]] == person);
    const struct name hot = name_of("hot-1");
    const struct wallet *wallet = policy_find_wallet(policy, &hot);
    cr_assert(wallet != NULL && public_key_equal(&wallet->key, test_key_public(world.keys[HOT])));
    cr_assert(policy_find_wallet_by_account(policy, &wallet->account) == wallet);
    cr_assert(policy->rules[0].demand.entry_count == 2 && policy->rules[1].effect == EFFECT_DENY);
    cr_assert(policy->governance.m == 2 && policy->delay_s == 2);
}

Test(policy_decode, what_is_not_there_is_not_found)
{
    const struct name nobody = name_of("nobody");
    const struct digest zero = {{0}};
    const struct account_id account = {zero};
    cr_assert(policy_find_person(&world.policy, &nobody) == NULL);
    cr_assert(policy_find_wallet(&world.policy, &nobody) == NULL);
    cr_assert(policy_find_wallet_by_account(&world.policy, &account) == NULL);
    cr_assert(policy_find_key(NULL, &world.policy, &zero) == NULL);
}

Test(policy_decode, top_level_rules_broken_once)
{
    static const struct refusal rows[] = {
        {"chain", NULL, STATUS_MISSING_FIELD, "chain", "required"},
        {"environment", "\"Test\"", STATUS_INVALID, "environment", "name"},
        {"version", "0", STATUS_INVALID, "version", "integer"},
        {"version", "2", STATUS_INVALID, "prev", "64 zeros"},
        {"prev", "\"" CHAIN "\"", STATUS_INVALID, "prev", "64 zeros"},
        {"issued_at", "\"2026-01-02\"", STATUS_INVALID, "issued_at", "time"},
        {"limits", "{}", STATUS_UNKNOWN_FIELD, "limits", "no such field"},
        {"people", "{}", STATUS_INVALID, "people", "array"},
        {"people", "[]", STATUS_INVALID, "people", "array"},
        {"groups", "[]", STATUS_INVALID, "groups", "array"},
        {"wallets", NULL, STATUS_MISSING_FIELD, "wallets", "required"},
        {"rules", NULL, STATUS_MISSING_FIELD, "rules", "required"},
        {"governance", NULL, STATUS_MISSING_FIELD, "governance", "required"},
        {"governance.group", "\"council\"", STATUS_INVALID, "governance.group", "no group council"},
        {"governance.m", "\"2\"", STATUS_INVALID, "governance.m", "integer"},
        {"governance.delay_s", NULL, STATUS_MISSING_FIELD, "governance.delay_s", "required"},
        {"governance.delay_s", "\"2\"", STATUS_INVALID, "governance.delay_s", "integer"},
        {"destinations", NULL, STATUS_MISSING_FIELD, "destinations", "required"},
        {"destinations.cooling_s", "-1", STATUS_INVALID, "destinations.cooling_s", "integer"},
        {"destinations.cooling_s", "2592001", STATUS_INVALID, "destinations.cooling_s", "integer"},
        {"destinations.groups", "[]", STATUS_INVALID, "destinations.groups", "array"},
        {"destinations.groups", "[\"own\",\"clients\"]", STATUS_INVALID, "destinations.groups", "sorted"},
        {"destinations.groups", "[\"Own\"]", STATUS_INVALID, "destinations.groups", "names"},
        {"destinations.groups", "[1]", STATUS_INVALID, "destinations.groups", "strings"},
        {"governance.veto", "1", STATUS_UNKNOWN_FIELD, "governance.veto", "no such field"},
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_decode, rules_about_people_and_groups_broken_once)
{
    static const struct refusal rows[] = {
        {"people[0].id", "\"Ada\"", STATUS_INVALID, "people[0].id", "name"},
        {"people[1].id", "\"ada\"", STATUS_INVALID, "people", "ada stands too late"},
        {"people[1].id", "\"aaa\"", STATUS_INVALID, "people", "aaa stands too late"},
        {"people[0].duties", "[\"king\"]", STATUS_INVALID, "people[0].duties", "no duty king"},
        {"people[7].duties", "[\"requester\",\"approver\"]", STATUS_INVALID, "people[7].duties", "sorted"},
        {"people[7].duties", "[\"approver\",\"approver\"]", STATUS_INVALID, "people[7].duties", "duplicates"},
        {"people[7].duties", "[1]", STATUS_INVALID, "people[7].duties", "strings"},
        {"people[0].keys", "{}", STATUS_INVALID, "people[0].keys", "array"},
        {"people[0].keys", "[1,2,3,4,5,6,7,8,9]", STATUS_INVALID, "people[0].keys", "0 to 8"},
        {"people[0].keys[0].alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "people[0].keys[0].alg", "register"},
        {"people[0].keys[0].key", "\"AAAA\"", STATUS_INVALID, "people[0].keys[0].key", ""},
        {"people[0].valid_until", NULL, STATUS_MISSING_FIELD, "people[0].valid_until", "required"},
        {"people[0].email", "\"a\"", STATUS_UNKNOWN_FIELD, "people[0].email", "no such field"},
        {"groups[0].id", "\"\"", STATUS_INVALID, "groups[0].id", "name"},
        {"groups[1].id", "\"aa\"", STATUS_INVALID, "groups", "aa stands too late"},
        {"groups[1].members", "[\"dave\",\"carol\"]", STATUS_INVALID, "groups[1].members", "carol stands too late"},
        {"groups[1].members", "[\"carol\",\"carol\"]", STATUS_INVALID, "groups[1].members", "duplicates"},
        {"groups[1].members", "[\"carol\",\"zoe\"]", STATUS_INVALID, "groups[1].members", "no person zoe"},
        {"groups[1].members", "[7]", STATUS_INVALID, "groups[1].members", "strings"},
        {"groups[1].m", "2", STATUS_UNKNOWN_FIELD, "groups[1].m", "no such field"},
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_decode, rules_about_wallets_broken_once)
{
    static const struct refusal rows[] = {
        {"wallets[0].tier", "\"lukewarm\"", STATUS_INVALID, "wallets[0].tier", "hot, warm or cold"},
        {"wallets[0].alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "wallets[0].alg", "register"},
        {"wallets[0].alg", "\"p256\"", STATUS_INVALID, "wallets[0].key", ""},
        {"wallets[0].key", NULL, STATUS_MISSING_FIELD, "wallets[0].key", "required"},
        {"wallets[0].assets", "[\"EUR\"]", STATUS_INVALID, "wallets[0].assets", "hexadecimal"},
        {"wallets[0].assets", "[\"" ASSET_B "\",\"" ASSET_A "\"]", STATUS_INVALID, "wallets[0].assets", "sorted"},
        {"wallets[1].id", "\"cold-1\"", STATUS_INVALID, "wallets", "cold-1 stands too late"},
        {"wallets[0].address", "\"x\"", STATUS_UNKNOWN_FIELD, "wallets[0].address", "no such field"},
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_decode, rules_about_rules_broken_once)
{
    static const struct refusal rows[] = {
        {"rules[0].effect", "\"maybe\"", STATUS_INVALID, "rules[0].effect", "allow or deny"},
        {"rules[0].effect", NULL, STATUS_MISSING_FIELD, "rules[0].effect", "required"},
        {"rules[0].effect", "\"deny\"", STATUS_UNKNOWN_FIELD, "rules[0].demand", "no such field"},
        {"rules[1].effect", "\"allow\"", STATUS_MISSING_FIELD, "rules[1].demand", "required"},
        {"rules[0].demand.max_amount", "\"-1\"", STATUS_INVALID, "rules[0].demand.max_amount", "amount"},
        {"rules[0].demand.max_amount", NULL, STATUS_MISSING_FIELD, "rules[0].demand.max_amount", "required"},
        {"rules[0].when.wallets", "[\"hot-2\"]", STATUS_INVALID, "rules[0].when.wallets", "no wallet hot-2"},
        {"rules[0].when.wallets", "[]", STATUS_INVALID, "rules[0].when.wallets", "array"},
        {"rules[0].when.wallets", "[\"hot-1\",\"cold-1\"]", STATUS_INVALID, "rules[0].when.wallets", "sorted"},
        {"rules[0].when.assets", "[]", STATUS_INVALID, "rules[0].when.assets", "array"},
        {"rules[0].when.assets[0]", "\"" ASSET_B "\"", STATUS_INVALID, "rules[0].when.assets", "duplicates"},
        {"rules[0].demand.steps", "[]", STATUS_INVALID, "rules[0].demand.steps", "array"},
        {"rules[0].demand.steps[0][0].group", "\"board\"", STATUS_INVALID, "rules[0].demand.steps[0][0].group",
         "no group board"},
        {"rules[0].demand.steps[0][0].m", "0", STATUS_INVALID, "rules[0].demand.steps[0][0].m", "integer"},
        {"rules[0].demand.steps[0][0].group", "\"treasury\"", STATUS_INVALID, "rules[0].demand.steps[0]",
         "sorted by group"},
        {"rules[0].demand.steps[0][0].delay", "1", STATUS_UNKNOWN_FIELD, "rules[0].demand.steps[0][0].delay",
         "no such field"},
        {"rules[2].id", "\"daily\"", STATUS_INVALID, "rules", "daily stands too late"},
        {"rules[0].priority", "1", STATUS_UNKNOWN_FIELD, "rules[0].priority", "no such field"},
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
}

Test(policy_decode, a_rule_with_everything_in_memory)
{
    struct policy policy;
    struct fault fault = {0};
    json_edit(world.policy_json, "rules[0].demand",
              "{\"delay_s\":60,\"limits\":[{\"count\":3,\"per\":\"asset\",\"window_s\":60},"
              "{\"count\":9,\"per\":\"asset\",\"sum\":\"7\",\"window_s\":61},"
              "{\"per\":\"wallet\",\"sum\":\"5\",\"window_s\":60}],\"max_amount\":\"1\","
              "\"steps\":[[{\"group\":\"treasury\",\"m\":1}],[{\"group\":\"risk\",\"m\":1}]]}");
    json_edit(world.policy_json, "rules[0].when.requesters", "[\"risk\",\"treasury\"]");
    struct bytes bytes = json_bytes(world.policy_json);
    cr_assert(policy_decode(&policy, bytes.data, bytes.len, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    const struct demand *demand = &policy.rules[0].demand;
    cr_expect(demand->delay_s == 60 && demand->limit_count == 3 && demand->step_count == 2);
    cr_expect(demand->limits[0].count == 3 && amount_is_zero(demand->limits[0].sum));
    cr_expect(demand->limits[1].window_s == 61 && amount_compare(demand->limits[1].sum, amount_of("7")) == 0);
    cr_expect(demand->limits[2].per == LIMIT_PER_WALLET && demand->limits[2].count == 0);
    cr_expect(demand->entry_count == 2 && demand->entries[0].quorum.group == 2 && demand->entries[0].step == 0);
    cr_expect(demand->entries[1].quorum.group == 1 && demand->entries[1].step == 1);
    cr_expect(policy.rules[0].when.requester_count == 2 && policy.rules[0].when.requesters[1] == 2);
    policy_free(&policy);
    bytes_free(&bytes);
}

Test(policy_decode, rules_about_demands_broken_once)
{
    static const struct refusal rows[] = {
        {"rules[0].demand.delay_s", "0", STATUS_INVALID, "rules[0].demand.delay_s", "integer"},
        {"rules[0].demand.limits", "[{\"count\":1,\"per\":\"requester\",\"window_s\":60}]", STATUS_INVALID,
         "rules[0].demand.limits", "needs the condition requesters"},
        {"rules[0].demand.delay_s", "2592001", STATUS_INVALID, "rules[0].demand.delay_s", "integer"},
        {"rules[0].demand.limits", "[]", STATUS_INVALID, "rules[0].demand.limits", "array"},
        {"rules[0].demand.limits", "[{\"per\":\"asset\",\"window_s\":60}]", STATUS_INVALID, "rules[0].demand.limits[0]",
         "count, sum or both"},
        {"rules[0].demand.limits", "[{\"count\":0,\"per\":\"asset\",\"window_s\":60}]", STATUS_INVALID,
         "rules[0].demand.limits[0].count", "integer"},
        {"rules[0].demand.limits", "[{\"per\":\"asset\",\"sum\":\"0\",\"window_s\":60}]", STATUS_INVALID,
         "rules[0].demand.limits[0].sum", "above zero"},
        {"rules[0].demand.limits", "[{\"count\":1,\"per\":\"group\",\"window_s\":60}]", STATUS_INVALID,
         "rules[0].demand.limits[0].per", "asset, destination"},
        {"rules[0].demand.limits", "[{\"count\":1,\"per\":\"asset\",\"window_s\":59}]", STATUS_INVALID,
         "rules[0].demand.limits[0].window_s", "integer"},
        {"rules[0].demand.limits", "[{\"count\":1,\"per\":\"asset\",\"window_s\":2678401}]", STATUS_INVALID,
         "rules[0].demand.limits[0].window_s", "integer"},
        {"rules[0].demand.limits",
         "[{\"count\":1,\"per\":\"asset\",\"window_s\":60},{\"count\":2,\"per\":\"asset\",\"window_s\":60}]",
         STATUS_INVALID, "rules[0].demand.limits", "sorted by per"},
        {"rules[0].demand.limits",
         "[{\"count\":1,\"per\":\"wallet\",\"window_s\":60},{\"count\":2,\"per\":\"asset\",\"window_s\":60}]",
         STATUS_INVALID, "rules[0].demand.limits", "sorted by per"},
        {"rules[0].demand.steps", "[[],[],[],[],[]]", STATUS_INVALID, "rules[0].demand.steps", "1 to 4"},
        {"rules[0].demand.steps[1]", "[]", STATUS_INVALID, "rules[0].demand.steps[1]", "1 to 16"},
        {"rules[0].demand.steps[0]", "{}", STATUS_INVALID, "rules[0].demand.steps[0]", "1 to 16"},
        {"rules[0].demand.destinations", "\"listed\"", STATUS_UNKNOWN_FIELD, "rules[0].demand.destinations", "no such"},
    };
    expect_refusals(decode, world.policy_json, rows, sizeof(rows) / sizeof(rows[0]));
}

/* An array with `count` elements like the first, with ids x-0000, x-0001 ... in order. */
static void fill(json_t *policy, const char *name, size_t count)
{
    json_t *array = json_object_get(policy, name);
    json_t *first = json_deep_copy(json_array_get(array, 0));
    json_array_clear(array);
    for (size_t i = 0; i < count; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "x-%04zu", i);
        json_t *element = json_deep_copy(first);
        json_object_set_new(element, "id", json_string(id));
        if (strcmp(name, "people") == 0) {
            json_object_set_new(element, "keys", json_array());
        }
        json_array_append_new(array, element);
    }
    json_decref(first);
}

Test(policy_decode, sizes_end_where_they_should)
{
    static const struct {
        const char *name;
        size_t most;
    } lists[] = {{"people", POLICY_PEOPLE_MAX},
                 {"groups", POLICY_GROUPS_MAX},
                 {"wallets", POLICY_WALLETS_MAX},
                 {"rules", POLICY_RULES_MAX}};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        json_t *policy = json_deep_copy(world.policy_json);
        fill(policy, lists[i].name, lists[i].most + 1);
        struct bytes bytes = json_bytes(policy);
        struct fault fault = {0};
        cr_expect(decode(bytes.data, bytes.len, &fault) != STATUS_OK);
        cr_expect_str_eq(fault.where, lists[i].name);
        cr_expect(strstr(fault.detail, "array") != NULL, "%s", fault.detail);
        bytes_free(&bytes);
        json_decref(policy);
    }
}

Test(policy_decode, as_many_rules_as_allowed)
{
    fill(world.policy_json, "rules", POLICY_RULES_MAX);
    struct bytes bytes = json_bytes(world.policy_json);
    struct fault fault = {0};
    cr_assert(decode(bytes.data, bytes.len, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    bytes_free(&bytes);
}

Test(policy_decode, more_than_a_quarter_mebibyte_is_refused)
{
    char *big = malloc(CANON_POLICY_MAX + 1);
    memset(big, ' ', CANON_POLICY_MAX + 1);
    cr_assert(decode(big, CANON_POLICY_MAX + 1, NULL) == STATUS_TOO_LARGE);
    free(big);
}
