/*
 * The worker threads: claim an item, do its step, postpone it when it must wait. What a step does is in steps.c.
 */
#include "workers.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/log.h"
#include "policy_change.h"
#include "rarely.h"
#include "record.h"
#include "routes.h"
#include "steps.h"
#include "store/outbox.h"
#include "trail_owed.h"
#include "witnesses.h"

/* A step takes no longer, beside its waits for trail and signer: ledger 2 s, database. */
#define STEP_MAX_MS 30000
#define IDLE_MS 200
#define EXPIRE_EVERY_US 1000000
#define RELEASE_EVERY_US 1000000
#define COUNT_EVERY_US 5000000
#define HEARTBEAT_EVERY_US 60000000
#define HEARTBEAT_SOON_US 5000000 /* while the numbers run out */
#define DELAY_MIN_MS 20
#define DELAY_MAX_MS 5000
#define LOOK_AGAIN_MS 30000 /* at what waits for a known time */
#define HOURS_EVERY_US 5000000

struct worker_pool {
    struct service *service;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    uint64_t wakes; /* counts calls of workers_wake, so that none is lost */
    int64_t expired_at_us;
    pthread_mutex_t expiring; /* by who is at it */
    struct uuid expired_after;
    int64_t released_at_us;
    int64_t counted_at_us;
    int64_t heartbeat_at_us;
    int64_t hours_at_us;
    unsigned threads;
    pthread_t thread[32];
};

struct claim {
    int64_t lease_ms;
    struct store_outbox_item item;
    size_t count;
};

/*
 * Longer than a step takes: who loses its claim while at work cannot say what the item waits for. It waits for one
 * proof, and for the signer at most three times (it was announced, its limits, its end). What a worker hangs on waits
 * so long.
 */
static int64_t lease_ms(const struct service *service)
{
    return STEP_MAX_MS + service->options.trail_timeout_ms + 3 * service->options.signer_timeout_ms;
}

static enum status claim_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct claim *claim = context;
    return store_outbox_claim(tx, &claim->item, &claim->count, 1, claim->lease_ms, fault);
}

struct postponement {
    const struct store_outbox_item *item;
    struct store_outbox_reason reason;
    int64_t delay_ms;
};

static enum status postpone_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct postponement *postponement = context;
    return store_outbox_postpone(tx, postponement->item, postponement->delay_ms, &postponement->reason, fault);
}

/* When its end is known, nobody need look before; but what was said may change, so not much later either. */
static int64_t delay_of(const struct worker_pool *pool, const struct store_outbox_item *item, int64_t until_utc_us)
{
    int64_t delay_ms = DELAY_MIN_MS << (item->attempts < 8 ? item->attempts : 8);
    int64_t left_ms = (until_utc_us - clock_utc_us(pool->service->clock)) / 1000;
    if (until_utc_us == 0) {
        return delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
    }
    left_ms = left_ms < DELAY_MIN_MS ? DELAY_MIN_MS : left_ms;
    return left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS;
}

/* A step that could not be done: log it, once for each reason, and make its item due again later. */
static void put_off(struct worker_pool *pool, const struct store_outbox_item *item, int64_t until_utc_us,
                    const struct fault *why)
{
    char id[UUID_TEXT_SIZE];
    const char *code = status_info(why->status)->code;
    struct postponement postponement = {
        .item = item, .reason = {code, until_utc_us}, .delay_ms = delay_of(pool, item, until_utc_us)};
    uuid_format(id, &item->withdrawal);
    bool said = strcmp(item->waits_for, code) == 0;
    enum log_level level = why->status == STATUS_NOT_READY || said ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING;
    log_event(level, "step.postponed", "withdrawal", id, "step", item->kind, "code", code, "where", why->where,
              "detail", why->detail, NULL);
    struct fault fault = {0};
    if (store_transact(pool->service->store, postpone_in, &postponement, &fault) != STATUS_OK) {
        log_fault("step.postpone", &fault); /* its lease will end, or another has it */
    }
}

/* Answers whether there was anything to do. */
static bool work_once(struct worker_pool *pool)
{
    struct claim claim = {.lease_ms = lease_ms(pool->service)};
    struct fault fault = {0};
    if (witnesses_check(pool->service, &fault) != STATUS_OK) {
        return false; /* it stays until they are back */
    }
    if (store_transact(pool->service->store, claim_in, &claim, &fault) != STATUS_OK) {
        log_fault("outbox.claim", &fault);
        return false;
    }
    if (claim.count == 0) {
        return false;
    }
    int64_t until_utc_us = 0;
    if (step_run(pool->service, &claim.item, &until_utc_us, &fault) != STATUS_OK) {
        put_off(pool, &claim.item, until_utc_us, &fault);
    }
    return true;
}

static enum status heartbeat_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct trail_ticket ticket;
    const struct service *service = context;
    return trail_enqueue_state(&ticket, service->trail, tx, AUDIT_SERVICE_HEARTBEAT, NULL, fault);
}

/* True for one thread each time that `period_us` has passed. */
static bool falls_due(struct worker_pool *pool, int64_t *last_us, int64_t period_us)
{
    int64_t now = clock_monotonic_us(pool->service->clock);
    (void)pthread_mutex_lock(&pool->mutex);
    bool due = now - *last_us >= period_us;
    *last_us = due ? now : *last_us;
    (void)pthread_mutex_unlock(&pool->mutex);
    return due;
}

struct items {
    uint64_t released;
    uint64_t remade;
};

static enum status release_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct items *items = context;
    enum status status = store_outbox_release(&items->released, tx, fault);
    return status == STATUS_OK ? store_outbox_remake(&items->remade, tx, fault) : status;
}

