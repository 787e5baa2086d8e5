/*
 * What outlives its entry. The service goes by what signed entries say, so those that it goes by later are told again
 * when they leave for an archive: that the use of a copied key was dealt with (key_spending.c), since the ledger shows
 * that use at every start; and of an entry of the allow-list that it was handed over, that the signer holds it and that
 * somebody took it off (destinations.h).
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_AGAIN_H
#define STRONGROOM_CUSTODYD_TRAIL_AGAIN_H

#include "store/trail_read.h"
#include "trail.h"

/* Their numbers. */
struct trail_again {
    uint64_t *seqs; /* owned, ascending */
    size_t count;
};

/* Adds entry `seq` when it is one of them. `raw`: its bytes, as they were signed. */
MUST_CHECK enum status trail_again_note(struct trail_again *inout, uint64_t seq, const void *raw, size_t len,
                                        struct fault *fault);

/* Whether this service can have made the entry so: it can be told again. */
bool trail_again_can(const struct store_leaf *entry);

/* Puts once more what it said, with its actor, correlation, policy, facts and references; nothing when it cannot. */
MUST_CHECK enum status trail_again_tell(struct trail *trail, struct store_tx *tx, const struct store_leaf *entry,
                                        struct fault *fault);

/* Frees and empties. */
void trail_again_free(struct trail_again *again);

#endif
