/*
 * The audit trail at the REST interface: entries by filters, checkpoint, proofs, export. Everything carries the raw
 * bytes, so nobody has to believe the columns.
 */
#include <inttypes.h>

#include "question.h"
#include "record.h"
#include "resources.h"
#include "service.h"
#include "store/trail_query.h"
#include "trail_kept.h"
#include "trail_signed.h"
#include "values.h"
#include "witnesses.h"

static enum status rows_view(json_t *array, struct service *service, const struct store_trail_page *page,
                             const struct trail_extent *extent, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < page->count; i++) {
        json_t *view = NULL;
        status = trail_row_view(&view, service, extent, &page->rows[i], fault);
        if (status == STATUS_OK && json_array_append_new(array, view) != 0) {
            status = STATUS_NO_MEMORY;
        }
    }
    return status;
}

/* What was found, and up to where the trail went. */
struct answer {
    struct store_trail_page page;
    uint64_t first; /* older entries are in the archive */
    struct trail_extent extent;
};

static enum status entries_view(json_t **out, struct service *service, const struct answer *answer, struct fault *fault)
{
    json_t *array = json_array();
    json_t *corrupt = NULL;
    json_t *view = json_pack("{s:o, s:I}", "entries", array, "first", (json_int_t)answer->first);
    enum status status =
        view == NULL ? STATUS_NO_MEMORY : rows_view(array, service, &answer->page, &answer->extent, fault);
    status = status == STATUS_OK ? trail_corrupt_view(&corrupt, service, fault) : status;
    if (corrupt != NULL && json_object_set_new(view, "corrupt", corrupt) != 0) {
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK && answer->page.next[0] != '\0' &&
        json_object_set_new(view, "next", json_string(answer->page.next)) != 0) {
        status = STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK) {
        json_decref(view);
        return fault_set(fault, status, "entries", "%s", "");
    }
    *out = view;
    return STATUS_OK;
}

typedef enum status ask_fn(struct store_trail_page *out, const struct store_tx *tx,
                           const struct store_trail_query *query, struct fault *fault);

/* Rows beyond the head row are nobody's: they are not answered, nor counted. */
static enum status ask_rows(struct answer *out, struct service *service, struct store_trail_query *query,
                            ask_fn *question_fn, struct fault *fault)
{
    struct store_tx *tx = NULL;
    uint64_t size = 0;
    enum status status = trail_extent_begin(&tx, &size, service->trail, fault);
    if (status == STATUS_OK) {
        out->extent.head_size = size;
        query->before_seq = query->before_seq == 0 || query->before_seq > size ? size : query->before_seq;
        status = question_fn(&out->page, tx, query, fault);
        store_rollback(tx);
    }
    return status;
}

static enum status ask(struct answer *out, struct service *service, const struct http_request *request,
                       ask_fn *question_fn, struct fault *fault)
{
    struct trail_question question;
    enum status status = trail_question_read(&question, request, fault);
    if (status == STATUS_OK) {
        status = ask_rows(out, service, &question.query, question_fn, fault);
    }
    if (status == STATUS_OK) {
        status = trail_extent_read(&out->extent, service, out->extent.head_size, fault);
    }
    if (status == STATUS_OK) {
        status = trail_bounds_check(service->trail, &out->extent, &question.query, &out->page, fault);
    }
    if (status == STATUS_OK) {
        status = trail_kept_from(&out->first, service->reader, fault);
    }
    return status;
}

enum status trail_entries(struct service *service, const struct http_request *request, struct http_reply *reply,
                          struct fault *fault)
{
    struct answer answer = {0};
    json_t *view = NULL;
    enum status status = ask(&answer, service, request, store_trail_page, fault);
    if (status == STATUS_OK) {
        status = entries_view(&view, service, &answer, fault);
    }
    store_trail_page_free(&answer.page);
    reply->results = json_array_size(json_object_get(view, "entries"));
    return status == STATUS_OK ? http_reply_json(reply, 200, view, fault) : status;
}

