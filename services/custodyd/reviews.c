/*
 * Reviews of key uses (custody audit review), signed by an auditor. The service judges no use of a key itself: it
 * holds the signature against the policy and the root against its trail, keeps the document for whoever goes on, and
 * misses the next one. Each begins where the last one ended or before, so no entry stays between two. What is shown is
 * found by signed entries: rows that stand beside the reviews are nobody's.
 */
#include "policy/review.h"

#include "question.h"
#include "reach.h"
#include "record.h"
#include "resources.h"
#include "store/document.h"
#include "trail_named.h"

#define AHEAD_MAX_US 60000000LL
#define DAY_US (24LL * 3600 * 1000000)
#define REVIEWS_ID "trail" /* all of them are of one object */
#define LIST_MAX 100

struct handing {
    struct service *service;
    const struct http_request *request;
    const struct policy *policy; /* under which it is verified, now and by its entry */
    struct review review;
    struct store_document row;
    struct trail_ticket ticket;
    bool entered; /* it was handed in before, by entry `seq`; its row is gone */
    uint64_t seq;
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

static enum status verify_new(struct handing *handing, const struct signed_document *document, struct fault *fault)
{
    enum status status = review_verify(&handing->review, document, handing->policy, fault);
    if (status == STATUS_OK && handing->review.reviewed_at > clock_utc_us(handing->service->clock) + AHEAD_MAX_US) {
        status = fault_set(fault, STATUS_NOT_READY, "reviewed_at", "is in the future");
    }
    return status == STATUS_OK ? check_stretch(handing, fault) : status;
}

/* The signed entry by which a review was handed in. Out: *out_found. */
static enum status find_entry(bool *out_found, struct trail_named *out, const struct handing *handing,
                              struct fault *fault)
{
    const struct trail_naming naming = {AUDIT_REVIEW_SIGNED, AUDIT_OUTCOME_OK, REVIEW_KIND};
    char oid[DIGEST_HEX_LEN + 1];
    digest_format(oid, &handing->row.digest);
    struct trail_named_page page = {.search = {.filter = {.otype = RECORD_REVIEW, .oid = oid}}};
    enum status status = STATUS_OK;
    *out_found = false;
    while (status == STATUS_OK && !*out_found && !page.search.over) {
        status = trail_named_page(&page, handing->service->trail, &naming, fault);
        for (size_t i = 0; status == STATUS_OK && i < page.count && !*out_found; i++) {
            *out_found = digest_equal(&page.rows[i].digest, &handing->row.digest);
            *out = page.rows[i];
        }
    }
    return status;
}

struct missing {
    const struct store_document *row;
    bool gone;
};

static enum status missing_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct missing *missing = context;
    struct store_document there = {.bytes = {0}};
    struct fault why = {0};
    enum status status = store_document_get(&there, tx, REVIEW_KIND, REVIEWS_ID, &missing->row->digest, &why);
    missing->gone = status == STATUS_NOT_FOUND;
    store_document_wipe(&there);
    return missing->gone ? STATUS_OK : store_document_keep(tx, missing->row, fault);
}

/* One that the trail has and the database has not any more is taken as it was then. */
static enum status find_gone(struct handing *handing, const struct signed_document *document, struct fault *fault)
{
    struct missing missing = {.row = &handing->row};
    struct trail_named named = {.seq = 0};
    bool found = false;
    enum status status = find_entry(&found, &named, handing, fault);
    if (status == STATUS_OK && found) {
        status = store_transact(handing->service->store, missing_in, &missing, fault);
    }
    if (status != STATUS_OK || !missing.gone) {
        return status;
    }
    const struct policy *policy = service_policy_named(handing->service, &named.policy);
    if (policy == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "the version under which it was handed in is not known");
    }
    handing->policy = policy;
    handing->entered = true;
    handing->seq = named.seq;
    return review_verify(&handing->review, document, policy, fault);
}

