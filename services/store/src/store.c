/*
 * The pool of sessions and the transactions on them. A slot without a session is connected again by the caller that
 * takes it, no sooner than its pause allows; the pause grows with each failure, so a server that is away is not
 * stormed.
 */
#include "pool.h"

#include <errno.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"

#define PAUSE_FIRST_MS 50
#define PAUSE_MAX_MS 2000
#define TRANSACT_TRIES 5

struct slot {
    struct session *session;
    unsigned era; /* of the store, when the session was made */
    bool taken;
    int64_t pause_ms;
    int64_t not_before_us; /* monotonic */
};

struct store {
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    struct store_config config;
    char *conninfo;
    char *role;
    bool once;        /* a lost session is not made again */
    atomic_uint era;  /* a session of an earlier one is not used again */
    atomic_bool full; /* the server had no room, and nothing that counts was committed since */
    struct slot slots[STORE_CONNECTIONS_MAX];
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

/* A free slot: one with a session first, else one whose pause is over; NULL when there is none. */
static struct slot *slot_find(struct store *store, bool *out_pausing)
{
    struct slot *empty = NULL;
    *out_pausing = false;
    for (size_t i = 0; i < store->config.connections; i++) {
        struct slot *slot = &store->slots[i];
        if (slot->taken) {
            continue;
        }
        if (slot->session != NULL) {
            return slot;
        }
        if (slot->not_before_us <= now_us()) {
            empty = slot;
        } else {
            *out_pausing = true;
        }
    }
    return empty;
}

/* Takes a slot, waiting for one in use; a slot in its pause is not waited for: the server is away. */
static enum status slot_take(struct store *store, struct slot **out, struct fault *fault)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += store->config.acquire_timeout_ms / 1000;
    until.tv_nsec += store->config.acquire_timeout_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    enum status status = STATUS_OK;
    struct slot *slot = NULL;
    pthread_mutex_lock(&store->mutex);
    for (;;) {
        bool pausing = false;
        slot = slot_find(store, &pausing);
        if (slot != NULL) {
            slot->taken = true;
            break;
        }
        if (pausing) {
            status = fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the connection is being made again");
            break;
        }
        if (pthread_cond_timedwait(&store->freed, &store->mutex, &until) == ETIMEDOUT) {
            status = fault_set(fault, STATUS_BUSY, "postgresql", "no session became free in time");
            break;
        }
    }
    pthread_mutex_unlock(&store->mutex);
    if (status == STATUS_OK) {
        *out = slot;
    }
    return status;
}

static void slot_give(struct store *store, struct slot *slot)
{
    if (slot->session != NULL && (slot->session->broken || slot->era != atomic_load(&store->era))) {
        session_free(slot->session);
        slot->session = NULL;
    }
    pthread_mutex_lock(&store->mutex);
    slot->taken = false;
    pthread_cond_signal(&store->freed);
    pthread_mutex_unlock(&store->mutex);
}

static enum status slot_connect(struct store *store, struct slot *slot, struct fault *fault)
{
    unsigned era = atomic_load(&store->era);
    if (slot->session != NULL && slot->era == era) {
        return STATUS_OK;
    }
    session_free(slot->session);
    slot->session = NULL;
    slot->era = era;
    if (store->once) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the session was lost");
    }
    enum status status = session_new(&slot->session, &store->config, fault);
    if (status == STATUS_OK) {
        slot->pause_ms = 0;
        return STATUS_OK;
    }
    slot->pause_ms = slot->pause_ms == 0 ? PAUSE_FIRST_MS : slot->pause_ms * 2;
    if (slot->pause_ms > PAUSE_MAX_MS) {
        slot->pause_ms = PAUSE_MAX_MS;
    }
    slot->not_before_us = now_us() + slot->pause_ms * 1000;
    return status;
}

