/*
 * Delay and veto of single withdrawals: nothing is signed before it was announced and its time has passed, by how long
 * signers ran; and never after one person spoke against it.
 */
#include <criterion/criterion.h>
#include <lmdb.h>

#include "desk.h"

#define DELAY_US (600 * DESK_SECOND_US)
#define TEN_MINUTES "{\"delay_s\":600}"

static void start(void)
{
    world_demand = TEN_MINUTES;
    desk_box_more_us = 30 * DESK_DAY_US;
    desk_start_active();
}

static void start_without(void)
{
    world_demand = NULL;
    desk_start_active();
}

TestSuite(delay, .init = start, .fini = desk_finish);
TestSuite(no_delay, .init = start_without, .fini = desk_finish);

static struct order order;

static enum status announce(struct wire_announce_reply *out)
{
    struct wire_reply reply;
    order_announce(&order, &desk.world);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_ANNOUNCE, .transfer = order_request(&order)};
    enum status status = desk_ask(&reply, &request);
    *out = status == STATUS_OK ? reply.announce : (struct wire_announce_reply){.sign_at = 0};
    wire_reply_free(&reply);
    return status;
}

static void expect_waiting(int64_t left_us)
{
    struct wire_announce_reply reply;
    cr_assert(announce(&reply) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(!reply.due && reply.sign_at == desk.now_utc_us + desk.jumped_us + left_us, "%lld us",
              (long long)(reply.sign_at - desk.now_utc_us - desk.jumped_us));
}

static void expect_due(void)
{
    struct wire_announce_reply reply;
    cr_assert(announce(&reply) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(reply.due);
}

static enum status sign(void)
{
    struct wire_reply reply;
    order_prove_again(&order, &desk.world);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    enum status status = desk_ask(&reply, &request);
    desk.world.promises = status == STATUS_OK ? reply.transfer.promises : desk.world.promises;
    wire_reply_free(&reply);
    return status;
}

static void expect_signature(enum status expected, const char *where, const char *what)
{
    enum status status = sign();
    cr_expect(status == expected, "%s: %s (%s: %s)", what, status_info(status)->code, desk_where, desk_detail);
    cr_expect(expected == STATUS_OK || strcmp(desk_where, where) == 0, "%s: at %s", what, desk_where);
}

static void expect_not_yet(const char *what)
{
    expect_signature(STATUS_NOT_READY, "policy.delay", what);
}

static enum status veto_of(const struct digest *intent, enum who who)
{
    struct command command = {.action = COMMAND_WITHDRAWAL_VETO,
                              .chain = desk.world.policy.chain,
                              .environment = desk.world.policy.environment,
                              .expires_at = desk.now_utc_us + WORLD_HOUR_US,
                              .issued_at = desk.now_utc_us,
                              .policy = desk.world.policy.digest,
                              .reason = name_of("not-agreed"),
                              .role = ROLE_TRANSFER,
                              .subject = *intent};
    struct signed_document signed_command;
    MUST(uuid_generate(&command.nonce, clock_system()));
    order_key_sign(&signed_command, &desk.world, &command, who, WHO_COUNT);
    enum status status = desk_command(&signed_command);
    signed_document_free(&signed_command);
    return status;
}

Test(delay, nothing_is_signed_before_it_was_announced_and_is_due)
{
    desk_withdrawal(&order, 1, 0);
    expect_not_yet("never announced");
    expect_waiting(DELAY_US);
    expect_not_yet("announced");
    desk.now_utc_us += DELAY_US - 1;
    expect_waiting(1);
    expect_not_yet("a microsecond early");
    desk.now_utc_us++;
    expect_due();
    expect_signature(STATUS_OK, "", "due");
    expect_signature(STATUS_OK, "", "and again");
    expect_due();
    order_wipe(&order);
}

/* Whoever may announce cannot announce for another: the wait is of this very intent. */
Test(delay, each_waits_for_itself)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    order_wipe(&order);
    desk.now_utc_us += DELAY_US;
    desk_withdrawal(&order, 1, 0);
    expect_not_yet("another intent");
    order_wipe(&order);
}

/* The entry of one act does not serve for the other, so what the trail says is what happened. */
Test(delay, each_act_has_its_entry)
{
    struct wire_reply reply;
    desk_withdrawal(&order, 1, 0); /* with the entry of a signature */
    struct wire_request request = {.op = WIRE_OP_TRANSFER_ANNOUNCE, .transfer = order_request(&order)};
    cr_expect(desk_ask(&reply, &request) == STATUS_MISMATCH);
    cr_expect_str_eq(desk_where, "leaf.act");
    order_announce(&order, &desk.world);
    request = (struct wire_request){.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    cr_expect(desk_ask(&reply, &request) == STATUS_MISMATCH);
    cr_expect_str_eq(desk_where, "leaf.act");
    order_wipe(&order);
}

Test(delay, no_clock_shortens_it)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    desk.jumped_us = DELAY_US + DESK_SECOND_US; /* the intent is good for an hour */
    expect_not_yet("a clock that was set ahead");
    MUST(desk_restart(NULL));
    expect_not_yet("and a start with it");
    desk.jumped_us = -59 * DESK_SECOND_US;
    expect_not_yet("a clock that was set back");
    order_wipe(&order);
}

Test(delay, a_day_ahead_or_back_shortens_nothing)
{
    static const int64_t jumps_us[] = {DESK_DAY_US, -DESK_DAY_US};
    for (size_t i = 0; i < 2; i++) {
        desk_withdrawal(&order, 1, 0);
        expect_waiting(DELAY_US);
        desk.jumped_us = jumps_us[i];
        cr_expect(sign() != STATUS_OK);
        MUST(desk_restart(NULL));
        cr_expect(sign() != STATUS_OK);
        desk.jumped_us = 0;
        expect_not_yet("the clock is right again");
        order_wipe(&order);
    }
}

Test(delay, a_clock_that_is_held_delays_no_longer)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    desk_run_on(DELAY_US - 1);
    expect_not_yet("not yet");
    desk_run_on(1);
    expect_signature(STATUS_OK, "", "it ran for so long");
    order_wipe(&order);
}

