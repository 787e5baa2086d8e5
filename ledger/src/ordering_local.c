/*
 * The ordering engine `local`: one process, LMDB. The order is the order in which submit got the write transaction.
 *
 * Tables: meta (chain; first height kept), proposals by height (time, audit head, batch).
 */
#include <errno.h>
#include <pthread.h>

#include "database.h"
#include "ledger/batch.h"
#include "ledger/ordering.h"

#define MAP_SIZE ((size_t)16 << 30) /* address space, not disk */
#define DIGEST_LEN 32
#define PREFIX_LEN (8 + DIGEST_LEN)
#define CHAIN_KEY "chain"
#define FIRST_KEY "first"
#define SECOND_MS 1000
#define MILLISECOND_NS 1000000L

struct local {
    struct database database;
    MDB_dbi meta;
    MDB_dbi proposals;
    pthread_mutex_t lock;
    pthread_cond_t submitted;
};

/* The tables within a transaction, and the bounds of what is kept. */
struct log {
    struct table meta;
    struct table proposals;
    struct ledger_ordering_status bounds;
};

static MDB_val value_of(void *data, size_t len)
{
    return (MDB_val){.mv_size = len, .mv_data = data};
}

static enum status read_bounds(struct log *log, struct fault *fault)
{
    MDB_val first;
    uint64_t last = 0;
    enum status status = table_get(&first, &log->meta, FIRST_KEY, sizeof(FIRST_KEY) - 1, fault);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && first.mv_size != DATABASE_HEIGHT_LEN)) {
        return fault_set(fault, STATUS_CORRUPT, "ordering", "the first height is missing");
    }
    if (status == STATUS_OK) {
        status = table_last_height(&last, &log->proposals, fault);
    }
    if (status == STATUS_OK) {
        log->bounds.first = height_decode(first.mv_data);
        log->bounds.last = last == 0 ? log->bounds.first - 1 : last;
    }
    return status;
}

static enum status log_begin(struct log *out, const struct local *local, bool write, struct fault *fault)
{
    MDB_txn *txn = NULL;
    enum status status = database_begin(&txn, &local->database, write, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct log log = {
        .meta = {.txn = txn, .dbi = local->meta},
        .proposals = {.txn = txn, .dbi = local->proposals},
    };
    status = read_bounds(&log, fault);
    if (status != STATUS_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    *out = log;
    return STATUS_OK;
}

static enum status put_meta(const struct log *log, const char *name, void *data, size_t len, struct fault *fault)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%s", name);
    MDB_val key = value_of(text, strlen(text));
    MDB_val value = value_of(data, len);
    return table_put(&log->meta, &key, &value, fault);
}

static enum status put_first(const struct log *log, uint64_t height, struct fault *fault)
{
    uint8_t bytes[DATABASE_HEIGHT_LEN];
    height_encode(bytes, height);
    return put_meta(log, FIRST_KEY, bytes, sizeof(bytes), fault);
}

static enum status proposal_encode(struct bytes *out, const struct ledger_proposal *proposal)
{
    uint8_t time[DATABASE_HEIGHT_LEN];
    struct buffer buffer;
    buffer_init(&buffer);
    height_encode(time, (uint64_t)proposal->time_utc_us);
    buffer_append(&buffer, time, sizeof(time));
    buffer_append(&buffer, proposal->audit.bytes32, DIGEST_LEN);
    buffer_append(&buffer, proposal->batch.data, proposal->batch.len);
    return buffer_finish(out, &buffer);
}

static enum status proposal_decode(struct ledger_proposal *out, const MDB_val *value, struct fault *fault)
{
    if (value->mv_size < PREFIX_LEN) {
        return fault_set(fault, STATUS_CORRUPT, "ordering", "a proposal of %zu bytes", value->mv_size);
    }
    const uint8_t *bytes = value->mv_data;
    struct ledger_proposal proposal = {.time_utc_us = (int64_t)height_decode(bytes)};
    memcpy(proposal.audit.bytes32, bytes + 8, DIGEST_LEN);
    enum status status = bytes_copy(&proposal.batch, bytes + PREFIX_LEN, value->mv_size - PREFIX_LEN);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "ordering", "copying a proposal");
    }
    *out = proposal; /* transferred */
    return STATUS_OK;
}

