/*
 * A tree whose size and root are known, read through tiles that nobody vouches for: a log's, or those of a folder. What
 * leaves here leads to the root (as TileHashReader of Go's sumdb/tlog has it), so who holds a signed checkpoint needs
 * to trust no one else.
 */
#ifndef STRONGROOM_AUDIT_TILE_TREE_H
#define STRONGROOM_AUDIT_TILE_TREE_H

#include "audit/tile.h"

/* Caller-owned, about 128 KiB: the right edge, and the last full tile of each level. Single-threaded. */
struct audit_tile_tree {
    const struct audit_tile_source *source;
    struct audit_edge edge;
    bool held[AUDIT_TILE_LEVELS];
    uint64_t held_index[AUDIT_TILE_LEVELS];
    struct digest hashes[AUDIT_TILE_LEVELS][AUDIT_TILE_WIDTH];
};

/*
 * Fetches the right edge of the tree, at most one partial tile of each level, and holds it against the root. The source
 * must outlive `out`. STATUS_CORRUPT when it does not lead there, STATUS_INVALID above 2^63-1, else what the source
 * said.
 */
MUST_CHECK enum status audit_tile_tree_open(struct audit_tile_tree *out, const struct audit_tile_source *source,
                                            uint64_t size, const struct digest *root, struct fault *fault);

/*
 * The hashes of tile (level, index) as it stands in this tree, `*out_width` of them. Full tiles are fetched, with those
 * above them as far as they are not held. Out: borrowed until the next call. STATUS_NOT_FOUND when the tree does not
 * reach so far, STATUS_CORRUPT when what was fetched does not lead to the root (the fault names the tile by its path),
 * else what the source said.
 */
MUST_CHECK enum status audit_tile_tree_tile(const struct digest **out, unsigned *out_width,
                                            struct audit_tile_tree *tree, unsigned level, uint64_t index,
                                            struct fault *fault);

/* The root that the first `size` entries had. Errors as above; STATUS_INVALID when the tree has fewer. */
MUST_CHECK enum status audit_tile_tree_root(struct digest *out, struct audit_tile_tree *tree, uint64_t size,
                                            struct fault *fault);

/* The hash reader (tree.h) of this tree, for proofs; borrows `tree`. */
struct audit_hash_reader audit_tile_tree_hashes(struct audit_tile_tree *tree);

#endif
