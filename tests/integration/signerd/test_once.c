/*
 * What a signer of role transfer has promised it keeps: sequences and withdrawals are used once, a forked trail halts
 * it for good, and a newer policy is never taken back.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "transfer.h"

/* Sequences and withdrawals are used once, also across a restart. */

static void restart(void)
{
    cr_assert(place_stop(&place, SIGTERM) == 0, "%s", place.log);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
}

static void use_twice(bool with_restart)
{
    transfer_start(ALGORITHM_P256);
    struct order order;
    struct digest id;
    struct digest again;
    order_init(&order, &world, 7, 0);
    order_expect_signed(&id, &order);
    if (with_restart) {
        restart();
    }

    struct order other;
    order_init(&other, &world, 7, 0);
    order_expect_refused(&other, STATUS_REPLAY, "intent.seq", "another withdrawal at a used sequence");
    order_wipe(&other);

    order_init(&other, &world, 7, 1);
    other.intent.withdrawal = order.intent.withdrawal;
    order_rewrite(&other, true);
    order_expect_refused(&other, STATUS_REPLAY, "intent.withdrawal", "a used withdrawal at the next sequence");
    order_wipe(&other);

    order_init(&other, &world, 7, 0);
    other.intent.withdrawal = order.intent.withdrawal;
    other.intent.amount = amount_of("1");
    order_rewrite(&other, true);
    order_expect_refused(&other, STATUS_REPLAY, "intent.seq", "the same withdrawal with another amount");
    order_wipe(&other);

    order_init(&other, &world, 7, 2);
    order_expect_refused(&other, STATUS_CONFLICT, "intent.seq", "a sequence beyond the next");
    order_wipe(&other);

    order_expect_signed(&again, &order);
    cr_expect(digest_equal(&id, &again));
    order_wipe(&order);

    order_init(&other, &world, 7, 1);
    order_expect_signed(&id, &other);
    order_wipe(&other);
    transfer_finish();
}

Test(once, a_sequence_and_a_withdrawal_are_used_once)
{
    use_twice(false);
}

Test(once, and_also_after_a_restart)
{
    use_twice(true);
}

/* The intent lives a second: signed, then expired, then asked for again, as after a crash that outlasts it. */
Test(once, what_was_promised_can_be_had_again_after_it_expired)
{
    transfer_start(ALGORITHM_P256);
    struct order order;
    struct order other;
    struct digest id;
    struct digest again;
    order_init(&order, &world, 7, 0);
    order.intent.expires_at = clock_utc_us(clock_system()) + 1500000;
    order_rewrite(&order, true);
    order_init(&other, &world, 8, 0);
    other.intent.expires_at = order.intent.expires_at;
    order_rewrite(&other, true);
    order_expect_signed(&id, &order);
    while (clock_utc_us(clock_system()) <= order.intent.expires_at) {
        const struct timespec step = {.tv_nsec = 20000000};
        (void)nanosleep(&step, NULL);
    }
    restart();
    order_expect_refused(&other, STATUS_EXPIRED, "intent.expires_at", "never promised, and too late now");
    order_expect_promised(WIRE_PROMISED_NEVER);
    order_expect_signed(&again, &order);
    cr_expect(digest_equal(&id, &again));

    order.intent.amount = amount_of("1");
    order_rewrite(&order, true);
    order_expect_refused(&order, STATUS_EXPIRED, "intent.expires_at", "another amount than was promised");
    order_expect_promised(WIRE_PROMISED_OTHER);
    order_wipe(&order);
    order_wipe(&other);
    transfer_finish();
}

Test(once, two_checkpoints_of_one_size_halt_the_signer_for_good)
{
    transfer_start(ALGORITHM_P256);
    struct order order;
    struct digest id;
    order_init(&order, &world, 1, 0);
    order_expect_signed(&id, &order);
    order_wipe(&order);

    /* The log tells another story of the same length. */
    bytes_free(&world.leaves[0]);
    world.entry_count = 0;
    order_init(&order, &world, 2, 0);
    order_expect_refused(&order, STATUS_FORK, "proof", "a fork");
    order_wipe(&order);

    order_init(&order, &world, 3, 0);
    order_expect_refused(&order, STATUS_HALTED, "guard", "after a fork");
    restart();
    order_expect_refused(&order, STATUS_HALTED, "guard", "after a fork and a restart");
    order_expect_promised(WIRE_PROMISED_UNKNOWN);
    order_wipe(&order);
    struct wire_status_reply status;
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    cr_expect(!status.ready && strstr(status.reason, "fork") != NULL, "%s", status.reason);
    transfer_finish();
}

/* Policies */

static void folder_write(const char *name, const struct signed_document *document)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", place.policy, name);
    world_write_signed(path, document);
}