/* STATUS_EXISTS when to the byte this proposal stands at the height. */
static enum status place_free(const struct log *log, uint64_t height, const struct bytes *proposal, struct fault *fault)
{
    uint8_t key[DATABASE_HEIGHT_LEN];
    MDB_val stored;
    if (height < log->bounds.first) {
        return fault_set(fault, STATUS_CONFLICT, "height", "long ordered and trimmed");
    }
    if (height > log->bounds.last + 1) {
        return fault_set(fault, STATUS_INVALID, "height", "the next height is %llu",
                         (unsigned long long)log->bounds.last + 1);
    }
    height_encode(key, height);
    enum status status = table_get(&stored, &log->proposals, key, sizeof(key), fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK && stored.mv_size == proposal->len &&
        memcmp(stored.mv_data, proposal->data, proposal->len) == 0) {
        return STATUS_EXISTS;
    }
    return status == STATUS_OK ? fault_set(fault, STATUS_CONFLICT, "height", "another proposal stands there") : status;
}

static enum status submit_bytes(struct local *local, uint64_t height, const struct bytes *proposal, struct fault *fault)
{
    struct log log;
    uint8_t key[DATABASE_HEIGHT_LEN];
    enum status status = log_begin(&log, local, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = place_free(&log, height, proposal, fault);
    if (status == STATUS_OK) {
        height_encode(key, height);
        MDB_val name = value_of(key, sizeof(key));
        MDB_val value = value_of(proposal->data, proposal->len);
        status = table_put(&log.proposals, &name, &value, fault);
    }
    if (status != STATUS_OK) {
        mdb_txn_abort(log.meta.txn);
        return status == STATUS_EXISTS ? STATUS_OK : status;
    }
    return database_commit(log.meta.txn, fault);
}

static enum status local_submit(void *self, uint64_t height, const struct ledger_proposal *proposal,
                                struct fault *fault)
{
    struct local *local = self;
    struct bytes bytes = {0};
    if (proposal->batch.len > LEDGER_BATCH_MAX || proposal->time_utc_us < 0) {
        return fault_set(fault, STATUS_TOO_LARGE, "batch", "at most %d bytes", LEDGER_BATCH_MAX);
    }
    enum status status = proposal_encode(&bytes, proposal);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "ordering", "building a proposal");
    }
    status = submit_bytes(local, height, &bytes, fault);
    bytes_free(&bytes);
    if (status == STATUS_OK) {
        INVARIANT(pthread_mutex_lock(&local->lock) == 0);
        INVARIANT(pthread_cond_broadcast(&local->submitted) == 0);
        INVARIANT(pthread_mutex_unlock(&local->lock) == 0);
    }
    return status;
}

