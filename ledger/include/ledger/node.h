/*
 * The embedded ledger node: takes signed transactions, orders them in batches, executes, has each header signed by the
 * validator, and answers what is confirmed.
 *
 * A block is confirmed when its certificate is stored; before that nothing of it counts. The node itself holds no key:
 * the validator signs through a callback. Calls may come from any thread unless they say otherwise.
 */
#ifndef STRONGROOM_LEDGER_NODE_H
#define STRONGROOM_LEDGER_NODE_H

#include "audit/tree.h"
#include "base/amount.h"
#include "base/clock.h"
#include "ledger/anchor.h"
#include "ledger/batch.h"
#include "ledger/genesis.h"
#include "ledger/ordering.h"
#include "ledger/receipt.h"

#define LEDGER_HALT_REASON_SIZE 384

struct ledger_node;

/* What the host of a node brings along. Everything is borrowed and must live until ledger_node_close. */
struct ledger_node_host {
    const struct clock *clock;

    /*
     * Has the header document signed by the validator `key`. Called from the stepping thread only, again and again for
     * the same header until it succeeds. A retryable status (the validator's key is inactive or its token locked, too)
     * is retried with backoff; any other (fork, halted, conflict ...) halts the node: people decide.
     */
    enum status (*sign_header)(void *context, struct signature *out, const struct public_key *key, const void *header,
                               size_t len, struct fault *fault);

    /*
     * SHA-256 of the newest signed checkpoint of the audit trail, zero for none. Called from the stepping thread. NULL:
     * always zero.
     */
    void (*audit_head)(void *context, struct digest *out);

    void *context;
};

enum ledger_transaction_state {
    LEDGER_PENDING = 1,   /* in the mempool or in a block without certificate */
    LEDGER_CONFIRMED = 2, /* executed, in a confirmed block */
    LEDGER_REJECTED = 3,  /* in a confirmed block, without effect, and will never have one */
};

struct ledger_transaction_status {
    struct digest id;
    enum ledger_transaction_state state;
    enum status code; /* of the receipt; STATUS_OK while pending */
    uint64_t height;  /* of its block; 0 while it is in none */
    int64_t index;    /* in the block */
};

struct ledger_node_status {
    struct digest chain;
    uint64_t height;           /* newest executed block, 0 for none */
    uint64_t confirmed_height; /* height or height - 1 */
    size_t mempool;            /* transactions waiting */
    bool halted;
    char reason[LEDGER_HALT_REASON_SIZE]; /* why halted, or what the last failed attempt to go on met; else empty */
};

/* A balance. Only an issuance account is ever below zero. */
struct ledger_balance {
    bool negative;
    struct amount amount; /* the absolute value */
};

/* One block as stored, the exact bytes. Owned by the caller, free with ledger_block_free. */
struct ledger_block {
    uint64_t height;
    struct bytes header;      /* document */
    struct bytes batch;       /* ordered bytes */
    struct bytes certificate; /* canonical bytes */
    struct bytes *receipts;   /* documents, in order */
    size_t count;
};

/* A transaction of a confirmed block and everything that proves it. Owned by the caller, ledger_evidence_free. */
struct ledger_evidence {
    struct bytes header;
    struct ledger_certificate certificate;
    int64_t index;
    int64_t count; /* transactions in the block: the size of both trees */
    struct bytes receipt;
    struct signed_document transaction;
    struct audit_proof tx_proof;
    struct audit_proof receipt_proof;
};

/*
 * Opens (or makes, from the genesis document) the node in the folder `path` and replays everything it holds: the chain
 * of headers, batches, every execution, roots, certificates, and the balances that come of them. What does not agree is
 * STATUS_CORRUPT with the height in `where`; another chain STATUS_MISMATCH; an ordering engine that has lost blocks
 * this node has executed STATUS_ROLLBACK. `ordering` is borrowed until close. Out: free with ledger_node_close.
 */
MUST_CHECK enum status ledger_node_open(struct ledger_node **out, const char *path, const struct bytes *genesis,
                                        struct ledger_ordering *ordering, const struct ledger_node_host *host,
                                        struct fault *fault);

/* Stops the producer if it runs, then frees; NULL is fine. No other thread may be in a call. */
void ledger_node_close(struct ledger_node *node);

/* Starts the producer thread, which calls ledger_node_step. Once per node. */
MUST_CHECK enum status ledger_node_start(struct ledger_node *node, struct fault *fault);

/* Stops and joins it; the mempool is kept and forgotten at close. Fine when it does not run. */
void ledger_node_stop(struct ledger_node *node);

/*
 * Does at most one step of work: obtain a missing certificate, execute an ordered proposal, or cut and order a batch.
 * Out: *wait_us is 0 when there may be more to do at once, else how long nothing is to be done unless a transaction is
 * submitted. One thread at a time: the producer's, or the caller's when it is not started. A failure that a retry may
 * mend is logged, kept for the status, and answered as STATUS_OK with a wait; STATUS_HALTED when the node has halted.
 */
