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

/* It lives a few seconds, and longer where that was not enough to have it signed. */
static void sign_short_lived(struct digest *out, struct order *order)
{
    struct wire_transfer_reply reply;
    enum status status = STATUS_EXPIRED;
    for (int64_t lives_s = 5; status == STATUS_EXPIRED && lives_s < 1000; lives_s *= 4) {
        order_init(order, &world, 7, 0);
        order->intent.expires_at = clock_utc_us(clock_system()) + lives_s * 1000000;
        order_rewrite(order, true);
        const struct wire_transfer_request request = order_request(order);
        status = place_transfer_sign(pool, &reply, &request);
        if (status == STATUS_EXPIRED) {
            order_wipe(order);
        }
    }
    cr_assert(status == STATUS_OK, "%s", status_info(status)->code);
    transaction_id(out, reply.transaction.data, reply.transaction.len);
    bytes_free(&reply.transaction);
}

/* Signed, then expired, then asked for again, as after a crash that outlasts it. */
Test(once, what_was_promised_can_be_had_again_after_it_expired)
{
    transfer_start(ALGORITHM_P256);
    struct order order;
    struct order other;
    struct digest id;
    struct digest again;
    sign_short_lived(&id, &order);
    order_init(&other, &world, 8, 0);
    other.intent.expires_at = order.intent.expires_at;
    order_rewrite(&other, true);
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

static void version_await(int64_t version)
{
    const struct timespec step = {.tv_nsec = 20000000};
    struct wire_status_reply status = {.policy_version = 0};
    int64_t until = clock_monotonic_us(clock_system()) + PLACE_TIMEOUT_MS * 1000LL;
    while (status.policy_version != version && clock_monotonic_us(clock_system()) < until) {
        (void)nanosleep(&step, NULL);
        MUST(wire_status(pool, &status, PLACE_TIMEOUT_MS, NULL));
    }
    cr_assert(status.policy_version == version, "version %lld", (long long)status.policy_version);
}

Test(once, a_later_policy_comes_by_message_and_is_never_taken_back)
{
    transfer_start(ALGORITHM_P256);
    struct wire_policy_adopt_reply reply;
    struct wire_policy_adopt_reply again;
    struct signed_document second;
    struct order before;
    struct order order;
    struct digest id;
    struct fault fault = {0};
    order_init(&before, &world, 1, 0);
    order_init(&order, &world, 1, 1);
    world_policy_next(&second, &world);
    int64_t earliest = clock_utc_us(clock_system()) + world.policy.delay_s * 1000000;
    MUST(wire_policy_adopt(pool, &reply, &second, PLACE_TIMEOUT_MS, NULL));
    cr_expect(reply.policy_version == 2 && reply.in_force_at >= earliest);
    order_expect_signed(&id, &before);
    cr_assert(place_stop(&place, SIGTERM) == 0);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    MUST(wire_policy_adopt(pool, &again, &second, PLACE_TIMEOUT_MS, NULL));
    cr_expect(again.in_force_at >= reply.in_force_at, "a restart does not shorten it");
    version_await(2);
    order_expect_signed(&id, &order);
    order_expect_signed(&id, &before);
    cr_assert(place_stop(&place, SIGTERM) == 0);

    world_write_signed(place.policy, &second);
    cr_expect(!place_start(&place, NULL, NULL), "another first version");
    cr_expect(place.exit_status == 78 && strstr(place.log, "mismatch") != NULL, "%d: %s", place.exit_status, place.log);
    world_write_signed(place.policy, &world.policy_signed);
    cr_assert(place_start(&place, NULL, NULL), "%s", place.log);
    version_await(2);
    second.signature_count = 1;
    second.document.data[second.document.len - 2] ^= 1;
    cr_expect(wire_policy_adopt(pool, &again, &second, PLACE_TIMEOUT_MS, &fault) != STATUS_OK);
    second.signature_count = 2;
    order_wipe(&before);
    order_wipe(&order);
    signed_document_free(&second);
    transfer_finish();
}

/* As large as a policy may be; nothing of it is believed. */
Test(once, a_large_policy_arrives_whole)
{
    transfer_start(ALGORITHM_P256);
    struct wire_policy_adopt_reply reply;
    struct signed_document large = {.signatures = NULL};
    struct fault fault = {0};
    large.document = (struct bytes){.data = calloc(1, CANON_POLICY_MAX), .len = CANON_POLICY_MAX};
    cr_assert(large.document.data != NULL);
    memset(large.document.data, 'x', large.document.len);
    test_key_sign_document(&large, POLICY_KIND, world.keys[ADA]);
    enum status status = wire_policy_adopt(pool, &reply, &large, PLACE_TIMEOUT_MS, &fault);
    cr_expect(status == STATUS_NOT_CANONICAL, "%s: %s: %s", status_info(status)->code, fault.where, fault.detail);
    signed_document_free(&large);
    transfer_finish();
}
