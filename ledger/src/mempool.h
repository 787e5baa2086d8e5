/*
 * The mempool: authenticated transactions that wait for a block, in the order of arrival. Bounded; forgotten at the end
 * of the process, because who submits keeps the bytes and submits again. No locks here. Private to the room.
 */
#ifndef STRONGROOM_LEDGER_MEMPOOL_H
#define STRONGROOM_LEDGER_MEMPOOL_H

#include "execute.h"

#define MEMPOOL_ENTRIES_MAX 4096
#define MEMPOOL_BYTES_MAX ((size_t)8 << 20)
#define MEMPOOL_CUT_BYTES ((size_t)64 << 10)
#define MEMPOOL_CUT_AGE_US 20000

struct mempool_entry {
    struct digest id;
    struct account_id from;
    uint64_t lane;
    uint64_t seq;
    struct ledger_batch_row row; /* owned */
    size_t size;                 /* about what it takes in a batch */
    int64_t arrived_us;          /* monotonic */
};

struct mempool {
    struct mempool_entry *entries[MEMPOOL_ENTRIES_MAX];
    size_t count;
    size_t bytes;
};

void mempool_wipe(struct mempool *pool);

/* A fresh entry with a copy of the row. Out: owned by the caller, mempool_entry_free. */
MUST_CHECK enum status mempool_entry_new(struct mempool_entry **out, const struct ledger_batch_row *row,
                                         const struct transaction *transaction);
void mempool_entry_free(struct mempool_entry *entry);

/* The entry of an id (borrowed), NULL when there is none. */
const struct mempool_entry *mempool_find(const struct mempool *pool, const struct digest *id);

/* The sequence after the waiting ones of a lane, at least `next`. */
uint64_t mempool_lane_next(const struct mempool *pool, const struct account_id *from, uint64_t lane, uint64_t next);

/* Takes the entry over. STATUS_BUSY when full: the caller keeps it. */
MUST_CHECK enum status mempool_add(struct mempool *pool, struct mempool_entry *entry);

/* Forgets and frees the entry of an id; fine when there is none. */
void mempool_remove(struct mempool *pool, const struct digest *id);

/* How long until a batch is due: 0 now, -1 when nothing waits. */
int64_t mempool_due_us(const struct mempool *pool, int64_t now_us);

/* How many entries from the first on make the next batch. */
size_t mempool_cut(const struct mempool *pool);

#endif
