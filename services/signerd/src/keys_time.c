/*
 * Which time it is for a signer: never before the highest one that the guard has seen, and not far ahead of it either.
 *
 * A clock that is years ahead for one request would end cryptoperiods for good and make every later order too old. So a
 * clock may be ahead of what the guard knew at the start by the time that passed while the signer ran and by
 * AHEAD_MAX_US; beyond that it is believed when people say the day (accept-clock), and until then nothing is decided by
 * it. What is decided meanwhile does not count: each decision is remembered, and would add an allowance to the next.
 * Each start adds one.
 */
#include <stdatomic.h>

#include "base/log.h"
#include "keys.h"

#define DAY_US (24 * 3600 * 1000000LL)
#define AHEAD_MAX_US (14 * DAY_US) /* a signer may be off for so long without anybody being asked */
#define RUNNING_WAIT_US 1000000ULL
#define RUNNING_HISTORY_US 60000000ULL
#define ACCEPT_MAX_US (3 * DAY_US / 2) /* from the noon of the day that people named */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

struct reading {
    int64_t clock_utc_us;
    int64_t highest_utc_us;
    int64_t known_utc_us; /* what the time is without this clock: at least */
    int64_t most_utc_us;  /* what it may be by this clock: at most */
    bool believed;
};

static struct reading clock_read(const struct signer *signer)
{
    struct guard_state state;
    guard_read(signer->guard, &state);
    int64_t passed_us = clock_monotonic_us(signer->clock) - signer->started_monotonic_us;
    struct reading out = {.clock_utc_us = clock_utc_us(signer->clock),
                          .highest_utc_us = state.highest_utc_us,
                          .known_utc_us = later(signer->started_utc_us + passed_us, state.highest_utc_us),
                          .most_utc_us = signer->started_most_utc_us + passed_us};
    out.believed = out.clock_utc_us <= out.most_utc_us;
    return out;
}

int64_t keys_now(const struct signer *signer)
{
    const struct reading reading = clock_read(signer);
    return reading.believed ? later(reading.clock_utc_us, reading.highest_utc_us) : reading.known_utc_us;
}

enum status keys_time(struct signer *signer, int64_t *out_utc_us, struct fault *fault)
{
    const struct reading reading = clock_read(signer);
    if (reading.believed) {
        if (atomic_load(&signer->clock_logged)) {
            atomic_store(&signer->clock_logged, false);
        }
        *out_utc_us = later(reading.clock_utc_us, reading.highest_utc_us);
        return STATUS_OK;
    }
    struct fault ahead = {0};
    long long days = (long long)((reading.clock_utc_us - reading.most_utc_us + AHEAD_MAX_US) / DAY_US);
    (void)fault_set(
        &ahead, STATUS_NOT_READY, "clock",
        "it is %lld days ahead of the last time known at the start; set it right, or start with accept-clock", days);
    if (!atomic_exchange(&signer->clock_logged, true)) {
        log_fault("clock.refused", &ahead);
    }
    return fault_set(fault, ahead.status, ahead.where, "%s", ahead.detail);
}

uint64_t keys_running(const struct signer *signer)
{
    int64_t passed_us = clock_monotonic_us(signer->clock) - signer->started_monotonic_us;
    return signer->started_running_us + (uint64_t)(passed_us > 0 ? passed_us : 0);
}

void keys_running_raise(const struct signer *signer, struct guard_txn *txn)
{
    uint64_t running_us = keys_running(signer);
    txn->state.running_us = running_us > txn->state.running_us ? running_us : txn->state.running_us;
}

static enum status running_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    keys_running_raise(context, txn);
    return STATUS_OK;
}

enum status keys_running_keep(struct signer *signer, struct fault *fault)
{
    struct guard_state state;
    guard_read(signer->guard, &state);
    uint64_t running_us = keys_running(signer);
    bool waits = atomic_load(&signer->versions.look_at_running_us) != UINT64_MAX || state.running_us < state.due_us ||
                 state.running_us < state.cooled_us;
    bool counts = waits || state.promises > state.forgotten;
    return state.halted || !counts || running_us < state.running_us + (waits ? RUNNING_WAIT_US : RUNNING_HISTORY_US)
               ? STATUS_OK
               : guard_commit(signer->guard, running_apply, signer, fault);
}

void keys_time_raise(struct guard_txn *txn, int64_t at_utc_us)
{
    txn->state.highest_utc_us = later(txn->state.highest_utc_us, at_utc_us);
}

static enum status time_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    (void)fault;
    keys_time_raise(txn, *(const int64_t *)context);
    return STATUS_OK;
}

/* What was accepted is remembered, so that it is asked for once. */
static enum status clock_accept(struct signer *signer, int64_t now_utc_us, int64_t accept_utc_us, struct fault *fault)
{
    if (now_utc_us - accept_utc_us > ACCEPT_MAX_US || accept_utc_us - now_utc_us > ACCEPT_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "accept-clock", "the clock shows another day");
    }
    enum status status = guard_commit(signer->guard, time_apply, &now_utc_us, fault);
    if (status == STATUS_OK) {
        char text[TIME_TEXT_SIZE];
        time_format(text, now_utc_us);
        log_event(LOG_LEVEL_WARNING, "clock.accepted", "time", text, NULL);
    }
    return status;
}

enum status keys_time_start(struct signer *signer, int64_t accept_utc_us, struct fault *fault)
{
    struct guard_state state;
    guard_read(signer->guard, &state);
    int64_t now = clock_utc_us(signer->clock);
    int64_t known = state.highest_utc_us;
    if (now > known + AHEAD_MAX_US && known != 0 && accept_utc_us != 0 && !state.halted) {
        enum status status = clock_accept(signer, now, accept_utc_us, fault);
        if (status != STATUS_OK) {
            return status;
        }
        known = now;
    }
    known = known == 0 ? now : known; /* a guard that has seen no time yet holds nothing against a clock */
    signer->started_monotonic_us = clock_monotonic_us(signer->clock);
    signer->started_running_us = state.running_us;
    signer->started_most_utc_us = known + AHEAD_MAX_US;
    signer->started_utc_us = now <= signer->started_most_utc_us ? later(now, known) : known;
    return STATUS_OK;
}
