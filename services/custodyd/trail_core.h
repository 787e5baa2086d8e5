/*
 * What the sequencer tells the trail of its process. Internal to the two.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_CORE_H
#define STRONGROOM_CUSTODYD_TRAIL_CORE_H

#include "trail.h"
#include "trail_view.h"

/* The log key, whose name is the origin. */
const struct audit_key *trail_key(const struct trail *trail);

/* The tree for proofs. */
struct trail_view *trail_tree(struct trail *trail);

/* Readable when events of this process were committed since trail_calm. */
int trail_wake_fd(const struct trail *trail);

/* Makes it unreadable; true when it was readable. */
bool trail_calm(struct trail *trail);

/* Makes it readable: also wakes a sequencer that is to stop. */
void trail_wake(struct trail *trail);

/* The size of the trail when this boot began: no entry before it is of this boot. */
uint64_t trail_first(const struct trail *trail);

/*
 * Whether a document (by its SHA-256) that says it is event `number` of producer `boot` may become an entry: of this
 * boot only what was enqueued, once. Of other boots nothing is known here, and the answer is yes.
 */
bool trail_expects(struct trail *trail, const struct uuid *boot, uint64_t number, const struct digest *event);

/* Event `number` of producer `boot` became entry `seq`; those of other boots are ignored. */
void trail_sequenced(struct trail *trail, const struct uuid *boot, uint64_t number, uint64_t seq);

/* A verified checkpoint: takes over `note`, releases the waiters it covers. Older than the known one: ignored. */
void trail_covered(struct trail *trail, const struct audit_checkpoint *checkpoint, struct bytes *note);

/* The sequencer of this process has halted: nobody waits for a checkpoint any more (STATUS_NOT_READY at once). */
void trail_halted(struct trail *trail);

#endif
