/*
 * Refusals with a clock that the test moves: none is lost, and of one person only so many are told one by one.
 */
#include "refusals.h"

#include <criterion/criterion.h>

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)
#define SINGLY 3

static int64_t now_us = 1000000000;

static int64_t read_now(void *context)
{
    (void)context;
    return now_us;
}

static const struct clock moved = {.utc_us = read_now, .monotonic_us = read_now};
static const struct name eve = {"eve"};
static const struct name bob = {"bob"};
static const struct digest first_token = {{1}};
static const struct digest last_token = {{2}};

static struct refusals *made(void)
{
    struct refusals *refusals = NULL;
    struct fault fault = {0};
    MUST(refusals_new(&refusals, &moved, SINGLY, &fault));
    return refusals;
}

static unsigned told(struct refusals *refusals, const struct name *person, unsigned times)
{
    unsigned count = 0;
    for (unsigned i = 0; i < times; i++) {
        count += refusals_tell(refusals, person, i + 1 == times ? &last_token : &first_token);
    }
    return count;
}

Test(refusals, the_first_are_told_and_the_others_counted_until_the_period_is_over)
{
    struct refusals *refusals = made();
    struct refusals_count counted;
    cr_expect(told(refusals, &eve, 10) == SINGLY);
    cr_expect(told(refusals, &bob, SINGLY) == SINGLY, "each person has an own number");
    cr_expect(!refusals_take(refusals, &counted, false));
    now_us += REFUSALS_PERIOD_US;
    cr_assert(refusals_take(refusals, &counted, false));
    cr_expect(counted.count == 10 - SINGLY && name_equal(&counted.person, &eve));
    cr_expect(digest_equal(&counted.auth, &last_token) && counted.since_utc_us == now_us - REFUSALS_PERIOD_US);
    cr_expect(!refusals_take(refusals, &counted, true));
    cr_expect(told(refusals, &eve, 4) == SINGLY, "a new period");
    refusals_free(refusals);
}

Test(refusals, what_nobody_took_goes_on_being_counted)
{
    struct refusals *refusals = made();
    struct refusals_count counted;
    (void)told(refusals, &eve, 5);
    now_us += 5LL * REFUSALS_PERIOD_US;
    cr_expect(told(refusals, &eve, 5) == 0);
    cr_assert(refusals_take(refusals, &counted, false));
    cr_expect(counted.count == 10 - SINGLY);
    refusals_give_back(refusals, &counted);
    cr_expect(told(refusals, &eve, 1) == 0);
    cr_assert(refusals_take(refusals, &counted, true));
    cr_expect(counted.count == 11 - SINGLY);
    refusals_free(refusals);
}

/* A service that runs for years sees more people than a policy has at any time. */
Test(refusals, people_who_came_later_are_counted_as_those_before_them)
{
    struct refusals *refusals = made();
    struct refusals_count counted;
    (void)told(refusals, &eve, 10);
    for (int i = 0; i < 1000; i++) {
        struct name person = {{0}};
        (void)snprintf(person.text, sizeof(person.text), "person-%d", i);
        now_us += REFUSALS_PERIOD_US / 100;
        cr_assert(told(refusals, &person, 1) == 1);
    }
    cr_expect(told(refusals, &bob, 10) == SINGLY);
    cr_assert(refusals_take(refusals, &counted, true) && refusals_take(refusals, &counted, true));
    cr_expect(counted.count == 10 - SINGLY, "of eve nothing was lost, nor of bob");
    cr_expect(!refusals_take(refusals, &counted, true));
    refusals_free(refusals);
}

Test(refusals, all_are_taken_at_the_end)
{
    struct refusals *refusals = made();
    struct refusals_count counted;
    (void)told(refusals, &eve, 5);
    (void)told(refusals, &bob, 6);
    cr_assert(refusals_take(refusals, &counted, true) && refusals_take(refusals, &counted, true));
    cr_expect(counted.count == 6 - SINGLY);
    refusals_free(refusals);
}