Test(delay, a_stop_does_not_count_and_forgets_nothing)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    desk_run_on(DELAY_US / 2);
    expect_waiting(DELAY_US / 2); /* who asks has the time kept */
    desk_stop();
    desk_run_on(10 * DELAY_US);
    MUST(desk_restart(NULL));
    expect_not_yet("off");
    expect_waiting(DELAY_US / 2);
    desk_run_on(DELAY_US / 2);
    expect_signature(STATUS_OK, "", "it ran for the other half");
    order_wipe(&order);
}

/* Announced under a version that asks for ten minutes; the next asks for more, or for nothing. */
static void change_delay(const char *demand)
{
    struct signed_document next;
    world_demand = demand;
    world_policy_next(&next, &desk.world);
    cr_assert(desk_adopt(NULL, &next) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.now_utc_us += 3 * DESK_SECOND_US;
    signed_document_free(&next);
}

Test(delay, a_later_version_may_lengthen_the_wait)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    change_delay("{\"delay_s\":900}");
    desk.now_utc_us += DELAY_US;
    expect_not_yet("ten minutes have passed");
    desk.now_utc_us += DELAY_US / 2;
    expect_signature(STATUS_OK, "", "fifteen");
    order_wipe(&order);
}

Test(delay, a_later_version_does_not_shorten_the_wait)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    change_delay(NULL);
    expect_not_yet("it was announced under one that asks for ten minutes");
    desk.now_utc_us += DELAY_US;
    expect_signature(STATUS_OK, "", "they have passed");
    order_wipe(&order);
}

