/*
 * Alarms at the REST interface. Who has seen one stands in the trail and nowhere else; that ends no alarm. One that two
 * people have seen counts as answered.
 */
#include "alarms.h"
#include "record.h"
#include "resources.h"
#include "trail_signed.h"
#include "watch.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_among(const json_t *rows, const char *person)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        if (strcmp(json_string_value(json_object_get(json_array_get(rows, i), "person")), person) == 0) {
            return true;
        }
    }
    return false;
}

static enum status add_answers(json_t *rows, const struct store_leaf_list *list, struct fault *fault)
{
    for (size_t i = 0; i < list->count; i++) {
        char at[TIME_TEXT_SIZE];
        time_format(at, list->rows[i].ts_utc_us);
        if (!is_among(rows, list->rows[i].actor) &&
            json_array_append_new(rows, json_pack("{s:s, s:s}", "person", list->rows[i].actor, "at", at)) != 0) {
            return fault_set(fault, STATUS_NO_MEMORY, "alarms", "%s", "");
        }
    }
    return STATUS_OK;
}

/*
 * Where the answers to it begin: after the newest entry about the same object, which was told when the alarm began, or
 * when the one before was over. When an alarm was first seen is a row that a superuser can set back to one that was
 * answered; not where these entries stand.
 */
static enum status find_begin(uint64_t *out_seq, struct service *service, const struct alarm *alarm,
                              struct fault *fault)
{
    struct store_leaf_list list = {0};
    size_t left_out = 0;
    const struct store_leaf_filter filter = {.otype = alarm->object_type,
                                             .oid = alarm->object_id,
                                             .act = audit_action_text(alarm->code),
                                             .newest_first = true,
                                             .limit = 1};
    enum status status = trail_signed_list(&list, &left_out, service->trail, &filter, fault);
    if (status == STATUS_OK) {
        *out_seq = left_out > 0 ? INT64_MAX : list.count > 0 ? list.rows[0].seq + 1 : 0;
    }
    store_leaf_list_free(&list);
    return status;
}

/*
 * Who has acknowledged it, each person once: [{person, at}], from what is signed in the trail; nobody, while nothing
 * is. Out: one reference.
 */
static enum status read_answers(json_t **out, struct service *service, const struct alarm *alarm, struct fault *fault)
{
    char oid[DIGEST_HEX_LEN + 1];
    struct store_leaf_list list = {0};
    json_t *rows = json_array();
    digest_format(oid, &alarm->id);
    struct store_leaf_filter filter = {.otype = RECORD_ALARM,
                                       .oid = oid,
                                       .act = audit_action_text(AUDIT_ALARM_ACKNOWLEDGE),
                                       .outcome = audit_outcome_text(AUDIT_OUTCOME_OK),
                                       .limit = STORE_LEAVES_MAX};
    struct fault why = {0};
    enum status status = find_begin(&filter.from_seq, service, alarm, &why);
    if (status == STATUS_OK) {
        status = trail_signed_list(&list, NULL, service->trail, &filter, &why);
    }
    if (status == STATUS_OK) {
        status = add_answers(rows, &list, &why);
    }
    store_leaf_list_free(&list);
    if (status != STATUS_OK && status != STATUS_NOT_READY) {
        json_decref(rows);
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    *out = rows;
    return STATUS_OK;
}

/* Takes the reference to `answers`. */
static json_t *alarm_view(const struct alarm *alarm, json_t *answers)
{
    char id[DIGEST_HEX_LEN + 1];
    char since[TIME_TEXT_SIZE];
    char seen[TIME_TEXT_SIZE];
    digest_format(id, &alarm->id);
    time_format(since, alarm->since_utc_us);
    time_format(seen, alarm->first_seen_utc_us);
    bool answered = json_array_size(answers) >= ALARM_PEOPLE;
    json_t *view =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:b}", "id", id, "code", audit_action_text(alarm->code),
                  "object_type", alarm->object_type, "object_id", alarm->object_id, "since", since, "first_seen", seen,
                  "concerns", alarm_concerns(alarm->code), "acknowledged", answers, "answered", answered);
    json_t *facts = json_pack("{s:s}", "reason", status_info(alarm->reason)->code);
    for (size_t i = 0; i < alarm->fact_count; i++) {
        (void)json_object_set_new(facts, alarm->fact_names[i], json_string(alarm->fact_values[i]));
    }
    if (json_object_set_new(view, "facts", facts) != 0) {
        json_decref(view);
        return NULL;
    }
    return view;
}

static enum status add_view(json_t *rows, struct service *service, const struct alarm *alarm, struct fault *fault)
{
    json_t *answers = NULL;
    enum status status = read_answers(&answers, service, alarm, fault);
    if (status == STATUS_OK && json_array_append_new(rows, alarm_view(alarm, answers)) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "alarms", "%s", "");
    }
    return status;
}

