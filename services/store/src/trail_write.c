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

/*
 * A leader whose epoch is another finds no row to move, and then nothing else happens either. Rows come as rows: an
 * array for each column would be taken apart and put together again by the server, at a tenth of all that a row costs.
 */
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
    " FROM unnest($12::audit.leaf_row[]) AS n WHERE EXISTS (SELECT FROM moved))"
    " SELECT count(*) = 1 AS moved FROM moved",
    12,
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

/* "" and 0 are NULL. */
static void field_text(struct buffer *rows, const char *text)
{
    array_field_bytes(rows, ARRAY_TEXT, text[0] == 0 ? NULL : text, strlen(text));
}

static void field_counter(struct buffer *rows, uint64_t number)
{
    if (number == 0) {
        array_field_bytes(rows, ARRAY_INT8, NULL, 0);
    } else {
        array_field_int64(rows, ARRAY_INT8, (int64_t)number);
    }
}

#define LEAF_FIELDS 17
#define COLUMNS_BYTES 512 /* mostly more than those beside `raw` take */

/* The fields of audit.leaf_row in their order; the server refuses another number of them or another type. */
static void add_leaf(struct buffer *rows, const struct store_leaf *leaf)
{
    size_t began = array_row_begin(rows, LEAF_FIELDS);
    array_field_int64(rows, ARRAY_INT8, (int64_t)leaf->seq);
    array_field_bytes(rows, ARRAY_BYTEA, leaf->lh.bytes32, sizeof(leaf->lh.bytes32));
    array_field_bytes(rows, ARRAY_BYTEA, leaf->raw.data, leaf->raw.len);
    array_field_int64(rows, ARRAY_TIMESTAMPTZ, leaf->ts_utc_us - POSTGRES_EPOCH_US);
    field_text(rows, leaf->actor);
    field_text(rows, leaf->act);
    field_text(rows, leaf->otype);
    field_text(rows, leaf->oid);
    field_counter(rows, leaf->ord);
    field_text(rows, leaf->outcome);
    array_field_bytes(rows, ARRAY_UUID, leaf->has_corr ? leaf->corr.bytes16 : NULL, sizeof(leaf->corr.bytes16));
    field_text(rows, leaf->amount);
    field_text(rows, leaf->asset);
    field_text(rows, leaf->destination);
    field_text(rows, leaf->key);
    field_counter(rows, leaf->version);
    field_text(rows, leaf->wallet);
    array_row_end(rows, began);
}

#define ARRAYS_MAX 5

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
    array_begin(&pids, ARRAY_INT8, extension->pending_count, 0);
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
    array_begin(&levels, ARRAY_INT8, extension->tile_count, 0);
    array_begin(&indices, ARRAY_INT8, extension->tile_count, 0);
    array_begin(&hashes, ARRAY_BYTEA, extension->tile_count, 0);
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

static void add_leaves(struct extending *extending, const struct store_extension *extension, uint32_t type)
{
    struct buffer rows;
    size_t bytes = 0;
    for (size_t i = 0; i < extension->leaf_count; i++) {
        bytes += extension->leaves[i].raw.len + COLUMNS_BYTES;
    }
    array_begin(&rows, type, extension->leaf_count, bytes);
    for (size_t i = 0; i < extension->leaf_count; i++) {
        add_leaf(&rows, &extension->leaves[i]);
    }
    add_array(extending, &rows);
}

/* For a session. Out: extending_free, also on failure. */
static enum status extending_make(struct extending *out, const struct session *session,
                                  const struct store_extension *extension, struct fault *fault)
{
    *out = (struct extending){.status = STATUS_OK};
    add_head(out, extension);
    add_pending(out, extension);
    add_tiles(out, extension);
    add_leaves(out, extension, session->leaf_row);
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

/*
 * The session knows the type of the rows by its number: one that was dropped and made again under it (XX000) the next
 * session sees. What else may be internal to the server is found when that one reads what it leads on from.
 */
static enum status extending_refused(const struct session *session, enum status status, const struct fault *why,
                                     struct fault *fault)
{
    bool altered = status == STATUS_CORRUPT && strcmp(session->sqlstate, "XX000") == 0;
    return fault_set(fault, altered ? STATUS_UNAVAILABLE : status, why->where, "%s", why->detail);
}

enum status store_trail_extend(struct store_tx *tx, const struct store_extension *extension, struct fault *fault)
{
    struct extending extending;
    PGresult *result = NULL;
    enum status status = extending_make(&extending, tx->session, extension, fault);
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
    status = extending_make(&extending, session, extension, fault);
    if (status == STATUS_OK) {
        struct fault why = {0};
        status = session_run_alone(session, &result, &extend, &extending.parameters, &why);
        status = status == STATUS_OK ? status : extending_refused(session, status, &why, fault);
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
