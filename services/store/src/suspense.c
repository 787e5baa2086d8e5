/*
 * Receipts in suspense. A row is never removed: who returned it stays written on it.
 */
#include "store/suspense.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_suspense, transaction, "transaction", COLUMN_DIGEST),
    COLUMN(struct store_suspense, key, "key", COLUMN_DIGEST),
    COLUMN(struct store_suspense, asset, "asset", COLUMN_DIGEST),
    COLUMN(struct store_suspense, amount, "amount", COLUMN_AMOUNT),
    COLUMN(struct store_suspense, sender, "sender", COLUMN_TEXT),
    COLUMN(struct store_suspense, state, "state", COLUMN_TEXT),
    COLUMN(struct store_suspense, height, "height", COLUMN_UINT64),
    COLUMN(struct store_suspense, seen_at_utc_us, "seen_at", COLUMN_TIME),
    COLUMN(struct store_suspense, returning, "returning", COLUMN_BOOL),
    COLUMN_NULLABLE(struct store_suspense, returned_by, "returned_by", COLUMN_UUID),
};

static const struct row_shape shape = ROW_SHAPE(struct store_suspense, columns);

static const struct statement add = {
    "suspense_add",
    "INSERT INTO custody.suspense (transaction, key, asset, amount, sender, state, height)"
    " VALUES ($1::bytea, $2::bytea, $3::bytea, $4::text::numeric, $5::text, $6::text, $7::bigint) ON CONFLICT DO "
    "NOTHING",
    7,
};

static const struct statement sum = {
    "suspense_sum",
    "SELECT coalesce(sum(amount), 0)::text AS sum FROM custody.suspense"
    " WHERE key = $1::bytea AND asset = $2::bytea AND returned_by IS NULL",
    2,
};

static const struct statement list_of_key = {
    "suspense_list",
    "SELECT transaction::bytea, key::bytea, asset::bytea, amount::text, sender, state, height, seen_at,"
    " returned_by IS NOT NULL AS returning, returned_by FROM custody.suspense WHERE key = $1::bytea"
    " ORDER BY height DESC, transaction, asset LIMIT $2::bigint",
    2,
};

static const struct column key_columns[] = {
    COLUMN(struct store_suspense_key, key, "key", COLUMN_DIGEST),
    COLUMN(struct store_suspense_key, first_at_utc_us, "first_at", COLUMN_TIME),
    COLUMN(struct store_suspense_key, count, "count", COLUMN_UINT64),
};

static const struct row_shape key_shape = ROW_SHAPE(struct store_suspense_key, key_columns);

static const struct statement keys = {
    "suspense_keys",
    "SELECT key::bytea, min(seen_at) AS first_at, count(*) AS count FROM custody.suspense"
    " WHERE returned_by IS NULL GROUP BY key ORDER BY first_at, key",
    0,
};

static const struct statement give = {
    "suspense_return",
    "UPDATE custody.suspense SET returned_by = $6::uuid WHERE transaction = $1::bytea AND key = $2::bytea"
    " AND asset = $3::bytea AND amount = $4::text::numeric AND sender = $5::text AND returned_by IS NULL",
    6,
};

static void parameters_of(struct parameters *p, const struct store_suspense *row)
{
    parameter_digest(p, &row->transaction);
    parameter_digest(p, &row->key);
    parameter_digest(p, &row->asset);
    parameter_amount(p, row->amount);
    parameter_text(p, row->sender);
}

enum status store_suspense_add(struct store_tx *tx, const struct store_suspense *row, struct fault *fault)
{
    struct parameters p = {0};
    parameters_of(&p, row);
    parameter_text(&p, row->state);
    parameter_uint64(&p, row->height);
    return tx_run(tx, NULL, &add, &p, fault);
}

enum status store_suspense_sum(struct amount *out, const struct store_tx *tx, const struct digest *key,
                               const struct digest *asset, struct fault *fault)
{
    static const struct column column[] = {{"sum", COLUMN_AMOUNT, false, 0, sizeof(struct amount)}};
    static const struct row_shape sum_shape = ROW_SHAPE(struct amount, column);
    struct parameters p = {0};
    struct amount held;
    parameter_digest(&p, key);
    parameter_digest(&p, asset);
    enum status status = tx_read_one(tx, &held, &sum_shape, &sum, &p, fault);
    if (status == STATUS_OK) {
        *out = held;
    }
    return status;
}

enum status store_suspense_list(struct store_suspense_list *out, const struct store_tx *tx, const struct digest *key,
                                struct fault *fault)
{
    struct parameters p = {0};
    struct row_array array = {0};
    parameter_digest(&p, key);
    parameter_uint64(&p, STORE_SUSPENSE_MAX);
    enum status status = tx_read_all(tx, &array, &shape, &list_of_key, &p, fault);
    if (status == STATUS_OK) {
        *out = (struct store_suspense_list){.rows = array.rows, .count = array.count};
    }
    return status;
}

enum status store_suspense_keys(struct store_suspense_key **out, size_t *out_count, const struct store_tx *tx,
                                struct fault *fault)
{
    struct parameters p = {0};
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &key_shape, &keys, &p, fault);
    if (status == STATUS_OK) {
        *out = array.rows;
        *out_count = array.count;
    }
    return status;
}

void store_suspense_list_free(struct store_suspense_list *list)
{
    struct row_array array = {.rows = list->rows, .count = list->count};
    row_array_free(&array, &shape);
    *list = (struct store_suspense_list){0};
}

enum status store_suspense_return(struct store_tx *tx, const struct store_suspense *row, struct fault *fault)
{
    struct parameters p = {0};
    parameters_of(&p, row);
    parameter_uuid(&p, &row->returned_by);
    return tx_run_one(tx, &give, &p, STATUS_CONFLICT, fault);
}
