/*
 * The steps of a withdrawal after its approval.
 *
 * - record, approved -> recorded: once the destination serves; writes the entry `withdrawal.signing`; or, where a delay
 *   must pass first, the entry `withdrawal.announced`, and leaves the rest to announce
 * - announce, approved -> recorded: once a checkpoint covers that entry; tells the signer, waits until it is due
 * - sign, recorded -> signed: once a checkpoint covers the entry `withdrawal.signing`; the signer judges
 * - submit, signed -> submitted: the same bytes as often as needed, never rebuilt
 * - confirm, submitted -> confirmed: when the block has its certificate
 *
 * Each step does its outside work first, then one transaction moves the row by compare-and-set, writes the entry,
 * finishes the item and puts the next one. A step that finds the row moved on already just finishes its item. A refusal
 * ends what the signer says it never promised: the withdrawal fails and frees what it holds. What it may have signed is
 * put into quarantine, with all that it holds, and so is a row with a signature that cannot be carried on.
 */
#include "steps.h"

#include "base/crashpoint.h"
#include "base/log.h"
#include "destinations.h"
#include "history.h"
#include "key_gate.h"
#include "policy/account.h"
#include "policy/signing_entry.h"
#include "record.h"
#include "step_papers.h"
#include "step_signature.h"
#include "store/lane.h"
#include "withdrawals.h"
#include "workers.h"

#define CONFIRM_WAIT_MS 2000

/* A step on its way. */
struct step {
    struct service *service;
    const struct store_outbox_item *item;
    struct store_withdrawal row;
    enum withdrawal_state to;
    enum audit_action action;
    enum status reason;                    /* of a withdrawal that ends badly, STATUS_OK otherwise */
    const char *next;                      /* kind of the following item, NULL for none */
    struct store_withdrawal_change change; /* what the move writes */
    struct audit_event *event;             /* made by the step itself; NULL: a plain entry of the action */
    const struct digest *key;              /* id of the one that signed, told by the entry; NULL: none did */
    bool lane_used;                        /* at the end: was the sequence spent */
    bool broken;                           /* its papers are not what was recorded any more */
    bool promised;                         /* the signer did, so that it does not end */
    int64_t until_utc_us;                  /* until when it waits, 0: not known */
};

static enum status load_row_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct step *step = context;
    store_withdrawal_wipe(&step->row);
    return store_withdrawal_get(&step->row, tx, &step->item->withdrawal, fault);
}

/* The end of what the withdrawal holds, according to the state it ends in. */
static enum status settle(struct step *step, struct store_tx *tx, struct fault *fault)
{
    if (step->to == WITHDRAWAL_CONFIRMED) {
        enum status status = store_posting_add(tx, &step->row.id, *step->change.height, *step->change.index, fault);
        return status == STATUS_OK ? store_lane_free(tx, &step->row.id, true, fault) : status;
    }
    if (step->to != WITHDRAWAL_FAILED && step->to != WITHDRAWAL_REJECTED) {
        return STATUS_OK;
    }
    if (!step->lane_used) {
        return withdrawal_release(&step->promised, step->service, step->service->signers[WIRE_ROLE_TRANSFER], tx,
                                  &step->row.id, fault);
    }
    enum status status = store_reservation_drop(tx, &step->row.id, fault);
    return status == STATUS_OK ? store_lane_free(tx, &step->row.id, true, fault) : status;
}

static enum status log_step(struct step *step, struct store_tx *tx, struct fault *fault)
{
    if (step->event == NULL) {
        const struct workers_entry entry = {.action = step->action, .reason = step->reason, .key = step->key};
        return workers_log(step->service, tx, &step->row, &entry, fault);
    }
    struct trail_ticket ticket;
    return trail_enqueue(&ticket, step->service->trail, tx, step->event, fault);
}

/* The one transaction of a step. */
static enum status move_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct step *step = context;
    struct store_withdrawal row = step->row; /* borrowed; a rerun starts from the same premise */
    enum status status = store_withdrawal_move(tx, &row, step->to, &step->change, fault);
    if (status == STATUS_OK) {
        status = settle(step, tx, fault);
    }
    if (status == STATUS_OK) {
        status = log_step(step, tx, fault);
    }
    if (status == STATUS_OK && step->next != NULL) {
        status =
            store_outbox_put(tx, step->next, &row.id, step->event == NULL ? 0 : step->event->object_ordinal, fault);
    }
    if (status == STATUS_OK) {
        status = store_outbox_done(tx, step->item->id, fault);
    }
    return status;
}

