/*
 * Approvals: every rule of the document broken once, and every way in which a signed one does not count for an intent.
 */
#include "policy/approval.h"

#include "fixture.h"

#include <criterion/criterion.h>

#define SEEN_A "00000000000000000000000000000000000000000000000000000000000000aa"
#define SEEN_B "00000000000000000000000000000000000000000000000000000000000000ab"

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(approval, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct approval approval;
    return approval_decode(&approval, document, len, fault);
}

static enum status verify(const struct signed_document *document, struct fault *fault)
{
    const struct approval_context context = {&world.intent, &world.intent_digest, &world.policy, world.now};
    struct approval approval;
    return approval_verify(&approval, document, &context, fault);
}

/* Signs a changed approval of bert and expects the refusal. */
static void expect_refused(const struct approval *approval, enum who key, enum status expected, const char *where)
{
    struct fault fault = {0};
    struct signed_document document = {0};
    world_sign_approval(&document, &world, approval, key);
    enum status status = verify(&document, &fault);
    cr_expect(status == expected, "status %s, not %s", status_info(status)->code, status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
    signed_document_free(&document);
}

Test(approval, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"approver", NULL, STATUS_MISSING_FIELD, "approver", "required"},
        {"approver", "\"Bert\"", STATUS_INVALID, "approver", "name"},
        {"chain", "\"\"", STATUS_INVALID, "chain", "hexadecimal"},
        {"decision", "\"abstain\"", STATUS_INVALID, "decision", "approve, reject or request"},
        {"decision", "true", STATUS_INVALID, "decision", "string"},
        {"environment", NULL, STATUS_MISSING_FIELD, "environment", "required"},
        {"expires_at", "\"" SIGNED_AT "\"", STATUS_INVALID, "expires_at", "after signed_at"},
        {"intent", "\"no\"", STATUS_INVALID, "intent", "hexadecimal"},
        {"key", NULL, STATUS_MISSING_FIELD, "key", "required"},
        {"policy", "1", STATUS_INVALID, "policy", "hexadecimal"},
        {"seen", NULL, STATUS_MISSING_FIELD, "seen", "required"},
        {"seen", "\"none\"", STATUS_INVALID, "seen", "array"},
        {"seen", "[\"no\"]", STATUS_INVALID, "seen", "hexadecimal"},
        {"seen", "[1]", STATUS_INVALID, "seen", "hexadecimal"},
        {"seen", "[\"" SEEN_B "\",\"" SEEN_A "\"]", STATUS_INVALID, "seen", "ascending"},
        {"seen", "[\"" SEEN_A "\",\"" SEEN_A "\"]", STATUS_INVALID, "seen", "ascending"},
        {"signed_at", "\"yesterday\"", STATUS_INVALID, "signed_at", "time"},
        {"withdrawal", "\"7\"", STATUS_INVALID, "withdrawal", "UUIDv7"},
        {"comment", "\"ok\"", STATUS_UNKNOWN_FIELD, "comment", "no such field"},
    };
    json_t *valid = json_loads((const char *)world.approvals[0].document.data, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(approval, the_bytes_round_trip)
{
    struct approval approval;
    struct bytes again = {0};
    const struct bytes *document = &world.approvals[0].document;
    cr_assert(approval_decode(&approval, document->data, document->len, NULL) == STATUS_OK);
    cr_assert(approval_encode(&again, &approval, NULL) == STATUS_OK);
    cr_assert(again.len == document->len && memcmp(again.data, document->data, again.len) == 0);
    bytes_free(&again);
}

Test(approval, what_was_seen_round_trips)
{
    struct approval approval = world_approval(&world, "bert", BERT);
    struct approval again;
    struct bytes document = {0};
    for (size_t i = 0; i < APPROVAL_SEEN_MAX; i++) {
        approval.seen[i].bytes32[0] = (uint8_t)i;
    }
    approval.seen_count = APPROVAL_SEEN_MAX;
    cr_assert(approval_encode(&document, &approval, NULL) == STATUS_OK);
    cr_assert(approval_decode(&again, document.data, document.len, NULL) == STATUS_OK);
    cr_assert(again.seen_count == APPROVAL_SEEN_MAX);
    cr_assert(memcmp(again.seen, approval.seen, sizeof(again.seen)) == 0);
    bytes_free(&document);
}

Test(approval, encoder_refuses_what_the_decoder_refuses)
{
    struct bytes document = {0};
    struct approval approval = world_approval(&world, "bert", BERT);
    approval.decision = 0;
    cr_assert(approval_encode(&document, &approval, NULL) == STATUS_INVALID);
    approval = world_approval(&world, "bert", BERT);
    approval.signed_at = approval.expires_at;
    cr_assert(approval_encode(&document, &approval, NULL) == STATUS_INVALID);
    for (int decision = APPROVAL_REJECT; decision <= APPROVAL_REQUEST; decision++) {
        approval = world_approval(&world, "bert", BERT);
        approval.decision = (enum approval_decision)decision;
        approval.seen_count = 1;
        cr_assert(approval_encode(&document, &approval, NULL) == STATUS_INVALID);
    }
}

Test(approval, right_ones_verify_with_every_algorithm)
{
    struct signed_document document = {0};
    static const struct {
        const char *name;
        enum who key;
    } people[] = {{"bert", BERT}, {"bob", BOB}, {"bob", BOB_SECOND}, {"carol", CAROL}};
    for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++) {
        world_approve(&document, &world, people[i].name, people[i].key);
        cr_expect(verify(&document, NULL) == STATUS_OK, "%s %zu", people[i].name, i);
    }
    signed_document_free(&document);
}

