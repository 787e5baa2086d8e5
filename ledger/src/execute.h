/*
 * Execution: the rules of the ledger. A function of the state and the batch and of nothing else. Private to the room.
 */
#ifndef STRONGROOM_LEDGER_EXECUTE_H
#define STRONGROOM_LEDGER_EXECUTE_H

#include "ledger/anchor.h"
#include "policy/transaction.h"
#include "store.h"

/* The constants of a ledger. */
struct rules {
    const struct ledger_genesis *genesis;
    struct digest chain;
    struct digest validators; /* digest of the set */
};

/* What execution stands on: the state and the constants. */
struct stage {
    const struct view *view;
    const struct rules *rules;
};

/* The results of a batch: a transaction id and a receipt document for each row. */
struct results {
    size_t count;
    struct digest *ids;
    struct bytes *receipts;
};

void results_free(struct results *results);

/*
 * Executes the rows in order on the state and records what they did. A failure is of the machine, never of a
 * transaction; the view must then be aborted.
 */
MUST_CHECK enum status execute_batch(struct results *out, const struct stage *stage, uint64_t height,
                                     const struct ledger_batch *batch, struct fault *fault);

/*
 * The part of the rules that needs no state: form, chain, sender's key and signature.
 * STATUS_INVALID, STATUS_MISMATCH, STATUS_ALGORITHM_REFUSED, STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID.
 */
MUST_CHECK enum status execute_authenticate(struct transaction *out, const struct rules *rules,
                                            const struct ledger_batch_row *row, struct fault *fault);

/*
 * The same of an anchor, which needs no signature but the log's in its note. The statuses above, but
 * STATUS_ALGORITHM_REFUSED. Out: ledger_anchor_wipe.
 */
MUST_CHECK enum status execute_authenticate_anchor(struct ledger_anchor *out, const struct rules *rules,
                                                   const struct ledger_batch_row *row, struct fault *fault);

/* The size that was anchored last of the log that an anchor with this key is of; 0 for none. */
MUST_CHECK enum status execute_anchored(uint64_t *out_size, struct digest *out_log, const struct view *view,
                                        const struct ledger_anchor *anchor, const struct public_key *key,
                                        struct fault *fault);

#endif
