/*
 * What the watcher tells the trail: each change once, and again when the entry was lost on its way.
 */
#include "watch_core.h"

static enum status tell_now(int64_t *out_seen_at_utc_us, struct watch *watch, const struct news *news,
                            struct fault *fault)
{
    struct news_telling told = {0};
    enum status status = news_tell(out_seen_at_utc_us, watch->service, news, fault);
    if (status == STATUS_OK && news->unrepeated && !news->calm) {
        news_telling_now(&told, watch->service);
    }
    if (status == STATUS_OK &&
        json_object_set_new(watch->told, news->subject,
                            json_pack("[s, I, I, I]", news->value, (json_int_t)*out_seen_at_utc_us,
                                      (json_int_t)told.at_us, (json_int_t)told.at_utc_us)) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "watch", "%s", "");
    }
    return status;
}

/* Whether it happened before the first entry that is kept here, of older ones: then it may be told in an archive. */
static enum status may_have_left(bool *out, const struct watch *watch, const struct news *news)
{
    const struct store_leaf_filter any = {.limit = 1};
    struct store_leaf_list first = {0};
    enum status status = trail_signed_list(&first, NULL, watch->service->trail, &any, NULL);
    *out = first.count > 0 && first.rows[0].seq > 0 && news->since_utc_us < first.rows[0].ts_utc_us;
    store_leaf_list_free(&first);
    return status;
}

/*
 * A mark that was set before keeps nothing out of the trail, nor does somebody who takes an entry away on its way. When
 * the trail cannot be asked, it is with the next look.
 */
static enum status tell_again(struct watch *watch, const struct news *news, json_t *known, struct fault *fault)
{
    const struct news_telling last = {.at_us = json_integer_value(json_array_get(known, 2)),
                                      .at_utc_us = json_integer_value(json_array_get(known, 3))};
    struct news again = *news;
    bool told = false;
    bool left = false;
    int64_t ignored = 0;
    if (last.at_us == 0 || !news_is_lost(&last, watch->service) ||
        news_is_told(&told, watch->service, news, NULL) != STATUS_OK ||
        may_have_left(&left, watch, news) != STATUS_OK) {
        return STATUS_OK;
    }
    if (told || left) {
        return json_array_set_new(known, 2, json_integer(0)) == 0
                   ? STATUS_OK
                   : fault_set(fault, STATUS_NO_MEMORY, "watch", "%s", "");
    }
    again.anyway = true;
    return tell_now(&ignored, watch, &again, fault);
}

static enum status tell_trail(int64_t *out_seen_at_utc_us, struct watch *watch, const struct news *news,
                              struct fault *fault)
{
    json_t *known = json_object_get(watch->told, news->subject);
    const char *value = json_string_value(json_array_get(known, 0));
    if (value == NULL || strcmp(value, news->value) != 0) {
        return tell_now(out_seen_at_utc_us, watch, news, fault);
    }
    *out_seen_at_utc_us = json_integer_value(json_array_get(known, 1));
    return tell_again(watch, news, known, fault);
}

/* Since when it is an alarm, or now. */
static int64_t listed_since(const struct watch *watch, const struct news *news)
{
    for (size_t i = 0; i < watch->alarms.count; i++) { /* nobody else writes it */
        const struct alarm *alarm = &watch->alarms.rows[i];
        if (alarm->code == news->action && strcmp(alarm->object_type, news->object_type) == 0 &&
            strcmp(alarm->object_id, news->object_id) == 0) {
            return alarm->first_seen_utc_us;
        }
    }
    return clock_utc_us(watch->service->clock);
}

/* An alarm waits for nothing that is written; the look says at its end that it could not tell the trail. */
enum status watch_tell(struct watch *watch, const struct news *news, struct fault *fault)
{
    int64_t seen_at_utc_us = 0;
    bool is_alarm = news->reason != STATUS_OK;
    enum status status = tell_trail(&seen_at_utc_us, watch, news, is_alarm ? &watch->untold : fault);
    if (!is_alarm) {
        return status;
    }
    seen_at_utc_us = status == STATUS_OK ? seen_at_utc_us : listed_since(watch, news);
    return alarm_list_add(&watch->seeing, news, seen_at_utc_us, fault);
}

enum status watch_tell_past(struct watch *watch, const struct news *news, struct fault *fault)
{
    int64_t seen_at_utc_us = 0;
    return tell_trail(&seen_at_utc_us, watch, news, fault);
}

struct told {
    const char *subject;
    char *value;
};

static enum status told_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    const struct told *told = context;
    struct fault why = {0};
    enum status status = store_mark_get(told->value, tx, told->subject, &why);
    return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status watch_told(char out[STORE_MARK_VALUE_SIZE], struct watch *watch, const char *subject, struct fault *fault)
{
    const char *known = json_string_value(json_array_get(json_object_get(watch->told, subject), 0));
    (void)snprintf(out, STORE_MARK_VALUE_SIZE, "%s", known == NULL ? "" : known);
    struct told told = {.subject = subject, .value = out};
    return known != NULL ? STATUS_OK : store_read(watch->service->store, told_in, &told, fault);
}
