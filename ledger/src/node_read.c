/*
 * Reads: what is confirmed, and the proof of it. Every read is one LMDB snapshot.
 */
#include <errno.h>

#include "node_internal.h"

#define SECOND_MS 1000
#define MILLISECOND_NS 1000000L

static enum status receipt_code(enum status *out, const struct view *view, const struct place *place,
                                struct fault *fault)
{
    MDB_val lines;
    MDB_val header;
    struct ledger_header decoded;
    struct ledger_receipt receipt;
    struct bytes *receipts = NULL;
    enum status status = view_record(&header, view, STORE_HEADERS, place->height, fault);
    if (status == STATUS_OK) {
        status = view_record(&lines, view, STORE_RECEIPTS, place->height, fault);
    }
    if (status == STATUS_OK) {
        status = ledger_header_decode(&decoded, header.mv_data, header.mv_size, fault);
    }
    if (status == STATUS_OK) {
        status = receipts_split(&receipts, (size_t)decoded.count, &lines, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "receipt", "cannot be read");
    }
    INVARIANT(place->index < (uint64_t)decoded.count);
    status = ledger_receipt_decode(&receipt, receipts[place->index].data, receipts[place->index].len, fault);
    receipts_free(receipts, (size_t)decoded.count);
    if (status == STATUS_OK) {
        *out = receipt.code;
    }
    return status;
}

static enum status lookup_stored(struct ledger_transaction_status *out, const struct ledger_node *node,
                                 const struct view *view, const struct digest *id, struct fault *fault)
{
    struct place place;
    enum status code = STATUS_OK;
    enum status status = view_place(&place, view, id, fault);
    bool confirmed = status == STATUS_OK && place.height <= node->confirmed_height;
    if (confirmed) {
        status = receipt_code(&code, view, &place, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    enum ledger_transaction_state settled = code == STATUS_OK ? LEDGER_CONFIRMED : LEDGER_REJECTED;
    *out = (struct ledger_transaction_status){
        .id = *id,
        .state = confirmed ? settled : LEDGER_PENDING,
        .code = code,
        .height = place.height,
        .index = place.index,
    };
    return STATUS_OK;
}

/* The mempool first: what leaves it is in the store already, so it is never nowhere. STATUS_NOT_FOUND, no fault. */
enum status node_lookup(struct ledger_node *node, struct ledger_transaction_status *out, const struct digest *id,
                        struct fault *fault)
{
    if (mempool_find(&node->pool, id) != NULL) {
        *out = (struct ledger_transaction_status){.id = *id, .state = LEDGER_PENDING};
        return STATUS_OK;
    }
    struct view view;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = lookup_stored(out, node, &view, id, fault);
    view_abort(&view);
    return status;
}

static enum status not_found(enum status status, const char *where, struct fault *fault)
{
    return status == STATUS_NOT_FOUND ? fault_set(fault, status, where, "not on this ledger") : status;
}

enum status ledger_node_transaction(struct ledger_node *node, struct ledger_transaction_status *out,
                                    const struct digest *id, struct fault *fault)
{
    node_lock(node);
    enum status status = node_lookup(node, out, id, fault);
    node_unlock(node);
    return not_found(status, "transaction", fault);
}

static struct timespec deadline_after(int64_t wait_ms)
{
    struct timespec at;
    INVARIANT(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    at.tv_sec += wait_ms / SECOND_MS;
    at.tv_nsec += (long)(wait_ms % SECOND_MS) * MILLISECOND_NS;
    if (at.tv_nsec >= SECOND_MS * MILLISECOND_NS) {
        at.tv_sec++;
        at.tv_nsec -= SECOND_MS * MILLISECOND_NS;
    }
    return at;
}

enum status ledger_node_wait(struct ledger_node *node, struct ledger_transaction_status *out, const struct digest *id,
                             int64_t wait_ms, struct fault *fault)
{
    struct ledger_transaction_status found = {0};
    struct timespec deadline = deadline_after(wait_ms);
    int waited = 0;
    node_lock(node);
    enum status status = node_lookup(node, &found, id, fault);
    while (status == STATUS_OK && found.state == LEDGER_PENDING && !node->halted && waited == 0) {
        waited = pthread_cond_timedwait(&node->settled, &node->lock, &deadline);
        status = node_lookup(node, &found, id, fault);
    }
    bool halted = node->halted;
    node_unlock(node);
    if (status != STATUS_OK) {
        return not_found(status, "transaction", fault);
    }
    if (found.state == LEDGER_PENDING) {
        return halted ? fault_set(fault, STATUS_HALTED, "node", "the ledger has halted")
                      : fault_set(fault, STATUS_TIMED_OUT, "transaction", "not confirmed within %lld ms",
                                  (long long)wait_ms);
    }
    *out = found;
    return STATUS_OK;
}

void ledger_block_free(struct ledger_block *block)
{
    bytes_free(&block->header);
    bytes_free(&block->batch);
    bytes_free(&block->certificate);
    receipts_free(block->receipts, block->count);
    *block = (struct ledger_block){0};
}

static enum status copy_record(struct bytes *out, const struct view *view, enum ledger_store_table table,
                               uint64_t height, struct fault *fault)
{
    MDB_val value;
    enum status status = view_record(&value, view, table, height, fault);
    return status == STATUS_OK ? bytes_copy(out, value.mv_data, value.mv_size) : status;
}

static enum status copy_receipts(struct ledger_block *block, const struct view *view, struct fault *fault)
{
    MDB_val lines;
    struct ledger_header header;
    enum status status = ledger_header_decode(&header, block->header.data, block->header.len, fault);
    if (status == STATUS_OK) {
        status = view_record(&lines, view, STORE_RECEIPTS, block->height, fault);
    }
    if (status == STATUS_OK) {
        status = receipts_split(&block->receipts, (size_t)header.count, &lines, fault);
    }
    if (status == STATUS_OK) {
        block->count = (size_t)header.count;
    }
    return status;
}

/* The certificate first: without it there is no such block. */
static enum status read_block(struct ledger_block *out, const struct view *view, uint64_t height, struct fault *fault)
{
    struct ledger_block block = {.height = height};
    enum status status = copy_record(&block.certificate, view, STORE_CERTIFICATES, height, fault);
    if (status == STATUS_OK) {
        status = copy_record(&block.header, view, STORE_HEADERS, height, fault);
    }
    if (status == STATUS_OK) {
        status = copy_record(&block.batch, view, STORE_BATCHES, height, fault);
    }
    if (status == STATUS_OK) {
        status = copy_receipts(&block, view, fault);
    }
    if (status != STATUS_OK) {
        ledger_block_free(&block);
        return status;
    }
    *out = block; /* transferred */
    return STATUS_OK;
}

enum status ledger_node_block(struct ledger_node *node, struct ledger_block *out, uint64_t height, struct fault *fault)
{
    struct view view;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_block(out, &view, height, fault);
    view_abort(&view);
    return not_found(status, "height", fault);
}

enum status ledger_node_balance(struct ledger_node *node, struct ledger_balance *out, const struct account_id *account,
                                const struct digest *asset, struct fault *fault)
{
    struct view view;
    if (ledger_genesis_asset(&node->genesis, asset) == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "asset", "not on this ledger");
    }
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = view_balance_confirmed(out, &view, account, asset, fault);
    view_abort(&view);
    return status;
}

enum status ledger_node_sender_alike(struct ledger_node *node, struct account_id *out, const struct account_id *account,
                                     struct fault *fault)
{
    struct view view;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = view_sender_alike(out, &view, account, fault);
    view_abort(&view);
    return not_found(status, "account", fault);
}
