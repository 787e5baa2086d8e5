/*
 * What the media ledger owes: inspections that were missed, entries that the second person has not confirmed in time.
 * Each is told once, and stays an alarm until somebody has done what was due.
 */
#include "media.h"

#include "news.h"
#include "record.h"
#include "store/medium_entry.h"

#define TOLD_AT_ONCE 16 /* a transaction takes no more entries of the trail (store_tx_on_end) */
#define CONFIRM_WITHIN_US (24LL * 3600 * 1000000) /* then an entry that one person told is an alarm */

/* A page of what is owed: a transaction each. */
struct watching {
    struct service *service;
    struct name after;
    struct name next; /* the last one of this page */
    size_t count;     /* in this page */
};

/* The medium is the object; each `value` of what is owed is told once. */
static void medium_news(struct news *news, const struct name *serial, const char *what, const char *value)
{
    news->object_type = RECORD_MEDIUM;
    news->reason = STATUS_EXPIRED;
    news->value = value;
    (void)snprintf(news->subject, sizeof(news->subject), "medium/%s/%s", serial->text, what);
    (void)snprintf(news->object_id, sizeof(news->object_id), "%s", serial->text);
}

static enum status tell_overdue(struct service *service, struct store_tx *tx, const struct store_medium *row,
                                struct fault *fault)
{
    char due[TIME_TEXT_SIZE];
    struct news news = {.action = AUDIT_MEDIUM_OVERDUE};
    time_format(due, row->inspection_due_utc_us);
    medium_news(&news, &row->serial, "inspection", due);
    news_fact(&news, "due", due);
    return news_tell_in(service, tx, &news, fault);
}

static enum status overdue_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct watching *watching = context;
    struct store_medium_list list = {0};
    enum status status = store_medium_list_overdue(&list, tx, clock_utc_us(watching->service->clock),
                                                   watching->after.text, TOLD_AT_ONCE, fault);
    watching->next = watching->after;
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        watching->next = list.rows[i].serial;
        status = tell_overdue(watching->service, tx, &list.rows[i], fault);
    }
    watching->count = list.count;
    store_medium_list_free(&list);
    return status;
}

static enum status tell_unconfirmed(struct service *service, struct store_tx *tx, const struct store_medium_entry *row,
                                    struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    char told[TIME_TEXT_SIZE];
    struct news news = {.action = AUDIT_MEDIUM_UNCONFIRMED};
    uuid_format(id, &row->id);
    time_format(told, row->told_at_utc_us);
    medium_news(&news, &row->serial, "entry", id);
    news_fact(&news, "entry", id);
    news_fact(&news, "act", row->act);
    news_fact(&news, "told_by", row->told_by.text);
    news_fact(&news, "told_at", told);
    news_fact(&news, "second", row->second.text);
    return news_tell_in(service, tx, &news, fault);
}

static enum status unconfirmed_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct watching *watching = context;
    struct store_medium_entry_list list = {0};
    int64_t told_until = clock_utc_us(watching->service->clock) - CONFIRM_WITHIN_US;
    enum status status = store_medium_entry_list_open(&list, tx, told_until, watching->after.text, TOLD_AT_ONCE, fault);
    watching->next = watching->after;
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        watching->next = list.rows[i].serial;
        status = tell_unconfirmed(watching->service, tx, &list.rows[i], fault);
    }
    watching->count = list.count;
    store_medium_entry_list_free(&list);
    return status;
}

static enum status watch_all(unsigned *inout_alarms, struct service *service,
                             enum status (*page_in)(struct store_tx *tx, void *context, struct fault *fault),
                             struct fault *fault)
{
    struct watching watching = {.service = service, .count = TOLD_AT_ONCE};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && watching.count == TOLD_AT_ONCE) {
        status = store_transact(service->store, page_in, &watching, fault);
        watching.after = watching.next;
        *inout_alarms += status == STATUS_OK ? (unsigned)watching.count : 0;
    }
    return status;
}

enum status media_watch(unsigned *inout_alarms, struct service *service, struct fault *fault)
{
    enum status status = watch_all(inout_alarms, service, overdue_in, fault);
    return status == STATUS_OK ? watch_all(inout_alarms, service, unconfirmed_in, fault) : status;
}