static size_t records(void)
{
    MDB_env *env = NULL;
    MDB_stat stat;
    desk_stop();
    cr_assert(mdb_env_create(&env) == 0 && mdb_env_open(env, desk.guard_path, MDB_RDONLY | MDB_NOLOCK, 0600) == 0);
    cr_assert(mdb_env_stat(env, &stat) == 0);
    mdb_env_close(env);
    MUST(desk_restart(NULL));
    return stat.ms_entries;
}

/* Each comes with a checkpoint of its own, and whoever writes the trail can make them without end. */
Test(delay, an_announcement_that_changes_nothing_leaves_nothing)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    size_t before = records();
    for (int i = 0; i < 3; i++) {
        expect_waiting(DELAY_US);
    }
    cr_expect(records() == before, "%zu records, %zu before", records(), before);
    order_wipe(&order);
}

/* A veto that was signed before another version took force, and held back until then. */
Test(delay, a_veto_may_name_the_version_before)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    const struct digest named = order.digest;
    change_delay(TEN_MINUTES);
    cr_expect(veto_of(&named, BOB) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    order_wipe(&order);
}

Test(no_delay, an_announcement_is_due_at_once_and_not_needed)
{
    desk_withdrawal(&order, 1, 0);
    expect_due();
    expect_signature(STATUS_OK, "", "announced");
    order_wipe(&order);
    desk_withdrawal(&order, 1, 1);
    expect_signature(STATUS_OK, "", "not announced");
    order_wipe(&order);
}

static void expect_denied(const char *what)
{
    struct wire_announce_reply reply;
    expect_signature(STATUS_DENIED, "veto", what);
    cr_expect(announce(&reply) == STATUS_DENIED, "%s", what);
}

Test(delay, a_veto_is_for_ever)
{
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    cr_expect(veto_of(&order.digest, CAROL) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_denied("while it waits");
    desk.now_utc_us += DELAY_US;
    expect_denied("when it would be due");
    MUST(desk_restart(NULL));
    expect_denied("after a start");
    cr_expect(veto_of(&order.digest, BOB) == STATUS_OK, "a second one is no mistake");
    order_wipe(&order);
    desk_withdrawal(&order, 1, 0);
    expect_waiting(DELAY_US);
    order_wipe(&order);
}

Test(no_delay, a_veto_may_come_before_everything_else)
{
    desk_withdrawal(&order, 1, 0);
    cr_expect(veto_of(&order.digest, OTTO) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_denied("where no delay is asked for");
    order_wipe(&order);
}

/* What was promised may be on its way to the ledger: nobody is told that he stopped it. */
Test(no_delay, a_veto_that_is_late_says_so)
{
    desk_withdrawal(&order, 1, 0);
    expect_signature(STATUS_OK, "", "before");
    cr_expect(veto_of(&order.digest, CAROL) == STATUS_CONFLICT);
    cr_expect_str_eq(desk_where, "command.subject");
    expect_signature(STATUS_OK, "", "what was promised is had again");
    order_wipe(&order);
}

Test(no_delay, who_may_not_stop_anything_vetoes_nothing)
{
    desk_withdrawal(&order, 1, 0);
    cr_expect(veto_of(&order.digest, WANDA) == STATUS_FORBIDDEN);
    cr_expect(veto_of(&order.digest, STRANGER) == STATUS_UNKNOWN_KEY);
    expect_signature(STATUS_OK, "", "nobody spoke against it");
    order_wipe(&order);
}

/* Stopping waits for no clock. */
Test(no_delay, a_veto_is_heard_whatever_the_clock_shows)
{
    desk_withdrawal(&order, 1, 0);
    desk.jumped_us = 400 * DESK_DAY_US;
    MUST(desk_restart(NULL));
    cr_expect(veto_of(&order.digest, CAROL) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.jumped_us = 0;
    expect_denied("the clock is right again");
    order_wipe(&order);
}
