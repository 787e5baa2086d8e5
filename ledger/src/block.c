/*
 * Blocks: executing a proposal and putting the header around it. The bytes of a block depend on the blocks before and
 * the proposal only; the clock of this machine does not stand here.
 */
#include "block.h"

#define MILLISECOND_US 1000

void block_free(struct block *block)
{
    bytes_free(&block->document);
    results_free(&block->results);
}

enum status leaf_hashes(struct digest **out, const struct digest *values, size_t count)
{
    struct digest *hashes = calloc(count + 1, sizeof(hashes[0]));
    if (hashes == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        audit_leaf_hash(&hashes[i], values[i].bytes32, sizeof(values[i].bytes32));
    }
    *out = hashes; /* transferred */
    return STATUS_OK;
}

enum status receipt_digests(struct digest **out, const struct bytes *receipts, size_t count)
{
    struct digest *digests = calloc(count + 1, sizeof(digests[0]));
    if (digests == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        ledger_receipt_digest(&digests[i], receipts[i].data, receipts[i].len);
    }
    *out = digests; /* transferred */
    return STATUS_OK;
}

static enum status tree_root(struct digest *out, const struct digest *values, size_t count)
{
    struct digest *leaves = NULL;
    enum status status = leaf_hashes(&leaves, values, count);
    if (status == STATUS_OK) {
        audit_tree_root(out, leaves, count);
    }
    free(leaves);
    return status;
}

static enum status results_roots(struct ledger_header *header, const struct results *results, struct fault *fault)
{
    struct digest *digests = NULL;
    enum status status = tree_root(&header->tx_root, results->ids, results->count);
    if (status == STATUS_OK) {
        status = receipt_digests(&digests, results->receipts, results->count);
    }
    if (status == STATUS_OK) {
        status = tree_root(&header->receipts_root, digests, results->count);
    }
    free(digests);
    return status == STATUS_OK ? status : fault_set(fault, status, "roots", "hashing %zu results", results->count);
}

/* A genesis block has no time, so the first block takes the proposer's as it is. */
static int64_t block_time(const struct tip *tip, int64_t proposed_utc_us)
{
    int64_t earliest = tip->height == 0 ? 0 : tip->time_utc_us + MILLISECOND_US;
    return proposed_utc_us > earliest ? proposed_utc_us : earliest;
}

static enum status build_header(struct block *block, const struct rules *rules, const struct tip *tip,
                                const struct ledger_proposal *proposal, struct fault *fault)
{
    struct ledger_header header = {
        .audit = proposal->audit,
        .chain = rules->chain,
        .count = (int64_t)block->results.count,
        .height = tip->height + 1,
        .last_certificate = tip->certificate,
        .prev = tip->header,
        .rules = LEDGER_RULES,
        .time_utc_us = block_time(tip, proposal->time_utc_us),
        .validators = rules->validators,
    };
    ledger_batch_digest(&header.batch, proposal->batch.data, proposal->batch.len);
    audit_frontier_root(&header.history_root, &tip->history);
    enum status status = results_roots(&header, &block->results, fault);
    if (status == STATUS_OK) {
        status = ledger_header_encode(&block->document, &header, fault);
    }
    block->header = header;
    return status;
}

/* A batch that does not decode has no rows. */
static enum status decode_rows(struct ledger_batch *out, const struct bytes *batch, struct fault *fault)
{
    enum status status = ledger_batch_decode(out, batch->data, batch->len, NULL);
    if (status == STATUS_NO_MEMORY || status == STATUS_INTERNAL) {
        return fault_set(fault, status, "batch", "decoding");
    }
    return STATUS_OK;
}

enum status block_execute(struct block *out, const struct stage *stage, const struct tip *tip,
                          const struct ledger_proposal *proposal, struct fault *fault)
{
    struct block block = {.header.height = tip->height + 1};
    struct ledger_batch batch = {0};
    enum status status = decode_rows(&batch, &proposal->batch, fault);
    if (status == STATUS_OK) {
        status = view_before_clear(stage->view, fault);
    }
    if (status == STATUS_OK) {
        status = execute_batch(&block.results, stage, block.header.height, &batch, fault);
    }
    if (status == STATUS_OK) {
        status = build_header(&block, stage->rules, tip, proposal, fault);
    }
    ledger_batch_free(&batch);
    if (status != STATUS_OK) {
        block_free(&block);
        return status;
    }
    *out = block; /* transferred */
    return STATUS_OK;
}

enum status block_store(const struct view *view, const struct block *block, const struct ledger_proposal *proposal,
                        struct fault *fault)
{
    uint64_t height = block->header.height;
    struct bytes lines = {0};
    enum status status = receipts_join(&lines, block->results.receipts, block->results.count);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "receipts", "joining");
    }
    status = view_record_put(view, STORE_RECEIPTS, height, &lines, fault);
    if (status == STATUS_OK) {
        status = view_record_put(view, STORE_BATCHES, height, &proposal->batch, fault);
    }
    if (status == STATUS_OK) {
        status = view_record_put(view, STORE_HEADERS, height, &block->document, fault);
    }
    bytes_free(&lines);
    return status;
}

enum status tip_advance(struct tip *tip, const struct block *block)
{
    struct digest leaf;
    struct digest header;
    ledger_header_digest(&header, block->document.data, block->document.len);
    audit_leaf_hash(&leaf, header.bytes32, sizeof(header.bytes32));
    enum status status = audit_frontier_append(&tip->history, &leaf);
    if (status != STATUS_OK) {
        return status;
    }
    tip->height = block->header.height;
    tip->time_utc_us = block->header.time_utc_us;
    tip->header = header;
    tip->certificate = (struct digest){0};
    return STATUS_OK;
}
