/*
 * Numbers without gaps: ordinals of objects, numbers of producers in any order.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "counters.h"

#define MINUTE_US INT64_C(60000000)

static struct counters *counters;

static void set_up(void)
{
    cr_assert_eq(counters_new(&counters), STATUS_OK);
}

static void tear_down(void)
{
    counters_free(counters);
}

TestSuite(verify_counters, .init = set_up, .fini = tear_down);

static uint64_t object(const char *otype, const char *oid, uint64_t on)
{
    uint64_t expected = 0;
    const char *before = NULL;
    const struct event event = {.otype = {otype, strlen(otype)}, .oid = {oid, strlen(oid)}, .ordinal = on};
    cr_assert_eq(counters_object(counters, &expected, &before, &event), STATUS_OK);
    cr_assert_null(before);
    return expected;
}

Test(verify_counters, objects)
{
    cr_assert_eq(object("withdrawal", "a", 1), 1);
    cr_assert_eq(object("withdrawal", "b", 1), 1);
    cr_assert_eq(object("withdrawal", "a", 2), 2);
    cr_assert_eq(object("key", "a", 1), 1);
    cr_assert_eq(object("withdrawal", "a", 4), 3, "a gap is told, and the count goes on from there");
    cr_assert_eq(object("withdrawal", "a", 5), 5);
    cr_assert_eq(object("withdrawala", "", 1), 1, "type and id do not run into one another");
}

/* The table grows many times; nothing gets lost in it, and nobody takes the place of another. */
Test(verify_counters, many_objects)
{
    char oid[24];
    for (uint64_t on = 1; on <= 3; on++) {
        for (int i = 0; i < 100000; i++) {
            (void)snprintf(oid, sizeof(oid), "w-%d", i);
            cr_assert_eq(object("withdrawal", oid, on), on, "%s", oid);
        }
    }
}

/* An entry of a producer that began a thousand minutes after 1970 and `born` minutes, `at` minutes after that. */
static struct event entry_of(unsigned born, unsigned at)
{
    int64_t born_ms = (1000 + (int64_t)born) * MINUTE_US / 1000;
    struct event event = {.at_utc_us = (1000 + (int64_t)at) * MINUTE_US,
                          .bt = {"019b0000-0001-7000-8000-000000000009/1", 38},
                          .pr = {"019b0000-0001-7000-8000-000000000001", 36}};
    for (int i = 0; i < 6; i++) {
        event.producer.bytes16[i] = (uint8_t)(born_ms >> (40 - 8 * i));
    }
    return event;
}

static bool number_at(unsigned born, unsigned at, uint64_t number)
{
    bool fresh = false;
    const struct event event = entry_of(born, at);
    cr_assert_eq(counters_producer(counters, &fresh, &event, number), STATUS_OK);
    return fresh;
}

static bool number(unsigned born, uint64_t number)
{
    return number_at(born, born, number);
}

/* How many of one that began then are missing below `settled`; the first of them is `first`. */
static uint64_t missing(unsigned born, uint64_t settled, uint64_t first)
{
    uint64_t found = 0;
    const struct event event = entry_of(born, born);
    uint64_t count = counters_settle(counters, &found, &event, settled);
    cr_assert(count == 0 || found == first, "%llu", (unsigned long long)found);
    return count;
}

/* As many starts as a forger likes, whose entries take turns; objects stand in the same table. */
Test(verify_counters, producers_that_take_turns)
{
    char oid[24];
    for (uint64_t n = 1; n <= 3; n++) {
        for (unsigned i = 0; i < 40000; i++) {
            (void)snprintf(oid, sizeof(oid), "w-%u", i);
            cr_assert_eq(object("withdrawal", oid, n), n, "%s", oid);
            cr_assert(number(i, n), "number %llu of producer %u", (unsigned long long)n, i);
            cr_assert_not(number(i, n), "number %llu of producer %u, again", (unsigned long long)n, i);
        }
    }
    for (unsigned i = 0; i < 40000; i++) {
        cr_assert(number(i, 5));
        cr_assert_eq(missing(i, 6, 4), 1, "number 4 of producer %u", i);
    }
}

