/*
 * Anchors at the node's door, and what it holds of a log.
 */
#include "node_internal.h"

enum status ledger_node_anchor(struct ledger_node *node, struct ledger_transaction_status *out,
                               const struct bytes *note, const struct audit_key *log, struct fault *fault)
{
    struct signed_document document = {.signature_count = 0};
    enum status status = ledger_anchor_encode(&document.document, &node->rules.chain, note, fault);
    if (status == STATUS_OK) {
        status = ledger_node_submit(node, out, &document, &log->public_key, fault);
    }
    signed_document_free(&document);
    return status;
}

/* Out: a copy, owned by the caller. */
static enum status read_note(struct bytes *out, const struct ledger_node *node, const struct digest *log,
                             struct fault *fault)
{
    struct view view;
    MDB_val note;
    enum status status = view_begin(&view, &node->store, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = view_anchor(&note, &view, log, fault);
    if (status == STATUS_OK) {
        status = bytes_copy(out, note.mv_data, note.mv_size);
    }
    view_abort(&view);
    return status == STATUS_NOT_FOUND ? fault_set(fault, status, "anchors", "none of this log") : status;
}

static enum status describe(struct ledger_anchored *out, struct ledger_node *node, const struct bytes *note,
                            const struct audit_key *log, struct fault *fault)
{
    struct ledger_anchored anchored;
    struct digest id;
    struct bytes document = {0};
    struct fault inner = {0};
    enum status status = audit_checkpoint_open(&anchored.checkpoint, note->data, note->len, log, &inner);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "anchors", "the log has not signed what is anchored: %s", inner.detail);
    }
    digest_sha256(&anchored.note, note->data, note->len);
    status = ledger_anchor_encode(&document, &node->rules.chain, note, fault);
    if (status == STATUS_OK) {
        transaction_id(&id, document.data, document.len);
        status = ledger_node_transaction(node, &anchored.transaction, &id, fault);
        bytes_free(&document);
    }
    if (status == STATUS_OK) {
        *out = anchored;
    }
    return status == STATUS_NOT_FOUND ? fault_set(fault, STATUS_CORRUPT, "anchors", "one that no block has") : status;
}

enum status ledger_node_anchored(struct ledger_node *node, struct ledger_anchored *out, const struct audit_key *log,
                                 struct fault *fault)
{
    struct digest name;
    struct bytes note = {0};
    enum status status = ledger_anchor_log(&name, log->name, &log->public_key, fault);
    if (status == STATUS_OK) {
        status = read_note(&note, node, &name, fault);
    }
    if (status == STATUS_OK) {
        status = describe(out, node, &note, log, fault);
        bytes_free(&note);
    }
    return status;
}
