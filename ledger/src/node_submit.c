/*
 * The door: what may wait for a block. Nothing here decides about money; that is execution's alone.
 */
#include "node_internal.h"

/* With the lock held: may this entry wait? The machine's own state first, then the sequence. */
static enum status check_ready(const struct ledger_node *node, struct fault *fault)
{
    if (node->halted) {
        return fault_set(fault, STATUS_HALTED, "node", "%.200s", node->reason);
    }
    int64_t stalled_us =
        node->stalled_since_us == 0 ? 0 : clock_monotonic_us(node->host.clock) - node->stalled_since_us;
    if (stalled_us > NODE_STALLED_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "node", "no block for %lld s: %.200s",
                         (long long)(stalled_us / 1000000), node->reason);
    }
    return STATUS_OK;
}

static enum status lane_next(uint64_t *out, const struct ledger_node *node, const struct account_id *account,
                             uint64_t lane, struct fault *fault)
{
    struct view view;
    uint64_t next = 0;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = view_lane_next(&next, &view, account, lane, fault);
    view_abort(&view);
    if (status == STATUS_OK) {
        *out = mempool_lane_next(&node->pool, account, lane, next);
    }
    return status;
}

static enum status check_turn(const struct ledger_node *node, const struct transaction *transaction,
                              struct fault *fault)
{
    uint64_t next = 0;
    enum status status = lane_next(&next, node, &transaction->from, transaction->lane, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (transaction->seq != next) {
        return fault_set(fault, transaction->seq < next ? STATUS_REPLAY : STATUS_NOT_READY, "seq",
                         "the lane goes on with %llu", (unsigned long long)next);
    }
    if (transaction->valid_from > node->height + 1) {
        return fault_set(fault, STATUS_NOT_READY, "valid_from", "the next height is %llu",
                         (unsigned long long)node->height + 1);
    }
    return STATUS_OK;
}

/* Growth among those that wait is for execution to judge. */
static enum status check_growth(const struct ledger_node *node, const struct ledger_anchor *anchor,
                                const struct public_key *key, struct fault *fault)
{
    struct view view;
    struct digest log;
    uint64_t size = 0;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = execute_anchored(&size, &log, &view, anchor, key, fault);
    view_abort(&view);
    return status == STATUS_OK && anchor->checkpoint.size <= size
               ? fault_set(fault, STATUS_REPLAY, "note.size", "size %llu is anchored", (unsigned long long)size)
               : status;
}

/* What was handed in: an anchor, or a transaction. */
struct candidate {
    bool anchors;
    struct ledger_anchor anchor;    /* owned */
    struct transaction transaction; /* of an anchor: zeros */
};

static enum status candidate_read(struct candidate *out, const struct ledger_node *node,
                                  const struct ledger_batch_row *row, struct fault *fault)
{
    const struct bytes *document = &row->transaction.document;
    out->anchors = ledger_anchor_is(document->data, document->len);
    return out->anchors ? execute_authenticate_anchor(&out->anchor, &node->rules, row, fault)
                        : execute_authenticate(&out->transaction, &node->rules, row, fault);
}

/* With the lock held. Takes the entry over on success only. */
static enum status admit(struct ledger_node *node, struct mempool_entry *entry, const struct candidate *candidate,
                         struct fault *fault)
{
    enum status status = check_ready(node, fault);
    if (status == STATUS_OK) {
        status = candidate->anchors ? check_growth(node, &candidate->anchor, &entry->row.key, fault)
                                    : check_turn(node, &candidate->transaction, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    entry->arrived_us = clock_monotonic_us(node->host.clock);
    status = mempool_add(&node->pool, entry);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "mempool", "%zu transactions wait", node->pool.count);
    }
    INVARIANT(pthread_cond_signal(&node->work) == 0);
    return STATUS_OK;
}

static enum status lookup_locked(struct ledger_node *node, struct ledger_transaction_status *out,
                                 const struct digest *id, struct fault *fault)
{
    node_lock(node);
    enum status status = node_lookup(node, out, id, fault);
    node_unlock(node);
    return status;
}

static enum status submit_new(struct ledger_node *node, struct ledger_transaction_status *out,
                              const struct ledger_batch_row *row, struct fault *fault)
{
    struct candidate candidate = {.anchors = false};
    struct mempool_entry *entry = NULL;
    enum status status = candidate_read(&candidate, node, row, fault);
    if (status == STATUS_OK && mempool_entry_new(&entry, row, &candidate.transaction) != STATUS_OK) {
        status = fault_set(fault, STATUS_NO_MEMORY, "transaction", "copying");
    }
    if (status != STATUS_OK) {
        ledger_anchor_wipe(&candidate.anchor);
        return status;
    }
    struct digest id = entry->id;
    node_lock(node);
    status = node_lookup(node, out, &id, fault); /* another thread may have been faster */
    if (status == STATUS_NOT_FOUND) {
        status = admit(node, entry, &candidate, fault);
        if (status == STATUS_OK) {
            entry = NULL; /* transferred */
            *out = (struct ledger_transaction_status){.id = id, .state = LEDGER_PENDING};
        }
    }
    node_unlock(node);
    ledger_anchor_wipe(&candidate.anchor);
    mempool_entry_free(entry);
    return status;
}

enum status ledger_node_submit(struct ledger_node *node, struct ledger_transaction_status *out,
                               const struct signed_document *transaction, const struct public_key *key,
                               struct fault *fault)
{
    struct digest id;
    const struct ledger_batch_row row = {.key = *key, .transaction = *transaction /* borrowed */};
    if (transaction->document.len > CANON_DOCUMENT_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "transaction", "at most %d bytes", CANON_DOCUMENT_MAX);
    }
    transaction_id(&id, transaction->document.data, transaction->document.len);
    enum status status = lookup_locked(node, out, &id, fault);
    return status == STATUS_NOT_FOUND ? submit_new(node, out, &row, fault) : status;
}

enum status ledger_node_lane_next(struct ledger_node *node, uint64_t *out_seq, const struct account_id *account,
                                  uint64_t lane, struct fault *fault)
{
    node_lock(node);
    enum status status = lane_next(out_seq, node, account, lane, fault);
    node_unlock(node);
    return status;
}
