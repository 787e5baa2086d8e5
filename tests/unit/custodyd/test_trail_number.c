/* The numbers of a boot: which waits for an entry, and when one of them stays unknown while others go on. */
#include "trail_number.h"

#include <criterion/criterion.h>

static struct numbers numbers;
static const struct store_backend backend = {.pid = 7, .role = 8, .began_utc_us = 9};

static uint64_t taken(bool state)
{
    uint64_t number = 0;
    cr_assert_eq(numbers_take(&number, &numbers, state, NULL), STATUS_OK);
    return number;
}

static uint64_t sequenced(bool state)
{
    uint64_t number = taken(state);
    numbers_end(&numbers, number, NUMBER_COMMITTED, NULL);
    numbers_sequenced(&numbers, number, number);
    return number;
}

/* Takes numbers, which all become entries, until no more are given. */
static uint64_t exhaust(void)
{
    uint64_t number = 0;
    uint64_t count = 0;
    struct fault fault = {0};
    while (numbers_take(&number, &numbers, false, &fault) == STATUS_OK) {
        numbers_end(&numbers, number, NUMBER_COMMITTED, NULL);
        numbers_sequenced(&numbers, number, number);
        count++;
    }
    cr_assert_eq(fault.status, STATUS_BUSY);
    return count;
}

static uint64_t lose_reply(void)
{
    uint64_t number = taken(false);
    numbers_end(&numbers, number, NUMBER_UNKNOWN, &backend);
    return number;
}

Test(trail_number, a_lost_reply_stops_other_events_but_not_the_state_event_that_finds_out)
{
    numbers_init(&numbers);
    uint64_t unknown = lose_reply();
    cr_expect_not(numbers_crowd(&numbers));
    cr_expect_eq(exhaust(), TRAIL_UNSETTLED_MAX - TRAIL_UNSETTLED_STATE - 1);
    cr_expect(numbers_crowd(&numbers), "a state event is due");
    uint64_t by = taken(true);
    cr_expect_eq(numbers_unknown_after(&numbers, 0), unknown);
    cr_expect_eq(numbers_find(&numbers, unknown)->backend.pid, backend.pid);
    numbers_prove(&numbers, unknown, by);
    numbers_end(&numbers, by, NUMBER_COMMITTED, NULL);
    numbers_sequenced(&numbers, by, by);
    uint64_t lost = 0;
    uint64_t carrier = taken(true);
    cr_expect_eq(numbers_carry(&lost, 1, &numbers, carrier), 1);
    cr_expect_eq(lost, unknown);
    numbers_end(&numbers, carrier, NUMBER_COMMITTED, NULL);
    cr_expect_not(numbers_crowd(&numbers));
    (void)sequenced(false);
}

Test(trail_number, no_number_runs_further_ahead_than_a_verifier_notes)
{
    numbers_init(&numbers);
    uint64_t unknown = lose_reply();
    uint64_t last = unknown;
    (void)exhaust();
    for (uint64_t i = 0; i < TRAIL_UNSETTLED_STATE; i++) {
        last = sequenced(true);
    }
    cr_expect_eq(last - unknown, TRAIL_UNSETTLED_MAX - 1);
    cr_expect_eq(numbers_take(&last, &numbers, true, NULL), STATUS_BUSY);
}

/* Bound to one document, and taken to each end of its transaction. */
static enum status expected_after(enum number_state end)
{
    const struct digest event = {{1}};
    uint64_t number = taken(false);
    numbers_bind(&numbers, number, &event);
    cr_expect_eq(numbers_expect(&numbers, number, &event), STATUS_NOT_READY, "it has not ended");
    numbers_end(&numbers, number, end, &backend);
    return numbers_expect(&numbers, number, &event);
}

Test(trail_number, what_may_become_an_entry_has_ended_and_not_failed)
{
    const struct digest event = {{1}};
    const struct digest other = {{2}};
    numbers_init(&numbers);
    cr_expect_eq(expected_after(NUMBER_COMMITTED), STATUS_OK);
    cr_expect_eq(expected_after(NUMBER_UNKNOWN), STATUS_OK);
    cr_expect_eq(expected_after(NUMBER_LOST), STATUS_MISMATCH);
    cr_expect_eq(numbers_expect(&numbers, 1, &other), STATUS_MISMATCH, "another document");
    cr_expect_eq(numbers_expect(&numbers, 4, &event), STATUS_MISMATCH, "never taken");
    cr_expect_eq(numbers_expect(&numbers, 0, &event), STATUS_MISMATCH);
    numbers_sequenced(&numbers, 1, 7);
    cr_expect_eq(numbers_expect(&numbers, 1, &event), STATUS_MISMATCH, "an entry already");
}
