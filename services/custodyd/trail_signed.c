/*
 * Rows against the tree that was signed.
 */
#include "trail_signed.h"

#include <inttypes.h>

#include "base/log.h"
#include "trail_leaf.h"
#include "trail_state.h"

enum status trail_corrupt_row(struct trail *trail, uint64_t seq, struct fault *fault)
{
    char entry[24];
    (void)snprintf(entry, sizeof(entry), "%" PRIu64, seq);
    pthread_mutex_lock(&trail->mutex);
    bool known = trail->doubted && trail->doubted_seq == seq;
    trail->doubted = true;
    trail->doubted_seq = seq;
    trail->doubted_at_utc_us = known ? trail->doubted_at_utc_us : clock_utc_us(trail->clock);
    pthread_mutex_unlock(&trail->mutex);
    if (!known) {
        log_event(LOG_LEVEL_ERROR, "trail.corrupt", "entry", entry, "detail",
                  "the row is not the entry that was signed", NULL);
    }
    return fault_set(fault, STATUS_CORRUPT, "trail", "row %s is not the entry that was signed", entry);
}

bool trail_doubted(uint64_t *out_seq, int64_t *out_at_utc_us, struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    bool doubted = trail->doubted;
    *out_seq = trail->doubted_seq;
    *out_at_utc_us = trail->doubted_at_utc_us;
    pthread_mutex_unlock(&trail->mutex);
    return doubted;
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
    if (status == STATUS_CORRUPT || (status == STATUS_OK && !trail_leaf_is(leaf, &hashes[at]))) {
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

static enum status list_rows(struct store_leaf_list *out, struct store *reader, const struct store_leaf_filter *filter,
                             struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_leaf_list(out, tx, filter, fault);
        store_rollback(tx);
    }
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
    status = list_rows(&list, trail->reader, &under, fault);
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
