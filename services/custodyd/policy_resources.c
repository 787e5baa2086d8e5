/*
 * The policy in force and the allow-list.
 */
#include "record.h"
#include "resources.h"
#include "store/document.h"
#include "withdrawals.h"

#define DESTINATIONS_PAGE 500

enum status policy_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    const struct policy_version *version = policies_in_force(service->policies);
    json_t *document = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    enum status status = signed_document_encode(&document, &version->document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    digest_format(digest, &version->policy.digest);
    return http_reply_json(reply, 200,
                           json_pack("{s:s, s:I, s:o}", "digest", digest, "version",
                                     (json_int_t)version->policy.version, "policy", document),
                           fault);
}

/* The allow-list, page by page in one transaction. */
static enum status list_in(struct store_tx *tx, void *context, struct fault *fault)
{
    json_t *array = context;
    struct name after = {{0}};
    size_t got = DESTINATIONS_PAGE;
    enum status status = STATUS_OK;
    (void)json_array_clear(array);
    while (status == STATUS_OK && got == DESTINATIONS_PAGE) {
        struct store_document_list list = {0};
        status = store_document_list(&list, tx, DESTINATION_KIND, after.text, DESTINATIONS_PAGE, fault);
        got = list.count;
        for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
            json_t *object = NULL;
            status = canon_parse(&object, list.rows[i].bytes.data, list.rows[i].bytes.len, HTTP_BODY_MAX, fault);
            if (status == STATUS_OK && json_array_append_new(array, object) != 0) {
                status = STATUS_NO_MEMORY;
            }
            after = list.rows[i].id;
        }
        store_document_list_free(&list);
    }
    return status;
}

enum status destination_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                             struct fault *fault)
{
    (void)request;
    json_t *array = json_array();
    enum status status = store_transact(service->store, list_in, array, fault);
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "destinations", array), fault);
}

enum status destination_judge(struct destination *out, const struct signed_document *document,
                              const struct service *service, struct fault *fault)
{
    struct policy_chain_version *versions = NULL;
    struct policy_chain chain;
    enum status status = policies_chain(&versions, &chain, service->policies, NULL, fault);
    if (status == STATUS_OK) {
        status = policy_chain_destination_verify(out, document, &chain, clock_utc_us(service->clock), fault);
    }
    free(versions);
    return status;
}

struct adding {
    struct service *service;
    const struct http_request *request;
    struct signed_document document;
    struct destination destination;
    struct store_document row;
    struct trail_ticket ticket;
};

static enum status fill_row(struct adding *adding, struct fault *fault)
{
    json_t *object = NULL;
    struct store_document *row = &adding->row;
    enum status status = name_parse(&row->kind, DESTINATION_KIND);
    destination_store_key(&row->id, &adding->destination.account);
    destination_digest(&row->digest, adding->document.document.data, adding->document.document.len);
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, &adding->document, fault);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&row->bytes, object, HTTP_BODY_MAX, fault);
    }
    json_decref(object);
    return status;
}

static enum status add_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct adding *adding = context;
    struct audit_event event;
    enum status status = store_document_put(tx, &adding->row, fault);
    if (status != STATUS_OK) {
        return status;
    }
    record_by_caller(&event, adding->service, adding->request, AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_OK);
    status = audit_event_ref_add(&event, "destination", &adding->row.digest, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&adding->ticket, adding->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status read_destination(struct adding *adding, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = http_body_object(&body, adding->request, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(&adding->document, body, CANON_DOCUMENT_MAX, "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        status = destination_judge(&adding->destination, &adding->document, adding->service, fault);
    }
    return status;
}

enum status destination_add(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct adding adding = {.service = service, .request = request};
    json_t *object = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    enum status status = read_destination(&adding, fault);
    if (status == STATUS_OK) {
        status = fill_row(&adding, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, add_in, &adding, fault);
    }
    if (status == STATUS_OK) {
        digest_format(digest, &adding.row.digest);
        object = json_pack("{s:s}", "digest", digest);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt(service, &adding.ticket, object, fault);
    }
    store_document_wipe(&adding.row);
    signed_document_free(&adding.document);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}
