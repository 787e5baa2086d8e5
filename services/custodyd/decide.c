/*
 * Decisions about a withdrawal: request (its signature), approve, reject, cancel; and what the policy says of it.
 *
 * A decision is one database transaction: the locked row, the signed document, the move, the entry in the trail, the
 * outbox. What is decided here decides nothing for the signer, which sees the same documents and judges again.
 */
#include "base/canon.h"
#include "history.h"
#include "policy/withdrawal.h"
#include "record.h"
#include "store/outbox.h"
#include "withdrawals.h"
#include "workers.h"

struct deciding {
    struct service *service;
    const struct http_request *request;
    struct uuid id;
    struct signed_document document; /* approve and reject */
    struct history history;          /* of what goes on: not looked at to stop it */
    struct store_withdrawal row;
    struct approval approval;
    struct digest digest;
    struct trail_ticket ticket;
    enum audit_action action; /* of its entry */
    bool repeated;            /* the same decision was handed in before */
    bool ready;               /* the policy is satisfied now */
    bool promised;            /* the signer did, so that it does not end */
    json_t *view;
    json_t *explanation;
};

static void deciding_wipe(struct deciding *deciding)
{
    signed_document_free(&deciding->document);
    history_wipe(&deciding->history);
    store_withdrawal_wipe(&deciding->row);
    json_decref(deciding->view);
}

