/*
 * Rows against the tree that was signed.
 */
#include "trail_signed.h"

#include <inttypes.h>

#include "audit/leaf.h"
#include "base/log.h"
#include "trail_kept.h"
#include "trail_leaf.h"
#include "trail_state.h"

enum status trail_rows_list(struct store_leaf_list *out, struct trail *trail, const struct store_leaf_filter *filter,
                            struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, trail->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_leaf_list(out, tx, filter, fault);
        store_rollback(tx);
    }
    return status;
}

/* Whether it is a new one. The lock is held. */
static bool doubt_add(struct trail *trail, uint64_t seq)
{
    for (size_t i = 0; i < trail->doubted_count; i++) {
        if (trail->doubted[i] == seq) {
            return false;
        }
    }
    if (trail->doubted_count == TRAIL_DOUBTED_MAX) {
        return false;
    }
    trail->doubted[trail->doubted_count++] = seq;
    trail->doubted_at_utc_us = clock_utc_us(trail->clock);
    return true;
}

void trail_corrupt_note(struct trail *trail, uint64_t seq)
{
    char entry[TRAIL_DOUBTED_SIZE];
    pthread_mutex_lock(&trail->mutex);
    bool added = !(seq == TRAIL_TREE && trail->doubted_count > 0) && doubt_add(trail, seq);
    pthread_mutex_unlock(&trail->mutex);
    if (added) {
        trail_doubted_format(entry, seq);
        log_event(LOG_LEVEL_ERROR, "trail.corrupt", "entry", entry, "detail",
                  "what is stored is not the entry that was signed", NULL);
    }
}

enum status trail_corrupt_row(struct trail *trail, uint64_t seq, struct fault *fault)
{
    trail_corrupt_note(trail, seq);
    return fault_set(fault, STATUS_CORRUPT, "trail", "row %" PRIu64 " is not the entry that was signed", seq);
}

/* Entries that are in the database and under the checkpoint: those of a tile, and the one that follows. */
struct span {
    uint64_t from;
    uint64_t to;
};

static enum status tile_span(struct span *out, struct trail *trail, uint64_t index, struct fault *fault)
{
    uint64_t from = index * AUDIT_TILE_WIDTH;
    uint64_t to = from + AUDIT_TILE_WIDTH + 1;
    uint64_t first = 0;
    const struct audit_checkpoint newest = trail_shown(trail);
    enum status status = trail_kept_from(&first, trail->reader, fault);
    *out = (struct span){.from = from < first ? first : from, .to = to < newest.size ? to : newest.size};
    return status;
}

/* Whether the row after it, which agrees with itself, says that there was another one. */
static bool is_denied_by(const struct store_leaf *row, const struct store_leaf *next)
{
    struct audit_leaf leaf;
    return next->seq == row->seq + 1 && trail_leaf_is(next, &next->lh) &&
           audit_leaf_parse(&leaf, next->raw.data, next->raw.len, NULL) == STATUS_OK &&
           !digest_equal(&leaf.previous, &row->lh);
}

/* The first one that is missing, disagrees with itself, or is denied by the row after it. */
static uint64_t name_doubtful(const struct store_leaf_list *list, const struct span *span)
{
    uint64_t from = span->from;
    for (size_t i = 0; i < list->count; i++) {
        const struct store_leaf *row = &list->rows[i];
        bool last = i + 1 == list->count;
        if (row->seq != from + i || !trail_leaf_is(row, &row->lh) || (!last && is_denied_by(row, row + 1))) {
            return from + i;
        }
    }
    return from + list->count < span->to ? from + list->count : TRAIL_TREE;
}

enum status trail_corrupt_tile(struct trail *trail, uint64_t index, struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct fault why = {0};
    struct span span = {0};
    uint64_t seq = TRAIL_TREE;
    enum status status = tile_span(&span, trail, index, &why);
    if (status == STATUS_OK && span.from < span.to) {
        const struct store_leaf_filter filter = {
            .from_seq = span.from, .to_seq = span.to, .limit = AUDIT_TILE_WIDTH + 1};
        status = trail_rows_list(&list, trail, &filter, &why);
    }
    if (status == STATUS_OK) {
        seq = name_doubtful(&list, &span);
        store_leaf_list_free(&list);
    }
    if (seq != TRAIL_TREE) {
        return trail_corrupt_row(trail, seq, fault);
    }
    trail_corrupt_note(trail, seq);
    return fault_set(fault, STATUS_CORRUPT, "trail", "what is stored of the tree does not lead to the signed root");
}