static enum status read_review(struct handing *handing, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = http_body_signed(&document, handing->request, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = make_row(&handing->row, &document, fault);
    }
    if (status == STATUS_OK) {
        status = find_gone(handing, &document, fault);
    }
    if (status == STATUS_OK && !handing->entered) {
        status = verify_new(handing, &document, fault);
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
    if (handing->entered) {
        return store_document_keep(tx, &handing->row, fault);
    }
    record_by_caller(&event, handing->service, handing->request, AUDIT_REVIEW_SIGNED, AUDIT_OUTCOME_OK);
    event.policy = handing->policy->digest;
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_REVIEW);
    digest_format(event.object_id, &handing->row.digest);
    enum status status = store_document_keep(tx, &handing->row, fault);
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

/* For the entry by which it was handed in first, when that was before. */
static enum status give_receipt(struct handing *handing, json_t *reply_object, struct fault *fault)
{
    return handing->entered ? record_receipt_of(handing->service, handing->seq, reply_object, fault)
                            : record_receipt(handing->service, &handing->ticket, reply_object, fault);
}

enum status review_hand_in(struct service *service, const struct http_request *request, struct http_reply *reply,
                           struct fault *fault)
{
    struct handing handing = {.service = service, .request = request, .policy = service_policy(service)};
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
                                : give_receipt(&handing, object, fault);
    }
    store_document_wipe(&handing.row);
    if (status != STATUS_OK) {
        json_decref(object);
        return status;
    }
    return http_reply_json(reply, 201, object, fault);
}

/* Showing. They are found by the entries that name them, and prove themselves by their signatures. */

static enum status show(json_t **out, const struct digest *digest, const struct signed_document *review,
                        struct fault *fault)
{
    json_t *document = NULL;
    char text[DIGEST_HEX_LEN + 1];
    digest_format(text, digest);
    enum status status = signed_document_encode(&document, review, fault);
    if (status == STATUS_OK) {
        *out = json_pack("{s:s, s:o}", "digest", text, "review", document);
        status = *out == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reviews", "%s", "") : STATUS_OK;
    }
    return status;
}

/* What the row holds is the document with this digest: STATUS_MISMATCH. Out: signed_document_free. */
static enum status parse_row(struct signed_document *out, const struct store_document *row, struct fault *fault)
{
    struct signed_document document = {0};
    struct digest digest;
    enum status status = signed_document_parse(&document, row->bytes.data, row->bytes.len, REVIEW_KIND, fault);
    if (status != STATUS_OK) {
        return status;
    }
    review_digest(&digest, document.document.data, document.document.len);
    if (!digest_equal(&digest, &row->digest)) {
        signed_document_free(&document);
        return fault_set(fault, STATUS_MISMATCH, "digest", "the row is of another review");
    }
    *out = document;
    return STATUS_OK;
}

/* As it was when it was handed in: under the version that was in force then. */
static enum status verify_row(struct signed_document *out, const struct service *service,
                              const struct trail_named *named, const struct store_document *row, struct fault *fault)
{
    struct signed_document document = {0};
    struct review review;
    const struct policy *policy = service_policy_named(service, &named->policy);
    enum status status = parse_row(&document, row, fault);
    if (status == STATUS_OK) {
        status = policy == NULL ? fault_set(fault, STATUS_MISMATCH, "policy", "%s", "")
                                : review_verify(&review, &document, policy, fault);
    }
    if (status != STATUS_OK) {
        signed_document_free(&document);
        return status;
    }
    *out = document;
    return STATUS_OK;
}

struct listing {
    struct service *service;
    int64_t limit;
    struct trail_named_page page;
    json_t *rows;
    json_t *unfit;     /* entries whose review is not there as it was handed in, at most LIST_MAX */
    size_t rows_kept;  /* of the pages before */
    size_t unfit_kept; /* the same */
};

static bool is_full(const struct listing *listing)
{
    return json_array_size(listing->rows) >= (size_t)listing->limit || json_array_size(listing->unfit) >= LIST_MAX;
}

static enum status add(json_t *array, json_t *value, struct fault *fault)
{
    return json_array_append_new(array, value) == 0 ? STATUS_OK
                                                    : fault_set(fault, STATUS_NO_MEMORY, "reviews", "%s", "");
}

static enum status add_unfit(struct listing *listing, const struct trail_named *named, enum status reason,
                             struct fault *fault)
{
    char digest[DIGEST_HEX_LEN + 1];
    digest_format(digest, &named->digest);
    return add(listing->unfit,
               json_pack("{s:s, s:I, s:s}", "digest", digest, "entry", (json_int_t)named->seq, "reason",
                         status_info(reason)->code),
               fault);
}

