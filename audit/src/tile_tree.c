/*
 * A known tree over tiles of anybody. A full tile is believed when its own root stands in the tile above it, and the
 * partial tiles at the right edge together when they have the root of the tree.
 */
#include "audit/tile_tree.h"

#include <inttypes.h>

static enum status fetch_full(struct audit_tile_tree *tree, unsigned level, uint64_t index, struct fault *fault);

enum status audit_tile_tree_tile(const struct digest **out, unsigned *out_width, struct audit_tile_tree *tree,
                                 unsigned level, uint64_t index, struct fault *fault)
{
    unsigned width = level < AUDIT_TILE_LEVELS ? audit_tile_width(level, index, tree->edge.size) : 0;
    if (width == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "tile", "the tree does not reach so far");
    }
    enum status status = STATUS_OK;
    if (width == AUDIT_TILE_WIDTH && !(tree->held[level] && tree->held_index[level] == index)) {
        status = fetch_full(tree, level, index, fault);
    }
    if (status == STATUS_OK) {
        *out = width == AUDIT_TILE_WIDTH ? tree->hashes[level] : tree->edge.hashes[level];
        *out_width = width;
    }
    return status;
}

/* The tile above is believed before; it may be one that was held, whatever the order of the calls. */
static enum status fetch_full(struct audit_tile_tree *tree, unsigned level, uint64_t index, struct fault *fault)
{
    const struct audit_tile tile = {.level = level, .index = index, .width = AUDIT_TILE_WIDTH};
    const struct digest *above = NULL;
    unsigned width = 0;
    struct digest root;
    enum status status = audit_tile_tree_tile(&above, &width, tree, level + 1, index / AUDIT_TILE_WIDTH, fault);
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(index % AUDIT_TILE_WIDTH < width); /* a full tile is a complete subtree */
    tree->held[level] = false;                   /* a failed fetch may leave anything in the hashes */
    status = tree->source->fetch(tree->source->context, tree->hashes[level], &tile, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_tree_root(&root, tree->hashes[level], AUDIT_TILE_WIDTH);
    if (!digest_equal(&root, &above[index % AUDIT_TILE_WIDTH])) {
        char name[AUDIT_TILE_PATH_SIZE];
        audit_tile_path(name, &tile);
        return fault_set(fault, STATUS_CORRUPT, name, "does not lead to the root that was signed");
    }
    tree->held[level] = true;
    tree->held_index[level] = index;
    return STATUS_OK;
}

static enum status read_hash(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    struct audit_tile_tree *tree = context;
    struct audit_tile_place place;
    const struct digest *hashes = NULL;
    unsigned width = 0;
    enum status status = audit_tile_locate(&place, level, index, tree->edge.size, fault);
    if (status == STATUS_OK) {
        status = audit_tile_tree_tile(&hashes, &width, tree, place.tile.level, place.tile.index, fault);
    }
    if (status == STATUS_OK) {
        audit_tile_hash(out, hashes, &place);
    }
    return status;
}

struct audit_hash_reader audit_tile_tree_hashes(struct audit_tile_tree *tree)
{
    return (struct audit_hash_reader){.read = read_hash, .context = tree};
}

enum status audit_tile_tree_root(struct digest *out, struct audit_tile_tree *tree, uint64_t size, struct fault *fault)
{
    const struct audit_hash_reader reader = audit_tile_tree_hashes(tree);
    if (size > tree->edge.size) {
        return fault_set(fault, STATUS_INVALID, "size", "the tree has fewer entries");
    }
    return audit_tree_root_read(out, &reader, size, fault);
}

/* The peaks of a tree stand in its partial tiles and nowhere else, so its root needs no full one. */
enum status audit_tile_tree_open(struct audit_tile_tree *out, const struct audit_tile_source *source, uint64_t size,
                                 const struct digest *root, struct fault *fault)
{
    struct digest found;
    *out = (struct audit_tile_tree){.source = source};
    enum status status = audit_edge_load(&out->edge, size, source, fault);
    if (status == STATUS_OK) {
        status = audit_tile_tree_root(&found, out, size, fault);
    }
    if (status == STATUS_OK && !digest_equal(&found, root)) {
        status =
            fault_set(fault, STATUS_CORRUPT, "tile", "the tiles of %" PRIu64 " entries do not have their root", size);
    }
    return status;
}
