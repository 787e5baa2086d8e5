/*
 * The mempool: order of arrival, bounds, and when a batch is due.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"
#include "mempool.h"

static struct world world;
static struct mempool pool;

static void setup(void)
{
    world_make(&world);
}

static void teardown(void)
{
    mempool_wipe(&pool);
    world_remove(&world);
}

TestSuite(ledger_mempool, .init = setup, .fini = teardown);

static struct mempool_entry *entry(uint64_t seq, int64_t arrived_us)
{
    struct mempool_entry *out = NULL;
    struct ledger_batch_row row = {.key = *test_key_public(world.keys[ALICE])};
    struct transaction transaction = world_transfer(&world, ALICE, BOB, "1", seq);
    cr_assert_eq(transaction_encode(&row.transaction.document, &transaction, NULL), STATUS_OK);
    cr_assert_eq(mempool_entry_new(&out, &row, &transaction), STATUS_OK);
    bytes_free(&row.transaction.document);
    out->arrived_us = arrived_us;
    return out;
}

Test(ledger_mempool, due_by_age_or_by_size)
{
    cr_expect_eq(mempool_due_us(&pool, 0), -1);
    cr_assert_eq(mempool_add(&pool, entry(0, 100)), STATUS_OK);
    cr_expect_eq(mempool_due_us(&pool, 100), MEMPOOL_CUT_AGE_US);
    cr_expect_eq(mempool_due_us(&pool, 100 + MEMPOOL_CUT_AGE_US), 0);
    for (uint64_t seq = 1; pool.bytes < MEMPOOL_CUT_BYTES; seq++) {
        cr_expect_gt(mempool_due_us(&pool, 100), 0);
        cr_assert_eq(mempool_add(&pool, entry(seq, 100)), STATUS_OK);
    }
    cr_expect_eq(mempool_due_us(&pool, 100), 0);
    cr_expect_eq(mempool_cut(&pool), pool.count);
    cr_assert_eq(mempool_add(&pool, entry(1000, 100)), STATUS_OK);
    cr_expect_eq(mempool_cut(&pool), pool.count - 1);
}

Test(ledger_mempool, lane_goes_on_after_those_that_wait)
{
    cr_expect_eq(mempool_lane_next(&pool, &world.accounts[ALICE], 0, 5), 5);
    cr_assert_eq(mempool_add(&pool, entry(5, 0)), STATUS_OK);
    cr_assert_eq(mempool_add(&pool, entry(6, 0)), STATUS_OK);
    cr_expect_eq(mempool_lane_next(&pool, &world.accounts[ALICE], 0, 5), 7);
    cr_expect_eq(mempool_lane_next(&pool, &world.accounts[ALICE], 0, 7), 7);
    cr_expect_eq(mempool_lane_next(&pool, &world.accounts[ALICE], 1, 5), 5);
    cr_expect_eq(mempool_lane_next(&pool, &world.accounts[BOB], 0, 5), 5);
}

Test(ledger_mempool, removing_keeps_the_order)
{
    struct digest middle;
    for (uint64_t seq = 0; seq < 3; seq++) {
        cr_assert_eq(mempool_add(&pool, entry(seq, 0)), STATUS_OK);
    }
    size_t bytes = pool.bytes;
    middle = pool.entries[1]->id;
    mempool_remove(&pool, &middle);
    mempool_remove(&pool, &middle);
    cr_assert_eq(pool.count, 2);
    cr_expect_eq(pool.entries[1]->seq, 2);
    cr_expect_lt(pool.bytes, bytes);
    cr_expect_null(mempool_find(&pool, &middle));
}

Test(ledger_mempool, full_is_full)
{
    for (uint64_t seq = 0; seq < MEMPOOL_ENTRIES_MAX; seq++) {
        cr_assert_eq(mempool_add(&pool, entry(seq, 0)), STATUS_OK);
    }
    struct mempool_entry *more = entry(MEMPOOL_ENTRIES_MAX, 0);
    cr_expect_eq(mempool_add(&pool, more), STATUS_BUSY);
    mempool_entry_free(more);
}
