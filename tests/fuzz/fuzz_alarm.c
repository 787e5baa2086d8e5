/*
 * The reader of the service's alarms in `custody watch` under a fuzzer. For any bytes: nothing is read out of bounds,
 * nothing leaks; what it accepts is told as one canonical document that reads back as the same alarm, and is never one
 * of the watch's own.
 */
#include "base/canon.h"
#include "watch_alarm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void tell(const struct watch_alarm *alarm)
{
    struct bytes told = {0};
    json_t *document = NULL;
    struct watch_alarm again = {0};
    INVARIANT(!watch_alarm_is_own(alarm));
    INVARIANT(watch_alarm_notice(&told, alarm, "new", NULL) == STATUS_OK);
    INVARIANT(canon_parse(&document, told.data, told.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    INVARIANT(watch_alarm_read(&again, json_object_get(document, "alarm"), NULL) == STATUS_OK);
    INVARIANT(digest_equal(&again.id, &alarm->id) && again.answered == alarm->answered);
    watch_alarm_wipe(&again);
    json_decref(document);
    bytes_free(&told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct watch_alarm alarm = {0};
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL); /* as client_json reads it */
    if (object != NULL && watch_alarm_read(&alarm, object, NULL) == STATUS_OK) {
        tell(&alarm);
        watch_alarm_wipe(&alarm);
    }
    json_decref(object);
    return 0;
}
