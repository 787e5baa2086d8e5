/*
 * Proofs without hashing a tile for each of them: for every tile in use all its inner nodes are kept (510 hashes), so a
 * proof is a matter of look-ups. Committed entries that no checkpoint covers yet may be in here; that is harmless,
 * since a proof for a size uses only subtrees that lie wholly inside it, and those never change.
 */
#include "trail_view.h"

#include <pthread.h>

#include "audit/proof.h"
#include "store/trail_read.h"

#define PYRAMIDS 64
#define PYRAMID_HEIGHTS 8
#define PYRAMID_NODES 510

/* The nodes of one tile: heights 0 (256 hashes as stored) to 7 (2 hashes). */
struct pyramid {
    unsigned level;
    uint64_t index;
    unsigned width; /* 0: not in use */
    uint64_t used;  /* when it was last looked at */
    struct digest nodes[PYRAMID_NODES];
};

struct trail_view {
    pthread_mutex_t mutex;
    struct store *reader;
    uint64_t size;
    uint64_t ticks;
    struct pyramid pyramids[PYRAMIDS];
};

enum status trail_view_new(struct trail_view **out, struct store *reader, struct fault *fault)
{
    struct trail_view *view = calloc(1, sizeof *view);
    if (view == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "");
    }
    view->reader = reader;
    pthread_mutex_init(&view->mutex, NULL);
    *out = view;
    return STATUS_OK;
}

void trail_view_free(struct trail_view *view)
{
    if (view != NULL) {
        pthread_mutex_destroy(&view->mutex);
        free(view);
    }
}

static void view_forget(struct trail_view *view)
{
    for (size_t i = 0; i < PYRAMIDS; i++) {
        view->pyramids[i].width = 0;
    }
}

void trail_view_reset(struct trail_view *view)
{
    pthread_mutex_lock(&view->mutex);
    view_forget(view);
    pthread_mutex_unlock(&view->mutex);
}

void trail_view_grow(struct trail_view *view, uint64_t size)
{
    pthread_mutex_lock(&view->mutex);
    view->size = size > view->size ? size : view->size;
    pthread_mutex_unlock(&view->mutex);
}

/* Where the nodes of a height begin: 256, 128, 64 ... stand one after the other. */
static struct digest *pyramid_row(struct pyramid *pyramid, unsigned height)
{
    return &pyramid->nodes[512 - (512u >> height)];
}

static void pyramid_push(struct pyramid *pyramid, const struct digest *hash)
{
    INVARIANT(pyramid->width < AUDIT_TILE_WIDTH);
    pyramid_row(pyramid, 0)[pyramid->width++] = *hash;
    for (unsigned h = 1; h < PYRAMID_HEIGHTS && pyramid->width % (1u << h) == 0; h++) {
        const struct digest *below = pyramid_row(pyramid, h - 1);
        unsigned at = (pyramid->width >> h) - 1;
        audit_node_hash(&pyramid_row(pyramid, h)[at], &below[2 * at], &below[2 * at + 1]);
    }
}

static struct pyramid *view_find(struct trail_view *view, unsigned level, uint64_t index)
{
    for (size_t i = 0; i < PYRAMIDS; i++) {
        struct pyramid *pyramid = &view->pyramids[i];
        if (pyramid->width > 0 && pyramid->level == level && pyramid->index == index) {
            pyramid->used = ++view->ticks;
            return pyramid;
        }
    }
    return NULL;
}

/* A place for a tile: the one it has, else a free one, else the one that was not looked at for longest. */
static struct pyramid *view_place(struct trail_view *view, unsigned level, uint64_t index)
{
    struct pyramid *place = view_find(view, level, index);
    for (size_t i = 0; place == NULL && i < PYRAMIDS; i++) {
        place = view->pyramids[i].width == 0 ? &view->pyramids[i] : NULL;
    }
    if (place == NULL) {
        place = &view->pyramids[0];
        for (size_t i = 1; i < PYRAMIDS; i++) {
            place = view->pyramids[i].used < place->used ? &view->pyramids[i] : place;
        }
    }
    place->level = level;
    place->index = index;
    place->width = 0;
    place->used = ++view->ticks;
    return place;
}

