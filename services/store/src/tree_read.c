/*
 * Reads of what proofs are made from: the head row, checkpoints, full tiles, runs of leaf hashes.
 */
#include "pool.h"
#include "store/trail_read.h"

#define HASHES_MAX 65536

static const struct column head_columns[] = {
    COLUMN(struct store_head, epoch, "epoch", COLUMN_UINT64),
    COLUMN(struct store_head, size, "size", COLUMN_UINT64),
    COLUMN(struct store_head, root, "root", COLUMN_DIGEST),
    COLUMN(struct store_head, last_lh, "last_lh", COLUMN_DIGEST),
    COLUMN(struct store_head, frontier, "frontier", COLUMN_BYTES),
    COLUMN(struct store_head, first, "first", COLUMN_UINT64),
};

static const struct row_shape head_shape = ROW_SHAPE(struct store_head, head_columns);

static const struct statement head_get = {
    "head_get",
    "SELECT epoch, size, root, last_lh, frontier, first FROM audit.head WHERE id = 1",
    0,
};

static const struct column checkpoint_columns[] = {
    COLUMN(struct store_checkpoint, size, "size", COLUMN_UINT64),
    COLUMN(struct store_checkpoint, note, "note", COLUMN_BYTES),
    COLUMN(struct store_checkpoint, signed_at_utc_us, "signed_at", COLUMN_TIME),
};

static const struct row_shape checkpoint_shape = ROW_SHAPE(struct store_checkpoint, checkpoint_columns);

static const struct statement checkpoint_newest = {
    "checkpoint_newest",
    "SELECT size, note, signed_at FROM audit.checkpoint ORDER BY size DESC LIMIT 1",
    0,
};

static const struct column bytes_column[] = {{"hashes", COLUMN_BYTES, false, 0, sizeof(struct bytes)}};
static const struct row_shape bytes_shape = ROW_SHAPE(struct bytes, bytes_column);

static const struct statement tile_get = {
    "tile_get",
    "SELECT hashes FROM audit.tile WHERE level = $1::bigint AND idx = $2::bigint",
    2,
};

static const struct statement leaf_hashes = {
    "leaf_hashes",
    "SELECT coalesce(string_agg(lh, ''::bytea ORDER BY seq), ''::bytea) AS hashes FROM audit.leaf"
    " WHERE seq >= $1::bigint AND seq < $2::bigint",
    2,
};

enum status store_head_get(struct store_head *out, const struct store_tx *tx, struct fault *fault)
{
    struct store_head head;
    struct fault why = {0};
    enum status status = tx_read_one(tx, &head, &head_shape, &head_get, NULL, &why);
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_CORRUPT, "audit.head", "the head row is missing");
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    *out = head;
    return STATUS_OK;
}

enum status store_checkpoint_newest(struct store_checkpoint *out, const struct store_tx *tx, struct fault *fault)
{
    struct store_checkpoint row;
    enum status status = tx_read_one(tx, &row, &checkpoint_shape, &checkpoint_newest, NULL, fault);
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}

enum status store_tile_get(struct digest out[STORE_TILE_WIDTH], const struct store_tx *tx, unsigned level,
                           uint64_t index, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, level);
    parameter_uint64(&p, index);
    struct bytes hashes;
    enum status status = tx_read_one(tx, &hashes, &bytes_shape, &tile_get, &p, fault);
    if (status == STATUS_OK && hashes.len != (STORE_TILE_WIDTH * sizeof(struct digest))) {
        status = fault_set(fault, STATUS_CORRUPT, "audit.tile", "tile %u/%lu has %zu bytes", level,
                           (unsigned long)index, hashes.len);
    } else if (status == STATUS_OK) {
        memcpy(out, hashes.data, (STORE_TILE_WIDTH * sizeof(struct digest)));
    }
    bytes_free(&hashes);
    return status;
}

enum status store_leaf_hashes(struct bytes *out, const struct store_tx *tx, uint64_t from, uint64_t to,
                              struct fault *fault)
{
    INVARIANT(from <= to && to - from <= HASHES_MAX);
    struct parameters p = {0};
    parameter_uint64(&p, from);
    parameter_uint64(&p, to);
    struct bytes hashes;
    enum status status = tx_read_one(tx, &hashes, &bytes_shape, &leaf_hashes, &p, fault);
    if (status == STATUS_OK && hashes.len != (to - from) * 32) {
        bytes_free(&hashes);
        status = fault_set(fault, STATUS_CORRUPT, "audit.leaf", "entries %lu to %lu are not all there",
                           (unsigned long)from, (unsigned long)to);
    }
    if (status == STATUS_OK) {
        *out = hashes;
    }
    return status;
}
