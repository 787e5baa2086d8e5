/*
 * The export of the entries that meet a question: each with the proof that it is under one checkpoint (docs/formats.md
 * section 4). It is sent as it is read, a page at a time, and has no end but that of what was found. That nothing was
 * left out it does not prove: for that there is the whole export. As CSV it has no room for proofs, which each row
 * then gets by its number. A row that is not what was signed says so.
 */
#include "csv.h"
#include "question.h"
#include "record.h"
#include "resources.h"
#include "service.h"
#include "trail_kept.h"
#include "values.h"
#include "witnesses.h"

#define PAGE 500

struct extract {
    struct service *service;
    struct trail_question question;
    struct trail_checkpoint checkpoint;
    uint64_t first; /* older entries are in the archive, the head says */
    bool csv;
    bool finished;
    struct bytes lines; /* made and not yet sent */
    size_t sent;
};

static void extract_free(void *context)
{
    struct extract *extract = context;
    bytes_free(&extract->checkpoint.note);
    bytes_free(&extract->lines);
    free(extract);
}

static const char *const csv_columns[] = {"seq",    "ts",          "actor",   "act", "outcome", "otype",
                                          "oid",    "ord",         "corr",    "key", "wallet",  "asset",
                                          "amount", "destination", "version", "lh",  "raw",     "doubt"};

static struct trail_extent extent_of(const struct extract *extract)
{
    return (struct trail_extent){.signed_to = extract->checkpoint.checkpoint};
}

/* With its hash. Out: one reference. */
static enum status view_row(json_t **out, struct extract *extract, const struct store_leaf *leaf, struct fault *fault)
{
    const struct trail_extent extent = extent_of(extract);
    char lh[DIGEST_HEX_LEN + 1];
    json_t *view = NULL;
    enum status status = trail_row_view(&view, extract->service, &extent, leaf, fault);
    digest_format(lh, &leaf->lh);
    if (status == STATUS_OK && json_object_set_new(view, "lh", json_string(lh)) != 0) {
        json_decref(view);
        return fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    }
    *out = view;
    return status;
}

static enum status add_proof(json_t *view, struct extract *extract, uint64_t seq, struct fault *fault)
{
    struct audit_proof proof;
    enum status status =
        trail_prove_inclusion(&proof, extract->service->trail, seq, &extract->checkpoint.checkpoint, fault);
    return status != STATUS_OK || json_object_set_new(view, "proof", value_hashes(&proof)) == 0
               ? status
               : fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
}

static enum status append_row(struct buffer *buffer, struct extract *extract, const struct store_leaf *leaf,
                              struct fault *fault)
{
    json_t *view = NULL;
    enum status status = view_row(&view, extract, leaf, fault);
    if (status == STATUS_OK && extract->csv) {
        csv_append(buffer, csv_columns, sizeof(csv_columns) / sizeof(csv_columns[0]), view);
    } else if (status == STATUS_OK) {
        status = add_proof(view, extract, leaf->seq, fault);
    }
    if (status == STATUS_OK && !extract->csv) {
        return value_append_line(buffer, view, fault); /* takes it over */
    }
    json_decref(view);
    return status;
}

/* Each page has a snapshot of its own: what is under the checkpoint does not change. */
static enum status read_page(struct store_trail_page *out, struct extract *extract, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, extract->service->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_trail_page(out, tx, &extract->question.query, fault);
        store_rollback(tx);
    }
    const struct trail_extent extent = extent_of(extract);
    return status == STATUS_OK
               ? trail_bounds_check(extract->service->trail, &extent, &extract->question.query, out, fault)
               : status;
}

static enum status append_page(struct buffer *buffer, struct extract *extract, struct fault *fault)
{
    struct store_trail_page page = {0};
    struct trail_question *question = &extract->question;
    enum status status = read_page(&page, extract, fault);
    for (size_t i = 0; status == STATUS_OK && i < page.count; i++) {
        status = append_row(buffer, extract, &page.rows[i], fault);
    }
    extract->finished = page.next[0] == '\0';
    (void)snprintf(question->cursor, sizeof(question->cursor), "%s", page.next);
    question->query.cursor = question->cursor;
    store_trail_page_free(&page);
    status = status == STATUS_OK ? trail_kept_check(extract->first, extract->service->reader, fault) : status;
    if (status == STATUS_OK && extract->finished && !extract->csv) {
        status =
            value_append_line(buffer, json_pack("{s:o}", "checkpoint", value_base64(&extract->checkpoint.note)), fault);
    }
    return status;
}

