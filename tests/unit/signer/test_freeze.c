/*
 * Freezes through the real operations: who stops what, what that stops, and who starts it again.
 */
#include <criterion/criterion.h>

#include "desk.h"

TestSuite(freeze, .init = desk_start_active, .fini = desk_finish);
TestSuite(saved, .init = desk_start, .fini = desk_finish);

static void expect(enum status got, enum status expected, const char *where, const char *what)
{
    cr_expect(got == expected, "%s: %s at %s: %s", what, status_info(got)->code, desk_where, desk_detail);
    cr_expect_str_eq(got == STATUS_OK ? "" : desk_where, where, "%s: where '%s': %s", what, desk_where, desk_detail);
}

static struct freeze_target target_of(enum freeze_scope scope)
{
    struct freeze_target target = {.scope = scope};
    const struct name wallet = name_of("hot-1");
    if (scope == FREEZE_ASSET) {
        freeze_target_asset(&target, &desk.world.asset);
    } else if (scope == FREEZE_WALLET) {
        freeze_target_wallet(&target, &wallet);
    }
    return target;
}

static struct command command_of(enum command_action action, enum freeze_scope scope, uint64_t on)
{
    const struct digest none = {{0}};
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, action, &none, (enum key_state)0, 0);
    command.target = target_of(scope);
    command.on = on;
    return command;
}

static enum status send(const struct command *command, enum who first, enum who second)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, first, second);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

static enum status freeze(enum freeze_scope scope, enum who who)
{
    const struct command command = command_of(COMMAND_FREEZE, scope, 0);
    return send(&command, who, WHO_COUNT);
}

static enum status thaw(enum freeze_scope scope, uint64_t on)
{
    const struct command command = command_of(COMMAND_THAW, scope, on);
    return send(&command, ADA, ALAN);
}

static enum status alarm_at(const char *scope, const char *subject)
{
    struct wire_request request = {.op = WIRE_OP_FREEZE_ALARM, .freeze_alarm = {.reason = name_of("copied-use")}};
    struct wire_reply reply;
    (void)snprintf(request.freeze_alarm.scope, sizeof(request.freeze_alarm.scope), "%s", scope);
    (void)snprintf(request.freeze_alarm.subject, sizeof(request.freeze_alarm.subject), "%s", subject);
    enum status status = desk_ask(&reply, &request);
    cr_expect(status != STATUS_OK || strcmp(reply.key_state.state, "frozen") == 0);
    wire_reply_free(&reply);
    return status;
}

/* What status says of the only target there is. */
static struct wire_freeze shown(void)
{
    struct wire_request request = {.op = WIRE_OP_STATUS};
    static struct wire_reply reply;
    cr_assert(desk_ask(&reply, &request) == STATUS_OK);
    cr_assert(reply.status.freeze_count == 1, "%zu", reply.status.freeze_count);
    return reply.status.freezes[0];
}

static const enum freeze_scope scopes[] = {FREEZE_ASSET, FREEZE_WALLET, FREEZE_EVERYTHING};

Test(freeze, one_person_stops_and_a_quorum_starts)
{
    uint64_t seq = 0;
    for (uint64_t on = 1; on <= 3; on++) {
        const enum freeze_scope scope = scopes[on - 1];
        expect(freeze(scope, OTTO), STATUS_OK, "", "freeze");
        expect(desk_sign(1, seq), STATUS_KEY_INACTIVE, "freeze", freeze_scope_text(scope));
        MUST(desk_restart(NULL));
        expect(desk_sign(1, seq), STATUS_KEY_INACTIVE, "freeze", "over a restart");
        const struct command alone = command_of(COMMAND_THAW, scope, on);
        expect(send(&alone, ADA, WHO_COUNT), STATUS_QUORUM_MISSING, "command.signatures", "one administrator");
        expect(send(&alone, OTTO, WHO_COUNT), STATUS_UNKNOWN_KEY, "command.signatures[0]", "who froze it");
        expect(desk_sign(1, seq), STATUS_KEY_INACTIVE, "freeze", "still");
        expect(thaw(scope, on), STATUS_OK, "", "thaw");
        expect(desk_sign(1, seq++), STATUS_OK, "", "thawed");
        MUST(desk_restart(NULL));
        expect(desk_sign(1, seq++), STATUS_OK, "", "over a restart");
    }
}

