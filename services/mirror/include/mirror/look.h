/*
 * Looking through the folder of a copy at rest: whether every tile and bundle under its checkpoint is there, with the
 * bytes that were signed. Needs the folder and the keys of the log, and asks nobody.
 */
#ifndef STRONGROOM_MIRROR_LOOK_H
#define STRONGROOM_MIRROR_LOOK_H

#include "audit/witness.h"
#include "mirror/folder.h"

/* Who is told of a look, and how far it went. Caller-owned, for one folder; a new one has gone nowhere yet. */
struct mirror_look {
    /* So many entries of `of` were looked at; anything but STATUS_OK ends the look. NULL: nobody is told. */
    enum status (*progress)(void *context, uint64_t entries, uint64_t of, struct fault *fault);
    /* What is amiss with the file `what->where`: STATUS_NOT_FOUND, STATUS_CORRUPT. NULL: nobody is told. */
    void (*found)(void *context, const struct fault *what);
    void *context;
    bool whole;    /* all of it was looked at once */
    uint64_t next; /* bundle */
};

/*
 * Holds everything under the checkpoint of the folder against it, and the checkpoint against the witnesses (NULL:
 * nobody's quorum is asked for). Every file that is amiss is told; what stands under a tile that is amiss cannot be
 * looked at. Memory does not depend on the size. STATUS_CORRUPT: files are missing or have other bytes;
 * STATUS_NOT_FOUND: there is no checkpoint; STATUS_QUORUM_MISSING; STATUS_IO; what `look->progress` said. Somebody else
 * may write to the folder meanwhile.
 */
MUST_CHECK enum status mirror_look_through(struct mirror *mirror, struct mirror_look *look,
                                           const struct audit_witnesses *witnesses, struct fault *fault);

/*
 * Holds the files that are not full against the checkpoint of the folder, before others take their place; they may be
 * missing. STATUS_CORRUPT names them; STATUS_IO.
 */
MUST_CHECK enum status mirror_look_at_edge(struct mirror *mirror, struct fault *fault);

/*
 * Whether the copy begins with the log that somebody else's checkpoint is of, which the caller has verified.
 * STATUS_ROLLBACK: it has fewer entries; STATUS_FORK: it is another history; else as mirror_look_through.
 */
MUST_CHECK enum status mirror_look_for(struct mirror *mirror, const struct audit_checkpoint *kept, struct fault *fault);

#endif
