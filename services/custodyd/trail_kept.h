/*
 * Where the entries that stand in the database begin, after older ones have left it for an archive (trail_prune.h).
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_KEPT_H
#define STRONGROOM_CUSTODYD_TRAIL_KEPT_H

#include "audit/tree.h"
#include "store/store.h"

/*
 * The number of the first entry that has not left, as the head row says now; 0 when none has. Who reads rows and misses
 * some asks afterwards: then what has left meanwhile is told, too. Errors of the store.
 */
MUST_CHECK enum status trail_kept_from(uint64_t *out, struct store *reader, struct fault *fault);

/* STATUS_CONFLICT when entries from `first` on have left: whoever was reading them would miss some. */
MUST_CHECK enum status trail_kept_check(uint64_t first, struct store *reader, struct fault *fault);

/*
 * The tree of the entries that have left, from the tiles as they stand in the database: whoever reads on from there
 * gets the signed root only when it is true. STATUS_NOT_FOUND or STATUS_CORRUPT for a tile that is not whole.
 */
MUST_CHECK enum status trail_kept_tree(struct audit_frontier *out, struct store *reader, struct fault *fault);

#endif
