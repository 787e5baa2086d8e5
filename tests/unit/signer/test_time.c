/*
 * A signer whose clock is wrong: nothing is decided by it, nothing is ruined by it, stopping works all the same, and
 * people can say that it is right.
 */
#include <criterion/criterion.h>

#include "desk.h"

#define AHEAD_MAX_US (14 * DESK_DAY_US)
#define YEARS_US (4 * 365 * DESK_DAY_US)

TestSuite(clock, .init = desk_start_active, .fini = desk_finish);

static struct guard_state seen(void)
{
    struct guard_state state;
    guard_read(desk.guard, &state);
    return state;
}

static void expect_believed(bool believed)
{
    bool goes_on = false;
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_STATUS};
    cr_assert(desk_ask_as(&reply, &request, SIGNER_PERMIT_STATUS, &goes_on) == STATUS_OK);
    cr_expect((strstr(reply.status.reason, "days ahead") == NULL) == believed, "%s", reply.status.reason);
}

static enum status attest(void)
{
    struct wire_request request = {.op = WIRE_OP_KEY_ATTEST, .key_attest = {.key = desk_key_id()}};
    struct wire_reply reply;
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

static void expect(enum status status, enum status expected, const char *what)
{
    cr_expect(status == expected, "%s: %s (%s: %s)", what, status_info(status)->code, desk_where, desk_detail);
}

/* What one look with a clock of another year did before: the key retained for good, every order expired. */
Test(clock, one_wrong_clock_ruins_nothing)
{
    expect(desk_sign(1, 0), STATUS_OK, "before");
    const struct guard_state before = seen();
    desk.jumped_us = YEARS_US;
    expect_believed(false);
    cr_expect_str_eq(desk_key().state, "active");
    expect(desk_sign(1, 1), STATUS_NOT_READY, "a signature");
    cr_expect_str_eq(desk_where, "clock");
    expect(attest(), STATUS_NOT_READY, "an attestation");
    expect(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE), STATUS_NOT_READY, "an order");
    MUST(desk_restart(NULL));
    expect_believed(false);
    cr_expect(seen().highest_utc_us == before.highest_utc_us, "nothing was written");
    desk.jumped_us = 0;
    expect_believed(true);
    expect(desk_sign(1, 1), STATUS_OK, "the clock is right again");
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_ACTIVE), STATUS_OK, "orders are in time");
}

Test(clock, stopping_works_while_it_is_wrong)
{
    desk.jumped_us = YEARS_US;
    expect(desk_order(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE), STATUS_OK, "one person suspends");
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_SUSPENDED), STATUS_OK, "the quorum");
    struct wire_request request = {.op = WIRE_OP_FREEZE_ALARM,
                                   .freeze_alarm = {.reason = name_of("smoke"), .scope = "everything"}};
    struct wire_reply reply;
    expect(desk_ask(&reply, &request), STATUS_OK, "a freeze");
    desk.jumped_us = 0;
    cr_expect_str_eq(desk_key().state, "compromised");
    cr_expect(seen().highest_utc_us < desk.now_utc_us + DESK_DAY_US);
}

/* What was the time at the start goes on, though nothing was decided by it. */
Test(clock, stopping_works_while_it_is_wrong_after_a_stop)
{
    desk_stop();
    desk.now_utc_us += 10 * DESK_DAY_US;
    MUST(desk_restart(NULL));
    desk.jumped_us = YEARS_US;
    expect(desk_order(COMMAND_KEY_SUSPEND, KEY_STATE_ACTIVE), STATUS_OK, "an order of today");
}

static enum status raise_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    txn->state.highest_utc_us = *(const int64_t *)context;
    return STATUS_OK;
}

/* A guard that was led into the future: starting waits for it, stopping does not. */
Test(clock, stopping_works_behind_the_highest_time)
{
    int64_t future = desk.now_utc_us + 100 * DESK_DAY_US; /* the box is over by then */
    MUST(guard_commit(desk.guard, raise_apply, &future, NULL));
    expect(desk_order(COMMAND_KEY_SUSPEND, KEY_STATE_INACTIVE), STATUS_OK, "suspend");
    expect(desk_order(COMMAND_KEY_RESUME, KEY_STATE_SUSPENDED), STATUS_EXPIRED, "resume");
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_SUSPENDED), STATUS_OK, "compromise");
}

