/*
 * What a guard counts: its promises, and the ends it was told of. One that is older than what it is shown signs nothing
 * any more.
 */
#include <criterion/criterion.h>

#include "desk.h"

#define HOUR_US (3600 * INT64_C(1000000))

/* The desk opens on a Friday at 03:04:05. */
static void start_within_hours(void)
{
    world_when = "{\"hours\":[{\"days\":[\"fri\"],\"from\":\"03:00\",\"until\":\"03:30\"}]}";
    desk_start_active();
    world_when = NULL;
}

/* A guard made anew, beside a trail that knows of five promises of the one before. */
static void start_anew(void)
{
    world_before = 5;
    desk_start_active();
    desk.world.promises = 5;
}

TestSuite(anew, .init = start_anew, .fini = desk_finish);
TestSuite(promises, .init = desk_start_active, .fini = desk_finish);
TestSuite(hours, .init = start_within_hours, .fini = desk_finish);

static void expect(enum status status, enum status expected, const char *what)
{
    cr_expect(status == expected, "%s: %s (%s: %s)", what, status_info(status)->code, desk_where, desk_detail);
}

static struct guard_state seen(void)
{
    struct guard_state state;
    guard_read(desk.guard, &state);
    return state;
}

static uint64_t told(void)
{
    bool goes_on = false;
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_STATUS};
    cr_assert(desk_ask_as(&reply, &request, SIGNER_PERMIT_STATUS, &goes_on) == STATUS_OK);
    return reply.status.promises;
}

/* The guard's one file as it is, and back into the same file, as a backup of a disk is put back. */
static void guard_copy(struct bytes *out)
{
    char path[sizeof(desk.guard_path) + 16];
    (void)snprintf(path, sizeof(path), "%s/data.mdb", desk.guard_path);
    FILE *file = fopen(path, "rbe");
    struct buffer buffer;
    uint8_t block[4096];
    size_t got = 0;
    cr_assert(file != NULL);
    buffer_init(&buffer);
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        buffer_append(&buffer, block, got);
    }
    (void)fclose(file);
    MUST(buffer_finish(out, &buffer));
}

static void guard_put_back(const struct bytes *copy)
{
    char path[sizeof(desk.guard_path) + 16];
    (void)snprintf(path, sizeof(path), "%s/data.mdb", desk.guard_path);
    desk_stop();
    FILE *file = fopen(path, "r+be");
    cr_assert(file != NULL && fwrite(copy->data, 1, copy->len, file) == copy->len && fclose(file) == 0);
    MUST(desk_restart(NULL));
}

static struct digest instance(void)
{
    bool goes_on = false;
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_STATUS};
    cr_assert(desk_ask_as(&reply, &request, SIGNER_PERMIT_STATUS, &goes_on) == STATUS_OK);
    return reply.status.instance;
}

/* Who was shown the allow-list and starts between two looks is seen to have started. */
Test(promises, a_start_is_seen_in_the_status)
{
    const struct digest first = instance();
    const struct digest again = instance();
    desk_stop();
    MUST(desk_restart(NULL));
    const struct digest second = instance();
    cr_expect(!digest_is_zero(&first) && digest_equal(&first, &again));
    cr_expect(!digest_is_zero(&second) && !digest_equal(&first, &second));
}

Test(promises, each_is_counted_once)
{
    cr_expect(told() == 0);
    struct order order;
    order_init(&order, &desk.world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    for (int i = 0; i < 3; i++) {
        struct wire_reply reply;
        expect(desk_ask(&reply, &request), STATUS_OK, "the first time and again");
        cr_expect(reply.transfer.promises == 1);
        wire_reply_free(&reply);
    }
    order_wipe(&order);
    expect(desk_sign(1, 1), STATUS_OK, "another one");
    expect(desk_sign(1, 3), STATUS_CONFLICT, "one that is refused");
    cr_expect(told() == 2);
    MUST(desk_restart(NULL));
    cr_expect(told() == 2 && seen().forgotten == 0);
}

/* What the guard says of the withdrawal of an order, to who knows of so many promises. */
static enum status recalled(struct wire_recall_reply *out, const struct order *order, uint64_t promises)
{
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_TRANSFER_RECALL,
                                   .recall = {.withdrawal = order->intent.withdrawal, .promises = promises}};
    enum status status = desk_ask(&reply, &request);
    *out = status == STATUS_OK ? reply.recall : (struct wire_recall_reply){.promised = false};
    return status;
}

