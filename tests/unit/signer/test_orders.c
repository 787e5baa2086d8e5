/*
 * What one person alone orders and the guard keeps for ever: so many at once, then one in ten seconds.
 */
#include <criterion/criterion.h>

#include "desk.h"

enum { AT_ONCE = 128 };
#define EVERY_US (10 * DESK_SECOND_US)

TestSuite(orders, .init = desk_start_active, .fini = desk_finish);

static struct command command_of(enum command_action action)
{
    const struct digest none = {{0}};
    struct world now = desk.world;
    now.now_utc_us = desk.now_utc_us;
    struct command command = order_key(&now, action, &none, (enum key_state)0, 0);
    command.target.scope = FREEZE_EVERYTHING;
    MUST(name_parse(&command.person, "wanda"));
    memcpy(command.subject.bytes32, &command.nonce, sizeof(command.nonce));
    return command;
}

static enum status send(const struct command *command, enum who who)
{
    struct signed_document order;
    order_key_sign(&order, &desk.world, command, who, who == ADA ? ALAN : WHO_COUNT);
    enum status status = desk_command(&order);
    signed_document_free(&order);
    return status;
}

static enum status give(enum command_action action, enum who who)
{
    const struct command command = command_of(action);
    return send(&command, who);
}

/* As many as one person has at once, of those kinds that leave something each time. */
static void spend(enum who who)
{
    static const enum command_action actions[] = {COMMAND_WITHDRAWAL_VETO, COMMAND_DESTINATION_REVOKE};
    for (int i = 0; i < AT_ONCE; i++) {
        cr_assert(give(actions[i % 2], who) == STATUS_OK, "order %d: %s: %s", i, desk_where, desk_detail);
    }
}

static void expect_busy(enum command_action action, enum who who)
{
    enum status status = give(action, who);
    cr_expect(status == STATUS_BUSY, "%s: %s: %s", status_info(status)->code, desk_where, desk_detail);
    cr_expect_str_eq(desk_where, "command");
}

Test(orders, of_each_person_for_themselves_and_it_comes_back)
{
    spend(CAROL);
    expect_busy(COMMAND_WITHDRAWAL_VETO, CAROL);
    expect_busy(COMMAND_DESTINATION_REVOKE, CAROL);
    cr_expect(strstr(desk_detail, "carol") != NULL, "%s", desk_detail);
    cr_expect(give(COMMAND_WITHDRAWAL_VETO, BOB) == STATUS_OK, "another person: %s", desk_detail);
    desk.now_utc_us += EVERY_US;
    cr_expect(give(COMMAND_WITHDRAWAL_VETO, CAROL) == STATUS_OK, "%s", desk_detail);
    expect_busy(COMMAND_WITHDRAWAL_VETO, CAROL);
}

Test(orders, what_was_refused_may_come_again)
{
    spend(CAROL);
    const struct command late = command_of(COMMAND_WITHDRAWAL_VETO);
    cr_expect(send(&late, CAROL) == STATUS_BUSY);
    desk.now_utc_us += EVERY_US;
    cr_expect(send(&late, CAROL) == STATUS_OK, "%s: %s", desk_where, desk_detail);
}

Test(orders, an_order_shown_again_costs_nothing)
{
    const struct command shown = command_of(COMMAND_WITHDRAWAL_VETO);
    cr_assert(send(&shown, CAROL) == STATUS_OK);
    for (int i = 0; i < 2 * AT_ONCE; i++) {
        cr_assert(send(&shown, CAROL) == STATUS_OK, "%d: %s", i, desk_detail);
    }
    cr_expect(give(COMMAND_WITHDRAWAL_VETO, CAROL) == STATUS_OK, "%s", desk_detail);
}

/* Nobody may be kept from stopping what runs: neither by others, nor by what they did themselves. */
Test(orders, what_runs_is_stopped_whoever_owes)
{
    spend(CAROL);
    spend(BOB);
    cr_expect(give(COMMAND_PERSON_SUSPEND, CAROL) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(COMMAND_FREEZE, CAROL) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    expect_busy(COMMAND_FREEZE, CAROL); /* is frozen already */
    expect_busy(COMMAND_PERSON_SUSPEND, BOB);
    struct command thaw = command_of(COMMAND_THAW);
    thaw.on = 1;
    cr_assert(send(&thaw, ADA) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_expect(give(COMMAND_FREEZE, CAROL) == STATUS_OK, "%s: %s", desk_where, desk_detail);
}

Test(orders, a_freeze_of_what_is_frozen_is_paid_for)
{
    cr_assert(give(COMMAND_FREEZE, OTTO) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    for (int i = 0; i < AT_ONCE; i++) {
        cr_assert(give(COMMAND_FREEZE, CAROL) == STATUS_OK, "%d: %s: %s", i, desk_where, desk_detail);
    }
    expect_busy(COMMAND_FREEZE, CAROL);
}
