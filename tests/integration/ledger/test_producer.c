/*
 * The node with its thread: many submitters, waiting until confirmed, stopping in the middle. Real time passes here,
 * but decides nothing.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "ledger_world.h"

#define WAIT_MS 60000

static struct world world;

static void setup(void)
{
    world_make(&world);
    world.host.clock = clock_system();
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_assert_eq(ledger_node_start(world.node, NULL), STATUS_OK);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_producer, .init = setup, .fini = teardown);

enum { LANES = 4, IN_LANE = 10 };

static void *submit_lane(void *argument)
{
    uint64_t lane = *(uint64_t *)argument;
    for (uint64_t seq = 0; seq < IN_LANE; seq++) {
        struct digest id;
        struct ledger_transaction_status found;
        struct transaction transaction = world_issue(&world, ALICE, "1", seq);
        transaction.lane = lane;
        cr_assert_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
        if (seq % 3 == 0) {
            cr_assert_eq(ledger_node_wait(world.node, &found, &id, WAIT_MS, NULL), STATUS_OK);
            cr_expect_eq(found.state, LEDGER_CONFIRMED);
        }
    }
    return NULL;
}

Test(ledger_producer, many_lanes_at_once)
{
    pthread_t threads[LANES];
    uint64_t lanes[LANES];
    for (uint64_t i = 0; i < LANES; i++) {
        lanes[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, submit_lane, &lanes[i]), 0);
    }
    for (int i = 0; i < LANES; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction last = world_issue(&world, ALICE, "1", IN_LANE);
    cr_assert_eq(world_submit(&id, &world, &last, ISSUER), STATUS_OK);
    cr_assert_eq(ledger_node_wait(world.node, &found, &id, WAIT_MS, NULL), STATUS_OK);
    ledger_node_stop(world.node);
    world_close(&world);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    struct ledger_node_status node;
    ledger_node_status(world.node, &node);
    cr_expect_eq(node.height, node.confirmed_height);
    cr_expect_str_eq(world_balance(&world, ALICE), "41");
}

/* Whoever of several is faster, all get the same answer. */
static void *submit_same(void *argument)
{
    struct ledger_transaction_status found;
    cr_expect_eq(ledger_node_submit(world.node, &found, argument, test_key_public(world.keys[ISSUER]), NULL),
                 STATUS_OK);
    return NULL;
}

Test(ledger_producer, the_same_transaction_at_the_same_time)
{
    for (uint64_t seq = 0; seq < 20; seq++) {
        pthread_t threads[LANES];
        struct signed_document document;
        struct transaction transaction = world_issue(&world, ALICE, "1", seq);
        world_sign(&document, &world, &transaction, ISSUER);
        for (int i = 0; i < LANES; i++) {
            cr_assert_eq(pthread_create(&threads[i], NULL, submit_same, &document), 0);
        }
        for (int i = 0; i < LANES; i++) {
            cr_assert_eq(pthread_join(threads[i], NULL), 0);
        }
        signed_document_free(&document);
    }
}

Test(ledger_producer, a_rejection_wakes_the_waiter)
{
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction transaction = world_transfer(&world, ALICE, BOB, "1", 0);
    cr_assert_eq(world_submit(&id, &world, &transaction, ALICE), STATUS_OK);
    cr_assert_eq(ledger_node_wait(world.node, &found, &id, WAIT_MS, NULL), STATUS_OK);
    cr_expect_eq(found.state, LEDGER_REJECTED);
    cr_expect_eq(found.code, STATUS_INSUFFICIENT_FUNDS);
}

Test(ledger_producer, a_halt_wakes_the_waiter)
{
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction transaction = world_issue(&world, BOB, "1", 0);
    ledger_node_stop(world.node);
    world.validator_status = STATUS_FORK;
    cr_assert_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
    cr_assert_eq(ledger_node_start(world.node, NULL), STATUS_OK);
    cr_expect_eq(ledger_node_wait(world.node, &found, &id, WAIT_MS, NULL), STATUS_HALTED);
}

Test(ledger_producer, waiting_ends)
{
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction transaction = world_issue(&world, BOB, "1", 0);
    cr_expect_eq(ledger_node_wait(world.node, &found, &world.chain, WAIT_MS, NULL), STATUS_NOT_FOUND);
    ledger_node_stop(world.node);
    cr_assert_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
    cr_expect_eq(ledger_node_wait(world.node, &found, &id, 5, NULL), STATUS_TIMED_OUT);
}
