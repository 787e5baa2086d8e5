/*
 * Suspended people through the real operations: whose word lets nothing pass any more, what one hostile person can do
 * with it, and who ends it.
 */
#include <criterion/criterion.h>

#include "desk.h"

TestSuite(people, .init = desk_start_active, .fini = desk_finish);

static void expect(enum status got, enum status expected, const char *where, const char *what)
{
    cr_expect(got == expected, "%s: %s at %s: %s", what, status_info(got)->code, desk_where, desk_detail);
    cr_expect_str_eq(got == STATUS_OK ? "" : desk_where, where, "%s: where '%s': %s", what, desk_where, desk_detail);
}

static struct command person_command(enum command_action action, const char *person)
{
    const struct digest none = {{0}};
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, action, &none, (enum key_state)0, 0);
    MUST(name_parse(&command.person, person));
    return command;
}

static enum status hand_in(const struct command *command, enum who first, enum who second)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, first, second);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

static enum status suspend(const char *person, enum who by)
{
    const struct command command = person_command(COMMAND_PERSON_SUSPEND, person);
    return hand_in(&command, by, WHO_COUNT);
}

static enum status resume(const char *person, uint64_t on)
{
    struct command command = person_command(COMMAND_PERSON_RESUME, person);
    command.on = on;
    return hand_in(&command, ADA, ALAN);
}

/* Who status says is suspended, in one line. */
static const char *told(void)
{
    static char line[512];
    struct wire_request request = {.op = WIRE_OP_STATUS};
    struct wire_reply reply;
    size_t at = 0;
    line[0] = '\0';
    MUST(desk_ask(&reply, &request));
    for (size_t i = 0; i < reply.status.suspended_count; i++) {
        const struct wire_suspended *row = &reply.status.suspended[i];
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%s %llu;", row->person.text, (unsigned long long)row->on);
    }
    wire_reply_free(&reply);
    return line;
}

Test(people, an_approval_of_who_is_suspended_does_not_count_until_they_are_resumed)
{
    expect(desk_sign(0, 0), STATUS_OK, "", "both count");
    expect(suspend("bob", ALAN), STATUS_OK, "", "one person suspends");
    cr_expect_str_eq(told(), "bob 1;");
    expect(desk_sign(0, 1), STATUS_QUORUM_MISSING, "policy", "one of two is suspended");
    expect(resume("bob", 1), STATUS_OK, "", "the quorum resumes");
    cr_expect_str_eq(told(), "");
    expect(desk_sign(0, 1), STATUS_OK, "", "the same counts again");
}

Test(people, what_was_promised_before_is_had_again)
{
    struct order order;
    struct wire_reply reply;
    desk_withdrawal(&order, 0, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    expect(desk_ask(&reply, &request), STATUS_OK, "", "promised");
    wire_reply_free(&reply);
    expect(suspend("bob", ALAN), STATUS_OK, "", "suspended afterwards");
    expect(desk_ask(&reply, &request), STATUS_OK, "", "the same signature may be out already");
    wire_reply_free(&reply);
    order_wipe(&order);
}

Test(people, it_outlives_the_process)
{
    expect(suspend("bob", ALAN), STATUS_OK, "", "suspended");
    desk_stop();
    MUST(desk_restart(NULL));
    cr_expect_str_eq(told(), "bob 1;");
    expect(desk_sign(0, 0), STATUS_QUORUM_MISSING, "policy", "also after a restart");
}

Test(people, who_is_suspended_makes_no_quorum_but_for_a_resumption)
{
    expect(suspend("alan", ADA), STATUS_OK, "", "suspended");
    expect(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_ACTIVE), STATUS_QUORUM_MISSING, "command.signatures",
           "an order about a key");
    struct signed_document next;
    world_policy_next(&next, &desk.world);
    expect(desk_adopt(NULL, &next), STATUS_QUORUM_MISSING, "document.signatures", "a version of the policy");
    const struct destination destination = order_destination(&desk.world);
    struct order order = {.approval_count = 0};
    struct destination other = destination;
    other.account.digest.bytes32[20] ^= 1;
    order_destination_sign(&order, &desk.world, &other, ALAN);
    expect(desk_list(NULL, &order.destination), STATUS_QUORUM_MISSING, "document.signatures", "an entry of the list");
    signed_document_free(&order.destination);
    expect(resume("alan", 1), STATUS_OK, "", "counting alan, of all things");
    expect(desk_adopt(NULL, &next), STATUS_OK, "", "the same version, handed in again");
    signed_document_free(&next);
}

