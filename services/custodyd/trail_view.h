/*
 * The tree for proofs: the inner nodes of the tiles in use, from the batches as they are made or from the database.
 * Internal to the trail. Thread-safe.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_VIEW_H
#define STRONGROOM_CUSTODYD_TRAIL_VIEW_H

#include "audit/checkpoint.h"
#include "audit/tile.h"
#include "store/store.h"

struct trail_view;

/* Out: trail_view_free. `reader` is borrowed. */
MUST_CHECK enum status trail_view_new(struct trail_view **out, struct store *reader, struct fault *fault);

/* NULL is fine. */
void trail_view_free(struct trail_view *view);

/* Forgets all hashes: what the database says counts again. */
void trail_view_reset(struct trail_view *view);

/* The trail has at least `size` entries. Without hashes: they are read when they are needed. */
void trail_view_grow(struct trail_view *view, uint64_t size);

/* Entries first .. first+count-1 were committed. */
void trail_view_append(struct trail_view *view, uint64_t first, const struct digest *hashes, size_t count);

/* Inclusion proof and leaf hash of `index`, consistency proof, root: audit/tree.h over this view. */
MUST_CHECK enum status trail_view_inclusion(struct audit_proof *out, struct digest *out_leaf_hash,
                                            struct trail_view *view, uint64_t index, uint64_t size,
                                            struct fault *fault);
MUST_CHECK enum status trail_view_consistency(struct audit_proof *out, struct trail_view *view, uint64_t from,
                                              uint64_t to, struct fault *fault);
MUST_CHECK enum status trail_view_root(struct digest *out, struct trail_view *view, uint64_t size, struct fault *fault);

/*
 * The first tile->width hashes of a tile of the tree (checkpoint->size, checkpoint->root), each shown to lead to that
 * root. STATUS_NOT_FOUND when the tree does not reach so far, STATUS_CORRUPT when they do not lead to it: then all that
 * is remembered is forgotten.
 */
MUST_CHECK enum status trail_view_tile(struct digest hashes[AUDIT_TILE_WIDTH], struct trail_view *view,
                                       const struct audit_tile *tile, const struct audit_checkpoint *checkpoint,
                                       struct fault *fault);

/* Reads a tile from the database in `context`, a const struct store_tx ** (audit/tile.h: audit_tile_source). */
MUST_CHECK enum status trail_tile_fetch(void *context, struct digest hashes[AUDIT_TILE_WIDTH],
                                        const struct audit_tile *tile, struct fault *fault);

#endif