static enum status slot_acquire(struct store *store, struct slot **out, struct fault *fault)
{
    struct slot *slot = NULL;
    enum status status = slot_take(store, &slot, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = slot_connect(store, slot, fault);
    if (status != STATUS_OK) {
        slot_give(store, slot);
        return status;
    }
    *out = slot;
    return STATUS_OK;
}

static enum status store_init(struct store *store, const struct store_config *config, struct fault *fault)
{
    store->config = *config;
    store->conninfo = strdup(config->conninfo);
    store->role = strdup(config->role);
    if (store->conninfo == NULL || store->role == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "store", "%s", "");
    }
    store->config.conninfo = store->conninfo;
    store->config.role = store->role;
    return STATUS_OK;
}

enum status store_open(struct store **out, const struct store_config *config, struct fault *fault)
{
    INVARIANT(config->connections >= 1 && config->connections <= STORE_CONNECTIONS_MAX);
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "store", "%s", "");
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->freed, &attributes);
    pthread_condattr_destroy(&attributes);

    enum status status = store_init(store, config, fault);
    if (status == STATUS_OK) {
        status = slot_connect(store, &store->slots[0], fault);
    }
    if (status != STATUS_OK) {
        store_close(store);
        return status;
    }
    *out = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < STORE_CONNECTIONS_MAX; i++) {
        INVARIANT(!store->slots[i].taken);
        session_free(store->slots[i].session);
    }
    pthread_cond_destroy(&store->freed);
    pthread_mutex_destroy(&store->mutex);
    free(store->conninfo);
    free(store->role);
    free(store);
}

struct session *store_only_session(struct store *store)
{
    INVARIANT(store->config.connections == 1);
    store->once = true;
    return store->slots[0].session;
}

enum status store_check(struct store *store, struct fault *fault)
{
    struct slot *slot = NULL;
    enum status status = slot_acquire(store, &slot, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = session_check(slot->session, store->config.role, fault);
    if (status == STATUS_CORRUPT) { /* the others go on answering from it, until they are made again */
        (void)atomic_fetch_add(&store->era, 1);
    }
    slot_give(store, slot);
    if (status == STATUS_OK && atomic_load(&store->full)) {
        status = fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the server's disk is full");
    }
    return status;
}

/* An idle session may have been cut meanwhile; that shows at BEGIN, where a fresh session costs nothing. */
static enum status slot_begin(struct store *store, struct slot *slot, const char *begin, struct fault *fault)
{
    struct fault first = {0};
    if (session_run_text(slot->session, begin, &first) == STATUS_OK) {
        return STATUS_OK;
    }
    session_free(slot->session);
    slot->session = NULL;
    enum status status = slot_connect(store, slot, fault);
    return status == STATUS_OK ? session_run_text(slot->session, begin, fault) : status;
}

enum status store_begin(struct store_tx **out, struct store *store, enum store_access access, struct fault *fault)
{
    static const char *const begins[] = {
        [STORE_READ_WRITE] = "BEGIN ISOLATION LEVEL READ COMMITTED",
        [STORE_READ_ONLY] = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
        [STORE_SNAPSHOT] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    struct store_tx *tx = calloc(1, sizeof *tx);
    if (tx == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "transaction", "%s", "");
    }
    struct slot *slot = NULL;
    enum status status = slot_acquire(store, &slot, fault);
    if (status == STATUS_OK) {
        status = slot_begin(store, slot, begins[access], fault);
        if (status != STATUS_OK) {
            slot_give(store, slot);
        }
    }
    if (status != STATUS_OK) {
        free(tx);
        return status;
    }
    tx->store = store;
    tx->session = slot->session;
    tx->session->retry = false;
    tx->slot = (size_t)(slot - store->slots);
    *out = tx;
    return STATUS_OK;
}

static void tx_end(struct store_tx *tx, enum store_end end)
{
    slot_give(tx->store, &tx->store->slots[tx->slot]);
    for (int i = 0; i < tx->call_count; i++) {
        tx->calls[i](tx->contexts[i], end);
    }
    free(tx);
}

enum status store_commit(struct store_tx *tx, struct fault *fault)
{
    enum status status = session_commit(tx->session, fault);
    if (status == STATUS_OK && tx->call_count > 0) { /* with an event in it, so it has written something */
        atomic_store(&tx->store->full, false);
    }
    tx_end(tx, status == STATUS_OK                ? STORE_COMMITTED
               : status == STATUS_OUTCOME_UNKNOWN ? STORE_UNKNOWN
                                                  : STORE_ROLLED_BACK);
    return status;
}

void store_rollback(struct store_tx *tx)
{
    if (tx == NULL) {
        return;
    }
    /* A session that cannot roll back is closed, and the server rolls back. */
    struct fault fault = {0};
    if (session_run_text(tx->session, "ROLLBACK", &fault) != STATUS_OK) {
        tx->session->broken = true;
    }
    tx_end(tx, STORE_ROLLED_BACK);
}

enum status store_tx_on_end(struct store_tx *tx, store_end_fn *call, void *context)
{
    if (tx->call_count == TX_CALLS_MAX) {
        return STATUS_OVERFLOW;
    }
    tx->calls[tx->call_count] = call;
    tx->contexts[tx->call_count] = context;
    tx->call_count++;
    return STATUS_OK;
}

struct store_backend store_tx_backend(const struct store_tx *tx)
{
    return tx->session->backend;
}

static const struct statement backend_gone = {
    "backend_gone",
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::bigint AND usesysid::bigint = $2::bigint"
    " AND coalesce((extract(epoch FROM backend_start) * 1000000)::bigint = $3::bigint, true)) AS gone",
    3,
};

enum status store_backend_gone(bool *out, const struct store_tx *tx, const struct store_backend *backend,
                               struct fault *fault)
{
    static const struct column columns[] = {{"gone", COLUMN_BOOL, false, 0, sizeof(bool)}};
    static const struct row_shape shape = ROW_SHAPE(bool, columns);
    struct parameters p = {0};
    parameter_int64(&p, backend->pid);
    parameter_int64(&p, backend->role);
    parameter_int64(&p, backend->began_utc_us);
    bool gone = false;
    enum status status = tx_read_one(tx, &gone, &shape, &backend_gone, &p, fault);
    if (status == STATUS_OK) {
        *out = gone;
    }
    return status;
}

static bool sqlstate_retryable(const char *sqlstate)
{
    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "55P03") == 0;
}

