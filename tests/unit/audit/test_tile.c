/* Tiles: paths, places, and proofs read through tiles of logs with up to three levels, against a plain computation. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "audit/proof.h"
#include "audit/tile.h"
#include "samples.h"

/* A store of full tiles and leaves, as the database is one: partial tiles are made on demand. */
struct store {
    struct digest *leaves;
    size_t leaf_count;
    struct digest (*tiles[2])[AUDIT_TILE_WIDTH];
    size_t tile_count[2];
    size_t fetches;
};

#define STORE_LEAVES ((size_t)66000)

static enum status store_fetch(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                               struct fault *fault)
{
    struct store *store = context;
    store->fetches++;
    struct audit_tile_source source = {.fetch = store_fetch, .context = store};
    if (tile->width == AUDIT_TILE_WIDTH && tile->level < 2 && tile->index < store->tile_count[tile->level]) {
        memcpy(hashes, store->tiles[tile->level][tile->index], sizeof(struct digest[AUDIT_TILE_WIDTH]));
        return STATUS_OK;
    }
    if (tile->level == 0 && tile->index * AUDIT_TILE_WIDTH + tile->width <= store->leaf_count) {
        memcpy(hashes, store->leaves + tile->index * AUDIT_TILE_WIDTH, tile->width * sizeof(struct digest));
        return STATUS_OK;
    }
    if (tile->level == 0) {
        memset(hashes, 0xee, sizeof(struct digest[AUDIT_TILE_WIDTH])); /* what a failed fetch may leave */
        return fault_set(fault, STATUS_NOT_FOUND, "tile", "not stored");
    }
    return audit_tile_from_below(hashes, tile, &source, fault);
}

static enum status store_full(void *context, const struct audit_tile *tile,
                              const struct digest hashes[AUDIT_TILE_WIDTH], struct fault *fault)
{
    struct store *store = context;
    (void)fault;
    cr_assert_eq(tile->width, AUDIT_TILE_WIDTH);
    cr_assert_lt(tile->level, 2);
    cr_assert_eq(tile->index, store->tile_count[tile->level], "tiles arrive in order");
    memcpy(store->tiles[tile->level][tile->index], hashes, sizeof(struct digest[AUDIT_TILE_WIDTH]));
    store->tile_count[tile->level]++;
    return STATUS_OK;
}

/* Grows a log through the edge; checks the edge against a freshly loaded one now and then. */
static void store_fill(struct store *store, size_t count)
{
    static struct audit_edge edge;
    static struct audit_edge loaded;
    struct audit_tile_source source = {.fetch = store_fetch, .context = store};
    struct audit_tile_sink sink = {.full = store_full, .context = store};
    *store = (struct store){.leaves = calloc(count, sizeof(struct digest))};
    store->tiles[0] = calloc(count / 256 + 1, sizeof(struct digest[AUDIT_TILE_WIDTH]));
    store->tiles[1] = calloc(count / 65536 + 1, sizeof(struct digest[AUDIT_TILE_WIDTH]));
    memset(&edge, 0, sizeof(edge));
    for (size_t i = 0; i < count; i++) {
        digest_sha256(&store->leaves[i], &i, sizeof(i));
        store->leaf_count++;
        cr_assert_eq(audit_edge_append(&edge, &store->leaves[i], &sink, NULL), STATUS_OK);
        if (i % 9973 == 0 || i == 65535 || i == 65536) {
            cr_assert_eq(audit_edge_load(&loaded, i + 1, &source, NULL), STATUS_OK);
            cr_assert_eq(loaded.size, edge.size);
            for (unsigned level = 0; level < 3; level++) {
                size_t width = (edge.size >> (8 * level)) % AUDIT_TILE_WIDTH;
                cr_assert_arr_eq(loaded.hashes[level], edge.hashes[level], width * sizeof(struct digest));
            }
        }
    }
}

static void store_free(struct store *store)
{
    free(store->leaves);
    free(store->tiles[0]);
    free(store->tiles[1]);
}