static enum status move(struct step *step, enum withdrawal_state to, enum audit_action action, const char *next,
                        struct fault *fault)
{
    step->to = to;
    step->action = action;
    step->next = next;
    enum status status = store_transact(step->service->store, move_in, step, fault);
    if (status == STATUS_OK) {
        char id[UUID_TEXT_SIZE];
        uuid_format(id, &step->row.id);
        log_event(LOG_LEVEL_INFO, "withdrawal.moved", "withdrawal", id, "state", withdrawal_state_text(to), "reason",
                  status_info(step->reason)->code, NULL);
    }
    if (status == STATUS_CONFLICT && step->promised) { /* what is recorded goes on, by whoever had it promised */
        fault_clear(fault);
        status = withdrawal_quarantine(&to, step->service, step->service->store, &step->row.id, fault);
    }
    return status;
}

/* Ends the withdrawal badly, for a reason that will not go away. */
static enum status fail(struct step *step, enum status reason, const char *where, bool lane_used, struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &step->row.id);
    log_event(LOG_LEVEL_WARNING, "withdrawal.refused", "withdrawal", id, "code", status_info(reason)->code, "where",
              where, NULL);
    step->reason = reason;
    step->lane_used = lane_used;
    step->change = (struct store_withdrawal_change){.reason = status_info(reason)->code};
    if (step->row.state == WITHDRAWAL_APPROVED) { /* nobody was asked to sign yet */
        return move(step, WITHDRAWAL_REJECTED, AUDIT_WITHDRAWAL_REJECT, NULL, fault);
    }
    return move(step, WITHDRAWAL_FAILED, AUDIT_WITHDRAWAL_FAILED, NULL, fault);
}

static enum status check_papers(struct withdrawal *out, const struct step_papers *papers, struct fault *fault)
{
    const struct service *service = papers->service;
    const struct withdrawal_documents documents = {
        .intent = papers->row.intent.data,
        .intent_len = papers->row.intent.len,
        .destination = &papers->destination,
        .approvals = papers->approvals,
        .approval_count = papers->approval_count,
    };
    struct policy_chain_version *versions = NULL;
    struct policy_chain chain;
    const struct policy_version *in_force = policies_in_force(service->policies);
    enum status status = policies_current(service->policies, fault);
    if (status == STATUS_OK) {
        status = policies_chain(&versions, &chain, service->policies, in_force, fault);
    }
    if (status == STATUS_OK) {
        const struct withdrawal_context context = {.policy = &in_force->policy,
                                                   .chain = &chain,
                                                   .keys_elsewhere = true,
                                                   .at_utc_us = clock_utc_us(service->clock)};
        status = policy_check_withdrawal(out, &documents, &context, fault);
    }
    if (status == STATUS_OK) {
        out->chain = NULL; /* it ends here */
    }
    free(versions);
    return status;
}

/*
 * A key that is not active is waited for, until the withdrawal expires: before the entry `withdrawal.signing` that
 * frees what it holds. One that is retained or compromised does with an order of the quorum that names this intent.
 */
static enum status wait_for_key(const struct step *step, const struct step_papers *papers, struct fault *fault)
{
    const struct wallet *wallet = step_wallet(step->service, &step->row);
    struct fault why = {0};
    if (wallet == NULL || key_gate_check(step->service, wallet, &step->row.asset, &why) == STATUS_OK) {
        return STATUS_OK;
    }
    return papers->sweep.document.len > 0 && key_gate_is_swept(step->service, wallet, &step->row.asset)
               ? STATUS_OK
               : fault_set(fault, STATUS_KEY_INACTIVE, "key", "%s", why.detail);
}

struct entry_look {
    struct digest digest;
    struct destination_standing standing;
};

static enum status entry_look_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct entry_look *look = context;
    return destination_standing_read(&look->standing, tx, &look->digest, fault);
}

