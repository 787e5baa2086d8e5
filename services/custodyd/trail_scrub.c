/*
 * Rows against the tree, a tile at a time: one proof shows its hashes, and each row must have its own.
 */
#include "trail_scrub.h"

#include <inttypes.h>

#include "trail_kept.h"
#include "trail_leaf.h"
#include "trail_ordinal.h"
#include "trail_signed.h"
#include "trail_state.h"

struct scrub {
    struct trail *trail;
    store_leaf_fn *call;
    void *context;
    uint64_t from; /* of the tile, those that are in the database and under the checkpoint */
    uint64_t to;
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct store_leaf_list rows;
};

static enum status read_tile(struct scrub *scrub, struct fault *fault)
{
    uint64_t index = scrub->from / AUDIT_TILE_WIDTH;
    const struct audit_tile tile = {.index = index, .width = (unsigned)(scrub->to - index * AUDIT_TILE_WIDTH)};
    return trail_tile(scrub->hashes, scrub->trail, &tile, fault);
}

/* `row`: NULL when there is none of this number. */
static enum status look_at(const struct scrub *scrub, uint64_t seq, const struct store_leaf *row, struct fault *fault)
{
    struct fault why = {0};
    enum status status = STATUS_OK;
    if (row == NULL) {
        status = trail_missing_check(scrub->trail, seq, &why);
    } else if (!trail_leaf_is(row, &scrub->hashes[seq % AUDIT_TILE_WIDTH])) {
        status = trail_corrupt_row(scrub->trail, seq, row, &why);
    } else {
        trail_mended_note(scrub->trail, seq);
        return scrub->call(scrub->context, row, fault);
    }
    return status == STATUS_OK || status == STATUS_CORRUPT ? STATUS_OK
                                                           : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status look_at_rows(const struct scrub *scrub, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t i = 0;
    for (uint64_t seq = scrub->from; status == STATUS_OK && seq < scrub->to; seq++) {
        const struct store_leaf *row = i < scrub->rows.count ? &scrub->rows.rows[i] : NULL;
        bool there = row != NULL && row->seq == seq;
        status = look_at(scrub, seq, there ? row : NULL, fault);
        i += there;
    }
    return status;
}

static enum status scrub_tile(struct scrub *scrub, struct fault *fault)
{
    const struct store_leaf_filter filter = {.from_seq = scrub->from, .to_seq = scrub->to, .limit = AUDIT_TILE_WIDTH};
    struct fault why = {0};
    enum status status = read_tile(scrub, &why);
    if (status == STATUS_CORRUPT) {
        return trail_corrupt_tile(scrub->trail, scrub->from / AUDIT_TILE_WIDTH, &why) == STATUS_CORRUPT ? STATUS_OK
                                                                                                        : status;
    }
    status = status == STATUS_OK ? trail_rows_list(&scrub->rows, scrub->trail, &filter, &why) : status;
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = look_at_rows(scrub, fault);
    store_leaf_list_free(&scrub->rows);
    return status == STATUS_OK ? trail_ordinals_look(scrub->trail, scrub->from, scrub->to, fault) : status;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static enum status look_at_first(struct trail *trail, uint64_t first, struct fault *fault)
{
    struct fault why = {0};
    enum status status = trail_left_check(trail, first, &why);
    return status == STATUS_OK || status == STATUS_CORRUPT ? STATUS_OK
                                                           : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status scrub_tiles(struct trail *trail, uint64_t *inout_tile, unsigned tiles, struct scrub *scrub,
                               struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    uint64_t first = 0;
    enum status status = trail_checkpoint_newest(&newest, trail, fault);
    bytes_free(&newest.note);
    status = status == STATUS_OK ? trail_kept_from(&first, trail->reader, fault) : status;
    status = status == STATUS_OK ? look_at_first(trail, first, fault) : status;
    uint64_t size = newest.checkpoint.size;
    if (status != STATUS_OK || first >= size) {
        return status;
    }
    uint64_t begin = first / AUDIT_TILE_WIDTH;
    uint64_t count = (size - 1) / AUDIT_TILE_WIDTH + 1 - begin;
    uint64_t at = *inout_tile < begin ? 0 : (*inout_tile - begin) % count;
    for (uint64_t i = 0; status == STATUS_OK && i < tiles && i < count; i++) {
        uint64_t tile = begin + at;
        scrub->from = clamp(tile * AUDIT_TILE_WIDTH, first, size);
        scrub->to = clamp((tile + 1) * AUDIT_TILE_WIDTH, first, size);
        status = scrub_tile(scrub, fault);
        at = (at + 1) % count;
        *inout_tile = begin + at;
    }
    return status;
}

enum status trail_scrub(struct trail *trail, uint64_t *inout_tile, unsigned tiles, store_leaf_fn *call, void *context,
                        struct fault *fault)
{
    struct scrub *scrub = calloc(1, sizeof(*scrub));
    struct fault why = {0};
    if (scrub == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "");
    }
    *scrub = (struct scrub){.trail = trail, .call = call, .context = context};
    enum status status = scrub_tiles(trail, inout_tile, tiles, scrub, &why);
    free(scrub);
    return status == STATUS_OK || status == STATUS_NOT_READY ? STATUS_OK
                                                             : fault_set(fault, status, why.where, "%s", why.detail);
}
