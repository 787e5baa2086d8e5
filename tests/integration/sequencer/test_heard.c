/*
 * What the sequencer knows of the numbers of producers: ranges, how far back it reads, and that it stops.
 */
#include "sequencer_heard.h"

#include <criterion/criterion.h>

#include "stage.h"

static const struct digest zero;
static const struct uuid ours = {{2}};
static atomic_bool stopping;
static struct heard heard;

static void setup(void)
{
    heard_begin(&heard, 7, &zero, &stopping);
}

static void teardown(void)
{
    heard_free(&heard);
}

TestSuite(heard, .init = setup, .fini = teardown, .timeout = 600);

static void hear(const struct uuid *producer, uint64_t number)
{
    cr_assert_eq(heard_number(&heard, producer, number, NULL), STATUS_OK);
}

static void hear_settled(const char *settled)
{
    struct audit_event event = {.producer = ours, .producer_counter = 40};
    cr_assert_eq(audit_event_fact_add(&event, "settled", settled, NULL), STATUS_OK);
    cr_assert_eq(heard_event(&heard, &event, NULL), STATUS_OK);
    audit_event_wipe(&event);
}

/* Whatever comes in which order, also of neighbours among the producers. */
Test(heard, a_number_is_settled_when_something_said_so_and_only_then)
{
    static const uint64_t numbers[] = {9, 3, 5, 4, 30, 9, 8, 12};
    const struct uuid before = {{1}};
    const struct uuid after = {{3}};
    bool said[50] = {0};
    hear(&before, 10);
    hear(&after, 1);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        hear(&ours, numbers[i]);
        said[numbers[i]] = true;
        for (uint64_t n = 0; n < 50; n++) {
            cr_expect_eq(heard_settles(&heard, &ours, n), said[n], "%d after %zu", (int)n, i);
            cr_expect_eq(heard_settles(&heard, &before, n), n == 10);
            cr_expect_eq(heard_settles(&heard, &after, n), n == 1);
        }
    }
    hear_settled("0");
    cr_expect_not(heard_settles(&heard, &ours, 0));
    hear_settled("11");
    for (uint64_t n = 0; n < 50; n++) {
        cr_expect_eq(heard_settles(&heard, &ours, n), n < 11 || said[n] || n == 40, "%d", (int)n);
    }
}

Test(heard, a_boot_that_goes_on_costs_no_more_memory)
{
    for (uint64_t n = 1; n < 100000; n++) {
        hear(&ours, n);
    }
    cr_expect_eq(heard.count, 1);
}

/* It is begun anew, at the end of the trail, not in the midst of a batch. */
Test(heard, what_is_too_much_to_remember_is_forgotten)
{
    for (uint64_t n = 0; n <= HEARD_RANGES_MAX; n++) {
        hear(&ours, 2 * n);
        cr_assert(heard_settles(&heard, &ours, 0));
        if (n + 1 == HEARD_RANGES_MAX) {
            heard_extend(&heard, 8, &zero);
            cr_assert_eq(heard.from, 7);
        }
    }
    heard_extend(&heard, 9, &zero);
    cr_expect_eq(heard.from, 9);
    cr_expect_eq(heard.size, 9);
    cr_expect_not(heard_settles(&heard, &ours, 0));
}

/* Nothing says anything against what was made now; of what is too long ago not a row is read. */
Test(heard, nothing_is_known_of_what_is_too_long_ago_or_was_never)
{
    bool known = true;
    heard_begin(&heard, HEARD_MAX + 3, &zero, &stopping);
    cr_expect_eq(heard_read(&known, &heard, NULL, 2, NULL), STATUS_OK);
    cr_expect_not(known, "one entry too long ago");
    cr_expect_eq(heard_read(&known, &heard, NULL, HEARD_MAX + 4, NULL), STATUS_OK);
    cr_expect_not(known, "beyond the end");
    cr_expect_eq(heard_read(&known, &heard, NULL, -1, NULL), STATUS_OK);
    cr_expect_not(known);
    cr_expect_eq(heard_read(&known, &heard, NULL, HEARD_MAX + 3, NULL), STATUS_OK);
    cr_expect(known, "at the end");
}

/* A service that is asked to stop does not read on for what may be a million entries. */
Test(heard, a_reading_ends_when_the_service_stops)
{
    bool known = true;
    char conninfo[256];
    struct books books;
    struct checkpoint_keeper keeper;
    struct stage stage;
    struct fault fault = {0};
    struct store_writer *writer = NULL;
    struct store_tx *tx = NULL;
    struct store_head head = {0};
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&stage, &books, &keeper);
    const struct uuid boot = trail_boot(stage.trail);
    struct trail_ticket ticket = stage_event(&stage, "");
    stage_covered(&stage, ticket);
    stage_close(&stage);
    cr_assert_eq(store_writer_open(&writer, books_conninfo(conninfo, &books, "strongroom_sequencer"), 10000, &fault),
                 STATUS_OK);
    cr_assert_eq(store_writer_begin(&tx, writer, STORE_SNAPSHOT, &fault), STATUS_OK);
    cr_assert_eq(store_head_get(&head, tx, &fault), STATUS_OK);
    store_rollback(tx);
    heard_begin(&heard, head.size, &head.last_lh, &stopping);
    atomic_store(&stopping, true);
    cr_expect_eq(heard_read(&known, &heard, writer, 0, &fault), STATUS_UNAVAILABLE);
    cr_expect_not(heard_settles(&heard, &boot, ticket.number));
    atomic_store(&stopping, false);
    fault_clear(&fault);
    cr_expect_eq(heard_read(&known, &heard, writer, 0, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect(known);
    cr_expect(heard_settles(&heard, &boot, ticket.number));
    bytes_free(&head.frontier);
    store_writer_close(writer);
    keeper_close(&keeper);
    books_close(&books);
}