static void log_items(enum log_level level, const char *event, uint64_t count)
{
    char items[24];
    (void)snprintf(items, sizeof(items), "%" PRIu64, count);
    if (count > 0) {
        log_event(level, event, "items", items, NULL);
    }
}

/*
 * Work claimed by a custodyd that is gone, or over a connection that was lost, waits for nobody; nor does a withdrawal
 * whose work somebody took away.
 */
static enum status release(const struct worker_pool *pool, struct fault *fault)
{
    struct items items = {0};
    enum status status = store_transact(pool->service->store, release_in, &items, fault);
    if (status == STATUS_OK) {
        log_items(LOG_LEVEL_INFO, "outbox.released", items.released);
        log_items(LOG_LEVEL_WARNING, "outbox.remade", items.remade);
    }
    return status;
}

/* One thread at a time. */
static void expire(struct worker_pool *pool)
{
    struct fault fault = {0};
    if (!falls_due(pool, &pool->expired_at_us, EXPIRE_EVERY_US) || pthread_mutex_trylock(&pool->expiring) != 0) {
        return;
    }
    if (step_expire(pool->service, &pool->expired_after, &fault) != STATUS_OK) {
        log_fault("expire", &fault);
    }
    (void)pthread_mutex_unlock(&pool->expiring);
}

/*
 * What happens by the clock: lost claims are released, withdrawals expire, and the trail hears each minute that we are
 * there.
 */
static void keep_time(struct worker_pool *pool)
{
    struct fault fault = {0};
    uint64_t left_out = 0;
    if (falls_due(pool, &pool->released_at_us, RELEASE_EVERY_US) && release(pool, &fault) != STATUS_OK) {
        log_fault("outbox.release", &fault);
    }
    if (falls_due(pool, &pool->counted_at_us, COUNT_EVERY_US)) {
        service_tell_refusals(pool->service, false);
        trail_owed_tell(pool->service->reads_owed, pool->service->trail, pool->service->store);
    }
    expire(pool);
    fault_clear(&fault);
    if (falls_due(pool, &pool->hours_at_us, HOURS_EVERY_US) &&
        policy_follow_hours(pool->service, &fault) != STATUS_OK &&
        rarely_tell(pool->service->undone_told, &left_out, "hours")) {
        log_fault("hours", &fault);
    }
    fault_clear(&fault);
    int64_t heartbeat_us = trail_must_settle(pool->service->trail) ? HEARTBEAT_SOON_US : HEARTBEAT_EVERY_US;
    if (falls_due(pool, &pool->heartbeat_at_us, heartbeat_us) &&
        store_transact(pool->service->store, heartbeat_in, pool->service, &fault) != STATUS_OK) {
        log_fault("heartbeat", &fault);
    }
}

static void wait_for_work(struct worker_pool *pool, uint64_t seen)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)IDLE_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&pool->mutex);
    while (!pool->stopping && pool->wakes == seen &&
           pthread_cond_timedwait(&pool->changed, &pool->mutex, &until) == 0) {
    }
    (void)pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *context)
{
    struct worker_pool *pool = context;
    for (;;) {
        (void)pthread_mutex_lock(&pool->mutex);
        bool stopping = pool->stopping;
        uint64_t seen = pool->wakes;
        (void)pthread_mutex_unlock(&pool->mutex);
        if (stopping) {
            return NULL;
        }
        keep_time(pool);
        if (!work_once(pool)) {
            wait_for_work(pool, seen);
        }
    }
}

enum status workers_start(struct worker_pool **out, struct service *service, unsigned threads, struct fault *fault)
{
    struct worker_pool *pool = calloc(1, sizeof(*pool));
    pthread_condattr_t attributes;
    INVARIANT(threads >= 1 && threads <= sizeof(pool->thread) / sizeof(pool->thread[0]));
    if (pool == NULL || pthread_condattr_init(&attributes) != 0) {
        free(pool);
        return fault_set(fault, STATUS_NO_MEMORY, "workers", "%s", "");
    }
    pool->service = service;
    pool->heartbeat_at_us = clock_monotonic_us(service->clock);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&pool->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_mutex_init(&pool->expiring, NULL);
    while (pool->threads < threads) {
        if (pthread_create(&pool->thread[pool->threads], NULL, work, pool) != 0) {
            workers_stop(pool);
            return fault_set(fault, STATUS_UNAVAILABLE, "workers", "could not start a thread");
        }
        pool->threads++;
    }
    *out = pool;
    return STATUS_OK;
}

void workers_wake(struct worker_pool *pool)
{
    if (pool != NULL) {
        (void)pthread_mutex_lock(&pool->mutex);
        pool->wakes++;
        (void)pthread_cond_broadcast(&pool->changed);
        (void)pthread_mutex_unlock(&pool->mutex);
    }
}

void workers_stop(struct worker_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->threads; i++) {
        (void)pthread_join(pool->thread[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->mutex);
    (void)pthread_mutex_destroy(&pool->expiring);
    free(pool);
}

enum status workers_log(struct service *service, struct store_tx *tx, const struct store_withdrawal *row,
                        const struct workers_entry *entry, struct fault *fault)
{
    struct audit_event event;
    struct trail_ticket ticket;
    char key[DIGEST_HEX_LEN + 1];
    bool good = entry->reason == STATUS_OK;
    record_by_service(&event, service, &row->id, entry->action, good ? AUDIT_OUTCOME_OK : AUDIT_OUTCOME_ERROR);
    record_about(&event, &row->id);
    if (!good) {
        record_reason(&event, entry->reason);
    }
    enum status status = record_terms(&event, service, row, fault);
    if (status == STATUS_OK && entry->key != NULL) {
        digest_format(key, entry->key);
        status = audit_event_fact_add(&event, "key", key, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}
