/*
 * Filling an empty trail from a copy. What the rows say beside their bytes is made as the sequencer makes it; what the
 * next start believes is for the signer's guard to say, as ever.
 */
#include "sequencer_rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/tile_tree.h"
#include "mirror/folder.h"
#include "store/trail_write.h"
#include "trail_leaf.h"

#define STATEMENT_TIMEOUT_MS 3600000 /* one derives from the whole trail */

struct rebuild {
    const struct sequencer_rebuild_config *config;
    struct mirror *mirror;
    struct audit_checkpoint checkpoint; /* of the copy */
    struct audit_tile_source tiles;     /* of the copy */
    struct audit_tile_tree tree;
    struct store_writer *writer;
    struct store_tx *tx;
    uint64_t epoch;
    uint64_t size; /* entries so far */
    struct digest last_lh;
    int64_t last_utc_us;
    struct audit_frontier frontier;
    struct audit_edge edge;
    struct store_leaf leaves[AUDIT_TILE_WIDTH];
    struct store_tile full[STORE_TILES_MAX];
    size_t full_count;
};

/* Entries. */

static enum status project(struct store_leaf *out, const struct audit_leaf *leaf, struct fault *fault)
{
    struct audit_event event;
    enum status status = audit_event_decode(&event, leaf->event, leaf->event_len, fault);
    if (status == STATUS_OK) {
        trail_leaf_project(out, &event);
        audit_event_wipe(&event);
    }
    return status;
}

static enum status full_tile(void *context, const struct audit_tile *tile, const struct digest hashes[AUDIT_TILE_WIDTH],
                             struct fault *fault)
{
    struct rebuild *rebuild = context;
    (void)fault;
    INVARIANT(rebuild->full_count < STORE_TILES_MAX);
    struct store_tile *full = &rebuild->full[rebuild->full_count++];
    full->level = tile->level;
    full->index = tile->index;
    memcpy(full->hashes, hashes, sizeof(full->hashes));
    return STATUS_OK;
}

/* The log has signed it; that it is also an entry of this trail, in its place, is what every reader relies on. */
static enum status take_entry(struct rebuild *rebuild, struct store_leaf *row, const struct mirror_entry *entry,
                              struct fault *fault)
{
    const struct audit_tile_sink sink = {.full = full_tile, .context = rebuild};
    struct audit_leaf leaf;
    struct fault why = {0};
    *row = (struct store_leaf){.seq = rebuild->size};
    enum status status = audit_leaf_parse(&leaf, entry->raw, entry->len, &why);
    if (status == STATUS_OK &&
        (leaf.index != rebuild->size || strcmp(leaf.origin, rebuild->config->keys[0].name) != 0 ||
         (rebuild->size > 0 && !digest_equal(&leaf.previous, &rebuild->last_lh)))) {
        status = fault_set(&why, STATUS_CORRUPT, "", "its place, origin or link is another");
    }
    if (status == STATUS_OK) {
        status = project(row, &leaf, &why);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "copy", "entry %" PRIu64 " is none: %s", rebuild->size, why.detail);
    }
    audit_leaf_hash(&row->lh, entry->raw, entry->len);
    rebuild->last_lh = row->lh;
    rebuild->last_utc_us = row->ts_utc_us;
    rebuild->size++;
    status = bytes_copy(&row->raw, entry->raw, entry->len);
    if (status == STATUS_OK) {
        status = audit_frontier_append(&rebuild->frontier, &row->lh);
    }
    return status == STATUS_OK ? audit_edge_append(&rebuild->edge, &row->lh, &sink, fault) : status;
}

/* Writes the last `count` entries, and the head row after them. */
static enum status extend(struct rebuild *rebuild, unsigned count, struct fault *fault)
{
    uint8_t frontier[AUDIT_FRONTIER_BYTES_MAX];
    struct store_head head = {.epoch = rebuild->epoch, .size = rebuild->size, .last_lh = rebuild->last_lh};
    const struct store_extension extension = {.head = &head,
                                              .size = rebuild->size - count,
                                              .leaves = rebuild->leaves,
                                              .leaf_count = count,
                                              .tiles = rebuild->full,
                                              .tile_count = rebuild->full_count};
    audit_frontier_root(&head.root, &rebuild->frontier);
    audit_frontier_encode(frontier, &head.frontier.len, &rebuild->frontier);
    head.frontier.data = frontier;
    rebuild->full_count = 0;
    return store_trail_extend(rebuild->tx, &extension, fault);
}

static enum status write_entries(struct rebuild *rebuild, const struct mirror_entry *entries, unsigned count,
                                 struct fault *fault)
{
    enum status status = STATUS_OK;
    unsigned made = 0;
    if (rebuild->size % STORE_TRAIL_PARTITION == 0) {
        status = store_leaf_partitions(rebuild->tx, rebuild->size, fault);
    }
    while (status == STATUS_OK && made < count) {
        status = take_entry(rebuild, &rebuild->leaves[made], &entries[made], fault);
        made++;
    }
    if (status == STATUS_OK) {
        status = extend(rebuild, count, fault);
    }
    for (unsigned i = 0; i < made; i++) {
        bytes_free(&rebuild->leaves[i].raw);
    }
    return status;
}

static enum status take_bundle(struct rebuild *rebuild, uint64_t index, struct fault *fault)
{
    struct audit_tile tile = {.index = index};
    const struct digest *hashes = NULL;
    struct mirror_entry entries[AUDIT_TILE_WIDTH];
    struct bytes bundle = {0};
    enum status status = audit_tile_tree_tile(&hashes, &tile.width, &rebuild->tree, 0, index, fault);
    if (status == STATUS_OK) {
        status = mirror_bundle(entries, &bundle, rebuild->mirror, &tile, hashes, fault);
    }
    if (status == STATUS_OK) {
        status = write_entries(rebuild, entries, tile.width, fault);
    }
    bytes_free(&bundle);
    return status;
}