/* Pushes a hash into its tile when the tile is at hand up to it; a full tile is pushed into the one above. */
static void view_push(struct trail_view *view, uint64_t index, const struct digest *hash)
{
    struct digest above = *hash;
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        unsigned at = index % AUDIT_TILE_WIDTH;
        uint64_t tile = index / AUDIT_TILE_WIDTH;
        struct pyramid *pyramid = at == 0 ? view_place(view, level, tile) : view_find(view, level, tile);
        if (pyramid == NULL || pyramid->width != at) {
            return;
        }
        pyramid_push(pyramid, &above);
        if (pyramid->width < AUDIT_TILE_WIDTH) {
            return;
        }
        const struct digest *top = pyramid_row(pyramid, PYRAMID_HEIGHTS - 1);
        audit_node_hash(&above, &top[0], &top[1]);
        index = tile;
    }
}

void trail_view_append(struct trail_view *view, uint64_t first, const struct digest *hashes, size_t count)
{
    pthread_mutex_lock(&view->mutex);
    for (size_t i = 0; i < count; i++) {
        view_push(view, first + i, &hashes[i]);
    }
    view->size = first + count > view->size ? first + count : view->size;
    pthread_mutex_unlock(&view->mutex);
}

enum status trail_tile_fetch(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                             struct fault *fault)
{
    const struct store_tx *tx = *(const struct store_tx *const *)context;
    if (tile->width == AUDIT_TILE_WIDTH) {
        return store_tile_get(hashes, tx, tile->level, tile->index, fault);
    }
    if (tile->level > 0) {
        const struct audit_tile_source source = {.fetch = trail_tile_fetch, .context = context};
        return audit_tile_from_below(hashes, tile, &source, fault);
    }
    struct bytes run = {0};
    uint64_t first = tile->index * AUDIT_TILE_WIDTH;
    enum status status = store_leaf_hashes(&run, tx, first, first + tile->width, fault);
    if (status == STATUS_OK) {
        memcpy(hashes, run.data, run.len);
    }
    bytes_free(&run);
    return status;
}

static enum status view_load(struct trail_view *view, struct pyramid **out, const struct audit_tile *tile,
                             struct fault *fault)
{
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, view->reader, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = trail_tile_fetch(&tx, hashes, tile, fault);
    store_rollback(tx);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
    }
    struct pyramid *pyramid = view_place(view, tile->level, tile->index);
    for (unsigned i = 0; i < tile->width; i++) {
        pyramid_push(pyramid, &hashes[i]);
    }
    *out = pyramid;
    return STATUS_OK;
}

/* The tile with at least `width` hashes. */
static enum status view_pyramid(struct trail_view *view, struct pyramid **out, unsigned level, uint64_t index,
                                unsigned width, struct fault *fault)
{
    struct pyramid *pyramid = view_find(view, level, index);
    if (pyramid != NULL && pyramid->width >= width) {
        *out = pyramid;
        return STATUS_OK;
    }
    struct audit_tile tile = {.level = level, .index = index, .width = audit_tile_width(level, index, view->size)};
    if (tile.width < width) {
        return fault_set(fault, STATUS_NOT_FOUND, "tile", "the tree does not reach so far");
    }
    return view_load(view, out, &tile, fault);
}

static enum status view_read(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    struct trail_view *view = context;
    unsigned height = level % PYRAMID_HEIGHTS;
    uint64_t tile = index >> (PYRAMID_HEIGHTS - height);
    unsigned at = (unsigned)(index - (tile << (PYRAMID_HEIGHTS - height)));
    struct pyramid *pyramid = NULL;
    enum status status = view_pyramid(view, &pyramid, level / PYRAMID_HEIGHTS, tile, (at + 1) << height, fault);
    if (status == STATUS_OK) {
        *out = pyramid_row(pyramid, height)[at];
    }
    return status;
}

