/*
 * The gate with a clock that stands still unless the test moves it, so that a bucket holds what it holds.
 */
#include "gate.h"

#include <criterion/criterion.h>
#include <pthread.h>

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)
#define RATE 5
#define TOLD_RATE 3
#define SERVED 2
#define INSIDE 3
#define URGENT_AT_ONCE 32

static int64_t now_us = 1000000000;
static struct fault fault;

static int64_t read_now(void *context)
{
    (void)context;
    return now_us;
}

static const struct clock moved = {.utc_us = read_now, .monotonic_us = read_now};
static const struct digest address = {{1}};
static const struct digest other_address = {{2}};
static const struct digest token = {{3}};
static const struct digest other_token = {{4}};

static struct gate *made(unsigned addresses)
{
    struct gate *gate = NULL;
    const struct gate_config config = {.clock = &moved,
                                       .token_rate = RATE,
                                       .told_rate = TOLD_RATE,
                                       .address_rate = RATE,
                                       .served = SERVED,
                                       .inside = INSIDE,
                                       .addresses = addresses,
                                       .tokens = 8};
    MUST(gate_new(&gate, &config, &fault));
    gate_know(gate, &token);
    gate_know(gate, &other_token);
    return gate;
}

static void finish(struct gate *gate, struct gate_guest *guest)
{
    gate_worked(gate, guest);
    gate_leave(gate, guest);
}

/* How many are let in, one after the other, until one is not. */
static unsigned drain(struct gate *gate, const struct digest *of_token, const struct digest *from, enum gate_kind kind)
{
    unsigned count = 0;
    struct gate_guest *guest = NULL;
    while (gate_enter(gate, &guest, of_token, from, kind, &fault) == STATUS_OK) {
        finish(gate, guest);
        count++;
        cr_assert(count < 1000);
    }
    cr_expect(fault.status == STATUS_BUSY);
    fault_clear(&fault);
    return count;
}

Test(gate, a_token_has_a_burst_and_then_its_rate)
{
    struct gate *gate = made(8);
    cr_expect(drain(gate, &token, &address, GATE_ORDINARY) == 2 * RATE);
    now_us += 1000000;
    cr_expect(drain(gate, &token, &address, GATE_ORDINARY) == RATE);
    now_us += 3600000000;
    cr_expect(drain(gate, &token, &address, GATE_ORDINARY) == 2 * RATE, "an hour saves up no more");
    cr_expect(drain(gate, &other_token, &address, GATE_ORDINARY) == 2 * RATE, "nobody pays for another");
    cr_expect(gate_take_refused(gate) == 4);
    cr_expect(gate_take_refused(gate) == 0, "counted anew");
    gate_free(gate);
}

/* How many are let in in so many seconds, asking as often as an ordinary request may be made. */
static unsigned told_in(struct gate *gate, const struct digest *of_token, unsigned seconds)
{
    unsigned count = 0;
    for (unsigned i = 0; i < seconds * RATE; i++) {
        struct gate_guest *guest = NULL;
        if (gate_enter(gate, &guest, of_token, &address, GATE_TOLD, &fault) == STATUS_OK) {
            finish(gate, guest);
            count++;
        }
        fault_clear(&fault);
        now_us += 1000000 / RATE;
    }
    return count;
}

Test(gate, reads_that_become_entries_have_a_minute_s_burst_and_then_their_rate)
{
    struct gate *gate = made(8);
    unsigned first = told_in(gate, &token, 600);
    cr_expect(first / TOLD_RATE == 60 + 600 - 1, "a minute's worth and what came meanwhile, not %u", first);
    cr_expect(told_in(gate, &token, 10) <= 10 * TOLD_RATE, "and no more");
    cr_expect(drain(gate, &token, &address, GATE_ORDINARY) > 0, "other requests go on");
    cr_expect(told_in(gate, &other_token, 10) == 10 * RATE, "nobody pays for another");
    gate_free(gate);
}