static enum status extract_read(void *context, char *out, size_t max, size_t *out_len, struct fault *fault)
{
    struct extract *extract = context;
    while (extract->sent == extract->lines.len && !extract->finished) {
        struct buffer buffer;
        buffer_init(&buffer);
        enum status status = append_page(&buffer, extract, fault);
        if (status != STATUS_OK) {
            buffer_free(&buffer);
            return status;
        }
        bytes_free(&extract->lines);
        extract->sent = 0;
        status = buffer_finish(&extract->lines, &buffer);
        if (status != STATUS_OK) {
            return status;
        }
    }
    size_t left = extract->lines.len - extract->sent;
    *out_len = left < max ? left : max;
    if (*out_len > 0) {
        memcpy(out, extract->lines.data + extract->sent, *out_len);
        extract->sent += *out_len;
    }
    return STATUS_OK;
}

static bool note_filter(void *context, const char *key, const char *value)
{
    json_t *query = context;
    return json_object_set_new(query, key, json_string(value == NULL ? "" : value)) == 0;
}

static enum status extract_head(struct extract *extract, const struct http_request *request, struct fault *fault)
{
    struct buffer buffer;
    buffer_init(&buffer);
    enum status status = trail_kept_from(&extract->first, extract->service->reader, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (extract->csv) {
        csv_append(&buffer, csv_columns, sizeof(csv_columns) / sizeof(csv_columns[0]), NULL);
        return buffer_finish(&extract->lines, &buffer);
    }
    json_t *query = json_object();
    http_each_query(request, note_filter, query);
    json_t *head = json_pack("{s:s, s:s, s:o, s:I}", "format", "strongroom-trail-extract/v1", "origin",
                             extract->service->options.origin, "query", query, "size",
                             (json_int_t)extract->checkpoint.checkpoint.size);
    json_int_t first = (json_int_t)extract->first;
    if (first > 0 && json_object_set_new(head, "first", json_integer(first)) != 0) {
        json_decref(head);
        status = fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    } else {
        status = value_append_line(&buffer, head, fault);
    }
    if (status != STATUS_OK) {
        buffer_free(&buffer);
        return status;
    }
    return buffer_finish(&extract->lines, &buffer);
}

/* How many rows it will give: the trail says so before the first one leaves. */
static enum status count_rows(uint64_t *out, const struct extract *extract, struct fault *fault)
{
    const struct trail_extent extent = extent_of(extract);
    struct store_trail_query query = extract->question.query; /* borrows */
    struct store_trail_page page = {0};
    char cursor[STORE_CURSOR_SIZE];
    enum status status = STATUS_OK;
    do {
        struct store_tx *tx = NULL;
        status = store_begin(&tx, extract->service->reader, STORE_SNAPSHOT, fault);
        if (status == STATUS_OK) {
            status = store_trail_count(&page, tx, &query, fault);
            store_rollback(tx);
        }
        if (status == STATUS_OK) {
            status = trail_bounds_check(extract->service->trail, &extent, &query, &page, fault);
        }
        *out += status == STATUS_OK ? page.count : 0;
        (void)snprintf(cursor, sizeof(cursor), "%s", page.next);
        query.cursor = cursor;
    } while (status == STATUS_OK && cursor[0] != '\0');
    return status;
}

enum status trail_extract_open(struct service *service, const struct http_request *request, struct http_reply *reply,
                               struct fault *fault)
{
    struct extract *extract = calloc(1, sizeof(*extract));
    if (extract == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    }
    extract->service = service;
    const char *format = http_query(request, "format");
    extract->csv = format != NULL;
    enum status status = format == NULL || strcmp(format, "csv") == 0
                             ? trail_question_read(&extract->question, request, fault)
                             : fault_set(fault, STATUS_INVALID, "format", "must be csv; without it, JSON lines");
    if (status == STATUS_OK) {
        status = witnesses_newest(&extract->checkpoint, service, fault);
    }
    if (status == STATUS_OK) {
        extract->question.query.limit = PAGE;
        extract->question.query.before_seq = extract->checkpoint.checkpoint.size;
        status = count_rows(&reply->results, extract, fault);
    }
    if (status == STATUS_OK) {
        status = extract_head(extract, request, fault);
    }
    if (status != STATUS_OK) {
        extract_free(extract);
        return status;
    }
    trail_corrupt_format(reply->trail_corrupt, service);
    reply->content_type = extract->csv ? "text/csv; charset=utf-8; header=present" : "application/jsonl";
    reply->stream = (struct http_stream){.read = extract_read, .free = extract_free, .context = extract};
    return STATUS_OK;
}