/* An entry of the allow-list that is still cooling off is waited for while the withdrawal can be cancelled. */
static enum status wait_for_destination(struct step *step, const struct step_papers *papers, struct fault *fault)
{
    struct entry_look look;
    destination_digest(&look.digest, papers->destination.document.data, papers->destination.document.len);
    enum status status = store_read(step->service->store, entry_look_in, &look, fault);
    if (status != STATUS_OK || look.standing.word != DESTINATION_HELD ||
        look.standing.serving_at_utc_us <= clock_utc_us(step->service->clock)) {
        return status; /* whether it serves the signer knows */
    }
    step->until_utc_us = look.standing.serving_at_utc_us;
    return fault_set(fault, STATUS_NOT_READY, "destination", "its entry of the allow-list does not serve yet");
}

/* An entry that the signer will ask for, with the promises that it was seen to have made. Out: in every case. */
static enum status entry_fill(struct audit_event *out, const struct step *step, enum audit_action action,
                              const struct withdrawal *withdrawal, struct fault *fault)
{
    uint64_t promises = 0;
    record_by_service(out, step->service, &step->row.id, action, AUDIT_OUTCOME_INTENT);
    enum status status = step_promises(&promises, step->service, fault);
    return status == STATUS_OK ? policy_signing_entry_fill(out, action, withdrawal, promises, fault) : status;
}

static enum status record_entry(struct step *step, const struct withdrawal *withdrawal, struct fault *fault)
{
    struct audit_event event;
    enum status status = entry_fill(&event, step, AUDIT_WITHDRAWAL_SIGNING, withdrawal, fault);
    if (status == STATUS_OK) {
        step->event = &event;
        status = move(step, WITHDRAWAL_RECORDED, AUDIT_WITHDRAWAL_SIGNING, "sign", fault);
        step->event = NULL;
    }
    audit_event_wipe(&event);
    return status;
}

/* The row is still approved, by the lock: nobody ended it since. */
static enum status announce_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct step *step = context;
    struct store_withdrawal row = {0};
    struct trail_ticket ticket;
    enum status status = store_withdrawal_get_locked(&row, tx, &step->row.id, fault);
    if (status == STATUS_OK && row.state != WITHDRAWAL_APPROVED) {
        status = fault_set(fault, STATUS_CONFLICT, "state", "is %s by now", withdrawal_state_text(row.state));
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, step->service->trail, tx, step->event, fault);
    }
    if (status == STATUS_OK) {
        status = store_outbox_put(tx, "announce", &step->row.id, step->event->object_ordinal, fault);
    }
    if (status == STATUS_OK) {
        status = store_outbox_done(tx, step->item->id, fault);
    }
    store_withdrawal_wipe(&row);
    return status;
}

static enum status announce_entry(struct step *step, const struct withdrawal *withdrawal, struct fault *fault)
{
    struct audit_event event;
    enum status status = entry_fill(&event, step, AUDIT_WITHDRAWAL_ANNOUNCED, withdrawal, fault);
    if (status == STATUS_OK) {
        step->event = &event;
        status = store_transact(step->service->store, announce_in, step, fault);
        step->event = NULL;
    }
    audit_event_wipe(&event);
    return status;
}

/* What time alone, or a key that is woken, may mend keeps it approved; every other reason ends it. */
static enum status meet_objection(struct step *step, struct fault *fault)
{
    enum status status = fault->status;
    bool waits = status == STATUS_KEY_INACTIVE || status == STATUS_OUTSIDE_HOURS || step->until_utc_us != 0;
    if (waits || step_may_pass(status)) {
        return status;
    }
    struct fault verdict = *fault;
    fault_clear(fault);
    return fail(step, verdict.status, verdict.where, false, fault);
}

/* With everything that must be there before the signer is asked; `announced` says that no delay is left. */
static enum status record(struct step *step, bool announced, struct fault *fault)
{
    struct step_papers papers = {0};
    struct withdrawal withdrawal = {0};
    enum status status = history_goes_on(step->service, &step->row, fault);
    if (status == STATUS_OK) {
        status = step_papers_load(&papers, step->service, &step->item->withdrawal, NULL, NULL, fault);
    }
    if (status == STATUS_OK) {
        status = wait_for_key(step, &papers, fault);
    }
    if (status == STATUS_OK) {
        status = wait_for_destination(step, &papers, fault);
    }
    if (status == STATUS_OK) {
        status = check_papers(&withdrawal, &papers, fault);
    }
    bool waits = !announced && withdrawal.obligations.delay_s > 0;
    if (status == STATUS_OK && !waits && papers.sweep.document.len == 0) { /* the signer judges those of a sweep */
        status = step_limits(&step->until_utc_us, step->service, &withdrawal, &papers.row.intent, fault);
    }
    if (status != STATUS_OK) {
        status = meet_objection(step, fault);
    } else {
        status = waits ? announce_entry(step, &withdrawal, fault) : record_entry(step, &withdrawal, fault);
    }
    withdrawal_free(&withdrawal);
    step_papers_wipe(&papers);
    return status;
}

