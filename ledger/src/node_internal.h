/*
 * The inside of a node. Private to the room.
 *
 * Two kinds of members: those of the stepping thread, which nobody else touches, and those under `lock`, which the
 * stepping thread changes and everybody reads. The store may be read by anyone.
 */
#ifndef STRONGROOM_LEDGER_NODE_INTERNAL_H
#define STRONGROOM_LEDGER_NODE_INTERNAL_H

#include <pthread.h>

#include "block.h"
#include "mempool.h"

#define NODE_STALLED_MAX_US 5000000 /* blocks unconfirmed for longer: submissions are refused */

struct ledger_node {
    /* constant after open */
    struct store store;
    struct ledger_genesis genesis;
    struct rules rules;
    struct ledger_ordering *ordering;
    struct ledger_node_host host;

    /* of the stepping thread */
    struct tip tip;
    int64_t retry_at_us;
    int64_t backoff_us;

    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t settled; /* something was confirmed, or the node halted */
    pthread_cond_t work;    /* the producer has something to do, or must end */
    struct mempool pool;
    uint64_t height;
    uint64_t confirmed_height;
    int64_t stalled_since_us; /* monotonic; 0 while blocks go on */
    bool halted;
    bool stopping;
    char reason[LEDGER_HALT_REASON_SIZE];

    bool started; /* of the thread that opens and closes */
    pthread_t producer;
};

void node_lock(struct ledger_node *node);
void node_unlock(struct ledger_node *node);

/* Replays the store and sets the tip and heights. See ledger_node_open. */
MUST_CHECK enum status node_replay(struct ledger_node *node, struct fault *fault);

/* Status of a transaction; with the lock held. */
MUST_CHECK enum status node_lookup(struct ledger_node *node, struct ledger_transaction_status *out,
                                   const struct digest *id, struct fault *fault);

#endif
