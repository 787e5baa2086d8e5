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
    struct mirror_look *look;
    struct audit_checkpoint checkpoint; /* the new one */
    struct bytes note;
    struct audit_tile_source tiles;
    struct audit_tile_tree tree; /* of the new checkpoint */
    bool own_tiles;              /* full tiles are taken from the folder, where it has them; else the log's count */
    bool from_folder;            /* the last one was */
    bool restored;               /* a file that was missing */
};

static enum status altered(const char *name, struct fault *fault)
{
    return fault_set(fault, STATUS_CORRUPT, name, "is there with other bytes than the log has signed");
}

static enum status fetch_from_log(const struct mirror_log *log, struct digest hashes[AUDIT_TILE_WIDTH],
                                  const struct audit_tile *tile, struct fault *fault)
{
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

static enum status fetch_tile(void *context, struct digest hashes[AUDIT_TILE_WIDTH], const struct audit_tile *tile,
                              struct fault *fault)
{
    struct copy *copy = context;
    struct fault why = {0};
    enum status status = STATUS_NOT_FOUND;
    if (copy->own_tiles && tile->width == AUDIT_TILE_WIDTH) {
        const struct audit_tile_source own = mirror_tiles(copy->mirror);
        status = own.fetch(own.context, hashes, tile, &why);
    }
    copy->from_folder = status != STATUS_NOT_FOUND;
    if (!copy->from_folder) {
        return fetch_from_log(copy->log, hashes, tile, fault);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
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

/* That it extends what the folder has. The root that the new tree had then is computed from tiles that lead to it, the
 * log's own, so that another history is not taken for files that were altered. */
static enum status check_extends(struct copy *copy, struct fault *fault)
{
    const struct audit_checkpoint *held = mirror_checkpoint(copy->mirror);
    struct digest root = copy->checkpoint.root;
    if (copy->checkpoint.size < held->size) {
        return refuse(copy, STATUS_ROLLBACK, fault);
    }
    if (copy->checkpoint.size == held->size && !digest_equal(&root, &held->root)) {
        return refuse(copy, STATUS_FORK, fault);
    }
    enum status status =
        audit_tile_tree_open(&copy->tree, &copy->tiles, copy->checkpoint.size, &copy->checkpoint.root, fault);
    if (status == STATUS_OK) {
        status = audit_tile_tree_root(&root, &copy->tree, held->size, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return digest_equal(&root, &held->root) ? STATUS_OK : refuse(copy, STATUS_FORK, fault);
}

/* The files. */

static enum status tree_tile(const struct digest **out, struct audit_tile *inout, struct copy *copy,
                             struct fault *fault)
{
    struct fault why = {0};
    enum status status = audit_tile_tree_tile(out, &inout->width, &copy->tree, inout->level, inout->index, &why);
    if (status == STATUS_CORRUPT && copy->from_folder) {
        return altered(why.where, fault);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Whether the folder has had it, under its checkpoint. */
static bool was_there(const struct copy *copy, const struct audit_tile *tile)
{
    return audit_tile_width(tile->level, tile->index, mirror_checkpoint(copy->mirror)->size) == tile->width;
}

static enum status put(struct copy *copy, const struct audit_tile *tile, const char *name, const void *bytes,
                       size_t len, struct fault *fault)
{
    bool written = false;
    enum status status = mirror_put(&written, copy->mirror, name, bytes, len, fault);
    if (written && was_there(copy, tile)) {
        struct fault what = {0};
        (void)fault_set(&what, STATUS_NOT_FOUND, name, "was missing and is fetched again");
        copy->restored = true;
        if (copy->look->found != NULL) {
            copy->look->found(copy->look->context, &what);
        }
    }
    return status == STATUS_OK && tile->width == AUDIT_TILE_WIDTH ? mirror_drop_partial(copy->mirror, name, fault)
                                                                  : status;
}

static enum status put_tile(struct copy *copy, unsigned level, uint64_t index, struct fault *fault)
{
    char name[AUDIT_TILE_PATH_SIZE];
    const struct digest *hashes = NULL;
    struct audit_tile tile = {.level = level, .index = index};
    enum status status = tree_tile(&hashes, &tile, copy, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_tile_path(name, &tile);
    return put(copy, &tile, name, hashes, tile.width * sizeof(struct digest), fault);
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

static enum status fetch_bundle(struct copy *copy, const struct audit_tile *tile, const struct digest *hashes,
                                const char *name, struct fault *fault)
{
    struct bytes bundle = {0};
    struct fault why = {0};
    enum status status = copy->log->fetch(copy->log->context, &bundle, name, &why);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND && was_there(copy, tile)
                   ? fault_set(fault, status, name, "is missing in the folder, and the log does not have it any more")
                   : fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = check_bundle(&bundle, tile, hashes, name, fault);
    if (status == STATUS_OK) {
        status = put(copy, tile, name, bundle.data, bundle.len, fault);
    }
    bytes_free(&bundle);
    return status;
}

/* One that is there need not be fetched, but must be what the log has signed. */
static enum status put_bundle(struct copy *copy, uint64_t index, struct fault *fault)
{
    char name[AUDIT_TILE_PATH_SIZE];
    const struct digest *hashes = NULL;
    struct audit_tile tile = {.index = index};
    struct bytes bundle = {0};
    struct fault why = {0};
    enum status status = tree_tile(&hashes, &tile, copy, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_tile_entries_path(name, &tile);
    status = mirror_read(&bundle, copy->mirror, name, MIRROR_BUNDLE_MAX, &why);
    if (status == STATUS_NOT_FOUND) {
        return fetch_bundle(copy, &tile, hashes, name, fault);
    }
    if (status == STATUS_OK) {
        status = check_bundle(&bundle, &tile, hashes, name, &why);
    }
    bytes_free(&bundle);
    if (status == STATUS_CORRUPT || status == STATUS_TOO_LARGE) {
        return altered(name, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    return tile.width == AUDIT_TILE_WIDTH ? mirror_drop_partial(copy->mirror, name, fault) : STATUS_OK;
}

/* A full bundle, its tile, and the full tiles above that end with it. */
static enum status look_at(struct copy *copy, uint64_t index, struct fault *fault)
{
    enum status status = put_bundle(copy, index, fault);
    bool ends = true;
    for (unsigned level = 0; status == STATUS_OK && ends && level < AUDIT_TILE_LEVELS; level++) {
        status = put_tile(copy, level, index, fault);
        ends = index % AUDIT_TILE_WIDTH == AUDIT_TILE_WIDTH - 1;
        index /= AUDIT_TILE_WIDTH;
    }
    return status;
}

/* What the old tree had whole. */
static enum status look_through(struct copy *copy, struct fault *fault)
{
    struct mirror_look *look = copy->look;
    uint64_t end = mirror_checkpoint(copy->mirror)->size / AUDIT_TILE_WIDTH;
    uint64_t until = look->whole && end - look->next > MIRROR_SLICE_BUNDLES ? look->next + MIRROR_SLICE_BUNDLES : end;
    enum status status = STATUS_OK;
    INVARIANT(look->next <= end); /* of this folder */
    while (status == STATUS_OK && look->next < until) {
        status = look_at(copy, look->next, fault);
        look->next += status == STATUS_OK;
        if (status == STATUS_OK && look->progress != NULL) {
            status = look->progress(look->context, look->next * AUDIT_TILE_WIDTH, end * AUDIT_TILE_WIDTH, fault);
        }
    }
    if (status == STATUS_OK && look->next == end) {
        look->next = 0;
        look->whole = true;
    }
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
    copy->own_tiles = true;
    if (status == STATUS_OK && copy->checkpoint.size > mirror_checkpoint(copy->mirror)->size) {
        status = mirror_look_at_edge(copy->mirror, fault);
    }
    if (status == STATUS_OK) {
        status = look_through(copy, fault);
    }
    if (status == STATUS_OK) {
        status = put_all(copy, fault);
    }
    bool same = copy->checkpoint.size == mirror_checkpoint(copy->mirror)->size && !copy->restored;
    return status == STATUS_OK && !same ? mirror_advance(copy->mirror, copy->note.data, copy->note.len, fault) : status;
}

enum status mirror_copy(struct mirror *mirror, const struct mirror_log *log, struct mirror_look *look,
                        struct fault *fault)
{
    struct copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "copy", "%s", "");
    }
    copy->mirror = mirror;
    copy->log = log;
    copy->look = look;
    copy->tiles = (struct audit_tile_source){.fetch = fetch_tile, .context = copy};
    enum status status = copy_step(copy, fault);
    bytes_free(&copy->note);
    free(copy);
    return status;
}
