/*
 * The whole check of a withdrawal: it passes as it is, and one thing broken at a time is refused at its step, with the
 * part named. What an attacker who owns custodyd and its database could hand over stands here.
 */
#include "policy/withdrawal.h"

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

TestSuite(withdrawal, .init = setup, .fini = teardown);

static void expect_context(const struct withdrawal_context *context, enum status expected, const char *where)
{
    const struct withdrawal_documents documents = world_documents(&world);
    struct withdrawal withdrawal = {0};
    struct fault fault = {0};
    enum status status = policy_check_withdrawal(&withdrawal, &documents, context, &fault);
    cr_expect(status == expected, "status %s (%s: %s), not %s", status_info(status)->code, fault.where, fault.detail,
              status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
    cr_expect((withdrawal.transaction_document.data != NULL) == (expected == STATUS_OK), "bytes only on success");
    withdrawal_free(&withdrawal);
}

static void expect_verdict(enum status expected, const char *where)
{
    const struct withdrawal_context context = world_context(&world);
    expect_context(&context, expected, where);
}

/* The intent after a change, with approvals that were given for it as it now is. */
static void intent_changed(bool rebuild)
{
    world_intent_changed(&world, rebuild);
    world_approve(&world.approvals[0], &world, "bert", BERT);
    world_approve(&world.approvals[1], &world, "carol", CAROL);
}

Test(withdrawal, passes_as_it_is)
{
    const struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    struct withdrawal withdrawal;
    cr_assert(policy_check_withdrawal(&withdrawal, &documents, &context, NULL) == STATUS_OK);
    cr_expect(digest_equal(&withdrawal.transaction_id, &world.intent.transaction));
    cr_expect(digest_equal(&withdrawal.intent_digest, &world.intent_digest));
    cr_expect(digest_equal(&withdrawal.policy, &world.policy.digest));
    cr_expect(withdrawal.approval_count == 2);
    cr_expect(memcmp(&withdrawal.approval_digests[0], &withdrawal.approval_digests[1], 32) < 0);
    struct digest id;
    transaction_id(&id, withdrawal.transaction_document.data, withdrawal.transaction_document.len);
    cr_expect(digest_equal(&id, &withdrawal.transaction_id));
    cr_expect(strlen(withdrawal.short_code) == 9);
    withdrawal_free(&withdrawal);
}

Test(withdrawal, step_1_the_intent_is_canonical)
{
    world.intent_document.len--;
    expect_verdict(STATUS_NOT_CANONICAL, "intent");
    world.intent_document.len++;
    world.intent_document.data[3] ^= 1; /* "amount" becomes "alount" */
    expect_verdict(STATUS_UNKNOWN_FIELD, "intent.alount");
}

Test(withdrawal, step_1_the_intent_is_of_this_policy)
{
    world.intent.chain.bytes32[0] ^= 1;
    intent_changed(true);
    expect_verdict(STATUS_MISMATCH, "intent.chain");
    world.intent.chain = world.policy.chain;
    world.intent.environment = name_of("production");
    intent_changed(true);
    expect_verdict(STATUS_MISMATCH, "intent.environment");
    world.intent.environment = world.policy.environment;
    world.intent.policy.bytes32[0] ^= 1;
    intent_changed(true);
    expect_verdict(STATUS_MISMATCH, "intent.policy");
    world.intent.policy = world.policy.digest;
    world.intent.policy_version = 2;
    intent_changed(true);
    expect_verdict(STATUS_MISMATCH, "intent.policy_version");
}

Test(withdrawal, step_2_the_wallet_and_its_key)
{
    struct withdrawal_context context = world_context(&world);
    context.keys = &world.keys_held[1]; /* the cold one alone */
    context.key_count = 1;
    expect_context(&context, STATUS_MISMATCH, "wallet");
    context.key_count = 0; /* a caller that forgot its keys */
    expect_context(&context, STATUS_MISMATCH, "wallet");
    context.keys_elsewhere = true;
    expect_context(&context, STATUS_OK, "");
    world.intent.wallet = name_of("hot-9");
    intent_changed(false);
    expect_verdict(STATUS_DENIED, "wallet");
    expect_context(&context, STATUS_DENIED, "wallet");
}

Test(withdrawal, step_2_the_key_document_is_of_this_wallet)
{
    struct key_document *key = &world.key_documents[0];
    const struct key_document right = *key;
    key->purpose = ROLE_AUDIT;
    expect_verdict(STATUS_MISMATCH, "wallet.purpose");
    *key = right;
    key->chain.bytes32[0] ^= 1;
    expect_verdict(STATUS_MISMATCH, "wallet.chain");
    *key = right;
    key->environment = name_of("production");
    expect_verdict(STATUS_MISMATCH, "wallet.chain");
    *key = right;
    key->tier = TIER_COLD;
    expect_verdict(STATUS_MISMATCH, "wallet.tier");
}

Test(withdrawal, step_2_only_an_active_key_signs)
{
    for (int state = KEY_STATE_GENERATED; state <= KEY_STATE_DESTROYED; state++) {
        world.keys_held[0].state = (enum key_state)state;
        if (state == KEY_STATE_ACTIVE) {
            expect_verdict(STATUS_OK, "");
        } else {
            expect_verdict(STATUS_KEY_INACTIVE, "wallet.state");
        }
    }
}

Test(withdrawal, step_2_the_cryptoperiod)
{
    world.key_documents[0].valid_from = world.now + 1;
    expect_verdict(STATUS_KEY_INACTIVE, "wallet.state");
    world.key_documents[0].valid_from = world.now;
    expect_verdict(STATUS_OK, "");
    world.key_documents[0].valid_until = world.now;
    expect_verdict(STATUS_KEY_INACTIVE, "wallet.state");
}

/* The verdict on the world's withdrawal with a sweep command. */
static void expect_swept(const struct command *command, enum status expected, const char *where)
{
    struct signed_document sweep = {0};
    struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    struct withdrawal withdrawal = {0};
    struct fault fault = {0};
    world_sign_command(&sweep, &world, command, ADA, AMY);
    documents.sweep = &sweep;
    enum status status = policy_check_withdrawal(&withdrawal, &documents, &context, &fault);
    cr_expect(status == expected, "status %s (%s: %s), not %s", status_info(status)->code, fault.where, fault.detail,
              status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
    cr_expect(status != STATUS_OK || withdrawal.key_state == world.keys_held[0].state);
    withdrawal_free(&withdrawal);
    signed_document_free(&sweep);
}

Test(withdrawal, step_2_a_retained_key_sends_what_a_sweep_names)
{
    const struct command right = world_command(&world, COMMAND_KEY_SWEEP, HOT);
    struct command command = right;
    world.keys_held[0].state = KEY_STATE_RETAINED;
    expect_swept(&right, STATUS_OK, "");
    command.intent.bytes32[0] ^= 1;
    expect_swept(&command, STATUS_MISMATCH, "sweep.intent");
    command = right;
    command.key = world.key_documents[1].key_id;
    expect_swept(&command, STATUS_MISMATCH, "sweep.key");
    command = right;
    command.from = KEY_STATE_COMPROMISED;
    expect_swept(&command, STATUS_CONFLICT, "sweep.from");
    command = world_command(&world, COMMAND_KEY_RETIRE, HOT);
    expect_swept(&command, STATUS_MISMATCH, "sweep.action");
    command = right;
    command.issued_at -= 3600000000LL;
    command.expires_at = world.now;
    expect_swept(&command, STATUS_EXPIRED, "sweep.expires_at");
}

Test(withdrawal, step_2_a_sweep_needs_the_quorum)
{
    struct signed_document sweep = {0};
    struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    const struct command command = world_command(&world, COMMAND_KEY_SWEEP, HOT);
    struct withdrawal withdrawal = {0};
    struct fault fault = {0};
    world.keys_held[0].state = KEY_STATE_RETAINED;
    world_sign_command(&sweep, &world, &command, ADA, WHO_COUNT);
    documents.sweep = &sweep;
    cr_expect(policy_check_withdrawal(&withdrawal, &documents, &context, &fault) == STATUS_QUORUM_MISSING);
    cr_expect_str_eq(fault.where, "sweep.signatures");
    signed_document_free(&sweep);
}

Test(withdrawal, step_2_a_sweep_needs_a_quorum_of_people_who_are_not_suspended)
{
    const struct name suspended[] = {name_of("alan"), name_of("amy")};
    struct signed_document sweep = {0};
    struct withdrawal_documents documents = world_documents(&world);
    struct withdrawal_context context = world_context(&world);
    const struct command command = world_command(&world, COMMAND_KEY_SWEEP, HOT);
    struct withdrawal withdrawal = {0};
    struct fault fault = {0};
    world.keys_held[0].state = KEY_STATE_RETAINED;
    world_sign_command(&sweep, &world, &command, ADA, AMY);
    documents.sweep = &sweep;
    context.suspended = suspended;
    context.suspended_count = 2;
    cr_expect(policy_check_withdrawal(&withdrawal, &documents, &context, &fault) == STATUS_QUORUM_MISSING);
    cr_expect_str_eq(fault.where, "sweep.signatures");
    context.suspended_count = 1; /* alan alone, who did not sign it */
    enum status status = policy_check_withdrawal(&withdrawal, &documents, &context, &fault);
    cr_expect(status == STATUS_OK, "%s: %s: %s", status_info(status)->code, fault.where, fault.detail);
    withdrawal_free(&withdrawal);
    signed_document_free(&sweep);
}

Test(withdrawal, step_2_a_compromised_key_sends_to_an_emergency_address_only)
{
    struct command command = world_command(&world, COMMAND_KEY_SWEEP, HOT);
    world.keys_held[0].state = KEY_STATE_COMPROMISED;
    command.from = KEY_STATE_COMPROMISED;
    expect_swept(&command, STATUS_OK, "");
    world.key_documents[0].emergency_count = 0;
    expect_swept(&command, STATUS_DENIED, "sweep.intent");
}

Test(withdrawal, step_2_a_sweep_wakes_no_other_state)
{
    static const enum key_state states[] = {KEY_STATE_GENERATED, KEY_STATE_INACTIVE, KEY_STATE_SUSPENDED,
                                            KEY_STATE_DESTROYED};
    const struct command command = world_command(&world, COMMAND_KEY_SWEEP, HOT);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        world.keys_held[0].state = states[i];
        expect_swept(&command, STATUS_KEY_INACTIVE, "wallet.state");
    }
}

Test(withdrawal, step_3_the_clock)
{
    struct withdrawal_context context = world_context(&world);
    context.at_utc_us = world.intent.expires_at - 1;
    expect_context(&context, STATUS_OK, "");
    context.at_utc_us = world.intent.expires_at;
    expect_context(&context, STATUS_EXPIRED, "intent.expires_at");
    context = world_context(&world);
    context.highest_utc_us = context.at_utc_us + 60000000;
    expect_context(&context, STATUS_OK, "");
    context.highest_utc_us++;
    expect_context(&context, STATUS_ROLLBACK, "clock");
}

Test(withdrawal, step_4_the_transaction_is_the_rebuilt_one)
{
    world.intent.transaction.bytes32[31] ^= 1;
    intent_changed(false);
    expect_verdict(STATUS_MISMATCH, "transaction");
    world_intent_changed(&world, true);
    world.intent.amount = amount_of("251"); /* the digest stays that of 250 */
    intent_changed(false);
    expect_verdict(STATUS_MISMATCH, "transaction");
}

Test(withdrawal, step_4_a_wallet_does_not_pay_itself)
{
    const struct wallet *wallet = policy_find_wallet(&world.policy, &world.intent.wallet);
    world.intent.destination = wallet->account;
    intent_changed(false);
    expect_verdict(STATUS_INVALID, "transaction.legs[1]");
}

Test(withdrawal, step_5_the_destination)
{
    struct destination destination = world_destination(&world);
    destination.account.digest.bytes32[0] ^= 1;
    world_sign_destination(&world.destination, &world, &destination);
    expect_verdict(STATUS_MISMATCH, "destination.account");
    destination = world_destination(&world);
    destination.valid_until = world.now;
    world_sign_destination(&world.destination, &world, &destination);
    expect_verdict(STATUS_EXPIRED, "destination.valid_until");
    destination = world_destination(&world);
    world_sign_destination(&world.destination, &world, &destination);
    world.destination.signature_count = 1;
    expect_verdict(STATUS_QUORUM_MISSING, "destination.signatures");
}

Test(withdrawal, step_6_another_amount_than_was_approved)
{
    world.intent.amount = amount_of("900");
    world_intent_changed(&world, true); /* the approvals remain those of 250 */
    expect_verdict(STATUS_MISMATCH, "approvals[0].intent");
}

Test(withdrawal, step_6_one_bad_approval_refuses_the_request)
{
    struct approval approval = world_approval(&world, "bob", BOB);
    approval.expires_at = world.now;
    world_sign_approval(&world.approvals[2], &world, &approval, BOB);
    world.approval_count = 3;
    expect_verdict(STATUS_EXPIRED, "approvals[2].expires_at");
    approval = world_approval(&world, "bob", STRANGER);
    world_sign_approval(&world.approvals[2], &world, &approval, STRANGER);
    expect_verdict(STATUS_UNKNOWN_KEY, "approvals[2].key");
    approval = world_approval(&world, "bob", BOB);
    world_sign_approval(&world.approvals[2], &world, &approval, BOB);
    world.approvals[2].signatures[0].bytes64[0] ^= 1;
    expect_verdict(STATUS_SIGNATURE_INVALID, "approvals[2].signatures[0]");
}

Test(withdrawal, step_6_a_rejection_refuses_the_request)
{
    struct approval approval = world_approval(&world, "bob", BOB);
    approval.decision = APPROVAL_REJECT;
    world_sign_approval(&world.approvals[2], &world, &approval, BOB);
    world.approval_count = 3;
    expect_verdict(STATUS_DENIED, "approvals[2].decision");
}

Test(withdrawal, step_6_no_person_twice_by_two_keys)
{
    world_approve(&world.approvals[0], &world, "bob", BOB);
    world_approve(&world.approvals[1], &world, "bob", BOB_SECOND);
    expect_verdict(STATUS_DUPLICATE_PERSON, "approvals[1].approver");
}

Test(withdrawal, step_6_the_same_approval_twice)
{
    cr_assert(signed_document_copy(&world.approvals[2], &world.approvals[0]) == STATUS_OK);
    world.approval_count = 3;
    expect_verdict(STATUS_DUPLICATE_PERSON, "approvals[2].approver");
}

Test(withdrawal, step_6_the_requester_cannot_approve)
{
    world.intent.requester = name_of("carol");
    intent_changed(true);
    expect_verdict(STATUS_SELF_APPROVAL, "approvals[1].approver");
}

Test(withdrawal, step_6_not_without_end)
{
    struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    struct withdrawal withdrawal;
    documents.approval_count = WITHDRAWAL_APPROVALS_MAX + 1; /* refused before one is read */
    cr_expect(policy_check_withdrawal(&withdrawal, &documents, &context, NULL) == STATUS_TOO_LARGE);
}

Test(withdrawal, step_7_the_policy)
{
    world.approval_count = 1;
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    world.approval_count = 0;
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    world.approval_count = 2;
    world.policy.people[4].valid_until = world.now; /* bert */
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    world.policy.people[4].valid_until = world.now + 1;
    world.intent.amount = amount_of("1001");
    intent_changed(true);
    expect_verdict(STATUS_LIMIT_EXCEEDED, "policy");
    world.intent.amount = amount_of("1");
    world.intent.asset = digest_of(ASSET_B);
    intent_changed(true);
    expect_verdict(STATUS_DENIED, "policy");
}

Test(withdrawal, step_7_a_return_needs_one_more)
{
    world.intent.returns = digest_of(ASSET_B);
    intent_changed(true);
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    world_approve(&world.approvals[2], &world, "bob", BOB);
    world.approval_count = 3;
    expect_verdict(STATUS_OK, "");
}

/* Two steps: risk, then treasury. Bert of treasury counts when his approval names carol's, and only then. */
Test(withdrawal, step_7_a_later_step_must_have_seen_the_one_before)
{
    struct approval after = world_approval(&world, "bert", BERT);
    struct demand *demand = &world.policy.rules[0].demand;
    demand->entries[1].step = 1;
    demand->step_count = 2;
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    approval_digest(&after.seen[0], world.approvals[1].document.data, world.approvals[1].document.len);
    after.seen_count = 1;
    world_sign_approval(&world.approvals[0], &world, &after, BERT);
    expect_verdict(STATUS_OK, "");
    after.seen[0].bytes32[0] ^= 1;
    world_sign_approval(&world.approvals[0], &world, &after, BERT);
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
}

/* Who asks is known by a signature: the same documents, with and without it. */
Test(withdrawal, step_7_rules_about_who_asks_need_the_signature_of_the_requester)
{
    struct when *when = &world.policy.rules[0].when;
    world.intent.requester = name_of("dave");
    intent_changed(true);
    when->requesters = calloc(1, sizeof(size_t));
    when->requesters[0] = 1; /* risk: carol, dave */
    when->requester_count = 1;
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    struct approval asked = world_approval(&world, "dave", DAVE);
    asked.decision = APPROVAL_REQUEST;
    world_sign_approval(&world.approvals[2], &world, &asked, DAVE);
    world.approval_count = 3;
    expect_verdict(STATUS_OK, "");
    when->requesters[0] = 2; /* treasury */
    expect_verdict(STATUS_DENIED, "policy");
}

/* Whoever strikes out that it is a return has another intent than the approvals name. */
Test(withdrawal, step_7_a_return_stays_one)
{
    world.intent.returns = digest_of(ASSET_B);
    intent_changed(true);
    world.intent.returns = (struct digest){{0}};
    world_intent_changed(&world, true);
    expect_verdict(STATUS_MISMATCH, "approvals[0].intent");
}

Test(withdrawal, order_of_approvals_does_not_matter)
{
    const struct signed_document first = world.approvals[0];
    world.approvals[0] = world.approvals[1];
    world.approvals[1] = first;
    expect_verdict(STATUS_OK, "");
}

Test(withdrawal, the_first_step_that_fails_is_the_answer)
{
    world.approval_count = 1; /* step 7 */
    expect_verdict(STATUS_QUORUM_MISSING, "policy");
    world.approvals[0].signatures[0].bytes64[0] ^= 1; /* step 6 */
    expect_verdict(STATUS_SIGNATURE_INVALID, "approvals[0].signatures[0]");
    world.destination.signature_count = 0; /* step 5 */
    expect_verdict(STATUS_QUORUM_MISSING, "destination.signatures");
    world.intent.transaction.bytes32[0] ^= 1; /* step 4 */
    world_intent_changed(&world, false);
    expect_verdict(STATUS_MISMATCH, "transaction");
    world.now = world.intent.expires_at; /* step 3 */
    expect_verdict(STATUS_EXPIRED, "intent.expires_at");
    struct withdrawal_context context = world_context(&world);
    context.key_count = 0; /* step 2 */
    expect_context(&context, STATUS_MISMATCH, "wallet");
    world.intent.policy_version = 3; /* step 1 */
    world_intent_changed(&world, false);
    expect_context(&context, STATUS_MISMATCH, "intent.policy_version");
}