Test(gate, tokens_that_are_not_known_count_for_their_address)
{
    struct gate *gate = made(8);
    for (uint8_t i = 0; i < 2 * RATE; i++) {
        const struct digest guessed = {{100, i}};
        struct gate_guest *guest = NULL;
        MUST(gate_enter(gate, &guest, &guessed, &address, GATE_ORDINARY, &fault));
        cr_expect(guest == NULL);
    }
    cr_expect(drain(gate, NULL, &address, GATE_ORDINARY) == 0);
    cr_expect(drain(gate, NULL, &other_address, GATE_ORDINARY) == 2 * RATE);
    cr_expect(drain(gate, &token, &address, GATE_ORDINARY) == 2 * RATE, "who is known does not pay for the address");
    gate_free(gate);
}

Test(gate, stopping_is_counted_apart)
{
    struct gate *gate = made(8);
    struct gate_guest *guest = NULL;
    const struct digest first_use = {{100}};
    (void)drain(gate, &token, &address, GATE_ORDINARY);
    cr_expect(drain(gate, &token, &address, GATE_URGENT) == URGENT_AT_ONCE);
    (void)drain(gate, NULL, &address, GATE_ORDINARY);
    MUST(gate_enter(gate, &guest, &first_use, &address, GATE_URGENT, &fault));
    gate_free(gate);
}

Test(gate, a_token_is_worked_for_so_often_at_once_and_is_inside_so_often)
{
    struct gate *gate = made(8);
    struct gate_guest *guests[INSIDE + 1];
    for (int i = 0; i < SERVED; i++) {
        MUST(gate_enter(gate, &guests[i], &token, &address, GATE_ORDINARY, &fault));
    }
    cr_expect(gate_enter(gate, &guests[SERVED], &token, &address, GATE_ORDINARY, &fault) == STATUS_BUSY);
    gate_worked(gate, guests[0]);
    MUST(gate_enter(gate, &guests[SERVED], &token, &address, GATE_ORDINARY, &fault));
    gate_worked(gate, guests[1]);
    cr_expect(gate_enter(gate, &guests[INSIDE], &token, &address, GATE_ORDINARY, &fault) == STATUS_BUSY,
              "whose replies are not read is still inside");
    gate_leave(gate, guests[0]);
    MUST(gate_enter(gate, &guests[0], &token, &address, GATE_ORDINARY, &fault));
    MUST(gate_enter(gate, &guests[INSIDE], &other_token, &address, GATE_ORDINARY, &fault));
    gate_free(gate);
}

struct waiter {
    struct gate *gate;
    enum status status;
    struct gate_guest *guest;
};

static void *wait_inside(void *context)
{
    struct waiter *waiter = context;
    struct fault why = {0};
    waiter->status = gate_enter(waiter->gate, &waiter->guest, &token, &address, GATE_ORDINARY, &why);
    return NULL;
}

Test(gate, who_waits_is_let_in_when_another_is_done)
{
    struct gate *gate = made(8);
    struct gate_guest *guests[SERVED];
    struct waiter waiter = {.gate = gate};
    pthread_t thread;
    for (int i = 0; i < SERVED; i++) {
        MUST(gate_enter(gate, &guests[i], &token, &address, GATE_ORDINARY, &fault));
    }
    cr_assert(pthread_create(&thread, NULL, wait_inside, &waiter) == 0);
    gate_worked(gate, guests[0]); /* before or after it has begun to wait */
    cr_assert(pthread_join(thread, NULL) == 0);
    cr_expect(waiter.status == STATUS_OK);
    gate_free(gate);
}

Test(gate, more_addresses_than_are_remembered_cost_no_token_anything)
{
    struct gate *gate = made(2);
    cr_expect(drain(gate, NULL, &address, GATE_ORDINARY) == 2 * RATE);
    for (uint8_t i = 0; i < 50; i++) {
        const struct digest another = {{0, i, 1}};
        struct gate_guest *guest = NULL;
        now_us++;
        MUST(gate_enter(gate, &guest, NULL, &another, false, &fault));
    }
    cr_expect(drain(gate, &token, &address, GATE_ORDINARY) == 2 * RATE, "tokens have a table of their own");
    gate_free(gate);
}
