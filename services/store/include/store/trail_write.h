/*
 * The sequencer's side of the trail in the database: one session of its own that holds the session lock, and the
 * statements of a batch. Only the role strongroom_sequencer may run them.
 */
#ifndef STRONGROOM_STORE_TRAIL_WRITE_H
#define STRONGROOM_STORE_TRAIL_WRITE_H

#include "store/trail_read.h"

#define STORE_BATCH_MAX 1024

/* One session. Once lost it stays lost, because the lock is gone with it: close it and open another. */
struct store_writer;

/* Opens the session. Same errors as store_open. Out: store_writer_close. */
MUST_CHECK enum status store_writer_open(struct store_writer **out, const char *conninfo, int64_t statement_timeout_ms,
                                         struct fault *fault);

/* Closes the session, which gives the lock back. NULL is fine. */
void store_writer_close(struct store_writer *writer);

/* Tries to get the session lock of the sequencers. */
MUST_CHECK enum status store_writer_lock(bool *out_held, struct store_writer *writer, struct fault *fault);

/*
 * Gets the session lock for a command that works on a database nothing else runs on. STATUS_BUSY while a sequencer
 * holds it; then the session is only good for closing.
 */
MUST_CHECK enum status store_writer_lock_alone(struct store_writer *writer, struct fault *fault);

/* Begins a transaction on the session; ended by store_commit or store_rollback. */
MUST_CHECK enum status store_writer_begin(struct store_tx **out, struct store_writer *writer, enum store_access access,
                                          struct fault *fault);

/* Tells the leader that events wait. */
MUST_CHECK enum status store_writer_notify_pending(struct store_writer *writer, struct fault *fault);

/*
 * Sleeps until a notification arrives, `wake_fd` can be read, or `timeout_ms` is over. STATUS_UNAVAILABLE when the
 * session is lost. Between transactions only.
 */
MUST_CHECK enum status store_writer_sleep(struct store_writer *writer, int wake_fd, int64_t timeout_ms,
                                          struct fault *fault);

/* Events taken out of audit.pending, in order of pid. */
struct store_pending {
    int64_t pid;
    struct bytes event;
    struct bytes mac; /* as it stands there: of any length */
    int64_t since;    /* how many entries the trail had at least when the event was made, if the code says so */
};

struct store_pending_batch {
    struct store_pending *rows;
    size_t count;
};

/*
 * Reads the first `limit` pending events, at most STORE_BATCH_MAX. Between transactions only. Out:
 * store_pending_batch_free.
 */
MUST_CHECK enum status store_pending_first(struct store_pending_batch *out, struct store_writer *writer, unsigned limit,
                                           struct fault *fault);

/* Frees and empties. */
void store_pending_batch_free(struct store_pending_batch *batch);

/* Raises the epoch by one and reads the head row as it then is. Out: bytes_free(&out->frontier). */
MUST_CHECK enum status store_head_lead(struct store_head *out, struct store_tx *tx, struct fault *fault);

/* Makes the partitions that hold entry `seq` and the 2^20 after it. */
MUST_CHECK enum status store_leaf_partitions(struct store_tx *tx, uint64_t seq, struct fault *fault);

/* A full tile. */
struct store_tile {
    unsigned level;
    uint64_t index;
    struct digest hashes[STORE_TILE_WIDTH];
};

#define STORE_TILES_MAX (STORE_BATCH_MAX / STORE_TILE_WIDTH + 8)

/* What makes the trail longer, written in one statement. All borrowed. */
struct store_extension {
    const struct store_head *head; /* afterwards; its epoch is the one that is expected */
    uint64_t size;                 /* of the trail before: expected, too */
    const struct store_leaf *leaves;
    size_t leaf_count; /* up to STORE_BATCH_MAX */
    const struct store_tile *tiles;
    size_t tile_count;                   /* up to STORE_TILES_MAX */
    const struct store_pending *pending; /* these rows of audit.pending became entries: they are deleted */
    size_t pending_count;
};

/*
 * Adds rows and tiles, deletes what was pending, and moves the head, where epoch and size are still those expected;
 * otherwise nothing is changed: STATUS_CONFLICT, another leads.
 */
MUST_CHECK enum status store_trail_extend(struct store_tx *tx, const struct store_extension *extension,
                                          struct fault *fault);

/*
 * The same as a transaction of its own, in one message to the server and back, with the outcomes of store_commit.
 * Between transactions only.
 */
MUST_CHECK enum status store_writer_extend(struct store_writer *writer, const struct store_extension *extension,
                                           struct fault *fault);

/* The session on the server (store_tx_backend). */
struct store_backend store_writer_backend(const struct store_writer *writer);

/*
 * Inserts a signed checkpoint unless its size has one, and tells the followers, in a transaction of its own. Losing
 * this row in a crash is harmless (the signer signs the same size again), so its commit does not wait for the disk.
 * Between transactions only.
 */
MUST_CHECK enum status store_writer_checkpoint(struct store_writer *writer, const struct store_checkpoint *checkpoint,
                                               struct fault *fault);

/* Inserts a signed checkpoint in the transaction. */
MUST_CHECK enum status store_checkpoint_put(struct store_tx *tx, const struct store_checkpoint *checkpoint,
                                            struct fault *fault);

/* Whether there is no entry, tile or checkpoint, no event waits, and the head row says so. */
MUST_CHECK enum status store_trail_is_empty(bool *out, const struct store_tx *tx, struct fault *fault);

/* Makes the last ordinal of each object what the entries say. */
MUST_CHECK enum status store_ordinals_derive(struct store_tx *tx, struct fault *fault);

#endif
