/*
 * The media ledger. Two people are named by every entry: who hands it in, and `second`, who was there. The service
 * holds no proof of what they did, only that it was told so.
 */
#include "media.h"

#include "news.h"
#include "record.h"
#include "resources.h"
#include "store/medium.h"

struct addition {
    struct name serial;
    char kind[STORE_MEDIUM_WORD_SIZE];
    struct name place;
    struct name custodian;
    int64_t inspection_due;
};

static const struct canon_field addition_fields[] = {
    CANON_FIELD(struct addition, serial, CANON_NAME),         CANON_FIELD(struct addition, kind, CANON_TEXT),
    CANON_FIELD(struct addition, place, CANON_NAME),          CANON_FIELD(struct addition, custodian, CANON_NAME),
    CANON_FIELD(struct addition, inspection_due, CANON_TIME),
};

/* What happened to a medium; which members are needed depends on `act`. */
struct happening {
    char act[STORE_MEDIUM_WORD_SIZE];
    struct name reason;
    struct name second;
    struct name place;
    struct name custodian;
    int64_t inspection_due;
    struct name tool;
    struct name method;
};

static const struct canon_field happening_fields[] = {
    CANON_FIELD(struct happening, act, CANON_TEXT),
    CANON_FIELD(struct happening, reason, CANON_NAME),
    CANON_FIELD(struct happening, second, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, place, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, custodian, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, inspection_due, CANON_TIME),
    CANON_FIELD_OPTIONAL(struct happening, tool, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct happening, method, CANON_NAME),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An entry of the ledger on its way. */
struct media_entry {
    struct service *service;
    const struct http_request *request;
    enum audit_action action;
    struct store_medium row;
    struct happening happening;
    struct trail_ticket ticket;
};

static json_t *medium_view(const struct store_medium *row)
{
    char due[TIME_TEXT_SIZE];
    char updated[TIME_TEXT_SIZE];
    time_format(due, row->inspection_due_utc_us);
    time_format(updated, row->updated_at_utc_us);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "serial", row->serial.text, "kind", row->kind, "place",
                     row->place.text, "custodian", row->custodian.text, "inspection_due", due, "state", row->state,
                     "updated_at", updated);
}

static enum status list_in(struct store_tx *tx, void *context, struct fault *fault)
{
    json_t *array = context;
    struct name after = {{0}};
    size_t got = STORE_MEDIA_MAX;
    enum status status = STATUS_OK;
    (void)json_array_clear(array);
    while (status == STATUS_OK && got == STORE_MEDIA_MAX) {
        struct store_medium_list list = {0};
        status = store_medium_list(&list, tx, after.text, STORE_MEDIA_MAX, fault);
        got = list.count;
        for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
            after = list.rows[i].serial;
            if (json_array_append_new(array, medium_view(&list.rows[i])) != 0) {
                status = fault_set(fault, STATUS_NO_MEMORY, "media", "%s", "");
            }
        }
        store_medium_list_free(&list);
    }
    return status;
}

enum status medium_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    (void)request;
    json_t *array = json_array();
    enum status status = store_transact(service->store, list_in, array, fault);
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "media", array), fault);
}

/* Writing. */

static enum status log_entry(struct media_entry *entry, struct store_tx *tx, struct fault *fault)
{
    const struct happening *what = &entry->happening;
    const struct store_medium *row = &entry->row;
    struct audit_event event;
    char due[TIME_TEXT_SIZE];
    time_format(due, row->inspection_due_utc_us);
    record_by_caller(&event, entry->service, entry->request, entry->action, AUDIT_OUTCOME_OK);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_MEDIUM);
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s", row->serial.text);
    const char *const facts[][2] = {
        {"kind", row->kind},       {"place", row->place.text},    {"custodian", row->custodian.text},
        {"inspection_due", due},   {"reason", what->reason.text}, {"second", what->second.text},
        {"tool", what->tool.text}, {"method", what->method.text},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < COUNT(facts); i++) {
        if (facts[i][1][0] != '\0') {
            status = audit_event_fact_add(&event, facts[i][0], facts[i][1], fault);
        }
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&entry->ticket, entry->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status add_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct media_entry *entry = context;
    enum status status = store_medium_add(tx, &entry->row, fault);
    return status == STATUS_OK ? log_entry(entry, tx, fault) : status;
}