Test(people, one_hostile_person_stops_and_gains_nothing)
{
    expect(suspend("ada", BOB), STATUS_OK, "", "bob suspends everybody else");
    expect(suspend("alan", BOB), STATUS_OK, "", "alan");
    expect(suspend("bert", BOB), STATUS_OK, "", "bert");
    expect(desk_sign(0, 0), STATUS_QUORUM_MISSING, "policy", "what takes two is not done by one");
    expect(suspend("bob", ALAN), STATUS_FORBIDDEN, "command.signatures", "who is suspended suspends nobody");
    expect(resume("alan", 1), STATUS_OK, "", "the quorum counts for a resumption, suspended or not");
    expect(suspend("alan", BOB), STATUS_FORBIDDEN, "command.person", "not again by the same person");
    expect(suspend("bob", ALAN), STATUS_OK, "", "now the hostile one");
    expect(suspend("bert", BOB), STATUS_FORBIDDEN, "command.signatures", "who suspends nobody any more");
    expect(resume("ada", 1), STATUS_OK, "", "and the others come back");
    cr_expect_str_eq(told(), "bert 1;bob 1;");
}

Test(people, who_is_suspended_still_stops)
{
    expect(suspend("alan", ADA), STATUS_OK, "", "suspended");
    struct command freeze = person_command(COMMAND_FREEZE, "alan");
    freeze.target = (struct freeze_target){.scope = FREEZE_EVERYTHING};
    expect(hand_in(&freeze, ALAN, WHO_COUNT), STATUS_OK, "", "a colluder takes nobody's veto away");
}

Test(people, a_resumption_ends_the_suspension_that_its_signers_saw)
{
    struct command kept_back = person_command(COMMAND_PERSON_RESUME, "bob");
    kept_back.on = 1;
    expect(suspend("bob", ALAN), STATUS_OK, "", "first");
    expect(suspend("bob", ALAN), STATUS_OK, "", "by the same person: as it was");
    cr_expect_str_eq(told(), "bob 1;");
    expect(suspend("bob", ADA), STATUS_OK, "", "by another one: second");
    cr_expect_str_eq(told(), "bob 2;");
    expect(hand_in(&kept_back, ADA, ALAN), STATUS_CONFLICT, "command.on", "given for the first");
    expect(suspend("bob", ADA), STATUS_OK, "", "nobody alone runs ahead of the quorum");
    expect(resume("bob", 2), STATUS_OK, "", "resumed");
    expect(suspend("bob", ADA), STATUS_FORBIDDEN, "command.person", "it was this one's suspension that ended");
    expect(suspend("bob", ALAN), STATUS_OK, "", "third");
    cr_expect_str_eq(told(), "bob 3;");
    expect(resume("bob", 5), STATUS_OK, "", "of a signer that saw more of them");
    cr_expect_str_eq(told(), "");
    expect(resume("bob", 5), STATUS_CONFLICT, "command.on", "not suspended");
}

/* Whoever shows the quorum a number that is too large gets an order that ends no later suspension, nor the numbers. */
Test(people, a_number_that_is_too_large_ends_nothing_later)
{
    struct command kept_back = person_command(COMMAND_PERSON_RESUME, "bob");
    kept_back.on = 1000;
    expect(suspend("bob", ADA), STATUS_OK, "", "what the quorum saw");
    desk.now_utc_us += 60 * DESK_SECOND_US;
    expect(suspend("bob", ALAN), STATUS_OK, "", "what came since");
    expect(hand_in(&kept_back, ADA, ALAN), STATUS_CONFLICT, "command.issued_at", "a number that nobody had");
    cr_expect_str_eq(told(), "bob 2;");
    expect(resume("bob", INT64_MAX), STATUS_CONFLICT, "command.on", "so there would be no next one");
    expect(resume("bob", 1000), STATUS_OK, "", "issued now");
    expect(suspend("bob", ADA), STATUS_OK, "", "can be suspended as ever");
    cr_expect_str_eq(told(), "bob 1001;");
}

/* An order that took its time to this signer, which the quorum knew from another one. */
Test(people, a_suspension_that_comes_late_is_ended_by_what_was_issued_after_it)
{
    const struct command late = person_command(COMMAND_PERSON_SUSPEND, "bob");
    desk.now_utc_us += 60 * DESK_SECOND_US;
    struct command resumption = person_command(COMMAND_PERSON_RESUME, "bob");
    resumption.on = 1;
    desk.now_utc_us += 60 * DESK_SECOND_US;
    expect(hand_in(&late, ALAN, WHO_COUNT), STATUS_OK, "", "carried to it");
    expect(hand_in(&resumption, ADA, ALAN), STATUS_OK, "", "the same way");
    cr_expect_str_eq(told(), "");
}

