/*
 * Entries about access: logins, tokens that are none, reads of the trail, and effects that failed in the service. They
 * have no transaction of their own (trail_post).
 */
#include <stdlib.h>

#include "base/log.h"
#include "http.h"
#include "logins.h"
#include "record.h"
#include "refusals.h"
#include "routes.h"
#include "trail_owed.h"

static enum status post(struct trail_ticket *out, struct service *service, const struct http_request *request,
                        struct audit_event *event, struct fault *fault)
{
    return trail_post(out, service->trail, request->urgent ? service->urgent_store : service->store, event, fault);
}

/* Logins. */

/* Reads go on without the trail, and effects have entries of their own: nobody waits for this one. */
void service_log_login(struct service *service, const struct http_request *request)
{
    struct audit_event event;
    struct trail_ticket ticket;
    struct fault fault = {0};
    char roles[ROLE_NAMES_SIZE];
    if (request->urgent || !logins_begin(service->logins, &request->caller.auth)) {
        return;
    }
    record_by_caller(&event, service, request, AUDIT_LOGIN_OK, AUDIT_OUTCOME_OK);
    enum status status = STATUS_OK;
    if (request->caller.roles != 0) { /* none that the policy lets the person have */
        status = audit_event_fact_add(&event, "roles", service_role_names(roles, request->caller.roles, ","), &fault);
    }
    status = status == STATUS_OK ? post(&ticket, service, request, &event, &fault) : status;
    audit_event_wipe(&event);
    if (status != STATUS_OK) {
        logins_forget(service->logins, &request->caller.auth);
        log_fault("login.ok", &fault);
    }
}

/* All of them together are told so often as the refusals of one person; anybody can make more. */
void service_log_login_refusal(struct service *service, const struct http_request *request, enum status reason)
{
    struct audit_event event;
    struct trail_ticket ticket;
    struct fault fault = {0};
    struct name actor;
    INVARIANT(name_parse(&actor, SERVICE_ACTOR) == STATUS_OK);
    if (request->urgent || !refusals_tell(service->refusals, &actor, &request->caller.auth)) {
        return;
    }
    record_by_service(&event, service, &request->correlation, AUDIT_LOGIN_DENY, AUDIT_OUTCOME_DENY);
    record_reason(&event, reason);
    enum status status = audit_event_ref_add(&event, "token", &request->caller.auth, &fault);
    status = status == STATUS_OK ? post(&ticket, service, request, &event, &fault) : status;
    audit_event_wipe(&event);
    if (status != STATUS_OK) {
        log_fault("login.deny", &fault);
    }
}

/* Effects that failed. */

/* Which of them it was, without making it the object: anybody can ask often for what fails. */
static enum status name_subject(struct audit_event *event, const char *parameter, struct fault *fault)
{
    const struct audit_action_info *info = audit_action_info(event->action);
    struct uuid uuid;
    struct digest digest;
    if (uuid_parse(&uuid, parameter) == STATUS_OK && audit_action_lists(info->facts, "withdrawal")) {
        return audit_event_fact_add(event, "withdrawal", parameter, fault);
    }
    if (digest_parse(&digest, parameter) == STATUS_OK && audit_action_lists(info->facts, "key")) {
        return audit_event_fact_add(event, "key", parameter, fault);
    }
    return STATUS_OK;
}

void service_log_error(struct service *service, const struct http_request *request, enum audit_action action,
                       enum status reason)
{
    struct audit_event event;
    struct trail_ticket ticket;
    struct fault fault = {0};
    if (!refusals_tell(service->refusals, &request->caller.person, &request->caller.auth)) {
        return;
    }
    record_by_caller(&event, service, request, action, AUDIT_OUTCOME_ERROR);
    record_reason(&event, reason);
    enum status status = name_subject(&event, request->parameters[0], &fault);
    status = status == STATUS_OK ? post(&ticket, service, request, &event, &fault) : status;
    audit_event_wipe(&event);
    if (status != STATUS_OK) {
        log_fault("request.error", &fault);
    }
}

/* Reads of the trail. */

struct parameter {
    const char *name;
    const char *value;
};

struct query {
    struct parameter parameters[HTTP_QUERY_MAX];
    size_t count;
};

