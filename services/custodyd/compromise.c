/*
 * Reports of compromises and of their drills. The service orders nothing by them: it verifies who signed, and the trail
 * keeps what was done, how long it took and the digest of the report.
 */
#include "policy/compromise.h"

#include "record.h"
#include "resources.h"

#define AHEAD_MAX_US 60000000LL
#define AGE_MAX_US (24LL * 3600 * 1000000)

struct reporting {
    struct service *service;
    const struct http_request *request;
    struct compromise report;
    struct digest digest;
    struct trail_ticket ticket;
};

static enum status read_report(struct reporting *reporting, struct fault *fault)
{
    struct signed_document document = {0};
    int64_t now = clock_utc_us(reporting->service->clock);
    const struct compromise *report = &reporting->report;
    enum status status = http_body_signed(&document, reporting->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = compromise_verify(&reporting->report, &document, service_policy(reporting->service), fault);
    }
    if (status == STATUS_OK && report->finished_at > now + AHEAD_MAX_US) {
        status = fault_set(fault, STATUS_NOT_READY, "finished_at", "is in the future");
    }
    if (status == STATUS_OK && report->started_at < now - AGE_MAX_US) {
        status = fault_set(fault, STATUS_EXPIRED, "started_at", "is more than a day ago");
    }
    if (status == STATUS_OK) {
        compromise_digest(&reporting->digest, document.document.data, document.document.len);
    }
    signed_document_free(&document);
    return status;
}

static enum status add_facts(struct audit_event *event, const struct compromise *report, struct fault *fault)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"failed", report->failed},       {"hindrances", report->hindrances},
        {"keys", report->keys},           {"milliseconds", (report->finished_at - report->started_at) / 1000},
        {"suspended", report->suspended}, {"sweeps", report->sweeps}};
    enum status status = audit_event_fact_add(event, "what", compromise_what_text(report->what), fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "lost", report->lost, fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_fact_add(event, "by", report->by.text, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%lld", (long long)numbers[i].value);
        status = audit_event_fact_add(event, numbers[i].name, text, fault);
    }
    return status;
}

static enum status enter_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct reporting *reporting = context;
    struct audit_event event;
    record_by_caller(&event, reporting->service, reporting->request,
                     reporting->report.drill ? AUDIT_COMPROMISE_DRILL : AUDIT_COMPROMISE_REPORT, AUDIT_OUTCOME_OK);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_COMPROMISE);
    digest_format(event.object_id, &reporting->digest);
    enum status status = audit_event_ref_add(&event, "report", &reporting->digest, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(&event, "plan", &reporting->report.plan, fault);
    }
    if (status == STATUS_OK) {
        status = add_facts(&event, &reporting->report, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&reporting->ticket, reporting->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

enum status compromise_add(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct reporting reporting = {.service = service, .request = request};
    char digest[DIGEST_HEX_LEN + 1];
    json_t *object = NULL;
    enum status status = read_report(&reporting, fault);
    if (status == STATUS_OK) {
        status = store_transact(service->store, enter_in, &reporting, fault);
    }
    if (status == STATUS_OK) {
        digest_format(digest, &reporting.digest);
        object = json_pack("{s:s}", "digest", digest);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt_if_any(service, &reporting.ticket, object, fault);
    }
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}
