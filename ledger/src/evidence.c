/*
 * Evidence: a transaction of a confirmed block with its path to the header, for those who believe nobody.
 */
#include "node_internal.h"

void ledger_evidence_free(struct ledger_evidence *evidence)
{
    bytes_free(&evidence->header);
    bytes_free(&evidence->receipt);
    signed_document_free(&evidence->transaction);
    *evidence = (struct ledger_evidence){0};
}

/* The hashes of complete subtrees, computed from the leaves. */
static enum status subtree_read(void *context, struct digest *out, unsigned level, uint64_t index, struct fault *fault)
{
    (void)fault;
    const struct digest *leaves = context;
    audit_tree_root(out, leaves + (index << level), (size_t)1 << level);
    return STATUS_OK;
}

static enum status prove(struct audit_proof *out, const struct digest *values, size_t count, uint64_t index,
                         struct fault *fault)
{
    struct digest *leaves = NULL;
    if (leaf_hashes(&leaves, values, count) != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, "proof", "%zu leaves", count);
    }
    struct audit_hash_reader reader = {.read = subtree_read, .context = leaves};
    enum status status = audit_inclusion_prove(out, &reader, index, count, fault);
    free(leaves);
    return status;
}

static enum status prove_transaction(struct ledger_evidence *evidence, const struct ledger_batch *batch,
                                     struct fault *fault)
{
    struct digest *ids = calloc(batch->count + 1, sizeof(ids[0]));
    if (ids == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "proof", "%zu transactions", batch->count);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct bytes *document = &batch->rows[i].transaction.document;
        transaction_id(&ids[i], document->data, document->len);
    }
    enum status status = prove(&evidence->tx_proof, ids, batch->count, (uint64_t)evidence->index, fault);
    free(ids);
    return status;
}

static enum status prove_receipt(struct ledger_evidence *evidence, const struct ledger_block *block,
                                 struct fault *fault)
{
    struct digest *digests = NULL;
    if (receipt_digests(&digests, block->receipts, block->count) != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, "proof", "%zu receipts", block->count);
    }
    enum status status = prove(&evidence->receipt_proof, digests, block->count, (uint64_t)evidence->index, fault);
    free(digests);
    return status;
}

/* Moves what the evidence needs out of the block and the batch. */
static enum status collect(struct ledger_evidence *evidence, struct ledger_block *block, struct ledger_batch *batch,
                           struct fault *fault)
{
    INVARIANT(batch->count == block->count && (size_t)evidence->index < block->count);
    evidence->count = (int64_t)block->count;
    enum status status = prove_transaction(evidence, batch, fault);
    if (status == STATUS_OK) {
        status = prove_receipt(evidence, block, fault);
    }
    if (status == STATUS_OK) {
        status =
            ledger_certificate_decode(&evidence->certificate, block->certificate.data, block->certificate.len, fault);
    }
    if (status == STATUS_OK) {
        evidence->header = block->header;
        evidence->receipt = block->receipts[evidence->index];
        evidence->transaction = batch->rows[evidence->index].transaction;
        block->header = (struct bytes){0};
        block->receipts[evidence->index] = (struct bytes){0};
        batch->rows[evidence->index].transaction = (struct signed_document){0};
    }
    return status;
}

enum status ledger_node_evidence(struct ledger_node *node, struct ledger_evidence *out, const struct digest *id,
                                 struct fault *fault)
{
    struct ledger_transaction_status found;
    struct ledger_block block = {0};
    struct ledger_batch batch = {0};
    enum status status = ledger_node_transaction(node, &found, id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (found.state == LEDGER_PENDING) {
        return fault_set(fault, STATUS_NOT_READY, "transaction", "not confirmed yet");
    }
    struct ledger_evidence evidence = {.index = found.index};
    status = ledger_node_block(node, &block, found.height, fault);
    if (status == STATUS_OK) {
        status = ledger_batch_decode(&batch, block.batch.data, block.batch.len, fault);
    }
    if (status == STATUS_OK) {
        status = collect(&evidence, &block, &batch, fault);
    }
    if (status == STATUS_OK) {
        *out = evidence; /* transferred */
    }
    ledger_batch_free(&batch);
    ledger_block_free(&block);
    return status;
}
