/*
 * What is wrong with the trail itself: that it has halted, and a row that is not the entry that was signed. Neither
 * alarm waits for a look of the watcher or for an entry, since the trail may take none; the entry is for later.
 */
#include "trail_scrub.h"
#include "trail_signed.h"
#include "watch_core.h"

/* Of 256 rows, in each look: with the default of `watch`, ten million entries in eleven hours. */
#define SCRUB_TILES 2

#define OBJECT_TYPE "trail"

/* When it was found makes each one news, also the same again after a restart. */
static void found_at(struct news *news, char value[TIME_TEXT_SIZE], int64_t at_utc_us)
{
    time_format(value, at_utc_us);
    news->value = value;
    news->since_utc_us = at_utc_us;
}

static bool halted(struct news *out, char value[TIME_TEXT_SIZE], struct trail *trail)
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

static bool corrupt(struct news *out, char value[TIME_TEXT_SIZE], struct trail *trail)
{
    char entry[TRAIL_DOUBTED_SIZE];
    uint64_t seq = 0;
    int64_t at_utc_us = 0;
    if (!trail_doubted(&seq, &at_utc_us, trail)) {
        return false;
    }
    *out = (struct news){.action = AUDIT_TRAIL_CORRUPT,
                         .object_type = OBJECT_TYPE,
                         .object_id = "entry",
                         .subject = "trail/entry",
                         .reason = STATUS_CORRUPT};
    found_at(out, value, at_utc_us);
    trail_doubted_format(entry, seq);
    news_fact(out, "entry", entry);
    return true;
}

static bool (*const troubles[])(struct news *out, char value[TIME_TEXT_SIZE], struct trail *trail) = {halted, corrupt};

void watch_trail_start(struct watch *watch)
{
    const struct uuid boot = trail_boot(watch->service->trail);
    memcpy(&watch->scrubbed, boot.bytes16 + sizeof(boot.bytes16) - sizeof(watch->scrubbed), sizeof(watch->scrubbed));
}

static enum status tell_troubles(struct watch *watch, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        struct news news;
        char value[TIME_TEXT_SIZE];
        if (troubles[i](&news, value, watch->service->trail)) {
            status = watch_tell_past(watch, &news, fault);
        }
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
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        struct news news;
        char value[TIME_TEXT_SIZE];
        if (troubles[i](&news, value, service->trail)) {
            status = alarm_list_add(list, &news, news.since_utc_us, fault);
        }
    }
    return status;
}
