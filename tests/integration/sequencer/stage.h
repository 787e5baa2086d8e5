/*
 * A service without HTTP: stores, trail and sequencer on a database of its own, and the oracle that reads the whole
 * trail back and checks every promise about it.
 */
#ifndef STRONGROOM_TEST_STAGE_H
#define STRONGROOM_TEST_STAGE_H

#include "books.h"
#include "checkpoint_keeper.h"
#include "sequencer.h"

#define STAGE_ORIGIN "custody.example/audit/v1"
#define STAGE_WAIT_MS 180000

/* One process' worth of parts. Several may stand on one database. */
struct stage {
    const struct books *books;
    struct checkpoint_keeper *keeper;
    struct store *app;
    struct store *reader;
    struct trail *trail;
    struct sequencer *sequencer;
    const struct clock *clock; /* of a sequencer that is started from now on; NULL: of the machine */
};

/* What shows the events of every stage to be the service's own; borrowed. */
const struct secret *stage_pending_key(void);

/* Opens the parts and starts the sequencer. */
void stage_open(struct stage *stage, const struct books *books, struct checkpoint_keeper *keeper);

/* Stops and closes them. */
void stage_close(struct stage *stage);

/* Starts or stops the sequencer alone. */
void stage_start(struct stage *stage);
void stage_stop(struct stage *stage);

/* Waits until the sequencer is in a state; ends the test when that takes too long. Out, unless NULL: why. */
void stage_await(struct stage *stage, enum sequencer_state state, struct fault *out_why);

/* Commits one event about object `oid` ("" for none). */
struct trail_ticket stage_event(struct stage *stage, const char *oid);

/* Posts one event. */
struct trail_ticket stage_post(struct stage *stage);

/* Commits one event with the fact `settled`. */
struct trail_ticket stage_heartbeat(struct stage *stage);

/* A transaction with an event about object `oid` ("" for none) in it, to be ended by the test. */
struct store_tx *stage_open_event(struct stage *stage, const char *oid);

/* Takes a number and rolls back. */
void stage_rolled_back(struct stage *stage);

/* Puts the one event of the table public.kept (evt) into audit.pending, under a true code over this `since`. */
void stage_put_back(const struct stage *stage, int64_t since);

/*
 * Waits for cover, verifies the receipt against the raw bytes in the database, and gives its seq. The row of the
 * checkpoint is kept when this returns, or of a later one.
 */
uint64_t stage_covered(struct stage *stage, struct trail_ticket ticket);

/* Copies the log as the service shows it, without HTTP, to the folder `path` (services/mirror). */
void stage_copy(struct stage *stage, const char *path);

/* What the oracle found. */
struct story {
    uint64_t size;      /* entries */
    uint64_t covered;   /* size of the newest checkpoint */
    uint64_t unsettled; /* numbers missing below a `settled`: deleted rows */
    uint64_t open;      /* numbers missing above the last `settled` of their producer */
    uint64_t ordinal_gaps;
};

/*
 * Reads the whole trail as an auditor would and asserts: places, links, hashes, times, columns equal to what the raw
 * bytes say, tiles, head, checkpoint, no number twice. Counts what is missing.
 */
struct story stage_read(const struct books *books, const struct audit_key *key);

#endif
