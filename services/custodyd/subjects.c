/*
 * Personal data comes in and is shown masked. Values go through this process once, on their way to the signer of role
 * privacy, which gives back commitments and sealed bytes; neither the database nor the trail nor the log has them.
 */
#include "subjects.h"

#include <inttypes.h>

#include "base/canon.h"
#include "base/log.h"
#include "policy/subject.h"
#include "record.h"
#include "resources.h"
#include "store/mark.h"
#include "trail_leaf.h"
#include "trail_signed.h"

void subject_record_about(struct audit_event *event, const struct uuid *subject)
{
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", RECORD_SUBJECT);
    uuid_format(event->object_id, subject);
}

enum status subject_signer(struct wire_pool **out, const struct service *service, struct fault *fault)
{
    if (service->role_count <= WIRE_ROLE_PRIVACY) {
        return fault_set(fault, STATUS_NOT_READY, "privacy-socket",
                         "this service has no signer of role privacy, and takes and shows no personal data");
    }
    *out = service->signers[WIRE_ROLE_PRIVACY];
    return STATUS_OK;
}

enum status subject_of_path(struct uuid *out, const struct http_request *request, struct fault *fault)
{
    return uuid_parse(out, request->parameters[0]) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "subject", "a UUIDv7, lower case");
}

/* Recording */

struct value_row {
    char field[SUBJECT_FIELD_SIZE];
    struct bytes value; /* owned */
};

struct recording {
    struct service *service;
    const struct http_request *request;
    struct wire_subject_seal_request seal;
    struct wire_subject_seal_reply sealed;
    struct trail_ticket ticket;
};

struct recording_body {
    struct uuid subject;
    int64_t erase_after;
    json_t *values; /* borrowed from the body */
};

static const struct canon_field body_fields[] = {
    CANON_FIELD(struct recording_body, erase_after, CANON_TIME),
    CANON_FIELD(struct recording_body, subject, CANON_UUID),
    CANON_FIELD_RANGE(struct recording_body, values, CANON_ARRAY, 0, WIRE_SUBJECT_VALUES_MAX),
};

static const struct canon_field value_fields[] = {
    CANON_FIELD_RANGE(struct value_row, field, CANON_TEXT, 1, 0),
    CANON_FIELD_SIZED(struct value_row, value, CANON_BYTES, WIRE_SUBJECT_VALUE_MAX),
};

static void recording_wipe(struct recording *recording)
{
    for (size_t i = 0; i < recording->seal.count; i++) {
        bytes_free(&recording->seal.values[i].value);
    }
    for (size_t i = 0; i < recording->sealed.count; i++) {
        bytes_free(&recording->sealed.rows[i].sealed);
    }
}

static enum status read_values(struct recording *recording, const json_t *values, struct fault *fault)
{
    struct wire_subject_seal_request *seal = &recording->seal;
    for (seal->count = 0; seal->count < json_array_size(values); seal->count++) {
        struct value_row row;
        struct wire_subject_value *value = &seal->values[seal->count];
        enum status status = canon_decode(&row, sizeof(row), json_array_get(values, seal->count), value_fields,
                                          sizeof(value_fields) / sizeof(value_fields[0]), "values", fault);
        if (status != STATUS_OK) {
            return status;
        }
        memcpy(value->field, row.field, sizeof(row.field));
        value->value = row.value; /* transferred */
    }
    return STATUS_OK;
}

static enum status read_recording(struct recording *recording, struct fault *fault)
{
    json_t *object = NULL;
    struct recording_body body;
    enum status status = http_body_object(&object, recording->request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&body, sizeof(body), object, body_fields, sizeof(body_fields) / sizeof(body_fields[0]),
                              "", fault);
    }
    if (status == STATUS_OK) {
        recording->seal.subject = body.subject;
        recording->seal.erase_after = body.erase_after;
        status = read_values(recording, body.values, fault);
    }
    json_decref(object);
    if (status == STATUS_OK && uuid_generate(&recording->seal.event, recording->service->clock) != STATUS_OK) {
        status = fault_set(fault, STATUS_IO, "event", "no randomness");
    }
    return status;
}

