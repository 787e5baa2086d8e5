/*
 * The ordering engine: fixes, once and for all nodes, which proposal stands at each height. It executes nothing.
 *
 * An adapter is a table of calls and its own state. A proposal is a batch with the two values of the header that are
 * nobody's to compute again: the proposer's time and the audit head. So a block is a function of the blocks before it
 * and its proposal, and a node that was killed builds the same header again.
 *
 * What every adapter promises (the conformance suite of tests/integration/ledger runs against each of them): at a
 * height stands one proposal for ever; heights have no gaps; what submit accepted survives the death of the process;
 * calls may come from any thread.
 */
#ifndef STRONGROOM_LEDGER_ORDERING_H
#define STRONGROOM_LEDGER_ORDERING_H

#include "base/digest.h"

struct ledger_proposal {
    int64_t time_utc_us; /* the proposer's clock */
    struct digest audit; /* SHA-256 of the newest signed checkpoint the proposer knew, zero for none */
    struct bytes batch;  /* owned */
};

/* Frees and empties; an empty one is fine. */
void ledger_proposal_free(struct ledger_proposal *proposal);

/* The heights that can be read: [first, last]; first = last + 1 when there are none. Both only ever grow. */
struct ledger_ordering_status {
    uint64_t first;
    uint64_t last;
};

struct ledger_ordering_calls {
    /*
     * Proposes for `height`. STATUS_OK: this proposal stands there, durably (also when it, to the byte, stood there
     * before). STATUS_CONFLICT: the race is lost, another stands there. STATUS_INVALID: the height is more than one
     * above the last. STATUS_TOO_LARGE. A retryable status: nothing is known, ask again.
     */
    enum status (*submit)(void *self, uint64_t height, const struct ledger_proposal *proposal, struct fault *fault);

    /*
     * Subscribing is reading from a height on: waits up to `wait_ms` (0: not at all) until a proposal stands at
     * `height`. STATUS_NOT_FOUND: none yet. STATUS_EXPIRED: trimmed away. Out: owned by the caller.
     */
    enum status (*read)(void *self, struct ledger_proposal *out, uint64_t height, int64_t wait_ms, struct fault *fault);

    /* Forgets everything below `height`, which nobody will read again. At most last + 1, else STATUS_INVALID. */
    enum status (*trim)(void *self, uint64_t height, struct fault *fault);

    enum status (*status)(void *self, struct ledger_ordering_status *out, struct fault *fault);

    void (*close)(void *self);
};

/* An open engine; `self` is the adapter's. */
struct ledger_ordering {
    const struct ledger_ordering_calls *calls;
    void *self;
};

/*
 * Opens the adapter `local`: LMDB in the folder `path` (made when missing), for one process. `chain` binds the folder:
 * another one is STATUS_MISMATCH. STATUS_CORRUPT, STATUS_IO, STATUS_BUSY when another process has it open.
 */
MUST_CHECK enum status ledger_ordering_local_open(struct ledger_ordering *out, const char *path,
                                                  const struct digest *chain, struct fault *fault);

/* Closes any adapter and empties `ordering`; an empty one is fine. */
void ledger_ordering_close(struct ledger_ordering *ordering);

#endif
