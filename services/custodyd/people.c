/*
 * Suspended people at the REST interface: what the signers said last, and orders on their way to all of them. The
 * signers judge and keep them; to one that did not take an order the watcher carries it. A suspension goes to the
 * signers first and to the trail right after, because stopping waits for nothing; a resumption is in the trail, under a
 * checkpoint, before a signer hears of it.
 */
#include "people.h"

#include <inttypes.h>

#include "base/log.h"
#include "key_board.h"
#include "key_papers.h"
#include "orders.h"
#include "policies.h"
#include "record.h"
#include "resources.h"
#include "store/document.h"
#include "watch.h"

#define LOOK_TIMEOUT_MS 1000

/* An order on its way. */
struct handing {
    struct service *service;
    const struct http_request *request;
    enum command_action wanted;
    struct signed_document document;
    struct command command;
    enum audit_outcome outcome; /* of the entry to be written */
    enum status reason;
    struct wire_key_state_reply state; /* of the first signer that took it */
    enum status said[4];               /* by enum wire_role */
    struct trail_ticket ticket;
};

static enum status read_order(struct handing *order, struct fault *fault)
{
    enum status status = http_body_signed(&order->document, order->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = order_read(&order->command, order->service, &order->document, fault);
    }
    if (status == STATUS_OK && order->command.action != order->wanted) {
        return fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here",
                         command_action_text(order->command.action));
    }
    return status;
}

/* Keeping. */

void person_order_name(struct name *out, int64_t expires_at_utc_us, const struct digest *digest)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    *out = (struct name){{0}};
    (void)snprintf(out->text, sizeof(out->text), "%016" PRIx64 "-%.40s", (uint64_t)expires_at_utc_us, hex);
}

enum status person_order_keep(struct store_tx *tx, const struct signed_document *document,
                              const struct command *command, struct fault *fault)
{
    struct store_document row = {0};
    json_t *object = NULL;
    digest_document(&row.digest, COMMAND_KIND, document->document.data, document->document.len);
    person_order_name(&row.id, command->expires_at, &row.digest);
    enum status status = name_parse(&row.kind, PERSON_ORDER_KIND);
    status = status == STATUS_OK ? signed_document_encode(&object, document, fault) : status;
    status = status == STATUS_OK ? canon_emit(&row.bytes, object, SIGNED_TEXT_MAX, fault) : status;
    if (status == STATUS_OK) {
        status = key_paper_row_record(tx, &row, fault);
    }
    json_decref(object);
    store_document_wipe(&row);
    return status;
}

/* The trail. */

static enum status fill_event(struct audit_event *event, const struct handing *order, struct store_tx *tx,
                              struct fault *fault)
{
    const struct key_paper paper = {KEY_PAPER_COMMAND, &order->document};
    struct digest kept_under;
    struct digest digest;
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_PERSON);
    (void)snprintf(event->object_id, sizeof(event->object_id), "%s", order->command.person.text);
    digest_sha256(&kept_under, event->object_id, strlen(event->object_id));
    enum status status = key_paper_record(&digest, tx, &kept_under, &paper, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(event, KEY_PAPER_COMMAND, &digest, fault);
    }
    status = status == STATUS_OK ? order_facts_add(event, order->service, &order->document, fault) : status;
    for (int role = 0; status == STATUS_OK && order->outcome == AUDIT_OUTCOME_OK && role < order->service->role_count;
         role++) {
        status = audit_event_fact_add(event, wire_role_name((enum wire_role)role), status_info(order->said[role])->code,
                                      fault);
    }
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
    struct handing *order = context;
    struct audit_event event;
    bool suspends = order->wanted == COMMAND_PERSON_SUSPEND;
    record_by_caller(&event, order->service, order->request, suspends ? AUDIT_PERSON_SUSPEND : AUDIT_PERSON_RESUME,
                     order->outcome);
    enum status status = fill_event(&event, order, tx, fault);
    status = status == STATUS_OK ? person_order_keep(tx, &order->document, &order->command, fault) : status;
    if (status == STATUS_OK) {
        status = trail_enqueue(&order->ticket, order->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status record(struct handing *order, enum audit_outcome outcome, enum status reason, struct fault *fault)
{
    order->outcome = outcome;
    order->reason = reason;
    return store_transact(order->service->urgent_store, record_in, order, fault);
}

/* The intent, covered, before anything happens. */
static enum status announce(struct handing *order, struct fault *fault)
{
    enum status status = record(order, AUDIT_OUTCOME_INTENT, STATUS_OK, fault);
    return status == STATUS_OK ? record_covered(order->service, &order->ticket, fault) : status;
}

/* A signer answers an order that was used with what the person is now, which may be the opposite by then. */
static enum status state_check(const struct handing *order, const struct wire_key_state_reply *state,
                               struct fault *fault)
{
    const char *wanted = order->wanted == COMMAND_PERSON_SUSPEND ? "suspended" : "resumed";
    return strcmp(state->state, wanted) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_REPLAY, "command.nonce", "this order was used already, and %s is %s since",
                           order->command.person.text, state->state);
}

/* To all signers. It has happened when one of them took it; what another one answered is told. */
static enum status forward(struct handing *order, struct fault *fault)
{
    struct service *service = order->service;
    bool taken = false;
    for (int role = WIRE_ROLE_TRANSFER; role < service->role_count; role++) {
        struct wire_key_state_reply state;
        struct fault why = {0};
        order->said[role] = wire_key_command(service->urgent_signers[role], &state, &order->document,
                                             service->options.signer_timeout_ms, &why);
        if (order->said[role] == STATUS_OK) {
            order->said[role] = state_check(order, &state, &why);
        }
        if (order->said[role] == STATUS_OK && !taken) {
            order->state = state;
            taken = true;
        } else if (role == WIRE_ROLE_TRANSFER) {
            *fault = why;
        }
    }
    if (!taken) { /* what changed nothing is looked at by nobody: anybody may hand that in */
        return order->said[WIRE_ROLE_TRANSFER];
    }
    for (int role = WIRE_ROLE_TRANSFER; role < service->role_count; role++) {
        struct fault unseen = {0};
        (void)!key_board_look(service->board, service->urgent_signers[role], (enum wire_role)role, LOOK_TIMEOUT_MS,
                              &unseen);
        if (order->wanted == COMMAND_PERSON_RESUME && order->said[role] != STATUS_OK) {
            watch_missed(service->watch, (enum wire_role)role);
        }
    }
    watch_wake(service->watch);
    fault_clear(fault);
    return STATUS_OK;
}

/* It has happened, and the caller must know. */
static enum status suspend(struct handing *order, struct fault *fault)
{
    struct fault why = {0};
    enum status status = forward(order, fault);
    if (status == STATUS_OK && record(order, AUDIT_OUTCOME_OK, STATUS_OK, &why) != STATUS_OK) {
        log_fault("person.suspend", &why);
        order->ticket = (struct trail_ticket){0};
    }
    return status;
}

static enum status resume(struct handing *order, struct fault *fault)
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
        log_fault("person.resume", &why);
    }
    return status;
}

