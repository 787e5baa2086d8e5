/*
 * The columns of an entry of the trail: for finding it, not for believing it. They are no part of what is hashed, so a
 * superuser of the database can edit them and every proof holds. Who decides by one asks trail_leaf_is_true first.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_LEAF_H
#define STRONGROOM_CUSTODYD_TRAIL_LEAF_H

#include "audit/event.h"
#include "store/trail_read.h"

/* Writes the columns that `event` has; seq, lh and raw stay as they are. */
void trail_leaf_project(struct store_leaf *leaf, const struct audit_event *event);

/*
 * Whether the row is what its raw bytes say: number, hash and every column. Whether it is in the tree is not asked: a
 * row whose raw bytes were edited as well breaks the proofs. A row that is not is written to the log.
 */
bool trail_leaf_is_true(const struct store_leaf *leaf);

#endif