Test(once, a_newer_policy_comes_into_force_and_an_older_one_never_again)
{
    transfer_start(ALGORITHM_P256);
    cr_assert(place_stop(&place, SIGTERM) == 0);
    struct signed_document second;
    world_policy_next(&second, &world);
    (void)snprintf(place.policy, sizeof(place.policy), "%s/policies", place.token.folder.path);
    const char *const make[] = {"mkdir", place.policy, NULL};
    cr_assert(test_run(make) == 0);
    folder_write("policy-1.json", &world.policy_signed);
    folder_write("policy-2.json", &second);

    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    struct wire_status_reply status;
    MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    cr_expect(status.policy_version == 2);
    struct order order;
    order_init(&order, &world, 1, 0);
    order_expect_refused(&order, STATUS_MISMATCH, "intent.policy", "approved under the older policy");
    order_wipe(&order);
    cr_assert(place_stop(&place, SIGTERM) == 0);

    char path[512];
    (void)snprintf(path, sizeof(path), "%s/policy-2.json", place.policy);
    cr_assert(unlink(path) == 0);
    cr_expect(!place_start(&place, NULL, NULL), "an older set of policies");
    cr_expect(place.exit_status == 78 && strstr(place.log, "rollback") != NULL, "%d: %s", place.exit_status, place.log);

    second.signature_count = 1;
    folder_write("policy-2.json", &second);
    cr_expect(!place_start(&place, NULL, NULL), "a policy without its quorum");
    cr_expect(strstr(place.log, "quorum_missing") != NULL, "%s", place.log);
    second.signature_count = 2;
    signed_document_free(&second);
    transfer_finish();
}

/* Freezes: what is asked for after the answer to a freeze gets no signature, however many ask at the same time. */

#define LANES 8
#define LANE_ORDERS 24

struct lane {
    struct order orders[LANE_ORDERS];
    unsigned before; /* signed, asked for before the freeze was answered */
    unsigned after;  /* signed, asked for afterwards */
    unsigned refused;
};

static struct wire_pool *connections;
static atomic_uint signed_so_far;
static atomic_bool freeze_answered;

static void *lane_run(void *context)
{
    struct lane *lane = context;
    for (size_t i = 0; i < LANE_ORDERS; i++) {
        const struct wire_transfer_request request = order_request(&lane->orders[i]);
        struct wire_transfer_reply reply = {.transaction = {0}};
        bool late = atomic_load(&freeze_answered);
        enum status status = wire_transfer_sign(connections, &reply, NULL, &request, PLACE_TIMEOUT_MS, NULL);
        lane->refused += status == STATUS_KEY_INACTIVE;
        if (status == STATUS_OK) {
            *(late ? &lane->after : &lane->before) += 1;
            atomic_fetch_add(&signed_so_far, 1);
            bytes_free(&reply.transaction);
        }
    }
    return NULL;
}

static void freeze_everything(void)
{
    const struct wire_freeze_alarm_request alarm = {.scope = "everything", .reason = name_of("test")};
    struct wire_key_state_reply reply;
    while (atomic_load(&signed_so_far) < LANES) {
        (void)sched_yield();
    }
    MUST(wire_freeze_alarm(pool, &reply, &alarm, PLACE_TIMEOUT_MS, NULL));
    atomic_store(&freeze_answered, true);
}

Test(once, nothing_is_signed_after_a_freeze_was_answered)
{
    static struct lane lanes[LANES];
    pthread_t threads[LANES];
    transfer_start(ALGORITHM_P256);
    connections = place_pool(&place, LANES);
    for (size_t i = 0; i < LANES * LANE_ORDERS; i++) {
        order_init(&lanes[i % LANES].orders[i / LANES], &world, i % LANES, i / LANES);
    }
    for (size_t i = 0; i < LANES; i++) {
        cr_assert(pthread_create(&threads[i], NULL, lane_run, &lanes[i]) == 0);
    }
    freeze_everything();
    unsigned refused = 0;
    for (size_t i = 0; i < LANES; i++) {
        cr_assert(pthread_join(threads[i], NULL) == 0);
        cr_expect(lanes[i].after == 0, "%u signatures after the freeze", lanes[i].after);
        cr_expect(lanes[i].before + lanes[i].refused == LANE_ORDERS, "%u and %u", lanes[i].before, lanes[i].refused);
        refused += lanes[i].refused;
    }
    cr_expect(refused > 0);
    wire_pool_free(connections);
    restart();
    order_expect_refused(&lanes[0].orders[0], STATUS_KEY_INACTIVE, "freeze",
                         "what was promised before, after a restart");
    order_expect_promised(WIRE_PROMISED_THIS);
    for (size_t i = 0; i < LANES * LANE_ORDERS; i++) {
        order_wipe(&lanes[i % LANES].orders[i / LANES]);
    }
    transfer_finish();
}