/* As COMMIT would say: a statement that failed is not forgotten because `work` went on. */
static enum status check_whole(const struct store_tx *tx, struct fault *fault)
{
    return PQtransactionStatus(tx->session->connection) == PQTRANS_INTRANS
               ? STATUS_OK
               : fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "a statement of what was read failed");
}

struct work {
    enum store_access access;
    union {
        store_work_fn *write;
        store_read_fn *read;
    };
    void *context;
};

static enum status transact_once(struct store *store, const struct work *work, bool *out_retry, struct fault *fault)
{
    struct store_tx *tx = NULL;
    *out_retry = false;
    enum status status = store_begin(&tx, store, work->access, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool reads = work->access == STORE_READ_ONLY;
    status = reads ? work->read(tx, work->context, fault) : work->write(tx, work->context, fault);
    if (status == STATUS_OK && reads) {
        status = check_whole(tx, fault);
    }
    if (status != STATUS_OK || reads) {
        *out_retry = tx->session->retry;
        store_rollback(tx);
        return status;
    }
    status = store_commit(tx, fault);
    *out_retry = status == STATUS_BUSY;
    return status;
}

/* Between half and all of a pause that doubles: those who collided do not meet again. */
static void transact_pause(int attempt)
{
    uint32_t noise = 0;
    INVARIANT(RAND_bytes((unsigned char *)&noise, sizeof noise) == 1);
    int64_t pause_us = 4000LL << attempt;
    pause_us = pause_us / 2 + (int64_t)(noise % (uint32_t)(pause_us / 2));
    struct timespec pause = {.tv_sec = pause_us / 1000000, .tv_nsec = pause_us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

static enum status transact(struct store *store, const struct work *work, struct fault *fault)
{
    struct fault last = {0};
    for (int attempt = 0; attempt < TRANSACT_TRIES; attempt++) {
        bool retry = false;
        fault_clear(&last);
        enum status status = transact_once(store, work, &retry, &last);
        if (status == STATUS_OK) {
            return STATUS_OK;
        }
        if (!retry) {
            return fault_set(fault, status, last.where, "%s", last.detail);
        }
        transact_pause(attempt);
    }
    return fault_set(fault, STATUS_BUSY, last.where, "%s", last.detail);
}

enum status store_transact(struct store *store, store_work_fn *work, void *context, struct fault *fault)
{
    return transact(store, &(struct work){.access = STORE_READ_WRITE, .write = work, .context = context}, fault);
}

enum status store_read(struct store *store, store_read_fn *work, void *context, struct fault *fault)
{
    return transact(store, &(struct work){.access = STORE_READ_ONLY, .read = work, .context = context}, fault);
}

static enum status run(const struct store_tx *tx, PGresult **out, const struct statement *statement,
                       const struct parameters *parameters, struct fault *fault)
{
    enum status status = session_run(tx->session, out, statement, parameters, fault);
    if (status != STATUS_OK) {
        tx->session->retry = tx->session->retry || sqlstate_retryable(tx->session->sqlstate);
        if (strcmp(tx->session->sqlstate, "53100") == 0) {
            atomic_store(&tx->store->full, true);
        }
    }
    return status;
}

enum status tx_run(struct store_tx *tx, PGresult **out, const struct statement *statement,
                   const struct parameters *parameters, struct fault *fault)
{
    return run(tx, out, statement, parameters, fault);
}

enum status tx_set(const struct store_tx *tx, const struct statement *statement, struct fault *fault)
{
    return run(tx, NULL, statement, NULL, fault);
}

enum status tx_run_one(struct store_tx *tx, const struct statement *statement, const struct parameters *parameters,
                       enum status missing, struct fault *fault)
{
    PGresult *result = NULL;
    enum status status = tx_run(tx, &result, statement, parameters, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(PQcmdTuples(result), "1") != 0) {
        status = fault_set(fault, missing, statement->name, "%s rows instead of one", PQcmdTuples(result));
    }
    PQclear(result);
    return status;
}

enum status tx_read_one(const struct store_tx *tx, void *out, const struct row_shape *shape,
                        const struct statement *statement, const struct parameters *parameters, struct fault *fault)
{
    PGresult *result = NULL;
    memset(out, 0, shape->size);
    enum status status = run(tx, &result, statement, parameters, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (PQntuples(result) == 0) {
        status = fault_set(fault, STATUS_NOT_FOUND, "object", "there is none of this id");
    } else {
        status = row_decode(out, shape, result, 0, fault);
    }
    PQclear(result);
    return status;
}

enum status tx_read_all(const struct store_tx *tx, struct row_array *out, const struct row_shape *shape,
                        const struct statement *statement, const struct parameters *parameters, struct fault *fault)
{
    PGresult *result = NULL;
    enum status status = run(tx, &result, statement, parameters, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct row_array array = {0};
    int rows = PQntuples(result);
    if (rows > 0) {
        array.rows = calloc((size_t)rows, shape->size);
        status = array.rows == NULL ? fault_set(fault, STATUS_NO_MEMORY, statement->name, "%s", "") : STATUS_OK;
    }
    for (int i = 0; status == STATUS_OK && i < rows; i++) {
        status = row_decode((char *)array.rows + (size_t)i * shape->size, shape, result, i, fault);
        array.count += status == STATUS_OK;
    }
    PQclear(result);
    if (status != STATUS_OK) {
        row_array_free(&array, shape);
        return status;
    }
    *out = array;
    return STATUS_OK;
}

void row_array_free(struct row_array *array, const struct row_shape *shape)
{
    for (size_t i = 0; i < array->count; i++) {
        row_wipe((char *)array->rows + i * shape->size, shape);
    }
    free(array->rows);
    *array = (struct row_array){0};
}
