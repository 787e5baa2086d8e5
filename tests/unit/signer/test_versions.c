/*
 * Versions of the policy at a signer: how one comes in, waits by the signer's own time, takes force or is dropped, and
 * what becomes of withdrawals that were proposed under an older one.
 */
#include "desk.h"

#include <criterion/criterion.h>

#define DELAY_US (2 * DESK_SECOND_US)

static struct signed_document second;

static void setup(void)
{
    desk_start_active();
    world_policy_next(&second, &desk.world);
}

static void teardown(void)
{
    signed_document_free(&second);
    desk_finish();
}

TestSuite(versions, .init = setup, .fini = teardown);

static struct wire_status_reply status_now(void)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    static struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK);
    return reply.status;
}

static struct digest digest_of(const struct signed_document *document)
{
    struct digest digest;
    digest_document(&digest, POLICY_KIND, document->document.data, document->document.len);
    return digest;
}

static void expect_in_force(int64_t version, const char *what)
{
    cr_expect(status_now().policy_version == version, "%s: version %lld", what, (long long)status_now().policy_version);
}

static void expect_adopted(const struct signed_document *document, enum status expected, const char *where)
{
    enum status status = desk_adopt(NULL, document);
    cr_expect(status == expected, "%s: %s: %s", status_info(status)->code, desk_where, desk_detail);
    cr_expect(expected == STATUS_OK || strcmp(desk_where, where) == 0, "where '%s'", desk_where);
}

/* A veto of one person against what waits, or against `subject`. */
static struct command veto_command(const struct digest *subject)
{
    struct command command = {.action = COMMAND_POLICY_VETO,
                              .chain = desk.world.policy.chain,
                              .environment = desk.world.policy.environment,
                              .expires_at = desk.now_utc_us + WORLD_HOUR_US,
                              .issued_at = desk.now_utc_us,
                              .policy = desk.world.policy.digest,
                              .reason = name_of("not-agreed"),
                              .subject = *subject};
    MUST(uuid_generate(&command.nonce, clock_system()));
    return command;
}

static enum status veto(const struct command *command, enum who who)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, who, WHO_COUNT);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

static enum status veto_by(enum who who)
{
    const struct digest subject = digest_of(&second);
    const struct command command = veto_command(&subject);
    return veto(&command, who);
}

Test(versions, one_waits_by_the_signers_time_and_then_is_in_force)
{
    struct wire_policy_adopt_reply reply;
    const struct digest digest = digest_of(&second);
    struct wire_status_reply status = status_now();
    cr_expect(status.policy_version == 1 && status.policy_in_force_at == 0 && !status.has_next);
    cr_assert(desk_adopt(&reply, &second) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.in_force_at == desk.now_utc_us + DELAY_US && reply.policy_version == 2);
    cr_expect(digest_equal(&reply.policy, &digest));
    status = status_now();
    cr_expect(status.policy_version == 1 && status.has_next && !status.next.dropped);
    cr_expect(status.next.policy_version == 2 && status.next.in_force_at == reply.in_force_at);
    cr_expect(status.next.received_at == desk.now_utc_us && status.next.signers == 2 && status.next.need == 2);
    cr_expect(digest_equal(&status.next.policy, &digest));

    desk.now_utc_us += DELAY_US - 1;
    expect_in_force(1, "a microsecond before");
    cr_assert(desk_adopt(&reply, &second) == STATUS_OK);
    cr_expect(reply.in_force_at == desk.now_utc_us + 1, "shown again, the time stays");
    desk.now_utc_us++;
    status = status_now();
    cr_expect(status.policy_version == 2 && status.policy_in_force_at == desk.now_utc_us && !status.has_next);
    cr_expect(digest_equal(&status.policy, &digest));
    cr_assert(desk_adopt(&reply, &second) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.in_force_at == desk.now_utc_us && reply.policy_version == 2, "the same answer for ever");
}

Test(versions, every_role_has_them)
{
    static const enum signer_role roles[] = {ROLE_AUDIT, ROLE_VALIDATOR};
    for (size_t i = 0; i < 2; i++) {
        desk_finish();
        desk_start_as(roles[i]);
        signed_document_free(&second);
        world_policy_next(&second, &desk.world);
        expect_adopted(&second, STATUS_OK, "");
        desk.now_utc_us += DELAY_US;
        expect_in_force(2, signer_role_text(roles[i]));
    }
}

