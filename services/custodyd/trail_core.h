/*
 * What the sequencer tells the trail of its process. Internal to the two.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_CORE_H
#define STRONGROOM_CUSTODYD_TRAIL_CORE_H

#include "store/trail_read.h"
#include "trail.h"
#include "trail_view.h"

/* The origin of the log: the name of its keys. */
const char *trail_origin(const struct trail *trail);

/*
 * The signed note of a body and its `count` signatures, each of another key of the log. STATUS_SIGNATURE_INVALID for
 * one that is of none. Out: owned by the caller.
 */
MUST_CHECK enum status trail_note_make(struct bytes *out, const struct trail *trail, const struct bytes *body,
                                       const uint8_t (*signatures)[SIGNATURE_LEN], size_t count, struct fault *fault);

/* The tree for proofs. */
struct trail_view *trail_tree(struct trail *trail);

/* How many entries are known to be signed: the trail has as many at least. */
uint64_t trail_signed_size(struct trail *trail);

/* The newest checkpoint, of what outsiders are shown; size 0 before the first. */
struct audit_checkpoint trail_shown(struct trail *trail);

/* Rows as they stand in the database, in a snapshot of their own. Out: store_leaf_list_free. */
MUST_CHECK enum status trail_rows_list(struct store_leaf_list *out, struct trail *trail,
                                       const struct store_leaf_filter *filter, struct fault *fault);

/* Readable when events of this process were committed since trail_calm. */
int trail_wake_fd(const struct trail *trail);

/* Makes it unreadable; true when it was readable. */
bool trail_calm(struct trail *trail);

/* Makes it readable: also wakes a sequencer that is to stop. */
void trail_wake(struct trail *trail);

/* The size of the trail when this boot began: no entry before it is of this boot. */
uint64_t trail_first(const struct trail *trail);

/*
 * The code of an event in audit.pending: HMAC-SHA-256, under the HMAC-SHA-256 of the origin under the key that the
 * trail was opened with, over `since` (8 bytes, the high one first) and the SHA-256 of the event. `since`: how many
 * entries the trail had at least when the event got its number, so that whatever the trail says of that number stands
 * from there on.
 */
void trail_pending_mac(struct digest *out, const struct trail *trail, uint64_t since, const struct digest *event);

/* Whether a row of audit.pending was written by who has the key for it: this process or another of the service. */
bool trail_wrote(const struct trail *trail, int64_t since, const struct digest *event, const struct bytes *mac);

/*
 * The code of a head row, likewise over its size (8 bytes), root and last leaf hash: entries that no checkpoint covers
 * yet are the service's own when the head that has them bears it.
 */
void trail_head_mac(struct digest *out, const struct trail *trail, uint64_t size, const struct digest *root,
                    const struct digest *last_lh);

/*
 * Whether a document (by its SHA-256) that says it is event `number` of producer `boot` may become an entry: of this
 * boot only what was enqueued, once (else STATUS_MISMATCH), and not before its transaction has ended
 * (STATUS_NOT_READY). Of other boots nothing is known here: STATUS_OK.
 */
MUST_CHECK enum status trail_expects(struct trail *trail, const struct uuid *boot, uint64_t number,
                                     const struct digest *event);

/* Logs that an entry of this boot is not what was enqueued here, or tells of what did not happen. */
void trail_falsified(uint64_t seq);

/* Whether it is known here what became of event `number` of producer `boot`: a recent one of this boot. */
bool trail_remembers(struct trail *trail, const struct uuid *boot, uint64_t number);

/* Event `number` of producer `boot` became entry `seq`; those of other boots are ignored. */
void trail_sequenced(struct trail *trail, const struct uuid *boot, uint64_t number, uint64_t seq);

/* An event that goes to the sequencer of this process without lying in the database. */
struct post {
    struct post *next;
    uint64_t number;
    bool voids;             /* it declares numbers void */
    struct bytes document;  /* made by audit_event_encode */
    struct store_leaf leaf; /* its columns, without place, hash, bytes and time */
};

/* Frees a list. */
void posts_free(struct post *list);

/* Whether posts are taken from now on. When not, those that wait are lost, and those who wait for them are told. */
void trail_posts_open(struct trail *trail, bool taken);

/* Takes up to `max` posts, the oldest first, as a list. Out: how many. */
size_t trail_posts_take(struct post **out, struct trail *trail, size_t max);

/* Puts a list back to where it was taken from: it is certain that its batch did not commit. */
void trail_posts_return(struct trail *trail, struct post *list);

/*
 * Frees a list whose batch may have committed or not, on the session `backend`: its events appear in the trail, or are
 * declared void when it is certain that they do not. They are not linked again.
 */
void trail_posts_unknown(struct trail *trail, struct post *list, const struct store_backend *backend);

/*
 * Every entry was told, and no older leader can add one: unknown posts that are not among them never will be. They are
 * lost, and who waits for them is told.
 */
void trail_posts_settle(struct trail *trail);

/* A verified checkpoint: takes over `note`, releases the waiters it covers. Older than the known one: ignored. */
void trail_covered(struct trail *trail, const struct audit_checkpoint *checkpoint, struct bytes *note);

/*
 * The sequencer of this process has halted for this reason: nobody waits for a checkpoint any more (STATUS_NOT_READY at
 * once).
 */
void trail_halted(struct trail *trail, const struct fault *why);

#endif
