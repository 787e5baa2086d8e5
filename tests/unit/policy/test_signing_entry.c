/*
 * The entry before a signature: it names exactly what was checked, through the bytes of the trail and back.
 */
#include "policy/signing_entry.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;
static struct withdrawal withdrawal;
static struct audit_event event;

static void setup(void)
{
    world_init(&world);
    const struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    cr_assert(policy_check_withdrawal(&withdrawal, &documents, &context, NULL) == STATUS_OK);
    event = (struct audit_event){.actor = name_of("custodyd"),
                                 .correlation = world.intent.withdrawal,
                                 .producer = world.intent.withdrawal,
                                 .producer_counter = 1,
                                 .object_ordinal = 5};
    cr_assert(policy_signing_entry_fill(&event, AUDIT_WITHDRAWAL_SIGNING, &withdrawal, 7, NULL) == STATUS_OK);
}

static void teardown(void)
{
    audit_event_wipe(&event);
    withdrawal_free(&withdrawal);
    world_wipe(&world);
}

TestSuite(signing_entry, .init = setup, .fini = teardown);

static void expect_verdict(enum status expected, const char *where)
{
    uint64_t promises = 0;
    struct fault fault = {0};
    enum status status = policy_check_signing_entry(&promises, AUDIT_WITHDRAWAL_SIGNING, &withdrawal, &event, &fault);
    cr_expect(status == expected, "status %s", status_info(status)->code);
    cr_expect_str_eq(fault.where, where);
}

