/*
 * Orders by which the key of the trail is rotated, on their way to the signers of role audit and transfer, and shown to
 * whoever verifies the trail. They go to the signers first and to the trail right after: so the entry is under a
 * checkpoint of both keys, and an order is carried out, too, when the key that signs is lost and nothing else gets in.
 */
#include "key_papers.h"
#include "log_orders_kept.h"
#include "orders.h"
#include "record.h"
#include "resources.h"

/* Role audit first: what it refuses for good need not be in force anywhere. */
static const enum wire_role roles[] = {WIRE_ROLE_AUDIT, WIRE_ROLE_TRANSFER};

enum { ROLE_COUNT = sizeof(roles) / sizeof(roles[0]) };

/* An order on its way. */
struct rotation {
    struct service *service;
    const struct http_request *request;
    struct signed_document document;
    struct command command;
    enum status said[ROLE_COUNT];
    struct trail_ticket ticket;
};

/* The service would take no note that the new key alone has signed. */
static enum status check_option(const struct rotation *rotation, struct fault *fault)
{
    const struct option_list *keys = &rotation->service->options.log_keys;
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->texts[i], rotation->command.log) == 0) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_CONFLICT, "log", "the option log-key of this service does not name it yet");
}

static enum status read_order(struct rotation *rotation, struct fault *fault)
{
    enum status status = http_body_signed(&rotation->document, rotation->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = order_read(&rotation->command, rotation->service, &rotation->document, fault);
    }
    if (status == STATUS_OK && rotation->command.action != COMMAND_LOG_ROTATE) {
        return fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here",
                         command_action_text(rotation->command.action));
    }
    return status == STATUS_OK ? check_option(rotation, fault) : status;
}

/* The trail. */

static enum status keep(const struct rotation *rotation, struct store_tx *tx, struct audit_event *event,
                        struct fault *fault)
{
    const struct key_paper of_key = {KEY_PAPER_COMMAND, &rotation->document};
    const struct key_paper of_log = {KEY_PAPER_LOG, &rotation->document};
    struct digest digest;
    struct digest order;
    digest_document(&order, COMMAND_KIND, rotation->document.document.data, rotation->document.document.len);
    enum status status = key_paper_record(&digest, tx, &rotation->command.key, &of_key, fault);
    status = status == STATUS_OK ? key_paper_record(&digest, tx, &order, &of_log, fault) : status;
    return status == STATUS_OK ? audit_event_ref_add(event, KEY_PAPER_COMMAND, &order, fault) : status;
}

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct rotation *rotation = context;
    struct audit_event event;
    record_by_caller(&event, rotation->service, rotation->request, AUDIT_LOG_KEY, AUDIT_OUTCOME_OK);
    record_about_key(&event, &rotation->command.key);
    enum status status = keep(rotation, tx, &event, fault);
    status = status == STATUS_OK ? order_facts_add(&event, rotation->service, &rotation->document, fault) : status;
    for (size_t i = 0; status == STATUS_OK && i < ROLE_COUNT; i++) {
        status = audit_event_fact_add(&event, wire_role_name(roles[i]), status_info(rotation->said[i])->code, fault);
    }
    if (status == STATUS_OK) {
        char size[24];
        (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)rotation->command.size);
        status = audit_event_fact_add(&event, "size", size, fault);
    }
    status =
        status == STATUS_OK ? trail_enqueue(&rotation->ticket, rotation->service->trail, tx, &event, fault) : status;
    audit_event_wipe(&event);
    return status;
}

/* It has happened when one of them took it; to the other one the same order is handed in again. */
static enum status forward(struct rotation *rotation, struct fault *fault)
{
    struct service *service = rotation->service;
    struct fault why[ROLE_COUNT] = {0};
    bool taken = false;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        struct wire_key_state_reply state;
        rotation->said[i] = wire_key_command(service->signers[roles[i]], &state, &rotation->document,
                                             service->options.signer_timeout_ms, &why[i]);
        taken = taken || rotation->said[i] == STATUS_OK;
    }
    return taken ? STATUS_OK : fault_set(fault, rotation->said[0], why[0].where, "%s", why[0].detail);
}

static enum status answer(struct rotation *rotation, struct http_reply *reply, struct fault *fault)
{
    json_t *signers = json_object();
    json_t *object = json_pack("{s:s, s:I, s:o}", "log", rotation->command.log, "size",
                               (json_int_t)rotation->command.size, "signers", signers);
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "") : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < ROLE_COUNT; i++) {
        json_t *said = json_string(status_info(rotation->said[i])->code);
        status = json_object_set_new(signers, wire_role_name(roles[i]), said) == 0
                     ? STATUS_OK
                     : fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "");
    }
    if (status == STATUS_OK) {
        status = record_receipt(rotation->service, &rotation->ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 200, object, fault);
}

enum status log_key_order(struct service *service, const struct http_request *request, struct http_reply *reply,
                          struct fault *fault)
{
    struct rotation rotation = {.service = service, .request = request};
    enum status status = read_order(&rotation, fault);
    status = status == STATUS_OK ? forward(&rotation, fault) : status;
    if (status == STATUS_OK) {
        status = store_transact(service->store, record_in, &rotation, fault);
    }
    if (status == STATUS_OK) {
        status = answer(&rotation, reply, fault);
    }
    signed_document_free(&rotation.document);
    return status;
}

/* Showing. They prove themselves by their signatures; the service says nothing about them. */

static enum status show(void *context, const struct log_order *order, struct fault *fault)
{
    json_t *shown = NULL;
    enum status status = canon_parse(&shown, order->bytes->data, order->bytes->len, SIGNED_TEXT_MAX, fault);
    return status == STATUS_OK && json_array_append_new(context, shown) != 0
               ? fault_set(fault, STATUS_NO_MEMORY, "orders", "%s", "")
               : status;
}

enum status log_key_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                         struct fault *fault)
{
    const struct log_orders_visitor visitor = {.take = show, .context = json_array()};
    (void)request;
    enum status status = log_orders_visit(&visitor, service, fault);
    if (status != STATUS_OK) {
        json_decref(visitor.context);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "orders", (json_t *)visitor.context), fault);
}
