/*
 * Limits over sliding windows: exact to the microsecond of running time, and reset by nothing.
 *
 * Every withdrawal is of 250.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "desk.h"

#define WINDOW_US (3600 * DESK_SECOND_US)
#define SUM_OF_THREE "{\"limits\":[{\"per\":\"wallet\",\"sum\":\"750\",\"window_s\":3600}]}"
#define TWO_IN_ALL "{\"limits\":[{\"count\":2,\"per\":\"asset\",\"window_s\":2678400}]}"
#define THREADS 50

static void start_with(const char *demand)
{
    world_demand = demand;
    desk_box_more_us = 30 * DESK_DAY_US;
    desk_start_active();
}

static void start(void)
{
    start_with(SUM_OF_THREE);
}

static void start_counting(void)
{
    start_with(TWO_IN_ALL);
}

TestSuite(limits, .init = start, .fini = desk_finish);
TestSuite(counted, .init = start_counting, .fini = desk_finish);

static uint64_t next_seq;

static void expect_signed(const char *what)
{
    enum status status = desk_sign(1, next_seq);
    cr_expect(status == STATUS_OK, "%s: %s (%s: %s)", what, status_info(status)->code, desk_where, desk_detail);
    next_seq += status == STATUS_OK;
}

static void expect_full(const char *what)
{
    enum status status = desk_sign(1, next_seq);
    cr_expect(status == STATUS_LIMIT_EXCEEDED, "%s: %s (%s: %s)", what, status_info(status)->code, desk_where,
              desk_detail);
    cr_expect_str_eq(desk_where, "policy.daily.limits[0]");
}

static void fill_up(void)
{
    expect_signed("the first");
    expect_signed("the second");
    expect_signed("the third");
    expect_full("the fourth");
}

Test(limits, a_window_slides)
{
    expect_signed("at 0");
    desk.now_utc_us += WINDOW_US / 2;
    expect_signed("half way");
    expect_signed("half way");
    expect_full("half way");
    cr_expect(strstr(desk_detail, "used 750 in 3 transfers of at most 750 in any number per wallet in 3600 s; it fits "
                                  "at 2026-01-02T04:04:05.000000Z") != NULL,
              "%s", desk_detail);
    desk.now_utc_us += WINDOW_US / 2 - 1;
    expect_full("a microsecond before the first leaves");
    desk.now_utc_us++;
    expect_signed("when it left");
    expect_full("the others are still within");
    desk.now_utc_us += WINDOW_US / 2;
    expect_signed("when they left");
    expect_signed("when they left");
    expect_full("the one at the end of the first window is within");
}

Test(limits, the_same_again_counts_once)
{
    struct order order;
    struct wire_reply reply;
    expect_signed("one");
    expect_signed("two");
    desk_withdrawal(&order, 1, 2);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    for (int i = 0; i < 4; i++) {
        cr_expect(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
        wire_reply_free(&reply);
    }
    next_seq = 3;
    expect_full("a fourth");
    cr_expect(desk_ask(&reply, &request) == STATUS_OK, "what was promised is had again, whatever is full");
    wire_reply_free(&reply);
    order_wipe(&order);
}

/* Who asks before asking for a signature must not wait for a limit that the signature itself has filled. */
Test(limits, what_was_promised_is_told_no_limit)
{
    struct order order;
    struct wire_reply reply;
    expect_signed("one");
    expect_signed("two");
    desk_withdrawal(&order, 1, 2);
    struct wire_request sign = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    struct wire_request ask = {.op = WIRE_OP_TRANSFER_USAGE, .usage = {.intent = order.document}};
    cr_expect(desk_ask(&reply, &ask) == STATUS_OK && reply.usage.count == 1, "before it was promised");
    cr_expect(desk_ask(&reply, &sign) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    wire_reply_free(&reply);
    cr_expect(desk_ask(&reply, &ask) == STATUS_OK && reply.usage.count == 0, "%s: %s", desk_where, desk_detail);
    order_wipe(&order);
    next_seq = 3;
    expect_full("another one");
    desk_withdrawal(&order, 1, next_seq);
    ask.usage.intent = order.document;
    cr_expect(desk_ask(&reply, &ask) == STATUS_OK && reply.usage.count == 1, "another one meets them all");
    order_wipe(&order);
}

/* What was refused for another reason has used nothing. */
Test(limits, a_refusal_uses_nothing)
{
    for (uint64_t i = 0; i < 5; i++) {
        cr_expect(desk_sign(1, 7) == STATUS_CONFLICT);
    }
    fill_up();
}

static void adopt_another_version(void)
{
    struct signed_document next;
    world_policy_next(&next, &desk.world); /* the same limit, another max_amount */
    cr_expect(desk_adopt(NULL, &next) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    desk.now_utc_us += 3 * DESK_SECOND_US;
    world_policy_advance(&desk.world, &next);
    signed_document_free(&next);
}

static struct wire_usage usage(void)
{
    struct order order;
    struct wire_reply reply;
    desk_withdrawal(&order, 1, next_seq);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_USAGE, .usage = {.intent = order.document}};
    cr_assert(desk_ask(&reply, &request) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    cr_assert(reply.usage.count == 1);
    order_wipe(&order);
    return reply.usage.limits[0];
}

Test(limits, another_version_of_the_policy_resets_nothing)
{
    fill_up();
    adopt_another_version();
    expect_full("under the next version");
    desk.now_utc_us += WINDOW_US;
    expect_signed("when its time is over");
}

Test(limits, another_name_for_the_wallet_resets_nothing)
{
    fill_up();
    world_wallet = "hot-2";
    adopt_another_version();
    struct wire_usage told = usage();
    cr_expect(told.used_count == 3 && amount_compare(told.used_sum, amount_of("750")) == 0, "told for the key");
    expect_full("by its key");
    MUST(desk_restart(NULL));
    expect_full("after a start");
    desk.now_utc_us += WINDOW_US;
    expect_signed("when its time is over");
}

/* A limit that comes with a later version counts what was promised before it. */
Test(counted, a_limit_counts_what_was_promised_before_it_came)
{
    expect_signed("one");
    world_demand = "{\"limits\":[{\"count\":1,\"per\":\"destination\",\"window_s\":3600}]}";
    adopt_another_version();
    expect_full("the one before is within");
}

Test(limits, neither_clock_nor_stop_resets_a_window)
{
    static const int64_t jumps_us[] = {DESK_DAY_US, 13 * DESK_DAY_US};
    fill_up();
    for (size_t i = 0; i < sizeof(jumps_us) / sizeof(jumps_us[0]); i++) {
        desk.jumped_us = jumps_us[i];
        expect_full("a clock that was set ahead");
        MUST(desk_restart(NULL));
        expect_full("and after a start");
    }
    desk.jumped_us = 0;
    expect_full("the clock is right again");
}

Test(limits, a_clock_that_goes_back_resets_no_window)
{
    fill_up();
    desk.jumped_us = -59 * DESK_SECOND_US;
    expect_full("within what is let pass");
    MUST(desk_restart(NULL));
    expect_full("and after a start");
    static const int64_t jumps_us[] = {-61 * DESK_SECOND_US, -DESK_DAY_US};
    for (size_t i = 0; i < 2; i++) {
        desk.jumped_us = jumps_us[i];
        cr_expect(desk_sign(1, next_seq) != STATUS_OK);
        MUST(desk_restart(NULL));
        cr_expect(desk_sign(1, next_seq) != STATUS_OK);
    }
    desk.jumped_us = 0;
    expect_full("the clock is right again");
}

/* The clock stands still for as long as the window, and the window is over: it goes by how long the signer ran. */
Test(limits, a_clock_that_is_held_ends_no_window_early_and_none_late)
{
    fill_up();
    desk_run_on(WINDOW_US - 1);
    expect_full("the window is not over");
    desk_run_on(1);
    expect_signed("it is over");
}

/* Off for a year, with a clock that says so: nothing has passed. */
Test(limits, a_stop_makes_a_window_longer)
{
    fill_up();
    desk_stop();
    desk_run_on(365 * DESK_DAY_US);
    MUST(desk_restart(NULL));
    expect_full("it did not run");
    desk.now_utc_us += WINDOW_US;
    expect_signed("now it did");
}

Test(counted, a_number_is_a_limit_too)
{
    expect_signed("one");
    expect_signed("two");
    expect_full("three");
    desk_run_on(31 * DESK_DAY_US - 1);
    expect_full("the longest window there is");
    desk_run_on(1);
    expect_signed("it is over");
}

Test(limits, what_is_used_is_told)
{
    struct wire_usage told = usage();
    cr_expect(told.used_count == 0 && amount_is_zero(told.used_sum) && told.free_at == desk.now_utc_us);
    cr_expect(told.window_s == 3600 && told.count == 0 && amount_compare(told.sum, amount_of("750")) == 0);
    cr_expect_str_eq(told.rule.text, "daily");
    cr_expect_str_eq(told.per, "wallet");
    fill_up();
    const int64_t filled = desk.now_utc_us;
    desk.now_utc_us += 7 * DESK_SECOND_US;
    told = usage();
    cr_expect(told.used_count == 3 && amount_compare(told.used_sum, amount_of("750")) == 0);
    cr_expect(told.free_at == filled + WINDOW_US);
}

/* A promise in a write that fails behind it. */
static enum status promise_and_fail(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct guard_record record = {.key = {'n', 1}, .key_len = 17, .value_len = 32};
    (void)fault;
    MUST(guard_txn_promise_write(txn, context, NULL));
    MUST(guard_txn_put(txn, &record, NULL));
    return guard_txn_put(txn, &record, NULL); /* it is there already */
}

Test(limits, what_could_not_be_written_is_not_counted)
{
    struct guard_promise lost = {.running_us = 1,
                                 .amount = amount_of("500"),
                                 .asset = desk.world.asset,
                                 .destination = desk.world.destination,
                                 .requester = name_of("rita"),
                                 .wallet = name_of("hot-1")};
    cr_expect(guard_commit(desk.guard, promise_and_fail, &lost, NULL) == STATUS_IO);
    cr_expect(usage().used_count == 0);
    fill_up();
}

static enum status ask_swept(struct order *order, enum key_state from)
{
    const struct digest id = desk_key_id();
    struct wire_reply reply;
    struct command command = order_key(&desk.world, COMMAND_KEY_SWEEP, &id, from, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(order)};
    command.intent = order->digest;
    order_key_sign(&request.transfer.sweep, &desk.world, &command, ADA, ALAN);
    enum status status = desk_ask(&reply, &request);
    signed_document_free(&request.transfer.sweep);
    wire_reply_free(&reply);
    return status;
}

static void start_saving(void)
{
    world_demand = "{\"delay_s\":600,\"limits\":[{\"per\":\"wallet\",\"sum\":\"200\",\"window_s\":3600}]}";
    desk_start();
}

TestSuite(saving, .init = start_saving, .fini = desk_finish);

/* A key that others have: what it holds goes to an emergency address, whatever is used up. A retained one can wait. */
Test(saving, only_the_emergency_sweep_passes_limit_and_delay)
{
    const struct hand hand = hand_soft(desk.keys[0]);
    struct key_document key = papers_key(&desk.world, &hand);
    key.emergency[0] = desk.world.destination;
    key.emergency_count = 1;
    struct papers papers;
    struct order order;
    papers_make(&papers, &desk.world, &hand, &key);
    cr_assert(desk_admit(&papers) == STATUS_OK);
    papers_wipe(&papers);
    desk_withdrawal(&order, 1, 0);
    cr_assert(desk_order(COMMAND_KEY_RETIRE, KEY_STATE_INACTIVE) == STATUS_OK);
    cr_expect(ask_swept(&order, KEY_STATE_RETAINED) == STATUS_NOT_READY, "%s", desk_where);
    cr_expect_str_eq(desk_where, "policy.delay");
    cr_assert(desk_order(COMMAND_KEY_COMPROMISE, KEY_STATE_RETAINED) == STATUS_OK);
    cr_expect(ask_swept(&order, KEY_STATE_COMPROMISED) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    const struct wire_usage told = usage();
    cr_expect(told.used_count == 1 && told.free_at == 0, "it counts, and 250 never fit into 200");
    order_wipe(&order);
}

/* Fifty at once, each with a withdrawal of its own. */
static struct order orders[THREADS];
static enum status answers[THREADS];
static pthread_barrier_t together;

static void *ask(void *argument)
{
    const size_t self = (size_t)(uintptr_t)argument;
    struct bytes packet = {0};
    struct bytes answer = {0};
    struct wire_reply reply;
    struct signer_session session = {.permit = SIGNER_PERMIT_SIGN, .greeted = true};
    const struct wire_request request = {
        .op = WIRE_OP_TRANSFER_SIGN, .id = 1, .transfer = order_request(&orders[self])};
    MUST(wire_request_encode(&packet, &request, NULL));
    (void)pthread_barrier_wait(&together);
    (void)signer_handle(desk.signer, &answer, &session, packet.data, packet.len);
    MUST(wire_reply_decode(&reply, WIRE_OP_TRANSFER_SIGN, answer.data, answer.len, NULL));
    answers[self] = reply.fault.status;
    wire_reply_free(&reply);
    bytes_free(&packet);
    bytes_free(&answer);
    return NULL;
}

Test(limits, fifty_at_once_never_exceed_one)
{
    pthread_t threads[THREADS];
    size_t signed_count = 0;
    cr_assert(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        desk_withdrawal(&orders[i], 10 + i, 0);
        cr_assert(desk_list(NULL, &orders[i].destination) == STATUS_OK, "%s: %s", desk_where, desk_detail);
    }
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert(pthread_create(&threads[i], NULL, ask, (void *)(uintptr_t)i) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
        cr_expect(answers[i] == STATUS_OK || answers[i] == STATUS_LIMIT_EXCEEDED, "%s", status_info(answers[i])->code);
        signed_count += answers[i] == STATUS_OK;
        order_wipe(&orders[i]);
    }
    cr_expect(signed_count == 3, "%zu were signed", signed_count);
    (void)pthread_barrier_destroy(&together);
    expect_full("afterwards");
}
