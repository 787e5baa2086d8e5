/*
 * The end of a quarantine. What was recorded before the signature counts (the entry `withdrawal.signing`, the intent
 * that it names), never the row: what differs is shown, and stays in the row as it was found. Where no such entry is
 * shown, what the signer promised counts, who is asked by the withdrawal alone: that it was never asked to sign is
 * nothing that rows could say. A signer that cannot know (its guard was made anew) leaves the intent that was asked
 * for, by its entry or by the signatures of two approvers. Whether the transaction happened is for the ledger to say;
 * it is asked for it, then the signer is asked once more, who signs the same bytes again or says that it never did.
 * Nobody chooses the end: whoever calls only has it found out.
 */
#include "base/canon.h"
#include "history.h"
#include "key_gate.h"
#include "record.h"
#include "recorded.h"
#include "step_signature.h"
#include "store/lane.h"
#include "withdrawals.h"
#include "workers.h"

#define LEDGER_WAIT_MS 2000

struct settling {
    struct service *service;
    const struct http_request *request;
    struct recorded recorded;
    struct bytes handed_in;        /* an intent to be used in place of the row's */
    struct bytes document;         /* of the intent that was recorded */
    struct intent intent;          /* the same, decoded */
    const struct wallet *wallet;   /* of the intent */
    struct store_withdrawal truth; /* transaction and signature as they must be, for what the row lacks */
    struct ledger_transaction_status ledger;
    enum withdrawal_state to;
    enum status reason; /* of a failure */
    uint64_t promises;  /* of the signer, when it signed for this; 0: it did not */
    bool promised;      /* the signer says what it promised: recorded.transaction_id, whatever is shown */
    bool forgotten;     /* it cannot say, since a guard before its own may have promised it */
    bool unspent;       /* the signer may have promised the sequence, and nothing can use it up */
    bool unpromised;    /* the signer says that it never promised it, which must be so still when it is free */
    struct trail_ticket ticket;
    json_t *view;
};

struct approving {
    const struct recorded *recorded;
    const struct bytes *intent;
    bool approved;
};

static enum status approved_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct approving *approving = context;
    const struct recorded *recorded = approving->recorded;
    return withdrawal_was_approved(&approving->approved, recorded->service, tx, &recorded->id, approving->intent,
                                   fault);
}

/*
 * Of a withdrawal that the signer may have forgotten: only this intent can have been signed. By the entry of its
 * request; of one that began in a log that ended, or has no entry, by what two approvers signed, as no row can say.
 */
static enum status check_asked(const struct settling *settling, const struct bytes *document, struct fault *fault)
{
    const struct recorded *recorded = &settling->recorded;
    struct approving approving = {.recorded = recorded, .intent = document};
    struct digest digest;
    if (recorded->asked) {
        intent_digest(&digest, document->data, document->len);
        return digest_equal(&digest, &recorded->asked_id)
                   ? STATUS_OK
                   : fault_set(fault, STATUS_MISMATCH, "intent", "is not the one that was asked for: hand in that one");
    }
    enum status status = store_read(settling->service->store, approved_in, &approving, fault);
    return status != STATUS_OK || approving.approved
               ? status
               : fault_set(fault, STATUS_ROLLBACK, "promises",
                           "a guard before the signer's may have promised it, and neither the trail nor two approvals "
                           "that are kept say with which intent");
}

static enum status check_document(const struct settling *settling, const struct bytes *document, struct fault *fault)
{
    const struct recorded *recorded = &settling->recorded;
    if (recorded->leaf.raw.len > 0 && !settling->promised && !recorded_is_intent(recorded, document)) {
        return fault_set(fault, STATUS_MISMATCH, "intent", "is not the one that was recorded: hand in that one");
    }
    return settling->forgotten ? check_asked(settling, document, fault) : STATUS_OK;
}

