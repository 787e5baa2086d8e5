/*
 * Batches: what an ordering engine orders. See docs/formats.md.
 *
 * A row is a signed transaction and the sender's public key, because an address and a key id hold only its hash and
 * execution knows nothing but the state and the batch.
 */
#ifndef STRONGROOM_LEDGER_BATCH_H
#define STRONGROOM_LEDGER_BATCH_H

#include "base/algorithm.h"
#include "base/signed.h"

#define LEDGER_BATCH_MAX (1024 * 1024)
#define LEDGER_BATCH_ROWS_MAX 4096

struct ledger_batch_row {
    struct public_key key; /* of the sender; whether it is his is for execution to say */
    struct signed_document transaction;
};

struct ledger_batch {
    struct ledger_batch_row *rows; /* owned */
    size_t count;
};

/*
 * Reads an ordered batch: a canonical document of at most LEDGER_BATCH_MAX bytes with 1 to LEDGER_BATCH_ROWS_MAX rows.
 * That the rows hold transactions is not checked here. Out: free with ledger_batch_free.
 */
MUST_CHECK enum status ledger_batch_decode(struct ledger_batch *out, const void *bytes, size_t len,
                                           struct fault *fault);

/* The canonical bytes. Out: owned by the caller. STATUS_TOO_LARGE above LEDGER_BATCH_MAX. */
MUST_CHECK enum status ledger_batch_encode(struct bytes *out, const struct ledger_batch *batch, struct fault *fault);

/* Frees and empties; an empty one is fine. */
void ledger_batch_free(struct ledger_batch *batch);

/* SHA-256 of the ordered bytes, as in the header (it has no kind: nobody signs it). */
void ledger_batch_digest(struct digest *out, const void *bytes, size_t len);

#endif
