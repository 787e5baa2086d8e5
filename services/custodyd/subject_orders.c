/*
 * Orders about personal data: an auditor's to see, a quorum's to forget. The signer of role privacy judges both; what
 * it opens is sealed for the key that the order names, and cannot be read here.
 */
#include "base/log.h"
#include "news.h"
#include "policies.h"
#include "policy/command.h"
#include "policy/subject.h"
#include "rarely.h"
#include "record.h"
#include "resources.h"
#include "subjects.h"
#include "trail_signed.h"
#include "values.h"
#include "watch.h"

#define DAY_US (24LL * 3600 * 1000000)
#define HOUR_US (3600LL * 1000000)
#define LIMITS_PAGE 16

/* An order on its way. */
struct handing {
    struct service *service;
    const struct http_request *request;
    enum audit_action action;
    struct wire_pool *signer; /* borrowed */
    struct uuid subject;
    struct wire_subject_open_request open; /* its command, in every case; rows borrow from `rows` */
    struct command command;
    struct digest digest;
    struct store_subject_rows rows;
    size_t places[WIRE_SUBJECT_ROWS_MAX]; /* of the rows that were asked for */
    struct wire_subject_open_reply opened;
    struct trail_ticket ticket;
};

static void handing_wipe(struct handing *order)
{
    signed_document_free(&order->open.command);
    store_subject_rows_free(&order->rows);
    for (size_t i = 0; i < order->opened.count; i++) {
        bytes_free(&order->opened.boxes[i].box);
    }
}

static enum command_action wanted_of(enum audit_action action)
{
    return action == AUDIT_PII_ERASE ? COMMAND_PII_ERASE : COMMAND_PII_REVEAL;
}

/* Decoded alone: whether it stands is the signer's to say. */
static enum status read_order(struct handing *order, struct fault *fault)
{
    enum command_action wanted = wanted_of(order->action);
    enum status status = subject_of_path(&order->subject, order->request, fault);
    if (status == STATUS_OK) {
        status = http_body_signed(&order->open.command, order->request, CANON_DOCUMENT_MAX, fault);
    }
    const struct bytes *document = &order->open.command.document;
    status = status == STATUS_OK ? command_decode(&order->command, document->data, document->len, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    if (order->command.action != wanted) {
        return fault_set(fault, STATUS_INVALID, "action", "%s is not handed in here",
                         command_action_text(order->command.action));
    }
    if (!uuid_equal(&order->command.data_subject, &order->subject)) {
        return fault_set(fault, STATUS_MISMATCH, "subject", "the order is about another subject than the path names");
    }
    digest_document(&order->digest, COMMAND_KIND, document->data, document->len);
    return STATUS_OK;
}

static enum status asked_add(struct audit_event *event, const struct handing *order, struct fault *fault)
{
    char text[SUBJECT_FIELDS_SIZE];
    enum status status = audit_event_ref_add(event, "command", &order->digest, fault);
    if (status != STATUS_OK || order->action == AUDIT_PII_ERASE) {
        return status;
    }
    subject_fields_format(text, order->command.fields);
    status = audit_event_fact_add(event, "case", order->command.case_id.text, fault);
    return status == STATUS_OK ? audit_event_fact_add(event, "fields", text, fault) : status;
}

enum status subject_record_asked(struct audit_event *event, const struct http_request *request, struct fault *fault)
{
    struct handing order = {.request = request, .action = event->action};
    enum status status = read_order(&order, NULL) == STATUS_OK ? asked_add(event, &order, fault) : STATUS_OK;
    handing_wipe(&order);
    return status;
}

/* Who signed, by their names; the signer has verified it. */
static enum status signers_add(struct audit_event *event, const struct handing *order, struct fault *fault)
{
    char names[AUDIT_FACT_MAX] = "";
    size_t used = 0;
    const struct policy *policy = service_policy(order->service);
    for (size_t i = 0; i < order->open.command.signature_count; i++) {
        const struct person *person = policy_find_key(NULL, policy, &order->open.command.signatures[i].key_id);
        const char *name = person == NULL ? "unknown" : person->id.text;
        if (used + strlen(name) + 1 < sizeof(names)) {
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used == 0 ? "" : ",", name);
        }
    }
    return audit_event_fact_add(event, "signed_by", used == 0 ? "none" : names, fault);
}