void trail_doubted_format(char out[TRAIL_DOUBTED_SIZE], uint64_t seq)
{
    if (seq == TRAIL_TREE) {
        (void)snprintf(out, TRAIL_DOUBTED_SIZE, "tree");
    } else {
        (void)snprintf(out, TRAIL_DOUBTED_SIZE, "%" PRIu64, seq);
    }
}

enum status trail_missing_check(struct trail *trail, uint64_t seq, struct fault *fault)
{
    uint64_t first = 0;
    enum status status = trail_kept_from(&first, trail->reader, fault);
    return status == STATUS_OK && seq >= first ? trail_corrupt_row(trail, seq, fault) : status;
}

bool trail_doubted(uint64_t *out_seq, int64_t *out_at_utc_us, struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    size_t count = trail->doubted_count;
    *out_seq = count == 0 ? 0 : trail->doubted[count - 1];
    *out_at_utc_us = trail->doubted_at_utc_us;
    pthread_mutex_unlock(&trail->mutex);
    return count > 0;
}

size_t trail_doubted_list(uint64_t out[TRAIL_DOUBTED_MAX], struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    size_t count = trail->doubted_count;
    memcpy(out, trail->doubted, count * sizeof(*out));
    pthread_mutex_unlock(&trail->mutex);
    return count;
}

enum status trail_signed_check(struct trail *trail, const struct store_leaf *leaf, struct fault *fault)
{
    unsigned at = leaf->seq % AUDIT_TILE_WIDTH;
    const struct audit_tile tile = {.index = leaf->seq / AUDIT_TILE_WIDTH, .width = at + 1};
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct fault why = {0};
    enum status status = trail_tile(hashes, trail, &tile, &why);
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_NOT_READY, "trail", "no signed checkpoint covers row %" PRIu64, leaf->seq);
    }
    if (status == STATUS_CORRUPT) {
        return trail_corrupt_tile(trail, tile.index, fault);
    }
    if (status == STATUS_OK && !trail_leaf_is(leaf, &hashes[at])) {
        return trail_corrupt_row(trail, leaf->seq, fault);
    }
    return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Rows that are not shown to be signed leave the list. */
static enum status sift(struct store_leaf_list *list, struct trail *trail, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct fault why = {0};
        enum status checked = status == STATUS_OK ? trail_signed_check(trail, &list->rows[i], &why) : status;
        if (checked == STATUS_OK) {
            struct store_leaf row = list->rows[i];
            list->rows[i] = (struct store_leaf){0}; /* transferred */
            list->rows[kept++] = row;
            continue;
        }
        store_leaf_wipe(&list->rows[i]);
        list->rows[i] = (struct store_leaf){0};
        if (status == STATUS_OK && checked != STATUS_CORRUPT) {
            status = fault_set(fault, checked, why.where, "%s", why.detail);
        }
    }
    list->count = kept;
    return status;
}

enum status trail_signed_list(struct store_leaf_list *out, size_t *out_left_out, struct trail *trail,
                              const struct store_leaf_filter *filter, struct fault *fault)
{
    struct store_leaf_list list = {0};
    struct store_leaf_filter under = *filter;
    struct trail_checkpoint newest = {0};
    enum status status = trail_checkpoint_newest(&newest, trail, fault);
    bytes_free(&newest.note);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t size = newest.checkpoint.size;
    under.to_seq = filter->to_seq == 0 || filter->to_seq > size ? size : filter->to_seq;
    status = trail_rows_list(&list, trail, &under, fault);
    size_t found = list.count;
    if (status == STATUS_OK) {
        status = sift(&list, trail, fault);
    }
    if (status != STATUS_OK) {
        store_leaf_list_free(&list);
        return status;
    }
    if (out_left_out != NULL) {
        *out_left_out = found - list.count;
    }
    *out = list;
    return STATUS_OK;
}
