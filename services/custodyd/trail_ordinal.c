/*
 * Numbers of objects that came before, told by signed entries alone.
 */
#include "trail_ordinal.h"

#include <inttypes.h>

#include "base/log.h"
#include "trail_signed.h"
#include "trail_state.h"

/* Whether it is news. The lock is held. */
static bool add(struct trail *trail, const struct store_leaf *row)
{
    struct repeated *repeated = &trail->repeated;
    for (size_t i = 0; i < repeated->count; i++) {
        if (repeated->rows[i].seq == row->seq) {
            return false;
        }
    }
    if (repeated->count == TRAIL_REPEATED_MAX) {
        return false;
    }
    repeated->rows[repeated->count++] =
        (struct trail_repeated){.seq = row->seq, .ordinal = row->ord, .at_utc_us = clock_utc_us(trail->clock)};
    return true;
}

static void note(struct trail *trail, const struct store_leaf *row)
{
    char entry[24];
    char ordinal[24];
    pthread_mutex_lock(&trail->mutex);
    bool added = add(trail, row);
    pthread_mutex_unlock(&trail->mutex);
    if (added) {
        (void)snprintf(entry, sizeof(entry), "%" PRIu64, row->seq);
        (void)snprintf(ordinal, sizeof(ordinal), "%" PRIu64, row->ord);
        log_event(LOG_LEVEL_ERROR, "trail.corrupt", "entry", entry, "ordinal", ordinal, "detail",
                  "its object had this number or a later one before: somebody set the numbers back", NULL);
    }
}

void trail_ordinals_note(struct trail *trail, const struct store_leaf_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        if (list->rows[i].ord <= list->rows[i - 1].ord) {
            note(trail, &list->rows[i]);
        }
    }
}

/* The entry and the one before it of its object; fewer when one of them is not what was signed, which is told then. */
static enum status read_pair(struct store_leaf_list out[2], struct trail *trail, uint64_t seq, struct fault *fault)
{
    const struct store_leaf_filter itself = {.from_seq = seq, .to_seq = seq + 1, .limit = 1};
    enum status status = trail_signed_list(&out[1], NULL, trail, &itself, fault);
    if (status != STATUS_OK || out[1].count == 0) {
        return status;
    }
    const struct store_leaf_filter before = {
        .otype = out[1].rows[0].otype, .oid = out[1].rows[0].oid, .to_seq = seq, .newest_first = true, .limit = 1};
    return trail_signed_list(&out[0], NULL, trail, &before, fault);
}

static enum status look_at(struct trail *trail, uint64_t seq, struct fault *fault)
{
    struct store_leaf_list pair[2] = {{.count = 0}, {.count = 0}};
    enum status status = read_pair(pair, trail, seq, fault);
    if (status == STATUS_OK && pair[0].count == 1 && pair[1].count == 1 && pair[1].rows[0].oid[0] != '\0' &&
        pair[1].rows[0].ord <= pair[0].rows[0].ord) {
        note(trail, &pair[1].rows[0]);
    }
    store_leaf_list_free(&pair[0]);
    store_leaf_list_free(&pair[1]);
    return status;
}

enum status trail_ordinals_look(struct trail *trail, uint64_t from_seq, uint64_t to_seq, struct fault *fault)
{
    struct store_tx *tx = NULL;
    uint64_t found[STORE_REPEATS_MAX];
    size_t count = 0;
    enum status status = store_begin(&tx, trail->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_leaf_repeats(found, &count, tx, from_seq, to_seq, fault);
        store_rollback(tx);
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = look_at(trail, found[i], fault);
    }
    return status;
}

size_t trail_repeated_list(struct trail_repeated out[TRAIL_REPEATED_MAX], struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    size_t count = trail->repeated.count;
    memcpy(out, trail->repeated.rows, count * sizeof(*out));
    pthread_mutex_unlock(&trail->mutex);
    return count;
}
