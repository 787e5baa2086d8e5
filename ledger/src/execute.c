/*
 * The rules of execution. Every answer here is part of the consensus: another order of the checks is another ledger.
 *
 * A verdict (the code of a receipt) and a failure of the machine are kept apart: a verdict is data, a failure ends the
 * block and changes nothing.
 */
#include "execute.h"

#include "balance.h"

/* One row on its way. `code` is the verdict so far. */
struct run {
    const struct stage *stage;
    struct place place;
    struct transaction transaction;
    enum status code;
};

static bool machine_failed(enum status status)
{
    return status == STATUS_NO_MEMORY || status == STATUS_INTERNAL;
}

void results_free(struct results *results)
{
    receipts_free(results->receipts, results->count);
    free(results->ids);
    *results = (struct results){0};
}

/* Pins the verdicts on a signature to three, whatever the verifier learns to say. */
static enum status check_signature(const struct ledger_batch_row *row, struct fault *fault)
{
    enum status status = signed_document_verify(&row->transaction, TRANSACTION_KIND, 0, &row->key, fault);
    bool pinned = status == STATUS_OK || status == STATUS_UNKNOWN_KEY || machine_failed(status);
    return pinned ? status : STATUS_SIGNATURE_INVALID;
}

static enum status check_sender(const struct transaction *transaction, const struct ledger_batch_row *row,
                                struct fault *fault)
{
    struct account_id account;
    enum status status = account_id_from_key(&account, &row->key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!account_id_equal(&account, &transaction->from)) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "from", "not the account of the key");
    }
    if (row->transaction.signature_count != 1) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "signatures", "exactly one, by the sender");
    }
    return check_signature(row, fault);
}

enum status execute_authenticate(struct transaction *out, const struct rules *rules, const struct ledger_batch_row *row,
                                 struct fault *fault)
{
    struct transaction transaction;
    const struct bytes *document = &row->transaction.document;
    enum status status = transaction_decode(&transaction, document->data, document->len, fault);
    if (machine_failed(status)) {
        return status;
    }
    if (status != STATUS_OK) {
        return STATUS_INVALID; /* one code for every way of not being a transaction: codecs may name more rules later */
    }
    if (!digest_equal(&transaction.chain, &rules->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "a transaction of another ledger");
    }
    status = check_sender(&transaction, row, fault);
    if (status == STATUS_OK) {
        *out = transaction;
    }
    return status;
}

enum status execute_authenticate_anchor(struct ledger_anchor *out, const struct rules *rules,
                                        const struct ledger_batch_row *row, struct fault *fault)
{
    struct ledger_anchor anchor = {.note = {0}};
    const struct bytes *document = &row->transaction.document;
    enum status status = ledger_anchor_decode(&anchor, document->data, document->len, fault);
    if (status != STATUS_OK) {
        return machine_failed(status) ? status : STATUS_INVALID;
    }
    if (!digest_equal(&anchor.chain, &rules->chain)) {
        status = fault_set(fault, STATUS_MISMATCH, "chain", "an anchor on another ledger");
    } else if (row->transaction.signature_count != 0) {
        status = fault_set(fault, STATUS_UNKNOWN_KEY, "signatures", "none: the log's is in the note");
    } else {
        status = ledger_anchor_verify(&anchor, &row->key, fault);
    }
    if (status != STATUS_OK) {
        ledger_anchor_wipe(&anchor);
        return status;
    }
    *out = anchor; /* transferred */
    return STATUS_OK;
}

enum status execute_anchored(uint64_t *out_size, struct digest *out_log, const struct view *view,
                             const struct ledger_anchor *anchor, const struct public_key *key, struct fault *fault)
{
    MDB_val note;
    struct audit_note parsed;
    struct audit_checkpoint last = {.size = 0};
    enum status status = ledger_anchor_log(out_log, anchor->checkpoint.origin, key, fault);
    if (status == STATUS_OK) {
        status = view_anchor(&note, view, out_log, fault);
    }
    if (status == STATUS_NOT_FOUND) {
        *out_size = 0;
        return STATUS_OK;
    }
    if (status == STATUS_OK && (audit_note_parse(&parsed, note.mv_data, note.mv_size, NULL) != STATUS_OK ||
                                audit_checkpoint_parse(&last, parsed.body, parsed.body_len, NULL) != STATUS_OK)) {
        return fault_set(fault, STATUS_CORRUPT, "anchors", "a note that is none");
    }
    *out_size = last.size;
    return status;
}

