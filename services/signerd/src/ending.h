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

/*
 * The number of the newest end. It begins where the guard was made (microseconds UTC) and each end adds one, so that it
 * goes up also from one guard to the next: fewer ends come in a time than it has microseconds.
 */
uint64_t ending_number(const struct guard_state *state);

/*
 * STATUS_ROLLBACK (`ends`) when whoever asks was told of a later end than this guard knows: it is an older copy of the
 * one that has it.
 */
MUST_CHECK enum status ending_check_newest(const struct guard_state *state, uint64_t ends, struct fault *fault);

/* In a change: STATUS_DENIED when the withdrawal ended. */
MUST_CHECK enum status ending_check(struct guard_txn *txn, const struct uuid *withdrawal, struct fault *fault);

#endif
