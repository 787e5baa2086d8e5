/*
 * A veto of one person against a withdrawal. It stops something: the signer first, over the lane that is kept free for
 * that, then the workflow and the trail. What the signer denied is denied whatever is written here, and no row keeps it
 * from being asked.
 */
#include "base/log.h"
#include "key_papers.h"
#include "orders.h"
#include "record.h"
#include "step_signature.h"
#include "withdrawals.h"

struct vetoing {
    struct service *service;
    const struct http_request *request;
    struct uuid id;
    struct signed_document document;
    struct command command;
    struct trail_ticket ticket;
    struct digest digest; /* of the command */
    bool promised;        /* the signer did, another intent of this withdrawal, so that it does not end */
    json_t *view;
};

/* Whether this version has the key of the only signature. */
static bool find_signer(struct name *out, const struct policy *policy, const struct signed_document *document)
{
    const struct person *person =
        document->signature_count == 1 ? policy_find_key(NULL, policy, &document->signatures[0].key_id) : NULL;
    if (person != NULL) {
        *out = person->id;
    }
    return person != NULL;
}

static enum status read_veto(struct vetoing *vetoing, struct fault *fault)
{
    const struct service *service = vetoing->service;
    enum status status = http_body_signed(&vetoing->document, vetoing->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = order_read(&vetoing->command, service, &vetoing->document, fault);
    }
    if (status == STATUS_OK && vetoing->command.action != COMMAND_WITHDRAWAL_VETO) {
        status = fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here",
                           command_action_text(vetoing->command.action));
    }
    return status;
}

static enum status log_veto(struct vetoing *vetoing, struct store_tx *tx, const struct store_withdrawal *row,
                            struct fault *fault)
{
    struct audit_event event;
    record_by_caller(&event, vetoing->service, vetoing->request, AUDIT_WITHDRAWAL_VETO, AUDIT_OUTCOME_OK);
    record_about(&event, &vetoing->id);
    enum status status = audit_event_ref_add(&event, "command", &vetoing->digest, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(&event, "intent", &vetoing->command.subject, fault);
    }
    status = status == STATUS_OK ? order_facts_add(&event, vetoing->service, &vetoing->document, fault) : status;
    if (status == STATUS_OK) {
        status = record_terms(&event, vetoing->service, row, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&vetoing->ticket, vetoing->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/*
 * The signer denies the intent by now, as a row showed it to who vetoed; which withdrawal ended it is told, too,
 * whatever its state: a row that is put back to another intent gets no signature either, and ends have numbers, by
 * which an older copy of its guard is found. What was recorded already ends by its refusal, as everything that it
 * refuses.
 */
static enum status end_denied(struct vetoing *vetoing, struct store_tx *tx, struct store_withdrawal *row,
                              struct fault *fault)
{
    struct service *service = vetoing->service;
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_DENIED)->code};
    struct wire_pool *signer = service->urgent_signers[WIRE_ROLE_TRANSFER];
    if (!withdrawal_move_allowed(row->state, WITHDRAWAL_REJECTED)) {
        return step_end(&vetoing->promised, service, signer, tx, &row->id, fault);
    }
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_REJECTED, &change, fault);
    return status == STATUS_OK ? withdrawal_release(&vetoing->promised, service, signer, tx, &row->id, fault) : status;
}

static enum status is_subject(const struct vetoing *vetoing, const struct store_withdrawal *row, struct fault *fault)
{
    struct digest intent;
    intent_digest(&intent, row->intent.data, row->intent.len);
    return digest_equal(&intent, &vetoing->command.subject)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "subject",
                           "the signer signs it never, and it is not the intent that this withdrawal has here");
}

