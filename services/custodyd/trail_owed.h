/*
 * Reads that were answered before their entries were under a checkpoint: reads go on when the trail does not, and the
 * trail is told of each of them when it goes on. Thread-safe.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_OWED_H
#define STRONGROOM_CUSTODYD_TRAIL_OWED_H

#include "trail.h"

#define TRAIL_OWED_MAX 1024

struct trail_owed;

/* Out: trail_owed_free. */
MUST_CHECK enum status trail_owed_new(struct trail_owed **out, struct fault *fault);

/* What is still owed is lost. NULL is fine. */
void trail_owed_free(struct trail_owed *owed);

/*
 * Takes over an event, which is empty afterwards; `ticket` when it was handed to the trail already, else NULL.
 * STATUS_NOT_READY when so many are owed that no more may be answered: then it stays the caller's.
 */
MUST_CHECK enum status trail_owed_add(struct trail_owed *owed, struct audit_event *event,
                                      const struct trail_ticket *ticket, struct fault *fault);

/*
 * Forgets those that are under a checkpoint by now, and hands those to the trail that it has not, or has lost: until it
 * does not take one. `store`: a session of the application, as in trail_post.
 */
void trail_owed_tell(struct trail_owed *owed, struct trail *trail, struct store *store);

#endif