static enum status read_once(const struct local *local, struct ledger_proposal *out, uint64_t height,
                             struct fault *fault)
{
    struct log log;
    uint8_t key[DATABASE_HEIGHT_LEN];
    MDB_val value;
    enum status status = log_begin(&log, local, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    height_encode(key, height);
    if (height < log.bounds.first) {
        status = fault_set(fault, STATUS_EXPIRED, "height", "trimmed away");
    } else {
        status = table_get(&value, &log.proposals, key, sizeof(key), fault);
    }
    if (status == STATUS_OK) {
        status = proposal_decode(out, &value, fault);
    }
    mdb_txn_abort(log.meta.txn);
    return status;
}

static struct timespec deadline_after(int64_t wait_ms)
{
    struct timespec at;
    INVARIANT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    at.tv_sec += wait_ms / SECOND_MS;
    at.tv_nsec += (long)(wait_ms % SECOND_MS) * MILLISECOND_NS;
    if (at.tv_nsec >= SECOND_MS * MILLISECOND_NS) {
        at.tv_sec++;
        at.tv_nsec -= SECOND_MS * MILLISECOND_NS;
    }
    return at;
}

static enum status local_read(void *self, struct ledger_proposal *out, uint64_t height, int64_t wait_ms,
                              struct fault *fault)
{
    struct local *local = self;
    struct timespec deadline = deadline_after(wait_ms);
    int waited = wait_ms > 0 ? 0 : ETIMEDOUT;
    INVARIANT(pthread_mutex_lock(&local->lock) == 0);
    enum status status = read_once(local, out, height, fault);
    while (status == STATUS_NOT_FOUND && waited == 0) {
        waited = pthread_cond_timedwait(&local->submitted, &local->lock, &deadline);
        status = read_once(local, out, height, fault);
    }
    INVARIANT(pthread_mutex_unlock(&local->lock) == 0);
    return status;
}

static enum status delete_below(const struct log *log, uint64_t height, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (uint64_t at = log->bounds.first; at < height && status == STATUS_OK; at++) {
        uint8_t key[DATABASE_HEIGHT_LEN];
        height_encode(key, at);
        MDB_val name = value_of(key, sizeof(key));
        status = database_status(mdb_del(log->proposals.txn, log->proposals.dbi, &name, NULL), "trim", fault);
    }
    return status == STATUS_NOT_FOUND ? fault_set(fault, STATUS_CORRUPT, "ordering", "a height is missing") : status;
}

static enum status local_trim(void *self, uint64_t height, struct fault *fault)
{
    struct local *local = self;
    struct log log;
    enum status status = log_begin(&log, local, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (height > log.bounds.last + 1) {
        status = fault_set(fault, STATUS_INVALID, "height", "not ordered yet");
    } else if (height > log.bounds.first) {
        status = delete_below(&log, height, fault);
        status = status == STATUS_OK ? put_first(&log, height, fault) : status;
    }
    if (status != STATUS_OK) {
        mdb_txn_abort(log.meta.txn);
        return status;
    }
    return database_commit(log.meta.txn, fault);
}

static enum status local_status(void *self, struct ledger_ordering_status *out, struct fault *fault)
{
    const struct local *local = self;
    struct log log;
    enum status status = log_begin(&log, local, false, fault);
    if (status == STATUS_OK) {
        *out = log.bounds;
        mdb_txn_abort(log.meta.txn);
    }
    return status;
}

static void local_close(void *self)
{
    struct local *local = self;
    database_close(&local->database);
    (void)pthread_cond_destroy(&local->submitted);
    (void)pthread_mutex_destroy(&local->lock);
    free(local);
}

static const struct ledger_ordering_calls local_calls = {
    .submit = local_submit,
    .read = local_read,
    .trim = local_trim,
    .status = local_status,
    .close = local_close,
};

static enum status bind_chain(const struct log *log, const struct digest *chain, struct fault *fault)
{
    MDB_val stored;
    struct digest copy = *chain;
    enum status status = table_get(&stored, &log->meta, CHAIN_KEY, sizeof(CHAIN_KEY) - 1, fault);
    if (status == STATUS_NOT_FOUND) {
        status = put_meta(log, CHAIN_KEY, copy.bytes32, DIGEST_LEN, fault);
        return status == STATUS_OK ? put_first(log, 1, fault) : status;
    }
    if (status == STATUS_OK &&
        (stored.mv_size != DIGEST_LEN || memcmp(stored.mv_data, chain->bytes32, DIGEST_LEN) != 0)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "the folder orders another ledger");
    }
    return status;
}

static enum status open_tables(struct local *local, const struct digest *chain, struct fault *fault)
{
    MDB_txn *txn = NULL;
    enum status status = database_begin(&txn, &local->database, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = database_table(&local->meta, txn, "meta", true, fault);
    if (status == STATUS_OK) {
        status = database_table(&local->proposals, txn, "proposals", true, fault);
    }
    if (status == STATUS_OK) {
        struct log log = {.meta = {.txn = txn, .dbi = local->meta}, .proposals = {.txn = txn, .dbi = local->proposals}};
        status = bind_chain(&log, chain, fault);
    }
    if (status != STATUS_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return database_commit(txn, fault);
}

enum status ledger_ordering_local_open(struct ledger_ordering *out, const char *path, const struct digest *chain,
                                       struct fault *fault)
{
    pthread_condattr_t attributes;
    struct local *local = calloc(1, sizeof(*local));
    if (local == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "ordering", "opening");
    }
    INVARIANT(pthread_mutex_init(&local->lock, NULL) == 0 && pthread_condattr_init(&attributes) == 0);
    INVARIANT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    INVARIANT(pthread_cond_init(&local->submitted, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    enum status status = database_open(&local->database, path, MAP_SIZE, fault);
    if (status == STATUS_OK) {
        status = open_tables(local, chain, fault);
    }
    if (status != STATUS_OK) {
        local_close(local);
        return status;
    }
    *out = (struct ledger_ordering){.calls = &local_calls, .self = local /* transferred */};
    return STATUS_OK;
}

void ledger_ordering_close(struct ledger_ordering *ordering)
{
    if (ordering->calls != NULL) {
        ordering->calls->close(ordering->self);
        *ordering = (struct ledger_ordering){0};
    }
}

void ledger_proposal_free(struct ledger_proposal *proposal)
{
    bytes_free(&proposal->batch);
    *proposal = (struct ledger_proposal){0};
}
