/*
 * The statements of a batch: arrays in, arrays out, so that their number does not grow with the batch. The fence is in
 * store_head_move; everything before it in the transaction is undone when it finds another leader.
 */
#include "store/trail_write.h"

#include <inttypes.h>

#include "pool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PARTITION_STEP ((uint64_t)1 << 20)

static const struct column pending_columns[] = {
    COLUMN(struct store_pending, pid, "pid", COLUMN_INT64),
    COLUMN(struct store_pending, event, "evt", COLUMN_BYTES),
};
static const struct row_shape pending_shape = ROW_SHAPE(struct store_pending, pending_columns);

/* RETURNING has no order of its own. Rows of open transactions are not seen, and their inserts are not waited for. */
static const struct statement take = {
    "pending_take",
    "WITH first AS MATERIALIZED (SELECT pid FROM audit.pending ORDER BY pid LIMIT $1::bigint),"
    " taken AS (DELETE FROM audit.pending AS p USING first WHERE p.pid = first.pid RETURNING p.pid, p.evt)"
    " SELECT pid, evt FROM taken ORDER BY pid",
    1,
};

static const struct column head_columns[] = {
    COLUMN(struct store_head, epoch, "epoch", COLUMN_UINT64),
    COLUMN(struct store_head, size, "size", COLUMN_UINT64),
    COLUMN(struct store_head, root, "root", COLUMN_DIGEST),
    COLUMN(struct store_head, last_lh, "last_lh", COLUMN_DIGEST),
    COLUMN(struct store_head, frontier, "frontier", COLUMN_BYTES),
    COLUMN(struct store_head, first, "first", COLUMN_UINT64),
};
static const struct row_shape head_shape = ROW_SHAPE(struct store_head, head_columns);

static const struct statement lead = {
    "head_lead",
    "UPDATE audit.head SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch, size, root, last_lh, frontier, first",
    0,
};

static const struct statement move = {
    "head_move",
    "UPDATE audit.head SET size = $3::bigint, root = $4::bytea, last_lh = $5::bytea, frontier = $6::bytea"
    " WHERE id = 1 AND epoch = $1::bigint AND size = $2::bigint",
    6,
};

static const struct statement partitions = {
    "leaf_partitions",
    "SELECT audit.leaf_partition_ensure($1::bigint), audit.leaf_partition_ensure($2::bigint)",
    2,
};

static const struct statement append = {
    "leaf_append",
    "INSERT INTO audit.leaf (seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr, amount, asset, destination,"
    " key, version, wallet)"
    " SELECT n.seq, n.lh, n.raw, n.ts, n.actor, n.act, n.otype, n.oid, n.ord, n.outcome, n.corr, n.amount::numeric,"
    " n.asset, n.destination, n.key, n.version, n.wallet"
    " FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::timestamptz[], $5::text[], $6::text[], $7::text[],"
    " $8::text[], $9::bigint[], $10::text[], $11::uuid[], $12::text[], $13::text[], $14::text[], $15::text[],"
    " $16::bigint[], $17::text[])"
    " AS n(seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr, amount, asset, destination, key, version,"
    " wallet)",
    17,
};

static const struct statement tile_put = {
    "tile_put",
    "INSERT INTO audit.tile (level, idx, hashes) VALUES ($1::bigint::smallint, $2::bigint, $3::bytea)",
    3,
};

static const struct statement checkpoint_put = {
    "checkpoint_put",
    "INSERT INTO audit.checkpoint (size, note, signed_at) VALUES ($1::bigint, $2::bytea, $3::timestamptz)",
    3,
};

static const struct column empty_columns[] = {{"empty", COLUMN_BOOL, false, 0, sizeof(bool)}};
static const struct row_shape empty_shape = ROW_SHAPE(bool, empty_columns);

static const struct statement is_empty = {
    "trail_is_empty",
    "SELECT size = 0 AND first = 0 AND NOT EXISTS (SELECT FROM audit.leaf) AND NOT EXISTS (SELECT FROM audit.tile)"
    " AND NOT EXISTS (SELECT FROM audit.checkpoint) AND NOT EXISTS (SELECT FROM audit.pending) AS empty"
    " FROM audit.head WHERE id = 1",
    0,
};

static const struct statement ordinals_derive = {"ordinals_derive", "SELECT audit.object_ordinals_derive()", 0};

enum status store_pending_take(struct store_pending_batch *out, struct store_tx *tx, unsigned limit,
                               struct fault *fault)
{
    INVARIANT(limit >= 1 && limit <= STORE_BATCH_MAX);
    struct parameters p = {0};
    parameter_uint64(&p, limit);
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &pending_shape, &take, &p, fault);
    if (status == STATUS_OK) {
        *out = (struct store_pending_batch){.rows = array.rows, .count = array.count};
    }
    return status;
}

void store_pending_batch_free(struct store_pending_batch *batch)
{
    struct row_array array = {.rows = batch->rows, .count = batch->count};
    row_array_free(&array, &pending_shape);
    *batch = (struct store_pending_batch){0};
}

enum status store_head_lead(struct store_head *out, struct store_tx *tx, struct fault *fault)
{
    struct store_head head;
    struct fault why = {0};
    enum status status = tx_read_one(tx, &head, &head_shape, &lead, NULL, &why);
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_CORRUPT, "audit.head", "the head row is missing");
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    *out = head;
    return STATUS_OK;
}

