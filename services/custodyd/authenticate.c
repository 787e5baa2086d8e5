/*
 * Who calls, and what is written when a caller is refused.
 */
#include <inttypes.h>

#include "base/log.h"
#include "gate.h"
#include "rarely.h"
#include "record.h"
#include "refusals.h"
#include "routes.h"
#include "store/pending.h"
#include "store/token.h"
#include "subjects.h"
#include "token_code.h"

#define REFUSALS_AMONG 64 /* entries of a withdrawal, of which a refusal is one more */

static const struct {
    const char *name;
    enum role role;
    enum duty duty; /* without it in the policy the role of the token is void */
} role_names[] = {
    {"requester", ROLE_REQUESTER, DUTY_REQUESTER}, {"approver", ROLE_APPROVER, DUTY_APPROVER},
    {"auditor", ROLE_AUDITOR, DUTY_AUDITOR},       {"operator", ROLE_OPERATOR, DUTY_OPERATOR},
    {"custodian", ROLE_CUSTODIAN, DUTY_CUSTODIAN}, {"automated", ROLE_AUTOMATED, DUTY_AUTOMATED},
};

struct finding {
    struct service *service;
    struct caller *caller;
    struct store_token token;
};

/* What opens nothing, since `custodyd token` did not grant it as it stands. Whoever shows such tokens fills no log: of
 * each sort one in a minute is told, and how many were left out. */
#define FALSIFIED "token.falsified"
#define CODELESS "token.codeless"

/* `person`: NULL when only the number is told. */
static void token_tell(const char *sort, const char *person, uint64_t left_out)
{
    char number[24];
    bool falsified = strcmp(sort, FALSIFIED) == 0;
    (void)snprintf(number, sizeof(number), "%" PRIu64, left_out);
    log_event(falsified ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, sort, "left_out", number, "detail",
              falsified ? "the row is not what custodyd token writes under this pending-key"
                        : "it is from before tokens had codes, or not of custodyd token: grant it again",
              person == NULL ? NULL : "person", person, NULL);
}

static void token_refused(struct service *service, const struct store_token *token)
{
    uint64_t left_out = 0;
    const char *sort = digest_is_zero(&token->mac) ? CODELESS : FALSIFIED;
    if (rarely_tell(service->tokens_told, &left_out, sort)) {
        token_tell(sort, token->person.text, left_out);
    }
}

static void tokens_tell_left_out(struct service *service, bool all)
{
    struct name sort;
    uint64_t left_out = 0;
    while (rarely_take(service->tokens_told, &sort, &left_out, all)) {
        token_tell(sort.text, NULL, left_out);
    }
}

static enum status find_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct finding *finding = context;
    return store_token_find(&finding->token, tx, &finding->caller->auth, clock_utc_us(finding->service->clock), fault);
}

enum status service_authenticate(struct service *service, struct http_request *request, struct fault *fault)
{
    struct caller *caller = &request->caller;
    struct finding finding = {.service = service, .caller = caller};
    struct store *store = request->urgent ? service->urgent_store : service->store;
    enum status status = store_read(store, find_in, &finding, fault);
    if (status == STATUS_OK && !token_is_granted(&service->token_key, &finding.token)) {
        token_refused(service, &finding.token);
        status = fault_set(fault, STATUS_UNAUTHENTICATED, "token", "the token is unknown, revoked or expired");
    }
    if (status != STATUS_OK) {
        return status;
    }
    const struct person *person = policy_find_person(service_policy(service), &finding.token.person);
    if (person == NULL || !policy_person_valid(person, clock_utc_us(service->clock))) {
        return fault_set(fault, STATUS_UNAUTHENTICATED, "authorization", "the person is not in the policy any more");
    }
    caller->person = person->id;
    for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++) {
        if (store_token_has_role(&finding.token, role_names[i].name) &&
            (person->duties & (unsigned)role_names[i].duty) != 0) {
            caller->roles |= (unsigned)role_names[i].role;
        }
    }
    return STATUS_OK;
}

const char *service_role_names(char out[ROLE_NAMES_SIZE], unsigned roles, const char *between)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(role_names) / sizeof(role_names[0]); i++) {
        if ((roles & (unsigned)role_names[i].role) != 0 && len < ROLE_NAMES_SIZE) {
            len +=
                (size_t)snprintf(out + len, ROLE_NAMES_SIZE - len, "%s%s", len == 0 ? "" : between, role_names[i].name);
        }
    }
    return out;
}

struct refusal {
    struct service *service;
    const struct http_request *request;
    enum audit_action action;
    enum status reason;
    const json_t *explanation;
    struct trail_ticket ticket;
};

/* Evidence tells all entries of a withdrawal, and holds so many and no more: what anybody can make more of takes few of
 * those places, and never the first one; otherwise it only names it. */
static enum status refusal_of(struct audit_event *event, const struct store_tx *tx, const struct uuid *withdrawal,
                              struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uint64_t last = 0;
    uuid_format(id, withdrawal);
    enum status status = store_ordinal_last(tx, &last, RECORD_WITHDRAWAL, id, fault);
    if (status == STATUS_OK && (last == 0 || last >= REFUSALS_AMONG)) {
        return audit_event_fact_add(event, RECORD_WITHDRAWAL, id, fault);
    }
    record_about(event, withdrawal);
    return status;
}

