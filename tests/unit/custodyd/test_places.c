/*
 * The places with a clock that the test moves: descriptors are numbers here, and who is cut is written down.
 */
#include "places.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)
#define DESCRIPTORS 16
#define SECOND_US 1000000
#define PLACES 4

static atomic_int_fast64_t now_us;
static atomic_bool was_cut[DESCRIPTORS];
static bool spoke[DESCRIPTORS];

static int64_t read_now(void *context)
{
    (void)context;
    return atomic_load(&now_us);
}

static void cut(int fd)
{
    atomic_store(&was_cut[fd], true);
}

static bool has_spoken(int fd)
{
    return spoke[fd];
}

static const struct clock moved = {.utc_us = read_now, .monotonic_us = read_now};
static const struct digest here = {{1}};
static const struct digest there = {{2}};
static const struct digest token = {{3}};

static struct places *made(void)
{
    struct places *places = NULL;
    struct fault fault = {0};
    const struct places_config config = {
        .clock = &moved, .count = PLACES, .request_ms = 30000, .cut = cut, .has_spoken = has_spoken};
    MUST(places_new(&places, &config, &fault));
    return places;
}

static unsigned cut_count(void)
{
    unsigned count = 0;
    for (int i = 0; i < DESCRIPTORS; i++) {
        count += atomic_load(&was_cut[i]);
    }
    return count;
}

/* Enters as many of one address as there are places, a microsecond apart. */
static void fill(struct place *out[PLACES], struct places *places, const struct digest *address)
{
    for (int i = 0; i < PLACES; i++) {
        atomic_fetch_add(&now_us, 1);
        out[i] = place_enter(places, i, address);
        cr_assert(out[i] != NULL);
    }
    cr_assert(cut_count() == 0);
}

static void empty(struct places *places, struct place *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        place_leave(all[i]);
    }
    places_free(places);
}

Test(places, a_newcomer_ends_the_oldest_of_those_that_wait)
{
    struct place *all[PLACES + 1];
    struct places *places = made();
    fill(all, places, &here);
    atomic_fetch_add(&now_us, 2 * SECOND_US);
    cr_assert(place_arrived(all[1]));
    all[4] = place_enter(places, 4, &here);
    cr_assert(all[4] != NULL);
    cr_expect(cut_count() == 1 && was_cut[0]);
    empty(places, all, 5);
}

Test(places, the_silent_go_before_those_that_have_sent_something)
{
    struct place *all[PLACES + 3];
    struct places *places = made();
    fill(all, places, &here);
    spoke[0] = spoke[1] = true;
    all[4] = place_enter(places, 4, &here);
    cr_expect(cut_count() == 1 && was_cut[2]);
    spoke[4] = true;
    all[5] = place_enter(places, 5, &here);
    cr_expect(cut_count() == 2 && was_cut[3]);
    spoke[5] = true;
    all[6] = place_enter(places, 6, &here);
    cr_expect(cut_count() == 3 && was_cut[0]);
    empty(places, all, 7);
}

Test(places, a_crowd_makes_room_and_not_who_comes_alone)
{
    struct place *all[2 * PLACES];
    struct places *places = made();
    all[4] = place_enter(places, 4, &there); /* older than all of them, and silent */
    for (int i = 0; i < 4; i++) {
        atomic_fetch_add(&now_us, 1);
        spoke[i] = true;
        all[i] = place_enter(places, i, &here);
    }
    for (int i = 5; i < 2 * PLACES; i++) {
        atomic_fetch_add(&now_us, 2 * SECOND_US);
        all[i] = place_enter(places, i, &here);
    }
    cr_expect(cut_count() == PLACES && !was_cut[4]);
    empty(places, all, 2 * PLACES);
}

Test(places, who_waits_with_a_token_is_a_crowd_like_another)
{
    struct place *all[PLACES + 1];
    struct places *places = made();
    fill(all, places, &here);
    for (int i = 0; i < 3; i++) {
        cr_assert(place_arrived(all[i]));
        place_known(all[i], &token);
        place_answered(all[i]);
    }
    all[4] = place_enter(places, 4, &there);
    cr_expect(cut_count() == 1 && !was_cut[3], "an address with one waits, a token with three");
    empty(places, all, 5);
}

Test(places, what_is_being_served_is_left_alone_and_a_newcomer_is_not_let_in)
{
    struct place *all[PLACES];
    struct places *places = made();
    fill(all, places, &here);
    for (int i = 0; i < PLACES; i++) {
        cr_assert(place_arrived(all[i]));
    }
    cr_expect(place_enter(places, 4, &there) == NULL);
    atomic_fetch_add(&now_us, 1000LL * SECOND_US);
    place_answered(all[2]);
    struct place *late = place_enter(places, 5, &there);
    cr_expect(late != NULL && cut_count() == 1 && was_cut[2]);
    place_leave(late);
    empty(places, all, PLACES);
}

Test(places, time_ends_what_awaits_a_request_and_nothing_else)
{
    struct place *all[PLACES];
    struct places *places = made();
    fill(all, places, &here);
    cr_assert(place_arrived(all[0]));
    atomic_fetch_add(&now_us, 20LL * SECOND_US);
    place_begun(all[1]); /* its head is there: the body has as long again */
    atomic_fetch_add(&now_us, 20LL * SECOND_US);
    while (cut_count() < 2) {
        (void)sched_yield();
    }
    cr_expect(was_cut[2] && was_cut[3] && !was_cut[0] && !was_cut[1]);
    cr_expect(!place_arrived(all[2]), "too late");
    atomic_fetch_add(&now_us, 20LL * SECOND_US);
    while (cut_count() < 3) {
        (void)sched_yield();
    }
    cr_expect(was_cut[1] && !was_cut[0]);
    empty(places, all, PLACES);
}
