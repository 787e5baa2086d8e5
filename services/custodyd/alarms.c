/*
 * The list of alarms.
 */
#include "alarms.h"

#include "base/canon.h"

#define ID_KIND "alarm"

/* What an id is the digest of. */
struct identity {
    char code[64];
    int64_t first_seen;
    char object_id[AUDIT_OBJECT_ID_SIZE];
    char object_type[AUDIT_OBJECT_TYPE_SIZE];
};

static const struct canon_field identity_fields[] = {
    CANON_FIELD(struct identity, code, CANON_TEXT),
    CANON_FIELD(struct identity, first_seen, CANON_TIME),
    CANON_FIELD(struct identity, object_id, CANON_TEXT),
    CANON_FIELD(struct identity, object_type, CANON_TEXT),
};

static enum status identify(struct alarm *alarm, struct fault *fault)
{
    struct identity identity = {.first_seen = alarm->first_seen_utc_us};
    struct bytes document = {0};
    (void)snprintf(identity.code, sizeof(identity.code), "%s", audit_action_text(alarm->code));
    (void)snprintf(identity.object_type, sizeof(identity.object_type), "%s", alarm->object_type);
    memcpy(identity.object_id, alarm->object_id, sizeof(identity.object_id));
    enum status status =
        canon_encode_bytes(&document, &identity, identity_fields, sizeof(identity_fields) / sizeof(identity_fields[0]),
                           CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        digest_document(&alarm->id, ID_KIND, document.data, document.len);
        bytes_free(&document);
    }
    return status;
}

enum status alarm_list_append(struct alarm_list *list, const struct alarm *alarm, struct fault *fault)
{
    struct alarm *grown = realloc(list->rows, (list->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "alarms", "%s", "");
    }
    list->rows = grown;
    list->rows[list->count++] = *alarm;
    return STATUS_OK;
}

enum status alarm_list_add(struct alarm_list *list, const struct news *news, int64_t first_seen_utc_us,
                           struct fault *fault)
{
    struct alarm alarm = {.code = news->action,
                          .object_type = news->object_type,
                          .reason = news->reason,
                          .since_utc_us = news->since_utc_us != 0 ? news->since_utc_us : first_seen_utc_us,
                          .first_seen_utc_us = first_seen_utc_us,
                          .fact_count = news->fact_count};
    memcpy(alarm.object_id, news->object_id, sizeof(alarm.object_id));
    memcpy(alarm.fact_names, news->fact_names, sizeof(alarm.fact_names));
    memcpy(alarm.fact_values, news->fact_values, sizeof(alarm.fact_values));
    enum status status = identify(&alarm, fault);
    return status == STATUS_OK ? alarm_list_append(list, &alarm, fault) : status;
}

enum status alarm_list_date(struct alarm_list *list, size_t at, int64_t since_utc_us, int64_t first_seen_utc_us,
                            struct fault *fault)
{
    struct alarm *alarm = &list->rows[at];
    alarm->first_seen_utc_us = first_seen_utc_us;
    alarm->since_utc_us = since_utc_us;
    return identify(alarm, fault);
}

enum status alarm_list_copy(struct alarm_list *out, const struct alarm_list *list, struct fault *fault)
{
    struct alarm *rows = calloc(list->count + 1, sizeof(*rows));
    if (rows == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "alarms", "%s", "");
    }
    if (list->count > 0) {
        memcpy(rows, list->rows, list->count * sizeof(*rows));
    }
    *out = (struct alarm_list){.rows = rows, .count = list->count};
    return STATUS_OK;
}

const struct alarm *alarm_list_find(const struct alarm_list *list, const struct digest *id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (digest_equal(&list->rows[i].id, id)) {
            return &list->rows[i];
        }
    }
    return NULL;
}

void alarm_list_free(struct alarm_list *list)
{
    free(list->rows);
    *list = (struct alarm_list){0};
}

json_t *alarm_concerns(enum audit_action code)
{
    static const struct {
        enum audit_action code;
        const char *duties[2];
    } rows[] = {
        {AUDIT_COMPROMISE_DRILL_OVERDUE, {"administrator", "operator"}},
        {AUDIT_COPY_LAG, {"auditor", "operator"}},
        {AUDIT_DESTINATION_LOST, {"administrator", "operator"}},
        {AUDIT_DESTINATION_REFUSED, {"administrator", "operator"}},
        {AUDIT_FREEZE_STATE, {"administrator", "operator"}},
        {AUDIT_KEY_ATTESTATION_ALARM, {"auditor", "operator"}},
        {AUDIT_KEY_ATTESTATION_OVERDUE, {"custodian", "operator"}},
        {AUDIT_KEY_COPIED_USE, {"administrator", "operator"}},
        {AUDIT_KEY_CRYPTOPERIOD, {"administrator", "custodian"}},
        {AUDIT_KEY_DRILL_OVERDUE, {"custodian", "operator"}},
        {AUDIT_KEY_RECEIPT_ALARM, {"operator", "requester"}},
        {AUDIT_KEY_STATE, {"administrator", "operator"}},
        {AUDIT_MEDIUM_OVERDUE, {"custodian", "operator"}},
        {AUDIT_MEDIUM_UNCONFIRMED, {"custodian", "operator"}},
        {AUDIT_PII_LIMIT, {"administrator", "auditor"}},
        {AUDIT_PII_LOST, {"auditor", "operator"}},
        {AUDIT_PII_RETURNED, {"auditor", "operator"}},
        {AUDIT_PERSON_DIFFERS, {"administrator", "operator"}},
        {AUDIT_POLICY_UNKNOWN, {"administrator", "operator"}},
        {AUDIT_POLICY_WAITING, {"administrator", "approver"}},
        {AUDIT_REVIEW_OVERDUE, {"administrator", "auditor"}},
        {AUDIT_TRAIL_CORRUPT, {"auditor", "operator"}},
        {AUDIT_TRAIL_HALTED, {"auditor", "operator"}},
        {AUDIT_WITHDRAWAL_QUARANTINED, {"operator", "requester"}},
        {AUDIT_WITHDRAWAL_WAITING, {"administrator", "approver"}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == code) {
            return json_pack("[s, s]", rows[i].duties[0], rows[i].duties[1]);
        }
    }
    return json_pack("[s]", "operator");
}