static enum status step_record(struct step *step, struct fault *fault)
{
    return record(step, false, fault);
}

/* The signer counts the time; what it says is asked again until it is due. */
static enum status step_announce(struct step *step, struct fault *fault)
{
    struct step_papers papers = {0};
    struct store_leaf leaf = {0};
    struct wire_announce_reply reply = {0};
    enum wire_promised promised = WIRE_PROMISED_UNKNOWN;
    enum status status = history_entry(&leaf, step->service, step->item, AUDIT_WITHDRAWAL_ANNOUNCED, fault);
    if (status == STATUS_OK) {
        status = step_papers_load(&papers, step->service, &step->item->withdrawal, NULL, &leaf, fault);
    }
    if (status == STATUS_OK) {
        status = step_announce_to_signer(&reply, &promised, &papers, &leaf, fault);
    }
    store_leaf_wipe(&leaf);
    step_papers_wipe(&papers);
    if (status != STATUS_OK) {
        return meet_objection(step, fault);
    }
    step->until_utc_us = reply.due ? 0 : reply.sign_at;
    return reply.due ? record(step, true, fault)
                     : fault_set(fault, STATUS_NOT_READY, "policy.delay", "it was announced and is not due yet");
}

static enum status quarantine(struct step *step, enum status reason, struct fault *fault)
{
    step->reason = reason;
    step->change = (struct store_withdrawal_change){.reason = status_info(reason)->code};
    return move(step, WITHDRAWAL_QUARANTINED, AUDIT_WITHDRAWAL_QUARANTINED, NULL, fault);
}

/*
 * What a refusal of what was never signed comes to: the withdrawal fails and frees what it holds; unless it was the
 * sequence that was refused, or another transaction was promised for it: then lane or row are not what we think they
 * are. People must look, and lane and funds stay held, so that the withdrawals behind it take other lanes.
 */
static enum status take_verdict(struct step *step, enum wire_promised promised, const struct fault *refusal,
                                struct fault *fault)
{
    if (promised == WIRE_PROMISED_NEVER && refusal->status != STATUS_REPLAY && refusal->status != STATUS_CONFLICT) {
        return fail(step, refusal->status, refusal->where, false, fault);
    }
    return quarantine(step, refusal->status, fault);
}

/*
 * The signer says that the key is not active. When the key is active again, it signs or says that the time is over.
 * When that will never be, what was never signed fails, and of what may have been signed people must look.
 */
static enum status meet_sleeping_key(struct step *step, enum wire_promised promised, struct fault *fault)
{
    const struct wallet *wallet = step_wallet(step->service, &step->row);
    struct fault refusal = *fault;
    fault_clear(fault);
    if (clock_utc_us(step->service->clock) < step->row.expires_at_utc_us || wallet == NULL ||
        !key_gate_is_shut(step->service, wallet)) {
        return fault_set(fault, STATUS_KEY_INACTIVE, "key", "%s", refusal.detail);
    }
    return promised == WIRE_PROMISED_NEVER ? fail(step, STATUS_KEY_INACTIVE, refusal.where, false, fault)
                                           : quarantine(step, STATUS_KEY_INACTIVE, fault);
}

/*
 * The papers as they were recorded. When they cannot be put together any more (row or entry were edited since), another
 * try would not mend it, and whether the signer has promised it is not known: people must look. A history that is not
 * whole may be mended until the time is over; then the signer is asked with the entry, and people without it.
 */
