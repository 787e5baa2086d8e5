/*
 * Where a guard is: the machine, and the file that LMDB made there and goes on using.
 *
 * A copy of a guard promises again what the original has promised, so a guard is used where it was made. Neither mark
 * is a secret and root can imitate both: this keeps people and tools (a backup put back, a folder copied beside a
 * standby) from making two signers of one, not somebody who owns the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/log.h"
#include "guard_private.h"

#define MACHINE_ID_PATH "/etc/machine-id"

/* Empty where there is none, as in most containers: then the file alone says where the guard is. */
static void machine_read(char *out, size_t size)
{
    int fd = open(MACHINE_ID_PATH, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, out, size - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    out[len > 0 ? len : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static enum status place_on(struct digest *out, const char *path, const char *machine, struct fault *fault)
{
    char data_path[4096 + 16];
    char text[160];
    struct stat file;
    guard_data_path(data_path, sizeof(data_path), path);
    if (stat(data_path, &file) != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s: errno %d", data_path, errno);
    }
    int len = snprintf(text, sizeof(text), "strongroom guard place\n%s\n%" PRIu64, machine, (uint64_t)file.st_ino);
    digest_sha256(out, text, (size_t)len);
    return STATUS_OK;
}

enum status guard_place_find(struct digest *out, const char *path, struct fault *fault)
{
    char machine[64];
    machine_read(machine, sizeof(machine));
    return place_on(out, path, machine, fault);
}

enum status guard_id_make(struct digest *out, struct fault *fault)
{
    return getrandom(out->bytes32, sizeof(out->bytes32), 0) == (ssize_t)sizeof(out->bytes32)
               ? STATUS_OK
               : fault_set(fault, STATUS_IO, "guard", "no randomness: errno %d", errno);
}

/* The new place and the new id. */
struct moving {
    struct digest id;
    struct digest place;
};

static enum status moving_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct moving *moving = context;
    (void)fault;
    txn->state.id = moving->id;
    txn->state.place = moving->place;
    return STATUS_OK;
}

/* An acceptance serves once: the guard goes on under a new id. */
static enum status guard_accept(struct guard *guard, const struct digest *place, struct fault *fault)
{
    char before[DIGEST_HEX_LEN + 1];
    char after[DIGEST_HEX_LEN + 1];
    struct moving moving = {.place = *place};
    digest_format(before, &guard->state.id);
    enum status status = guard_id_make(&moving.id, fault);
    status = status == STATUS_OK ? guard_commit(guard, moving_apply, &moving, fault) : status;
    if (status == STATUS_OK) {
        digest_format(after, &moving.id);
        log_event(LOG_LEVEL_WARNING, "guard.accepted", "was", before, "guard", after, NULL);
    }
    return status;
}

/*
 * A machine that had no id when the guard was made may get one (a package does that): the file is the same, and from
 * now on the guard belongs to the machine, too. A halted guard is not written.
 */
static enum status guard_settle(struct guard *guard, const struct digest *place, struct fault *fault)
{
    struct moving moving = {.id = guard->state.id, .place = *place};
    char id[DIGEST_HEX_LEN + 1];
    if (guard->state.halted) {
        return STATUS_OK;
    }
    digest_format(id, &moving.id);
    log_event(LOG_LEVEL_INFO, "guard.settled", "guard", id, NULL);
    return guard_commit(guard, moving_apply, &moving, fault);
}

enum status guard_place_check(struct guard *guard, const char *path, const char *accept, struct fault *fault)
{
    struct digest place;
    struct digest of_no_machine;
    char id[DIGEST_HEX_LEN + 1];
    enum status status = guard_place_find(&place, path, fault);
    if (status != STATUS_OK || digest_equal(&place, &guard->state.place)) {
        return status;
    }
    status = place_on(&of_no_machine, path, "", fault);
    if (status != STATUS_OK || digest_equal(&of_no_machine, &guard->state.place)) {
        return status == STATUS_OK ? guard_settle(guard, &place, fault) : status;
    }
    digest_format(id, &guard->state.id);
    if (strcmp(accept, id) == 0) {
        return guard_accept(guard, &place, fault);
    }
    return fault_set(fault, STATUS_CONFLICT, GUARD_PLACE,
                     "a copy, or moved; is the other gone for good? run --accept-guard=%s", id);
}
