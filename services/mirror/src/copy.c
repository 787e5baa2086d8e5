/*
 * A step of copying. What is written is under a checkpoint that was verified, so it may stay when the step is broken
 * off: the next one, under a later checkpoint, finds it and goes on.
 */
#include "mirror/copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/tile_tree.h"
#include "base/file.h"

#define BESIDE_SIZE 4200

/* A step. */
struct copy {
    struct mirror *mirror;
    const struct mirror_log *log;
    struct audit_checkpoint checkpoint; /* the new one */
    struct bytes note;
    struct audit_tile_source tiles; /* of the log */
    struct audit_tile_tree tree;    /* of the new checkpoint */
};

static enum status fetch_tile(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                              struct fault *fault)
{
    const struct mirror_log *log = ((const struct copy *)context)->log;
    char name[AUDIT_TILE_PATH_SIZE];
    struct bytes content = {0};
    audit_tile_path(name, tile);
    enum status status = log->fetch(log->context, &content, name, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (content.len != tile->width * sizeof(struct digest)) {
        status = fault_set(fault, STATUS_CORRUPT, name, "what the log sent has not the length of its tile");
    } else {
        memcpy(hashes, content.data, content.len);
    }
    bytes_free(&content);
    return status;
}

/* The checkpoint. */

static enum status fetch_checkpoint(struct copy *copy, struct fault *fault)
{
    enum status status = copy->log->fetch(copy->log->context, &copy->note, "checkpoint", fault);
    if (status == STATUS_OK) {
        status =
            audit_log_terms_open(&copy->checkpoint, mirror_keys(copy->mirror), copy->note.data, copy->note.len, fault);
    }
    if (status == STATUS_OK && copy->log->witnesses != NULL) {
        status = audit_witnesses_check(copy->log->witnesses, copy->note.data, copy->note.len, fault);
    }
    return status;
}

/* The log has signed it, so it is kept for whoever asks what the log did. */
static enum status keep_beside(const struct copy *copy, struct fault *fault)
{
    char path[BESIDE_SIZE];
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;
    digest_sha256(&digest, copy->note.data, copy->note.len);
    digest_format(hex, &digest);
    int len = snprintf(path, sizeof(path), "%s.refused-%" PRIu64 "-%.16s", mirror_path(copy->mirror),
                       copy->checkpoint.size, hex);
    if (len >= (int)sizeof(path)) {
        return fault_set(fault, STATUS_TOO_LARGE, "dir", "%s", "the path is too long");
    }
    struct fault why = {0};
    enum status status = file_create(path, &copy->note, "dir", &why);
    return status == STATUS_OK || status == STATUS_EXISTS ? STATUS_OK
                                                          : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status refuse(const struct copy *copy, enum status why, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(copy->mirror);
    enum status status = keep_beside(copy, fault);
    return status == STATUS_OK ? fault_set(fault, why, "checkpoint",
                                           "the log shows %" PRIu64 " entries that %s the %" PRIu64
                                           " of the copy; the note is kept beside it",
                                           copy->checkpoint.size,
                                           why == STATUS_FORK ? "do not begin with" : "are fewer than", held->size)
                               : status;
}

/* That it extends what the folder has. The root that the new tree had then is computed from tiles that lead to it. */
static enum status check_extends(struct copy *copy, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(copy->mirror);
    struct digest root;
    if (copy->checkpoint.size < held->size) {
        return refuse(copy, STATUS_ROLLBACK, fault);
    }
    if (copy->checkpoint.size == held->size) {
        root = copy->checkpoint.root;
    } else {
        enum status status =
            audit_tile_tree_open(&copy->tree, &copy->tiles, copy->checkpoint.size, &copy->checkpoint.root, fault);
        if (status == STATUS_OK) {
            status = audit_tile_tree_root(&root, &copy->tree, held->size, fault);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return digest_equal(&root, &held->root) ? STATUS_OK : refuse(copy, STATUS_FORK, fault);
}

/* The files. */

static enum status put_tile(struct copy *copy, unsigned level, uint64_t index, struct fault *fault)
{
    char name[AUDIT_TILE_PATH_SIZE];
    const struct digest *hashes = NULL;
    struct audit_tile tile = {.level = level, .index = index};
    enum status status = audit_tile_tree_tile(&hashes, &tile.width, &copy->tree, level, index, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_tile_path(name, &tile);
    status = mirror_put(copy->mirror, name, hashes, tile.width * sizeof(struct digest), fault);
    return status == STATUS_OK && tile.width == AUDIT_TILE_WIDTH ? mirror_drop_partial(copy->mirror, name, fault)
                                                                 : status;
}

static enum status check_bundle(const struct bytes *bundle, const struct audit_tile *tile, const struct digest *hashes,
                                const char *name, struct fault *fault)
{
    struct mirror_entry entries[AUDIT_TILE_WIDTH];
    struct fault why = {0};
    size_t len = 0;
    enum status status = mirror_bundle_split(entries, &len, bundle, hashes, tile->width, &why);
    if (status == STATUS_OK && len == bundle->len) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_CORRUPT, name, "%s",
                     status == STATUS_OK ? "goes on behind its last entry" : why.detail);
}

/* One that is there, from a step that was broken off, need not be fetched, but must be what the log has signed. */
static enum status put_bundle(struct copy *copy, uint64_t index, struct fault *fault)
{
    char name[AUDIT_TILE_PATH_SIZE];
    const struct digest *hashes = NULL;
    struct audit_tile tile = {.index = index};
    struct bytes bundle = {0};
    struct fault why = {0};
    enum status status = audit_tile_tree_tile(&hashes, &tile.width, &copy->tree, 0, index, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_tile_entries_path(name, &tile);
    status = mirror_read(&bundle, copy->mirror, name, MIRROR_BUNDLE_MAX, &why);
    bool there = status == STATUS_OK;
    if (status == STATUS_NOT_FOUND) {
        status = copy->log->fetch(copy->log->context, &bundle, name, fault);
    } else if (status != STATUS_OK) {
        (void)fault_set(fault, status, why.where, "%s", why.detail);
    }
    if (status == STATUS_OK) {
        status = check_bundle(&bundle, &tile, hashes, name, fault);
    }
    if (status == STATUS_OK && !there) {
        status = mirror_put(copy->mirror, name, bundle.data, bundle.len, fault);
    }
    if (status == STATUS_OK && tile.width == AUDIT_TILE_WIDTH) {
        status = mirror_drop_partial(copy->mirror, name, fault);
    }
    bytes_free(&bundle);
    return status;
}

/* What the old tree did not have whole, level by level. */
static enum status put_all(struct copy *copy, struct fault *fault)
{
    uint64_t from = mirror_checkpoint(copy->mirror)->size;
    uint64_t size = copy->checkpoint.size;
    enum status status = STATUS_OK;
    for (unsigned level = 0; status == STATUS_OK && level < AUDIT_TILE_LEVELS; level++) {
        unsigned shift = AUDIT_TILE_HEIGHT * level;
        uint64_t end = (size >> shift) / AUDIT_TILE_WIDTH + ((size >> shift) % AUDIT_TILE_WIDTH > 0);
        for (uint64_t i = (from >> shift) / AUDIT_TILE_WIDTH; status == STATUS_OK && i < end; i++) {
            status = level == 0 ? put_bundle(copy, i, fault) : STATUS_OK;
            status = status == STATUS_OK ? put_tile(copy, level, i, fault) : status;
        }
    }
    return status;
}

static enum status copy_step(struct copy *copy, struct fault *fault)
{
    enum status status = fetch_checkpoint(copy, fault);
    if (status == STATUS_OK) {
        status = check_extends(copy, fault);
    }
    if (status != STATUS_OK || copy->checkpoint.size == mirror_checkpoint(copy->mirror)->size) {
        return status;
    }
    status = put_all(copy, fault);
    return status == STATUS_OK ? mirror_advance(copy->mirror, copy->note.data, copy->note.len, fault) : status;
}

enum status mirror_copy(struct mirror *mirror, const struct mirror_log *log, struct fault *fault)
{
    struct copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "copy", "%s", "");
    }
    copy->mirror = mirror;
    copy->log = log;
    copy->tiles = (struct audit_tile_source){.fetch = fetch_tile, .context = copy};
    enum status status = copy_step(copy, fault);
    bytes_free(&copy->note);
    free(copy);
    return status;
}