Test(approval, a_rejection_verifies_too)
{
    struct approval approval = world_approval(&world, "bert", BERT);
    struct signed_document document = {0};
    approval.decision = APPROVAL_REJECT;
    world_sign_approval(&document, &world, &approval, BERT);
    const struct approval_context context = {&world.intent, &world.intent_digest, &world.policy, world.now};
    cr_assert(approval_verify(&approval, &document, &context, NULL) == STATUS_OK);
    cr_assert(approval.decision == APPROVAL_REJECT);
    signed_document_free(&document);
}

Test(approval, of_something_else_is_refused)
{
    struct approval approval = world_approval(&world, "bert", BERT);
    approval.intent.bytes32[31] ^= 1;
    expect_refused(&approval, BERT, STATUS_MISMATCH, "intent");
    approval = world_approval(&world, "bert", BERT);
    approval.withdrawal.bytes16[15] ^= 1;
    expect_refused(&approval, BERT, STATUS_MISMATCH, "withdrawal");
    approval = world_approval(&world, "bert", BERT);
    approval.policy.bytes32[0] ^= 1;
    expect_refused(&approval, BERT, STATUS_MISMATCH, "policy");
    approval = world_approval(&world, "bert", BERT);
    approval.chain.bytes32[0] ^= 1;
    expect_refused(&approval, BERT, STATUS_MISMATCH, "chain");
    approval = world_approval(&world, "bert", BERT);
    approval.environment = name_of("production");
    expect_refused(&approval, BERT, STATUS_MISMATCH, "environment");
    approval = world_approval(&world, "bert", BERT);
    approval.expires_at++;
    expect_refused(&approval, BERT, STATUS_MISMATCH, "expires_at");
}

Test(approval, expires_at_the_microsecond)
{
    struct approval approval = world_approval(&world, "bert", BERT);
    approval.expires_at = world.now + 1;
    struct signed_document document = {0};
    world_sign_approval(&document, &world, &approval, BERT);
    cr_expect(verify(&document, NULL) == STATUS_OK);
    signed_document_free(&document);
    approval.expires_at = world.now;
    expect_refused(&approval, BERT, STATUS_EXPIRED, "expires_at");
}

Test(approval, keys_of_others_are_refused)
{
    struct approval approval = world_approval(&world, "bert", BOB);
    expect_refused(&approval, BOB, STATUS_UNKNOWN_KEY, "key");
    approval = world_approval(&world, "bert", STRANGER);
    expect_refused(&approval, STRANGER, STATUS_UNKNOWN_KEY, "key");
    approval = world_approval(&world, "nobody", BERT);
    expect_refused(&approval, BERT, STATUS_UNKNOWN_KEY, "key");
    /* names the own key and is signed by another */
    approval = world_approval(&world, "bert", BERT);
    expect_refused(&approval, BOB, STATUS_UNKNOWN_KEY, "signatures[0]");
    approval = world_approval(&world, "bob", BOB);
    expect_refused(&approval, BOB_SECOND, STATUS_UNKNOWN_KEY, "signatures[0]");
}

Test(approval, of_the_own_request_is_refused)
{
    world.intent.requester = name_of("dave");
    world_intent_changed(&world, false);
    struct approval approval = world_approval(&world, "dave", DAVE);
    expect_refused(&approval, DAVE, STATUS_SELF_APPROVAL, "approver");
}

Test(approval, a_request_is_the_requesters_alone)
{
    struct signed_document document = {0};
    struct approval approval = world_approval(&world, "bert", BERT);
    approval.decision = APPROVAL_REQUEST;
    expect_refused(&approval, BERT, STATUS_MISMATCH, "approver");
    world.intent.requester = name_of("bert");
    world_intent_changed(&world, false);
    approval = world_approval(&world, "bert", BERT);
    approval.decision = APPROVAL_REQUEST;
    expect_refused(&approval, BERT, STATUS_FORBIDDEN, "approver"); /* no duty requester */
    world.intent.requester = name_of("dave");
    world_intent_changed(&world, false);
    approval = world_approval(&world, "dave", DAVE);
    approval.decision = APPROVAL_REQUEST;
    world_sign_approval(&document, &world, &approval, DAVE);
    cr_expect(verify(&document, NULL) == STATUS_OK);
    signed_document_free(&document);
}

Test(approval, one_signature_exactly)
{
    struct fault fault = {0};
    struct signed_document document = {0};
    cr_assert(signed_document_copy(&document, &world.approvals[0]) == STATUS_OK);
    test_key_sign_document(&document, APPROVAL_KIND, world.keys[BOB]);
    cr_expect(verify(&document, &fault) == STATUS_SIGNATURE_INVALID);
    cr_expect_str_eq(fault.where, "signatures");
    document.signature_count = 0;
    cr_expect(verify(&document, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}

Test(approval, a_signature_over_another_kind_is_refused)
{
    struct signed_document document = {0};
    const struct bytes *bytes = &world.approvals[0].document;
    cr_assert(bytes_copy(&document.document, bytes->data, bytes->len) == STATUS_OK);
    test_key_sign_document(&document, INTENT_KIND, world.keys[BERT]);
    cr_expect(verify(&document, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}

Test(approval, high_s_is_refused)
{
    struct signed_document document = {0};
    cr_assert(signed_document_copy(&document, &world.approvals[0]) == STATUS_OK);
    test_key_make_high_s(document.signatures[0].bytes64, ALGORITHM_P256);
    cr_expect(verify(&document, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}
