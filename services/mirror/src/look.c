/*
 * The folder held against its own checkpoint, from the root down: a tile is believed when it leads to the root, a
 * bundle when its entries have the hashes of their tile.
 */
#include "mirror/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/tile_tree.h"

struct look {
    struct mirror *mirror;
    struct mirror_look *told;
    struct audit_tile_source tiles;
    struct audit_tile_tree tree;
    uint64_t amiss;
    char last[sizeof(((struct fault *)0)->where)]; /* file that was told */
};

/* A file that is amiss does not end the look; that it cannot be read does. */
static enum status tell(struct look *look, struct fault *what, struct fault *fault)
{
    if (what->status == STATUS_TOO_LARGE) {
        what->status = STATUS_CORRUPT; /* no file of a log is */
    }
    if (what->status != STATUS_NOT_FOUND && what->status != STATUS_CORRUPT) {
        return fault_set(fault, what->status, what->where, "%s", what->detail);
    }
    if (strcmp(look->last, what->where) != 0) { /* a tile above is met again under each of its tiles */
        (void)snprintf(look->last, sizeof(look->last), "%s", what->where);
        look->amiss++;
        if (look->told->found != NULL) {
            look->told->found(look->told->context, what);
        }
    }
    return STATUS_OK;
}

/* Which of the partial tiles it is cannot be told: they have the root together. */
static void name_edge(struct fault *what, uint64_t size)
{
    char names[AUDIT_TILE_LEVELS * (AUDIT_TILE_PATH_SIZE + 2)] = "";
    size_t len = 0;
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        char name[AUDIT_TILE_PATH_SIZE];
        struct audit_tile tile = {.level = level, .index = (size >> (AUDIT_TILE_HEIGHT * level)) / AUDIT_TILE_WIDTH};
        tile.width = audit_tile_width(level, tile.index, size);
        if (tile.width > 0) {
            audit_tile_path(name, &tile);
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len == 0 ? "" : ", ", name);
        }
    }
    fault_clear(what);
    (void)fault_set(what, STATUS_CORRUPT, "tile", "one of these has other bytes than were signed: %s", names);
}

static enum status open_tree(struct look *look, struct fault *what)
{
    const struct audit_checkpoint *held = mirror_checkpoint(look->mirror);
    look->tiles = mirror_tiles(look->mirror);
    enum status status = audit_tile_tree_open(&look->tree, &look->tiles, held->size, &held->root, what);
    if (status == STATUS_CORRUPT && strcmp(what->where, "tile") == 0) {
        name_edge(what, held->size);
    }
    return status;
}

static enum status look_at(struct look *look, uint64_t index, struct fault *what)
{
    struct mirror_entry entries[AUDIT_TILE_WIDTH];
    struct audit_tile tile = {.index = index};
    struct bytes bundle = {0};
    const struct digest *hashes = NULL;
    enum status status = audit_tile_tree_tile(&hashes, &tile.width, &look->tree, 0, index, what);
    if (status == STATUS_OK) {
        status = mirror_bundle(entries, &bundle, look->mirror, &tile, hashes, what);
    }
    bytes_free(&bundle);
    return status;
}

static enum status look_at_all(struct look *look, struct fault *fault)
{
    uint64_t size = mirror_checkpoint(look->mirror)->size;
    enum status status = STATUS_OK;
    for (uint64_t first = 0; status == STATUS_OK && first < size; first += AUDIT_TILE_WIDTH) {
        uint64_t done = size - first > AUDIT_TILE_WIDTH ? first + AUDIT_TILE_WIDTH : size;
        struct fault what = {0};
        if (look_at(look, first / AUDIT_TILE_WIDTH, &what) != STATUS_OK) {
            status = tell(look, &what, fault);
        }
        if (status == STATUS_OK && look->told->progress != NULL) {
            status = look->told->progress(look->told->context, done, size, fault);
        }
    }
    return status;
}

static enum status look_through(struct look *look, const struct audit_witnesses *witnesses, struct fault *fault)
{
    const struct bytes *note = mirror_note(look->mirror);
    struct fault what = {0};
    if (mirror_checkpoint(look->mirror)->size == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "checkpoint",
                         "is not there, or of no entries: nothing can be proven");
    }
    enum status status = open_tree(look, &what);
    bool opened = status == STATUS_OK;
    if (opened && witnesses != NULL) {
        status = audit_witnesses_check(witnesses, note->data, note->len, fault);
    } else if (!opened) {
        status = tell(look, &what, fault);
    }
    if (status == STATUS_OK && opened) {
        status = look_at_all(look, fault);
    }
    if (status == STATUS_OK && look->amiss > 0) {
        status =
            fault_set(fault, STATUS_CORRUPT, mirror_path(look->mirror), "%" PRIu64 " of its files missing or altered%s",
                      look->amiss, opened ? "" : ", and what is under it cannot be looked at");
    }
    return status;
}

enum status mirror_look_through(struct mirror *mirror, struct mirror_look *look,
                                const struct audit_witnesses *witnesses, struct fault *fault)
{
    struct look *own = calloc(1, sizeof(*own));
    if (own == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "look", "%s", "");
    }
    own->mirror = mirror;
    own->told = look;
    enum status status = look_through(own, witnesses, fault);
    free(own);
    return status;
}

static enum status look_at_edge(struct look *look, struct fault *fault)
{
    uint64_t size = mirror_checkpoint(look->mirror)->size;
    struct fault what = {0};
    enum status status = size == 0 ? STATUS_NOT_FOUND : open_tree(look, &what);
    if (status == STATUS_OK) {
        status = look_at(look, (size - 1) / AUDIT_TILE_WIDTH, &what);
    }
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, what.where, "%s", what.detail);
}

enum status mirror_look_at_edge(struct mirror *mirror, struct fault *fault)
{
    struct look *own = calloc(1, sizeof(*own));
    if (own == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "look", "%s", "");
    }
    own->mirror = mirror;
    enum status status = look_at_edge(own, fault);
    free(own);
    return status;
}

static enum status look_for(struct look *look, const struct audit_checkpoint *kept, struct fault *fault)
{
    uint64_t size = mirror_checkpoint(look->mirror)->size;
    struct digest root;
    if (size < kept->size) {
        return fault_set(fault, STATUS_ROLLBACK, "checkpoint",
                         "%" PRIu64 " entries were signed, and the copy has %" PRIu64, kept->size, size);
    }
    enum status status = open_tree(look, fault);
    if (status == STATUS_OK) {
        status = audit_tile_tree_root(&root, &look->tree, kept->size, fault);
    }
    return status != STATUS_OK || digest_equal(&root, &kept->root)
               ? status
               : fault_set(fault, STATUS_FORK, "checkpoint",
                           "the first %" PRIu64 " entries of the copy are others than were signed", kept->size);
}

enum status mirror_look_for(struct mirror *mirror, const struct audit_checkpoint *kept, struct fault *fault)
{
    struct look *own = calloc(1, sizeof(*own));
    if (own == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "look", "%s", "");
    }
    own->mirror = mirror;
    enum status status = look_for(own, kept, fault);
    free(own);
    return status;
}