static enum status reply_entry(struct media_entry *entry, struct http_reply *reply, int http_status,
                               struct fault *fault)
{
    json_t *object = json_pack("{s:s}", "serial", entry->row.serial.text);
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                        : record_receipt(entry->service, &entry->ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, http_status, object, fault);
}

static enum status check_kind(const char *kind, struct fault *fault)
{
    static const char *const kinds[] = {"token", "card", "bag", "paper", "disk"};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return STATUS_OK;
        }
    }
    return fault_set(fault, STATUS_INVALID, "kind", "must be token, card, bag, paper or disk");
}

static enum status check_person(const struct media_entry *entry, const struct name *id, const char *where,
                                struct fault *fault)
{
    const struct service *service = entry->service;
    const struct person *person = policy_find_person(&service->policy, id);
    return person != NULL && policy_person_valid(person, clock_utc_us(service->clock))
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, where, "must be a person of the policy");
}

enum status medium_add(struct service *service, const struct http_request *request, struct http_reply *reply,
                       struct fault *fault)
{
    struct media_entry entry = {.service = service, .request = request, .action = AUDIT_MEDIUM_ADD};
    struct addition addition = {0};
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&addition, sizeof(addition), body, addition_fields, COUNT(addition_fields), "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        status = check_kind(addition.kind, fault);
    }
    if (status == STATUS_OK) {
        status = check_person(&entry, &addition.custodian, "custodian", fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    entry.row = (struct store_medium){.serial = addition.serial,
                                      .place = addition.place,
                                      .custodian = addition.custodian,
                                      .inspection_due_utc_us = addition.inspection_due};
    memcpy(entry.row.kind, addition.kind, sizeof(entry.row.kind));
    status = store_transact(service->store, add_in, &entry, fault);
    return status == STATUS_OK ? reply_entry(&entry, reply, 201, fault) : status;
}

/* What each act needs beyond reason and second. */
static const struct {
    const char *act;
    enum audit_action action;
    bool place;      /* place and custodian */
    bool inspection; /* inspection_due */
    bool tool;       /* tool and method */
} acts[] = {
    {"access", AUDIT_MEDIUM_ACCESS, false, false, false},
    {"move", AUDIT_MEDIUM_MOVE, true, false, false},
    {"inspect", AUDIT_MEDIUM_INSPECT, false, true, false},
    {"destroy", AUDIT_MEDIUM_DESTROY, false, false, true},
};

static enum status need(bool needed, bool there, const char *where, struct fault *fault)
{
    if (needed == there) {
        return STATUS_OK;
    }
    return needed ? fault_set(fault, STATUS_MISSING_FIELD, where, "is needed for this act")
                  : fault_set(fault, STATUS_INVALID, where, "has no place in this act");
}

static enum status check_happening(struct media_entry *entry, struct fault *fault)
{
    const struct happening *what = &entry->happening;
    size_t i = 0;
    while (i < COUNT(acts) && strcmp(acts[i].act, what->act) != 0) {
        i++;
    }
    if (i == COUNT(acts)) {
        return fault_set(fault, STATUS_INVALID, "act", "must be access, move, inspect or destroy");
    }
    entry->action = acts[i].action;
    const struct {
        bool needed;
        bool there;
        const char *where;
    } members[] = {
        {acts[i].place, what->place.text[0] != '\0', "place"},
        {acts[i].place, what->custodian.text[0] != '\0', "custodian"},
        {acts[i].inspection, what->inspection_due != 0, "inspection_due"},
        {acts[i].tool, what->tool.text[0] != '\0', "tool"},
        {acts[i].tool, what->method.text[0] != '\0', "method"},
    };
    enum status status = STATUS_OK;
    for (size_t k = 0; status == STATUS_OK && k < COUNT(members); k++) {
        status = need(members[k].needed, members[k].there, members[k].where, fault);
    }
    if (status == STATUS_OK && name_equal(&what->second, &entry->request->caller.person)) {
        status = fault_set(fault, STATUS_DUPLICATE_PERSON, "second", "must be another person than the one who tells");
    }
    if (status == STATUS_OK) {
        status = check_person(entry, &what->second, "second", fault);
    }
    if (status == STATUS_OK && acts[i].place) {
        status = check_person(entry, &what->custodian, "custodian", fault);
    }
    return status;
}

static enum status happen_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct media_entry *entry = context;
    const struct happening *what = &entry->happening;
    struct name serial = entry->row.serial;
    enum status status = store_medium_get_locked(&entry->row, tx, &serial, fault);
    if (status == STATUS_OK && strcmp(entry->row.state, "kept") != 0) {
        status = fault_set(fault, STATUS_CONFLICT, "state", "the medium was destroyed");
    }
    if (status != STATUS_OK) {
        entry->row.serial = serial;
        return status;
    }
    if (what->place.text[0] != '\0') {
        entry->row.place = what->place;
        entry->row.custodian = what->custodian;
    }
    if (what->inspection_due != 0) {
        entry->row.inspection_due_utc_us = what->inspection_due;
    }
    if (entry->action == AUDIT_MEDIUM_DESTROY) {
        (void)snprintf(entry->row.state, sizeof(entry->row.state), "destroyed");
    }
    status = store_medium_change(tx, &entry->row, fault);
    return status == STATUS_OK ? log_entry(entry, tx, fault) : status;
}