static enum status fill(struct audit_event *event, const struct handing *order, struct fault *fault)
{
    char on[24];
    subject_record_about(event, &order->subject);
    enum status status = asked_add(event, order, fault);
    status = status == STATUS_OK ? signers_add(event, order, fault) : status;
    if (status != STATUS_OK || order->action == AUDIT_PII_ERASE) {
        return status;
    }
    (void)snprintf(on, sizeof(on), "%llu", (unsigned long long)order->opened.on);
    return audit_event_fact_add(event, "reveal", on, fault);
}

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct handing *order = context;
    struct audit_event event;
    record_by_caller(&event, order->service, order->request, order->action, AUDIT_OUTCOME_OK);
    enum status status = fill(&event, order, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&order->ticket, order->service->trail, tx, &event, fault);
    }
    if (status == STATUS_OK && order->action == AUDIT_PII_ERASE) {
        status = subject_forget(tx, &order->subject, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status answer(struct handing *order, json_t *object, struct http_reply *reply, struct fault *fault)
{
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                        : record_receipt(order->service, &order->ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 200, object, fault);
}

/* Revealing */

static enum status choose_rows(struct handing *order, struct fault *fault)
{
    struct wire_subject_open_request *open = &order->open;
    for (size_t i = 0; i < order->rows.count; i++) {
        const struct store_subject_row *row = &order->rows.rows[i];
        enum subject_field field;
        if (subject_field_parse(&field, row->field) != STATUS_OK || ((unsigned)field & order->command.fields) == 0) {
            continue;
        }
        if (open->count == WIRE_SUBJECT_ROWS_MAX) {
            return fault_set(fault, STATUS_TOO_LARGE, "fields", "more than %d values: name fewer fields",
                             WIRE_SUBJECT_ROWS_MAX);
        }
        struct wire_subject_row *asked = &open->rows[open->count];
        *asked = (struct wire_subject_row){
            .commitment = row->commitment, .event = row->event, .sealed = row->sealed}; /* borrowed */
        memcpy(asked->field, row->field, sizeof(row->field));
        order->places[open->count++] = i;
    }
    return open->count > 0 ? STATUS_OK : fault_set(fault, STATUS_NOT_FOUND, "fields", "nothing of this is kept");
}

/* Who wanted to see too much, by the signed entries: no row of ours says it, since whoever writes to the database could
 * take it away, or put it there before. */

struct limit_reached {
    struct service *service;
    const struct command *command;
    const struct name *person;
};

/* Out: when it was entered last, 0 for never. */
static enum status limit_last(int64_t *out_at_utc_us, const struct limit_reached *limit, struct fault *fault)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter filter = {
        .act = audit_action_text(AUDIT_PII_LIMIT), .otype = RECORD_PERSON, .oid = limit->person->text};
    enum status status = trail_signed_newest(&list, limit->service->trail, &filter, fault);
    if (status == STATUS_OK) {
        *out_at_utc_us = list.count == 0 ? 0 : list.rows[0].ts_utc_us;
    }
    store_leaf_list_free(&list);
    return status;
}

static enum status limit_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct limit_reached *limit = context;
    struct audit_event event;
    struct trail_ticket ticket;
    const struct uuid fresh = {{0}};
    record_by_service(&event, limit->service, &fresh, AUDIT_PII_LIMIT, AUDIT_OUTCOME_ERROR);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_PERSON);
    (void)snprintf(event.object_id, sizeof(event.object_id), "%s", limit->person->text);
    record_reason(&event, STATUS_LIMIT_EXCEEDED);
    enum status status = audit_event_fact_add(&event, "case", limit->command->case_id.text, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, limit->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* Whether the signed trail has it within an hour, of a process before this or beside it. */
static bool is_entered(const struct limit_reached *limit)
{
    int64_t at_utc_us = 0;
    int64_t now_utc_us = clock_utc_us(limit->service->clock);
    return limit_last(&at_utc_us, limit, NULL) == STATUS_OK && at_utc_us > now_utc_us - HOUR_US &&
           at_utc_us < now_utc_us + HOUR_US;
}

/*
 * For each person not again within an hour: what this process told it knows by itself, however many rows of the trail
 * were edited. The refusal itself is in the trail as such.
 */
static void limit_tell(const struct handing *order)
{
    struct fault why = {0};
    uint64_t left_out = 0;
    struct rarely *told = order->service->limits_told;
    const struct signed_document *command = &order->open.command;
    const struct person *person = command->signature_count == 0 ? NULL
                                                                : policy_find_key(NULL, service_policy(order->service),
                                                                                  &command->signatures[0].key_id);
    if (person == NULL) {
        return;
    }
    struct limit_reached limit = {.service = order->service, .command = &order->command, .person = &person->id};
    if (!rarely_tell(told, &left_out, person->id.text)) {
        return;
    }
    if (is_entered(&limit)) {
        rarely_forget(told, person->id.text);
    } else if (store_transact(order->service->store, limit_in, &limit, &why) != STATUS_OK) {
        rarely_forget(told, person->id.text);
        log_fault("pii.limit", &why);
    }
    watch_wake(order->service->watch);
}

/* The place of a person's alarm, the length of the list when there is none. */
static size_t limit_find(const struct alarm_list *list, const char *person)
{
    size_t i = 0;
    while (i < list->count && (list->rows[i].code != AUDIT_PII_LIMIT || strcmp(list->rows[i].object_id, person) != 0)) {
        i++;
    }
    return i;
}

/*
 * One for each person, of the newest entry and of those that follow each other within an hour up to it: more of them,
 * as several processes may enter, are no news. Each page is older than the one before.
 */
static enum status limits_add(struct alarm_list *inout, const struct store_leaf_list *list, int64_t since_utc_us,
                              struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < list->count; i++) {
        const struct store_leaf *row = &list->rows[i];
        struct news news = {.action = AUDIT_PII_LIMIT, .object_type = RECORD_PERSON, .reason = STATUS_LIMIT_EXCEEDED};
        (void)snprintf(news.object_id, sizeof(news.object_id), "%.*s", (int)sizeof(news.object_id) - 1, row->oid);
        size_t known = limit_find(inout, news.object_id);
        if (row->ts_utc_us >= since_utc_us && known == inout->count) {
            status = alarm_list_add(inout, &news, row->ts_utc_us, fault);
        } else if (known < inout->count && inout->rows[known].first_seen_utc_us - row->ts_utc_us < HOUR_US) {
            status = alarm_list_date(inout, known, row->ts_utc_us, row->ts_utc_us, fault);
        }
    }
    return status;
}

