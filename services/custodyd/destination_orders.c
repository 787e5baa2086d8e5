/*
 * Entries of the allow-list on their way to the signer that holds it, and off it again. An entry is in the trail, under
 * a checkpoint, before the signer hears of it; what takes one off goes to the signer first.
 */
#include "base/canon.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "destinations.h"
#include "key_papers.h"
#include "orders.h"
#include "policy/chain.h"
#include "policy_change.h"
#include "record.h"
#include "resources.h"
#include "store/document.h"
#include "trail_signed.h"
#include "withdrawals.h"

/* One on its way. */
struct handing {
    struct service *service;
    struct store *store;
    const struct http_request *request;
    enum audit_action action;
    struct signed_document document; /* the entry, or the order that takes it off */
    struct destination destination;
    struct digest digest; /* of the entry */
    struct digest command;
    struct destination_standing standing;
    struct store_document row; /* without bytes when there is nothing to keep */
    bool kept;                 /* the entry stands in its row, by a quorum's signatures */
    enum audit_outcome outcome;
    enum status reason;
    struct trail_ticket ticket;
};

static void handing_wipe(struct handing *handing)
{
    signed_document_free(&handing->document);
    store_document_wipe(&handing->row);
}

static enum status read_body(struct handing *handing, struct fault *fault)
{
    return http_body_signed(&handing->document, handing->request, CANON_DOCUMENT_MAX, fault);
}

/* The trail, and what is kept beside it. */

static enum status fill_event(struct audit_event *event, const struct handing *handing, struct fault *fault)
{
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_DESTINATION);
    digest_format(event->object_id, &handing->digest);
    enum status status = audit_event_ref_add(event, "destination", &handing->digest, fault);
    if (status == STATUS_OK && !digest_is_zero(&handing->command)) {
        status = audit_event_ref_add(event, "command", &handing->command, fault);
        status = status == STATUS_OK ? order_facts_add(event, handing->service, &handing->document, fault) : status;
    }
    if (status == STATUS_OK && handing->outcome == AUDIT_OUTCOME_OK && handing->standing.serving_at_utc_us != 0) {
        char at[TIME_TEXT_SIZE];
        time_format(at, handing->standing.serving_at_utc_us);
        status = audit_event_fact_add(event, "serving_at", at, fault);
    }
    if (handing->reason != STATUS_OK) {
        record_reason(event, handing->reason);
    }
    return status;
}

static enum status keep(struct handing *handing, struct store_tx *tx, struct fault *fault)
{
    char subject[STORE_MARK_SUBJECT_SIZE];
    char value[STORE_MARK_VALUE_SIZE];
    char revoked[STORE_MARK_VALUE_SIZE];
    struct store_mark mark;
    destination_mark_subject(subject, &handing->digest);
    destination_mark_value(value, &handing->standing);
    destination_mark_lasting(revoked);
    enum status status = store_mark_set_unless(&mark, tx, subject, value, revoked, fault);
    if (status == STATUS_OK && handing->row.bytes.len > 0) {
        status = key_paper_row_record(tx, &handing->row, fault);
    }
    return status == STATUS_OK && handing->action == AUDIT_DESTINATION_ADD
               ? key_paper_mark(tx, DESTINATION_KIND, &handing->destination.account.digest, &handing->digest, fault)
               : status;
}

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct handing *handing = context;
    struct audit_event event;
    enum status status = handing->outcome == AUDIT_OUTCOME_OK ? keep(handing, tx, fault) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    record_by_caller(&event, handing->service, handing->request, handing->action, handing->outcome);
    status = fill_event(&event, handing, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&handing->ticket, handing->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status record(struct handing *handing, enum audit_outcome outcome, enum status reason, struct fault *fault)
{
    handing->outcome = outcome;
    handing->reason = reason;
    return store_transact(handing->store, record_in, handing, fault);
}

enum status destination_told(bool *out, const struct service *service, const struct digest *digest,
                             enum audit_action action, enum audit_outcome outcome, struct fault *fault)
{
    char oid[DIGEST_HEX_LEN + 1];
    struct store_leaf_list list = {0};
    digest_format(oid, digest);
    const struct store_leaf_filter filter = {.act = audit_action_text(action),
                                             .otype = RECORD_DESTINATION,
                                             .oid = oid,
                                             .outcome = audit_outcome_text(outcome)};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    *out = status == STATUS_OK && list.count > 0;
    store_leaf_list_free(&list);
    return status;
}

static enum status announce(struct handing *handing, struct fault *fault)
{
    enum status status = record(handing, AUDIT_OUTCOME_INTENT, STATUS_OK, fault);
    return status == STATUS_OK ? record_covered(handing->service, &handing->ticket, fault) : status;
}

/* Onto the list. */

static enum status admit(struct handing *handing, struct fault *fault)
{
    const struct service *service = handing->service;
    struct policy_chain_version *versions = NULL;
    struct policy_chain chain;
    enum status status = policies_chain(&versions, &chain, service->policies, NULL, fault);
    if (status == STATUS_OK) {
        status = policy_chain_destination_admit(&handing->destination, &handing->document, &chain,
                                                clock_utc_us(service->clock), fault);
    }
    free(versions);
    return status;
}

/* What is on the list already is what others look like. */
static enum status alike_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct handing *handing = context;
    const struct destination_entry entry = {.destination = handing->destination, .digest = handing->digest};
    struct destination_entry held = {.verified = false};
    enum status status = destination_check_room(&handing->kept, handing->service, tx, &entry, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool listed = destination_find(&held, handing->service, tx, &handing->destination.account, NULL) == STATUS_OK;
    destination_entry_wipe(&held);
    return listed ? STATUS_OK
                  : destination_check_alike(handing->service, tx, &handing->destination.account, "account", fault);
}

static enum status fill_row(struct handing *handing, struct fault *fault)
{
    json_t *object = NULL;
    struct store_document *row = &handing->row;
    enum status status = name_parse(&row->kind, DESTINATION_KIND);
    destination_store_key(&row->id, &handing->destination.account);
    row->digest = handing->digest;
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, &handing->document, fault);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&row->bytes, object, HTTP_BODY_MAX, fault);
    }
    json_decref(object);
    return status;
}

