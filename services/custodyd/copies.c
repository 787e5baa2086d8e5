/*
 * Copies of the trail on other hosts (custody audit copy). Who has one says so here, and how far it reaches stands in
 * the trail and nowhere else; where there is a limit, an entry that no copy has for too long is an alarm.
 */
#include "base/canon.h"
#include "record.h"
#include "resources.h"
#include "store/trail_read.h"
#include "trail_leaf.h"
#include "watch_core.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define COPIERS_MAX 16 /* newest entries of copiers that are looked at: one that is behind is not taken for all */

/* Telling. */

struct copied {
    int64_t size;
    struct digest root;
};

static const struct canon_field copied_fields[] = {
    CANON_FIELD(struct copied, root, CANON_HASH),
    CANON_FIELD_RANGE(struct copied, size, CANON_INTEGER, 1, CANON_INTEGER_MAX),
};

struct telling {
    struct service *service;
    const struct http_request *request;
    struct copied copied;
    struct trail_ticket ticket;
};

/* The checkpoint that was copied must be one of this trail: the newest one extends it. */
static enum status check_copied(const struct telling *telling, struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    struct audit_proof proof;
    uint64_t size = (uint64_t)telling->copied.size;
    enum status status = trail_checkpoint_newest(&newest, telling->service->trail, fault);
    bytes_free(&newest.note);
    if (status == STATUS_OK && size > newest.checkpoint.size) {
        status = fault_set(fault, STATUS_MISMATCH, "size", "the trail has fewer entries");
    }
    if (status == STATUS_OK) {
        status = trail_prove_consistency(&proof, telling->service->trail, size, newest.checkpoint.size, fault);
    }
    if (status == STATUS_OK && audit_consistency_verify(&proof, size, &telling->copied.root, newest.checkpoint.size,
                                                        &newest.checkpoint.root, NULL) != STATUS_OK) {
        status = fault_set(fault, STATUS_MISMATCH, "root", "the trail had another root with so many entries");
    }
    return status;
}

static enum status enter_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct telling *telling = context;
    struct audit_event event;
    char size[24];
    (void)snprintf(size, sizeof(size), "%lld", (long long)telling->copied.size);
    record_by_caller(&event, telling->service, telling->request, AUDIT_TRAIL_COPIED, AUDIT_OUTCOME_OK);
    enum status status = audit_event_fact_add(&event, "size", size, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(&event, "root", &telling->copied.root, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&telling->ticket, telling->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status read_copied(struct copied *out, const struct http_request *request, struct fault *fault)
{
    json_t *body = NULL;
    enum status status = http_body_object(&body, request, fault);
    if (status == STATUS_OK) {
        status = canon_decode(out, sizeof(*out), body, copied_fields, COUNT(copied_fields), "", fault);
        json_decref(body);
    }
    return status;
}

enum status trail_copy_tell(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    struct telling telling = {.service = service, .request = request};
    enum status status = read_copied(&telling.copied, request, fault);
    if (status == STATUS_OK) {
        status = check_copied(&telling, fault);
    }
    if (status == STATUS_OK) {
        status = store_transact(service->store, enter_in, &telling, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *object = json_pack("{s:I}", "size", (json_int_t)telling.copied.size);
    status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                            : record_receipt(service, &telling.ticket, object, fault);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}

/* Watching. */

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

struct lag {
    uint64_t size;        /* entries that a copy has */
    int64_t waits_utc_us; /* time of the oldest entry that none has; 0: there is none */
};

static enum status copied_in(struct lag *lag, struct store_tx *tx, struct fault *fault)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_TRAIL_COPIED),
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_OK),
                                             .newest_first = true,
                                             .limit = COPIERS_MAX};
    enum status status = store_leaf_list(&list, tx, &filter, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        uint64_t size = size_told(&list.rows[i]);
        lag->size = size > lag->size ? size : lag->size;
    }
    store_leaf_list_free(&list);
    return status;
}

static enum status lag_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct lag *lag = context;
    struct store_leaf_list list = {0};
    *lag = (struct lag){0};
    enum status status = copied_in(lag, tx, fault);
    const struct store_leaf_filter filter = {.from_seq = lag->size, .limit = 1};
    if (status == STATUS_OK) {
        status = store_leaf_list(&list, tx, &filter, fault);
    }
    if (status == STATUS_OK && list.count > 0) {
        lag->waits_utc_us = list.rows[0].ts_utc_us;
    }
    store_leaf_list_free(&list);
    return status;
}

enum status watch_trail_copies(struct watch *watch, struct fault *fault)
{
    struct service *service = watch->service;
    struct lag lag;
    char size[24];
    if (service->options.copy_max_age_s == 0) {
        return STATUS_OK;
    }
    enum status status = store_transact(service->reader, lag_in, &lag, fault);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t age_us = lag.waits_utc_us == 0 ? 0 : clock_utc_us(service->clock) - lag.waits_utc_us;
    bool late = age_us > service->options.copy_max_age_s * 1000000;
    struct news news = {.action = AUDIT_COPY_LAG,
                        .object_type = "trail",
                        .object_id = "copy",
                        .calm = !late,
                        .reason = late ? STATUS_EXPIRED : STATUS_OK,
                        .since_utc_us = late ? lag.waits_utc_us : 0,
                        .value = late ? "late" : "fresh"};
    (void)snprintf(news.subject, sizeof(news.subject), "trail/copy");
    (void)snprintf(size, sizeof(size), "%llu", (unsigned long long)lag.size);
    news_fact(&news, "size", size);
    return watch_tell(watch, &news, fault);
}