/* By the highest time nobody counts any more; who is suspended has nothing to do with it. */
Test(clock, stopping_works_behind_the_highest_time_while_somebody_is_suspended)
{
    int64_t future = desk.now_utc_us + 100001 * WORLD_HOUR_US;
    const struct digest none = {{0}};
    struct command command = order_key(&desk.world, COMMAND_PERSON_SUSPEND, &none, (enum key_state)0, 0);
    command.person = name_of("wanda");
    struct signed_document order;
    order_key_sign(&order, &desk.world, &command, ADA, WHO_COUNT);
    expect(desk_command(&order), STATUS_OK, "suspend somebody");
    signed_document_free(&order);
    MUST(guard_commit(desk.guard, raise_apply, &future, NULL));
    expect(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_RETAINED), STATUS_OK, "compromise");
}

Test(clock, time_that_passed_is_no_jump)
{
    desk.now_utc_us += 100 * DESK_DAY_US; /* nobody asked for anything */
    expect_believed(true);
    desk.jumped_us = AHEAD_MAX_US + DESK_SECOND_US;
    expect_believed(false);
    desk.jumped_us = AHEAD_MAX_US;
    expect_believed(true);
}

/* Each decision remembers its time; were that what the next one is measured by, thirteen days a request led anywhere.
 */
Test(clock, one_that_creeps_ahead_goes_as_far_as_one_that_jumps)
{
    const int64_t step_us = 13 * DESK_DAY_US;
    desk.jumped_us = step_us;
    expect(attest(), STATUS_OK, "thirteen days ahead");
    cr_assert(seen().highest_utc_us == desk.now_utc_us + step_us, "it is remembered");
    desk.jumped_us = 2 * step_us;
    expect(attest(), STATUS_NOT_READY, "twice that");
    cr_expect_str_eq(desk_where, "clock");
    expect_believed(false);
    desk.now_utc_us += 12 * DESK_DAY_US; /* what passes while that clock stands still makes it right */
    desk.jumped_us -= 12 * DESK_DAY_US;
    expect_believed(true);
}

/* A start with a clock that is ahead spends the same allowance. */
Test(clock, each_start_has_one_allowance)
{
    desk.jumped_us = 10 * DESK_DAY_US;
    MUST(desk_restart(NULL));
    expect(attest(), STATUS_OK, "ten days ahead since the start");
    desk.jumped_us = AHEAD_MAX_US + DESK_DAY_US;
    expect(attest(), STATUS_NOT_READY, "five more");
    MUST(desk_restart(NULL));
    expect(attest(), STATUS_OK, "after another start");
}

Test(clock, a_long_stop_is_explained_by_people)
{
    desk_stop();
    desk.now_utc_us += 100 * DESK_DAY_US;
    MUST(desk_restart(NULL));
    expect_believed(false);
    desk.accept_utc_us = desk.now_utc_us + 2 * DESK_DAY_US;
    struct fault fault = {0};
    cr_expect(desk_restart(&fault) == STATUS_NOT_READY, "another day than the clock's");
    cr_expect_str_eq(fault.where, "accept-clock");
    desk.accept_utc_us = desk.now_utc_us + DESK_DAY_US;
    MUST(desk_restart(NULL));
    expect_believed(true);
    desk.accept_utc_us = 0;
    MUST(desk_restart(NULL));
    expect_believed(true);
}

/* By a look with a clock that is wrong by days, a box ends; orders do not become too old. */
Test(clock, a_look_moves_no_time)
{
    const struct guard_state before = seen();
    desk.jumped_us = AHEAD_MAX_US;
    (void)desk_key();
    expect_believed(true);
    cr_expect(seen().highest_utc_us == before.highest_utc_us);
    expect(desk_alarm(), STATUS_OK, "an alarm");
    cr_expect(seen().highest_utc_us == before.highest_utc_us);
}

/* The papers of a key are believed at a time that cannot come again. */
TestSuite(founded, .init = desk_start, .fini = desk_finish);

Test(founded, an_admission_moves_time)
{
    struct papers papers;
    const struct hand hand = hand_soft(desk.keys[0]);
    const struct key_document key = papers_key(&desk.world, &hand);
    papers_make(&papers, &desk.world, &hand, &key);
    desk.now_utc_us += DESK_SECOND_US;
    expect(desk_admit(&papers), STATUS_OK, "admit");
    cr_expect(seen().highest_utc_us == desk.now_utc_us);
    papers_wipe(&papers);
}

/* What is attested daily keeps the time of a signer that signs nothing else. */
Test(clock, an_attestation_moves_time)
{
    desk.now_utc_us += 10 * DESK_DAY_US;
    expect(attest(), STATUS_OK, "attest");
    cr_expect(seen().highest_utc_us == desk.now_utc_us);
}
