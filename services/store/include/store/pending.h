/*
 * The producer's side of the audit trail in the database: numbers and events that commit with the business transaction.
 * Callers outside the trail use trail.h of custodyd, which stands on this.
 */
#ifndef STRONGROOM_STORE_PENDING_H
#define STRONGROOM_STORE_PENDING_H

#include "base/digest.h"
#include "store/store.h"

#include <stddef.h>

/*
 * Takes the next ordinal (`on`, from 1 without gaps) of an object. The object's counter stays locked until the end of
 * the transaction, so ordinals of one object enter the trail in their order.
 */
MUST_CHECK enum status store_ordinal_next(struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                                          struct fault *fault);

/* The ordinal that was taken last, 0 for none; others may have taken one that is not committed yet. */
MUST_CHECK enum status store_ordinal_last(struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                                          struct fault *fault);

/*
 * Puts an event (canonical bytes without ts and bt) into audit.pending, with the code that shows whose it is. */
MUST_CHECK enum status store_pending_put(struct store_tx *tx, const void *event, size_t len, const struct digest *mac,
                                         struct fault *fault);

#endif
