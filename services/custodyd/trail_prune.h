/*
 * Old entries leave the database when an archive has them: a copy of the log (services/mirror). Tiles, checkpoints and
 * what is derived stay, so every proof goes on; the bytes of the entries are in the archive alone.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_PRUNE_H
#define STRONGROOM_CUSTODYD_TRAIL_PRUNE_H

#include "audit/checkpoint.h"
#include "store/store.h"
#include "trail.h"

struct trail_prune_config {
    struct store *app;            /* role strongroom_app: puts the entry */
    struct store *reader;         /* role strongroom_auditor */
    struct store *archivist;      /* role strongroom_archivist: drops */
    struct trail *trail;          /* of this process, which has no sequencer */
    const struct audit_key *keys; /* of the log: any of them has signed the archive's checkpoint */
    size_t key_count;             /* from 1 */
    const char *archive;          /* the folder */
    uint64_t before;              /* the entries below it leave */
    int64_t retention_us;         /* how old the newest of them is at least, by the trail's times */
    struct name person;           /* who asks */
    int64_t wait_ms;              /* for the checkpoint over the entry that says so */
};

/*
 * Checks that every entry below `before` is in the archive, under its checkpoint and under the newest one of the
 * service alike; has the entry retention.prune put under a signed checkpoint, by the service that runs beside; then
 * drops the partitions, in one transaction. Ended anywhere, by a kill too, it has dropped all or nothing, and the same
 * call goes on: an entry of the signed tree that says the very same is not made again, one that says anything else is
 * none of it. Out: the first entry that left.
 *
 * STATUS_INVALID: `before` is no bound of a partition, or too near the end; STATUS_CONFLICT: the newest entry is too
 * young, or a withdrawal of that time has not ended; STATUS_EXISTS: they have left already. Of the archive
 * STATUS_NOT_FOUND, STATUS_CORRUPT or STATUS_MISMATCH, naming the file, STATUS_FORK when it is of another history.
 * STATUS_NOT_READY: the entry is not under a checkpoint in time; STATUS_BUSY: somebody who reads
 * or writes the trail did not let it have its lock; it is not asked for twice.
 */
MUST_CHECK enum status trail_prune(uint64_t *out_first, const struct trail_prune_config *config, struct fault *fault);

#endif
