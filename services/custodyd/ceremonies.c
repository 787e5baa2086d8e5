/*
 * What ceremonies refused, handed in afterwards: a ceremony knows no service. The trail keeps who tried, when, and what
 * was found in the place of what was pinned. Whoever brings it: the signature is the administrator's who tried.
 */
#include "policy/ceremony_refusal.h"

#include "record.h"
#include "resources.h"

#define AHEAD_MAX_US 60000000LL

struct entering {
    struct service *service;
    const struct http_request *request;
    struct ceremony_refusal refusal;
    struct digest digest;
    struct trail_ticket ticket;
};

static enum status read_refusal(struct entering *entering, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = http_body_signed(&document, entering->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = ceremony_refusal_verify(&entering->refusal, &document, service_policy(entering->service), fault);
    }
    if (status == STATUS_OK && entering->refusal.at > clock_utc_us(entering->service->clock) + AHEAD_MAX_US) {
        status = fault_set(fault, STATUS_NOT_READY, "at", "is in the future");
    }
    if (status == STATUS_OK) {
        ceremony_refusal_digest(&entering->digest, document.document.data, document.document.len);
    }
    signed_document_free(&document);
    return status;
}

static enum status add_facts(struct audit_event *event, const struct ceremony_refusal *refusal, struct fault *fault)
{
    char at[TIME_TEXT_SIZE];
    const struct {
        const char *name;
        const struct digest *digest;
    } hashes[] = {{"module", &refusal->hashes.module},
                  {"module_pinned", &refusal->hashes.module_pinned},
                  {"program", &refusal->hashes.program},
                  {"program_pinned", &refusal->hashes.program_pinned}};
    time_format(at, refusal->at);
    enum status status = audit_event_fact_add(event, "by", refusal->actor.text, fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "at", at, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, hashes[i].digest);
        status = audit_event_fact_add(event, hashes[i].name, hex, fault);
    }
    return status;
}

static enum status enter_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct entering *entering = context;
    struct audit_event event;
    record_by_caller(&event, entering->service, entering->request, AUDIT_CEREMONY_REFUSED, AUDIT_OUTCOME_OK);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_CEREMONY);
    uuid_format(event.object_id, &entering->refusal.ceremony);
    enum status status = audit_event_ref_add(&event, "refusal", &entering->digest, fault);
    if (status == STATUS_OK) {
        status = add_facts(&event, &entering->refusal, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&entering->ticket, entering->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

enum status ceremony_refusal_add(struct service *service, const struct http_request *request, struct http_reply *reply,
                                 struct fault *fault)
{
    struct entering entering = {.service = service, .request = request};
    char digest[DIGEST_HEX_LEN + 1];
    json_t *object = NULL;
    enum status status = read_refusal(&entering, fault);
    if (status == STATUS_OK) {
        status = store_transact(service->store, enter_in, &entering, fault);
    }
    if (status == STATUS_OK) {
        digest_format(digest, &entering.digest);
        object = json_pack("{s:s}", "digest", digest);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt(service, &entering.ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}