enum status medium_entry(struct service *service, const struct http_request *request, struct http_reply *reply,
                         struct fault *fault)
{
    struct media_entry entry = {.service = service, .request = request};
    json_t *body = NULL;
    if (name_parse(&entry.row.serial, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "serial", "must be a name");
    }
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&entry.happening, sizeof(entry.happening), body, happening_fields,
                              COUNT(happening_fields), "", fault);
        json_decref(body);
    }
    if (status == STATUS_OK) {
        status = check_happening(&entry, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, happen_in, &entry, fault);
    }
    return status == STATUS_OK ? reply_entry(&entry, reply, 201, fault) : status;
}

/* Watching. */

#define OVERDUE_AT_ONCE 16 /* a transaction takes no more entries of the trail (store_tx_on_end) */

/* A page of media whose inspection is overdue: a transaction each. */
struct watching {
    struct service *service;
    struct name after;
    struct name next; /* the last one of this page */
    size_t overdue;   /* in this page */
};

static enum status tell_overdue(struct service *service, struct store_tx *tx, const struct store_medium *row,
                                struct fault *fault)
{
    char due[TIME_TEXT_SIZE];
    struct news news = {.action = AUDIT_MEDIUM_OVERDUE, .object_type = RECORD_MEDIUM, .reason = STATUS_EXPIRED};
    time_format(due, row->inspection_due_utc_us);
    news.value = due; /* each missed date is told once */
    (void)snprintf(news.subject, sizeof(news.subject), "medium/%s/inspection", row->serial.text);
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", row->serial.text);
    news_fact(&news, "due", due);
    return news_tell_in(service, tx, &news, fault);
}

static enum status watch_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct watching *watching = context;
    struct store_medium_list list = {0};
    struct name last = watching->after;
    enum status status = store_medium_list_overdue(&list, tx, clock_utc_us(watching->service->clock),
                                                   watching->after.text, OVERDUE_AT_ONCE, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        last = list.rows[i].serial;
        status = tell_overdue(watching->service, tx, &list.rows[i], fault);
    }
    watching->next = last;
    watching->overdue = list.count;
    store_medium_list_free(&list);
    return status;
}

enum status media_watch(unsigned *inout_alarms, struct service *service, struct fault *fault)
{
    struct watching watching = {.service = service, .overdue = OVERDUE_AT_ONCE};
    enum status status = STATUS_OK;
    unsigned overdue = 0;
    while (status == STATUS_OK && watching.overdue == OVERDUE_AT_ONCE) {
        status = store_transact(service->store, watch_in, &watching, fault);
        watching.after = watching.next;
        overdue += (unsigned)watching.overdue;
    }
    if (status == STATUS_OK) {
        *inout_alarms += overdue;
    }
    return status;
}
