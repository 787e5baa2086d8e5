/*
 * Entries of the trail as the service makes them.
 */
#include "record.h"

#include "values.h"

#define RECEIPT_KEY "receipt"

static void start(struct audit_event *event, const struct service *service, enum audit_action action,
                  enum audit_outcome outcome)
{
    *event = (struct audit_event){.action = action, .outcome = outcome, .policy = service->policy.digest};
}

void record_by_caller(struct audit_event *event, const struct service *service, const struct http_request *request,
                      enum audit_action action, enum audit_outcome outcome)
{
    start(event, service, action, outcome);
    event->actor = request->caller.person;
    event->auth = request->caller.auth;
    event->correlation = request->correlation;
}

void record_by_service(struct audit_event *event, const struct service *service, const struct uuid *correlation,
                       enum audit_action action, enum audit_outcome outcome)
{
    start(event, service, action, outcome);
    INVARIANT(name_parse(&event->actor, SERVICE_ACTOR) == STATUS_OK);
    event->correlation = *correlation;
}

void record_about(struct audit_event *event, const struct uuid *withdrawal)
{
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_WITHDRAWAL);
    uuid_format(event->object_id, withdrawal);
}

void record_reason(struct audit_event *event, enum status reason)
{
    (void)snprintf(event->reason, sizeof(event->reason), "%s", status_info(reason)->code);
}

enum status record_receipt(struct service *service, const struct trail_ticket *ticket, json_t *reply_object,
                           struct fault *fault)
{
    struct trail_receipt receipt = {0};
    enum status status = trail_wait(&receipt, service->trail, ticket, service->options.trail_timeout_ms, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (json_object_set_new(reply_object, RECEIPT_KEY, value_base64(&receipt.proof)) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, RECEIPT_KEY, "%s", "");
    }
    bytes_free(&receipt.proof);
    return status;
}
