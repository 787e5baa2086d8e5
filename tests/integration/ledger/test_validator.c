/*
 * The validator fails: nothing is confirmed without it, and what it refuses for good stops the ledger.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"

static struct world world;
static struct digest id;

/* A block is executed, the validator does not sign it. */
static void setup(void)
{
    world_begin(&world);
    world.validator_status = STATUS_UNAVAILABLE;
    struct transaction transaction = world_issue(&world, ALICE, "5", 0);
    cr_assert_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_validator, .init = setup, .fini = teardown);

static struct ledger_node_status status_of(void)
{
    struct ledger_node_status node;
    ledger_node_status(world.node, &node);
    return node;
}

static enum ledger_transaction_state state_of(const struct digest *transaction)
{
    struct ledger_transaction_status found;
    cr_assert_eq(ledger_node_transaction(world.node, &found, transaction, NULL), STATUS_OK);
    return found.state;
}

Test(ledger_validator, nothing_counts_before_it_has_signed)
{
    struct ledger_block block = {0};
    struct ledger_evidence evidence = {0};
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_eq(status_of().height, 1);
    cr_expect_eq(status_of().confirmed_height, 0);
    cr_expect_not_null(strstr(status_of().reason, "unavailable"));
    cr_expect_eq(state_of(&id), LEDGER_PENDING);
    cr_expect_str_eq(world_balance(&world, ALICE), "0");
    cr_expect_str_eq(world_balance(&world, ISSUER), "0");
    cr_expect_eq(ledger_node_block(world.node, &block, 1, NULL), STATUS_NOT_FOUND);
    cr_expect_eq(ledger_node_evidence(world.node, &evidence, &id, NULL), STATUS_NOT_READY);
    world.validator_status = STATUS_OK;
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_eq(status_of().confirmed_height, 1);
    cr_expect_str_eq(status_of().reason, "");
    cr_expect_eq(state_of(&id), LEDGER_CONFIRMED);
    cr_expect_str_eq(world_balance(&world, ALICE), "5");
}

Test(ledger_validator, balances_are_those_before_an_unconfirmed_block_however_often_it_touches_them)
{
    world.validator_status = STATUS_OK;
    cr_expect_eq(world_settle(&world), STATUS_OK);
    world.validator_status = STATUS_UNAVAILABLE;
    for (uint64_t seq = 0; seq < 3; seq++) {
        struct transaction transaction = world_transfer(&world, ALICE, BOB, "1", seq);
        cr_assert_eq(world_submit(&id, &world, &transaction, ALICE), STATUS_OK);
    }
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_eq(status_of().height, 2);
    cr_expect_str_eq(world_balance(&world, ALICE), "5");
    cr_expect_str_eq(world_balance(&world, BOB), "0");
    world.validator_status = STATUS_OK;
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ALICE), "2");
    cr_expect_str_eq(world_balance(&world, BOB), "3");
}

Test(ledger_validator, an_unconfirmed_block_survives_a_restart_as_it_was)
{
    cr_expect_eq(world_settle(&world), STATUS_OK);
    world_close(&world);
    world.utc_us += 1000000;
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_expect_eq(state_of(&id), LEDGER_PENDING);
    cr_expect_str_eq(world_balance(&world, ALICE), "0");
    world.validator_status = STATUS_OK;
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ALICE), "5");
}

Test(ledger_validator, submissions_are_refused_when_it_stays_away)
{
    struct digest other;
    struct transaction next = world_issue(&world, ALICE, "5", 1);
    struct transaction last = world_issue(&world, ALICE, "5", 2);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    struct transaction same = world_issue(&world, ALICE, "5", 0);
    world.monotonic_us += 10000000;
    cr_expect_eq(world_submit(&other, &world, &next, ISSUER), STATUS_NOT_READY);
    cr_expect_eq(world_submit(&other, &world, &same, ISSUER), STATUS_OK, "a known one is still answered");
    world.validator_status = STATUS_OK;
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_eq(world_run(&world, &next, ISSUER), STATUS_OK);
    cr_expect_eq(world_run(&world, &last, ISSUER), STATUS_OK);
}

Test(ledger_validator, the_mempool_is_bounded)
{
    enum status status = STATUS_OK;
    size_t count = 0;
    for (uint64_t seq = 1; status == STATUS_OK && seq < 10000; seq++) {
        struct digest other;
        struct transaction next = world_issue(&world, ALICE, "1", seq);
        status = world_submit(&other, &world, &next, ISSUER);
        count += status == STATUS_OK;
    }
    cr_expect_eq(status, STATUS_BUSY);
    cr_expect_eq(status_of().mempool, count + 1);
}

Test(ledger_validator, a_refusal_for_good_halts)
{
    static const enum status refusals[] = {STATUS_FORK, STATUS_HALTED, STATUS_ROLLBACK, STATUS_CONFLICT,
                                           STATUS_KEY_UNFIT};
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct digest other;
        struct ledger_transaction_status found;
        struct transaction next = world_issue(&world, ALICE, "5", 1);
        world.validator_status = refusals[i];
        cr_expect_eq(world_settle(&world), STATUS_HALTED, "refusal %zu", i);
        cr_expect(status_of().halted);
        cr_expect_not_null(strstr(status_of().reason, status_info(refusals[i])->code));
        world.validator_status = STATUS_OK;
        cr_expect_eq(world_settle(&world), STATUS_HALTED, "only a restart goes on");
        cr_expect_eq(world_submit(&other, &world, &next, ISSUER), STATUS_HALTED);
        cr_expect_eq(ledger_node_wait(world.node, &found, &id, 600000, NULL), STATUS_HALTED);
        cr_expect_eq(status_of().confirmed_height, 0);
        world_close(&world);
        cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    }
}

Test(ledger_validator, what_people_can_mend_at_the_signer_does_not_halt)
{
    static const enum status refusals[] = {STATUS_KEY_INACTIVE, STATUS_TOKEN, STATUS_UNAVAILABLE, STATUS_TIMED_OUT,
                                           STATUS_NOT_READY};
    for (uint64_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct transaction next = world_issue(&world, ALICE, "5", 1 + i);
        world.validator_status = refusals[i];
        cr_assert_eq(world_submit(&id, &world, &next, ISSUER), STATUS_OK);
        cr_expect_eq(world_settle(&world), STATUS_OK);
        cr_expect(!status_of().halted, "%s", status_info(refusals[i])->code);
        cr_expect_not_null(strstr(status_of().reason, status_info(refusals[i])->code));
        cr_expect_eq(state_of(&id), LEDGER_PENDING);
        world.validator_status = STATUS_OK;
        cr_expect_eq(world_settle(&world), STATUS_OK, "it goes on by itself");
        cr_expect_eq(state_of(&id), LEDGER_CONFIRMED);
        cr_expect_eq(status_of().confirmed_height, status_of().height);
    }
}

Test(ledger_validator, a_signature_over_something_else_confirms_nothing)
{
    world.validator_status = STATUS_OK;
    world.validator_lies = true;
    cr_expect_eq(world_settle(&world), STATUS_HALTED);
    cr_expect_eq(status_of().confirmed_height, 0);
    cr_expect_not_null(strstr(status_of().reason, "signature_invalid"));
}