static struct audit_hash_reader view_reader(struct trail_view *view)
{
    return (struct audit_hash_reader){.read = view_read, .context = view};
}

enum status trail_view_inclusion(struct audit_proof *out, struct digest *out_leaf_hash, struct trail_view *view,
                                 uint64_t index, uint64_t size, struct fault *fault)
{
    const struct audit_hash_reader reader = view_reader(view);
    pthread_mutex_lock(&view->mutex);
    enum status status = audit_inclusion_prove(out, &reader, index, size, fault);
    if (status == STATUS_OK) {
        status = view_read(view, out_leaf_hash, 0, index, fault);
    }
    pthread_mutex_unlock(&view->mutex);
    return status;
}

enum status trail_view_consistency(struct audit_proof *out, struct trail_view *view, uint64_t from, uint64_t to,
                                   struct fault *fault)
{
    const struct audit_hash_reader reader = view_reader(view);
    pthread_mutex_lock(&view->mutex);
    enum status status = audit_consistency_prove(out, &reader, from, to, fault);
    pthread_mutex_unlock(&view->mutex);
    return status;
}

enum status trail_view_root(struct digest *out, struct trail_view *view, uint64_t size, struct fault *fault)
{
    const struct audit_hash_reader reader = view_reader(view);
    pthread_mutex_lock(&view->mutex);
    enum status status = audit_tree_root_read(out, &reader, size, fault);
    pthread_mutex_unlock(&view->mutex);
    return status;
}

/*
 * The proof of the tile's first entry uses every hash of the tile but the first, and its first steps make that one. So
 * one proof shows them all.
 */
static enum status tile_check(struct trail_view *view, const struct audit_tile *tile, const struct digest *first_hash,
                              const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    const struct audit_hash_reader reader = view_reader(view);
    unsigned below = tile->level * AUDIT_TILE_HEIGHT;
    uint64_t index = (tile->index * AUDIT_TILE_WIDTH) << below;
    struct audit_proof proof;
    struct digest hash;
    enum status status = audit_inclusion_prove(&proof, &reader, index, checkpoint->size, fault);
    if (status == STATUS_OK) {
        status = view_read(view, &hash, 0, index, fault);
    }
    if (status == STATUS_OK) {
        status = audit_inclusion_verify(&proof, index, checkpoint->size, &hash, &checkpoint->root, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (unsigned i = 0; i < below; i++) {
        audit_node_hash(&hash, &hash, &proof.hashes[i]);
    }
    return digest_equal(&hash, first_hash) ? STATUS_OK : STATUS_PROOF_INVALID;
}

static enum status tile_read(struct digest hashes[AUDIT_TILE_WIDTH], struct trail_view *view,
                             const struct audit_tile *tile, const struct audit_checkpoint *checkpoint,
                             struct fault *fault)
{
    struct pyramid *pyramid = NULL;
    enum status status = view_pyramid(view, &pyramid, tile->level, tile->index, tile->width, fault);
    if (status != STATUS_OK) {
        return status;
    }
    memcpy(hashes, pyramid_row(pyramid, 0), tile->width * sizeof *hashes);
    status = tile_check(view, tile, hashes, checkpoint, fault);
    if (status == STATUS_PROOF_INVALID) {
        view_forget(view);
        status = fault_set(fault, STATUS_CORRUPT, "tile", "what is stored does not lead to the signed root");
    }
    return status;
}

enum status trail_view_tile(struct digest hashes[AUDIT_TILE_WIDTH], struct trail_view *view,
                            const struct audit_tile *tile, const struct audit_checkpoint *checkpoint,
                            struct fault *fault)
{
    if (tile->width < 1 || tile->width > audit_tile_width(tile->level, tile->index, checkpoint->size)) {
        return fault_set(fault, STATUS_NOT_FOUND, "tile", "the tree does not reach so far");
    }
    pthread_mutex_lock(&view->mutex);
    view->size = checkpoint->size > view->size ? checkpoint->size : view->size;
    enum status status = tile_read(hashes, view, tile, checkpoint, fault);
    pthread_mutex_unlock(&view->mutex);
    return status;
}