static enum status add_rows(struct store_tx *tx, const struct recording *recording, struct audit_event *event,
                            struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < recording->sealed.count; i++) {
        const struct wire_subject_row *sealed = &recording->sealed.rows[i];
        struct store_subject_row row = {.commitment = sealed->commitment,
                                        .subject = recording->seal.subject,
                                        .event = recording->seal.event,
                                        .sealed = sealed->sealed,
                                        .erase_after_utc_us = recording->sealed.erase_after};
        memcpy(row.field, sealed->field, sizeof(row.field));
        status = store_subject_add(tx, &row, fault);
        status = status == STATUS_OK ? audit_event_pii_add(event, &sealed->commitment, fault) : status;
    }
    return status;
}

static enum status record_fill(struct audit_event *event, const struct recording *recording, struct fault *fault)
{
    char text[SUBJECT_FIELDS_SIZE];
    char at[TIME_TEXT_SIZE];
    char id[UUID_TEXT_SIZE];
    unsigned fields = 0;
    for (size_t i = 0; i < recording->seal.count; i++) {
        enum subject_field field = SUBJECT_NAME;
        INVARIANT(subject_field_parse(&field, recording->seal.values[i].field) == STATUS_OK); /* the signer saw to it */
        fields |= (unsigned)field;
    }
    subject_fields_format(text, fields);
    time_format(at, recording->sealed.erase_after);
    uuid_format(id, &recording->seal.event);
    enum status status = audit_event_fact_add(event, "erase_after", at, fault);
    status = status == STATUS_OK ? audit_event_fact_add(event, "event", id, fault) : status;
    return status == STATUS_OK && fields != 0 ? audit_event_fact_add(event, "fields", text, fault) : status;
}

/* So many of each field as one order can show: whoever may record could fill one otherwise until nobody can see it. */
static enum status check_field(const struct store_subject_rows *rows, const char *field, struct fault *fault)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        count += strcmp(rows->rows[i].field, field) == 0;
    }
    return count <= WIRE_SUBJECT_ROWS_MAX ? STATUS_OK
                                          : fault_set(fault, STATUS_LIMIT_EXCEEDED, "values",
                                                      "a subject has at most %d of a field", WIRE_SUBJECT_ROWS_MAX);
}

static void forgotten_mark(char out[STORE_MARK_SUBJECT_SIZE], const struct uuid *subject)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, subject);
    (void)snprintf(out, STORE_MARK_SUBJECT_SIZE, "forgotten/%s", id);
}

enum status subject_forget(struct store_tx *tx, const struct uuid *subject, struct fault *fault)
{
    struct store_mark mark;
    char name[STORE_MARK_SUBJECT_SIZE];
    forgotten_mark(name, subject);
    enum status status = store_subject_delete(tx, subject, fault);
    return status == STATUS_OK ? store_mark_set(&mark, tx, name, "forgotten", fault) : status;
}

