/*
 * Versions of a policy in time: which was in force when, destinations of older versions, two versions that both decide.
 */
#include "policy/chain.h"

#include <criterion/criterion.h>

#include "fixture.h"

#define MINUTE_US 60000000LL

static struct world world;
static struct policy second;
static struct policy_chain_version versions[2];
static const struct policy_chain chain = {versions, 2};

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    policy_free(&second);
    second = (struct policy){0};
    world_wipe(&world);
}

TestSuite(chain, .init = setup, .fini = teardown);

/* The successor, in force from `in_force_at` on. */
static void follow(int64_t in_force_at)
{
    char hex[DIGEST_HEX_LEN + 1];
    char prev[DIGEST_HEX_LEN + 3];
    digest_format(hex, &world.policy.digest);
    (void)snprintf(prev, sizeof(prev), "\"%s\"", hex);
    json_edit(world.policy_json, "version", "2");
    json_edit(world.policy_json, "prev", prev);
    struct bytes bytes = json_bytes(world.policy_json);
    struct fault fault = {0};
    cr_assert(policy_decode(&second, bytes.data, bytes.len, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    bytes_free(&bytes);
    versions[0] = (struct policy_chain_version){.policy = &world.policy};
    versions[1] = (struct policy_chain_version){.policy = &second, .in_force_at = in_force_at};
}

static void expect_withdrawal(enum status expected, const char *where)
{
    const struct withdrawal_documents documents = world_documents(&world);
    struct withdrawal_context context = world_context(&world);
    struct withdrawal withdrawal = {0};
    struct fault fault = {0};
    context.policy = &second;
    context.chain = &chain;
    enum status status = policy_check_withdrawal(&withdrawal, &documents, &context, &fault);
    cr_expect(status == expected, "status %s (%s: %s), not %s", status_info(status)->code, fault.where, fault.detail,
              status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
    if (status == STATUS_OK) {
        cr_expect(digest_equal(&withdrawal.policy, &world.policy.digest));
        cr_expect(digest_equal(&withdrawal.in_force, &second.digest));
    }
    withdrawal_free(&withdrawal);
}

Test(chain, tells_which_version_was_in_force)
{
    const struct policy_chain none = {NULL, 0};
    follow(world.now);
    cr_expect(policy_chain_in_force(&chain) == &second && policy_chain_in_force(&none) == NULL);
    cr_expect(policy_chain_at(&chain, world.now - 1) == &world.policy && policy_chain_at(&chain, 0) == &world.policy);
    cr_expect(policy_chain_at(&chain, world.now) == &second && policy_chain_at(&none, 0) == NULL);
    cr_expect(policy_chain_find(&chain, &world.policy.digest) == &world.policy);
    cr_expect(policy_chain_find(&chain, &second.digest) == &second);
    cr_expect(policy_chain_find(&chain, &second.prev) == &world.policy &&
              policy_chain_find(&none, &second.digest) == NULL);
    cr_expect(policy_chain_was_in_force(&chain, &world.policy.digest, world.now + MINUTE_US - 1));
    cr_expect(!policy_chain_was_in_force(&chain, &world.policy.digest, world.now + MINUTE_US));
    cr_expect(policy_chain_was_in_force(&chain, &second.digest, world.now - MINUTE_US));
    cr_expect(!policy_chain_was_in_force(&chain, &second.digest, world.now - MINUTE_US - 1));
    cr_expect(!policy_chain_was_in_force(&chain, &world.intent_digest, world.now));
}

Test(chain, an_entry_of_the_list_outlives_its_version)
{
    struct destination out;
    struct fault fault = {0};
    follow(world.now - MINUTE_US);
    struct signed_document document = {0};
    struct destination made = world_destination(&world);
    made.issued_at = world.now - 3 * MINUTE_US;
    world_sign_destination(&document, &world, &made);
    cr_expect(policy_chain_destination_verify(&out, &document, &chain, world.now, NULL) == STATUS_OK);
    cr_expect(policy_chain_destination_verify(&out, &document, &chain, made.valid_until, NULL) == STATUS_EXPIRED);
    signed_document_free(&document);

    made.issued_at = world.now; /* the old quorum, after its time */
    world_sign_destination(&document, &world, &made);
    cr_expect(policy_chain_destination_verify(&out, &document, &chain, world.now, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "issued_at");
    made.policy = second.digest;
    world_sign_destination(&document, &world, &made);
    cr_expect(policy_chain_destination_verify(&out, &document, &chain, world.now, NULL) == STATUS_OK);
    made.policy = world.intent_digest;
    world_sign_destination(&document, &world, &made);
    cr_expect(policy_chain_destination_verify(&out, &document, &chain, world.now, NULL) == STATUS_MISMATCH);
    signed_document_free(&document);
}

Test(chain, a_withdrawal_outlives_its_version)
{
    follow(world.now - MINUTE_US);
    expect_withdrawal(STATUS_OK, "");
}

Test(chain, both_versions_must_allow_it)
{
    static const struct {
        const char *path;
        const char *text;
        enum status status;
        const char *where;
    } rows[] = {
        {"rules", "[]", STATUS_DENIED, "policy"},
        {"rules[0].demand.max_amount", "\"249\"", STATUS_LIMIT_EXCEEDED, "policy"},
        {"rules[0].when.wallets", "[\"cold-1\"]", STATUS_DENIED, "policy"},
        {"rules[0].demand.steps[0]", "[{\"group\":\"treasury\",\"m\":2}]", STATUS_QUORUM_MISSING, "policy"},
        {"people[4].keys", "[]", STATUS_QUORUM_MISSING, "policy"},
        {"people[4].valid_until", "\"2026-01-03T03:04:05.000000Z\"", STATUS_QUORUM_MISSING, "policy"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *before = json_deep_copy(world.policy_json);
        json_edit(world.policy_json, rows[i].path, rows[i].text);
        follow(world.now - MINUTE_US);
        expect_withdrawal(rows[i].status, rows[i].where);
        policy_free(&second);
        json_decref(world.policy_json);
        world.policy_json = before;
    }
}

/* Governance lowers what it takes; what was asked for before still takes what it took then. */
Test(chain, a_looser_version_does_not_help_what_was_proposed_before)
{
    json_edit(world.policy_json, "rules[0].demand.steps[0]", "[{\"group\":\"treasury\",\"m\":2}]");
    follow(world.now - MINUTE_US);
    world_approve(&world.approvals[1], &world, "bob", BOB);
    expect_withdrawal(STATUS_QUORUM_MISSING, "policy");
}

Test(chain, a_wallet_with_another_key_now_is_another_wallet)
{
    json_t *cold = json_array_get(json_object_get(world.policy_json, "wallets"), 0);
    json_t *hot = json_array_get(json_object_get(world.policy_json, "wallets"), 1);
    static const char *const members[] = {"alg", "key"};
    for (size_t i = 0; i < 2; i++) {
        json_t *kept = json_incref(json_object_get(cold, members[i]));
        json_object_set(cold, members[i], json_object_get(hot, members[i]));
        json_object_set_new(hot, members[i], kept);
    }
    follow(world.now - MINUTE_US);
    expect_withdrawal(STATUS_CONFLICT, "wallet");
}

/* Who asked under a version that let them, and may not ask under the one in force, is nobody who is known to ask. */
Test(chain, who_lost_the_duty_does_not_ask)
{
    world.intent.requester = name_of("dave");
    world_intent_changed(&world, true);
    world_approve(&world.approvals[0], &world, "bert", BERT);
    world_approve(&world.approvals[1], &world, "carol", CAROL);
    struct approval asked = world_approval(&world, "dave", DAVE);
    asked.decision = APPROVAL_REQUEST;
    world_sign_approval(&world.approvals[2], &world, &asked, DAVE);
    world.approval_count = 3;
    json_edit(world.policy_json, "rules[0].when.requesters", "[\"risk\"]");
    json_t *before = json_deep_copy(world.policy_json);
    follow(world.now - MINUTE_US);
    expect_withdrawal(STATUS_OK, "");
    policy_free(&second);
    json_decref(world.policy_json);
    world.policy_json = before;
    json_t *people = json_object_get(world.policy_json, "people");
    json_t *person = NULL;
    size_t i = 0;
    json_array_foreach(people, i, person)
    {
        if (strcmp(json_string_value(json_object_get(person, "id")), "dave") == 0) {
            json_object_set_new(person, "duties", json_pack("[s]", "approver"));
        }
    }
    follow(world.now - MINUTE_US);
    expect_withdrawal(STATUS_QUORUM_MISSING, "policy");
}

Test(chain, without_the_chain_an_older_version_is_none)
{
    struct withdrawal withdrawal = {0};
    struct fault fault = {0};
    follow(world.now - MINUTE_US);
    const struct withdrawal_documents documents = world_documents(&world);
    struct withdrawal_context context = world_context(&world);
    context.policy = &second;
    cr_expect(policy_check_withdrawal(&withdrawal, &documents, &context, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "intent.policy");
}
