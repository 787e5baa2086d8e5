/*
 * A row of the trail: what its bytes say, and its columns, which are for finding it, not for believing it. They are no
 * part of what is hashed, so a superuser of the database can edit them and every proof holds. Who decides by a row has
 * it from trail_signed.h.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_LEAF_H
#define STRONGROOM_CUSTODYD_TRAIL_LEAF_H

#include "audit/event.h"
#include "store/trail_read.h"

/* The event that the bytes of the row are of. Out: audit_event_wipe. As audit_leaf_parse and audit_event_decode. */
MUST_CHECK enum status trail_leaf_event(struct audit_event *out, const struct store_leaf *leaf, struct fault *fault);

/* Whether these name one digest under this reference. */
bool trail_leaf_ref(struct digest *out, const struct store_leaf *leaf, const char *name);

/* Writes the columns that `event` has; seq, lh and raw stay as they are. */
void trail_leaf_project(struct store_leaf *leaf, const struct audit_event *event);

/*
 * Whether the row is the entry with this hash: its bytes have it, number and columns are what they say. The caller has
 * shown that the hash leads to a signed root, as trail_signed_check does: a row says nothing for itself.
 */
bool trail_leaf_is(const struct store_leaf *leaf, const struct digest *signed_hash);

#endif
