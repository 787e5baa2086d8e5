/*
 * Entries that leave the database in whole partitions, when they are in an archive. Everything but store_leaf_prune is
 * for the role strongroom_auditor.
 */
#ifndef STRONGROOM_STORE_TRAIL_PRUNE_H
#define STRONGROOM_STORE_TRAIL_PRUNE_H

#include "store/trail_read.h"

#define STORE_TRAIL_KEPT 256 /* at least so many entries stay: a leader reads them at its start */

/* The last number, up to `most`, below which a partition of the trail ends; 0: there is none. */
MUST_CHECK enum status store_leaf_bound_last(uint64_t *out, const struct store_tx *tx, uint64_t most,
                                             struct fault *fault);

/* The oldest withdrawal, requested by `until_utc_us`, that has not ended; one in quarantine has not. STATUS_NOT_FOUND.
 */
MUST_CHECK enum status store_withdrawal_unended(struct uuid *out, const struct store_tx *tx, int64_t until_utc_us,
                                                struct fault *fault);

/*
 * Drops the partitions of the entries below `bound` and says so in the head row (`first`). Role strongroom_archivist
 * only. STATUS_BUSY when somebody reads or writes for so long that the lock was not to be had; STATUS_CONFLICT when
 * `bound` is none, no entry retention.prune for it is under a checkpoint, or fewer than STORE_TRAIL_KEPT would stay.
 */
MUST_CHECK enum status store_leaf_prune(struct store_tx *tx, uint64_t bound, struct fault *fault);

#endif