/* What a clock that was ahead for one order left behind keeps nobody suspended once it is right. */
Test(people, a_suspension_from_a_time_to_come_is_ended)
{
    desk.jumped_us = 10 * DESK_DAY_US;
    desk.now_utc_us += desk.jumped_us;
    struct command ahead = person_command(COMMAND_PERSON_SUSPEND, "bob");
    desk.now_utc_us -= desk.jumped_us;
    expect(hand_in(&ahead, ALAN, WHO_COUNT), STATUS_OK, "", "ten days ahead");
    desk.jumped_us = 0;
    expect(resume("bob", 1), STATUS_OK, "", "today");
    cr_expect_str_eq(told(), "");
}

static enum status write_gone(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)context;
    struct guard_person gone = {.person = name_of("gone"),
                                .by = name_of("ada"),
                                .reason = name_of("left"),
                                .suspended = true,
                                .on = 3,
                                .since_utc_us = desk.now_utc_us};
    return guard_txn_person_write(txn, &gone, fault);
}

/* Otherwise their place in the guard would be lost for good, and one day the last one. */
Test(people, who_left_the_policy_can_be_resumed)
{
    struct guard_suspended there[GUARD_PEOPLE_MAX];
    MUST(guard_commit(desk.guard, write_gone, NULL, NULL));
    cr_assert(guard_people(desk.guard, there, NULL) == 1);
    expect(suspend("gone", ALAN), STATUS_NOT_FOUND, "command.person", "is in no policy");
    expect(resume("gone", 3), STATUS_OK, "", "but in the guard");
    cr_expect(guard_people(desk.guard, there, NULL) == 0);
    expect(resume("nobody", 1), STATUS_NOT_FOUND, "command.person", "in neither");
}

/* It was away when the first two came. Whoever kept the first suspends nobody by it, and what comes later does. */
Test(people, a_signer_that_was_away_takes_no_suspension_from_before_the_resumption)
{
    const struct command missed = person_command(COMMAND_PERSON_SUSPEND, "bob");
    desk.now_utc_us += 60 * DESK_SECOND_US;
    expect(resume("bob", 1), STATUS_OK, "", "of a suspension that it never had");
    cr_expect_str_eq(told(), "");
    expect(hand_in(&missed, ALAN, WHO_COUNT), STATUS_REPLAY, "command.issued_at", "from before");
    desk_stop();
    MUST(desk_restart(NULL));
    expect(hand_in(&missed, ALAN, WHO_COUNT), STATUS_REPLAY, "command.issued_at", "also after a restart");
    cr_expect_str_eq(told(), "");
    desk.now_utc_us += 60 * DESK_SECOND_US;
    expect(suspend("bob", ALAN), STATUS_OK, "", "a new one");
    cr_expect_str_eq(told(), "bob 2;");
}

Test(people, an_order_serves_once_and_names_somebody)
{
    const struct command command = person_command(COMMAND_PERSON_SUSPEND, "bob");
    expect(hand_in(&command, ALAN, WHO_COUNT), STATUS_OK, "", "once");
    expect(hand_in(&command, ALAN, WHO_COUNT), STATUS_OK, "", "twice, which is once");
    expect(suspend("nobody", ALAN), STATUS_NOT_FOUND, "command.person", "in no policy");
    const struct command alone = person_command(COMMAND_PERSON_RESUME, "bob");
    struct command one = alone;
    one.on = 1;
    expect(hand_in(&one, ALAN, WHO_COUNT), STATUS_QUORUM_MISSING, "command.signatures", "a resumption by one person");
    expect(resume("bob", 1), STATUS_OK, "", "resumed");
    expect(hand_in(&command, ALAN, WHO_COUNT), STATUS_OK, "", "an order that was used");
    cr_expect_str_eq(told(), "", "suspends nobody again");
}

Test(people, a_clock_that_is_not_believed_keeps_nobody_from_suspending)
{
    desk.jumped_us = 4 * 365 * DESK_DAY_US;
    expect(resume("bob", 1), STATUS_NOT_READY, "command.clock", "starting again does not");
    expect(suspend("bob", ALAN), STATUS_OK, "", "stopping works");
}

Test(people_audit, it_holds_for_every_role)
{
    desk_start_as(ROLE_AUDIT);
    expect(suspend("alan", ADA), STATUS_OK, "", "one order for all signers");
    cr_expect_str_eq(told(), "alan 1;");
    struct signed_document next;
    world_policy_next(&next, &desk.world);
    expect(desk_adopt(NULL, &next), STATUS_QUORUM_MISSING, "document.signatures", "a version of the policy");
    signed_document_free(&next);
    desk_finish();
}
