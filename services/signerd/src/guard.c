/*
 * The guard's one writer.
 *
 * Threads that want a change queue up; the first of them takes the whole queue into one LMDB transaction, which LMDB
 * syncs at commit, reads the written records back, and wakes those whose changes were in it and the next that leads. So
 * the disk is waited for once per batch and not once per signature. Changes are applied strictly one after the other.
 */
#include "signer/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "guard_private.h"
#include "history.h"

#define FILL_TOLD_PERCENT 80

/* One thread's change, on its stack. */
struct waiter {
    guard_apply *apply;
    void *context;
    bool halted_too; /* asked of a halted guard, too */
    struct fault fault;
    enum status status;
    bool done;             /* with the guard's mutex */
    pthread_cond_t called; /* with the guard's mutex: it is done, or may lead */
    struct waiter *next;
};

static void guard_lock(struct guard *guard)
{
    INVARIANT(pthread_mutex_lock(&guard->mutex) == 0);
}

static void guard_unlock(struct guard *guard)
{
    INVARIANT(pthread_mutex_unlock(&guard->mutex) == 0);
}

/* Opening and closing */

static enum status folder_lock(int *out_fd, const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        enum status status = errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
        return fault_set(fault, status, "guard", "no guard in %s (errno %d); signerd initialise makes one", path,
                         errno);
    }
    struct stat folder;
    if (fstat(fd, &folder) != 0 || folder.st_uid != geteuid() || (folder.st_mode & 022) != 0) {
        (void)close(fd);
        return fault_set(fault, STATUS_INVALID, "guard", "%s must belong to this user alone", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return fault_set(fault, STATUS_CONFLICT, "guard", "another process has %s", path);
    }
    *out_fd = fd;
    return STATUS_OK;
}

static enum status state_load(struct guard *guard, struct fault *fault)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(guard->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    }
    char letter[] = GUARD_STATE_KEY;
    MDB_val key = {1, letter};
    MDB_val sealed;
    rc = mdb_dbi_open(txn, NULL, 0, &guard->dbi);
    rc = rc == 0 ? mdb_get(txn, guard->dbi, &key, &sealed) : rc;
    const uint8_t *value = NULL;
    size_t len = 0;
    enum status status = rc == 0 ? guard_unseal(&value, &len, &key, &sealed, fault)
                                 : fault_set(fault, STATUS_CORRUPT, "guard", "%s", mdb_strerror(rc));
    if (status == STATUS_OK) {
        status = guard_state_decode(&guard->state, value, len, fault);
    }
    mdb_txn_abort(txn);
    status = status == STATUS_OK ? guard_keys_load(guard, fault) : status;
    status = status == STATUS_OK ? guard_history_load(guard, fault) : status;
    return status == STATUS_OK ? guard_subjects_open(guard, fault) : status;
}

/* What it has of what it may have, the room on its disk included. Nothing is refused for it: a full disk refuses. */
static void fill_tell(const struct guard *guard)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct statvfs disk;
    if (mdb_env_info(guard->env, &info) != 0 || mdb_env_stat(guard->env, &stat) != 0 ||
        fstatvfs(guard->folder_fd, &disk) != 0) {
        return;
    }
    double used = (double)(info.me_last_pgno + 1) * stat.ms_psize;
    double room = (double)disk.f_bavail * (double)disk.f_frsize;
    double map = (double)info.me_mapsize;
    int percent = (int)(100 * used / (used + room < map ? used + room : map));
    if (percent > FILL_TOLD_PERCENT) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", percent);
        log_event(LOG_LEVEL_WARNING, "guard.filling", "percent", text, NULL);
    }
}

enum status guard_open(struct guard **out, const char *path, struct fault *fault)
{
    return guard_open_moved(out, path, "", fault);
}

enum status guard_open_moved(struct guard **out, const char *path, const char *accept, struct fault *fault)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "guard", "opening");
    }
    guard->folder_fd = -1;
    guard->subjects_fd = -1;
    guard->last = &guard->first;
    INVARIANT(pthread_mutex_init(&guard->mutex, NULL) == 0);
    enum status status = folder_lock(&guard->folder_fd, path, fault);
    if (status == STATUS_OK) {
        status = guard_check(path, fault);
    }
    if (status == STATUS_OK) {
        status = guard_env_open(&guard->env, path, 0, fault);
    }
    if (status == STATUS_OK) {
        status = state_load(guard, fault);
    }
    if (status == STATUS_OK) {
        status = guard_place_check(guard, path, accept, fault);
    }
    if (status != STATUS_OK) {
        guard_close(guard);
        return status;
    }
    fill_tell(guard);
    *out = guard; /* transferred */
    return STATUS_OK;
}