/* Whatever the rows say of its withdrawal, it is kept. */
static enum status keep_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct vetoing *vetoing = context;
    const struct digest *intent = &vetoing->command.subject;
    const struct key_paper paper = {WITHDRAWAL_VETO_KIND, &vetoing->document};
    enum status status = key_paper_record(&vetoing->digest, tx, intent, &paper, fault);
    return status == STATUS_OK ? key_paper_mark(tx, WITHDRAWAL_VETO_KIND, intent, &vetoing->digest, fault) : status;
}

static enum status veto_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct vetoing *vetoing = context;
    struct store_withdrawal row = {0};
    json_decref(vetoing->view);
    vetoing->view = NULL;
    vetoing->promised = false;
    enum status status = store_withdrawal_get_locked(&row, tx, &vetoing->id, fault);
    status = status == STATUS_OK ? is_subject(vetoing, &row, fault) : status;
    if (status == STATUS_OK) {
        status = end_denied(vetoing, tx, &row, fault);
    }
    if (status == STATUS_OK) {
        status = log_veto(vetoing, tx, &row, fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_view(&vetoing->view, vetoing->service, tx, &row, fault);
    }
    store_withdrawal_wipe(&row);
    return status;
}

enum status withdrawal_veto(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct vetoing vetoing = {.service = service, .request = request};
    struct wire_key_state_reply state = {0};
    json_t *object = NULL;
    enum status status = uuid_parse(&vetoing.id, request->parameters[0]) == STATUS_OK
                             ? read_veto(&vetoing, fault)
                             : fault_set(fault, STATUS_INVALID, "id", "must be a UUIDv7");
    if (status == STATUS_OK) {
        status = wire_key_command(service->urgent_signers[WIRE_ROLE_TRANSFER], &state, &vetoing.document,
                                  service->options.signer_timeout_ms, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->urgent_store, keep_in, &vetoing, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->urgent_store, veto_in, &vetoing, fault);
    }
    if (status == STATUS_CONFLICT && vetoing.promised) {
        status = withdrawal_meet_promise(service, service->urgent_store, &vetoing.id, fault);
    }
    if (status == STATUS_OK) {
        object = json_pack("{s:s, s:O}", "state", state.state, "withdrawal", vetoing.view);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt_if_any(service, &vetoing.ticket, object, fault);
    }
    if (status == STATUS_OK) {
        status = http_reply_json(reply, 200, object, fault);
    } else {
        json_decref(object);
    }
    json_decref(vetoing.view);
    signed_document_free(&vetoing.document);
    return status;
}

/* Who spoke against it, as of when that was said. */
struct speaking {
    const struct service *service;
    const struct digest *intent;
};

static bool is_veto(void *context, int64_t *out_issued_at_utc_us, const struct signed_document *paper)
{
    const struct speaking *speaking = context;
    struct command command;
    struct name by;
    if (command_decode(&command, paper->document.data, paper->document.len, NULL) != STATUS_OK ||
        !digest_equal(&command.subject, speaking->intent)) {
        return false;
    }
    const struct policy *policy = service_policy_named(speaking->service, &command.policy);
    *out_issued_at_utc_us = command.issued_at;
    return policy != NULL && command_verify(&command, paper, policy, command.issued_at, NULL) == STATUS_OK &&
           find_signer(&by, policy, paper);
}

enum status veto_view(json_t **out, const struct service *service, const struct store_tx *tx,
                      const struct digest *intent, struct fault *fault)
{
    struct signed_document document = {0};
    struct command command;
    struct name by;
    struct fault why = {0};
    struct speaking speaking = {.service = service, .intent = intent};
    const struct key_paper_choice choice = {.fits = is_veto, .context = &speaking};
    enum status status = key_paper_find(&document, tx, WITHDRAWAL_VETO_KIND, intent, &choice, &why);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = command_decode(&command, document.document.data, document.document.len, &why);
    }
    if (status == STATUS_OK && find_signer(&by, service_policy_named(service, &command.policy), &document)) {
        *out = json_pack("{s:s, s:s}", "by", by.text, "reason", command.reason.text);
    }
    signed_document_free(&document);
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}
