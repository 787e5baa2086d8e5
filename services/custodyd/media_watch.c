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

/* What is owed, and since when the trail has been told. */
struct owed {
    struct news news;
    char value[TIME_TEXT_SIZE + UUID_TEXT_SIZE]; /* of the news */
    int64_t seen_at_utc_us;
};

/* A page of what is owed: a transaction each. */
struct watching {
    struct service *service;
    struct name after;
    struct name next; /* the last one of this page */
    struct owed page[TOLD_AT_ONCE];
    size_t count;
};

/* The medium is the object; each value of what is owed is told once. */
static void medium_news(struct owed *owed, enum audit_action action, const struct name *serial, const char *what)
{
    struct news *news = &owed->news;
    *news =
        (struct news){.action = action, .object_type = RECORD_MEDIUM, .reason = STATUS_EXPIRED, .value = owed->value};
    (void)snprintf(news->subject, sizeof(news->subject), "medium/%s/%s", serial->text, what);
    (void)snprintf(news->object_id, sizeof(news->object_id), "%s", serial->text);
}

static enum status tell_overdue(struct owed *owed, struct service *service, struct store_tx *tx,
                                const struct store_medium *row, struct fault *fault)
{
    struct news *news = &owed->news;
    time_format(owed->value, row->inspection_due_utc_us);
    medium_news(owed, AUDIT_MEDIUM_OVERDUE, &row->serial, "inspection");
    news->since_utc_us = row->inspection_due_utc_us;
    news_fact(news, "custodian", row->custodian.text);
    news_fact(news, "due", owed->value);
    return news_tell_in(&owed->seen_at_utc_us, service, tx, news, fault);
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
        status = tell_overdue(&watching->page[i], watching->service, tx, &list.rows[i], fault);
    }
    watching->count = list.count;
    store_medium_list_free(&list);
    return status;
}

static enum status tell_unconfirmed(struct owed *owed, struct service *service, struct store_tx *tx,
                                    const struct store_medium_entry *row, struct fault *fault)
{
    char told[TIME_TEXT_SIZE];
    struct news *news = &owed->news;
    uuid_format(owed->value, &row->id);
    time_format(told, row->told_at_utc_us);
    medium_news(owed, AUDIT_MEDIUM_UNCONFIRMED, &row->serial, "entry");
    news->since_utc_us = row->told_at_utc_us + CONFIRM_WITHIN_US;
    news_fact(news, "entry", owed->value);
    news_fact(news, "act", row->act);
    news_fact(news, "told_by", row->told_by.text);
    news_fact(news, "told_at", told);
    news_fact(news, "second", row->second.text);
    return news_tell_in(&owed->seen_at_utc_us, service, tx, news, fault);
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
        status = tell_unconfirmed(&watching->page[i], watching->service, tx, &list.rows[i], fault);
    }
    watching->count = list.count;
    store_medium_entry_list_free(&list);
    return status;
}

static enum status watch_all(struct alarm_list *alarms, struct watching *watching,
                             enum status (*page_in)(struct store_tx *tx, void *context, struct fault *fault),
                             struct fault *fault)
{
    enum status status = STATUS_OK;
    watching->after = (struct name){{0}};
    watching->count = TOLD_AT_ONCE;
    while (status == STATUS_OK && watching->count == TOLD_AT_ONCE) {
        status = store_transact(watching->service->store, page_in, watching, fault);
        watching->after = watching->next;
        for (size_t i = 0; status == STATUS_OK && i < watching->count; i++) {
            status = alarm_list_add(alarms, &watching->page[i].news, watching->page[i].seen_at_utc_us, fault);
        }
    }
    return status;
}

enum status media_watch(struct alarm_list *alarms, struct service *service, struct fault *fault)
{
    struct watching *watching = calloc(1, sizeof(*watching));
    if (watching == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "media", "%s", "");
    }
    watching->service = service;
    enum status status = watch_all(alarms, watching, overdue_in, fault);
    if (status == STATUS_OK) {
        status = watch_all(alarms, watching, unconfirmed_in, fault);
    }
    free(watching);
    return status;
}
