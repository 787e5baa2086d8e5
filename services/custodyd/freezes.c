/*
 * Freezes at the REST interface: what the signer said last, and orders on their way to it. The signer judges and keeps
 * them; nothing here stops anything. A freeze goes to the signer first and to the trail right after, because stopping
 * waits for nothing; a thaw is in the trail, under a checkpoint, before the signer hears of it.
 */
#include "base/log.h"
#include "key_board.h"
#include "key_papers.h"
#include "orders.h"
#include "record.h"
#include "resources.h"
#include "watch.h"

#define LOOK_TIMEOUT_MS 1000

/* An order on its way. */
struct freezing {
    struct service *service;
    const struct http_request *request;
    struct signed_document document;
    struct command command;
    enum audit_outcome outcome; /* of the entry to be written */
    enum status reason;
    struct wire_key_state_reply state;
    struct trail_ticket ticket;
};

static enum status read_order(struct freezing *order, struct fault *fault)
{
    const struct service *service = order->service;
    enum status status = http_body_signed(&order->document, order->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = order_read(&order->command, service, &order->document, fault);
    }
    if (status == STATUS_OK && order->command.action != COMMAND_FREEZE && order->command.action != COMMAND_THAW) {
        return fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here",
                         command_action_text(order->command.action));
    }
    return status;
}

/* The trail. */

static enum status fill_event(struct audit_event *event, const struct freezing *order, struct store_tx *tx,
                              struct fault *fault)
{
    const struct key_paper paper = {KEY_PAPER_COMMAND, &order->document};
    struct digest kept_under;
    struct digest digest;
    record_about_freeze(event, freeze_scope_text(order->command.target.scope), order->command.target.subject);
    digest_sha256(&kept_under, event->object_id, strlen(event->object_id));
    enum status status = key_paper_record(&digest, tx, &kept_under, &paper, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(event, KEY_PAPER_COMMAND, &digest, fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "order", command_action_text(order->command.action), fault);
    }
    status = status == STATUS_OK ? order_facts_add(event, order->service, &order->document, fault) : status;
    if (status == STATUS_OK && order->outcome == AUDIT_OUTCOME_OK) {
        status = audit_event_fact_add(event, "state", order->state.state, fault);
    }
    if (order->reason != STATUS_OK) {
        record_reason(event, order->reason);
    }
    return status;
}

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct freezing *order = context;
    struct audit_event event;
    record_by_caller(&event, order->service, order->request, AUDIT_FREEZE_COMMAND, order->outcome);
    enum status status = fill_event(&event, order, tx, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&order->ticket, order->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status record(struct freezing *order, enum audit_outcome outcome, enum status reason, struct fault *fault)
{
    order->outcome = outcome;
    order->reason = reason;
    return store_transact(order->service->urgent_store, record_in, order, fault);
}

/* The intent, covered, before anything happens. */
static enum status announce(struct freezing *order, struct fault *fault)
{
    enum status status = record(order, AUDIT_OUTCOME_INTENT, STATUS_OK, fault);
    return status == STATUS_OK ? record_covered(order->service, &order->ticket, fault) : status;
}

static enum status forward(struct freezing *order, struct fault *fault)
{
    struct service *service = order->service;
    struct wire_pool *signer = service->urgent_signers[WIRE_ROLE_TRANSFER];
    struct fault unseen = {0};
    enum status status =
        wire_key_command(signer, &order->state, &order->document, service->options.signer_timeout_ms, fault);
    (void)!key_board_look(service->board, signer, WIRE_ROLE_TRANSFER, LOOK_TIMEOUT_MS, &unseen);
    watch_wake(service->watch);
    return status;
}

/* It has happened, and the caller must know; what the trail misses, the watcher tells it. */
static enum status freeze(struct freezing *order, struct fault *fault)
{
    struct fault why = {0};
    enum status status = forward(order, fault);
    if (status == STATUS_OK && record(order, AUDIT_OUTCOME_OK, STATUS_OK, &why) != STATUS_OK) {
        log_fault("freeze", &why);
        order->ticket = (struct trail_ticket){0};
    }
    return status;
}

static enum status thaw(struct freezing *order, struct fault *fault)
{
    struct fault why = {0};
    enum status status = announce(order, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = forward(order, fault);
    if (status == STATUS_OK) {
        return record(order, AUDIT_OUTCOME_OK, STATUS_OK, fault);
    }
    if (record(order, AUDIT_OUTCOME_ERROR, status, &why) != STATUS_OK) {
        log_fault("thaw", &why);
    }
    return status;
}

static enum status answer(struct freezing *order, struct http_reply *reply, struct fault *fault)
{
    const struct freeze_target *target = &order->command.target;
    json_t *object = json_pack("{s:{s:s, s:s, s:I}}", "freeze", "scope", freeze_scope_text(target->scope), "state",
                               order->state.state, "number", (json_int_t)order->state.on);
    enum status status = object == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && target->subject[0] != '\0' &&
        json_object_set_new(json_object_get(object, "freeze"), "subject", json_string(target->subject)) != 0) {
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK && order->ticket.number != 0) {
        status = order->command.action == COMMAND_FREEZE
                     ? record_receipt_if_any(order->service, &order->ticket, object, fault)
                     : record_receipt(order->service, &order->ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return fault_set(fault, status, "reply", "%s", "");
    }
    return http_reply_json(reply, 200, object, fault);
}

enum status freeze_order(struct service *service, const struct http_request *request, struct http_reply *reply,
                         struct fault *fault)
{
    struct freezing order = {.service = service, .request = request};
    enum status status = read_order(&order, fault);
    if (status == STATUS_OK) {
        status = order.command.action == COMMAND_FREEZE ? freeze(&order, fault) : thaw(&order, fault);
    }
    if (status == STATUS_OK) {
        status = answer(&order, reply, fault);
    }
    signed_document_free(&order.document);
    return status;
}

/* Showing. */

static json_t *freeze_view(const struct wire_freeze *freeze)
{
    char since[TIME_TEXT_SIZE];
    time_format(since, freeze->since);
    json_t *view = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "scope", freeze->scope, "state",
                             freeze->frozen ? "frozen" : "thawed", "cause", freeze->cause, "reason",
                             freeze->reason.text, "since", since, "number", (json_int_t)freeze->on);
    if (view != NULL && freeze->subject[0] != '\0' &&
        json_object_set_new(view, "subject", json_string(freeze->subject)) != 0) {
        json_decref(view);
        return NULL;
    }
    return view;
}

enum status freeze_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct wire_freeze freezes[WIRE_FREEZES_MAX];
    size_t count = key_board_freezes(freezes, service->board);
    json_t *rows = json_array();
    (void)request;
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(rows, freeze_view(&freezes[i])) != 0) {
            json_decref(rows);
            return fault_set(fault, STATUS_NO_MEMORY, "freezes", "%s", "");
        }
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "freezes", rows), fault);
}