static enum status gather(struct step_papers *out, struct store_leaf *signing, struct step *step, struct fault *fault)
{
    enum status status = history_entry(signing, step->service, step->item, AUDIT_WITHDRAWAL_SIGNING, fault);
    bool lost = (status == STATUS_CORRUPT || status == STATUS_NOT_READY) && signing->raw.len == 0 &&
                history_is_closed(step->service, &step->row.intent);
    if (status == STATUS_CORRUPT && signing->raw.len > 0 && history_is_over(step->service, &step->row.intent)) {
        fault_clear(fault);
        status = STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = step_papers_load(out, step->service, &step->item->withdrawal, NULL, signing, fault);
    }
    step->broken = lost || (status != STATUS_OK && !step_may_pass(status));
    return status;
}

static enum status ask_signer(struct wire_transfer_reply *out, enum wire_promised *out_promised, struct step *step,
                              struct fault *fault)
{
    struct step_papers papers = {0};
    struct store_leaf leaf = {0};
    *out_promised = WIRE_PROMISED_UNKNOWN;
    enum status status = gather(&papers, &leaf, step, fault);
    if (status == STATUS_OK) {
        status = step_ask_signer(out, out_promised, &papers, &leaf, fault);
    }
    store_leaf_wipe(&leaf);
    step_papers_wipe(&papers);
    return status;
}

static enum status meet_refusal(struct step *step, enum wire_promised promised, struct fault *fault)
{
    enum status status = fault->status;
    if (status == STATUS_KEY_INACTIVE) {
        return meet_sleeping_key(step, promised, fault);
    }
    if ((status == STATUS_LIMIT_EXCEEDED || status == STATUS_OUTSIDE_HOURS) && promised == WIRE_PROMISED_NEVER &&
        clock_utc_us(step->service->clock) < step->row.expires_at_utc_us) {
        return status; /* others were first, or it was recorded at the end of the hour: time mends it */
    }
    /* A guard that was made anew does not know whether it was promised: it is waited for as long as it could be signed.
     */
    bool unknown = promised == WIRE_PROMISED_UNKNOWN && !step_may_pass(status) && status != STATUS_NOT_PERMITTED &&
                   history_is_over(step->service, &step->row.intent);
    if (!step->broken && !unknown && !step_is_verdict(status, promised)) {
        return status;
    }
    struct fault refusal = *fault;
    fault_clear(fault);
    if (step->broken) {
        log_fault("withdrawal.broken", &refusal);
        return quarantine(step, status, fault);
    }
    return take_verdict(step, promised, &refusal, fault);
}

static enum status step_sign(struct step *step, struct fault *fault)
{
    struct wire_transfer_reply reply = {0};
    enum wire_promised promised;
    enum status status = ask_signer(&reply, &promised, step, fault);
    if (status != STATUS_OK) {
        return meet_refusal(step, promised, fault);
    }
    CRASHPOINT("withdrawal-signature-received");
    struct bytes signature = {0};
    bool same = reply.transaction.len == step->row.transaction.len &&
                memcmp(reply.transaction.data, step->row.transaction.data, reply.transaction.len) == 0;
    status = step_signature_encode(&signature, &reply.signature, fault);
    if (status == STATUS_OK) {
        /* The signer's bytes are the truth; a row that holds others was edited after the approval. */
        step->change = (struct store_withdrawal_change){.signature = &signature,
                                                        .transaction = same ? NULL : &reply.transaction,
                                                        .promises = reply.promises > 0 ? &reply.promises : NULL};
        step->key = &reply.signature.key_id;
        status = move(step, WITHDRAWAL_SIGNED, AUDIT_WITHDRAWAL_SIGNED, "submit", fault);
        step->key = NULL;
    }
    bytes_free(&signature);
    bytes_free(&reply.transaction);
    return status;
}

/* The row as it was signed for: its transaction and columns are those of its intent. */
static enum status check_row(const struct store_withdrawal *row, struct fault *fault)
{
    struct intent intent;
    enum status status = intent_decode(&intent, row->intent.data, row->intent.len, fault);
    return status == STATUS_OK ? step_papers_check_columns(row, &intent, fault) : status;
}