Test(freeze, who_may_freeze)
{
    static const struct {
        enum who who;
        enum status status;
        const char *where;
    } rows[] = {
        {STRANGER, STATUS_UNKNOWN_KEY, "command.signatures[0]"},
        {WANDA, STATUS_FORBIDDEN, "command.signatures[0]"},
        {SOFT, STATUS_UNKNOWN_KEY, "command.signatures[0]"},
        {ADA, STATUS_OK, ""},
        {BERT, STATUS_OK, ""},
        {CATO, STATUS_OK, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(freeze(FREEZE_EVERYTHING, rows[i].who), rows[i].status, rows[i].where, "freeze");
        bool stopped = rows[i].status == STATUS_OK;
        cr_expect((desk_sign(1, i) == STATUS_KEY_INACTIVE) == stopped, "%zu", i);
    }
}

Test(freeze, whoever_carries_messages_freezes_and_thaws_nothing)
{
    const struct freeze_target asset = target_of(FREEZE_ASSET);
    expect(alarm_at("asset", asset.subject), STATUS_OK, "", "alarm");
    expect(alarm_at("asset", asset.subject), STATUS_OK, "", "again");
    const struct wire_freeze freeze = shown();
    cr_expect(freeze.frozen && freeze.on == 1 && freeze.since == desk.now_utc_us);
    cr_expect_str_eq(freeze.scope, "asset");
    cr_expect_str_eq(freeze.subject, asset.subject);
    cr_expect_str_eq(freeze.cause, "alarm");
    cr_expect_str_eq(freeze.reason.text, "copied-use");
    expect(desk_sign(1, 0), STATUS_KEY_INACTIVE, "freeze", "frozen");
    const struct command nobody = command_of(COMMAND_THAW, FREEZE_ASSET, 1);
    expect(send(&nobody, WHO_COUNT, WHO_COUNT), STATUS_QUORUM_MISSING, "command.signatures", "thaw without people");
    expect(thaw(FREEZE_ASSET, 1), STATUS_OK, "", "thaw");
    cr_expect(!shown().frozen);
    cr_expect_str_eq(shown().cause, "command");
}

Test(freeze, alarms_that_name_nothing)
{
    expect(alarm_at("key", ""), STATUS_INVALID, "scope", "no such scope");
    expect(alarm_at("asset", "EUR"), STATUS_INVALID, "subject", "no asset id");
    expect(alarm_at("everything", "hot-1"), STATUS_INVALID, "subject", "everything has none");
    expect(alarm_at("wallet", "hot-2"), STATUS_NOT_FOUND, "subject", "another wallet");
    expect(alarm_at("asset", "ab00000000000000000000000000000000000000000000000000000000000000"), STATUS_NOT_FOUND,
           "subject", "another asset");
    expect(desk_sign(1, 0), STATUS_OK, "", "nothing is frozen");
}

Test(freeze, an_order_serves_once_and_a_thaw_for_one_freeze)
{
    const struct command first = command_of(COMMAND_FREEZE, FREEZE_ASSET, 0);
    const struct command kept_back = command_of(COMMAND_THAW, FREEZE_ASSET, 1);
    expect(thaw(FREEZE_ASSET, 1), STATUS_CONFLICT, "command.on", "nothing is frozen");
    expect(send(&first, OTTO, WHO_COUNT), STATUS_OK, "", "freeze");
    expect(send(&first, OTTO, WHO_COUNT), STATUS_REPLAY, "command.nonce", "the same order");
    expect(thaw(FREEZE_WALLET, 1), STATUS_CONFLICT, "command.on", "the wallet is not frozen");
    expect(thaw(FREEZE_ASSET, 2), STATUS_CONFLICT, "command.on", "another freeze");
    expect(thaw(FREEZE_ASSET, 1), STATUS_OK, "", "thaw");
    expect(send(&first, OTTO, WHO_COUNT), STATUS_REPLAY, "command.nonce", "the same order, after the thaw");
    expect(freeze(FREEZE_ASSET, OTTO), STATUS_OK, "", "a second freeze");
    expect(send(&kept_back, ADA, ALAN), STATUS_CONFLICT, "command.on", "a thaw of the first one");
    expect(desk_sign(1, 0), STATUS_KEY_INACTIVE, "freeze", "still frozen");
    expect(thaw(FREEZE_ASSET, 2), STATUS_OK, "", "thaw of the second");
    expect(desk_sign(1, 0), STATUS_OK, "", "thawed");
}

/* Kept back until another person froze for another reason. */
Test(freeze, a_thaw_ends_the_freeze_that_its_signers_saw)
{
    const struct freeze_target asset = target_of(FREEZE_ASSET);
    const struct command kept_back = command_of(COMMAND_THAW, FREEZE_ASSET, 1);
    expect(alarm_at("asset", asset.subject), STATUS_OK, "", "an alarm");
    expect(freeze(FREEZE_ASSET, OTTO), STATUS_OK, "", "a person");
    cr_expect(shown().on == 2 && strcmp(shown().cause, "command") == 0, "%llu", (unsigned long long)shown().on);
    expect(send(&kept_back, ADA, ALAN), STATUS_CONFLICT, "command.on", "given for the alarm");
    expect(freeze(FREEZE_ASSET, OTTO), STATUS_OK, "", "the same person");
    expect(alarm_at("asset", asset.subject), STATUS_OK, "", "an alarm");
    cr_expect(shown().on == 2, "neither runs ahead of the quorum: %llu", (unsigned long long)shown().on);
    expect(freeze(FREEZE_ASSET, CAROL), STATUS_OK, "", "another person");
    MUST(desk_restart(NULL));
    expect(freeze(FREEZE_ASSET, CAROL), STATUS_OK, "", "the same, after a restart");
    cr_expect(shown().on == 3, "%llu", (unsigned long long)shown().on);
    expect(thaw(FREEZE_ASSET, 2), STATUS_CONFLICT, "command.on", "given for otto's");
    expect(thaw(FREEZE_ASSET, 3), STATUS_OK, "", "thaw");
}

static enum status ask(struct order *order, const struct signed_document *sweep)
{
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(order)};
    struct wire_reply reply;
    if (sweep != NULL) {
        request.transfer.sweep = *sweep;
    }
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

Test(freeze, what_was_promised_waits_for_the_thaw)
{
    struct order order;
    order_init(&order, &desk.world, 1, 0);
    expect(ask(&order, NULL), STATUS_OK, "", "before");
    expect(freeze(FREEZE_WALLET, OTTO), STATUS_OK, "", "freeze");
    expect(ask(&order, NULL), STATUS_KEY_INACTIVE, "freeze", "the same again");
    expect(thaw(FREEZE_WALLET, 1), STATUS_OK, "", "thaw");
    expect(ask(&order, NULL), STATUS_OK, "", "the same after the thaw");
    order_wipe(&order);
}

static void sweep_make(struct signed_document *out, const struct order *order, enum key_state from)
{
    const struct digest id = desk_key_id();
    struct command command = order_key(&desk.world, COMMAND_KEY_SWEEP, &id, from, 0);
    command.intent = order->digest;
    order_key_sign(out, &desk.world, &command, ADA, ALAN);
}

/* A key that others have: what it holds goes to an emergency address, frozen or not. A retained one can wait. */
Test(saved, only_the_emergency_sweep_passes_a_freeze)
{
    const struct hand hand = hand_soft(desk.keys[0]);
    struct key_document key = papers_key(&desk.world, &hand);
    key.emergency[0] = desk.world.destination;
    key.emergency_count = 1;
    struct papers papers;
    papers_make(&papers, &desk.world, &hand, &key);
    expect(desk_admit(&papers), STATUS_OK, "", "admit");
    papers_wipe(&papers);
    struct order order;
    struct signed_document sweep;
    order_init(&order, &desk.world, 1, 0);
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        expect(freeze(scopes[i], OTTO), STATUS_OK, "", "freeze");
    }
    expect(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_INACTIVE), STATUS_OK, "", "retire");
    sweep_make(&sweep, &order, KEY_STATE_RETAINED);
    expect(ask(&order, &sweep), STATUS_KEY_INACTIVE, "freeze", "retained");
    signed_document_free(&sweep);
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_RETAINED), STATUS_OK, "", "compromise");
    sweep_make(&sweep, &order, KEY_STATE_COMPROMISED);
    expect(ask(&order, &sweep), STATUS_OK, "", "compromised");
    signed_document_free(&sweep);
    order_wipe(&order);
}
