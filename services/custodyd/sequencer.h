/*
 * The sequencer: moves pending events into the trail, links them, and has every batch signed (audit-format 1.5).
 *
 * One thread. It leads when it holds the session lock and its epoch is the one of the head row; otherwise it follows:
 * reads new checkpoints and tells the trail of this process, so that waiters are served whoever leads.
 *
 * When the database and the signer contradict each other (a restored backup, an edited row, two histories), it halts:
 * nothing is sequenced or signed any more until people have decided and the process is started again.
 */
#ifndef STRONGROOM_CUSTODYD_SEQUENCER_H
#define STRONGROOM_CUSTODYD_SEQUENCER_H

#include "trail.h"

struct sequencer;

/* What is asked of the signer of checkpoints. All borrowed for the call. */
struct checkpoint_request {
    uint64_t old_size; /* the guard's size */
    const struct audit_proof *proof;
    const uint8_t *note; /* the body to be signed */
    size_t note_len;
};

/* What it answers: a signature over the note of each key of the log that signs at this size. */
struct checkpoint_signatures {
    size_t count; /* 1 or 2 */
    uint8_t signatures[2][SIGNATURE_LEN];
};

/*
 * The signer of checkpoints (docs/signer-protocol.md, role audit). The functions are called from the sequencer's thread
 * only and must return within a time of their own.
 */
struct checkpoint_signer {
    /* What the guard remembers. */
    enum status (*status)(void *context, uint64_t *out_size, struct digest *out_root, struct fault *fault);
    /* Signs the note after its own checks. STATUS_ROLLBACK, _FORK, _HALTED and _PROOF_INVALID halt the sequencer; any
     * other failure is tried again. */
    enum status (*sign)(void *context, struct checkpoint_signatures *out, const struct checkpoint_request *request,
                        struct fault *fault);
    void *context;
};

/* Where checkpoints are kept that the database cannot reach. Called from the sequencer's thread only. */
struct checkpoint_anchors {
    /* The largest one, verified with the log key. STATUS_NOT_FOUND: there is none. NULL: nothing is kept. */
    enum status (*newest)(void *context, struct audit_checkpoint *out, struct fault *fault);
    void *context;
};

/* The log before this one, which people ended; what the first entry says of it. */
struct sequencer_follows {
    struct digest order; /* by which it ended */
    uint64_t size;       /* entries of it that are good */
    struct digest root;
};

struct sequencer_config {
    const struct clock *clock;
    const char *conninfo; /* leads to the role strongroom_sequencer; copied */
    struct trail *trail;  /* outlives the sequencer */
    struct checkpoint_signer signer;
    struct checkpoint_anchors anchors;
    const struct sequencer_follows *follows; /* NULL: it is the first log. Outlives the sequencer */
    int64_t statement_timeout_ms;
};

enum sequencer_state {
    SEQUENCER_CONNECTING, /* the database or the signer could not be reached; tried again */
    SEQUENCER_FOLLOWING,  /* another process leads */
    SEQUENCER_LEADING,
    SEQUENCER_HALTED, /* a broken invariant; people must decide */
};

/* Starts the thread; returns at once, also when database or signer are away. Out: owned by the caller. */
MUST_CHECK enum status sequencer_start(struct sequencer **out, const struct sequencer_config *config,
                                       struct fault *fault);

/* Stops after the batch at hand and frees. NULL is fine. */
void sequencer_stop(struct sequencer *sequencer);

/* The state now; *out_why, unless NULL, is the reason when it is neither leading nor following. */
enum sequencer_state sequencer_state(struct sequencer *sequencer, struct fault *out_why);

#endif