static enum status list_views(json_t *rows, struct service *service, const struct alarm_list *list, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < list->count; i++) {
        status = add_view(rows, service, &list->rows[i], fault);
    }
    return status;
}

enum status alarm_read_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct alarm_list list = {0};
    int64_t at_utc_us = 0;
    char at[TIME_TEXT_SIZE];
    json_t *rows = json_array();
    (void)request;
    enum status status = watch_alarms(&list, &at_utc_us, service->watch, fault);
    if (status == STATUS_OK) {
        status = list_views(rows, service, &list, fault);
    }
    alarm_list_free(&list);
    if (status != STATUS_OK) {
        json_decref(rows);
        return status;
    }
    time_format(at, at_utc_us);
    return http_reply_json(reply, 200, json_pack("{s:o, s:s}", "alarms", rows, "looked_at", at), fault);
}

/* Acknowledging. */

struct acknowledging {
    struct service *service;
    const struct http_request *request;
    struct alarm alarm;
    struct trail_ticket ticket;
};

static enum status enter_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct acknowledging *order = context;
    const struct alarm *alarm = &order->alarm;
    struct audit_event event;
    char seen[TIME_TEXT_SIZE];
    time_format(seen, alarm->first_seen_utc_us);
    const char *const facts[][2] = {{"code", audit_action_text(alarm->code)},
                                    {"first_seen", seen},
                                    {"object_id", alarm->object_id},
                                    {"object_type", alarm->object_type}};
    enum status status = STATUS_OK;
    record_by_caller(&event, order->service, order->request, AUDIT_ALARM_ACKNOWLEDGE, AUDIT_OUTCOME_OK);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_ALARM);
    digest_format(event.object_id, &alarm->id);
    for (size_t i = 0; status == STATUS_OK && i < COUNT(facts); i++) {
        status = audit_event_fact_add(&event, facts[i][0], facts[i][1], fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&order->ticket, order->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status find_alarm(struct acknowledging *order, struct fault *fault)
{
    struct alarm_list list = {0};
    struct digest id;
    int64_t at_utc_us = 0;
    if (digest_parse(&id, order->request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "id", "must be 64 hexadecimal digits");
    }
    enum status status = watch_alarms(&list, &at_utc_us, order->service->watch, fault);
    const struct alarm *alarm = status == STATUS_OK ? alarm_list_find(&list, &id) : NULL;
    if (status == STATUS_OK && alarm == NULL) {
        status = fault_set(fault, STATUS_NOT_FOUND, "id", "is no alarm now");
    }
    if (status == STATUS_OK) {
        order->alarm = *alarm;
    }
    alarm_list_free(&list);
    return status;
}

/* The alarm as it stands, with its answers. Out: one reference. */
static enum status look_up(json_t **out, const struct acknowledging *order, struct fault *fault)
{
    json_t *rows = json_array();
    enum status status = add_view(rows, order->service, &order->alarm, fault);
    if (status == STATUS_OK) {
        *out = json_pack("{s:O}", "alarm", json_array_get(rows, 0));
    }
    json_decref(rows);
    return status == STATUS_OK && *out == NULL ? fault_set(fault, STATUS_NO_MEMORY, "alarms", "%s", "") : status;
}

/* A person answers once; the same again finds the alarm as it stands. */
static enum status acknowledge(json_t **out, struct acknowledging *order, struct fault *fault)
{
    json_t *receipt = NULL;
    enum status status = look_up(out, order, fault);
    if (status != STATUS_OK ||
        is_among(json_object_get(json_object_get(*out, "alarm"), "acknowledged"), order->request->caller.person.text)) {
        return status;
    }
    json_decref(*out);
    *out = NULL;
    receipt = json_object();
    status = store_transact(order->service->store, enter_in, order, fault);
    if (status == STATUS_OK) {
        status = record_receipt(order->service, &order->ticket, receipt, fault);
    }
    if (status == STATUS_OK) {
        status = look_up(out, order, fault);
    }
    if (status == STATUS_OK) {
        (void)json_object_update(*out, receipt);
    }
    json_decref(receipt);
    return status;
}

enum status alarm_acknowledge(struct service *service, const struct http_request *request, struct http_reply *reply,
                              struct fault *fault)
{
    struct acknowledging order = {.service = service, .request = request};
    json_t *object = NULL;
    if (request->body_len != 0) {
        return fault_set(fault, STATUS_INVALID, "body", "must be empty");
    }
    enum status status = find_alarm(&order, fault);
    if (status == STATUS_OK) {
        status = acknowledge(&object, &order, fault);
    }
    return status == STATUS_OK ? http_reply_json(reply, 200, object, fault) : status;
}
