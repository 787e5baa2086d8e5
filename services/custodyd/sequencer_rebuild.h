/*
 * Filling an empty trail from a copy (services/mirror), after the database was lost.
 */
#ifndef STRONGROOM_CUSTODYD_SEQUENCER_REBUILD_H
#define STRONGROOM_CUSTODYD_SEQUENCER_REBUILD_H

#include "audit/checkpoint.h"
#include "base/status.h"

struct mirror;

/*
 * Opens a copy for reading (mirror_open) whose checkpoint any of the keys has signed, and no other key of them badly:
 * STATUS_CORRUPT. Out: mirror_close, also then.
 */
MUST_CHECK enum status sequencer_copy_open(struct mirror **out, const char *path, const struct audit_key *keys,
                                           size_t key_count, struct fault *fault);

struct sequencer_rebuild_config {
    const char *conninfo;         /* as for the sequencer, role strongroom_sequencer */
    const char *copy;             /* the folder */
    const struct audit_key *keys; /* of the log, of one origin; the newest last */
    size_t key_count;             /* from 1 */
};

/*
 * Verifies every entry of the copy down from its checkpoint, which any of the keys has signed, and writes rows with
 * their columns, tiles, head and checkpoint, and the last ordinals of objects, which are derived. All of it is one
 * transaction: a rebuild that is broken off, by a kill too, leaves the tables empty. Out: how many entries.
 *
 * STATUS_EXISTS when the trail is not empty or events wait for it; STATUS_BUSY when a sequencer runs; STATUS_NOT_FOUND
 * for a copy that has no checkpoint or lacks a file; STATUS_CORRUPT, naming the file or entry, for one that is not what
 * the log has signed; STATUS_MISMATCH for a copy of another log. STATUS_OUTCOME_UNKNOWN: the same call again finds out.
 */
MUST_CHECK enum status sequencer_rebuild(uint64_t *out_size, const struct sequencer_rebuild_config *config,
                                         struct fault *fault);

#endif