/* Root, checkpoint, ordinals. */

static enum status check_root(const struct rebuild *rebuild, struct fault *fault)
{
    struct digest root;
    audit_frontier_root(&root, &rebuild->frontier);
    return digest_equal(&root, &rebuild->checkpoint.root)
               ? STATUS_OK
               : fault_set(fault, STATUS_CORRUPT, "copy", "its entries do not have the root of its checkpoint");
}

/* Of the note only what keys of the log have signed: that is what the table holds. */
static enum status write_checkpoint(struct rebuild *rebuild, struct fault *fault)
{
    const struct bytes *held = mirror_note(rebuild->mirror);
    struct store_checkpoint checkpoint = {.size = rebuild->size, .signed_at_utc_us = rebuild->last_utc_us};
    struct audit_note note;
    enum status status = audit_note_parse(&note, held->data, held->len, fault);
    if (status == STATUS_OK) {
        status = audit_note_strip(&checkpoint.note, &note, rebuild->config->keys, rebuild->config->key_count, fault);
    }
    if (status == STATUS_OK) {
        status = store_checkpoint_put(rebuild->tx, &checkpoint, fault);
    }
    bytes_free(&checkpoint.note);
    return status;
}

static enum status write_end(struct rebuild *rebuild, struct fault *fault)
{
    enum status status = check_root(rebuild, fault);
    if (status == STATUS_OK) {
        status = write_checkpoint(rebuild, fault);
    }
    return status == STATUS_OK ? store_ordinals_derive(rebuild->tx, fault) : status;
}

static enum status write_trail(struct rebuild *rebuild, struct fault *fault)
{
    struct store_head head = {0};
    bool empty = false;
    enum status status = store_head_lead(&head, rebuild->tx, fault);
    bytes_free(&head.frontier);
    rebuild->epoch = head.epoch;
    if (status == STATUS_OK) {
        status = store_trail_is_empty(&empty, rebuild->tx, fault);
    }
    if (status == STATUS_OK && !empty) {
        status = fault_set(fault, STATUS_EXISTS, "audit",
                           "the trail of this database is not empty, or events wait for it: nothing was changed");
    }
    uint64_t bundles = (rebuild->checkpoint.size + AUDIT_TILE_WIDTH - 1) / AUDIT_TILE_WIDTH;
    for (uint64_t i = 0; status == STATUS_OK && i < bundles; i++) {
        status = take_bundle(rebuild, i, fault);
    }
    if (status == STATUS_OK) {
        status = write_end(rebuild, fault);
    }
    return status;
}

static enum status write_all(struct rebuild *rebuild, struct fault *fault)
{
    enum status status = store_writer_lock_alone(rebuild->writer, fault);
    if (status == STATUS_OK) {
        status = store_writer_begin(&rebuild->tx, rebuild->writer, STORE_READ_WRITE, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = write_trail(rebuild, fault);
    if (status == STATUS_OK) {
        return store_commit(rebuild->tx, fault);
    }
    store_rollback(rebuild->tx);
    return status;
}

/* Opening. */

/* Since when each key counts is not known here: the copy may be older than the newest. */
enum status sequencer_copy_open(struct mirror **out, const char *path, const struct audit_key *keys, size_t key_count,
                                struct fault *fault)
{
    struct audit_checkpoint checkpoint;
    struct fault why = {0};
    enum status status = STATUS_MISMATCH;
    for (size_t i = key_count; status == STATUS_MISMATCH && i > 0; i--) {
        const struct audit_log_terms one = {.count = 1, .rows = {{.key = keys[i - 1]}}};
        fault_clear(&why);
        status = mirror_open(out, path, &one, MIRROR_READ, &why);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    const struct bytes *note = mirror_note(*out);
    if (note->len > 0 &&
        audit_checkpoint_open_any(&checkpoint, note->data, note->len, keys, key_count, &why) != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "checkpoint", "is not what the log has signed: %s", why.detail);
    }
    return STATUS_OK;
}

static enum status open_copy(struct rebuild *rebuild, struct fault *fault)
{
    const struct sequencer_rebuild_config *config = rebuild->config;
    enum status status = sequencer_copy_open(&rebuild->mirror, config->copy, config->keys, config->key_count, fault);
    if (status != STATUS_OK) {
        return status;
    }
    rebuild->checkpoint = *mirror_checkpoint(rebuild->mirror);
    rebuild->tiles = mirror_tiles(rebuild->mirror);
    if (rebuild->checkpoint.size == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "copy", "has no checkpoint of any entry");
    }
    return audit_tile_tree_open(&rebuild->tree, &rebuild->tiles, rebuild->checkpoint.size, &rebuild->checkpoint.root,
                                fault);
}

enum status sequencer_rebuild(uint64_t *out_size, const struct sequencer_rebuild_config *config, struct fault *fault)
{
    struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
    if (rebuild == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "rebuild", "%s", "");
    }
    rebuild->config = config;
    enum status status = open_copy(rebuild, fault);
    if (status == STATUS_OK) {
        status = store_writer_open(&rebuild->writer, config->conninfo, STATEMENT_TIMEOUT_MS, fault);
    }
    if (status == STATUS_OK) {
        status = write_all(rebuild, fault);
    }
    if (status == STATUS_OK) {
        *out_size = rebuild->size;
    }
    store_writer_close(rebuild->writer);
    mirror_close(rebuild->mirror);
    free(rebuild);
    return status;
}
