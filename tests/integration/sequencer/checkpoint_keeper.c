/*
 * Check, remember, then sign: in a test process.
 */
#include "checkpoint_keeper.h"

#include <criterion/criterion.h>
#include <fcntl.h>

struct guard {
    uint64_t size;
    struct digest root;
};

void keeper_read(const struct checkpoint_keeper *keeper, uint64_t *out_size, struct digest *out_root)
{
    struct guard guard;
    int fd = open(keeper->guard, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(read(fd, &guard, sizeof guard), (ssize_t)sizeof guard);
    close(fd);
    *out_size = guard.size;
    *out_root = guard.root;
}

void keeper_write(const struct checkpoint_keeper *keeper, uint64_t size, const struct digest *root)
{
    const struct guard guard = {.size = size, .root = *root};
    int fd = open(keeper->guard, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, &guard, sizeof guard), (ssize_t)sizeof guard);
    cr_assert_eq(fsync(fd), 0);
    close(fd);
}

void keeper_open(struct checkpoint_keeper *keeper, const char *origin)
{
    struct digest empty;
    size_t len = 0;
    memset(keeper, 0, sizeof *keeper);
    pthread_mutex_init(&keeper->one, NULL);
    keeper->key = test_key_new(ALGORITHM_ED25519);
    const uint8_t *point = public_key_point(test_key_public(keeper->key), &len);
    cr_assert_eq(audit_key_make(&keeper->log_key, origin, AUDIT_KEY_ED25519, point, NULL), STATUS_OK);
    test_folder_make(&keeper->folder);
    snprintf(keeper->guard, sizeof keeper->guard, "%s/guard", keeper->folder.path);
    digest_sha256(&empty, "", 0);
    keeper_write(keeper, 0, &empty);
}

void keeper_close(struct checkpoint_keeper *keeper)
{
    test_key_free(keeper->key);
    test_folder_remove(&keeper->folder);
    pthread_mutex_destroy(&keeper->one);
}

void keeper_await(const atomic_int *hold, int value)
{
    while (atomic_load(hold) != value) {
        const struct timespec pause = {.tv_nsec = 1000000};
        nanosleep(&pause, NULL);
    }
}

static void hold_here(atomic_int *hold)
{
    int next = KEEPER_NEXT;
    if (atomic_compare_exchange_strong(hold, &next, KEEPER_HELD)) {
        keeper_await(hold, 0);
    }
}

static enum status keeper_status(void *context, uint64_t *out_size, struct digest *out_root, struct fault *fault)
{
    struct checkpoint_keeper *keeper = context;
    if (atomic_load(&keeper->away)) {
        return fault_set(fault, STATUS_UNAVAILABLE, "signer", "away");
    }
    hold_here(&keeper->hold_status);
    keeper_read(keeper, out_size, out_root);
    return STATUS_OK;
}

static enum status keeper_check(const struct checkpoint_keeper *keeper, const struct audit_checkpoint *wanted,
                                const struct checkpoint_request *request, struct fault *fault)
{
    uint64_t size = 0;
    struct digest root;
    keeper_read(keeper, &size, &root);
    if (strcmp(wanted->origin, keeper->log_key.name) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "origin", "another log");
    }
    if (wanted->size < size) {
        return fault_set(fault, STATUS_ROLLBACK, "size", "smaller than the guard's");
    }
    if (wanted->size == size) {
        return digest_equal(&wanted->root, &root) ? STATUS_OK : fault_set(fault, STATUS_FORK, "root", "%s", "");
    }
    if (request->old_size != size) {
        return fault_set(fault, STATUS_PROOF_INVALID, "old", "not the guard's size");
    }
    return audit_consistency_verify(request->proof, size, &root, wanted->size, &wanted->root, fault);
}

static enum status keeper_answer(struct checkpoint_keeper *keeper, struct checkpoint_signatures *out,
                                 const struct checkpoint_request *request, struct fault *fault)
{
    struct audit_checkpoint wanted;
    if (atomic_load(&keeper->away)) {
        return fault_set(fault, STATUS_UNAVAILABLE, "signer", "away");
    }
    if (keeper->late.size > 0) {
        keeper_write(keeper, keeper->late.size, &keeper->late.root);
        keeper->late.size = 0;
    }
    enum status status = audit_checkpoint_parse(&wanted, request->note, request->note_len, fault);
    if (status == STATUS_OK) {
        status = keeper_check(keeper, &wanted, request, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (atomic_exchange(&keeper->hangs, false)) {
        keeper->late = wanted;
        atomic_store(&keeper->away, true);
        return fault_set(fault, STATUS_TIMED_OUT, "signer", "hung");
    }
    keeper_write(keeper, wanted.size, &wanted.root);
    if (atomic_exchange(&keeper->lose_reply, false)) {
        atomic_store(&keeper->away, true);
        return fault_set(fault, STATUS_TIMED_OUT, "signer", "the reply was lost");
    }
    test_key_sign_message(out->signatures[0], keeper->key, request->note, request->note_len);
    out->count = 1;
    atomic_fetch_add(&keeper->signatures, 1);
    return STATUS_OK;
}

static enum status keeper_sign(void *context, struct checkpoint_signatures *out,
                               const struct checkpoint_request *request, struct fault *fault)
{
    struct checkpoint_keeper *keeper = context;
    hold_here(&keeper->hold);
    pthread_mutex_lock(&keeper->one);
    enum status status = keeper_answer(keeper, out, request, fault);
    pthread_mutex_unlock(&keeper->one);
    return status;
}

struct checkpoint_signer keeper_signer(struct checkpoint_keeper *keeper)
{
    return (struct checkpoint_signer){.status = keeper_status, .sign = keeper_sign, .context = keeper};
}

static enum status keeper_newest(void *context, struct audit_checkpoint *out, struct fault *fault)
{
    const struct checkpoint_keeper *keeper = context;
    if (keeper->anchored.size == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "anchors", "none");
    }
    *out = keeper->anchored;
    return STATUS_OK;
}

struct checkpoint_anchors keeper_anchors(struct checkpoint_keeper *keeper)
{
    return (struct checkpoint_anchors){.newest = keeper_newest, .context = keeper};
}