MUST_CHECK enum status ledger_node_step(struct ledger_node *node, int64_t *wait_us);

/*
 * Submits a signed transaction (copied) with the public key of its sender. The same transaction again, also after it
 * was confirmed or rejected, is STATUS_OK with its status: same bytes as often as needed. Checked here: form, chain,
 * key, signature, sequence. Funds, window and issuer are judged in the block, so that their failure has a receipt.
 * STATUS_INVALID, STATUS_MISMATCH (chain), STATUS_UNKNOWN_KEY (not the sender's key, or not exactly his one signature),
 * STATUS_SIGNATURE_INVALID, STATUS_REPLAY (the sequence is used by another transaction); retryable: STATUS_NOT_READY
 * (an earlier sequence of the lane or valid_from is not there yet, or blocks have not been confirmed for too long),
 * STATUS_BUSY (mempool full); STATUS_HALTED.
 */
MUST_CHECK enum status ledger_node_submit(struct ledger_node *node, struct ledger_transaction_status *out,
                                          const struct signed_document *transaction, const struct public_key *key,
                                          struct fault *fault);

/*
 * Submits the anchor of a signed note of the log whose key is `log`, as ledger_node_submit does a transaction; it has
 * an id like one, and is asked for like one. STATUS_REPLAY: a note of this log that is no smaller is anchored.
 */
MUST_CHECK enum status ledger_node_anchor(struct ledger_node *node, struct ledger_transaction_status *out,
                                          const struct bytes *note, const struct audit_key *log, struct fault *fault);

/* The largest checkpoint anchored of a log, as its signature in a block shows. */
struct ledger_anchored {
    struct audit_checkpoint checkpoint;
    struct digest note; /* SHA-256 of the signed note */
    struct ledger_transaction_status transaction;
};

/*
 * Reads it, verified with `log`. Its block may still be without certificate: the log signed it all the same.
 * STATUS_NOT_FOUND when there is none; STATUS_CORRUPT.
 */
MUST_CHECK enum status ledger_node_anchored(struct ledger_node *node, struct ledger_anchored *out,
                                            const struct audit_key *log, struct fault *fault);

/* Status of a transaction; STATUS_NOT_FOUND when the node has never seen it, or only with a bad signature. */
MUST_CHECK enum status ledger_node_transaction(struct ledger_node *node, struct ledger_transaction_status *out,
                                               const struct digest *id, struct fault *fault);

/*
 * Waits until the transaction is confirmed or rejected, at most `wait_ms`. STATUS_OK with either; STATUS_TIMED_OUT with
 * nothing in `out`; STATUS_NOT_FOUND at once; STATUS_HALTED.
 */
MUST_CHECK enum status ledger_node_wait(struct ledger_node *node, struct ledger_transaction_status *out,
                                        const struct digest *id, int64_t wait_ms, struct fault *fault);

/* A confirmed block; STATUS_NOT_FOUND. */
MUST_CHECK enum status ledger_node_block(struct ledger_node *node, struct ledger_block *out, uint64_t height,
                                         struct fault *fault);
void ledger_block_free(struct ledger_block *block);

/* The proof of a confirmed or rejected transaction; STATUS_NOT_FOUND, STATUS_NOT_READY while it is pending. */
MUST_CHECK enum status ledger_node_evidence(struct ledger_node *node, struct ledger_evidence *out,
                                            const struct digest *id, struct fault *fault);
void ledger_evidence_free(struct ledger_evidence *evidence);

/* The balance at the last confirmed block, 0 for an account never used; STATUS_NOT_FOUND for an unknown asset. */
MUST_CHECK enum status ledger_node_balance(struct ledger_node *node, struct ledger_balance *out,
                                           const struct account_id *account, const struct digest *asset,
                                           struct fault *fault);

/* The sequence that the next transaction submitted in this lane must carry, counting those that wait. */
MUST_CHECK enum status ledger_node_lane_next(struct ledger_node *node, uint64_t *out_seq,
                                             const struct account_id *account, uint64_t lane, struct fault *fault);

/*
 * An account that has sent a transaction, whatever became of it, and looks like this one (account_id_alike).
 * STATUS_NOT_FOUND when there is none.
 */
MUST_CHECK enum status ledger_node_sender_alike(struct ledger_node *node, struct account_id *out,
                                                const struct account_id *account, struct fault *fault);

/* Where the node stands. */
void ledger_node_status(struct ledger_node *node, struct ledger_node_status *out);

/* The genesis the node was opened with (borrowed, valid as long as the node). */
const struct ledger_genesis *ledger_node_genesis(const struct ledger_node *node);

#endif
