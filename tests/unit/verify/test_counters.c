/*
 * Numbers without gaps: ordinals of objects, numbers of producers in any order.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "counters.h"

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
    const struct span type = {otype, strlen(otype)};
    const struct span id = {oid, strlen(oid)};
    cr_assert_eq(counters_object(counters, &expected, type, id, on), STATUS_OK);
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

Test(verify_counters, many_producers)
{
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < 500; i++) {
            const struct uuid id = {{(uint8_t)(i >> 8), (uint8_t)i}};
            bool fresh = false;
            cr_assert_eq(counters_producer(counters, &fresh, &id, round), STATUS_OK);
            cr_assert(fresh && counters_producer_next(counters, &id) == round + 1);
        }
    }
}

static const struct uuid first = {{1}};
static const struct uuid second = {{2}};

static bool producer(const struct uuid *id, uint64_t number)
{
    bool fresh = false;
    cr_assert_eq(counters_producer(counters, &fresh, id, number), STATUS_OK);
    return fresh;
}

Test(verify_counters, producers)
{
    cr_assert_eq(counters_producer_next(counters, &first), 1);
    cr_assert(producer(&first, 1) && producer(&first, 4) && producer(&first, 3) && producer(&second, 1));
    cr_assert_eq(counters_producer_next(counters, &first), 2);
    cr_assert_not(producer(&first, 1), "below");
    cr_assert_not(producer(&first, 3), "early, twice");
    cr_assert(producer(&first, 2));
    cr_assert_eq(counters_producer_next(counters, &first), 5);
    cr_assert_not(producer(&first, 4), "early once, below now");
    cr_assert_eq(counters_producer_next(counters, &second), 2);
    cr_assert_not(producer(&first, 0), "there is no number 0");
}

/* Many more than may wait at once, each second one early: what waited long ago is not what comes now. */
Test(verify_counters, early_numbers_without_end)
{
    for (uint64_t number = 1; number < 300000; number += 2) {
        cr_assert(producer(&first, number + 1), "%zu", (size_t)number);
        cr_assert_not(producer(&first, number + 1), "early, twice");
        cr_assert(producer(&first, number));
        cr_assert_eq(counters_producer_next(counters, &first), number + 2);
    }
}

Test(verify_counters, many_early_numbers_end_in_doubt)
{
    bool fresh = false;
    enum status status = STATUS_OK;
    uint64_t number = 2;
    for (; status == STATUS_OK && number < 200000; number++) {
        status = counters_producer(counters, &fresh, &first, number);
    }
    cr_assert_eq(status, STATUS_NO_MEMORY);
    cr_assert_gt(number, 1000);
    cr_assert_eq(counters_producer_next(counters, &first), 1);
}
