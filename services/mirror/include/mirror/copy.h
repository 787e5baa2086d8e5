/*
 * Copying a log into a folder, a step at a time.
 */
#ifndef STRONGROOM_MIRROR_COPY_H
#define STRONGROOM_MIRROR_COPY_H

#include "mirror/look.h"

/* How much a later step looks at of what is there: 65,536 entries, a full tile of level 1. */
#define MIRROR_SLICE_BUNDLES 256

/* The log as it can be asked: `fetch` gets the bytes of "checkpoint", "tile/0/000" ... Out: owned by the caller. */
struct mirror_log {
    enum status (*fetch)(void *context, struct bytes *out, const char *name, struct fault *fault);
    void *context;
    const struct audit_witnesses *witnesses; /* whose quorum must have cosigned a checkpoint; NULL: nobody's */
};

/*
 * Copies what the log has beyond the folder's checkpoint: verifies the new checkpoint, that its tree extends the
 * folder's, and every tile and bundle down to the signed root before it is written; then replaces the checkpoint. Can
 * be broken off anywhere, by a kill too, and goes on where it was. Memory does not depend on the sizes.
 *
 * What is there already is looked at before: all of it in the first step with this `look`, a slice of it in each later
 * one, round and round, and what is not full always. A file that is missing is fetched again and told; one that has
 * other bytes is not touched.
 *
 * STATUS_ROLLBACK: the log shows less than the folder has; STATUS_FORK: it shows another history. Then the folder
 * stands as it was, and the note that was shown is kept beside it as <path>.refused-<size>-<16 digits of its SHA-256>.
 * STATUS_SIGNATURE_INVALID, STATUS_UNKNOWN_KEY, STATUS_MISMATCH, STATUS_QUORUM_MISSING, STATUS_INVALID: it is no
 * checkpoint to go by. STATUS_CORRUPT: the log sends what it has not signed, or a file of the folder has other bytes
 * than the log's. STATUS_NOT_FOUND: a file is missing that the log does not have any more. Else what `fetch` or
 * `look->progress` said, or STATUS_IO.
 */
MUST_CHECK enum status mirror_copy(struct mirror *mirror, const struct mirror_log *log, struct mirror_look *look,
                                   struct fault *fault);

#endif
