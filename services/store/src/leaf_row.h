/*
 * The columns of audit.leaf as every read selects them. Internal to the store.
 */
#ifndef STRONGROOM_STORE_LEAF_ROW_H
#define STRONGROOM_STORE_LEAF_ROW_H

#include "pool.h"
#include "store/trail_read.h"

#define LEAF_COLUMNS                                                                                                   \
    "seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr IS NOT NULL AS has_corr, corr,"                      \
    " amount::text AS amount, asset, destination, key, version, wallet"

/* struct store_leaf. */
extern const struct row_shape leaf_row_shape;

#endif