enum status store_head_move(struct store_tx *tx, const struct store_head *head, uint64_t expected_size,
                            struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, head->epoch);
    parameter_uint64(&p, expected_size);
    parameter_uint64(&p, head->size);
    parameter_digest(&p, &head->root);
    parameter_digest(&p, &head->last_lh);
    parameter_bytes(&p, head->frontier.data, head->frontier.len);
    return tx_run_one(tx, &move, &p, STATUS_CONFLICT, fault);
}

enum status store_leaf_partitions(struct store_tx *tx, uint64_t seq, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, seq);
    parameter_uint64(&p, seq + PARTITION_STEP);
    return tx_run(tx, NULL, &partitions, &p, fault);
}

/* One array parameter per column: how a leaf becomes its element. */
struct array_column {
    enum array_element element;
    void (*add)(struct buffer *array, const struct store_leaf *leaf);
};

static void add_optional_text(struct buffer *array, const char *text)
{
    array_element_bytes(array, text[0] == 0 ? NULL : text, strlen(text));
}

static void add_seq(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_int64(array, (int64_t)leaf->seq);
}

static void add_lh(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_bytes(array, leaf->lh.bytes32, sizeof leaf->lh.bytes32);
}

static void add_raw(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_bytes(array, leaf->raw.data, leaf->raw.len);
}

static void add_ts(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_int64(array, leaf->ts_utc_us - POSTGRES_EPOCH_US);
}

static void add_actor(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_bytes(array, leaf->actor, strlen(leaf->actor));
}

static void add_act(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_bytes(array, leaf->act, strlen(leaf->act));
}

static void add_otype(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->otype);
}

static void add_oid(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->oid);
}

static void add_optional_counter(struct buffer *array, uint64_t number)
{
    if (number == 0) {
        array_element_bytes(array, NULL, 0);
        return;
    }
    array_element_int64(array, (int64_t)number);
}

static void add_ord(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_counter(array, leaf->ord);
}

static void add_outcome(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_bytes(array, leaf->outcome, strlen(leaf->outcome));
}

static void add_corr(struct buffer *array, const struct store_leaf *leaf)
{
    array_element_bytes(array, leaf->has_corr ? leaf->corr.bytes16 : NULL, sizeof leaf->corr.bytes16);
}

static void add_amount(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->amount);
}

static void add_asset(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->asset);
}

static void add_destination(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->destination);
}

static void add_key(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->key);
}

static void add_version(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_counter(array, leaf->version);
}

static void add_wallet(struct buffer *array, const struct store_leaf *leaf)
{
    add_optional_text(array, leaf->wallet);
}

static const struct array_column array_columns[] = {
    {ARRAY_INT8, add_seq},    {ARRAY_BYTEA, add_lh},         {ARRAY_BYTEA, add_raw},  {ARRAY_TIMESTAMPTZ, add_ts},
    {ARRAY_TEXT, add_actor},  {ARRAY_TEXT, add_act},         {ARRAY_TEXT, add_otype}, {ARRAY_TEXT, add_oid},
    {ARRAY_INT8, add_ord},    {ARRAY_TEXT, add_outcome},     {ARRAY_UUID, add_corr},  {ARRAY_TEXT, add_amount},
    {ARRAY_TEXT, add_asset},  {ARRAY_TEXT, add_destination}, {ARRAY_TEXT, add_key},   {ARRAY_INT8, add_version},
    {ARRAY_TEXT, add_wallet},
};

static enum status array_build(struct bytes *out, const struct array_column *column, const struct store_leaf *leaves,
                               size_t count)
{
    struct buffer array;
    array_begin(&array, column->element, count);
    for (size_t i = 0; i < count; i++) {
        column->add(&array, &leaves[i]);
    }
    return buffer_finish(out, &array);
}

enum status store_leaf_append(struct store_tx *tx, const struct store_leaf *leaves, size_t count, struct fault *fault)
{
    struct bytes arrays[COUNT(array_columns)] = {0};
    struct parameters p = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < COUNT(array_columns); i++) {
        status = array_build(&arrays[i], &array_columns[i], leaves, count);
        if (status == STATUS_OK) {
            parameter_bytes(&p, arrays[i].data, arrays[i].len);
        }
    }
    if (status == STATUS_OK) {
        status = tx_run(tx, NULL, &append, &p, fault);
    }
    for (size_t i = 0; i < COUNT(array_columns); i++) {
        bytes_free(&arrays[i]);
    }
    return status;
}

enum status store_tile_put(struct store_tx *tx, unsigned level, uint64_t index,
                           const struct digest hashes[STORE_TILE_WIDTH], struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, level);
    parameter_uint64(&p, index);
    parameter_bytes(&p, hashes, STORE_TILE_WIDTH * sizeof *hashes);
    return tx_run(tx, NULL, &tile_put, &p, fault);
}

enum status store_checkpoint_put(struct store_tx *tx, const struct store_checkpoint *checkpoint, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, checkpoint->size);
    parameter_bytes(&p, checkpoint->note.data, checkpoint->note.len);
    parameter_time(&p, checkpoint->signed_at_utc_us);
    return tx_run(tx, NULL, &checkpoint_put, &p, fault);
}

enum status store_trail_is_empty(bool *out, struct store_tx *tx, struct fault *fault)
{
    return tx_read_one(tx, out, &empty_shape, &is_empty, NULL, fault);
}

enum status store_ordinals_derive(struct store_tx *tx, struct fault *fault)
{
    struct parameters p = {0};
    return tx_run(tx, NULL, &ordinals_derive, &p, fault);
}
