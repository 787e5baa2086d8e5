/*
 * Cosignatures of checkpoints: the lines of witnesses, kept for ever. Who reads one verifies it.
 */
#ifndef STRONGROOM_STORE_COSIGNATURE_H
#define STRONGROOM_STORE_COSIGNATURE_H

#include "base/bytes.h"
#include "store/store.h"

/* Keeps the line of a witness, unless it has one of this size. Role strongroom_app. */
MUST_CHECK enum status store_cosignature_put(struct store_tx *tx, uint64_t size, const char *witness,
                                             const struct bytes *line, struct fault *fault);

/* A checkpoint and what a witness has said of it. */
struct store_cosignature {
    uint64_t size;
    struct bytes note; /* as the log signed it; owned */
    struct bytes line; /* owned */
};

/*
 * The largest checkpoint that a witness has cosigned; STATUS_NOT_FOUND for none. Role strongroom_auditor. Out: free
 * note and line.
 */
MUST_CHECK enum status store_cosignature_newest(struct store_cosignature *out, const struct store_tx *tx,
                                                const char *witness, struct fault *fault);

#endif
