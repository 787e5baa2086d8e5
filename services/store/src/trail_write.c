/*
 * The statements of a batch: arrays in, arrays out, so that their number does not grow with the batch. The fence is in
 * the statement that writes it: whatever that does is done only where the head row is the one expected.
 */
#include <inttypes.h>

#include "pool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct column pending_columns[] = {
    COLUMN(struct store_pending, pid, "pid", COLUMN_INT64),
    COLUMN(struct store_pending, event, "evt", COLUMN_BYTES),
    COLUMN(struct store_pending, mac, "mac", COLUMN_BYTES),
    COLUMN(struct store_pending, since, "since", COLUMN_INT64),
};
static const struct row_shape pending_shape = ROW_SHAPE(struct store_pending, pending_columns);

/* Rows of open transactions are not seen, and their inserts are not waited for. */
static const struct statement first_pending = {
    "pending_first",
    "SELECT pid, evt, mac, since FROM audit.pending ORDER BY pid LIMIT $1::bigint",
    1,
};

static const struct column head_columns[] = {
    COLUMN(struct store_head, epoch, "epoch", COLUMN_UINT64),
    COLUMN(struct store_head, size, "size", COLUMN_UINT64),
    COLUMN(struct store_head, root, "root", COLUMN_DIGEST),
    COLUMN(struct store_head, last_lh, "last_lh", COLUMN_DIGEST),
    COLUMN(struct store_head, frontier, "frontier", COLUMN_BYTES),
    COLUMN(struct store_head, first, "first", COLUMN_UINT64),
    COLUMN(struct store_head, mac, "mac", COLUMN_DIGEST),
};
static const struct row_shape head_shape = ROW_SHAPE(struct store_head, head_columns);

static const struct statement lead = {
    "head_lead",
    "UPDATE audit.head SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch, size, root, last_lh, frontier, first,"
    " mac",
    0,
};

static const struct statement partitions = {
    "leaf_partitions",
    "SELECT audit.leaf_partition_ensure($1::bigint), audit.leaf_partition_ensure($2::bigint)",
    2,
};

/* A leader whose epoch is another finds no row to move, and then nothing else happens either. */
static const struct statement extend = {
    "trail_extend",
    "WITH moved AS (UPDATE audit.head SET size = $3::bigint, root = $4::bytea, last_lh = $5::bytea,"
    " frontier = $6::bytea, mac = $7::bytea WHERE id = 1 AND epoch = $1::bigint AND size = $2::bigint RETURNING id),"
    " taken AS (DELETE FROM audit.pending WHERE pid = ANY ($8::bigint[]) AND EXISTS (SELECT FROM moved)),"
    " tiles AS (INSERT INTO audit.tile (level, idx, hashes) SELECT t.level::smallint, t.idx, t.hashes"
    " FROM unnest($9::bigint[], $10::bigint[], $11::bytea[]) AS t(level, idx, hashes) WHERE EXISTS (SELECT FROM "
    "moved)),"
    " leaves AS (INSERT INTO audit.leaf (seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr, amount, asset,"
    " destination, key, version, wallet)"
    " SELECT n.seq, n.lh, n.raw, n.ts, n.actor, n.act, n.otype, n.oid, n.ord, n.outcome, n.corr, n.amount::numeric,"
    " n.asset, n.destination, n.key, n.version, n.wallet"
    " FROM unnest($12::bigint[], $13::bytea[], $14::bytea[], $15::timestamptz[], $16::text[], $17::text[], $18::text[],"
    " $19::text[], $20::bigint[], $21::text[], $22::uuid[], $23::text[], $24::text[], $25::text[], $26::text[],"
    " $27::bigint[], $28::text[])"
    " AS n(seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr, amount, asset, destination, key, version,"
    " wallet) WHERE EXISTS (SELECT FROM moved))"
    " SELECT count(*) = 1 AS moved FROM moved",
    28,
};

static const struct column moved_columns[] = {{"moved", COLUMN_BOOL, false, 0, sizeof(bool)}};
static const struct row_shape moved_shape = ROW_SHAPE(bool, moved_columns);

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

