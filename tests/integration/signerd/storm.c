/*
 * Many threads against one signerd: every withdrawal is signed once, of two rivals for one sequence exactly one wins,
 * a later version of the policy takes force once while they sign, and a restart loses nothing. No Criterion inside, so
 * it can be built with the thread sanitizer; and it can drive a signerd that was: STRONGROOM_SIGNERD=<tsan
 * build>/services/signerd/signerd signerd_storm (a race makes signerd's exit status 66 and this program fail).
 */
#include <pthread.h>
#include <signal.h>

#include "place.h"

#define THREADS 8
#define ORDERS 6

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static struct place place;
static struct world world;
static struct wire_pool *pool;
static struct order own[THREADS][ORDERS];    /* lane of the thread */
static struct order rivals[ORDERS][THREADS]; /* one lane for all, one sequence per round */
static bool won[ORDERS][THREADS];
static pthread_barrier_t round_start;
static struct signed_document second; /* version of the policy */

static enum status sign(struct order *order)
{
    struct wire_transfer_reply reply;
    const struct wire_transfer_request request = order_request(order);
    enum status status = place_transfer_sign(pool, &reply, &request);
    if (status == STATUS_OK) {
        struct digest id;
        transaction_id(&id, reply.transaction.data, reply.transaction.len);
        CHECK(digest_equal(&id, &order->intent.transaction));
        bytes_free(&reply.transaction);
    }
    return status;
}

static void *storm(void *argument)
{
    size_t self = (size_t)(uintptr_t)argument;
    for (size_t i = 0; i < ORDERS; i++) {
        CHECK(sign(&own[self][i]) == STATUS_OK);
        int waited = pthread_barrier_wait(&round_start);
        CHECK(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
        enum status status = sign(&rivals[i][self]);
        CHECK(status == STATUS_OK || status == STATUS_REPLAY);
        won[i][self] = status == STATUS_OK;
        struct wire_status_reply reply;
        CHECK(wire_status(pool, &reply, PLACE_TIMEOUT_MS, NULL) == STATUS_OK && reply.ready);
        waited = pthread_barrier_wait(&round_start);
        CHECK(waited == 0 || waited == PTHREAD_BARRIER_SERIAL_THREAD);
    }
    return NULL;
}

/* All hand over the same version, and sign what was promised until it is in force and after. */
static void *change(void *argument)
{
    size_t self = (size_t)(uintptr_t)argument;
    struct wire_policy_adopt_reply reply;
    struct wire_status_reply status = {.policy_version = 0};
    CHECK(wire_policy_adopt(pool, &reply, &second, PLACE_TIMEOUT_MS, NULL) == STATUS_OK);
    for (size_t i = 0; status.policy_version != 2; i++) {
        CHECK(sign(&own[self][i % ORDERS]) == STATUS_OK);
        CHECK(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL) == STATUS_OK);
        CHECK(status.policy_version == 2 || status.next.in_force_at == reply.in_force_at);
    }
    CHECK(sign(&own[self][0]) == STATUS_OK);
    return NULL;
}

static void run_threads(void *(*what)(void *argument))
{
    pthread_t threads[THREADS];
    CHECK(pthread_barrier_init(&round_start, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, what, (void *)(uintptr_t)i) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(pthread_barrier_destroy(&round_start) == 0);
}

static void make_orders(void)
{
    for (size_t thread = 0; thread < THREADS; thread++) {
        for (size_t i = 0; i < ORDERS; i++) {
            order_init(&own[thread][i], &world, thread + 1, i);
            order_init(&rivals[i][thread], &world, 1000, i);
        }
    }
}

static void wipe_orders(void)
{
    for (size_t thread = 0; thread < THREADS; thread++) {
        for (size_t i = 0; i < ORDERS; i++) {
            order_wipe(&own[thread][i]);
            order_wipe(&rivals[i][thread]);
        }
    }
}

static void stop(void)
{
    int status = place_stop(&place, SIGTERM);
    if (status != 0) {
        (void)fprintf(stderr, "signerd ended with %d: %s\n", status, place.log);
        exit(1);
    }
}

int main(void)
{
    place_make(&place, ROLE_TRANSFER, ALGORITHM_P256);
    world_init(&world, ROLE_TRANSFER, &place.key, clock_utc_us(clock_system()));
    make_orders();
    CHECK(place_initialise(&place, &world) == 0);
    CHECK(place_start(&place, NULL, NULL));
    pool = place_pool(&place, 5); /* fewer than threads: they wait for each other */
    run_threads(storm);
    world_policy_next(&second, &world);
    run_threads(change);
    stop();
    CHECK(place_start(&place, NULL, NULL));
    for (size_t i = 0; i < ORDERS; i++) {
        int winners = 0;
        for (size_t thread = 0; thread < THREADS; thread++) {
            CHECK(sign(&own[thread][i]) == STATUS_OK);
            CHECK(sign(&rivals[i][thread]) == (won[i][thread] ? STATUS_OK : STATUS_REPLAY));
            winners += won[i][thread];
        }
        CHECK(winners == 1);
    }
    wire_pool_free(pool);
    stop();
    place_remove(&place);
    wipe_orders();
    signed_document_free(&second);
    world_wipe(&world);
    return 0;
}