/* What was recorded, from an intent that has its digest: the row's own, or the one that was handed in. */
static enum status find_truth(struct settling *settling, struct fault *fault)
{
    struct recorded *recorded = &settling->recorded;
    struct transaction transaction;
    struct digest id;
    const struct bytes *document = settling->handed_in.len > 0 ? &settling->handed_in : &recorded->row.intent;
    enum status status = check_document(settling, document, fault);
    if (status == STATUS_OK) {
        status = bytes_copy(&settling->document, document->data, document->len);
    }
    if (status == STATUS_OK) {
        status = intent_decode(&settling->intent, document->data, document->len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const struct policy *policy = service_policy_named(settling->service, &settling->intent.policy);
    settling->wallet = policy == NULL ? NULL : policy_find_wallet(policy, &settling->intent.wallet);
    if (settling->wallet == NULL || !uuid_equal(&settling->intent.withdrawal, &recorded->id)) {
        return fault_set(fault, STATUS_MISMATCH, "intent", "is of another withdrawal, or of a wallet that is none");
    }
    status = transaction_from_intent(&transaction, &settling->intent, &settling->wallet->account, fault);
    if (status == STATUS_OK) {
        status = transaction_encode(&settling->truth.transaction, &transaction, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    transaction_id(&id, settling->truth.transaction.data, settling->truth.transaction.len);
    if (settling->forgotten && !recorded->ended) {
        recorded->transaction_id = id; /* nobody else knows it */
    }
    return digest_equal(&id, &recorded->transaction_id)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "intent",
                           "is not that of the transaction that was %s: hand in that one",
                           settling->promised ? "promised" : "recorded");
}

static enum status fail(struct settling *settling, enum status reason)
{
    settling->to = WITHDRAWAL_FAILED;
    settling->reason = reason;
    return STATUS_OK;
}

/* The ledger's word, if it has one. `otherwise`: why it failed, when it cannot be taken any more; STATUS_OK: it can. */
static enum status ask_ledger(struct settling *settling, enum status otherwise, struct fault *fault)
{
    enum status status = ledger_node_wait(settling->service->node, &settling->ledger,
                                          &settling->recorded.transaction_id, LEDGER_WAIT_MS, fault);
    if (status == STATUS_NOT_FOUND && otherwise != STATUS_OK) {
        fault_clear(fault);
        return fail(settling, otherwise);
    }
    if (status == STATUS_OK && settling->ledger.state == LEDGER_REJECTED) {
        return fail(settling, settling->ledger.code);
    }
    settling->to = WITHDRAWAL_CONFIRMED;
    return status;
}

/* The ledger does not have it; the signer signed, before or just now. */
static enum status submit(struct settling *settling, struct fault *fault)
{
    struct signed_document transaction = {0};
    struct ledger_transaction_status ledger;
    enum status status = step_signed_transaction(&transaction, &settling->truth, fault);
    if (status == STATUS_OK) {
        status = ledger_node_submit(settling->service->node, &ledger, &transaction, &settling->wallet->key, fault);
    }
    signed_document_free(&transaction);
    return status == STATUS_OK ? ask_ledger(settling, STATUS_OK, fault) : status;
}

/*
 * A refusal ends what was never signed. What may have been signed can come to the ledger until the window of the
 * transaction is over; then it cannot happen any more, and its sequence may be promised for ever. So it is where the
 * signer promised it to another withdrawal, which no row has any more.
 */
static enum status meet_refusal(struct settling *settling, enum wire_promised promised, struct fault *refusal)
{
    struct ledger_node_status node;
    enum status status = refusal->status;
    bool never_signed = step_is_unsigned(promised);
    ledger_node_status(settling->service->node, &node);
    if (!never_signed && node.confirmed_height < settling->intent.valid_until) {
        return status;
    }
    settling->unspent = !never_signed || status == STATUS_REPLAY; /* it may be promised to another one */
    settling->unpromised = promised == WIRE_PROMISED_NEVER;
    fault_clear(refusal); /* the window was open when the ledger was asked */
    return never_signed ? fail(settling, status) : ask_ledger(settling, status, refusal);
}

/* Where the signer would sign by no entry. What it never promised is free at once. */
static enum status take_unsigned(struct settling *settling, enum status reason, struct fault *fault)
{
    struct wire_recall_reply memory;
    enum status status = step_recall(&memory, settling->service, &settling->recorded.id, fault);
    settling->unpromised = status == STATUS_OK && !memory.promised;
    if (settling->unpromised || (status != STATUS_OK && status != STATUS_ROLLBACK)) {
        return settling->unpromised ? fail(settling, reason) : status;
    }
    fault_clear(fault); /* a guard that has forgotten may have promised it */
    (void)fault_set(fault, reason, "trail", "no entry to sign it by; the ledger may take it until height %llu",
                    (unsigned long long)settling->intent.valid_until);
    return meet_refusal(settling, WIRE_PROMISED_UNKNOWN, fault);
}

/* The same where a signature may be there already; there may be another. */
static enum status take_kept(struct settling *settling, enum status reason, struct fault *fault)
{
    const struct bytes *kept = &settling->recorded.row.signature;
    struct fault refusal = {0};
    enum status status =
        kept->len == 0 ? STATUS_NOT_FOUND : bytes_copy(&settling->truth.signature, kept->data, kept->len);
    status = status == STATUS_OK ? submit(settling, &refusal) : status;
    if (status == STATUS_OK || step_may_pass(status)) {
        return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, refusal.where, "%s", refusal.detail);
    }
    return take_unsigned(settling, reason, fault);
}

static enum status ask_signer(struct settling *settling, struct fault *fault)
{
    struct step_papers papers;
    struct wire_transfer_reply reply = {0};
    enum wire_promised promised = WIRE_PROMISED_UNKNOWN;
    if (!settling->recorded.whole && !history_is_over(settling->service, &settling->document)) {
        return take_unsigned(settling, STATUS_CORRUPT, fault);
    }
    enum status status = step_papers_load(&papers, settling->service, &settling->recorded.id, &settling->document,
                                          &settling->recorded.leaf, fault);
    if (status == STATUS_OK) {
        status = step_ask_signer(&reply, &promised, &papers, &settling->recorded.leaf, fault);
    }
    step_papers_wipe(&papers);
    if (status == STATUS_KEY_INACTIVE || (status != STATUS_OK && !step_may_pass(status))) {
        return meet_refusal(settling, promised, fault);
    }
    if (status == STATUS_OK) {
        settling->promises = reply.promises;
        status = step_signature_encode(&settling->truth.signature, &reply.signature, fault);
    }
    bytes_free(&reply.transaction);
    return status == STATUS_OK ? submit(settling, fault) : status;
}

/* Which transaction it was, when no entry of this log says so. Out: its end, where there was none. */
static enum status ask_memory(struct settling *settling, struct fault *fault)
{
    struct wire_recall_reply memory;
    struct recorded *recorded = &settling->recorded;
    enum status status = step_recall(&memory, settling->service, &recorded->id, fault);
    settling->unpromised = status == STATUS_OK && !memory.promised;
    if (settling->unpromised) {
        return fail(settling, recorded->ended ? STATUS_LOG_ENDED : STATUS_NOT_FOUND);
    }
    settling->promised = status == STATUS_OK;
    settling->forgotten = status == STATUS_ROLLBACK;
    if (settling->promised) {
        recorded->transaction_id = memory.transaction;
    }
    if (settling->forgotten) {
        fault_clear(fault);
    }
    return settling->forgotten ? STATUS_OK : status;
}

/* The ledger does not have it, and can take it still. */
static enum status ask_further(struct settling *settling, struct fault *fault)
{
    const struct recorded *recorded = &settling->recorded;
    return recorded->ended       ? take_kept(settling, STATUS_LOG_ENDED, fault)
           : settling->promised  ? take_kept(settling, STATUS_CORRUPT, fault)
           : settling->forgotten ? take_kept(settling, STATUS_ROLLBACK, fault)
                                 : ask_signer(settling, fault);
}

/* What became of the transaction, which is known. */
static enum status find_end(struct settling *settling, struct fault *fault)
{
    uint64_t next = 0;
    enum status status = ask_ledger(settling, STATUS_OK, fault);
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    fault_clear(fault);
    status =
        ledger_node_lane_next(settling->service->node, &next, &settling->wallet->account, settling->intent.lane, fault);
    if (status == STATUS_OK && next > settling->intent.seq) {
        return ask_ledger(settling, STATUS_REPLAY, fault); /* its sequence is used, by now perhaps for this */
    }
    return status == STATUS_OK ? ask_further(settling, fault) : status;
}

/* How it ended, or what stands in the way of knowing it. */
static enum status judge(struct settling *settling, struct fault *fault)
{
    bool unrecorded = settling->recorded.leaf.raw.len == 0 || settling->recorded.ended;
    enum status status = unrecorded ? ask_memory(settling, fault) : STATUS_OK;
    if (status == STATUS_OK && settling->to == WITHDRAWAL_FAILED) {
        return STATUS_OK;
    }
    status = status == STATUS_OK ? find_truth(settling, fault) : status;
    return status == STATUS_OK ? find_end(settling, fault) : status;
}

/* A confirmed row must have what it was confirmed for: only what is not there is filled in. */
static enum status fill_in(struct store_withdrawal_change *change, struct settling *settling, struct fault *fault)
{
    const struct store_withdrawal *row = &settling->recorded.row;
    change->promises = settling->promises > 0 ? &settling->promises : NULL;
    change->intent = row->intent.data == NULL ? &settling->document : NULL;
    change->transaction = row->transaction.data == NULL ? &settling->truth.transaction : NULL;
    change->lane = row->placed ? NULL : &settling->intent.lane;
    change->seq = row->placed ? NULL : &settling->intent.seq;
    if (row->signature.data != NULL) {
        return STATUS_OK;
    }
    change->signature = &settling->truth.signature;
    if (settling->truth.signature.len > 0) {
        return STATUS_OK;
    }
    struct ledger_evidence evidence = {0};
    enum status status =
        ledger_node_evidence(settling->service->node, &evidence, &settling->recorded.transaction_id, fault);
    if (status == STATUS_OK) {
        status = step_signature_encode(&settling->truth.signature, &evidence.transaction.signatures[0], fault);
    }
    ledger_evidence_free(&evidence);
    return status;
}

/* Funds: posted as the ledger took them, or free again. */
static enum status settle_funds(const struct settling *settling, struct store_tx *tx, struct fault *fault)
{
    const struct recorded *recorded = &settling->recorded;
    if (settling->to == WITHDRAWAL_CONFIRMED) {
        const struct store_posting posting = {
            .withdrawal = recorded->id,
            .wallet = settling->intent.wallet,
            .asset = settling->intent.asset,
            .amount = settling->intent.amount,
            .height = settling->ledger.height,
            .index = (uint64_t)settling->ledger.index,
        };
        return store_posting_settle(tx, &posting, fault);
    }
    struct fault why = {0};
    struct wire_pool *signer = recorded->service->signers[WIRE_ROLE_TRANSFER];
    bool promised = false;
    enum status ended =
        settling->unpromised ? step_end(&promised, recorded->service, signer, tx, &recorded->id, &why) : STATUS_OK;
    enum status status = ended == STATUS_OK ? store_reservation_drop(tx, &recorded->id, &why) : ended;
    bool gone = ended == STATUS_OK && status == STATUS_NOT_FOUND; /* its reservation was taken away before */
    return status == STATUS_OK || gone ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

/* The lane goes on where the ledger stands in it. */
static enum status settle_lane(const struct settling *settling, struct store_tx *tx, struct fault *fault)
{
    uint64_t next = 0;
    if (settling->unspent && settling->to == WITHDRAWAL_FAILED) {
        return STATUS_OK;
    }
    if (settling->wallet == NULL) { /* nothing was recorded: its sequence is unused */
        struct fault why = {0};
        enum status status = store_lane_free(tx, &settling->recorded.id, false, &why);
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    char account[ADDRESS_TEXT_SIZE];
    address_format(account, &settling->wallet->account);
    enum status status =
        ledger_node_lane_next(settling->service->node, &next, &settling->wallet->account, settling->intent.lane, fault);
    return status == STATUS_OK
               ? store_lane_settle(tx, &settling->recorded.id, account, settling->intent.lane, next, fault)
               : status;
}

/* Who had it settled, and how it ended. */
static enum status log_settled(struct settling *settling, struct store_tx *tx, struct fault *fault)
{
    struct audit_event event;
    struct store_withdrawal row = settling->recorded.row; /* borrowed, as the intent that was recorded */
    bool confirmed = settling->to == WITHDRAWAL_CONFIRMED;
    row.intent = settling->document.len > 0 ? settling->document : row.intent;
    record_by_caller(&event, settling->service, settling->request, AUDIT_WITHDRAWAL_SETTLE, AUDIT_OUTCOME_OK);
    record_about(&event, &settling->recorded.id);
    enum status status = record_terms(&event, settling->service, &row, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&settling->ticket, settling->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    const struct workers_entry entry = {.action = confirmed ? AUDIT_WITHDRAWAL_CONFIRMED : AUDIT_WITHDRAWAL_FAILED,
                                        .reason = confirmed ? STATUS_OK : settling->reason};
    return status == STATUS_OK ? workers_log(settling->service, tx, &row, &entry, fault) : status;
}

static enum status settle_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct settling *settling = context;
    struct store_withdrawal row = settling->recorded.row; /* borrowed */
    struct store_withdrawal changed = {0};
    uint64_t index = (uint64_t)settling->ledger.index;
    struct store_withdrawal_change change = {.reason = status_info(settling->reason)->code};
    enum status status = STATUS_OK;
    if (settling->to == WITHDRAWAL_CONFIRMED) {
        change = (struct store_withdrawal_change){.height = &settling->ledger.height, .index = &index};
        status = fill_in(&change, settling, fault);
    }
    if (status == STATUS_OK) {
        status = store_withdrawal_move(tx, &row, settling->to, &change, fault);
    }
    if (status == STATUS_OK) {
        status = settle_funds(settling, tx, fault);
    }
    if (status == STATUS_OK) {
        status = settle_lane(settling, tx, fault);
    }
    if (status == STATUS_OK) {
        status = log_settled(settling, tx, fault);
    }
    if (status == STATUS_OK) {
        status = store_withdrawal_get(&changed, tx, &settling->recorded.id, fault);
    }
    if (status == STATUS_OK) {
        json_decref(settling->view);
        settling->view = NULL;
        status = withdrawal_view(&settling->view, settling->service, tx, &changed, fault);
    }
    store_withdrawal_wipe(&changed);
    return status;
}

static enum status read_body(struct settling *settling, const struct http_request *request, struct fault *fault)
{
    static const struct canon_field fields[] = {{"intent", CANON_STRING, true, 0, CANON_DOCUMENT_MAX, 0, 0}};
    json_t *body = NULL;
    if (request->body_len == 0) {
        return STATUS_OK;
    }
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&settling->handed_in, sizeof(settling->handed_in), body, fields, 1, "", fault);
    }
    json_decref(body);
    return status;
}

static enum status reply_settled(struct settling *settling, struct http_reply *reply, struct fault *fault)
{
    json_t *object = json_pack("{s:O}", "withdrawal", settling->view);
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
    }
    enum status status = record_receipt(settling->service, &settling->ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 200, object, fault);
}

enum status withdrawal_settle(struct service *service, const struct http_request *request, struct http_reply *reply,
                              struct fault *fault)
{
    struct settling settling = {.service = service, .request = request, .recorded.service = service};
    enum status status = read_body(&settling, request, fault);
    if (status == STATUS_OK) {
        status = recorded_read(&settling.recorded, request, fault);
    }
    if (status == STATUS_OK && settling.recorded.row.state != WITHDRAWAL_QUARANTINED) {
        status = fault_set(fault, STATUS_CONFLICT, "state", "is %s: only a quarantine is settled",
                           withdrawal_state_text(settling.recorded.row.state));
    }
    if (status == STATUS_OK) {
        status = judge(&settling, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, settle_in, &settling, fault);
    }
    if (status == STATUS_OK) {
        status = reply_settled(&settling, reply, fault);
    }
    json_decref(settling.view);
    store_withdrawal_wipe(&settling.truth);
    bytes_free(&settling.document);
    bytes_free(&settling.handed_in);
    recorded_wipe(&settling.recorded);
    return status;
}