static enum status read_destination(struct handing *handing, struct fault *fault)
{
    enum status status = read_body(handing, fault);
    if (status == STATUS_OK) {
        status = admit(handing, fault);
    }
    if (status == STATUS_OK) {
        destination_digest(&handing->digest, handing->document.document.data, handing->document.document.len);
        status = store_read(handing->store, alike_in, handing, fault);
    }
    return status == STATUS_OK && !handing->kept ? fill_row(handing, fault) : status;
}

static enum status hand_over(struct handing *handing, struct wire_destination_adopt_reply *out, struct fault *fault)
{
    struct service *service = handing->service;
    struct fault why = {0};
    enum status status = wire_destination_adopt(service->signers[WIRE_ROLE_TRANSFER], out, &handing->document,
                                                service->options.signer_timeout_ms, fault);
    CRASHPOINT("destination-handed");
    if (status == STATUS_OK) {
        handing->standing =
            (struct destination_standing){.word = DESTINATION_HELD, .serving_at_utc_us = out->serving_at};
        return record(handing, AUDIT_OUTCOME_OK, STATUS_OK, fault);
    }
    if (record(handing, AUDIT_OUTCOME_ERROR, status, &why) != STATUS_OK) {
        log_fault("destination.add", &why);
    }
    return status;
}

static json_t *added_view(const struct handing *handing, const struct wire_destination_adopt_reply *said)
{
    char digest[DIGEST_HEX_LEN + 1];
    char at[TIME_TEXT_SIZE];
    digest_format(digest, &handing->digest);
    time_format(at, said->serving_at);
    return json_pack("{s:s, s:s, s:s}", "digest", digest, "state", said->state, "serving_at", at);
}

enum status destination_add(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct handing handing = {
        .service = service, .store = service->store, .request = request, .action = AUDIT_DESTINATION_ADD};
    struct wire_destination_adopt_reply said;
    json_t *object = NULL;
    enum status status = read_destination(&handing, fault);
    if (status == STATUS_OK) {
        status = announce(&handing, fault);
    }
    if (status == STATUS_OK) {
        status = hand_over(&handing, &said, fault);
    }
    if (status == STATUS_OK) {
        object = added_view(&handing, &said);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt(service, &handing.ticket, object, fault);
    }
    handing_wipe(&handing);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}

/* Off the list. */

