/*
 * The state of the sequencer and the steps of its loop. Internal to the sequencer; its thread alone touches it, but for
 * what the mutex guards.
 */
#ifndef STRONGROOM_CUSTODYD_SEQUENCER_CORE_H
#define STRONGROOM_CUSTODYD_SEQUENCER_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "sequencer.h"
#include "sequencer_heard.h"
#include "store/trail_write.h"
#include "trail_core.h"

/* Where the trail ends: everything a batch starts from. */
struct trail_end {
    uint64_t size;
    struct digest root;
    struct digest last_lh; /* zeros while size is 0 */
    int64_t last_utc_us;
    struct audit_frontier frontier;
    struct audit_edge edge;
};

/*
 * The thread that asks the signer, so that the next batch does not wait for it. It works on one request at a time;
 * while it does, what stands below the mutex's members is its own, otherwise the sequencer's.
 */
struct signing {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards busy, done and ending */
    pthread_cond_t changed;
    bool busy; /* a request is being worked on */
    bool done; /* its outcome has not been looked at */
    bool ending;
    bool started;

    struct audit_checkpoint asked; /* the size and root that are to be signed */
    uint64_t guard_size;           /* what the signer remembers */
    struct digest guard_root;
    bool guard_known;
    struct bytes note; /* signed and verified */
    enum status status;
    struct fault fault;
};

/* The first row of audit.pending, of this process, whose transaction has not ended here. */
struct held_row {
    uint64_t number; /* of its event; 0: there is none */
    struct uuid correlation;
    int64_t since_us; /* monotonic */
    bool told;
};

struct sequencer {
    struct sequencer_config config;
    char *conninfo;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* guards state and why */
    enum sequencer_state state;
    struct fault why;

    struct store_writer *writer; /* NULL: not connected */
    struct uuid boot;
    uint64_t told; /* events of entries below it were told to the trail */

    uint64_t epoch; /* of the last leadership, 0: never led */
    struct trail_end end;
    struct trail_end next;  /* of the batch at hand */
    struct heard heard;     /* of this leadership: what the trail says, and the batch at hand */
    struct held_row held;   /* as the last batch has seen it */
    bool intended;          /* a COMMIT of `next` has an unknown outcome */
    uint64_t own_number;    /* of the last event made here */
    uint64_t next_number;   /* the same when `next` holds */
    uint64_t partition_end; /* entries below it have a partition */

    struct signing signing;
    uint64_t covered;        /* size of the newest signed checkpoint */
    int64_t sign_not_before; /* monotonic, microseconds */
    int64_t sign_pause_ms;
};

/* Publishes the state; each change is logged once. */
void sequencer_publish(struct sequencer *sequencer, enum sequencer_state state, const struct fault *why);

/* Reports whether people must decide (sequencer.h). */
bool sequencer_must_halt(enum status status);

/*
 * Becomes leader: raises the epoch, compares the head with what this process knows, verifies the end of the trail, the
 * newest checkpoint, the signer's guard and the newest anchor. STATUS_ROLLBACK, STATUS_FORK, STATUS_CORRUPT: halt.
 */
MUST_CHECK enum status sequencer_lead(struct sequencer *sequencer, struct fault *fault);

/*
 * Moves one batch of pending events into the trail. Out: how many; 0 leaves everything as it is. STATUS_CONFLICT:
 * another leads. STATUS_OUTCOME_UNKNOWN: sequencer_lead finds out.
 */
MUST_CHECK enum status sequencer_batch(size_t *out_count, struct sequencer *sequencer, struct fault *fault);

/* Writes the first entry, log.genesis, or log.fork of a log that follows another. */
MUST_CHECK enum status sequencer_genesis(struct sequencer *sequencer, struct fault *fault);

/* Starts and ends the thread that asks the signer; the latter when no request is being worked on. */
MUST_CHECK enum status signing_start(struct sequencer *sequencer, struct fault *fault);
void signing_stop(struct sequencer *sequencer);

/* Asks the signer what it remembers and compares it with the end of the trail. No request is being worked on. */
MUST_CHECK enum status sequencer_guard(struct sequencer *sequencer, struct fault *fault);

/* Has the end of the trail signed by the other thread, unless that is at work. It releases the waiters by itself. */
void sequencer_sign(struct sequencer *sequencer);

/*
 * Looks at the outcome of a request (waits for it, when `wait`) and keeps the checkpoint. *out_signed: there was one to
 * look at. The result is that of the request, or of the keeping.
 */
MUST_CHECK enum status sequencer_signed(bool *out_signed, struct sequencer *sequencer, bool wait, struct fault *fault);

/* Tells the trail of this process which of its events stand in entries told .. the end of the table. */
MUST_CHECK enum status sequencer_tell(struct sequencer *sequencer, struct fault *fault);

/*
 * Reads the newest checkpoint and releases the waiters it covers; the row of one that is known already may be lost.
 * STATUS_ROLLBACK: the head row is behind it.
 */
MUST_CHECK enum status sequencer_follow(struct sequencer *sequencer, struct fault *fault);

#endif