/* Anchors of a log only grow. One that does not leaves no trace but its receipt. */
static enum status keep_anchor(struct run *run, const struct digest *id, const struct ledger_anchor *anchor,
                               const struct public_key *key, struct fault *fault)
{
    uint64_t size = 0;
    struct digest log;
    const struct view *view = run->stage->view;
    enum status status = execute_anchored(&size, &log, view, anchor, key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (anchor->checkpoint.size <= size) {
        run->code = STATUS_REPLAY;
        return STATUS_OK;
    }
    status = view_anchor_put(view, &log, &anchor->note, fault);
    return status == STATUS_OK ? view_place_put(view, id, &run->place, fault) : status;
}

static enum status execute_anchor(struct run *run, const struct digest *id, const struct ledger_batch_row *row,
                                  struct fault *fault)
{
    struct ledger_anchor anchor = {.note = {0}};
    run->code = execute_authenticate_anchor(&anchor, run->stage->rules, row, NULL);
    if (machine_failed(run->code)) {
        return fault_set(fault, run->code, "anchor", "authenticating");
    }
    enum status status = run->code == STATUS_OK ? keep_anchor(run, id, &anchor, &row->key, fault) : STATUS_OK;
    ledger_anchor_wipe(&anchor);
    return status;
}

/* Is it the turn of this sequence and height? Its use of the sequence is recorded, whatever becomes of the legs. */
static enum status take_turn(struct run *run, const struct digest *id, struct fault *fault)
{
    const struct transaction *transaction = &run->transaction;
    uint64_t next = 0;
    enum status status = view_lane_next(&next, run->stage->view, &transaction->from, transaction->lane, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (transaction->seq < next) {
        run->code = STATUS_REPLAY;
    } else if (transaction->seq > next || transaction->valid_from > run->place.height) {
        run->code = STATUS_NOT_READY;
    }
    if (run->code != STATUS_OK) {
        return STATUS_OK;
    }
    status = view_lane_put(run->stage->view, &transaction->from, transaction->lane, next + 1, fault);
    return status == STATUS_OK ? view_place_put(run->stage->view, id, &run->place, fault) : status;
}

static void check_assets(struct run *run)
{
    const struct transaction *transaction = &run->transaction;
    if (transaction->valid_until < run->place.height) {
        run->code = STATUS_EXPIRED;
    }
    for (size_t i = 0; i < transaction->leg_count && run->code == STATUS_OK; i++) {
        const struct asset *asset = ledger_genesis_asset(run->stage->rules->genesis, &transaction->legs[i].asset);
        if (asset == NULL) {
            run->code = STATUS_NOT_FOUND;
        } else if (transaction->type == TRANSACTION_ISSUE && !account_id_equal(&asset->issuer, &transaction->from)) {
            run->code = STATUS_DENIED;
        }
    }
}

/* All balances after the legs; no (account, asset) pair stands twice, so the legs do not touch each other. */
static enum status compute_legs(struct ledger_balance balances[TRANSACTION_LEGS_MAX], struct run *run,
                                struct fault *fault)
{
    const struct transaction *transaction = &run->transaction;
    bool issue = transaction->type == TRANSACTION_ISSUE; /* then `from` is the issuer, and all debits are on `from` */
    for (size_t i = 0; i < transaction->leg_count && run->code == STATUS_OK; i++) {
        const struct leg *leg = &transaction->legs[i];
        enum status status = view_balance(&balances[i], run->stage->view, &leg->account, &leg->asset, fault);
        if (status != STATUS_OK) {
            return status;
        }
        run->code = leg->side == LEG_DEBIT ? balance_debit(&balances[i], leg->amount, issue)
                                           : balance_credit(&balances[i], leg->amount);
    }
    return STATUS_OK;
}

static enum status apply_legs(struct run *run, struct fault *fault)
{
    const struct transaction *transaction = &run->transaction;
    struct ledger_balance balances[TRANSACTION_LEGS_MAX];
    enum status status = compute_legs(balances, run, fault);
    if (run->code != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < transaction->leg_count && status == STATUS_OK; i++) {
        const struct leg *leg = &transaction->legs[i];
        status = view_balance_put(run->stage->view, &leg->account, &leg->asset, &balances[i], fault);
    }
    return status;
}

static enum status execute_transaction(struct run *run, const struct digest *id, const struct ledger_batch_row *row,
                                       struct fault *fault)
{
    run->code = execute_authenticate(&run->transaction, run->stage->rules, row, NULL);
    if (machine_failed(run->code)) {
        return fault_set(fault, run->code, "transaction", "authenticating");
    }
    enum status status = STATUS_OK;
    if (run->code == STATUS_OK) {
        status = take_turn(run, id, fault);
    }
    if (status == STATUS_OK && run->code == STATUS_OK) {
        check_assets(run);
    }
    if (status == STATUS_OK && run->code == STATUS_OK) {
        status = apply_legs(run, fault);
    }
    return status;
}

/* Out: run->code is the verdict. */
static enum status execute_row(struct run *run, const struct digest *id, const struct ledger_batch_row *row,
                               struct fault *fault)
{
    const struct bytes *document = &row->transaction.document;
    return ledger_anchor_is(document->data, document->len) ? execute_anchor(run, id, row, fault)
                                                           : execute_transaction(run, id, row, fault);
}

static enum status execute_one(struct results *results, struct run *run, const struct ledger_batch_row *row,
                               struct fault *fault)
{
    size_t index = run->place.index;
    const struct bytes *document = &row->transaction.document;
    transaction_id(&results->ids[index], document->data, document->len);
    enum status status = execute_row(run, &results->ids[index], row, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct ledger_receipt receipt = {
        .code = run->code,
        .height = run->place.height,
        .index = (int64_t)index,
        .transaction = results->ids[index],
    };
    return ledger_receipt_encode(&results->receipts[index], &receipt, fault);
}

enum status execute_batch(struct results *out, const struct stage *stage, uint64_t height,
                          const struct ledger_batch *batch, struct fault *fault)
{
    struct results results = {
        .count = batch->count,
        .ids = calloc(batch->count + 1, sizeof(results.ids[0])),
        .receipts = calloc(batch->count + 1, sizeof(results.receipts[0])),
    };
    enum status status = STATUS_OK;
    if (results.ids == NULL || results.receipts == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "batch", "%zu results", batch->count);
    }
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        struct run run = {.stage = stage, .place = {.height = height, .index = (uint32_t)i}};
        status = execute_one(&results, &run, &batch->rows[i], fault);
    }
    if (status != STATUS_OK) {
        results_free(&results);
        return status;
    }
    *out = results; /* transferred */
    return STATUS_OK;
}
