/*
 * Telling news: mark and entry are one transaction.
 */
#include "news.h"

#include "record.h"
#include "trail_leaf.h"
#include "trail_signed.h"

#define ON_ITS_WAY_US 10000000

void news_fact(struct news *news, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }
    INVARIANT(news->fact_count < NEWS_FACTS_MAX);
    news->fact_names[news->fact_count] = name;
    (void)snprintf(news->fact_values[news->fact_count], AUDIT_FACT_MAX, "%s", value);
    for (char *at = news->fact_values[news->fact_count]; *at != '\0'; at++) {
        *at = *at <= ' ' || *at > '~' ? '_' : *at; /* a fact is a machine value; labels of tokens may have blanks */
    }
    news->fact_count++;
}

void news_ref(struct news *news, const char *name, const struct digest *digest)
{
    if (digest_is_zero(digest)) {
        return;
    }
    INVARIANT(news->ref_count < NEWS_FACTS_MAX);
    news->ref_names[news->ref_count] = name;
    news->refs[news->ref_count++] = *digest;
}

static enum status fill(struct audit_event *event, const struct news *news, struct fault *fault)
{
    enum status status = STATUS_OK;
    (void)snprintf(event->object_type, sizeof(event->object_type), "%s", news->object_type);
    memcpy(event->object_id, news->object_id, sizeof(event->object_id));
    if (news->reason != STATUS_OK) {
        record_reason(event, news->reason);
    }
    for (size_t i = 0; status == STATUS_OK && i < news->fact_count; i++) {
        status = audit_event_fact_add(event, news->fact_names[i], news->fact_values[i], fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < news->ref_count; i++) {
        status = audit_event_ref_add(event, news->ref_names[i], &news->refs[i], fault);
    }
    return status;
}

/* Of two that set the same value at once, one does not see since when it is there, unless it looks again. */
static enum status set_mark(struct store_mark *out, struct store_tx *tx, const struct news *news, struct fault *fault)
{
    char there[STORE_MARK_VALUE_SIZE] = "";
    enum status status = STATUS_OK;
    if (news->once) {
        struct fault why = {0};
        status = store_mark_get(there, tx, news->subject, &why);
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
        if (status != STATUS_OK) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
    }
    const char *value = there[0] == '\0' ? news->value : there;
    const char *lasting = news->lasting == NULL ? "" : news->lasting;
    status = store_mark_set_unless(out, tx, news->subject, value, lasting, fault);
    if (status == STATUS_OK && !out->changed && strcmp(out->previous, value) != 0) {
        status = store_mark_set_unless(out, tx, news->subject, value, lasting, fault);
    }
    return status;
}

enum status news_tell_in(int64_t *out_seen_at_utc_us, struct service *service, struct store_tx *tx,
                         const struct news *news, struct fault *fault)
{
    struct store_mark mark = {0};
    enum status status = set_mark(&mark, tx, news, fault);
    if (status == STATUS_OK && out_seen_at_utc_us != NULL) {
        *out_seen_at_utc_us = mark.changed_at_utc_us;
    }
    bool kept = news->lasting != NULL && strcmp(mark.previous, news->lasting) == 0;
    bool changed = mark.changed && !(news->calm && mark.previous[0] == '\0');
    bool enter = status == STATUS_OK && ((news->anyway && !kept) || changed);
    if (!enter) {
        return status;
    }
    struct audit_event event;
    struct trail_ticket ticket;
    record_by_service(&event, service, &news->correlation, news->action,
                      news->reason == STATUS_OK ? AUDIT_OUTCOME_OK : AUDIT_OUTCOME_ERROR);
    status = fill(&event, news, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

struct telling {
    struct service *service;
    const struct news *news;
    int64_t seen_at_utc_us;
};

static enum status telling_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct telling *telling = context;
    return news_tell_in(&telling->seen_at_utc_us, telling->service, tx, telling->news, fault);
}

enum status news_tell(int64_t *out_seen_at_utc_us, struct service *service, const struct news *news,
                      struct fault *fault)
{
    struct telling telling = {.service = service, .news = news};
    enum status status = store_transact(service->store, telling_in, &telling, fault);
    if (status == STATUS_OK && out_seen_at_utc_us != NULL) {
        *out_seen_at_utc_us = telling.seen_at_utc_us;
    }
    return status;
}

void news_telling_now(struct news_telling *out, const struct service *service)
{
    out->at_us = clock_monotonic_us(service->clock);
    out->at_utc_us = clock_utc_us(service->clock);
}

bool news_is_lost(const struct news_telling *last, const struct service *service)
{
    return last->at_us != 0 && clock_monotonic_us(service->clock) - last->at_us >= ON_ITS_WAY_US &&
           trail_signed_reached(service->trail, last->at_utc_us + ON_ITS_WAY_US);
}

/* What cannot be read tells nothing; what could not be is no answer. */
static enum status has_facts(bool *out, const struct store_leaf *entry, const struct news *news, struct fault *fault)
{
    struct audit_event event = {0};
    enum status status = trail_leaf_event(&event, entry, NULL);
    bool has = status == STATUS_OK;
    for (size_t i = 0; has && i < news->fact_count; i++) {
        const char *value = audit_event_fact(&event, news->fact_names[i]);
        has = value != NULL && strcmp(value, news->fact_values[i]) == 0;
    }
    audit_event_wipe(&event);
    *out = *out || has;
    return status == STATUS_NO_MEMORY ? fault_set(fault, status, "trail", "%s", "") : STATUS_OK;
}

enum status news_is_told(bool *out, const struct service *service, const struct news *news, struct fault *fault)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter filter = {
        .act = audit_action_text(news->action), .otype = news->object_type, .oid = news->object_id};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    *out = false;
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        status = has_facts(out, &list.rows[i], news, fault);
    }
    store_leaf_list_free(&list);
    return status;
}