enum status subject_limit_alarms(struct alarm_list *list, struct service *service, struct fault *fault)
{
    struct trail_search search = {
        .filter = {.act = audit_action_text(AUDIT_PII_LIMIT), .newest_first = true, .limit = LIMITS_PAGE}};
    int64_t since_utc_us = clock_utc_us(service->clock) - DAY_US;
    struct fault why = {0};
    enum status status = STATUS_OK;
    bool older = false;
    while (status == STATUS_OK && !older && !search.over) {
        struct store_leaf_list page = {0};
        status = trail_signed_next(&page, service->trail, &search, &why);
        status = status == STATUS_OK ? limits_add(list, &page, since_utc_us, &why) : status;
        older = page.count > 0 && page.rows[page.count - 1].ts_utc_us < since_utc_us;
        store_leaf_list_free(&page);
    }
    return status == STATUS_OK || status == STATUS_NOT_READY /* no entry is signed yet */
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s", why.detail);
}

static json_t *revealed_view(const struct handing *order)
{
    json_t *values = json_array();
    for (size_t i = 0; i < order->opened.count; i++) {
        json_t *row = subject_row_view(&order->rows.rows[order->places[i]]);
        (void)json_object_set_new(row, "box", value_base64(&order->opened.boxes[i].box));
        (void)json_array_append_new(values, row);
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:o}", "subject", order->request->parameters[0], "case",
                     order->command.case_id.text, "number", (json_int_t)order->opened.on, "left",
                     (json_int_t)order->opened.left, "values", values);
}

static enum status reveal(struct handing *order, struct http_reply *reply, struct fault *fault)
{
    struct service *service = order->service;
    enum status status = subject_rows(&order->rows, service, &order->subject, fault);
    status = status == STATUS_OK ? choose_rows(order, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    status = wire_subject_open(order->signer, &order->opened, &order->open, service->options.signer_timeout_ms, fault);
    if (status == STATUS_LIMIT_EXCEEDED) {
        limit_tell(order);
    }
    status = status == STATUS_OK ? store_transact(service->store, record_in, order, fault) : status;
    return status == STATUS_OK ? answer(order, revealed_view(order), reply, fault) : status;
}

enum status subject_reveal(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct handing order = {.service = service, .request = request, .action = AUDIT_PII_REVEAL};
    enum status status = subject_signer(&order.signer, service, fault);
    status = status == STATUS_OK ? read_order(&order, fault) : status;
    status = status == STATUS_OK ? reveal(&order, reply, fault) : status;
    handing_wipe(&order);
    return status;
}

/* Erasing. The same order again is answered by the signer, so what a crash left undone here is done then. */
enum status subject_erase(struct service *service, const struct http_request *request, struct http_reply *reply,
                          struct fault *fault)
{
    struct handing order = {.service = service, .request = request, .action = AUDIT_PII_ERASE};
    struct wire_key_state_reply state = {.on = 0};
    enum status status = subject_signer(&order.signer, service, fault);
    status = status == STATUS_OK ? read_order(&order, fault) : status;
    status = status == STATUS_OK ? wire_key_command(order.signer, &state, &order.open.command,
                                                    service->options.signer_timeout_ms, fault)
                                 : status;
    status = status == STATUS_OK ? store_transact(service->store, record_in, &order, fault) : status;
    if (status == STATUS_OK) {
        status = answer(&order, json_pack("{s:s, s:s}", "subject", request->parameters[0], "state", state.state), reply,
                        fault);
    }
    handing_wipe(&order);
    return status;
}