void guard_close(struct guard *guard)
{
    if (guard == NULL) {
        return;
    }
    if (guard->env != NULL) {
        mdb_env_close(guard->env);
    }
    if (guard->subjects_fd >= 0) {
        (void)close(guard->subjects_fd);
    }
    if (guard->folder_fd >= 0) {
        (void)close(guard->folder_fd);
    }
    (void)pthread_mutex_destroy(&guard->mutex);
    guard_keys_free(guard);
    history_free(guard->history);
    free(guard);
}

void guard_read(struct guard *guard, struct guard_state *out)
{
    guard_lock(guard);
    *out = guard->state;
    guard_unlock(guard);
}

/* Records of a batch */

enum status guard_store(struct guard_batch *batch, const MDB_val *key, const void *value, size_t len, unsigned flags)
{
    INVARIANT(batch->put_count < BATCH_PUTS_MAX);
    struct bytes sealed = {0};
    if (guard_seal(&sealed, key, value, len) != STATUS_OK) {
        batch->broken = true;
        return STATUS_NO_MEMORY;
    }
    MDB_val kept = {sealed.len, sealed.data};
    MDB_val name = *key;
    int rc = mdb_put(batch->txn, batch->guard->dbi, &name, &kept, flags);
    if (rc == 0) {
        struct put *put = &batch->puts[batch->put_count++];
        put->key_len = key->mv_size;
        put->removed = false;
        memcpy(put->key, key->mv_data, key->mv_size);
        digest_sha256(&put->sealed, sealed.data, sealed.len);
    }
    bytes_free(&sealed);
    batch->broken = batch->broken || rc != 0;
    return rc == 0 ? STATUS_OK : STATUS_IO;
}

static enum status put_record(struct guard_txn *txn, const struct guard_record *record, unsigned flags,
                              struct fault *fault)
{
    uint8_t bytes[GUARD_KEY_MAX];
    memcpy(bytes, record->key, sizeof(bytes));
    const MDB_val key = {record->key_len, bytes};
    enum status status = guard_store(txn->batch, &key, record->value, record->value_len, flags);
    return status == STATUS_OK ? status : fault_set(fault, status, "guard", "could not remember");
}

enum status guard_txn_put(struct guard_txn *txn, const struct guard_record *record, struct fault *fault)
{
    return put_record(txn, record, MDB_NOOVERWRITE, fault);
}

enum status guard_txn_replace(struct guard_txn *txn, const struct guard_record *record, struct fault *fault)
{
    return put_record(txn, record, 0, fault);
}

enum status guard_txn_remove(struct guard_txn *txn, const struct guard_record *record, struct fault *fault)
{
    struct guard_batch *batch = txn->batch;
    INVARIANT(batch->put_count < BATCH_PUTS_MAX);
    struct put *put = &batch->puts[batch->put_count++];
    put->key_len = record->key_len;
    put->removed = true;
    memcpy(put->key, record->key, record->key_len);
    MDB_val key = {put->key_len, put->key};
    int rc = mdb_del(batch->txn, batch->guard->dbi, &key, NULL);
    batch->broken = batch->broken || rc != 0;
    return rc == 0 ? STATUS_OK : fault_set(fault, STATUS_IO, "guard", "could not take away: %s", mdb_strerror(rc));
}

enum status guard_txn_get(struct guard_txn *txn, struct guard_record *record, struct fault *fault)
{
    MDB_val key = {record->key_len, record->key};
    MDB_val sealed;
    int rc = mdb_get(txn->batch->txn, txn->batch->guard->dbi, &key, &sealed);
    if (rc == MDB_NOTFOUND) {
        return STATUS_NOT_FOUND;
    }
    if (rc != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    }
    const uint8_t *value = NULL;
    size_t len = 0;
    enum status status = guard_unseal(&value, &len, &key, &sealed, fault);
    if (status == STATUS_OK && len > sizeof(record->value)) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "a record of impossible size");
    }
    if (status == STATUS_OK) {
        memcpy(record->value, value, len);
        record->value_len = len;
    }
    return status;
}