static enum status step_submit(struct step *step, struct fault *fault)
{
    struct service *service = step->service;
    const struct wallet *wallet = step_wallet(service, &step->row);
    struct signed_document transaction = {0};
    struct ledger_transaction_status ledger;
    if (wallet == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "wallet", "not in the policy");
    }
    enum status status = check_row(&step->row, fault);
    if (status == STATUS_OK) {
        status = step_signed_transaction(&transaction, &step->row, fault);
    }
    if (status == STATUS_OK) {
        status = ledger_node_submit(service->node, &ledger, &transaction, &wallet->key, fault);
    }
    signed_document_free(&transaction);
    if (status != STATUS_OK) {
        return status; /* a signature exists: nothing but the ledger's verdict may free what this holds */
    }
    CRASHPOINT("withdrawal-submitted");
    return move(step, WITHDRAWAL_SUBMITTED, AUDIT_WITHDRAWAL_SUBMITTED, "confirm", fault);
}

static enum status step_confirm(struct step *step, struct fault *fault)
{
    struct service *service = step->service;
    struct ledger_transaction_status ledger;
    struct digest id;
    enum status status = check_row(&step->row, fault);
    if (status != STATUS_OK) {
        return status;
    }
    transaction_id(&id, step->row.transaction.data, step->row.transaction.len);
    status = ledger_node_wait(service->node, &ledger, &id, CONFIRM_WAIT_MS, fault);
    if (status == STATUS_NOT_FOUND) { /* the node lost its mempool: the same bytes again */
        struct signed_document transaction = {0};
        const struct wallet *wallet = step_wallet(service, &step->row);
        fault_clear(fault);
        status = step_signed_transaction(&transaction, &step->row, fault);
        if (status == STATUS_OK && wallet != NULL) {
            status = ledger_node_submit(service->node, &ledger, &transaction, &wallet->key, fault);
        }
        signed_document_free(&transaction);
        return status == STATUS_OK ? fault_set(fault, STATUS_NOT_READY, "ledger", "submitted again") : status;
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = history_check_signed(service, &step->row, fault);
    if (status != STATUS_OK) { /* the ledger spoke of another transaction than the one that the signer was shown */
        return status;
    }
    CRASHPOINT("withdrawal-confirmed");
    if (ledger.state == LEDGER_REJECTED) {
        return fail(step, ledger.code, "ledger", true, fault);
    }
    uint64_t index = (uint64_t)ledger.index;
    step->change = (struct store_withdrawal_change){.height = &ledger.height, .index = &index};
    return move(step, WITHDRAWAL_CONFIRMED, AUDIT_WITHDRAWAL_CONFIRMED, NULL, fault);
}

static const struct {
    const char *kind;
    enum withdrawal_state from;
    enum status (*run)(struct step *step, struct fault *fault);
} steps[] = {
    {"record", WITHDRAWAL_APPROVED, step_record},    {"announce", WITHDRAWAL_APPROVED, step_announce},
    {"sign", WITHDRAWAL_RECORDED, step_sign},        {"submit", WITHDRAWAL_SIGNED, step_submit},
    {"confirm", WITHDRAWAL_SUBMITTED, step_confirm},
};

/*
 * A signed withdrawal whose row is not what was signed, or that the books contradict: another try would not mend it.
 * People must look. (STATUS_CONFLICT: another worker was first.)
 */
static enum status set_aside(struct step *step, enum status status, struct fault *fault)
{
    bool is_signed = step->row.state == WITHDRAWAL_SIGNED || step->row.state == WITHDRAWAL_SUBMITTED;
    if (status == STATUS_OK || !is_signed || step_may_pass(status) || status == STATUS_CONFLICT) {
        return status;
    }
    log_fault("withdrawal.broken", fault);
    fault_clear(fault);
    return quarantine(step, status, fault);
}

static enum status finish_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct step *step = context;
    return store_outbox_done(tx, step->item->id, fault);
}

enum status step_run(struct service *service, const struct store_outbox_item *item, int64_t *out_until_utc_us,
                     struct fault *fault)
{
    struct step step = {.service = service, .item = item, .reason = STATUS_OK};
    *out_until_utc_us = 0;
    enum status status = store_read(service->store, load_row_in, &step, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = fault_set(fault, STATUS_INTERNAL, "outbox", "no step of kind %s", item->kind);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (strcmp(steps[i].kind, item->kind) == 0) {
            fault_clear(fault);
            status = step.row.state == steps[i].from ? set_aside(&step, steps[i].run(&step, fault), fault)
                                                     : store_transact(service->store, finish_in, &step, fault);
        }
    }
    store_withdrawal_wipe(&step.row);
    *out_until_utc_us = step.until_utc_us;
    return status;
}