enum status store_pending_first(struct store_pending_batch *out, struct store_writer *writer, unsigned limit,
                                struct fault *fault)
{
    INVARIANT(limit >= 1 && limit <= STORE_BATCH_MAX);
    struct parameters p = {0};
    struct store_tx alone = {0};
    struct row_array array = {0};
    parameter_uint64(&p, limit);
    enum status status = writer_session(&alone.store, &alone.session, writer, fault);
    if (status == STATUS_OK) {
        status = tx_read_all(&alone, &array, &pending_shape, &first_pending, &p, fault);
    }
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

enum status store_leaf_partitions(struct store_tx *tx, uint64_t seq, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, seq);
    parameter_uint64(&p, seq + STORE_TRAIL_PARTITION);
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

#define LEAF_ARRAYS COUNT(array_columns)
#define ARRAYS_MAX (LEAF_ARRAYS + 4)

/* The parameters of the statement; the arrays among them are owned. */
struct extending {
    struct parameters parameters;
    struct bytes arrays[ARRAYS_MAX];
    size_t count;
    enum status status;
};

static void extending_free(struct extending *extending)
{
    for (size_t i = 0; i < extending->count; i++) {
        bytes_free(&extending->arrays[i]);
    }
}

static void add_array(struct extending *extending, struct buffer *array)
{
    if (extending->status != STATUS_OK) {
        buffer_free(array);
        return;
    }
    struct bytes *made = &extending->arrays[extending->count];
    extending->status = buffer_finish(made, array);
    if (extending->status == STATUS_OK) {
        extending->count++;
        parameter_bytes(&extending->parameters, made->data, made->len);
    }
}

static void add_head(struct extending *extending, const struct store_extension *extension)
{
    struct parameters *p = &extending->parameters;
    const struct store_head *head = extension->head;
    parameter_uint64(p, head->epoch);
    parameter_uint64(p, extension->size);
    parameter_uint64(p, head->size);
    parameter_digest(p, &head->root);
    parameter_digest(p, &head->last_lh);
    parameter_bytes(p, head->frontier.data, head->frontier.len);
    parameter_digest(p, &head->mac);
}

static void add_pending(struct extending *extending, const struct store_extension *extension)
{
    struct buffer pids;
    array_begin(&pids, ARRAY_INT8, extension->pending_count);
    for (size_t i = 0; i < extension->pending_count; i++) {
        array_element_int64(&pids, extension->pending[i].pid);
    }
    add_array(extending, &pids);
}

static void add_tiles(struct extending *extending, const struct store_extension *extension)
{
    struct buffer levels;
    struct buffer indices;
    struct buffer hashes;
    array_begin(&levels, ARRAY_INT8, extension->tile_count);
    array_begin(&indices, ARRAY_INT8, extension->tile_count);
    array_begin(&hashes, ARRAY_BYTEA, extension->tile_count);
    for (size_t i = 0; i < extension->tile_count; i++) {
        const struct store_tile *tile = &extension->tiles[i];
        array_element_int64(&levels, tile->level);
        array_element_int64(&indices, (int64_t)tile->index);
        array_element_bytes(&hashes, tile->hashes, sizeof(tile->hashes));
    }
    add_array(extending, &levels);
    add_array(extending, &indices);
    add_array(extending, &hashes);
}

static void add_leaves(struct extending *extending, const struct store_extension *extension)
{
    for (size_t i = 0; i < LEAF_ARRAYS; i++) {
        struct buffer array;
        array_begin(&array, array_columns[i].element, extension->leaf_count);
        for (size_t leaf = 0; leaf < extension->leaf_count; leaf++) {
            array_columns[i].add(&array, &extension->leaves[leaf]);
        }
        add_array(extending, &array);
    }
}

/* Out: extending_free, also on failure. */
static enum status extending_make(struct extending *out, const struct store_extension *extension, struct fault *fault)
{
    *out = (struct extending){.status = STATUS_OK};
    add_head(out, extension);
    add_pending(out, extension);
    add_tiles(out, extension);
    add_leaves(out, extension);
    return out->status == STATUS_OK ? STATUS_OK : fault_set(fault, out->status, "trail", "building a batch");
}

static enum status extending_judge(PGresult *result, struct fault *fault)
{
    bool moved = false;
    enum status status = row_decode(&moved, &moved_shape, result, 0, fault);
    PQclear(result);
    if (status == STATUS_OK && !moved) {
        status = fault_set(fault, STATUS_CONFLICT, "audit.head", "another leads");
    }
    return status;
}

enum status store_trail_extend(struct store_tx *tx, const struct store_extension *extension, struct fault *fault)
{
    struct extending extending;
    PGresult *result = NULL;
    enum status status = extending_make(&extending, extension, fault);
    if (status == STATUS_OK) {
        status = tx_run(tx, &result, &extend, &extending.parameters, fault);
    }
    extending_free(&extending);
    return status == STATUS_OK ? extending_judge(result, fault) : status;
}

enum status store_writer_extend(struct store_writer *writer, const struct store_extension *extension,
                                struct fault *fault)
{
    struct extending extending;
    struct store *store = NULL;
    struct session *session = NULL;
    PGresult *result = NULL;
    enum status status = writer_session(&store, &session, writer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = extending_make(&extending, extension, fault);
    if (status == STATUS_OK) {
        status = session_run_alone(session, &result, &extend, &extending.parameters, fault);
    }
    extending_free(&extending);
    return status == STATUS_OK ? extending_judge(result, fault) : status;
}

enum status store_checkpoint_put(struct store_tx *tx, const struct store_checkpoint *checkpoint, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, checkpoint->size);
    parameter_bytes(&p, checkpoint->note.data, checkpoint->note.len);
    parameter_time(&p, checkpoint->signed_at_utc_us);
    return tx_run(tx, NULL, &checkpoint_put, &p, fault);
}

enum status store_trail_is_empty(bool *out, const struct store_tx *tx, struct fault *fault)
{
    return tx_read_one(tx, out, &empty_shape, &is_empty, NULL, fault);
}

enum status store_ordinals_derive(struct store_tx *tx, struct fault *fault)
{
    struct parameters p = {0};
    return tx_run(tx, NULL, &ordinals_derive, &p, fault);
}