/* Nobody can open any more what was sealed before it was erased. */
static enum status check_remembered(const struct recording *recording, const struct store_tx *tx, struct fault *fault)
{
    char name[STORE_MARK_SUBJECT_SIZE];
    char value[STORE_MARK_VALUE_SIZE];
    struct fault why = {0};
    forgotten_mark(name, &recording->seal.subject);
    enum status status = store_mark_get(value, tx, name, &why);
    if (status == STATUS_OK) {
        return fault_set(fault, STATUS_CONFLICT, "subject", "it was erased: its key is destroyed");
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

/* With the new ones, and behind whoever was faster: the entry has taken its number of this subject. */
static enum status check_room(const struct recording *recording, const struct store_tx *tx, struct fault *fault)
{
    struct store_subject_rows rows = {0};
    enum status status = store_subject_list(&rows, tx, &recording->seal.subject, SUBJECT_ROWS_MAX + 1, fault);
    if (status == STATUS_OK && rows.count > SUBJECT_ROWS_MAX) {
        status = fault_set(fault, STATUS_LIMIT_EXCEEDED, "values", "a subject has at most %d", SUBJECT_ROWS_MAX);
    }
    for (size_t i = 0; status == STATUS_OK && i < recording->sealed.count; i++) {
        status = check_field(&rows, recording->sealed.rows[i].field, fault);
    }
    store_subject_rows_free(&rows);
    return status;
}

static enum status record_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct recording *recording = context;
    struct audit_event event;
    record_by_caller(&event, recording->service, recording->request, AUDIT_PII_RECORD, AUDIT_OUTCOME_OK);
    subject_record_about(&event, &recording->seal.subject);
    enum status status = add_rows(tx, recording, &event, fault);
    status = status == STATUS_OK ? record_fill(&event, recording, fault) : status;
    if (status == STATUS_OK) {
        status = trail_enqueue(&recording->ticket, recording->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    status = status == STATUS_OK ? check_remembered(recording, tx, fault) : status;
    return status == STATUS_OK ? check_room(recording, tx, fault) : status;
}

static json_t *recorded_view(const struct recording *recording)
{
    char subject[UUID_TEXT_SIZE];
    char event[UUID_TEXT_SIZE];
    char at[TIME_TEXT_SIZE];
    json_t *values = json_array();
    for (size_t i = 0; i < recording->sealed.count; i++) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &recording->sealed.rows[i].commitment);
        (void)json_array_append_new(
            values, json_pack("{s:s, s:s}", "field", recording->sealed.rows[i].field, "commitment", hex));
    }
    uuid_format(subject, &recording->seal.subject);
    uuid_format(event, &recording->seal.event);
    time_format(at, recording->sealed.erase_after);
    return json_pack("{s:s, s:s, s:s, s:o}", "subject", subject, "event", event, "erase_after", at, "values", values);
}

static enum status record_answer(struct recording *recording, struct http_reply *reply, struct fault *fault)
{
    json_t *object = recorded_view(recording);
    enum status status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                        : record_receipt(recording->service, &recording->ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}

enum status subject_record(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct recording recording = {.service = service, .request = request};
    struct wire_pool *signer = NULL;
    enum status status = subject_signer(&signer, service, fault);
    status = status == STATUS_OK ? read_recording(&recording, fault) : status;
    status = status == STATUS_OK ? wire_subject_seal(signer, &recording.sealed, &recording.seal,
                                                     service->options.signer_timeout_ms, fault)
                                 : status;
    status = status == STATUS_OK ? store_transact(service->store, record_in, &recording, fault) : status;
    status = status == STATUS_OK ? record_answer(&recording, reply, fault) : status;
    recording_wipe(&recording);
    return status;
}

/* Showing, masked */

/* That nothing is kept is believed of what the quorum had erased, or nobody recorded: rows alone do not say it. */

static bool is_kept(const struct store_subject_rows *rows, const char *commitment)
{
    struct digest digest;
    bool kept = false;
    INVARIANT(digest_parse(&digest, commitment) == STATUS_OK); /* audit_event_decode saw to it */
    for (size_t i = 0; i < rows->count; i++) {
        kept = kept || digest_equal(&rows->rows[i].commitment, &digest);
    }
    return kept;
}

static bool all_are_kept(const struct store_subject_rows *rows, const struct store_leaf *entry)
{
    struct audit_event event;
    bool kept = true;
    size_t i = 0;
    json_t *commitment = NULL;
    if (trail_leaf_event(&event, entry, NULL) != STATUS_OK) {
        return false;
    }
    json_array_foreach(event.pii, i, commitment)
    {
        kept = kept && is_kept(rows, json_string_value(commitment));
    }
    audit_event_wipe(&event);
    return kept;
}

/* What signed entries say of the subject. Each act is asked for alone, so however many others there are hide none. */
struct subject_entries {
    struct store_leaf_list recorded; /* no more of them than it may have values */
    struct store_leaf_list erased;   /* the last ones */
};

static void entries_free(struct subject_entries *entries)
{
    store_leaf_list_free(&entries->recorded);
    store_leaf_list_free(&entries->erased);
}

static enum status entries_read(struct subject_entries *out, struct service *service, const struct uuid *subject,
                                struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_PII_RECORD),
                                       .otype = RECORD_SUBJECT,
                                       .oid = id,
                                       .outcome = audit_outcome_text(AUDIT_OUTCOME_OK),
                                       .limit = SUBJECT_ROWS_MAX};
    size_t left_out = 0;
    uuid_format(id, subject);
    enum status status = trail_signed_list(&out->recorded, &left_out, service->trail, &filter, fault);
    if (status == STATUS_OK && left_out > 0 && out->recorded.count + left_out == SUBJECT_ROWS_MAX) {
        status = fault_set(fault, STATUS_CORRUPT, "subject", "edited rows stand before what was recorded");
    }
    filter.act = audit_action_text(AUDIT_PII_ERASE);
    return status == STATUS_OK ? trail_signed_newest(&out->erased, service->trail, &filter, fault) : status;
}

