/*
 * The producer's side of the audit trail in the database: numbers and events that commit with the business transaction.
 * Callers outside the trail use trail.h of custodyd, which stands on this.
 */
#ifndef STRONGROOM_STORE_PENDING_H
#define STRONGROOM_STORE_PENDING_H

#include "base/bytes.h"
#include "base/digest.h"
#include "store/store.h"

/*
 * Takes the next ordinal (`on`, from 1 without gaps) of an object. The object's counter stays locked until the end of
 * the transaction, so ordinals of one object enter the trail in their order.
 */
MUST_CHECK enum status store_ordinal_next(struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                                          struct fault *fault);

/* The ordinal that was taken last, 0 for none; others may have taken one that is not committed yet. */
MUST_CHECK enum status store_ordinal_last(const struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                                          struct fault *fault);

/* An event on its way into the trail. */
struct store_put {
    struct bytes event; /* canonical, without ts and bt; borrowed */
    uint64_t since;     /* how many entries the trail had at least when it got its number */
    struct digest mac;  /* the code that shows whose both are */
};

/* Puts an event into audit.pending. */
MUST_CHECK enum status store_pending_put(struct store_tx *tx, const struct store_put *put, struct fault *fault);

#endif