Test(verify_counters, many_producers)
{
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < 500; i++) {
            cr_assert(number(i, round));
            cr_assert_eq(missing(i, round + 1, 0), 0);
        }
    }
}

Test(verify_counters, producers)
{
    cr_assert_eq(missing(1, 7, 0), 0, "nothing is known of it");
    cr_assert(number(1, 1) && number(1, 4) && number(1, 3) && number(2, 1));
    cr_assert_eq(missing(1, 2, 0), 0);
    cr_assert_not(number(1, 1), "below");
    cr_assert_not(number(1, 3), "early, twice");
    cr_assert(number(1, 2));
    cr_assert_not(number(1, 4), "early once, below now");
    cr_assert_eq(missing(1, 5, 0), 0);
    cr_assert_eq(missing(2, 4, 2), 2);
    cr_assert_eq(missing(2, 4, 0), 0, "told once");
    cr_assert_not(number(1, 0), "there is no number 0");
}

/* However many are missing, they are counted at once, and those that came early among them are not. */
Test(verify_counters, missing_numbers)
{
    cr_assert(number(1, 2) && number(1, 5) && number(1, 9));
    cr_assert_eq(missing(1, 8, 1), 5);
    cr_assert_not(number(1, 7), "it counts as seen");
    cr_assert(number(1, 8));
    cr_assert_eq(missing(1, (uint64_t)1 << 62, 10), ((uint64_t)1 << 62) - 10, "9 came");
    cr_assert(number(2, 3));
    cr_assert_eq(missing(2, (uint64_t)1 << 62, 1), ((uint64_t)1 << 62) - 2);
}

/* What began before the first entry may have had numbers there; what began later had none. */
Test(verify_counters, producers_of_a_trail_that_begins_late)
{
    counters_begin_late(counters);
    cr_assert(number_at(5, 7, 40) && number_at(7, 7, 3) && number_at(8, 9, 3) && number_at(12, 9, 3));
    cr_assert_eq(missing(5, 40, 0), 0, "it began before");
    cr_assert_eq(missing(5, 50, 41), 9, "only once");
    cr_assert_eq(missing(7, 3, 0), 0, "in the same moment");
    cr_assert_eq(missing(8, 3, 1), 2, "afterwards");
    cr_assert_eq(missing(12, 3, 0), 0, "by a clock that was ahead");
}

/* Many more than may wait at once, each second one early: what waited long ago is not what comes now. */
Test(verify_counters, early_numbers_without_end)
{
    for (uint64_t next = 1; next < 300000; next += 2) {
        cr_assert(number(1, next + 1), "%zu", (size_t)next);
        cr_assert_not(number(1, next + 1), "early, twice");
        cr_assert(number(1, next));
        cr_assert_eq(missing(1, next + 2, 0), 0);
    }
}

Test(verify_counters, many_early_numbers_end_in_doubt)
{
    bool fresh = false;
    enum status status = STATUS_OK;
    uint64_t next = 2;
    const struct event event = entry_of(1, 1);
    for (; status == STATUS_OK && next < 200000; next++) {
        status = counters_producer(counters, &fresh, &event, next);
    }
    cr_assert_eq(status, STATUS_NO_MEMORY);
    cr_assert_gt(next, 1000);
    cr_assert_eq(missing(1, 2, 1), 1);
}

static int64_t silence(struct event event, bool heartbeat)
{
    return counters_silence(counters, &event, heartbeat) / MINUTE_US;
}

/* Who takes all heartbeats out of the trail leaves a producer without any. The sequencer never has one. */
Test(verify_counters, silence_from_the_first_entry_on)
{
    struct event event = entry_of(1, 2);
    cr_assert(number_at(1, 1, 1));
    cr_assert_eq(silence(event, false), 1);
    event.at_utc_us += 60 * MINUTE_US;
    cr_assert_eq(silence(event, false), 2, "a minute at most");
    cr_assert_eq(silence(event, true), 61);
    event.bt = (struct span){"019b0000-0001-7000-8000-000000000001/1", 38};
    event.at_utc_us += 60 * MINUTE_US;
    cr_assert_eq(silence(event, false), 0);
}
