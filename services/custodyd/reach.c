/*
 * How far something reaches in the trail, read from the bytes of signed entries alone.
 */
#include "reach.h"

#include "trail_leaf.h"
#include "trail_signed.h"

#define PAGE 8

/*
 * How far an entry says that it reaches. Not further than the trail went when it was put in: another one is not of this
 * service.
 */
static uint64_t size_told(const struct store_leaf *row)
{
    struct audit_event event = {0};
    uint64_t size = 0;
    if (trail_leaf_event(&event, row, NULL) == STATUS_OK) {
        const char *text = audit_event_fact(&event, "size");
        size = text == NULL ? 0 : strtoull(text, NULL, 10);
    }
    audit_event_wipe(&event);
    return size <= row->seq ? size : 0;
}

/* Its greatest, when that is more than *inout_size. */
static enum status read_page(uint64_t *inout_size, struct trail_search *search, struct service *service,
                             struct fault *fault)
{
    struct store_leaf_list list = {0};
    enum status status = trail_signed_next(&list, service->trail, search, fault);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < list.count; i++) {
        uint64_t size = size_told(&list.rows[i]);
        *inout_size = size > *inout_size ? size : *inout_size;
    }
    store_leaf_list_free(&list);
    return STATUS_OK;
}

/* An entry says no more than its own number, so the search ends where older ones cannot say more. */
enum status reach_read(uint64_t *out, struct service *service, const struct reach *reach, struct fault *fault)
{
    uint64_t size = 0;
    struct trail_search search = {.filter = {.actor = reach->actor,
                                             .act = audit_action_text(reach->told),
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_OK),
                                             .newest_first = true,
                                             .limit = PAGE}};
    enum status status = STATUS_OK;
    do {
        status = read_page(&size, &search, service, fault);
    } while (status == STATUS_OK && !search.over && size < search.filter.to_seq);
    if (status == STATUS_OK) {
        *out = size;
    }
    return status;
}

/* The time of the oldest entry that is not reached, 0 when there is none. One that is not what was signed waits long.
 */
static enum status read_waiting(int64_t *out_utc_us, struct service *service, uint64_t size, int64_t long_us,
                                struct fault *fault)
{
    struct store_leaf_list list = {0};
    size_t left_out = 0;
    const struct store_leaf_filter filter = {.from_seq = size, .limit = 1};
    enum status status = trail_signed_list(&list, &left_out, service->trail, &filter, fault);
    if (status == STATUS_OK) {
        *out_utc_us = list.count > 0 ? list.rows[0].ts_utc_us
                      : left_out > 0 ? clock_utc_us(service->clock) - long_us
                                     : 0;
    }
    store_leaf_list_free(&list);
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
    struct fault why = {0};
    uint64_t reached = 0;
    int64_t waits_utc_us = 0;
    char size[24];
    if (reach->max_age_us == 0) {
        return STATUS_OK;
    }
    enum status status = reach_read(&reached, service, reach, &why);
    if (status == STATUS_CORRUPT) { /* too many rows are edited: none is reached for certain */
        fault_clear(&why);
        status = STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = read_waiting(&waits_utc_us, service, reached, reach->max_age_us + 1, &why);
    }
    if (status == STATUS_NOT_READY) {
        return STATUS_OK; /* no entry is signed yet, or known here to be */
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    struct trail_doubted doubted;
    bool late = waits_utc_us != 0 && clock_utc_us(service->clock) - waits_utc_us > reach->max_age_us;
    bool unknown = late && trail_doubted(&doubted, service->trail); /* one of those may say how far it reaches */
    struct news news = {.action = reach->alarm,
                        .object_type = "trail",
                        .calm = !late,
                        .reason = unknown ? STATUS_CORRUPT
                                  : late  ? STATUS_EXPIRED
                                          : STATUS_OK,
                        .since_utc_us = late ? waits_utc_us + reach->max_age_us : 0,
                        .value = unknown ? "unknown"
                                 : late  ? "late"
                                         : "fresh"};
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", reach->object_id);
    (void)snprintf(news.subject, sizeof(news.subject), "trail/%s", reach->object_id);
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)reached);
    news_fact(&news, "size", size);
    return watch_tell(watch, &news, fault);
}
