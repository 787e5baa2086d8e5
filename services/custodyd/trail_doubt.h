/*
 * What speaks against a row of the trail before it is shown to somebody who asked. A row is found by its columns, which
 * whoever writes to the database can edit, so an answer says of each row whether it is the entry that was signed.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_DOUBT_H
#define STRONGROOM_CUSTODYD_TRAIL_DOUBT_H

#include "store/trail_query.h"
#include "trail.h"

/* Up to where the trail goes, as two sources have it. */
struct trail_extent {
    struct audit_checkpoint signed_to; /* the newest of the log itself; size 0: none is known */
    uint64_t head_size;                /* of the head row */
};

/*
 * Begins a snapshot with the trail's reader, and reads how many entries the trail has by the head row in it. Nobody
 * signed that number: one that is smaller than what was known to be signed before would hide the newest entries
 * (STATUS_CORRUPT, and the head row is told, as by trail_corrupt_note), unless the trail has halted. Out: ended by
 * store_rollback.
 */
MUST_CHECK enum status trail_extent_begin(struct store_tx **out, uint64_t *out_head_size, struct trail *trail,
                                          struct fault *fault);

/*
 * Out, a constant: "" when nothing does; "columns", they or the hash beside them are not what the bytes say; "bytes",
 * they are not those that were signed; "proof", what is stored near it does not lead to the signed root, or none is
 * known, so nothing can be said of it. An entry on its way, from the checkpoint up to the head row, is held against
 * itself only; what lies beyond the head row is nobody's, "bytes". Fails when the database cannot be asked.
 */
MUST_CHECK enum status trail_doubt(const char **out, struct trail *trail, const struct trail_extent *extent,
                                   const struct store_leaf *row, struct fault *fault);

/*
 * Tells of a row against which that speaks, once a checkpoint is known: it (trail_corrupt_note), or with "proof", while
 * nothing is told, whatever near it is the reason (trail_corrupt_tile). No transaction of the trail's reader is open.
 */
void trail_doubt_note(struct trail *trail, const struct store_leaf *row, const char *doubt);

/*
 * Whether the times of a question cut the trail where its entries do: the rows at both sides of a bound were found by
 * their column ts, so they must be what was signed (an entry on its way: agree with itself), and stand on that side of
 * the time. Then, since times never decrease in the trail, no edited one hides entries. STATUS_CORRUPT names the row.
 * No transaction of the trail's reader is open. While no checkpoint is known nothing is held against it.
 */
MUST_CHECK enum status trail_bounds_check(struct trail *trail, const struct trail_extent *extent,
                                          const struct store_trail_query *query, const struct store_trail_page *page,
                                          struct fault *fault);

#endif