Test(promises, it_says_what_it_promised_by_the_withdrawal_alone)
{
    struct order order;
    struct wire_reply reply;
    struct wire_recall_reply said;
    order_init(&order, &desk.world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    expect(recalled(&said, &order, 0), STATUS_OK, "before");
    cr_expect(!said.promised && digest_is_zero(&said.transaction));
    expect(recalled(&said, &order, 1), STATUS_ROLLBACK, "the trail knows of one more");
    cr_expect_str_eq(desk_where, "promises");
    expect(desk_ask(&reply, &request), STATUS_OK, "nothing is latched by who only asks");
    wire_reply_free(&reply);
    expect(recalled(&said, &order, 1), STATUS_OK, "after");
    cr_expect(said.promised && digest_equal(&said.transaction, &order.intent.transaction));
    cr_expect(told() == 1, "a question promises nothing");
    order_wipe(&order);
}

static enum status ended(const struct uuid *withdrawal, uint64_t promises)
{
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_TRANSFER_END,
                                   .recall = {.withdrawal = *withdrawal, .promises = promises}};
    return desk_ask(&reply, &request);
}

/* With every paper that there is, and after a start. */
Test(promises, what_ended_is_promised_nothing)
{
    struct order order;
    struct wire_reply reply;
    struct wire_recall_reply said;
    order_init(&order, &desk.world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    for (int i = 0; i < 2; i++) {
        expect(ended(&order.intent.withdrawal, 0), STATUS_OK, "once and again");
        expect(desk_ask(&reply, &request), STATUS_DENIED, "what ended");
        cr_expect_str_eq(desk_where, "intent.withdrawal");
        cr_expect(reply.promised == WIRE_PROMISED_NEVER);
        cr_expect(seen().ended == 1);
        MUST(desk_restart(NULL));
    }
    request.op = WIRE_OP_TRANSFER_ANNOUNCE;
    cr_expect(desk_ask(&reply, &request) != STATUS_OK);
    expect(recalled(&said, &order, 0), STATUS_OK, "it is known");
    cr_expect(!said.promised);
    order_wipe(&order);
    expect(desk_sign(1, 0), STATUS_OK, "another one has the sequence");
}

Test(promises, what_was_promised_does_not_end)
{
    struct order order;
    struct wire_reply reply;
    order_init(&order, &desk.world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    expect(ended(&order.intent.withdrawal, 1), STATUS_ROLLBACK, "the trail knows of a promise that this guard lacks");
    expect(desk_ask(&reply, &request), STATUS_OK, "promised");
    wire_reply_free(&reply);
    expect(ended(&order.intent.withdrawal, 1), STATUS_CONFLICT, "too late");
    cr_expect_str_eq(desk_where, "withdrawal");
    expect(desk_ask(&reply, &request), STATUS_OK, "and signed again");
    wire_reply_free(&reply);
    cr_expect(seen().ended == 0);
    order_wipe(&order);
}

/* Whoever has the service leaves only so many records behind. */
Test(promises, ends_are_paid_for)
{
    struct uuid id;
    for (int i = 0; i < 1024; i++) {
        MUST(uuid_generate(&id, clock_system()));
        cr_assert(ended(&id, 0) == STATUS_OK, "%d", i);
    }
    const struct uuid last = id;
    MUST(uuid_generate(&id, clock_system()));
    expect(ended(&id, 0), STATUS_BUSY, "one too many");
    expect(ended(&last, 0), STATUS_OK, "again costs nothing");
    desk_run_on(5000);
    expect(ended(&id, 0), STATUS_OK, "two hundred a second");
    cr_expect(seen().ended == 1025);
}

/* The backup was taken after one promise and is put back after three: what it forgot is promised to nobody. */
Test(promises, an_older_guard_signs_nothing)
{
    struct bytes copy = {0};
    expect(desk_sign(1, 0), STATUS_OK, "before the copy");
    guard_copy(&copy);
    expect(desk_sign(1, 1), STATUS_OK, "after it");
    expect(desk_sign(1, 2), STATUS_OK, "after it");
    cr_expect(desk.world.promises == 3);
    guard_put_back(&copy);
    cr_expect(told() == 1, "it does not know better by itself");
    expect(desk_sign(1, 1), STATUS_ROLLBACK, "the sequence that it forgot");
    cr_expect_str_eq(desk_where, "promises");
    cr_expect(strstr(desk_detail, "older copy") != NULL, "%s", desk_detail);
    desk.world.promises = 0;
    expect(desk_sign(1, 1), STATUS_ROLLBACK, "whatever it is told now");
    MUST(desk_restart(NULL));
    desk.world.promises = 3;
    expect(desk_sign(1, 1), STATUS_ROLLBACK, "after a start");
    struct order forgotten;
    struct wire_recall_reply said;
    order_init(&forgotten, &desk.world, 1, 1);
    expect(recalled(&said, &forgotten, 0), STATUS_ROLLBACK, "it does not say that it never promised");
    cr_expect_str_eq(desk_where, "promises", "nor that a guard before it may have: %s", desk_where);
    order_wipe(&forgotten);
    cr_expect(!seen().halted, "a number that somebody wrote must not cost the guard: one made anew has forgotten all");
    bytes_free(&copy);
}

Test(promises, an_older_guard_says_what_it_remembers)
{
    struct bytes copy = {0};
    struct order order;
    struct wire_reply reply;
    struct wire_recall_reply said;
    order_init(&order, &desk.world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    expect(desk_ask(&reply, &request), STATUS_OK, "before the copy");
    wire_reply_free(&reply);
    guard_copy(&copy);
    expect(desk_sign(1, 1), STATUS_OK, "after it");
    guard_put_back(&copy);
    desk.world.promises = 2;
    expect(desk_sign(1, 1), STATUS_ROLLBACK, "the sequence that it forgot");
    for (uint64_t promises = 0; promises < 3; promises++) {
        expect(recalled(&said, &order, promises), STATUS_OK, "what was promised");
        cr_expect(said.promised && digest_equal(&said.transaction, &order.intent.transaction));
    }
    order_wipe(&order);
    bytes_free(&copy);
}

/* Ends a withdrawal. Out: the number of that end. */
static enum status end_numbered(uint64_t *out, const struct uuid *withdrawal, uint64_t newest)
{
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_TRANSFER_END, .recall = {.withdrawal = *withdrawal, .ends = newest}};
    enum status status = desk_ask(&reply, &request);
    *out = status == STATUS_OK ? reply.recall.ends : 0;
    return status;
}

static void expect_rollback(enum wire_op op, struct order *order, uint64_t newest)
{
    struct wire_reply reply;
    struct wire_request request = {.op = op, .transfer = order_request(order)};
    request.transfer.ends = newest;
    expect(desk_ask(&reply, &request), STATUS_ROLLBACK, wire_op_name(op));
    cr_expect_str_eq(desk_where, "ends");
    cr_expect(reply.promised == WIRE_PROMISED_UNKNOWN);
}

/* It says nothing, takes nothing and signs nothing, so that it never comes to as many ends as it was shown. */
static void expect_older(struct order *order, struct order *announced, uint64_t newest)
{
    struct wire_reply reply;
    struct uuid other;
    uint64_t number = 0;
    expect_rollback(WIRE_OP_TRANSFER_SIGN, order, newest);
    expect_rollback(WIRE_OP_TRANSFER_ANNOUNCE, announced, newest);
    struct wire_request recall = {.op = WIRE_OP_TRANSFER_RECALL,
                                  .recall = {.withdrawal = order->intent.withdrawal, .ends = newest}};
    expect(desk_ask(&reply, &recall), STATUS_ROLLBACK, "what was promised");
    cr_expect_str_eq(desk_where, "ends");
    MUST(uuid_generate(&other, clock_system()));
    expect(end_numbered(&number, &other, newest), STATUS_ROLLBACK, "another end");
    cr_expect(strstr(desk_detail, "1 ends more") != NULL, "%s", desk_detail);
    cr_expect(!seen().halted);
}

/* The backup was taken before the end, after the same promises: nothing but the number of the end tells them apart. */
Test(promises, an_older_guard_forgets_no_end)
{
    struct bytes copy = {0};
    struct order order;
    struct order announced;
    struct wire_reply reply;
    struct uuid other;
    uint64_t first = 0;
    uint64_t second = 0;
    uint64_t again = 0;
    order_init(&order, &desk.world, 1, 0);
    order_init(&announced, &desk.world, 2, 0);
    order_announce(&announced, &desk.world);
    MUST(uuid_generate(&other, clock_system()));
    expect(end_numbered(&first, &other, 0), STATUS_OK, "before the copy");
    guard_copy(&copy);
    expect(end_numbered(&second, &order.intent.withdrawal, first), STATUS_OK, "after it");
    expect(end_numbered(&again, &order.intent.withdrawal, second), STATUS_OK, "again");
    cr_expect(first > 0 && second == first + 1 && again == second);
    guard_put_back(&copy);
    expect_older(&order, &announced, second);
    MUST(desk_restart(NULL));
    expect_older(&order, &announced, second);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    request.transfer.ends = first;
    expect(desk_ask(&reply, &request), STATUS_OK, "for who knows of no more than it does");
    wire_reply_free(&reply);
    order_wipe(&order);
    order_wipe(&announced);
    bytes_free(&copy);
}

/* A guard made anew is told of no ends, and is none that has forgotten some. */
Test(promises, ends_go_up_from_guard_to_guard)
{
    uint64_t before = 0;
    uint64_t after = 0;
    struct uuid id;
    for (int hours = 2; hours > 0; hours--) {
        desk_finish();
        world_made_utc_us = clock_utc_us(clock_system()) - hours * HOUR_US;
        desk_start_active();
        before = after;
        MUST(uuid_generate(&id, clock_system()));
        expect(end_numbered(&after, &id, before), STATUS_OK, "an end");
        cr_expect(after > before);
    }
    world_made_utc_us = 0;
}

/* What it says of a withdrawal of this moment that it knows nothing of: in a refusal, and when it is asked. */
static void expect_said(enum wire_promised promised, enum status asked)
{
    struct order order;
    struct wire_reply reply;
    struct wire_recall_reply said;
    order_init(&order, &desk.world, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    request.transfer.approval_count = 0;
    expect(desk_ask(&reply, &request), STATUS_QUORUM_MISSING, "without papers");
    cr_expect(reply.promised == promised, "%d", (int)reply.promised);
    expect(recalled(&said, &order, 5), asked, "by the withdrawal alone");
    cr_expect(!said.promised);
    order_wipe(&order);
}

Test(anew, it_does_not_say_that_those_before_it_never_promised)
{
    expect_said(WIRE_PROMISED_UNKNOWN, STATUS_ROLLBACK); /* made when it may have been asked for */
    cr_expect_str_eq(desk_where, WIRE_RECALL_FORGOTTEN);
}

Test(anew, what_is_asked_for_since_is_its_own)
{
    desk_finish();
    world_made_utc_us = clock_utc_us(clock_system()) - 2 * HOUR_US;
    start_anew();
    expect_said(WIRE_PROMISED_NEVER, STATUS_OK);
    world_made_utc_us = 0;
}

Test(anew, it_counts_on_from_those_before_it)
{
    cr_expect(told() == 5);
    expect(desk_sign(1, 0), STATUS_OK, "its first");
    cr_expect(desk.world.promises == 6, "%llu", (unsigned long long)desk.world.promises);
    MUST(desk_restart(NULL));
    expect(desk_sign(1, 1), STATUS_OK, "it is whole");
    desk_run_on(32 * DESK_DAY_US);
    expect(desk_sign(1, 2), STATUS_OK, "a month later");
    cr_expect(told() == 8 && seen().before == 5 && seen().forgotten == 7);
    MUST(desk_restart(NULL));
    expect(desk_sign(1, 3), STATUS_OK, "it is whole again");
}

Test(anew, an_older_copy_of_it_signs_nothing)
{
    struct bytes copy = {0};
    guard_copy(&copy);
    expect(desk_sign(1, 0), STATUS_OK, "after the copy");
    guard_put_back(&copy);
    expect(desk_sign(1, 0), STATUS_ROLLBACK, "the sequence that it forgot");
    bytes_free(&copy);
}

Test(anew, of_more_than_it_was_told_it_is_too_old)
{
    desk.world.promises = 6;
    expect(desk_sign(1, 0), STATUS_ROLLBACK, "there was one more");
    cr_expect_str_eq(desk_where, "promises");
}

Test(promises, an_entry_that_knows_of_fewer_is_fine)
{
    expect(desk_sign(1, 0), STATUS_OK, "one");
    expect(desk_sign(1, 1), STATUS_OK, "two");
    desk.world.promises = 1; /* written while the second was on its way */
    expect(desk_sign(1, 2), STATUS_OK, "three");
}

/* 31 days of running: a stop is no part of them, and neither is what a clock shows. */
Test(promises, the_history_forgets_what_no_window_reaches)
{
    for (uint64_t i = 0; i < 3; i++) {
        expect(desk_sign(1, i), STATUS_OK, "a promise");
    }
    desk_run_on(30 * DESK_DAY_US);
    expect(desk_sign(1, 3), STATUS_OK, "within");
    cr_expect(seen().forgotten == 0);
    desk_stop();
    desk_run_on(2 * DESK_DAY_US); /* off */
    MUST(desk_restart(NULL));
    expect(desk_sign(1, 4), STATUS_OK, "still within: it did not run");
    cr_expect(seen().forgotten == 0);
    desk_run_on(DESK_DAY_US);
    expect(desk_sign(1, 5), STATUS_OK, "the first three are beyond");
    cr_expect(seen().forgotten == 3 && seen().promises == 6);
    MUST(desk_restart(NULL));
    expect(desk_sign(1, 6), STATUS_OK, "and it is whole");
}

/* With promises in the history, who looks once in a minute finds the time kept; a stop costs no more than that. */
Test(promises, running_time_is_kept_while_there_is_a_history)
{
    expect(desk_sign(1, 0), STATUS_OK, "one");
    const uint64_t before_us = seen().running_us;
    desk.now_utc_us += 59 * DESK_SECOND_US;
    (void)told();
    cr_expect(seen().running_us == before_us, "not each second");
    desk.now_utc_us += 2 * DESK_SECOND_US;
    (void)told();
    cr_expect(seen().running_us == before_us + 61 * DESK_SECOND_US);
}

static enum status take_away(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_remove(txn, context, fault);
}

static enum status add(struct guard_txn *txn, void *context, struct fault *fault)
{
    return guard_txn_put(txn, context, fault);
}

static void expect_found(const char *what)
{
    struct fault fault = {0};
    desk_stop();
    cr_expect(desk_restart(&fault) == STATUS_CORRUPT, "%s", what);
    cr_expect(strstr(fault.detail, "missing") != NULL, "%s: %s", what, fault.detail);
    desk_stop();
}

/* Each of these would let more be signed, or what somebody spoke against. */
Test(promises, a_lost_promise_is_found)
{
    struct guard_record first = {.key = {'h', 0, 0, 0, 0, 0, 0, 0, 1}, .key_len = 9};
    expect(desk_sign(1, 0), STATUS_OK, "one");
    expect(desk_sign(1, 1), STATUS_OK, "two");
    MUST(guard_commit(desk.guard, take_away, &first, NULL));
    expect_found("the first of the history");
}

Test(promises, the_last_lost_promise_is_found)
{
    struct guard_record last = {.key = {'h', 0, 0, 0, 0, 0, 0, 0, 2}, .key_len = 9};
    expect(desk_sign(1, 0), STATUS_OK, "one");
    expect(desk_sign(1, 1), STATUS_OK, "two");
    MUST(guard_commit(desk.guard, take_away, &last, NULL));
    expect_found("the last of the history");
}

Test(promises, a_lost_intent_is_found)
{
    struct order order;
    struct wire_reply reply;
    desk_withdrawal(&order, 1, 0);
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(&order)};
    struct guard_record intent = {.key = {'i'}, .key_len = 33};
    expect(desk_ask(&reply, &request), STATUS_OK, "one");
    wire_reply_free(&reply);
    memcpy(intent.key + 1, order.digest.bytes32, 32);
    MUST(guard_commit(desk.guard, take_away, &intent, NULL));
    expect_found("that an intent was promised");
    order_wipe(&order);
}

Test(promises, a_veto_that_nobody_counted_is_found)
{
    struct guard_record veto = {.key = {'v'}, .key_len = 33, .value_len = 32};
    MUST(guard_commit(desk.guard, add, &veto, NULL));
    expect_found("a veto");
}

static enum status ask(struct order *order)
{
    struct wire_reply reply;
    struct wire_request request = {.op = WIRE_OP_TRANSFER_SIGN, .transfer = order_request(order)};
    enum status status = desk_ask(&reply, &request);
    wire_reply_free(&reply);
    return status;
}

/* What may have been signed is had again after the hours, or nobody could fill its sequence. */
Test(hours, a_promise_is_had_again_when_they_are_over)
{
    struct order promised;
    struct order other;
    order_init(&promised, &desk.world, 1, 0);
    order_init(&other, &desk.world, 2, 0);
    desk.token = TOKEN_GONE;
    expect(ask(&promised), STATUS_TOKEN, "promised, and not signed");
    desk.token = TOKEN_WORKS;
    desk.now_utc_us += WORLD_HOUR_US / 2;
    expect(ask(&other), STATUS_OUTSIDE_HOURS, "what was not promised waits");
    expect(ask(&promised), STATUS_OK, "what was is signed");
    order_wipe(&promised);
    order_wipe(&other);
}
