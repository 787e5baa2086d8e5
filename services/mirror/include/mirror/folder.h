/*
 * A folder that holds a copy of a log as C2SP tlog-tiles lays it out: `checkpoint`, `tile/L/N...`, `tile/entries/N...`.
 * Any reader of tiled logs can read it, any file server can serve it.
 *
 * A tile or bundle is written once, whole, and never replaced; a partial one goes when the full one is there, as
 * tlog-tiles allows. `checkpoint` alone is replaced, after everything under the new one has reached the disk. A file
 * `.new` is one that was being written when the writer was killed; the next writer uses it up.
 */
#ifndef STRONGROOM_MIRROR_FOLDER_H
#define STRONGROOM_MIRROR_FOLDER_H

#include "audit/log_keys.h"
#include "audit/tile.h"
#include "mirror/bundle.h"

struct mirror;

enum mirror_access {
    MIRROR_READ,
    MIRROR_WRITE, /* makes the folder if it is not there, and keeps other writers out until mirror_close */
};

/*
 * Opens the folder of the log with these keys, and its checkpoint if it has one. STATUS_MISMATCH: it is a copy of
 * another log, or signed by a key that is not among them. STATUS_BUSY: somebody else writes to it. STATUS_NOT_FOUND:
 * there is no such folder; STATUS_CORRUPT: the checkpoint is none; STATUS_IO. Out: mirror_close.
 */
MUST_CHECK enum status mirror_open(struct mirror **out, const char *path, const struct audit_log_terms *keys,
                                   enum mirror_access access, struct fault *fault);

/* Closes. NULL is fine. */
void mirror_close(struct mirror *mirror);

/* The checkpoint that the copy reaches to, size 0 and the empty root when it has none. Borrowed. */
const struct audit_checkpoint *mirror_checkpoint(const struct mirror *mirror);

/* Its signed note as it stands in the folder; empty when there is none. Borrowed. */
const struct bytes *mirror_note(const struct mirror *mirror);

/* The keys of the log, and the path of the folder as it was given. Borrowed. */
const struct audit_log_terms *mirror_keys(const struct mirror *mirror);
const char *mirror_path(const struct mirror *mirror);

/*
 * From now on these are the keys of the log. STATUS_MISMATCH: by them the checkpoint of the folder is of another log;
 * STATUS_CORRUPT; then the keys are as they were.
 */
MUST_CHECK enum status mirror_take_keys(struct mirror *mirror, const struct audit_log_terms *keys, struct fault *fault);

/* Reads a file of the folder. STATUS_NOT_FOUND, STATUS_TOO_LARGE, STATUS_IO. Out: owned by the caller. */
MUST_CHECK enum status mirror_read(struct bytes *out, const struct mirror *mirror, const char *name, size_t max,
                                   struct fault *fault);

/*
 * Writes a tile or bundle, whole or not at all. When the file is there it must have these bytes: STATUS_CORRUPT names
 * it otherwise, and nothing is changed. Out: whether it was written now.
 */
MUST_CHECK enum status mirror_put(bool *out_written, const struct mirror *mirror, const char *name, const void *bytes,
                                  size_t len, struct fault *fault);

/* Removes the partial tiles of the full one `name`, if there are any. STATUS_IO. */
MUST_CHECK enum status mirror_drop_partial(const struct mirror *mirror, const char *name, struct fault *fault);

/*
 * Brings everything that was put to the disk, then replaces the checkpoint by the note, which the caller has verified
 * to be of this log and over these files. STATUS_IO: the old one stands.
 */
MUST_CHECK enum status mirror_advance(struct mirror *mirror, const void *note, size_t len, struct fault *fault);

/*
 * The tiles of the folder; nobody vouches for them (audit/tile_tree.h). Where a partial one has gone, it is taken from
 * the full one. STATUS_NOT_FOUND, STATUS_CORRUPT for a wrong length. Borrows `mirror`.
 */
struct audit_tile_source mirror_tiles(struct mirror *mirror);

/*
 * The entries beside a tile of level 0, whose hashes these are: `tile->width` of them, from the partial or the full
 * bundle. Out: `out` points into `out_bundle`, which the caller frees. STATUS_NOT_FOUND; STATUS_CORRUPT names the file.
 */
MUST_CHECK enum status mirror_bundle(struct mirror_entry out[AUDIT_TILE_WIDTH], struct bytes *out_bundle,
                                     const struct mirror *mirror, const struct audit_tile *tile,
                                     const struct digest *hashes, struct fault *fault);

#endif
