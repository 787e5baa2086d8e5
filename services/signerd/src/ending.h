/*
 * A withdrawal by its id alone, whatever papers there are: what was promised for it, and that it ended.
 *
 * Who ends a withdrawal before it is signed (takes it back, rejects it, finds that it cannot be) has a receipt for
 * that. So that no row and no entry that somebody edits makes it go on, role transfer remembers it: what ended is
 * promised nothing any more, and what was promised does not end.
 */
#ifndef STRONGROOM_SIGNER_ENDING_H
#define STRONGROOM_SIGNER_ENDING_H

#include "role.h"

/* Whether a guard before this one, which was made anew since (signerd initialise --promises), may know of it. */
bool ending_is_forgotten(const struct guard_txn *txn, const struct uuid *withdrawal);

/* In a change: STATUS_DENIED when the withdrawal ended. */
MUST_CHECK enum status ending_check(struct guard_txn *txn, const struct uuid *withdrawal, struct fault *fault);

#endif
