/*
 * An alarm as `custody watch` takes it from the service: every field checked, nothing else in it.
 */
#ifndef STRONGROOM_CUSTODY_WATCH_ALARM_H
#define STRONGROOM_CUSTODY_WATCH_ALARM_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/status.h"

#define WATCH_ALARMS_MAX 1000

/* What the watch itself found: these codes are no service's. */
#define WATCH_CODE_PREFIX "watch."
#define WATCH_SILENT "watch.silent"           /* the service does not answer, or stands still */
#define WATCH_CALL_FAILED "watch.call_failed" /* a program that should call somebody failed */

/* The JSON members are owned; watch_alarm_wipe. */
struct watch_alarm {
    json_t *acknowledged;
    bool answered;
    char code[64];
    json_t *concerns;
    json_t *facts;
    int64_t first_seen;
    struct digest id;
    char object_id[81];
    char object_type[33];
    int64_t since;
};

/*
 * Reads an alarm: its fields are known, its texts printable ASCII, its id is the one of what it says (docs/formats.md,
 * alarm), its code is not one of the watch. STATUS_INVALID or what canon_decode answers. Out: watch_alarm_wipe.
 */
MUST_CHECK enum status watch_alarm_read(struct watch_alarm *out, const json_t *object, struct fault *fault);

/* An alarm that the watch itself raises, at this time; `reason` becomes a fact. Out: watch_alarm_wipe. */
MUST_CHECK enum status watch_alarm_own(struct watch_alarm *out, const char *code, const char *object_id,
                                       const char *reason, int64_t now_utc_us, struct fault *fault);

/* Whether the watch raised it. */
bool watch_alarm_is_own(const struct watch_alarm *alarm);

/* As a JSON object, as it was read. Out: one reference. */
MUST_CHECK enum status watch_alarm_write(json_t **out, const struct watch_alarm *alarm, struct fault *fault);

/* The same as watch_alarm_read, of an alarm that this program wrote down: own codes may be there. */
MUST_CHECK enum status watch_alarm_read_back(struct watch_alarm *out, const json_t *object, struct fault *fault);

/*
 * The document that a program gets: `{"alarm":{...},"notice":"new"}`, canonical. Out: owned by the caller.
 */
MUST_CHECK enum status watch_alarm_notice(struct bytes *out, const struct watch_alarm *alarm, const char *notice,
                                          struct fault *fault);

/* Gives the references back and zeroes. */
void watch_alarm_wipe(struct watch_alarm *alarm);

#endif
