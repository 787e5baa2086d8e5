/*
 * What is wrong with the trail itself: that it has halted, a row that is not the entry that was signed, and a number
 * that an object had before. No such alarm waits for a look of the watcher or for an entry, since the trail may take
 * none; the entry is for later.
 */
#include <inttypes.h>

#include "trail_ordinal.h"
#include "trail_scrub.h"
#include "trail_signed.h"
#include "watch_core.h"

/* Of 256 rows, in each look: with the default of `watch`, ten million entries in eleven hours. */
#define SCRUB_TILES 2

#define OBJECT_TYPE "trail"

/* When it was found makes each one news, also the same again after a restart. */
static void found_at(struct news *news, char value[STORE_MARK_VALUE_SIZE], int64_t at_utc_us)
{
    time_format(value, at_utc_us);
    news->value = value;
    news->since_utc_us = at_utc_us;
}

static bool halted(struct news *out, char value[STORE_MARK_VALUE_SIZE], struct trail *trail)
{
    struct trail_trouble halt = {.at_utc_us = 0};
    if (!trail_halt_read(&halt, trail)) {
        return false;
    }
    *out = (struct news){.action = AUDIT_TRAIL_HALTED,
                         .object_type = OBJECT_TYPE,
                         .object_id = "log",
                         .subject = "trail/log",
                         .reason = halt.why.status};
    found_at(out, value, halt.at_utc_us);
    news_fact(out, "detail", halt.why.detail);
    news_fact(out, "where", halt.why.where);
    return true;
}

/* Two may be found at one time. */
static void name_entry(struct news *out, char value[STORE_MARK_VALUE_SIZE], const char *entry)
{
    size_t len = strlen(value);
    (void)snprintf(value + len, STORE_MARK_VALUE_SIZE - len, "/%s", entry);
    news_fact(out, "entry", entry);
}

static void corrupt(struct news *out, char value[STORE_MARK_VALUE_SIZE], const struct trail_doubted *found)
{
    char entry[TRAIL_DOUBTED_SIZE];
    trail_doubted_format(entry, found->seq);
    *out = (struct news){.action = AUDIT_TRAIL_CORRUPT,
                         .object_type = OBJECT_TYPE,
                         .object_id = "entry",
                         .subject = "trail/entry",
                         .reason = STATUS_CORRUPT};
    found_at(out, value, found->at_utc_us);
    name_entry(out, value, entry);
}

static void repeated(struct news *out, char value[STORE_MARK_VALUE_SIZE], const struct trail_repeated *found)
{
    char entry[24];
    char ordinal[24];
    (void)snprintf(entry, sizeof(entry), "%" PRIu64, found->seq);
    (void)snprintf(ordinal, sizeof(ordinal), "%" PRIu64, found->ordinal);
    *out = (struct news){.action = AUDIT_TRAIL_CORRUPT,
                         .object_type = OBJECT_TYPE,
                         .object_id = "ordinal",
                         .subject = "trail/ordinal",
                         .reason = STATUS_CONFLICT};
    found_at(out, value, found->at_utc_us);
    name_entry(out, value, entry);
    news_fact(out, "ordinal", ordinal);
}

void watch_trail_start(struct watch *watch)
{
    const struct uuid boot = trail_boot(watch->service->trail);
    memcpy(&watch->scrubbed, boot.bytes16 + sizeof(boot.bytes16) - sizeof(watch->scrubbed), sizeof(watch->scrubbed));
}

static enum status tell_repeated(struct watch *watch, struct fault *fault)
{
    struct trail_repeated found[TRAIL_REPEATED_MAX];
    size_t count = trail_repeated_list(found, watch->service->trail);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && watch->repeated_told < count) {
        struct news news;
        char value[STORE_MARK_VALUE_SIZE];
        repeated(&news, value, &found[watch->repeated_told]);
        status = watch_tell_past(watch, &news, fault);
        watch->repeated_told += status == STATUS_OK ? 1 : 0;
    }
    return status;
}

static enum status tell_troubles(struct watch *watch, struct fault *fault)
{
    struct news news;
    char value[STORE_MARK_VALUE_SIZE];
    struct trail_doubted found;
    struct trail *trail = watch->service->trail;
    enum status status = halted(&news, value, trail) ? watch_tell_past(watch, &news, fault) : STATUS_OK;
    while (status == STATUS_OK && trail_doubted_after(&found, trail, watch->corrupt_told)) {
        corrupt(&news, value, &found);
        status = watch_tell_past(watch, &news, fault);
        watch->corrupt_told = status == STATUS_OK ? found.news : watch->corrupt_told;
    }
    return status == STATUS_OK ? tell_repeated(watch, fault) : status;
}

/* What a new session would refuse, the others are not left to answer from. */
enum status watch_tables(struct watch *watch, struct fault *fault)
{
    struct service *service = watch->service;
    struct store *const stores[] = {service->store, service->urgent_store, service->reader};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        struct fault why = {0};
        enum status checked = store_check(stores[i], &why);
        if (checked == STATUS_CORRUPT) {
            trail_corrupt_note(service->trail, TRAIL_TABLES, NULL);
        }
        status = status == STATUS_OK && checked != STATUS_OK ? fault_set(fault, checked, why.where, "%s", why.detail)
                                                             : status;
    }
    if (status == STATUS_OK) {
        trail_mended_note(service->trail, TRAIL_TABLES);
    }
    return status;
}

/* What is known is told before more is looked for, and more is looked for also while nothing can be told. */
enum status watch_trail(struct watch *watch, struct fault *fault)
{
    enum status told = tell_troubles(watch, fault);
    enum status scrubbed =
        trail_scrub(watch->service->trail, &watch->scrubbed, SCRUB_TILES, watch_subject_row, watch, fault);
    return told == STATUS_OK ? scrubbed : told;
}

enum status watch_trail_alarms(struct alarm_list *list, struct service *service, struct fault *fault)
{
    struct news news;
    char value[STORE_MARK_VALUE_SIZE];
    struct trail_doubted found;
    enum status status = STATUS_OK;
    if (halted(&news, value, service->trail)) {
        status = alarm_list_add(list, &news, news.since_utc_us, fault);
    }
    if (status == STATUS_OK && trail_doubted(&found, service->trail)) {
        corrupt(&news, value, &found);
        status = alarm_list_add(list, &news, news.since_utc_us, fault);
    }
    struct trail_repeated again[TRAIL_REPEATED_MAX];
    size_t count = trail_repeated_list(again, service->trail);
    if (status == STATUS_OK && count > 0) {
        repeated(&news, value, &again[count - 1]);
        status = alarm_list_add(list, &news, news.since_utc_us, fault);
    }
    return status;
}