/* What the address names, when that has the form of an id of what the action is about. */
static enum status refusal_object(struct audit_event *event, const struct store_tx *tx, const char *id,
                                  struct fault *fault)
{
    const char *type = audit_action_info(event->action)->object_type;
    struct uuid uuid;
    struct digest digest;
    struct name name;
    if (strcmp(type, RECORD_WITHDRAWAL) == 0) {
        return uuid_parse(&uuid, id) == STATUS_OK ? refusal_of(event, tx, &uuid, fault) : STATUS_OK;
    }
    if (strcmp(type, RECORD_SUBJECT) == 0 && uuid_parse(&uuid, id) == STATUS_OK) {
        subject_record_about(event, &uuid);
        return STATUS_OK;
    }
    bool hashed = strcmp(type, RECORD_KEY) == 0 || strcmp(type, RECORD_ALARM) == 0;
    bool named = strcmp(type, RECORD_MEDIUM) == 0;
    bool numbered = strcmp(type, RECORD_EVIDENCE) == 0;
    if ((numbered && uuid_parse(&uuid, id) == STATUS_OK) || (hashed && digest_parse(&digest, id) == STATUS_OK) ||
        (named && name_parse(&name, id) == STATUS_OK)) {
        (void)snprintf(event->object_type, sizeof(event->object_type), "%s", type);
        (void)snprintf(event->object_id, sizeof(event->object_id), "%.*s", (int)sizeof(event->object_id) - 1, id);
    }
    return STATUS_OK;
}

/* What a refused step of a withdrawal or order about personal data was about, as far as it is known. */
static enum status refusal_terms(struct audit_event *event, const struct refusal *refusal, const struct store_tx *tx,
                                 struct fault *fault)
{
    struct uuid id;
    struct store_withdrawal row = {0};
    struct fault why = {0};
    if (refusal->action == AUDIT_PII_REVEAL || refusal->action == AUDIT_PII_ERASE) {
        return subject_record_asked(event, refusal->request, fault);
    }
    if (strcmp(audit_action_info(refusal->action)->object_type, RECORD_WITHDRAWAL) != 0) {
        return STATUS_OK;
    }
    if (uuid_parse(&id, refusal->request->parameters[0]) != STATUS_OK) {
        return refusal->action == AUDIT_WITHDRAWAL_REQUEST
                   ? record_terms_asked(event, refusal->service, refusal->request, fault)
                   : STATUS_OK;
    }
    enum status status = store_withdrawal_get(&row, tx, &id, &why);
    if (status == STATUS_OK) {
        status = record_terms_refused(event, refusal->service, &row, fault);
        store_withdrawal_wipe(&row);
        return status;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status refusal_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct refusal *refusal = context;
    struct audit_event event;
    record_by_caller(&event, refusal->service, refusal->request, refusal->action, AUDIT_OUTCOME_DENY);
    record_reason(&event, refusal->reason);
    enum status status = refusal_object(&event, tx, refusal->request->parameters[0], fault);
    status = status == STATUS_OK ? record_evaluation(&event, refusal->explanation, fault) : status;
    status = status == STATUS_OK ? refusal_terms(&event, refusal, tx, fault) : status;
    if (status == STATUS_OK) {
        status = trail_enqueue(&refusal->ticket, refusal->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

enum status service_log_refusal(struct service *service, const struct http_request *request, enum audit_action action,
                                enum status reason, const json_t *explanation, struct fault *fault)
{
    struct refusal refusal = {
        .service = service, .request = request, .action = action, .reason = reason, .explanation = explanation};
    if (!refusals_tell(service->refusals, &request->caller.person, &request->caller.auth)) {
        return STATUS_OK;
    }
    enum status status = store_transact(service->store, refusal_in, &refusal, fault);
    return status == STATUS_OK ? record_covered(service, &refusal.ticket, fault) : status;
}

struct counting {
    struct service *service;
    struct refusals_count count;
};

static enum status refusals_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct counting *counting = context;
    const struct refusals_count *count = &counting->count;
    struct audit_event event;
    struct trail_ticket ticket;
    struct uuid correlation;
    char since[TIME_TEXT_SIZE];
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRIu64, count->count);
    time_format(since, count->since_utc_us);
    enum status status = uuid_generate(&correlation, clock_system());
    if (status != STATUS_OK) {
        return fault_set(fault, status, "refusals", "%s", "");
    }
    bool nobody = strcmp(count->person.text, SERVICE_ACTOR) == 0; /* tokens that were none */
    record_by_service(&event, counting->service, &correlation, nobody ? AUDIT_LOGIN_DENY : AUDIT_REQUEST_DENY,
                      AUDIT_OUTCOME_DENY);
    event.actor = count->person;
    event.auth = nobody ? (struct digest){{0}} : count->auth;
    status = audit_event_fact_add(&event, "count", number, fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(&event, "since", since, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, counting->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static void log_busy(struct service *service)
{
    uint64_t refused = gate_take_refused(service->gate);
    char number[24];
    if (refused > 0) {
        (void)snprintf(number, sizeof(number), "%" PRIu64, refused);
        log_event(LOG_LEVEL_WARNING, "requests.busy", "refused", number, NULL);
    }
}

void service_tell_refusals(struct service *service, bool all)
{
    struct fault fault = {0};
    log_busy(service);
    tokens_tell_left_out(service, all);
    struct counting counting = {.service = service};
    while (refusals_take(service->refusals, &counting.count, all)) {
        if (store_transact(service->store, refusals_in, &counting, &fault) != STATUS_OK) {
            log_fault("refusals", &fault);
            refusals_give_back(service->refusals, &counting.count);
            return;
        }
    }
}
