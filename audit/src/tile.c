/*
 * Tiles: which tile holds which hash, reading hashes through tiles, and the growing edge.
 *
 * A tile of level t holds nodes of tree level 8t; the seven levels above them, below the next tile level, are computed
 * from the tile each time and stored nowhere.
 */
#include "audit/tile.h"

static uint64_t level_count(unsigned level, uint64_t size)
{
    return size >> (AUDIT_TILE_HEIGHT * level);
}

unsigned audit_tile_width(unsigned level, uint64_t index, uint64_t size)
{
    INVARIANT(level < AUDIT_TILE_LEVELS);
    uint64_t count = level_count(level, size);
    if (index > count / AUDIT_TILE_WIDTH) {
        return 0;
    }
    uint64_t width = count - index * AUDIT_TILE_WIDTH;
    return width > AUDIT_TILE_WIDTH ? AUDIT_TILE_WIDTH : (unsigned)width;
}

enum status audit_tile_locate(struct audit_tile_place *out, unsigned level, uint64_t index, uint64_t size,
                              struct fault *fault)
{
    if (size > AUDIT_TREE_SIZE_MAX || level > 62 || index >= size >> level) {
        return fault_set(fault, STATUS_INVALID, "tile", "the subtree is not wholly inside the tree");
    }
    struct audit_tile_place place = {.height = level % AUDIT_TILE_HEIGHT};
    uint64_t first = index << place.height;
    place.first = (unsigned)(first % AUDIT_TILE_WIDTH);
    place.tile.level = level / AUDIT_TILE_HEIGHT;
    place.tile.index = first / AUDIT_TILE_WIDTH;
    place.tile.width = audit_tile_width(place.tile.level, place.tile.index, size);
    *out = place;
    return STATUS_OK;
}

void audit_tile_hash(struct digest *out, const struct digest *hashes, const struct audit_tile_place *place)
{
    unsigned count = 1U << place->height;
    INVARIANT(place->height < AUDIT_TILE_HEIGHT && place->first + count <= place->tile.width);
    audit_tree_root(out, hashes + place->first, count);
}

enum status audit_tile_from_below(struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                                  const struct audit_tile_source *source, struct fault *fault)
{
    if (tile->level == 0 || tile->width > AUDIT_TILE_WIDTH) {
        return fault_set(fault, STATUS_INVALID, "tile", "a tile of level 1 or above and width of at most 256");
    }
    for (unsigned i = 0; i < tile->width; i++) {
        struct digest below[AUDIT_TILE_WIDTH];
        struct audit_tile child = {tile->level - 1, tile->index * AUDIT_TILE_WIDTH + i, AUDIT_TILE_WIDTH};
        enum status status = source->fetch(source->context, below, &child, fault);
        if (status != STATUS_OK) {
            return status;
        }
        audit_tree_root(&hashes[i], below, AUDIT_TILE_WIDTH);
    }
    return STATUS_OK;
}

void audit_tile_reader_init(struct audit_tile_reader *reader, const struct audit_tile_source *source, uint64_t size)
{
    reader->source = source;
    reader->size = size;
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        reader->held[level] = (struct audit_tile){0};
    }
}

static bool tile_equal(const struct audit_tile *a, const struct audit_tile *b)
{
    return a->level == b->level && a->index == b->index && a->width == b->width;
}

static enum status reader_read(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    struct audit_tile_reader *reader = context;
    struct audit_tile_place place;
    enum status status = audit_tile_locate(&place, level, index, reader->size, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct audit_tile *held = &reader->held[place.tile.level];
    struct digest *hashes = reader->hashes[place.tile.level];
    if (!tile_equal(held, &place.tile)) {
        held->width = 0; /* a failed fetch may leave anything in the hashes */
        status = reader->source->fetch(reader->source->context, hashes, &place.tile, fault);
        if (status != STATUS_OK) {
            return status;
        }
        *held = place.tile;
    }
    audit_tile_hash(out, hashes, &place);
    return STATUS_OK;
}

struct audit_hash_reader audit_tile_reader_hashes(struct audit_tile_reader *reader)
{
    return (struct audit_hash_reader){.read = reader_read, .context = reader};
}

enum status audit_edge_load(struct audit_edge *out, uint64_t size, const struct audit_tile_source *source,
                            struct fault *fault)
{
    if (size > AUDIT_TREE_SIZE_MAX) {
        return fault_set(fault, STATUS_INVALID, "size", "at most 2^63-1");
    }
    *out = (struct audit_edge){0};
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        struct audit_tile tile = {.level = level, .index = level_count(level, size) / AUDIT_TILE_WIDTH};
        tile.width = audit_tile_width(level, tile.index, size);
        if (tile.width == 0) {
            continue;
        }
        enum status status = source->fetch(source->context, out->hashes[level], &tile, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    out->size = size;
    return STATUS_OK;
}

enum status audit_edge_append(struct audit_edge *edge, const struct digest *leaf_hash,
                              const struct audit_tile_sink *sink, struct fault *fault)
{
    if (edge->size >= AUDIT_TREE_SIZE_MAX) {
        return fault_set(fault, STATUS_OVERFLOW, "size", "at most 2^63-1");
    }
    edge->size++;
    struct digest hash = *leaf_hash;
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        uint64_t last = level_count(level, edge->size) - 1;
        edge->hashes[level][last % AUDIT_TILE_WIDTH] = hash;
        if (last % AUDIT_TILE_WIDTH != AUDIT_TILE_WIDTH - 1) {
            return STATUS_OK;
        }
        struct audit_tile tile = {level, last / AUDIT_TILE_WIDTH, AUDIT_TILE_WIDTH};
        enum status status = sink->full(sink->context, &tile, edge->hashes[level], fault);
        if (status != STATUS_OK) {
            return status;
        }
        audit_tree_root(&hash, edge->hashes[level], AUDIT_TILE_WIDTH);
    }
    return STATUS_OK;
}
