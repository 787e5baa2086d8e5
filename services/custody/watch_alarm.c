/*
 * Alarms from the service are material to check: what is not exactly an alarm is refused, and the watch then says that
 * the service does not answer as it should.
 */
#include "watch_alarm.h"

#include "base/canon.h"
#include "base/clock.h"

#define ID_KIND "alarm"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct canon_field fields[] = {
    CANON_FIELD(struct watch_alarm, acknowledged, CANON_ARRAY),
    CANON_FIELD(struct watch_alarm, answered, CANON_BOOLEAN),
    CANON_FIELD(struct watch_alarm, code, CANON_TEXT),
    CANON_FIELD(struct watch_alarm, concerns, CANON_ARRAY),
    CANON_FIELD(struct watch_alarm, facts, CANON_OBJECT),
    CANON_FIELD(struct watch_alarm, first_seen, CANON_TIME),
    CANON_FIELD(struct watch_alarm, id, CANON_HASH),
    CANON_FIELD(struct watch_alarm, object_id, CANON_TEXT),
    CANON_FIELD(struct watch_alarm, object_type, CANON_TEXT),
    CANON_FIELD(struct watch_alarm, since, CANON_TIME),
};

static const struct canon_field identity_fields[] = {
    CANON_FIELD(struct watch_alarm, code, CANON_TEXT),
    CANON_FIELD(struct watch_alarm, first_seen, CANON_TIME),
    CANON_FIELD(struct watch_alarm, object_id, CANON_TEXT),
    CANON_FIELD(struct watch_alarm, object_type, CANON_TEXT),
};

struct notice {
    json_t *alarm;
    char notice[16];
};

static const struct canon_field notice_fields[] = {
    CANON_FIELD(struct notice, alarm, CANON_OBJECT),
    CANON_FIELD(struct notice, notice, CANON_TEXT),
};

static enum status identify(struct digest *out, const struct watch_alarm *alarm, struct fault *fault)
{
    struct bytes document = {0};
    enum status status =
        canon_encode_bytes(&document, alarm, identity_fields, COUNT(identity_fields), CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        digest_document(out, ID_KIND, document.data, document.len);
        bytes_free(&document);
    }
    return status;
}

static bool all_texts(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!json_is_string(json_array_get(array, i))) {
            return false;
        }
    }
    return true;
}

static bool facts_are_texts(json_t *facts)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(facts, name, value)
    {
        if (!json_is_string(value)) {
            return false;
        }
    }
    return true;
}

static bool people_have_names(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *one = json_array_get(array, i);
        if (json_object_size(one) != 2 || !json_is_string(json_object_get(one, "person")) ||
            !json_is_string(json_object_get(one, "at"))) {
            return false;
        }
    }
    return true;
}

static enum status check(const struct watch_alarm *alarm, struct fault *fault)
{
    struct digest id;
    struct bytes whole = {0};
    enum status status = identify(&id, alarm, fault);
    if (status == STATUS_OK && !digest_equal(&id, &alarm->id)) {
        return fault_set(fault, STATUS_INVALID, "alarm", "its id is not that of what it says");
    }
    if (status == STATUS_OK &&
        (!all_texts(alarm->concerns) || !facts_are_texts(alarm->facts) || !people_have_names(alarm->acknowledged))) {
        return fault_set(fault, STATUS_INVALID, "alarm", "has something else where texts belong");
    }
    if (status == STATUS_OK) { /* what is not canonical cannot be said again */
        status = watch_alarm_notice(&whole, alarm, "new", fault);
        bytes_free(&whole);
    }
    return status;
}

enum status watch_alarm_read_back(struct watch_alarm *out, const json_t *object, struct fault *fault)
{
    struct watch_alarm alarm = {0};
    enum status status = canon_decode(&alarm, sizeof(alarm), object, fields, COUNT(fields), "alarm.", fault);
    if (status != STATUS_OK) {
        return status;
    }
    (void)json_incref(alarm.acknowledged);
    (void)json_incref(alarm.concerns);
    (void)json_incref(alarm.facts);
    status = check(&alarm, fault);
    if (status != STATUS_OK) {
        watch_alarm_wipe(&alarm);
        return status;
    }
    *out = alarm;
    return STATUS_OK;
}

enum status watch_alarm_read(struct watch_alarm *out, const json_t *object, struct fault *fault)
{
    struct watch_alarm alarm = {0};
    enum status status = watch_alarm_read_back(&alarm, object, fault);
    if (status == STATUS_OK && watch_alarm_is_own(&alarm)) {
        watch_alarm_wipe(&alarm);
        status = fault_set(fault, STATUS_INVALID, "alarm.code", "is not the service's");
    }
    if (status == STATUS_OK) {
        *out = alarm;
    }
    return status;
}

enum status watch_alarm_own(struct watch_alarm *out, const char *code, const char *object_id, const char *reason,
                            int64_t now_utc_us, struct fault *fault)
{
    struct watch_alarm alarm = {.first_seen = now_utc_us, .since = now_utc_us};
    (void)snprintf(alarm.code, sizeof(alarm.code), "%s", code);
    (void)snprintf(alarm.object_id, sizeof(alarm.object_id), "%s", object_id);
    (void)snprintf(alarm.object_type, sizeof(alarm.object_type), "watch");
    alarm.acknowledged = json_array();
    alarm.concerns = json_pack("[s]", "operator");
    alarm.facts = json_pack("{s:s}", "reason", reason);
    enum status status = alarm.acknowledged == NULL || alarm.concerns == NULL || alarm.facts == NULL
                             ? fault_set(fault, STATUS_NO_MEMORY, "alarm", "%s", "")
                             : identify(&alarm.id, &alarm, fault);
    if (status != STATUS_OK) {
        watch_alarm_wipe(&alarm);
        return status;
    }
    *out = alarm;
    return STATUS_OK;
}

bool watch_alarm_is_own(const struct watch_alarm *alarm)
{
    return strncmp(alarm->code, WATCH_CODE_PREFIX, strlen(WATCH_CODE_PREFIX)) == 0;
}

enum status watch_alarm_write(json_t **out, const struct watch_alarm *alarm, struct fault *fault)
{
    return canon_encode(out, alarm, fields, COUNT(fields), fault);
}

enum status watch_alarm_notice(struct bytes *out, const struct watch_alarm *alarm, const char *notice,
                               struct fault *fault)
{
    struct notice document = {0};
    enum status status = watch_alarm_write(&document.alarm, alarm, fault);
    (void)snprintf(document.notice, sizeof(document.notice), "%s", notice);
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &document, notice_fields, COUNT(notice_fields), CANON_DOCUMENT_MAX, fault);
    }
    json_decref(document.alarm);
    return status;
}

void watch_alarm_wipe(struct watch_alarm *alarm)
{
    json_decref(alarm->acknowledged);
    json_decref(alarm->concerns);
    json_decref(alarm->facts);
    *alarm = (struct watch_alarm){0};
}
