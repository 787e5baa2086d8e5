/*
 * Reviews of key uses (custody audit review), signed by an auditor. The service judges no use of a key itself: it
 * holds the signature against the policy and the root against its trail, keeps the document for whoever goes on, and
 * misses the next one. Each begins where the last one ended or before, so no entry stays between two.
 */
#include "policy/review.h"

#include "reach.h"
#include "record.h"
#include "resources.h"
#include "store/document.h"

#define AHEAD_MAX_US 60000000LL
#define DAY_US (24LL * 3600 * 1000000)
#define REVIEWS_ID "trail" /* all of them are of one object */
#define LIST_MAX 100

struct handing {
    struct service *service;
    const struct http_request *request;
    struct review review;
    struct store_document row;
    struct trail_ticket ticket;
};

static struct reach reviews(const struct service *service)
{
    return (struct reach){.told = AUDIT_REVIEW_SIGNED,
                          .alarm = AUDIT_REVIEW_OVERDUE,
                          .object_id = "review",
                          .max_age_us = service->options.review_days * DAY_US};
}

/* Handing in. */

static enum status check_stretch(const struct handing *handing, struct fault *fault)
{
    const struct reach reach = reviews(handing->service);
    const struct review *review = &handing->review;
    uint64_t reviewed = 0;
    enum status status = reach_check_root(handing->service, review->size, &review->root, fault);
    if (status == STATUS_OK) {
        status = reach_read(&reviewed, handing->service, &reach, fault);
    }
    if (status == STATUS_OK && review->from > reviewed) {
        status = fault_set(fault, STATUS_CONFLICT, "from", "the last review ended at %llu: begin there or before",
                           (unsigned long long)reviewed);
    }
    if (status == STATUS_OK && review->to <= reviewed) {
        status = fault_set(fault, STATUS_CONFLICT, "to", "the last review ended at %llu: go on beyond it",
                           (unsigned long long)reviewed);
    }
    return status;
}

static enum status make_row(struct store_document *out, const struct signed_document *document, struct fault *fault)
{
    json_t *object = NULL;
    review_digest(&out->digest, document->document.data, document->document.len);
    enum status status = name_parse(&out->kind, REVIEW_KIND);
    if (status == STATUS_OK) {
        status = name_parse(&out->id, REVIEWS_ID);
    }
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, document, fault);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&out->bytes, object, SIGNED_TEXT_MAX, fault);
    }
    json_decref(object);
    return status;
}

static enum status read_review(struct handing *handing, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = http_body_signed(&document, handing->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = review_verify(&handing->review, &document, service_policy(handing->service), fault);
    }
    if (status == STATUS_OK && handing->review.reviewed_at > clock_utc_us(handing->service->clock) + AHEAD_MAX_US) {
        status = fault_set(fault, STATUS_NOT_READY, "reviewed_at", "is in the future");
    }
    if (status == STATUS_OK) {
        status = check_stretch(handing, fault);
    }
    if (status == STATUS_OK) {
        status = make_row(&handing->row, &document, fault);
    }
    signed_document_free(&document);
    return status;
}

static enum status add_facts(struct audit_event *event, const struct review *review, struct fault *fault)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"findings", (uint64_t)review->findings},
                   {"from", review->from},
                   {"size", review->to},
                   {"uses", (uint64_t)review->uses}};
    enum status status = audit_event_fact_add(event, "by", review->reviewer.text, fault);
    for (size_t i = 0; status == STATUS_OK && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)numbers[i].value);
        status = audit_event_fact_add(event, numbers[i].name, text, fault);
    }
    return status;
}

static enum status enter_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct handing *handing = context;
    struct audit_event event;
    record_by_caller(&event, handing->service, handing->request, AUDIT_REVIEW_SIGNED, AUDIT_OUTCOME_OK);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_REVIEW);
    digest_format(event.object_id, &handing->row.digest);
    enum status status = store_document_put(tx, &handing->row, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(&event, "review", &handing->row.digest, fault);
    }
    if (status == STATUS_OK) {
        status = add_facts(&event, &handing->review, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&handing->ticket, handing->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

enum status review_hand_in(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct handing handing = {.service = service, .request = request};
    char digest[DIGEST_HEX_LEN + 1];
    json_t *object = NULL;
    enum status status = read_review(&handing, fault);
    if (status == STATUS_OK) {
        status = store_transact(service->store, enter_in, &handing, fault);
    }
    if (status == STATUS_OK) {
        digest_format(digest, &handing.row.digest);
        object = json_pack("{s:s}", "digest", digest);
        status = object == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reply", "%s", "")
                                : record_receipt(service, &handing.ticket, object, fault);
    }
    store_document_wipe(&handing.row);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}

/* Showing. They prove themselves by their signatures; the service says nothing about them. */

static enum status show(json_t **out, const struct store_document *row, struct fault *fault)
{
    json_t *document = NULL;
    char digest[DIGEST_HEX_LEN + 1];
    digest_format(digest, &row->digest);
    enum status status = canon_parse(&document, row->bytes.data, row->bytes.len, SIGNED_TEXT_MAX, fault);
    if (status == STATUS_OK) {
        *out = json_pack("{s:s, s:o}", "digest", digest, "review", document);
        status = *out == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reviews", "%s", "") : STATUS_OK;
    }
    return status;
}

struct listing {
    int64_t limit;
    json_t *rows;
};

static enum status list_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct listing *listing = context;
    struct store_document_list list = {0};
    (void)json_array_clear(listing->rows);
    enum status status = store_document_list_of(&list, tx, REVIEW_KIND, REVIEWS_ID, (unsigned)listing->limit, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        json_t *row = NULL;
        status = show(&row, &list.rows[i], fault);
        if (status == STATUS_OK && json_array_append_new(listing->rows, row) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "reviews", "%s", "");
        }
    }
    store_document_list_free(&list);
    return status;
}

enum status review_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct listing listing = {.limit = LIST_MAX};
    enum status status = http_query_integer(&listing.limit, request, "limit", 1, LIST_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    listing.rows = json_array();
    status = store_transact(service->store, list_in, &listing, fault);
    if (status != STATUS_OK) {
        json_decref(listing.rows);
        return status;
    }
    return http_reply_json(reply, 200, json_pack("{s:o}", "reviews", listing.rows), fault);
}

struct reading {
    struct digest digest;
    struct store_document row;
};

static enum status read_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    store_document_wipe(&reading->row);
    return store_document_get(&reading->row, tx, REVIEW_KIND, REVIEWS_ID, &reading->digest, fault);
}

enum status review_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct reading reading = {.row = {.digest = {{0}}}};
    json_t *object = NULL;
    if (digest_parse(&reading.digest, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "digest", "64 lower-case hexadecimal digits");
    }
    enum status status = store_transact(service->store, read_in, &reading, fault);
    if (status == STATUS_OK) {
        status = show(&object, &reading.row, fault);
    }
    store_document_wipe(&reading.row);
    return status == STATUS_OK ? http_reply_json(reply, 200, object, fault) : status;
}

enum status watch_reviews(struct watch *watch, struct fault *fault)
{
    const struct reach reach = reviews(watch->service);
    return reach_watch(watch, &reach, fault);
}
