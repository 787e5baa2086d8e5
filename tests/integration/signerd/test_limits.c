/*
 * Limits in a real signerd: fifty clients at once, signals that kill it between promise and signature, an older copy of
 * its guard put back in place.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

#include "place.h"

#define THREADS 50
#define FIT 7 /* withdrawals of 250 */
#define DEMAND "{\"limits\":[{\"per\":\"wallet\",\"sum\":\"1750\",\"window_s\":86400}]}"

static struct place place;
static struct world world;
static struct wire_pool *pool;
static struct order orders[THREADS];
static enum status answers[THREADS];
static pthread_barrier_t together;

static void start(void)
{
    world_demand = DEMAND;
    place_make(&place, ROLE_TRANSFER, ALGORITHM_P256);
    world_init(&world, ROLE_TRANSFER, &place.key, clock_utc_us(clock_system()));
    cr_assert(place_initialise(&place, &world) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    pool = place_pool(&place, THREADS);
}

static void finish(void)
{
    wire_pool_free(pool);
    if (place.pid > 0) {
        cr_expect(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    }
    place_remove(&place);
    world_wipe(&world);
}

TestSuite(limits, .init = start, .fini = finish);

/* What the service does before it asks; again it changes nothing. A signer that is killed at it is asked next. */
static void list(const struct wire_transfer_request *request)
{
    struct wire_destination_adopt_reply listed;
    (void)!wire_destination_adopt(pool, &listed, &request->destination, PLACE_TIMEOUT_MS, NULL);
}

static enum status sign(struct order *order, struct fault *fault)
{
    struct wire_transfer_reply reply;
    const struct wire_transfer_request request = order_request(order);
    list(&request);
    *fault = (struct fault){0};
    enum status status = wire_transfer_sign(pool, &reply, NULL, &request, PLACE_TIMEOUT_MS, fault);
    if (status == STATUS_OK) {
        world.promises = reply.promises;
        bytes_free(&reply.transaction);
    }
    return status;
}

static void *ask(void *argument)
{
    struct fault fault;
    struct wire_transfer_reply reply;
    const size_t self = (size_t)(uintptr_t)argument;
    const struct wire_transfer_request request = order_request(&orders[self]);
    list(&request);
    (void)pthread_barrier_wait(&together);
    answers[self] = wire_transfer_sign(pool, &reply, NULL, &request, PLACE_TIMEOUT_MS, &fault);
    if (answers[self] == STATUS_OK) {
        bytes_free(&reply.transaction);
    }
    return NULL;
}

Test(limits, fifty_clients_at_once_sign_no_more_than_fits)
{
    size_t signed_count = 0;
    pthread_t threads[THREADS];
    cr_assert(pthread_barrier_init(&together, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        order_init(&orders[i], &world, 10 + i, 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert(pthread_create(&threads[i], NULL, ask, (void *)(uintptr_t)i) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
        cr_expect(answers[i] == STATUS_OK || answers[i] == STATUS_LIMIT_EXCEEDED, "%s", status_info(answers[i])->code);
        signed_count += answers[i] == STATUS_OK;
    }
    cr_expect(signed_count == FIT, "%zu were signed", signed_count);
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    for (size_t i = 0; i < THREADS; i++) {
        struct fault fault;
        enum status again = sign(&orders[i], &fault);
        cr_expect(again == answers[i], "%s after a start", status_info(again)->code);
        order_wipe(&orders[i]);
    }
    (void)pthread_barrier_destroy(&together);
}

/* Killed at each step: what was promised counts, what was not does not. */
Test(limits, a_crash_loses_no_promise_and_makes_none)
{
    static const struct {
        const char *point;
        bool counts;
    } rows[] = {{"signer.checked:1", false}, {"signer.remembered:1", true}, {"signer.signed:1", true}};
    uint64_t seq = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct order order;
        struct fault fault;
        struct wire_status_reply status;
        order_init(&order, &world, 1, seq);
        cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
        cr_assert(place_start(&place, NULL, rows[i].point), "%s", place.log);
        cr_expect(sign(&order, &fault) == STATUS_UNAVAILABLE, "%s: %s", rows[i].point, fault.detail);
        cr_assert(place_await_end(&place) == 128 + SIGKILL, "%s", place.log);
        cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
        MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
        cr_expect(status.promises == seq + rows[i].counts, "%s", rows[i].point);
        seq += rows[i].counts;
        order_wipe(&order);
    }
    for (; seq < FIT; seq++) {
        struct fault fault;
        order_init(&orders[0], &world, 2, seq - 2);
        enum status status = sign(&orders[0], &fault);
        cr_expect(status == STATUS_OK, "%s: %s", status_info(status)->code, fault.detail);
        order_wipe(&orders[0]);
    }
    struct fault fault;
    order_init(&orders[0], &world, 3, 0);
    cr_expect(sign(&orders[0], &fault) == STATUS_LIMIT_EXCEEDED);
    cr_expect_str_eq(fault.where, "policy.daily.limits[0]");
    order_wipe(&orders[0]);
}

static void data_path(char out[512])
{
    (void)snprintf(out, 512, "%s/data.mdb", place.guard);
}

static void data_read(struct bytes *out)
{
    char path[512];
    struct buffer buffer;
    uint8_t block[4096];
    size_t got = 0;
    data_path(path);
    FILE *file = fopen(path, "rbe");
    cr_assert(file != NULL);
    buffer_init(&buffer);
    while ((got = fread(block, 1, sizeof(block), file)) > 0) {
        buffer_append(&buffer, block, got);
    }
    (void)fclose(file);
    MUST(buffer_finish(out, &buffer));
}

/* Into the same file, so that the guard is where it was made. */
static void data_write(const struct bytes *data)
{
    char path[512];
    data_path(path);
    FILE *file = fopen(path, "r+be");
    cr_assert(file != NULL && fwrite(data->data, 1, data->len, file) == data->len && fclose(file) == 0);
}

/* A day's limit used up, yesterday's guard put back: the trail knows better, and nothing is signed any more. */
Test(limits, an_older_copy_of_the_guard_signs_nothing)
{
    struct fault fault;
    struct bytes copy = {0};
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    data_read(&copy);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    for (uint64_t i = 0; i < FIT; i++) {
        order_init(&orders[0], &world, 1, i);
        cr_assert(sign(&orders[0], &fault) == STATUS_OK, "%s", fault.detail);
        order_wipe(&orders[0]);
    }
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    data_write(&copy);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    order_init(&orders[0], &world, 2, 0);
    cr_expect(sign(&orders[0], &fault) == STATUS_ROLLBACK, "%s", fault.detail);
    cr_expect_str_eq(fault.where, "promises");
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    cr_expect(sign(&orders[0], &fault) == STATUS_ROLLBACK, "%s", fault.detail);
    order_wipe(&orders[0]);
    bytes_free(&copy);
}