enum status withdrawal_log_verdict(struct service *service, struct store_tx *tx, const struct store_withdrawal *row,
                                   const struct withdrawal_verdict *verdict, struct fault *fault)
{
    struct audit_event event;
    struct trail_ticket ticket;
    bool bad = verdict->reason != STATUS_OK;
    record_by_service(&event, service, &row->id, verdict->action, bad ? AUDIT_OUTCOME_ERROR : AUDIT_OUTCOME_OK);
    record_about(&event, &row->id);
    if (bad) {
        record_reason(&event, verdict->reason);
    }
    enum status status = record_evaluation(&event, verdict->explanation, fault);
    if (status == STATUS_OK) {
        status = record_terms(&event, service, row, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

enum status withdrawal_approved(struct service *service, struct store_tx *tx, struct store_withdrawal *row,
                                const json_t *explanation, struct fault *fault)
{
    const struct withdrawal_verdict verdict = {AUDIT_WITHDRAWAL_APPROVED, STATUS_OK, explanation};
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_APPROVED, NULL, fault);
    if (status == STATUS_OK) {
        status = store_outbox_put(tx, "record", &row->id, 0, fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_log_verdict(service, tx, row, &verdict, fault);
    }
    return status;
}

static enum status parse_id(struct uuid *out, const struct http_request *request, struct fault *fault)
{
    return uuid_parse(out, request->parameters[0]) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "id", "must be a UUIDv7");
}

static enum status read_document(struct deciding *deciding, struct fault *fault)
{
    return http_body_signed(&deciding->document, deciding->request, CANON_DOCUMENT_MAX, fault);
}

/* Verifies the handed-in decision against the stored intent and its caller. */
static enum status verify_decision(struct deciding *deciding, enum approval_decision wanted, struct fault *fault)
{
    const struct service *service = deciding->service;
    struct intent intent;
    struct digest intent_id;
    enum status status = intent_decode(&intent, deciding->row.intent.data, deciding->row.intent.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!record_row_agrees(&deciding->row, &intent)) {
        return fault_set(fault, STATUS_CORRUPT, "withdrawal", "its row is not what its intent says: it was edited");
    }
    intent_digest(&intent_id, deciding->row.intent.data, deciding->row.intent.len);
    const struct approval_context context = {.intent = &intent,
                                             .intent_digest = &intent_id,
                                             .policy = service_policy_named(service, &intent.policy),
                                             .at_utc_us = clock_utc_us(service->clock)};
    if (context.policy == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "intent.policy", "names a version of the policy that is not known");
    }
    status = approval_verify(&deciding->approval, &deciding->document, &context, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (deciding->approval.decision != wanted) {
        return fault_set(fault, STATUS_INVALID, "decision", "must be %s here", approval_decision_text(wanted));
    }
    if (!name_equal(&deciding->approval.approver, &deciding->request->caller.person)) {
        return fault_set(fault, STATUS_FORBIDDEN, "approver", "is not the person of the token");
    }
    approval_digest(&deciding->digest, deciding->document.document.data, deciding->document.document.len);
    return STATUS_OK;
}

/* What the policy says with this decision counted: whether it says anything, and whether all is there. An approval from
 * before its step would be in the way of the same person's later one, so it is not kept. */
static enum status judge(struct deciding *deciding, const struct store_tx *tx, struct fault *fault)
{
    const struct approval *approval = &deciding->approval;
    const struct withdrawal_word word = {&approval->approver,
                                         approval->decision == APPROVAL_APPROVE ? &deciding->digest : NULL};
    struct withdrawal_judgement judgement = {0};
    json_decref(deciding->explanation);
    deciding->explanation = NULL;
    enum status status = withdrawal_judge(&judgement, deciding->service, tx, &deciding->row, &word, fault);
    if (status != STATUS_OK) {
        return status;
    }
    deciding->explanation = judgement.explanation; /* transferred */
    deciding->ready = judgement.decision == DECISION_ALLOWED;
    bool stops = deciding->approval.decision == APPROVAL_REJECT && judgement.may_stop;
    if (!judgement.voice && !stops && approval->decision != APPROVAL_REQUEST) {
        return fault_set(fault, STATUS_FORBIDDEN, "approver", "no rule that matches counts this person");
    }
    return judgement.early ? fault_set(fault, STATUS_CONFLICT, "seen", "%s", judgement.early_text) : STATUS_OK;
}

static enum status insert_decision(struct deciding *deciding, struct store_tx *tx, struct fault *fault)
{
    static const enum store_decision decisions[] = {[APPROVAL_APPROVE] = STORE_DECISION_APPROVE,
                                                    [APPROVAL_REJECT] = STORE_DECISION_REJECT,
                                                    [APPROVAL_REQUEST] = STORE_DECISION_REQUEST};
    const struct store_approval row = {
        .withdrawal = deciding->id,
        .person = deciding->approval.approver,
        .decision = decisions[deciding->approval.decision],
        .document = deciding->document.document,
        .digest = deciding->digest,
        .signature = deciding->document.signatures[0],
    };
    return store_approval_insert(tx, &row, fault);
}

static enum status log_decision(struct deciding *deciding, struct store_tx *tx, struct fault *fault)
{
    struct audit_event event;
    record_by_caller(&event, deciding->service, deciding->request, deciding->action, AUDIT_OUTCOME_OK);
    record_about(&event, &deciding->id);
    enum status status = STATUS_OK;
    if (deciding->document.signature_count > 0) {
        status = audit_event_ref_add(&event, "approval", &deciding->digest, fault);
    }
    if (status == STATUS_OK) {
        status = record_evaluation(&event, deciding->explanation, fault);
    }
    if (status == STATUS_OK) {
        status = record_terms(&event, deciding->service, &deciding->row, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&deciding->ticket, deciding->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* The same document again is no second decision: answer what stands. */
static enum status find_repeated(struct deciding *deciding, const struct store_tx *tx, struct fault *fault)
{
    struct store_approval_list list = {0};
    enum status status = store_approval_list(&list, tx, &deciding->id, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        deciding->repeated = deciding->repeated || digest_equal(&list.rows[i].digest, &deciding->digest);
    }
    store_approval_list_free(&list);
    return status;
}

static enum status check_open(const struct deciding *deciding, struct fault *fault)
{
    enum withdrawal_state state = deciding->row.state;
    if (state != WITHDRAWAL_RESERVED && state != WITHDRAWAL_APPROVING) {
        return fault_set(fault, STATUS_CONFLICT, "state", "is %s: no decision is awaited",
                         withdrawal_state_text(state));
    }
    return STATUS_OK;
}

/* Taken in vain it would look like an approval. A rejection is no less one for the key that it came with. */
static enum status check_counts(const struct deciding *deciding, struct fault *fault)
{
    const struct policy *in_force = service_policy(deciding->service);
    if (deciding->approval.decision == APPROVAL_REJECT || policy_approval_counts(in_force, &deciding->approval)) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_UNKNOWN_KEY, "key",
                     "it does not count: version %lld of the policy, which is in force, does not have the key",
                     (long long)in_force->version);
}

/* Moves on to approving, and to approved when the policy is satisfied. */
static enum status advance(struct deciding *deciding, struct store_tx *tx, struct fault *fault)
{
    struct store_withdrawal *row = &deciding->row;
    enum status status = STATUS_OK;
    bool approves = deciding->approval.decision == APPROVAL_APPROVE;
    if (row->state == WITHDRAWAL_RESERVED && (approves || deciding->ready)) {
        status = store_withdrawal_move(tx, row, WITHDRAWAL_APPROVING, NULL, fault);
    }
    if (status != STATUS_OK || !deciding->ready) {
        return status;
    }
    return withdrawal_approved(deciding->service, tx, row, deciding->explanation, fault);
}

static enum status begin_decision(struct deciding *deciding, struct store_tx *tx, enum approval_decision wanted,
                                  struct fault *fault)
{
    deciding->repeated = false;
    deciding->ready = false;
    store_withdrawal_wipe(&deciding->row);
    enum status status = store_withdrawal_get_locked(&deciding->row, tx, &deciding->id, fault);
    if (status == STATUS_OK) {
        status = verify_decision(deciding, wanted, fault);
    }
    if (status == STATUS_OK) {
        status = find_repeated(deciding, tx, fault);
    }
    if (status != STATUS_OK || deciding->repeated) {
        return status;
    }
    status = check_open(deciding, fault);
    if (status == STATUS_OK && wanted != APPROVAL_REJECT) {
        status = history_check(&deciding->history, tx, &deciding->row, fault);
    }
    if (status == STATUS_OK) {
        status = check_counts(deciding, fault);
    }
    if (status == STATUS_OK) {
        status = insert_decision(deciding, tx, fault);
    }
    return status == STATUS_OK ? judge(deciding, tx, fault) : status;
}

static enum status finish_decision(struct deciding *deciding, const struct store_tx *tx, struct fault *fault)
{
    json_decref(deciding->view);
    deciding->view = NULL;
    return withdrawal_view(&deciding->view, deciding->service, tx, &deciding->row, fault);
}

static enum status agree(struct deciding *deciding, struct store_tx *tx, enum approval_decision wanted,
                         struct fault *fault)
{
    enum status status = begin_decision(deciding, tx, wanted, fault);
    if (status == STATUS_OK && !deciding->repeated) {
        status = log_decision(deciding, tx, fault);
        if (status == STATUS_OK) {
            status = advance(deciding, tx, fault);
        }
    }
    return status == STATUS_OK ? finish_decision(deciding, tx, fault) : status;
}

static enum status approve_in(struct store_tx *tx, void *context, struct fault *fault)
{
    return agree(context, tx, APPROVAL_APPROVE, fault);
}

/* The requester's own signature: it can be what was missing, if only approvals came before it. */
static enum status request_in(struct store_tx *tx, void *context, struct fault *fault)
{
    return agree(context, tx, APPROVAL_REQUEST, fault);
}

static enum status end_unsigned(struct deciding *deciding, struct store_tx *tx, enum withdrawal_state state,
                                struct fault *fault)
{
    enum status status = store_withdrawal_move(tx, &deciding->row, state, NULL, fault);
    if (status == STATUS_OK) {
        status = withdrawal_release(&deciding->promised, deciding->service,
                                    deciding->service->signers[WIRE_ROLE_TRANSFER], tx, &deciding->id, fault);
    }
    if (status == STATUS_OK) {
        status = log_decision(deciding, tx, fault);
    }
    return status;
}

static enum status reject_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct deciding *deciding = context;
    enum status status = begin_decision(deciding, tx, APPROVAL_REJECT, fault);
    if (status == STATUS_OK && !deciding->repeated) {
        status = end_unsigned(deciding, tx, WITHDRAWAL_REJECTED, fault);
    }
    return status == STATUS_OK ? finish_decision(deciding, tx, fault) : status;
}

static enum status cancel_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct deciding *deciding = context;
    store_withdrawal_wipe(&deciding->row);
    enum status status = store_withdrawal_get_locked(&deciding->row, tx, &deciding->id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!name_equal(&deciding->row.requester, &deciding->request->caller.person)) {
        return fault_set(fault, STATUS_FORBIDDEN, "requester", "only the requester may take a proposal back");
    }
    deciding->repeated = deciding->row.state == WITHDRAWAL_CANCELLED;
    if (!deciding->repeated && !withdrawal_move_allowed(deciding->row.state, WITHDRAWAL_CANCELLED)) {
        return fault_set(fault, STATUS_CONFLICT, "state", "is %s: too late to cancel",
                         withdrawal_state_text(deciding->row.state));
    }
    if (!deciding->repeated) {
        status = end_unsigned(deciding, tx, WITHDRAWAL_CANCELLED, fault);
    }
    return status == STATUS_OK ? finish_decision(deciding, tx, fault) : status;
}

static enum status reply_decision(struct deciding *deciding, struct http_reply *reply, struct fault *fault)
{
    json_t *object = json_pack("{s:O}", "withdrawal", deciding->view);
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
    }
    enum status status = deciding->repeated ? record_receipt_again(deciding->service, deciding->request, &deciding->row,
                                                                   deciding->action, object, fault)
                                            : record_receipt(deciding->service, &deciding->ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    if (deciding->ready) {
        workers_wake(deciding->service->workers);
    }
    return http_reply_json(reply, 200, object, fault);
}

static enum status foresee_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct deciding *deciding = context;
    bool request = deciding->action == AUDIT_WITHDRAWAL_REQUEST_SIGN;
    store_withdrawal_wipe(&deciding->row);
    enum status status = store_withdrawal_get(&deciding->row, tx, &deciding->id, fault);
    return status == STATUS_OK ? verify_decision(deciding, request ? APPROVAL_REQUEST : APPROVAL_APPROVE, fault)
                               : status;
}

/* Nobody waits with what does not verify, which is judged again when the row is locked. */
static enum status read_history(struct deciding *deciding, struct fault *fault)
{
    struct service *service = deciding->service;
    enum status status = history_read(&deciding->history, service, &deciding->id, fault);
    if (status != STATUS_OK || !history_may_come(&deciding->history, service, &deciding->id)) {
        return status;
    }
    status = store_read(service->store, foresee_in, deciding, fault);
    return status == STATUS_OK ? history_await(&deciding->history, service, &deciding->id, fault) : status;
}

enum status withdrawal_meet_promise(struct service *service, struct store *store, const struct uuid *id,
                                    struct fault *fault)
{
    enum withdrawal_state state = WITHDRAWAL_QUARANTINED;
    fault_clear(fault);
    enum status status = withdrawal_quarantine(&state, service, store, id, fault);
    return status == STATUS_OK
               ? fault_set(fault, STATUS_CONFLICT, "withdrawal",
                           "too late: the signer promised it, and it may have been signed; it is %s now",
                           withdrawal_state_text(state))
               : status;
}

/* `action` also tells whether a document is handed in: only a cancellation needs none; and whether it goes on. */
static enum status decide(struct service *service, const struct http_request *request, store_work_fn *work,
                          enum audit_action action, struct http_reply *reply, struct fault *fault)
{
    struct deciding deciding = {.service = service, .request = request, .action = action};
    enum status status = parse_id(&deciding.id, request, fault);
    if (status == STATUS_OK && action != AUDIT_WITHDRAWAL_CANCEL) {
        status = read_document(&deciding, fault);
    }
    if (status == STATUS_OK && (action == AUDIT_WITHDRAWAL_APPROVE || action == AUDIT_WITHDRAWAL_REQUEST_SIGN)) {
        status = read_history(&deciding, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, work, &deciding, fault);
        status = status == STATUS_CONFLICT && deciding.promised
                     ? withdrawal_meet_promise(service, service->store, &deciding.id, fault)
                     : status;
    }
    if (status == STATUS_OK) {
        status = reply_decision(&deciding, reply, fault);
    }
    if (status != STATUS_OK) {
        withdrawal_explain_refusal(&deciding.explanation, service, &deciding.id, status);
    }
    json_decref(reply->explanation);
    reply->explanation = deciding.explanation; /* transferred; shown when this failed */
    deciding_wipe(&deciding);
    return status;
}

enum status withdrawal_request(struct service *service, const struct http_request *request, struct http_reply *reply,
                               struct fault *fault)
{
    return decide(service, request, request_in, AUDIT_WITHDRAWAL_REQUEST_SIGN, reply, fault);
}

enum status withdrawal_approve(struct service *service, const struct http_request *request, struct http_reply *reply,
                               struct fault *fault)
{
    return decide(service, request, approve_in, AUDIT_WITHDRAWAL_APPROVE, reply, fault);
}

enum status withdrawal_reject(struct service *service, const struct http_request *request, struct http_reply *reply,
                              struct fault *fault)
{
    return decide(service, request, reject_in, AUDIT_WITHDRAWAL_REJECT, reply, fault);
}

enum status withdrawal_cancel(struct service *service, const struct http_request *request, struct http_reply *reply,
                              struct fault *fault)
{
    return decide(service, request, cancel_in, AUDIT_WITHDRAWAL_CANCEL, reply, fault);
}