Test(versions, a_restart_forgets_nothing)
{
    expect_adopted(&second, STATUS_OK, "");
    cr_assert(veto_by(OTTO) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    MUST(desk_restart(NULL));
    struct wire_status_reply status = status_now();
    cr_expect(status.has_next && !status.next.dropped && status.next.veto_count == 1, "a waiting one with its veto");
    cr_expect_str_eq(status.next.vetoes[0].text, "otto");
    desk.now_utc_us += DELAY_US;
    expect_in_force(1, "two signed, and it took three");
    MUST(desk_restart(NULL));
    cr_expect(status_now().next.dropped);
    MUST(desk_restart(NULL));
    cr_expect(status_now().next.dropped, "dropped for good");
    expect_adopted(&second, STATUS_DENIED, "document");
}

/* Only what a signer was there for counts, so nobody gains by stopping it. */
Test(versions, a_stop_does_not_count)
{
    expect_adopted(&second, STATUS_OK, "");
    desk.now_utc_us += DELAY_US / 2;
    expect_in_force(1, "half of it");
    desk_stop();
    desk.now_utc_us += DELAY_US;
    MUST(desk_restart(NULL));
    expect_in_force(1, "the other half is left");
    struct wire_status_reply status = status_now();
    cr_expect(status.next.in_force_at == desk.now_utc_us + DELAY_US / 2);
    desk.now_utc_us += DELAY_US / 2 - 1;
    expect_in_force(1, "a microsecond before");
    desk.now_utc_us++;
    expect_in_force(2, "the signer ran for the whole delay");
    MUST(desk_restart(NULL));
    expect_in_force(2, "for good");
    cr_expect(status_now().policy_in_force_at == desk.now_utc_us, "since it took force, not since it was expected to");
}

Test(versions, what_passed_is_kept_every_second)
{
    expect_adopted(&second, STATUS_OK, "");
    desk.now_utc_us += DESK_SECOND_US - 1;
    expect_in_force(1, "under a second");
    MUST(desk_restart(NULL));
    cr_expect(status_now().next.in_force_at == desk.now_utc_us + DELAY_US, "nothing was kept, and it waits for longer");
    desk.now_utc_us += DESK_SECOND_US;
    expect_in_force(1, "a second");
    MUST(desk_restart(NULL));
    cr_expect(status_now().next.in_force_at == desk.now_utc_us + DELAY_US - DESK_SECOND_US, "a second was kept");
}

/* Whoever can write the signer's files cannot skip the delay, nor go back. */
Test(versions, no_file_brings_one_in)
{
    struct fault fault = {0};
    char path[TEST_PATH_SIZE + 64];
    const char *const make[] = {"sh", "-c", "mkdir \"$0.d\" && cp \"$0\" \"$0.d/1.json\"", desk.policy_path, NULL};
    cr_assert(test_run(make) == 0);
    (void)snprintf(path, sizeof(path), "%s.d/2.json", desk.policy_path);
    world_write_signed(path, &second);
    char before[sizeof(desk.policy_path)];
    memcpy(before, desk.policy_path, sizeof(before));
    (void)snprintf(desk.policy_path, sizeof(desk.policy_path), "%.*s.d", (int)sizeof(before) - 4, before);
    cr_expect(desk_restart(&fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, "policy");
    fault_clear(&fault);
    memcpy(desk.policy_path, path, sizeof(desk.policy_path) < sizeof(path) ? sizeof(desk.policy_path) : sizeof(path));
    cr_expect(desk_restart(&fault) == STATUS_MISMATCH, "the second alone: %s", fault.detail);
    memcpy(desk.policy_path, before, sizeof(before));
    MUST(desk_restart(NULL));
    expect_in_force(1, "the file of the first");
}

Test(versions, takes_a_quorum_and_a_place_in_the_chain)
{
    struct signed_document other = {0};
    second.signature_count = 1;
    expect_adopted(&second, STATUS_QUORUM_MISSING, "document.signatures");
    second.signature_count = 2;
    second.signatures[0].bytes64[5] ^= 1;
    expect_adopted(&second, STATUS_SIGNATURE_INVALID, "document.signatures[0]");
    second.signatures[0].bytes64[5] ^= 1;

    MUST(bytes_copy(&other.document, second.document.data, second.document.len));
    test_key_sign_document(&other, POLICY_KIND, desk.world.keys[ADA]);
    test_key_sign_document(&other, POLICY_KIND, desk.world.keys[BERT]);
    expect_adopted(&other, STATUS_UNKNOWN_KEY, "document.signatures[1]");
    signed_document_free(&other);

    desk.now_utc_us += DELAY_US;
    expect_in_force(1, "nothing was taken");
    expect_adopted(&second, STATUS_OK, "");
}

/* Signed in time, and kept back until those who signed it do not count any more. */
Test(versions, one_that_was_kept_back_too_long_is_none)
{
    desk.now_utc_us += 100001 * WORLD_HOUR_US; /* everybody's valid_until is over */
    expect_adopted(&second, STATUS_QUORUM_MISSING, "document.signatures");
}

/* Two successors of one version, both signed by the quorum. */
Test(versions, a_fork_has_one_side)
{
    struct signed_document other;
    desk.world.now_utc_us++;
    world_policy_next(&other, &desk.world);
    expect_adopted(&second, STATUS_OK, "");
    expect_adopted(&other, STATUS_CONFLICT, "document.version");
    desk.now_utc_us += DELAY_US;
    expect_adopted(&other, STATUS_MISMATCH, "document.version");
    expect_in_force(2, "the one that came first");
    signed_document_free(&other);
}

Test(versions, a_veto_asks_for_one_person_more)
{
    expect_adopted(&second, STATUS_OK, "");
    cr_expect(veto_by(WANDA) == STATUS_FORBIDDEN, "an auditor");
    cr_expect(veto_by(STRANGER) == STATUS_UNKNOWN_KEY, "nobody");
    cr_expect(veto_by(OTTO) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(veto_by(OTTO) == STATUS_DUPLICATE_PERSON, "once for each");
    struct wire_status_reply status = status_now();
    cr_expect(status.has_next && !status.next.dropped && status.next.need == 3 && status.next.signers == 2);
    int64_t in_force_at = status.next.in_force_at;
    /* One person alone does not stop it for ever: the third administrator signs, and the time stays. */
    desk.now_utc_us += DELAY_US / 2;
    test_key_sign_document(&second, POLICY_KIND, desk.world.keys[AMY]);
    expect_adopted(&second, STATUS_OK, "");
    status = status_now();
    cr_expect(status.next.signers == 3 && status.next.in_force_at == in_force_at);
    second.signature_count = 2; /* fewer take nothing away */
    expect_adopted(&second, STATUS_OK, "");
    cr_expect(status_now().next.signers == 3);
    second.signature_count = 3;
    MUST(desk_restart(NULL));
    desk.now_utc_us += DELAY_US / 2;
    expect_in_force(2, "three of three");
}

Test(versions, without_one_person_more_it_is_dropped_for_good)
{
    struct signed_document one = second;
    expect_adopted(&second, STATUS_OK, "");
    cr_expect(veto_by(CATO) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.now_utc_us += DELAY_US - 1;
    cr_expect(!status_now().next.dropped, "the third may still sign");
    desk.now_utc_us++;
    expect_in_force(1, "dropped");
    cr_expect(status_now().next.dropped);
    expect_adopted(&one, STATUS_DENIED, "document");
    const size_t signatures = one.signature_count;
    one.signature_count = 0;
    expect_adopted(&one, STATUS_DENIED, "document"); /* before it is opened */
    one.signature_count = signatures;
    test_key_sign_document(&second, POLICY_KIND, desk.world.keys[AMY]);
    expect_adopted(&second, STATUS_DENIED, "document");
    /* Another one of that number comes in its place. */
    signed_document_free(&second);
    desk.world.now_utc_us = desk.now_utc_us;
    world_policy_next(&second, &desk.world);
    expect_adopted(&second, STATUS_OK, "");
    desk.now_utc_us += DELAY_US;
    expect_in_force(2, "without a veto");
}

Test(versions, a_veto_is_about_one_version_and_serves_once)
{
    struct wire_request request = {.op = WIRE_OP_KEY_COMMAND};
    struct wire_reply reply;
    const struct digest subject = digest_of(&second);
    const struct command command = veto_command(&subject);
    struct command other = command;
    cr_expect(veto(&command, OTTO) == STATUS_NOT_FOUND, "before it came");
    expect_adopted(&second, STATUS_OK, "");
    other.subject.bytes32[0] ^= 1;
    MUST(uuid_generate(&other.nonce, clock_system()));
    cr_expect(veto(&other, OTTO) == STATUS_NOT_FOUND, "another version");
    order_key_sign(&request.key_order.order, &desk.world, &command, OTTO, WHO_COUNT);
    cr_assert(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.key_state.on == 1);
    cr_expect_str_eq(reply.key_state.state, "waiting");
    signed_document_free(&request.key_order.order);
    cr_expect(veto(&command, BERT) == STATUS_REPLAY, "the same order, signed by another: %s", desk_detail);
    /* Of three administrators four can never sign: nobody waits for that. */
    other = veto_command(&subject);
    order_key_sign(&request.key_order.order, &desk.world, &other, BERT, WHO_COUNT);
    cr_assert(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.key_state.on == 2);
    cr_expect_str_eq(reply.key_state.state, "dropped");
    signed_document_free(&request.key_order.order);

    signed_document_free(&second);
    desk.world.now_utc_us++;
    world_policy_next(&second, &desk.world);
    expect_adopted(&second, STATUS_OK, "");
    cr_expect(veto(&command, OTTO) == STATUS_NOT_FOUND, "a veto against the one before");
    desk.now_utc_us += DELAY_US;
    expect_in_force(2, "the veto did not count twice");
    cr_expect(veto_by(CATO) != STATUS_OK, "too late");
}

Test(versions, a_clock_set_ahead_shortens_nothing)
{
    expect_adopted(&second, STATUS_OK, "");
    desk.jumped_us = 13 * DESK_DAY_US;
    expect_in_force(1, "thirteen days ahead");
    MUST(desk_restart(NULL));
    expect_in_force(1, "nor by a start");
    desk.jumped_us = 30 * DESK_DAY_US;
    expect_in_force(1, "not believed");
    desk.now_utc_us += DELAY_US - 1;
    desk.jumped_us = -DESK_DAY_US;
    expect_in_force(1, "a microsecond before");
    desk.now_utc_us++;
    expect_in_force(2, "by the steady clock, wherever the other one stands");
}

/* What waits goes on coming closer, so who speaks against it must be heard. */
Test(versions, a_clock_set_ahead_silences_nobody)
{
    expect_adopted(&second, STATUS_OK, "");
    desk.jumped_us += 30 * DESK_DAY_US;
    cr_expect(!status_now().ready, "a clock that is not believed");
    cr_expect(veto_by(OTTO) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.now_utc_us += DELAY_US;
    expect_in_force(1, "two signed, and it took three");
    cr_expect(status_now().next.dropped);
}

Test(versions, one_from_the_future_waits_outside)
{
    signed_document_free(&second);
    desk.world.now_utc_us += WORLD_HOUR_US + 61 * DESK_SECOND_US;
    world_policy_next(&second, &desk.world);
    expect_adopted(&second, STATUS_NOT_READY, "document.issued_at");
    desk.now_utc_us += 2 * DESK_SECOND_US;
    expect_adopted(&second, STATUS_OK, "");
}

Test(versions, observers_may_not_hand_one_over)
{
    bool goes_on = true;
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_POLICY_ADOPT, .policy_adopt = {.document = second}};
    cr_expect(desk_ask_as(&reply, &request, SIGNER_PERMIT_STATUS, &goes_on) == STATUS_NOT_PERMITTED && !goes_on);
    cr_expect(desk_ask_as(&reply, &request, SIGNER_PERMIT_STATUS | SIGNER_PERMIT_KEYS, &goes_on) == STATUS_OK);
}

/* Withdrawals over versions */

static struct order order;

static enum status order_sign(void)
{
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

/* Comes into force, and what is made from now on is made under it. */
static void enter(void)
{
    expect_adopted(&second, STATUS_OK, "");
    desk.now_utc_us += DELAY_US;
    desk.world.now_utc_us = desk.now_utc_us;
    world_policy_advance(&desk.world, &second);
    expect_in_force(2, "entered");
}

Test(versions, what_was_proposed_before_goes_on)
{
    order_init(&order, &desk.world, 1, 0);
    enter();
    cr_expect(order_sign() == STATUS_OK, "the entry of the version before: %s: %s", desk_where, desk_detail);
    order_wipe(&order);
    cr_expect(desk_sign(1, 1) == STATUS_OK, "and of the new one: %s: %s", desk_where, desk_detail);
}

Test(versions, both_versions_must_allow_it)
{
    struct order first;
    signed_document_free(&second);
    world_policy_limit(&second, &desk.world, "249");
    order_init(&order, &desk.world, 1, 0);
    order_init(&first, &desk.world, 2, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&first)};
    struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    enter();
    cr_expect(order_sign() == STATUS_LIMIT_EXCEEDED, "%s: %s", desk_where, desk_detail);
    cr_expect(strstr(desk_detail, "version 2") != NULL, "%s", desk_detail);
    /* What was promised is had again, under the version of its promise; also after a restart and long after. */
    cr_expect(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    desk.now_utc_us += 20 * WORLD_HOUR_US;
    MUST(desk_restart(NULL));
    cr_expect(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    order_wipe(&first);
    order_wipe(&order);
}

/* A quorum that raises a limit gains nothing before the delay is over, nor for what was proposed before. */
Test(versions, what_the_next_version_would_allow_is_refused_until_then)
{
    order_init(&order, &desk.world, 1, 0);
    order.intent.amount = amount_of("1500");
    order_intent_changed(&order, &desk.world, true);
    order_approve(&order, &desk.world, 0, "bert", BERT);
    order_approve(&order, &desk.world, 1, "bob", BOB);
    order_prove_again(&order, &desk.world);
    expect_adopted(&second, STATUS_OK, ""); /* up to 2000 */
    cr_expect(order_sign() == STATUS_LIMIT_EXCEEDED, "while it waits");
    desk.now_utc_us += DELAY_US;
    expect_in_force(2, "now");
    cr_expect(order_sign() == STATUS_LIMIT_EXCEEDED, "proposed under the first: %s", desk_detail);
    order_wipe(&order);
    desk.world.now_utc_us = desk.now_utc_us;
    world_policy_advance(&desk.world, &second);
    order_init(&order, &desk.world, 1, 0);
    order.intent.amount = amount_of("1500");
    order_intent_changed(&order, &desk.world, true);
    order_approve(&order, &desk.world, 0, "bert", BERT);
    order_approve(&order, &desk.world, 1, "bob", BOB);
    order_prove_again(&order, &desk.world);
    cr_expect(order_sign() == STATUS_OK, "%s: %s", desk_where, desk_detail);
    order_wipe(&order);
}

Test(versions, a_wallet_with_a_new_key_signs_nothing_of_before)
{
    struct order promised;
    order_init(&promised, &desk.world, 1, 0);
    order_init(&order, &desk.world, 1, 1);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&promised)};
    struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    signed_document_free(&second);
    desk.world.wallet_key = *test_key_public(desk.world.keys[OTHER_LOG]);
    world_policy_next(&second, &desk.world);
    enter();
    cr_expect(order_sign() == STATUS_CONFLICT, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "wallet");
    cr_expect(desk_ask(&reply, &request) == STATUS_OK, "what was promised: %s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    order_wipe(&promised);
    order_wipe(&order);
}

/* The old quorum lists a destination after its time; more of this in test_destinations.c. */
Test(versions, a_destination_of_the_old_version_made_now_is_none)
{
    enter();
    struct destination destination = order_destination(&desk.world);
    order = (struct order){.approval_count = 0};
    destination.policy = desk.world.policy.prev;
    destination.issued_at = desk.now_utc_us + 61 * DESK_SECOND_US;
    order_destination_sign(&order, &desk.world, &destination, ALAN);
    cr_expect(desk_list(NULL, &order.destination) == STATUS_MISMATCH, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "document.issued_at");
    destination.issued_at = desk.now_utc_us - WORLD_HOUR_US;
    order_destination_sign(&order, &desk.world, &destination, ALAN);
    cr_expect(desk_list(NULL, &order.destination) == STATUS_OK, "of its time: %s: %s", desk_where, desk_detail);
    order_wipe(&order);
}

/* Who sees something wrong has perhaps only the policy of before; who may stop is for the one in force to say. */
Test(versions, an_order_that_stops_may_name_an_older_version)
{
    struct world old = desk.world;
    const struct digest id = desk_key_id();
    const struct digest first = desk.world.policy.digest;
    enter();
    struct command stop = order_key(&desk.world, COMMAND_KEY_SUSPEND, &id, KEY_STATE_ACTIVE, 0);
    struct command start = order_key(&desk.world, COMMAND_KEY_RESUME, &id, KEY_STATE_SUSPENDED, desk_key().on + 1);
    struct signed_document signed_stop;
    struct signed_document signed_start;
    stop.policy = first;
    start.policy = first;
    order_key_sign(&signed_stop, &old, &stop, OTTO, WHO_COUNT);
    order_key_sign(&signed_start, &old, &start, ADA, ALAN);
    cr_expect(desk_command(&signed_stop) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(desk_command(&signed_start) == STATUS_MISMATCH, "%s: %s", desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "command.policy");
    signed_document_free(&signed_stop);
    signed_document_free(&signed_start);
    stop.policy.bytes32[0] ^= 1;
    MUST(uuid_generate(&stop.nonce, clock_system()));
    order_key_sign(&signed_stop, &old, &stop, OTTO, WHO_COUNT);
    cr_expect(desk_command(&signed_stop) == STATUS_MISMATCH, "of no version");
    signed_document_free(&signed_stop);
}
