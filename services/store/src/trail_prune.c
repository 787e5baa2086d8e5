/*
 * What is asked before entries leave the database, and the call by which they do. The owner's function holds what it
 * can of the rules itself.
 */
#include "store/trail_prune.h"

#include "pool.h"

static const struct column bound_columns[] = {{"last", COLUMN_UINT64, false, 0, sizeof(uint64_t)}};
static const struct row_shape bound_shape = ROW_SHAPE(uint64_t, bound_columns);

static const struct statement bound_last = {
    "leaf_bound_last",
    "SELECT coalesce(max(below), 0)::bigint AS last FROM audit.leaf_partition WHERE below <= $1::bigint",
    1,
};

static const struct column unended_columns[] = {{"id", COLUMN_UUID, false, 0, sizeof(struct uuid)}};
static const struct row_shape unended_shape = ROW_SHAPE(struct uuid, unended_columns);

static const struct statement unended = {
    "withdrawal_unended",
    "SELECT id FROM custody.withdrawal WHERE state NOT IN ('confirmed', 'rejected', 'expired', 'cancelled', 'failed')"
    " AND requested_at <= $1::timestamptz ORDER BY requested_at LIMIT 1",
    1,
};

static const struct statement prune = {"leaf_prune", "SELECT audit.leaf_prune($1::bigint)", 1};

enum status store_leaf_bound_last(uint64_t *out, const struct store_tx *tx, uint64_t most, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, most);
    return tx_read_one(tx, out, &bound_shape, &bound_last, &p, fault);
}

enum status store_withdrawal_unended(struct uuid *out, const struct store_tx *tx, int64_t until_utc_us,
                                     struct fault *fault)
{
    struct parameters p = {0};
    parameter_time(&p, until_utc_us);
    return tx_read_one(tx, out, &unended_shape, &unended, &p, fault);
}

enum status store_leaf_prune(struct store_tx *tx, uint64_t bound, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, bound);
    return tx_run(tx, NULL, &prune, &p, fault);
}