Test(signing_entry, survives_the_trail)
{
    struct bytes pending = {0};
    struct audit_event decoded;
    struct fault fault = {0};
    cr_assert(audit_event_encode(&pending, &event, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert(audit_event_decode_pending(&decoded, pending.data, pending.len, &fault) == STATUS_OK, "%s: %s",
              fault.where, fault.detail);
    uint64_t promises = 0;
    cr_expect(policy_check_signing_entry(&promises, AUDIT_WITHDRAWAL_SIGNING, &withdrawal, &decoded, NULL) ==
              STATUS_OK);
    cr_expect(promises == 7);
    audit_event_wipe(&decoded);
    bytes_free(&pending);
}

Test(signing_entry, of_another_act_or_outcome_is_refused)
{
    event.action = AUDIT_WITHDRAWAL_ANNOUNCED;
    expect_verdict(STATUS_MISMATCH, "leaf.act");
    event.action = AUDIT_WITHDRAWAL_SIGNING;
    event.outcome = AUDIT_OUTCOME_OK;
    expect_verdict(STATUS_MISMATCH, "leaf.outcome");
}

Test(signing_entry, with_other_facts_is_refused)
{
    cr_assert(audit_event_fact_add(&event, "other", "1", NULL) == STATUS_OK);
    expect_verdict(STATUS_MISMATCH, "leaf.facts");
    json_object_del(event.facts, "other");
    expect_verdict(STATUS_OK, "");
    json_object_set_new(event.facts, "promises", json_string("07"));
    expect_verdict(STATUS_MISMATCH, "leaf.facts");
    json_decref(event.facts);
    event.facts = NULL;
    expect_verdict(STATUS_MISMATCH, "leaf.facts");
}

/* An officer finds the entry by what it says, so it says what is signed. */
Test(signing_entry, every_fact_must_be_that_of_the_intent)
{
    static const struct {
        const char *name;
        const char *other;
    } facts[] = {{"amount", "1"}, {"asset", ZEROS}, {"destination", "sr1"}, {"wallet", "other"}};
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        char where[64];
        (void)snprintf(where, sizeof(where), "leaf.facts.%s", facts[i].name);
        json_t *right = json_incref(json_object_get(event.facts, facts[i].name));
        cr_assert_not_null(right);
        json_object_set_new(event.facts, facts[i].name, json_string(facts[i].other));
        expect_verdict(STATUS_MISMATCH, where);
        json_object_del(event.facts, facts[i].name);
        expect_verdict(STATUS_MISMATCH, "leaf.facts");
        json_object_set_new(event.facts, facts[i].name, right);
    }
    expect_verdict(STATUS_OK, "");
}

Test(signing_entry, of_another_withdrawal_is_refused)
{
    event.object_id[0] ^= 1;
    expect_verdict(STATUS_MISMATCH, "leaf.oid");
    event.object_id[0] ^= 1;
    event.object_type[0] = 'x';
    expect_verdict(STATUS_MISMATCH, "leaf.oid");
}

/* From the version of the intent to the one in force: the policy may change between the entry and the signature. */
Test(signing_entry, the_version_is_one_in_force_since_the_intent)
{
    struct policy later[4];
    struct policy_chain_version versions[4];
    for (size_t i = 0; i < 4; i++) {
        later[i] = (struct policy){.version = (int64_t)i + 1};
        memset(later[i].digest.bytes32, (int)i + 1, sizeof(later[i].digest.bytes32));
        versions[i] = (struct policy_chain_version){.policy = &later[i], .in_force_at = (int64_t)i};
    }
    const struct policy_chain chain = {versions, 4};
    const struct digest before = event.policy;
    withdrawal.intent.policy_version = 2;
    withdrawal.chain = &chain;
    withdrawal.policy = later[1].digest;
    withdrawal.in_force = later[3].digest;
    json_t *refs = json_object_get(event.refs, "policy");
    char text[65];
    digest_format(text, &withdrawal.policy);
    json_string_set(refs, text);
    for (size_t i = 1; i < 4; i++) {
        event.policy = later[i].digest;
        expect_verdict(STATUS_OK, "");
    }
    event.policy = later[0].digest;
    expect_verdict(STATUS_MISMATCH, "leaf.policy");
    event.policy = before;
    expect_verdict(STATUS_MISMATCH, "leaf.policy");
}

Test(signing_entry, every_reference_must_be_the_one)
{
    static const char *const names[] = {"destination", "intent", "policy", "transaction"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char where[64];
        (void)snprintf(where, sizeof(where), "leaf.refs.%s", names[i]);
        json_t *right = json_incref(json_object_get(event.refs, names[i]));
        json_object_set_new(event.refs, names[i], json_string(ZEROS));
        expect_verdict(STATUS_MISMATCH, where);
        json_object_del(event.refs, names[i]);
        expect_verdict(STATUS_MISMATCH, where);
        json_object_set_new(event.refs, names[i], right);
    }
    expect_verdict(STATUS_OK, "");
}

Test(signing_entry, approvals_are_exactly_those_handed_over)
{
    json_t *approvals = json_object_get(event.refs, "approvals");
    json_t *first = json_incref(json_array_get(approvals, 0));
    json_array_remove(approvals, 0);
    expect_verdict(STATUS_MISMATCH, "leaf.refs.approvals");
    json_array_append(approvals, first); /* both again, in the other order */
    expect_verdict(STATUS_MISMATCH, "leaf.refs.approvals");
    json_array_remove(approvals, 1);
    json_array_insert(approvals, 0, first);
    expect_verdict(STATUS_OK, "");
    json_array_append_new(approvals, json_string(ZEROS));
    expect_verdict(STATUS_MISMATCH, "leaf.refs.approvals");
    json_object_set(event.refs, "approvals", first); /* one digest, no list */
    expect_verdict(STATUS_MISMATCH, "leaf.refs.approvals");
    json_object_del(event.refs, "approvals");
    expect_verdict(STATUS_MISMATCH, "leaf.refs");
    json_decref(first);
}

Test(signing_entry, more_references_are_refused)
{
    cr_assert(audit_event_ref_add(&event, "second_intent", &withdrawal.intent_digest, NULL) == STATUS_OK);
    expect_verdict(STATUS_MISMATCH, "leaf.refs");
}