enum status guard_txn_halt(struct guard_txn *txn, enum status status, const char *where, const char *why,
                           struct fault *fault)
{
    txn->state.halted = true;
    (void)snprintf(txn->state.halted_by, sizeof(txn->state.halted_by), "%s: %s", status_info(status)->code, where);
    return fault_set(fault, status, where, "%s; halted", why);
}

/* Batches */

/* Field by field: most of a batch is room that is rarely used. */
static void batch_init(struct guard_batch *batch, struct guard *guard)
{
    batch->guard = guard;
    batch->txn = NULL;
    batch->broken = false;
    batch->changed = false;
    batch->put_count = 0;
    batch->key_count = guard->key_count;
    batch->change_count = 0;
    batch->freeze_count = guard->freeze_count;
    batch->freeze_change_count = 0;
    batch->person_count = guard->person_count;
    batch->person_change_count = 0;
    batch->promised = 0;
    batch->forgotten = 0;
}

static void apply_one(struct guard_batch *batch, struct guard_state *state, struct waiter *waiter)
{
    if (state->halted && !waiter->halted_too) {
        waiter->status = fault_set(&waiter->fault, STATUS_HALTED, "guard", "%s", state->halted_by);
        return;
    }
    struct guard_txn txn = {.state = *state, .batch = batch};
    waiter->status = waiter->apply(&txn, waiter->context, &waiter->fault);
    batch->changed = batch->changed || waiter->status == STATUS_OK || txn.state.halted;
    if (waiter->status == STATUS_OK) {
        *state = txn.state;
    } else if (txn.state.halted) {
        state->halted = true;
        memcpy(state->halted_by, txn.state.halted_by, sizeof(state->halted_by));
    }
}

static enum status state_store(struct guard_batch *batch, const struct guard_state *state)
{
    struct bytes value = {0};
    enum status status = guard_state_encode(&value, state, NULL);
    if (status == STATUS_OK) {
        char letter[] = GUARD_STATE_KEY;
        const MDB_val key = {1, letter};
        status = guard_store(batch, &key, value.data, value.len, 0);
        bytes_free(&value);
    }
    return status;
}

static bool put_reads_back(struct guard_batch *batch, MDB_txn *txn, struct put *put)
{
    MDB_val key = {put->key_len, put->key};
    MDB_val sealed;
    int rc = mdb_get(txn, batch->guard->dbi, &key, &sealed);
    if (rc != 0 || put->removed) {
        return rc == MDB_NOTFOUND && put->removed;
    }
    struct digest digest;
    digest_sha256(&digest, sealed.mv_data, sealed.mv_size);
    return digest_equal(&digest, &put->sealed);
}

/* A key written twice in a batch (a lane, the state) is looked up once, by its last writing. */
static bool put_is_last(const struct guard_batch *batch, size_t index)
{
    const struct put *put = &batch->puts[index];
    for (size_t i = index + 1; i < batch->put_count; i++) {
        const struct put *later = &batch->puts[i];
        if (later->key_len == put->key_len && memcmp(later->key, put->key, put->key_len) == 0) {
            return false;
        }
    }
    return true;
}

static enum status read_back(struct guard_batch *batch)
{
    MDB_txn *txn = NULL;
    if (mdb_txn_begin(batch->guard->env, NULL, MDB_RDONLY, &txn) != 0) {
        return STATUS_IO;
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->put_count && status == STATUS_OK; i++) {
        if (put_is_last(batch, i) && !put_reads_back(batch, txn, &batch->puts[i])) {
            status = STATUS_CORRUPT;
        }
    }
    mdb_txn_abort(txn);
    return status;
}

/* Compared byte by byte: if no more than the room between two members differs, it is written without need. */
static bool state_same(const struct guard_state *a, const struct guard_state *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* NOLINT(cert-exp42-c,cert-flp37-c,bugprone-suspicious-memory-comparison) */
}