/* All that signed entries say was recorded of the subject is there, unless one says that it was erased. */
static enum status check_kept(const struct store_subject_rows *rows, const struct subject_entries *entries,
                              struct fault *fault)
{
    bool kept = true;
    for (size_t i = 0; kept && i < entries->recorded.count; i++) {
        kept = all_are_kept(rows, &entries->recorded.rows[i]);
    }
    if (kept || entries->erased.count > 0) {
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_CORRUPT, "subject", "what was recorded is gone, and no erasure is in the trail");
}

static enum status list_subject(struct store_subject_rows *out, struct service *service, const struct uuid *subject,
                                struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, service->store, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_subject_list(out, tx, subject, SUBJECT_ROWS_MAX, fault);
        store_rollback(tx);
    }
    return status;
}

/* The trail is looked at first: what is signed there was committed with its rows. Out: *out_erased, unless NULL, the
 * entry by which the subject was forgotten, -1 for none. */
static enum status find_rows(struct store_subject_rows *out, int64_t *out_erased, struct service *service,
                             const struct uuid *subject, struct fault *fault)
{
    struct subject_entries entries = {0};
    struct store_subject_rows rows = {0};
    enum status status = entries_read(&entries, service, subject, fault);
    status = status == STATUS_OK ? list_subject(&rows, service, subject, fault) : status;
    status = status == STATUS_OK ? check_kept(&rows, &entries, fault) : status;
    if (out_erased != NULL) {
        *out_erased = entries.erased.count == 0 ? -1 : (int64_t)entries.erased.rows[0].seq;
    }
    entries_free(&entries);
    if (status != STATUS_OK) {
        store_subject_rows_free(&rows);
        return status;
    }
    *out = rows;
    return STATUS_OK;
}

enum status subject_rows(struct store_subject_rows *out, struct service *service, const struct uuid *subject,
                         struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    int64_t erased = -1;
    struct fault why = {0};
    enum status status = find_rows(out, &erased, service, subject, &why);
    if (status == STATUS_CORRUPT) {
        uuid_format(id, subject);
        log_event(LOG_LEVEL_ERROR, "subject.lost", "subject", id, "detail", why.detail, NULL);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    if (out->count > 0 && erased < 0) {
        return STATUS_OK;
    }
    bool returned = out->count > 0;
    store_subject_rows_free(out);
    if (erased < 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "subject", "nothing is kept of it");
    }
    if (returned) { /* of a backup, which nobody can open as long as the guard's has no copy */
        uuid_format(id, subject);
        log_event(LOG_LEVEL_ERROR, "subject.returned", "subject", id, NULL);
    }
    return fault_set(fault, STATUS_NOT_FOUND, "subject", "it was erased, as entry %" PRId64 " says%s", erased,
                     returned ? "; rows of it are in the database again, and are to be deleted there" : "");
}

enum status subject_kept(struct service *service, const struct uuid *subject, struct fault *fault)
{
    struct store_subject_rows rows = {0};
    enum status status = find_rows(&rows, NULL, service, subject, fault);
    store_subject_rows_free(&rows);
    return status;
}

json_t *subject_row_view(const struct store_subject_row *row)
{
    char event[UUID_TEXT_SIZE];
    char commitment[DIGEST_HEX_LEN + 1];
    char erase_after[TIME_TEXT_SIZE];
    char recorded_at[TIME_TEXT_SIZE];
    uuid_format(event, &row->event);
    digest_format(commitment, &row->commitment);
    time_format(erase_after, row->erase_after_utc_us);
    time_format(recorded_at, row->recorded_at_utc_us);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "field", row->field, "event", event, "commitment", commitment,
                     "erase_after", erase_after, "recorded_at", recorded_at);
}

enum status subject_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                         struct fault *fault)
{
    struct uuid subject;
    struct wire_pool *signer = NULL;
    struct store_subject_rows rows = {0};
    enum status status = subject_signer(&signer, service, fault);
    status = status == STATUS_OK ? subject_of_path(&subject, request, fault) : status;
    status = status == STATUS_OK ? subject_rows(&rows, service, &subject, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    json_t *values = json_array();
    for (size_t i = 0; i < rows.count; i++) {
        (void)json_array_append_new(values, subject_row_view(&rows.rows[i]));
    }
    store_subject_rows_free(&rows);
    return http_reply_json(reply, 200, json_pack("{s:s, s:o}", "subject", request->parameters[0], "values", values),
                           fault);
}