static enum status answer(struct handing *order, struct http_reply *reply, struct fault *fault)
{
    json_t *signers = json_object();
    json_t *object = json_pack("{s:s, s:s, s:I, s:o}", "person", order->command.person.text, "state",
                               order->state.state, "number", (json_int_t)order->state.on, "signers", signers);
    enum status status = object == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (int role = 0; status == STATUS_OK && role < order->service->role_count; role++) {
        const char *code = status_info(order->said[role])->code;
        status = json_object_set_new(signers, wire_role_name((enum wire_role)role), json_string(code)) == 0
                     ? STATUS_OK
                     : STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK && order->ticket.number != 0) {
        status = order->wanted == COMMAND_PERSON_SUSPEND
                     ? record_receipt_if_any(order->service, &order->ticket, object, fault)
                     : record_receipt(order->service, &order->ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return fault_set(fault, status, "reply", "%s", "");
    }
    return http_reply_json(reply, 200, object, fault);
}

static enum status person_order(struct handing *order, struct http_reply *reply, struct fault *fault)
{
    enum status status = read_order(order, fault);
    if (status == STATUS_OK) {
        status = order->wanted == COMMAND_PERSON_SUSPEND ? suspend(order, fault) : resume(order, fault);
    }
    if (status == STATUS_OK) {
        status = answer(order, reply, fault);
    }
    signed_document_free(&order->document);
    return status;
}

enum status person_suspend(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct handing order = {.service = service, .request = request, .wanted = COMMAND_PERSON_SUSPEND};
    return person_order(&order, reply, fault);
}

enum status person_resume(struct service *service, const struct http_request *request, struct http_reply *reply,
                          struct fault *fault)
{
    struct handing order = {.service = service, .request = request, .wanted = COMMAND_PERSON_RESUME};
    return person_order(&order, reply, fault);
}

/* Showing. */

static void at_signer(char out[24], struct service *service, enum wire_role role, const struct name *person,
                      uint64_t *inout_number)
{
    struct wire_suspended rows[WIRE_SUSPENDED_MAX];
    struct key_board_signer signer;
    key_board_signer(&signer, service->board, role);
    size_t count = key_board_suspended(rows, service->board, role);
    (void)snprintf(out, 24, "%s", signer.heard ? "counts" : "unknown");
    for (size_t i = 0; i < count; i++) {
        if (name_equal(&rows[i].person, person)) {
            (void)snprintf(out, 24, "suspended");
            *inout_number = rows[i].on > *inout_number ? rows[i].on : *inout_number;
        }
    }
}

/* Unless no signer has this person suspended. */
static enum status show(json_t *people, struct service *service, const struct name *person)
{
    json_t *signers = json_object();
    bool all = true;
    uint64_t number = 0;
    for (int role = 0; role < service->role_count; role++) {
        char at[24];
        at_signer(at, service, (enum wire_role)role, person, &number);
        all = json_object_set_new(signers, wire_role_name((enum wire_role)role), json_string(at)) == 0 && all;
    }
    if (number == 0 || !all) {
        json_decref(signers);
        return all ? STATUS_OK : STATUS_NO_MEMORY;
    }
    json_t *row =
        json_pack("{s:s, s:I, s:o}", "person", person->text, "number", (json_int_t)number, "signers", signers);
    return json_array_append_new(people, row) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status person_suspended_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                                  struct fault *fault)
{
    const struct policy *policy = service_policy(service);
    json_t *people = json_array();
    (void)request;
    for (size_t i = 0; i < policy->person_count; i++) {
        if (show(people, service, &policy->people[i].id) != STATUS_OK) {
            json_decref(people);
            return fault_set(fault, STATUS_NO_MEMORY, "suspended", "%s", "");
        }
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "suspended", people), fault);
}