static enum status batch_finish(struct guard_batch *batch, const struct guard_state *state)
{
    if (batch->broken || !batch->changed) {
        mdb_txn_abort(batch->txn);
        return batch->broken ? STATUS_IO : STATUS_OK;
    }
    if (!state_same(state, &batch->guard->state) && state_store(batch, state) != STATUS_OK) {
        mdb_txn_abort(batch->txn);
        return STATUS_IO;
    }
    return mdb_txn_commit(batch->txn) == 0 ? read_back(batch) : STATUS_IO;
}

/* Applies the waiters to `state` and makes the result durable. */
static enum status batch_run(struct guard_batch *batch, struct guard_state *state, struct waiter *waiters)
{
    int rc = mdb_txn_begin(batch->guard->env, NULL, 0, &batch->txn);
    if (rc != 0) {
        return STATUS_IO;
    }
    for (struct waiter *waiter = waiters; waiter != NULL; waiter = waiter->next) {
        apply_one(batch, state, waiter);
    }
    return batch_finish(batch, state);
}

/* Takes at most BATCH_MAX waiters off the queue. With the mutex. */
static struct waiter *queue_take(struct guard *guard)
{
    struct waiter *taken = guard->first;
    struct waiter *end = taken;
    for (size_t i = 1; i < BATCH_MAX && end->next != NULL; i++) {
        end = end->next;
    }
    guard->first = end->next;
    if (guard->first == NULL) {
        guard->last = &guard->first;
    }
    end->next = NULL;
    return taken;
}

static void waiter_call(struct waiter *waiter)
{
    INVARIANT(pthread_cond_signal(&waiter->called) == 0);
}

/* Writes one batch for everybody who waits. With the mutex, which is released while writing. */
static void lead(struct guard *guard)
{
    guard->leading = true;
    struct waiter *waiters = queue_take(guard);
    struct guard_state state = guard->state;
    struct guard_batch batch;
    batch_init(&batch, guard);
    guard_unlock(guard);
    enum status status = batch_run(&batch, &state, waiters);
    guard_lock(guard);
    if (status == STATUS_OK) {
        guard->state = state;
        guard_keys_adopt(guard, &batch);
    }
    guard_history_adopt(guard, &batch, status == STATUS_OK);
    guard_keys_drop(&batch);
    for (struct waiter *waiter = waiters, *next = NULL; waiter != NULL; waiter = next) {
        next = waiter->next; /* once it is done, its owner may leave with it */
        if (status != STATUS_OK) {
            fault_clear(&waiter->fault);
            waiter->status = fault_set(&waiter->fault, status, "guard", "could not be written and read back");
        }
        waiter->done = true;
        waiter_call(waiter);
    }
    guard->leading = false;
    if (guard->first != NULL) {
        waiter_call(guard->first);
    }
}

static void wait_or_lead(struct guard *guard, struct waiter *self)
{
    if (!guard->leading) {
        lead(guard);
        return;
    }
    INVARIANT(pthread_cond_wait(&self->called, &guard->mutex) == 0);
}

static enum status commit(struct guard *guard, struct waiter *self, struct fault *fault)
{
    guard_lock(guard);
    *guard->last = self;
    guard->last = &self->next;
    while (!self->done) {
        wait_or_lead(guard, self);
    }
    guard_unlock(guard);
    (void)pthread_cond_destroy(&self->called);
    return self->status == STATUS_OK ? STATUS_OK
                                     : fault_set(fault, self->status, self->fault.where, "%s", self->fault.detail);
}

enum status guard_commit(struct guard *guard, guard_apply *apply, void *context, struct fault *fault)
{
    struct waiter self = {.apply = apply, .context = context, .called = PTHREAD_COND_INITIALIZER};
    return commit(guard, &self, fault);
}

enum status guard_commit_halted(struct guard *guard, guard_apply *apply, void *context, struct fault *fault)
{
    struct waiter self = {.apply = apply, .context = context, .halted_too = true, .called = PTHREAD_COND_INITIALIZER};
    return commit(guard, &self, fault);
}

/* Making */

/* What a guard is made with. Borrowed. */
struct first {
    const struct guard_state *state;
    const struct public_key *founding;
    const struct guard_policy *policies;
};

static enum status first_records(struct guard_batch *batch, const struct guard_state *state, const struct first *first)
{
    const struct guard_key key = {.key = state->key,
                                  .public_key = *first->founding,
                                  .state = KEY_STATE_GENERATED,
                                  .cause = KEY_CAUSE_FOUNDING,
                                  .since_utc_us = state->highest_utc_us};
    enum status status = guard_store_key(batch, 0, &key);
    for (int64_t i = 0; i < state->policy_version && status == STATUS_OK; i++) {
        status = guard_store_policy(batch, &first->policies[i]);
    }
    return status == STATUS_OK ? state_store(batch, state) : status;
}

