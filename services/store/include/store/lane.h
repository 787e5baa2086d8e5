/*
 * Lanes of an account, which a wallet has as long as it has that key: a withdrawal holds one lane alone from its
 * reservation to its end, so that (account, lane, seq) is given to one withdrawal at a time and the ledger sees the
 * numbers of a lane without gaps.
 */
#ifndef STRONGROOM_STORE_LANE_H
#define STRONGROOM_STORE_LANE_H

#include "store/withdrawal.h"

/*
 * Takes a free lane of row->account for the withdrawal row->id; an account has at most `lanes_max` lanes
 * (0..lanes_max-1), made as needed. Out: row->lane and row->seq, the sequence to use. STATUS_BUSY when all are held;
 * the same lane again when it holds one.
 */
MUST_CHECK enum status store_lane_take(struct store_tx *tx, struct store_withdrawal *row, unsigned lanes_max,
                                       struct fault *fault);

/*
 * Frees the lane the withdrawal holds. `used` says that the sequence was spent (a signature may exist): the next holder
 * gets seq+1, otherwise the same seq. STATUS_NOT_FOUND when it holds none.
 */
MUST_CHECK enum status store_lane_free(struct store_tx *tx, const struct uuid *withdrawal, bool used,
                                       struct fault *fault);

/*
 * Sets a lane free that the withdrawal holds; `next_seq` is what the ledger says comes next in it, whatever stood here.
 * Fine when it does not hold it (any more).
 */
MUST_CHECK enum status store_lane_settle(struct store_tx *tx, const struct uuid *withdrawal, const char *account,
                                         uint64_t lane, uint64_t next_seq, struct fault *fault);

#endif