static bool add_parameter(void *context, const char *name, const char *value)
{
    struct query *query = context;
    INVARIANT(query->count < HTTP_QUERY_MAX); /* each known name once (dispatch) */
    query->parameters[query->count++] = (struct parameter){name, value == NULL ? "" : value};
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct parameter *)a)->name, ((const struct parameter *)b)->name);
}

/* SHA-256 of the path and the parameters by name, a line each. */
static enum status query_digest(struct digest *out, const struct http_request *request, struct fault *fault)
{
    struct query query = {.count = 0};
    struct bytes lines = {0};
    struct buffer buffer;
    http_each_query(request, add_parameter, &query);
    qsort(query.parameters, query.count, sizeof(query.parameters[0]), compare);
    buffer_init(&buffer);
    buffer_append_text(&buffer, request->path);
    buffer_append_text(&buffer, "\n");
    for (size_t i = 0; i < query.count; i++) {
        buffer_append_text(&buffer, query.parameters[i].name);
        buffer_append_text(&buffer, "=");
        buffer_append_text(&buffer, query.parameters[i].value);
        buffer_append_text(&buffer, "\n");
    }
    enum status status = buffer_finish(&lines, &buffer);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "query", "%s", "");
    }
    digest_sha256(out, lines.data, lines.len);
    bytes_free(&lines);
    return STATUS_OK;
}

static enum status read_fill(struct audit_event *event, const struct http_request *request, uint64_t results,
                             struct fault *fault)
{
    char number[24];
    struct digest query;
    struct uuid uuid;
    const char *type = audit_action_info(event->action)->object_type;
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)results);
    if (type[0] != '\0' && uuid_parse(&uuid, request->parameters[0]) == STATUS_OK) {
        (void)snprintf(event->object_type, sizeof(event->object_type), "%s", type);
        uuid_format(event->object_id, &uuid);
    }
    enum status status = query_digest(&query, request, fault);
    status = status == STATUS_OK ? audit_event_ref_add(event, "query", &query, fault) : status;
    return status == STATUS_OK ? audit_event_fact_add(event, "results", number, fault) : status;
}

/* Reads go on when the trail does not: then it is told of them when it goes on, and the log at once. */
#define READ_GRACE_MS 1000

/* What is answered although its entry is not covered. */
static enum status owe_read(struct service *service, struct audit_event *event, const struct trail_ticket *ticket,
                            struct fault *fault)
{
    char now[TIME_TEXT_SIZE];
    time_format(now, clock_utc_us(service->clock));
    enum status status =
        audit_event_fact(event, "read_at") == NULL ? audit_event_fact_add(event, "read_at", now, fault) : STATUS_OK;
    return status == STATUS_OK ? trail_owed_add(service->reads_owed, event, ticket, fault) : status;
}

enum status service_log_read(struct service *service, const struct http_request *request, enum audit_action action,
                             uint64_t results, struct fault *fault)
{
    struct audit_event event;
    struct trail_ticket ticket;
    struct fault why = {0};
    int64_t patience_ms = service->options.trail_timeout_ms;
    record_by_caller(&event, service, request, action, AUDIT_OUTCOME_OK);
    enum status filled = read_fill(&event, request, results, fault);
    if (filled != STATUS_OK) {
        audit_event_wipe(&event);
        return filled;
    }
    bool halted = trail_is_halted(service->trail);
    enum status posted = halted ? STATUS_HALTED : post(&ticket, service, request, &event, &why);
    enum status status = posted;
    if (posted == STATUS_OK) {
        patience_ms = patience_ms < READ_GRACE_MS ? patience_ms : READ_GRACE_MS;
        status = trail_wait_covered(service->trail, &ticket, patience_ms, &why);
    }
    if (status != STATUS_OK) {
        log_event(LOG_LEVEL_WARNING, "trail.read_uncovered", "person", request->caller.person.text, "path",
                  request->path, "status", status_info(status)->code, NULL);
        bool handed = posted == STATUS_OK || posted == STATUS_OUTCOME_UNKNOWN;
        status = halted ? STATUS_OK : owe_read(service, &event, handed ? &ticket : NULL, fault);
    }
    audit_event_wipe(&event);
    return status;
}
