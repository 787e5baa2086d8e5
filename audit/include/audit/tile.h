/*
 * Tiles: the tree's hashes in blocks of 256 (C2SP tlog-tiles, height 8). Pure: where tiles are kept is the caller's.
 *
 * Tile (level, index) holds the hashes of the complete subtrees (8 * level, 256 * index ...) : a full tile has 256 of
 * them (8192 bytes as stored), the rightmost tile of a level may be partial with 1..255. Only tile levels 0..7 exist.
 * The store keeps full tiles; a partial tile of level 0 comes from the leaf table, one of a higher level from the full
 * tiles below it (audit_tile_from_below).
 */
#ifndef STRONGROOM_AUDIT_TILE_H
#define STRONGROOM_AUDIT_TILE_H

#include "audit/tree.h"

#define AUDIT_TILE_HEIGHT 8
#define AUDIT_TILE_WIDTH 256
#define AUDIT_TILE_LEVELS 8
#define AUDIT_TILE_PATH_SIZE 64

/* A tile's name. `width` is 256 for a full tile, 1..255 for a partial one. */
struct audit_tile {
    unsigned level;
    uint64_t index;
    unsigned width;
};

/* A hash inside a tile: the subtree over the hashes [first, first + 2^height) of the tile. */
struct audit_tile_place {
    struct audit_tile tile; /* width as in a tree of the size asked for */
    unsigned first;
    unsigned height; /* 0..7 */
};

/*
 * Where tiles come from: fills hashes[0 .. tile->width). Fails with its own status (STATUS_NOT_FOUND, STATUS_CORRUPT,
 * STATUS_IO ...).
 */
struct audit_tile_source {
    enum status (*fetch)(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                         struct fault *fault);
    void *context;
};

/*
 * Which tile holds the hash of the complete subtree (level, index) in a tree of `size` entries.
 * STATUS_INVALID when the subtree is not wholly inside the tree.
 */
MUST_CHECK enum status audit_tile_locate(struct audit_tile_place *out, unsigned level, uint64_t index, uint64_t size,
                                         struct fault *fault);

/* The width tile (level, index) has in a tree of `size` entries: 0 (does not exist yet) to 256. */
unsigned audit_tile_width(unsigned level, uint64_t index, uint64_t size);

/* The path below the log's prefix: "tile/0/x001/x234/067" or, partial, "tile/1/003.p/7"; with a NUL. INVARIANT: a tile
 * as audit_tile_locate makes. */
void audit_tile_path(char out[AUDIT_TILE_PATH_SIZE], const struct audit_tile *tile);

/* The path of the bundle of leaves beside a level-0 tile: "tile/entries/000.p/7". */
void audit_tile_entries_path(char out[AUDIT_TILE_PATH_SIZE], const struct audit_tile *tile);

/*
 * Reads what follows "tile/" in such a path ("0/x001/234.p/5", "entries/000"): exactly one spelling per tile. Out:
 * *out_entries is true for a bundle of leaves (tile level 0). STATUS_INVALID.
 */
MUST_CHECK enum status audit_tile_path_parse(struct audit_tile *out, bool *out_entries, const char *path,
                                             struct fault *fault);

/* The hash of a place from the hashes of its tile. INVARIANT: the place lies within its tile's width. */
void audit_tile_hash(struct digest *out, const struct digest *hashes, const struct audit_tile_place *place);

/*
 * Computes a tile of level 1 or above from the full tiles of the level below. STATUS_INVALID for level 0, else what the
 * source said. At most 256 fetches.
 */
MUST_CHECK enum status audit_tile_from_below(struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                                             const struct audit_tile_source *source, struct fault *fault);

/*
 * A hash reader (tree.h) over tiles for one tree size; keeps the last tile of each level. Caller-owned, about 64 KiB.
 * The source must outlive it.
 */
struct audit_tile_reader {
    const struct audit_tile_source *source;
    uint64_t size;
    struct audit_tile held[AUDIT_TILE_LEVELS]; /* width 0: nothing held */
    struct digest hashes[AUDIT_TILE_LEVELS][AUDIT_TILE_WIDTH];
};

/* Starts a reader for the tree of `size` entries. */
void audit_tile_reader_init(struct audit_tile_reader *reader, const struct audit_tile_source *source, uint64_t size);

/* The hash reader to hand to the proof functions; borrows `reader`. */
struct audit_hash_reader audit_tile_reader_hashes(struct audit_tile_reader *reader);

/*
 * The right edge of a growing log: the partial tile of each level, held in memory by the sequencer, which so never
 * reads a tile back. Caller-owned, about 64 KiB; the zero value is the empty log.
 */
struct audit_edge {
    uint64_t size;
    struct digest hashes[AUDIT_TILE_LEVELS][AUDIT_TILE_WIDTH];
};

/* Receives a tile that has just become full: 256 hashes, valid during the call. */
struct audit_tile_sink {
    enum status (*full)(void *context, const struct audit_tile *tile, const struct digest hashes[AUDIT_TILE_WIDTH],
                        struct fault *fault);
    void *context;
};

/* Loads the edge of a log of `size` entries through `source` (partial tiles at the end of each level). After a failure
 * `out` holds nothing of use. */
MUST_CHECK enum status audit_edge_load(struct audit_edge *out, uint64_t size, const struct audit_tile_source *source,
                                       struct fault *fault);

/*
 * Appends one leaf hash and hands each tile that became full to `sink`, the lowest level first. STATUS_OVERFLOW, or
 * what the sink said: after a failure the edge is not usable any more, load it again.
 */
MUST_CHECK enum status audit_edge_append(struct audit_edge *edge, const struct digest *leaf_hash,
                                         const struct audit_tile_sink *sink, struct fault *fault);

#endif