static enum status first_write(MDB_env *env, const struct guard_state *state, const struct first *first,
                               struct fault *fault)
{
    struct guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "guard", "making");
    }
    guard->env = env;
    struct guard_batch batch;
    batch_init(&batch, guard);
    enum status status = STATUS_OK;
    int rc = mdb_txn_begin(env, NULL, 0, &batch.txn);
    rc = rc == 0 ? mdb_dbi_open(batch.txn, NULL, 0, &guard->dbi) : rc;
    if (rc != 0 || first_records(&batch, state, first) != STATUS_OK) {
        mdb_txn_abort(batch.txn);
        status = fault_set(fault, STATUS_IO, "guard", "could not write the first records: %s", mdb_strerror(rc));
    } else if (mdb_txn_commit(batch.txn) != 0 || read_back(&batch) != STATUS_OK) {
        status = fault_set(fault, STATUS_IO, "guard", "could not commit the first records");
    }
    free(guard);
    return status;
}

static enum status folder_fill(const char *path, const struct first *first, struct fault *fault)
{
    MDB_env *env = NULL;
    if (mdb_env_create(&env) != 0) {
        return fault_set(fault, STATUS_NO_MEMORY, "guard", "an environment");
    }
    int rc = mdb_env_set_mapsize(env, GUARD_MAP_SIZE);
    rc = rc == 0 ? mdb_env_open(env, path, MDB_NOLOCK, 0600) : rc;
    struct guard_state state = *first->state;
    enum status status = rc == 0 ? STATUS_OK : fault_set(fault, STATUS_IO, "guard", "%s: %s", path, mdb_strerror(rc));
    status = status == STATUS_OK ? guard_id_make(&state.id, fault) : status;
    status = status == STATUS_OK ? guard_place_find(&state.place, path, fault) : status;
    status = status == STATUS_OK ? first_write(env, &state, first, fault) : status;
    mdb_env_close(env);
    return status;
}

static enum status folder_sync(const char *path, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && syncfs(fd) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return synced ? STATUS_OK : fault_set(fault, STATUS_IO, "guard", "could not sync %s: errno %d", path, errno);
}

/* Made under another name and renamed, so that a guard is there whole or not at all. */
enum status guard_create(const char *path, const struct guard_state *state, const struct public_key *founding,
                         const struct guard_policy *policies, struct fault *fault)
{
    const struct first first = {state, founding, policies};
    struct digest key_id;
    public_key_id(&key_id, founding);
    if (!digest_equal(&key_id, &state->key)) {
        return fault_set(fault, STATUS_MISMATCH, "guard", "the founding key is another");
    }
    struct stat there;
    if (lstat(path, &there) == 0) {
        return fault_set(fault, STATUS_EXISTS, "guard", "%s is there already", path);
    }
    char making[4096];
    (void)snprintf(making, sizeof(making), "%s.making", path);
    char data_path[4096 + 16];
    guard_data_path(data_path, sizeof(data_path), making);
    char subjects_path[4096 + 32];
    (void)snprintf(subjects_path, sizeof(subjects_path), "%s/%s", making, GUARD_SUBJECTS_FILE);
    (void)unlink(subjects_path);
    (void)unlink(data_path); /* what an interrupted initialisation left */
    (void)rmdir(making);
    if (mkdir(making, 0700) != 0) {
        return fault_set(fault, STATUS_IO, "guard", "could not make %s: errno %d", making, errno);
    }
    enum status status = folder_fill(making, &first, fault);
    status = status == STATUS_OK ? guard_subjects_make(making, state, fault) : status;
    if (status == STATUS_OK) {
        status = folder_sync(making, fault);
    }
    if (status == STATUS_OK && renameat2(AT_FDCWD, making, AT_FDCWD, path, RENAME_NOREPLACE) != 0) {
        status = fault_set(fault, STATUS_IO, "guard", "could not rename to %s: errno %d", path, errno);
    }
    return status == STATUS_OK ? folder_sync(path, fault) : status;
}