static enum status read_order(struct handing *handing, struct fault *fault)
{
    struct command command;
    enum status status = read_body(handing, fault);
    if (status == STATUS_OK) {
        status = order_read(&command, handing->service, &handing->document, fault);
    }
    if (status == STATUS_OK && command.action != COMMAND_DESTINATION_REVOKE) {
        status =
            fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here", command_action_text(command.action));
    }
    if (status == STATUS_OK) {
        handing->digest = command.subject;
        digest_document(&handing->command, COMMAND_KIND, handing->document.document.data,
                        handing->document.document.len);
    }
    return status;
}

/* The entry that counts of the address, when the order is about an older one. */
struct newest {
    struct service *service;
    const struct digest *subject;
    struct destination_entry entry; /* without a document when there is none */
};

static enum status newest_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct newest *newest = context;
    struct destination_entry subject = {.verified = false};
    struct fault why = {0};
    destination_entry_wipe(&newest->entry);
    enum status status = destination_get(&subject, tx, newest->subject, &why);
    if (status == STATUS_OK) {
        status = destination_find(&newest->entry, newest->service, tx, &subject.destination.account, &why);
    }
    destination_entry_wipe(&subject);
    return status == STATUS_OK || status == STATUS_DESTINATION_UNLISTED
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Who revokes an older entry means the address, and the signer has ended the one that it held instead: so it says when
 * it is shown that one again. */
static void end_newest(struct handing *handing)
{
    struct handing also = *handing;
    struct newest newest = {.service = handing->service, .subject = &handing->digest};
    struct wire_destination_adopt_reply said;
    struct fault why = {0};
    bool announced = false;
    bool revoked = false;
    enum status status = store_read(handing->store, newest_in, &newest, &why);
    if (status == STATUS_OK && newest.entry.document.document.len > 0) {
        status = destination_told(&announced, handing->service, &newest.entry.digest, AUDIT_DESTINATION_ADD,
                                  AUDIT_OUTCOME_INTENT, &why);
    }
    if (announced) {
        status = destination_told(&revoked, handing->service, &newest.entry.digest, AUDIT_DESTINATION_REVOKE,
                                  AUDIT_OUTCOME_OK, &why);
    }
    if (status == STATUS_OK && announced && !revoked &&
        wire_destination_adopt(handing->service->urgent_signers[WIRE_ROLE_TRANSFER], &said, &newest.entry.document,
                               handing->service->options.signer_timeout_ms, NULL) == STATUS_DENIED) {
        also.digest = newest.entry.digest;
        status = record(&also, AUDIT_OUTCOME_OK, STATUS_OK, &why);
    }
    destination_entry_wipe(&newest.entry);
    if (status != STATUS_OK) {
        log_fault("destination.revoke", &why);
    }
}

/* What waits to go there waits for nothing. */
static void end_withdrawals(struct handing *handing)
{
    struct fault why = {0};
    if (policy_end_revoked(handing->service, &handing->digest, &why) != STATUS_OK) {
        log_fault("destination.revoke", &why); /* the signer refuses them */
    }
}

enum status destination_revoke(struct service *service, const struct http_request *request, struct http_reply *reply,
                               struct fault *fault)
{
    struct handing handing = {.service = service,
                              .store = service->urgent_store,
                              .request = request,
                              .action = AUDIT_DESTINATION_REVOKE,
                              .standing = {.word = DESTINATION_REVOKED}};
    struct wire_key_state_reply said;
    struct fault why = {0};
    json_t *object = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    enum status status = read_order(&handing, fault);
    if (status == STATUS_OK) {
        status = wire_key_command(service->urgent_signers[WIRE_ROLE_TRANSFER], &said, &handing.document,
                                  service->options.signer_timeout_ms, fault);
    }
    if (status == STATUS_OK) { /* it has happened, and the caller must know */
        bool recorded = record(&handing, AUDIT_OUTCOME_OK, STATUS_OK, &why) == STATUS_OK;
        digest_format(digest, &handing.digest);
        object = json_pack("{s:s, s:s}", "digest", digest, "state", said.state);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "") : STATUS_OK;
        if (!recorded) {
            log_fault("destination.revoke", &why);
        } else if (status == STATUS_OK) {
            end_newest(&handing);
            end_withdrawals(&handing);
            status = record_receipt_if_any(service, &handing.ticket, object, fault);
        }
    }
    handing_wipe(&handing);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 200, object, fault);
}