enum status trail_count(struct service *service, const struct http_request *request, struct http_reply *reply,
                        struct fault *fault)
{
    struct answer answer = {0};
    json_t *corrupt = NULL;
    enum status status = ask(&answer, service, request, store_trail_count, fault);
    status = status == STATUS_OK ? trail_corrupt_view(&corrupt, service, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const struct store_trail_page *page = &answer.page; /* without rows */
    reply->results = page->count;
    json_t *view =
        json_pack("{s:I, s:I, s:s*, s:o*}", "count", (json_int_t)page->count, "first", (json_int_t)answer.first, "next",
                  page->next[0] == '\0' ? NULL : page->next, "corrupt", corrupt);
    return view == NULL ? fault_set(fault, STATUS_NO_MEMORY, "count", "%s", "")
                        : http_reply_json(reply, 200, view, fault);
}

enum status trail_checkpoint_read(struct service *service, const struct http_request *request, struct http_reply *reply,
                                  struct fault *fault)
{
    (void)request;
    struct trail_checkpoint newest = {0};
    enum status status = witnesses_newest(&newest, service, fault);
    if (status == STATUS_OK) {
        status = http_reply_text(reply, "text/plain; charset=utf-8", newest.note.data, newest.note.len);
        bytes_free(&newest.note);
    }
    return status;
}

/* What has no proof may be on its way to a checkpoint; an entry that there is not has none ever. */
static enum status check_there(struct service *service, uint64_t seq, struct fault *fault)
{
    struct store_tx *tx = NULL;
    uint64_t size = 0;
    enum status status = trail_extent_begin(&tx, &size, service->trail, fault);
    store_rollback(tx);
    return status != STATUS_OK || seq < size
               ? status
               : fault_set(fault, STATUS_NOT_FOUND, "seq", "the trail has %" PRIu64 " entries, from 0", size);
}

enum status trail_inclusion(struct service *service, const struct http_request *request, struct http_reply *reply,
                            struct fault *fault)
{
    int64_t seq = -1;
    struct bytes proof = {0};
    struct fault why = {0};
    enum status status = http_query_integer(&seq, request, "seq", 0, INT64_MAX, fault);
    if (status == STATUS_OK && seq < 0) {
        status = fault_set(fault, STATUS_MISSING_FIELD, "seq", "must be the number of an entry");
    }
    if (status == STATUS_OK) {
        status = witnesses_prove_shown(&proof, service, (uint64_t)seq, 0, &why);
        struct fault gone = {0};
        if (status == STATUS_NOT_READY && check_there(service, (uint64_t)seq, &gone) == STATUS_NOT_FOUND) {
            why = gone;
        }
        status = status == STATUS_OK ? status : fault_set(fault, why.status, why.where, "%s", why.detail);
    }
    if (status == STATUS_OK) {
        status = http_reply_text(reply, "text/plain; charset=utf-8", proof.data, proof.len);
        bytes_free(&proof);
    }
    return status;
}

enum status trail_consistency_read(struct service *service, const struct http_request *request,
                                   struct http_reply *reply, struct fault *fault)
{
    int64_t from = 0;
    int64_t to = 0;
    struct audit_proof proof;
    enum status status = http_query_integer(&from, request, "from", 1, INT64_MAX, fault);
    if (status == STATUS_OK) {
        status = http_query_integer(&to, request, "to", 1, INT64_MAX, fault);
    }
    if (status == STATUS_OK && (from == 0 || to == 0)) {
        status = fault_set(fault, STATUS_INVALID, from == 0 ? "from" : "to", "must be given: the size of a checkpoint");
    }
    if (status == STATUS_OK) {
        status = trail_prove_consistency(&proof, service->trail, (uint64_t)from, (uint64_t)to, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return http_reply_json(
        reply, 200,
        json_pack("{s:I, s:I, s:o}", "from", (json_int_t)from, "to", (json_int_t)to, "proof", value_hashes(&proof)),
        fault);
}

/*
 * The export: pages of rows as JSON lines. Rows between the checkpoint and the head row are on their way and left out;
 * rows beyond the head row are nobody's, and shown. Each page has a snapshot of its own: who reads slowly must not hold
 * a session that signing waits for, and what is under the checkpoint does not change.
 */
struct export
{
    struct service *service;
    struct store_checkpoint checkpoint;
    uint64_t next_seq;
    bool finished;
    struct bytes lines; /* made and not yet sent */
    size_t sent;
};

static void export_free(void *context)
{
    struct export *export = context;
    bytes_free(&export->checkpoint.note);
    bytes_free(&export->lines);
    free(export);
}

static enum status export_row(struct buffer *buffer, const struct store_leaf *leaf, struct fault *fault)
{
    char lh[DIGEST_HEX_LEN + 1];
    json_t *view = value_leaf(leaf);
    digest_format(lh, &leaf->lh);
    if (view != NULL && json_object_set_new(view, "lh", json_string(lh)) != 0) {
        json_decref(view);
        view = NULL;
    }
    return value_append_line(buffer, view, fault);
}

/* Out: the rows of the next page and the size that the head row has in their snapshot. */
static enum status export_list(struct export *export, struct store_leaf_list *list, uint64_t *out_head_size,
                               struct fault *fault)
{
    struct store_leaf_filter filter = {.from_seq = export->next_seq, .limit = STORE_LEAVES_MAX};
    struct store_tx *tx = NULL;
    uint64_t size = 0;
    enum status status = trail_extent_begin(&tx, &size, export->service->trail, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (filter.from_seq >= export->checkpoint.size && filter.from_seq < size) {
        filter.from_seq = size; /* what is on its way is skipped, or a growing trail would have no end */
    }
    status = store_leaf_list(list, tx, &filter, fault);
    store_rollback(tx);
    *out_head_size = size;
    return status;
}

static enum status export_page(struct export *export, struct buffer *buffer, struct fault *fault)
{
    struct store_leaf_list list = {0};
    uint64_t head_size = 0;
    uint64_t begins = export->next_seq;
    enum status status = export_list(export, &list, &head_size, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        const struct store_leaf *leaf = &list.rows[i];
        if (leaf->seq < export->checkpoint.size || leaf->seq >= head_size) {
            status = export_row(buffer, leaf, fault);
        }
        export->next_seq = leaf->seq + 1;
    }
    export->finished = status == STATUS_OK && list.count < STORE_LEAVES_MAX;
    store_leaf_list_free(&list);
    return status == STATUS_OK ? trail_kept_check(begins, export->service->reader, fault) : status;
}

static enum status export_more(struct export *export, struct fault *fault)
{
    struct buffer buffer;
    buffer_init(&buffer);
    enum status status = export_page(export, &buffer, fault);
    if (status == STATUS_OK && export->finished) {
        status =
            value_append_line(&buffer, json_pack("{s:o}", "checkpoint", value_base64(&export->checkpoint.note)), fault);
    }
    if (status != STATUS_OK) {
        buffer_free(&buffer);
        return status;
    }
    bytes_free(&export->lines);
    export->sent = 0;
    return buffer_finish(&export->lines, &buffer);
}

static enum status export_read(void *context, char *out, size_t max, size_t *out_len, struct fault *fault)
{
    struct export *export = context;
    while (export->sent == export->lines.len && !export->finished) {
        enum status status = export_more(export, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    size_t left = export->lines.len - export->sent;
    *out_len = left < max ? left : max;
    if (*out_len > 0) {
        memcpy(out, export->lines.data + export->sent, *out_len);
        export->sent += *out_len;
    }
    return STATUS_OK;
}

/* Where it begins, when older entries are in the archive, and the tree that these are in. */
static enum status export_first(struct export *export, json_t *head, struct fault *fault)
{
    struct audit_frontier frontier;
    struct audit_proof tree = {0};
    enum status status = trail_kept_tree(&frontier, export->service->reader, fault);
    if (status != STATUS_OK || frontier.size == 0) {
        return status;
    }
    tree.count = (size_t)__builtin_popcountll(frontier.size);
    memcpy(tree.hashes, frontier.peaks, tree.count * sizeof(tree.hashes[0]));
    export->next_seq = frontier.size;
    return json_object_set_new(head, "first", json_integer((json_int_t)frontier.size)) == 0 &&
                   json_object_set_new(head, "tree", value_hashes(&tree)) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
}

static enum status export_head(struct export *export, struct fault *fault)
{
    struct buffer buffer;
    buffer_init(&buffer);
    json_t *head = json_pack("{s:s, s:s, s:I}", "format", "strongroom-trail/v1", "origin",
                             export->service->options.origin, "size", (json_int_t) export->checkpoint.size);
    enum status status = export_first(export, head, fault);
    if (status != STATUS_OK) {
        json_decref(head);
        buffer_free(&buffer);
        return status;
    }
    status = value_append_line(&buffer, head, fault);
    if (status != STATUS_OK) {
        buffer_free(&buffer);
        return status;
    }
    return buffer_finish(&export->lines, &buffer);
}

/* The newest one of the database: all there is when the trail has halted before it signed anything. */
static enum status checkpoint_stored(struct export *export, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, export->service->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_checkpoint_newest(&export->checkpoint, tx, fault);
        store_rollback(tx);
    }
    return status;
}

static enum status export_open(struct export *export, struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    enum status status = witnesses_newest(&newest, export->service, fault);
    export->checkpoint = (struct store_checkpoint){.size = newest.checkpoint.size, .note = newest.note};
    if (status == STATUS_NOT_READY && trail_is_halted(export->service->trail)) {
        fault_clear(fault);
        status = checkpoint_stored(export, fault);
    }
    return status == STATUS_OK ? export_head(export, fault) : status;
}

static bool no_filter(void *context, const char *key, const char *value)
{
    bool *all = context;
    (void)key;
    (void)value;
    *all = false;
    return false;
}

enum status trail_export(struct service *service, const struct http_request *request, struct http_reply *reply,
                         struct fault *fault)
{
    bool all = true;
    http_each_query(request, no_filter, &all);
    if (!all) {
        return trail_extract_open(service, request, reply, fault);
    }
    struct export *export = calloc(1, sizeof(*export));
    if (export == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "export", "%s", "");
    }
    export->service = service;
    enum status status = export_open(export, fault);
    if (status != STATUS_OK) {
        export_free(export);
        return status;
    }
    reply->results = export->checkpoint.size;
    reply->content_type = "application/jsonl";
    reply->stream = (struct http_stream){.read = export_read, .free = export_free, .context = export};
    return STATUS_OK;
}