Test(tile, paths)
{
    static const struct {
        struct audit_tile tile;
        const char *path;
    } rows[] = {
        {{0, 0, 256}, "tile/0/000"},
        {{0, 999, 256}, "tile/0/999"},
        {{0, 1000, 256}, "tile/0/x001/000"},
        {{1, 1234067, 256}, "tile/1/x001/x234/067"},
        {{2, 3, 7}, "tile/2/003.p/7"},
        {{0, 1001, 255}, "tile/0/x001/001.p/255"},
        {{0, 36028797018963967, 256}, "tile/0/x036/x028/x797/x018/x963/967"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char path[AUDIT_TILE_PATH_SIZE];
        struct audit_tile tile;
        bool entries = true;
        audit_tile_path(path, &rows[i].tile);
        cr_assert_str_eq(path, rows[i].path);
        cr_assert_eq(audit_tile_path_parse(&tile, &entries, path + strlen("tile/"), NULL), STATUS_OK, "%s", path);
        cr_assert(!entries);
        cr_assert(tile.level == rows[i].tile.level && tile.index == rows[i].tile.index);
        cr_assert_eq(tile.width, rows[i].tile.width);
    }
    char path[AUDIT_TILE_PATH_SIZE];
    struct audit_tile tile = {0, 1000, 5};
    bool entries = false;
    audit_tile_entries_path(path, &tile);
    cr_assert_str_eq(path, "tile/entries/x001/000.p/5");
    cr_assert_eq(audit_tile_path_parse(&tile, &entries, path + strlen("tile/"), NULL), STATUS_OK);
    cr_assert(entries && tile.index == 1000 && tile.width == 5);
}

Test(tile, other_paths_are_refused)
{
    static const char *const refused[] = {
        "",
        "0",
        "0/",
        "0/0",
        "0/00",
        "0/0000",
        "0/x000/001",
        "0/x001",
        "0/001/000",
        "0/x01/000",
        "0/x001/x000",
        "0//000",
        "/0/000",
        "8/000",
        "00/000",
        "-1/000",
        "x/000",
        "0/000/",
        "0/000.p",
        "0/000.p/",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/1/",
        "0/000.p/+1",
        "0/000.q/1",
        "0/000 ",
        "0/ 000",
        "0/000.p/1 ",
        "entries",
        "entries/",
        "entries/0",
        "entriesx000",
        "entries/000/..",
        "0/../000",
        "0/000\n",
        "0/x9/999",
        "0/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "0/99999999999999999999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct audit_tile tile;
        bool entries;
        cr_assert_eq(audit_tile_path_parse(&tile, &entries, refused[i], NULL), STATUS_INVALID, "%s", refused[i]);
    }
}

Test(tile, widths)
{
    cr_assert_eq(audit_tile_width(0, 0, 0), 0);
    cr_assert_eq(audit_tile_width(0, 0, 1), 1);
    cr_assert_eq(audit_tile_width(0, 0, 256), 256);
    cr_assert_eq(audit_tile_width(0, 1, 256), 0);
    cr_assert_eq(audit_tile_width(0, 0, 257), 256);
    cr_assert_eq(audit_tile_width(0, 1, 257), 1);
    cr_assert_eq(audit_tile_width(1, 0, 255), 0);
    cr_assert_eq(audit_tile_width(1, 0, 511), 1);
    cr_assert_eq(audit_tile_width(2, 0, 65536), 1);
    cr_assert_eq(audit_tile_width(7, 0, INT64_MAX), 127);
    cr_assert_eq(audit_tile_width(0, UINT64_MAX, INT64_MAX), 0);
    cr_assert_eq(audit_tile_width(0, INT64_MAX / 256, INT64_MAX), 255);
}

Test(tile, places)
{
    struct audit_tile_place place;
    cr_assert_eq(audit_tile_locate(&place, 3, 37, 304, NULL), STATUS_OK); /* leaves 296..303 */
    cr_assert(place.tile.level == 0 && place.tile.index == 1 && place.tile.width == 48);
    cr_assert(place.first == 40 && place.height == 3);
    cr_assert_eq(audit_tile_locate(&place, 3, 37, 303, NULL), STATUS_INVALID);
    cr_assert_eq(audit_tile_locate(&place, 8, 1, 512, NULL), STATUS_OK);
    cr_assert(place.tile.level == 1 && place.tile.index == 0 && place.tile.width == 2 && place.first == 1);
    cr_assert_eq(audit_tile_locate(&place, 62, 0, INT64_MAX, NULL), STATUS_OK);
    cr_assert(place.tile.level == 7 && place.height == 6 && place.tile.width == 127);
    cr_assert_eq(audit_tile_locate(&place, 63, 0, INT64_MAX, NULL), STATUS_INVALID);
    cr_assert_eq(audit_tile_locate(&place, 64, 0, INT64_MAX, NULL), STATUS_INVALID);
    cr_assert_eq(audit_tile_locate(&place, 0, 0, 0, NULL), STATUS_INVALID);
    cr_assert_eq(audit_tile_locate(&place, 0, 0, UINT64_MAX, NULL), STATUS_INVALID);
}

/* The root by the leaves alone; the last few are kept. */
static struct digest plain_root(const struct store *store, uint64_t size)
{
    static struct {
        const struct digest *leaves;
        uint64_t size;
        struct digest root;
    } kept[16];
    size_t slot = 0;
    while (slot < 15 && kept[slot].leaves == store->leaves && kept[slot].size != size) {
        slot++;
    }
    if (kept[slot].leaves != store->leaves || kept[slot].size != size) {
        kept[slot].leaves = store->leaves;
        kept[slot].size = size;
        audit_tree_root(&kept[slot].root, store->leaves, size);
    }
    return kept[slot].root;
}

static void expect_proofs(struct store *store, uint64_t old, uint64_t index, uint64_t size)
{
    static struct audit_tile_reader reader;
    struct audit_tile_source source = {.fetch = store_fetch, .context = store};
    audit_tile_reader_init(&reader, &source, size);
    struct audit_hash_reader hashes = audit_tile_reader_hashes(&reader);
    struct digest old_root = plain_root(store, old);
    struct digest root = plain_root(store, size);
    struct digest read;
    struct audit_proof proof;
    cr_assert_eq(audit_tree_root_read(&read, &hashes, size, NULL), STATUS_OK);
    cr_assert(digest_equal(&root, &read), "size %" PRIu64, size);
    cr_assert_eq(audit_inclusion_prove(&proof, &hashes, index, size, NULL), STATUS_OK);
    cr_assert_eq(audit_inclusion_verify(&proof, index, size, &store->leaves[index], &root, NULL), STATUS_OK,
                 "%" PRIu64 " of %" PRIu64, index, size);
    cr_assert_eq(audit_consistency_prove(&proof, &hashes, old, size, NULL), STATUS_OK);
    cr_assert_eq(audit_consistency_verify(&proof, old, &old_root, size, &root, NULL), STATUS_OK,
                 "%" PRIu64 " to %" PRIu64, old, size);
}

Test(tile, proofs_at_the_edges_of_tiles, .timeout = 600)
{
    struct store store;
    store_fill(&store, STORE_LEAVES);
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 65792, 65793, 66000};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= i; j++) {
            expect_proofs(&store, sizes[j], sizes[j] - 1, sizes[i]);
        }
    }
    store_free(&store);
}

