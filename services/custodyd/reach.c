/*
 * How far something reaches in the trail, read from the bytes of entries alone.
 */
#include "reach.h"

#include "audit/leaf.h"
#include "store/trail_read.h"
#include "trail_leaf.h"

#define NEWEST_MAX 16 /* entries that are looked at: one that is behind is not taken for all */

struct reaching {
    const struct reach *reach;
    uint64_t size;        /* entries that it has reached */
    int64_t waits_utc_us; /* time of the oldest entry that it has not; 0: there is none */
};

static uint64_t size_told(const struct store_leaf *row)
{
    struct audit_leaf leaf;
    struct audit_event event = {0};
    uint64_t size = 0;
    if (trail_leaf_is_true(row) && audit_leaf_parse(&leaf, row->raw.data, row->raw.len, NULL) == STATUS_OK &&
        audit_event_decode(&event, leaf.event, leaf.event_len, NULL) == STATUS_OK) {
        const char *text = audit_event_fact(&event, "size");
        size = text == NULL ? 0 : strtoull(text, NULL, 10);
    }
    audit_event_wipe(&event);
    return size;
}

static enum status size_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct reaching *reaching = context;
    struct store_leaf_list list = {0};
    const struct store_leaf_filter filter = {.act = audit_action_text(reaching->reach->told),
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_OK),
                                             .newest_first = true,
                                             .limit = NEWEST_MAX};
    reaching->size = 0;
    enum status status = store_leaf_list(&list, tx, &filter, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        uint64_t size = size_told(&list.rows[i]);
        reaching->size = size > reaching->size ? size : reaching->size;
    }
    store_leaf_list_free(&list);
    return status;
}

static enum status lag_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct reaching *reaching = context;
    struct store_leaf_list list = {0};
    reaching->waits_utc_us = 0;
    enum status status = size_in(tx, reaching, fault);
    const struct store_leaf_filter filter = {.from_seq = reaching->size, .limit = 1};
    if (status == STATUS_OK) {
        status = store_leaf_list(&list, tx, &filter, fault);
    }
    if (status == STATUS_OK && list.count > 0) {
        reaching->waits_utc_us = list.rows[0].ts_utc_us;
    }
    store_leaf_list_free(&list);
    return status;
}

enum status reach_read(uint64_t *out, struct service *service, const struct reach *reach, struct fault *fault)
{
    struct reaching reaching = {.reach = reach};
    enum status status = store_transact(service->reader, size_in, &reaching, fault);
    if (status == STATUS_OK) {
        *out = reaching.size;
    }
    return status;
}

enum status reach_check_root(struct service *service, uint64_t size, const struct digest *root, struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    struct audit_proof proof;
    enum status status = trail_checkpoint_newest(&newest, service->trail, fault);
    bytes_free(&newest.note);
    if (status == STATUS_OK && size > newest.checkpoint.size) {
        status = fault_set(fault, STATUS_MISMATCH, "size", "the trail has fewer entries");
    }
    if (status == STATUS_OK) {
        status = trail_prove_consistency(&proof, service->trail, size, newest.checkpoint.size, fault);
    }
    if (status == STATUS_OK && audit_consistency_verify(&proof, size, root, newest.checkpoint.size,
                                                        &newest.checkpoint.root, NULL) != STATUS_OK) {
        status = fault_set(fault, STATUS_MISMATCH, "root", "the trail had another root with so many entries");
    }
    return status;
}

enum status reach_watch(struct watch *watch, const struct reach *reach, struct fault *fault)
{
    struct service *service = watch->service;
    struct reaching reaching = {.reach = reach};
    char size[24];
    if (reach->max_age_us == 0) {
        return STATUS_OK;
    }
    enum status status = store_transact(service->reader, lag_in, &reaching, fault);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t age_us = reaching.waits_utc_us == 0 ? 0 : clock_utc_us(service->clock) - reaching.waits_utc_us;
    bool late = age_us > reach->max_age_us;
    struct news news = {.action = reach->alarm,
                        .object_type = "trail",
                        .calm = !late,
                        .reason = late ? STATUS_EXPIRED : STATUS_OK,
                        .since_utc_us = late ? reaching.waits_utc_us : 0,
                        .value = late ? "late" : "fresh"};
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", reach->object_id);
    (void)snprintf(news.subject, sizeof(news.subject), "trail/%s", reach->object_id);
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)reaching.size);
    news_fact(&news, "size", size);
    return watch_tell(watch, &news, fault);
}
