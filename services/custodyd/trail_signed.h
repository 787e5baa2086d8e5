/*
 * Rows of the trail that the service may decide by. Whoever writes to the database can edit a row, put one in beyond
 * the end, and take it away again before anybody looks; so nothing is decided by a row that is not shown to be the
 * entry that was signed.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_SIGNED_H
#define STRONGROOM_CUSTODYD_TRAIL_SIGNED_H

#include "store/trail_read.h"
#include "trail.h"

/*
 * Whether the row is the entry that was signed: its number is under the newest checkpoint, its bytes have the hash that
 * leads to the signed root there, and its columns say what the bytes say. STATUS_NOT_READY when no checkpoint covers
 * its number (it is on its way, or nobody's); STATUS_CORRUPT when it is another, or when what is stored near it does
 * not lead to the root: then the log says so, and trail_doubted.
 */
MUST_CHECK enum status trail_signed_check(struct trail *trail, const struct store_leaf *leaf, struct fault *fault);

/*
 * The rows that meet the filter under the newest checkpoint, in a snapshot of their own, so no transaction of the
 * trail's reader is open. Those that are not what was signed are left out, and told as by trail_signed_check. Out:
 * store_leaf_list_free; *out_left_out, unless NULL: how many were. STATUS_NOT_READY before the first checkpoint.
 */
MUST_CHECK enum status trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                                         const struct store_leaf_filter *filter, struct fault *fault);

/*
 * Row `seq` is not the entry that was signed, or is not there: the log says it once, until another one is found, and
 * trail_doubted. Answers STATUS_CORRUPT.
 */
MUST_CHECK enum status trail_corrupt_row(struct trail *trail, uint64_t seq, struct fault *fault);

/*
 * Whether a row was found that is not what was signed, since the trail was opened. Out: the number of the last one, and
 * when it was found.
 */
bool trail_doubted(uint64_t *out_seq, int64_t *out_at_utc_us, struct trail *trail);

#endif