Test(tile, proofs_of_random_sizes, .timeout = 600)
{
    struct store store;
    struct sample_random chance;
    sample_random_start(&chance);
    store_fill(&store, STORE_LEAVES);
    for (int i = 0; i < 12; i++) {
        uint64_t size = 1 + sample_random_below(&chance, STORE_LEAVES);
        uint64_t old = 1 + sample_random_below(&chance, size);
        expect_proofs(&store, old, sample_random_below(&chance, size), size);
    }
    store_free(&store);
}

Test(tile, the_reader_keeps_tiles_and_passes_failures_on)
{
    static struct audit_tile_reader reader;
    struct store store;
    store_fill(&store, 1000);
    struct audit_tile_source source = {.fetch = store_fetch, .context = &store};
    audit_tile_reader_init(&reader, &source, 1000);
    struct audit_hash_reader hashes = audit_tile_reader_hashes(&reader);
    struct digest hash;
    store.fetches = 0;
    cr_assert_eq(hashes.read(hashes.context, &hash, 0, 300, NULL), STATUS_OK);
    cr_assert_eq(hashes.read(hashes.context, &hash, 2, 80, NULL), STATUS_OK);
    cr_assert_eq(store.fetches, 1, "both lie in tile 1");
    store.leaf_count = 900;
    cr_assert_eq(hashes.read(hashes.context, &hash, 0, 999, NULL), STATUS_NOT_FOUND);
    cr_assert_eq(hashes.read(hashes.context, &hash, 0, 1000, NULL), STATUS_INVALID);
    cr_assert_eq(hashes.read(hashes.context, &hash, 0, 300, NULL), STATUS_OK);
    cr_assert(digest_equal(&hash, &store.leaves[300]), "the failed fetch spoilt the tile held before");
    store.leaf_count = 1000;
    cr_assert_eq(hashes.read(hashes.context, &hash, 0, 999, NULL), STATUS_OK, "a failure is not kept");
    cr_assert(digest_equal(&hash, &store.leaves[999]));
    store_free(&store);
}

static enum status sink_refuses(void *context, const struct audit_tile *tile,
                                const struct digest hashes[AUDIT_TILE_WIDTH], struct fault *fault)
{
    (void)context;
    (void)tile;
    (void)hashes;
    return fault_set(fault, STATUS_IO, "tile", "the store is full");
}

Test(tile, the_edge_passes_failures_on)
{
    static struct audit_edge edge;
    struct audit_tile_sink sink = {.full = sink_refuses};
    struct digest hash = {{1}};
    for (int i = 0; i < 255; i++) {
        cr_assert_eq(audit_edge_append(&edge, &hash, &sink, NULL), STATUS_OK);
    }
    cr_assert_eq(audit_edge_append(&edge, &hash, &sink, NULL), STATUS_IO);
    edge.size = INT64_MAX;
    cr_assert_eq(audit_edge_append(&edge, &hash, &sink, NULL), STATUS_OVERFLOW);
}