static enum status list_named(struct listing *listing, const struct store_tx *tx, const struct trail_named *named,
                              struct fault *fault)
{
    struct store_document row = {.bytes = {0}};
    struct signed_document review = {0};
    struct fault why = {0};
    json_t *view = NULL;
    enum status status = store_document_get(&row, tx, REVIEW_KIND, REVIEWS_ID, &named->digest, &why);
    if (status == STATUS_NOT_FOUND) {
        return add_unfit(listing, named, status, fault);
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = verify_row(&review, listing->service, named, &row, NULL);
    store_document_wipe(&row);
    if (status != STATUS_OK) {
        return add_unfit(listing, named, status, fault);
    }
    status = show(&view, &named->digest, &review, fault);
    signed_document_free(&review);
    return status == STATUS_OK ? add(listing->rows, view, fault) : status;
}

static void cut(json_t *array, size_t count)
{
    while (json_array_size(array) > count) {
        (void)json_array_remove(array, count);
    }
}

static enum status list_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct listing *listing = context;
    enum status status = STATUS_OK;
    cut(listing->rows, listing->rows_kept);
    cut(listing->unfit, listing->unfit_kept);
    for (size_t i = 0; status == STATUS_OK && i < listing->page.count && !is_full(listing); i++) {
        status = list_named(listing, tx, &listing->page.rows[i], fault);
    }
    return status;
}

static enum status list_pages(struct listing *listing, struct fault *fault)
{
    const struct trail_naming naming = {AUDIT_REVIEW_SIGNED, AUDIT_OUTCOME_OK, REVIEW_KIND};
    enum status status = STATUS_OK;
    do {
        listing->rows_kept = json_array_size(listing->rows);
        listing->unfit_kept = json_array_size(listing->unfit);
        status = trail_named_page(&listing->page, listing->service->trail, &naming, fault);
        if (status == STATUS_OK) {
            status = store_read(listing->service->store, list_in, listing, fault);
        }
    } while (status == STATUS_OK && !listing->page.search.over && !is_full(listing));
    return status;
}

enum status review_list(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct listing listing = {.service = service, .limit = LIST_MAX};
    json_t *corrupt = NULL;
    json_t *view = NULL;
    enum status status = http_query_integer(&listing.limit, request, "limit", 1, LIST_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    listing.rows = json_array();
    listing.unfit = json_array();
    status = list_pages(&listing, fault);
    status = status == STATUS_OK ? trail_corrupt_view(&corrupt, service, fault) : status;
    if (status == STATUS_OK) {
        view = json_pack("{s:s, s:O, s:O, s:O*}", "log", service->options.origin, "reviews", listing.rows, "unfit",
                         listing.unfit, "corrupt", corrupt);
        status = view == NULL ? fault_set(fault, STATUS_NO_MEMORY, "reviews", "%s", "") : STATUS_OK;
    }
    json_decref(corrupt);
    json_decref(listing.rows);
    json_decref(listing.unfit);
    return status == STATUS_OK ? http_reply_json(reply, 200, view, fault) : status;
}

struct reading {
    struct digest digest;
    struct store_document row;
};

static enum status read_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    store_document_wipe(&reading->row);
    return store_document_get(&reading->row, tx, REVIEW_KIND, REVIEWS_ID, &reading->digest, fault);
}

enum status review_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct reading reading = {.row = {.digest = {{0}}}};
    struct signed_document review = {0};
    json_t *object = NULL;
    if (digest_parse(&reading.digest, request->parameters[0]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "digest", "64 lower-case hexadecimal digits");
    }
    enum status status = store_read(service->store, read_in, &reading, fault);
    if (status == STATUS_OK && parse_row(&review, &reading.row, NULL) != STATUS_OK) {
        status = fault_set(fault, STATUS_CORRUPT, "digest", "what is stored is another review, or none");
    }
    if (status == STATUS_OK) {
        status = show(&object, &reading.digest, &review, fault);
    }
    signed_document_free(&review);
    store_document_wipe(&reading.row);
    return status == STATUS_OK ? http_reply_json(reply, 200, object, fault) : status;
}

enum status watch_reviews(struct watch *watch, struct fault *fault)
{
    const struct reach reach = reviews(watch->service);
    return reach_watch(watch, &reach, fault);
}
