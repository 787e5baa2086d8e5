/*
 * Ends of withdrawals, each once.
 */
#include "store/ending.h"

#include "pool.h"

static const struct statement add = {
    "ending_add",
    "INSERT INTO custody.ending (withdrawal, number) VALUES ($1::uuid, $2::bigint) ON CONFLICT DO NOTHING",
    2,
};

static const struct column newest_columns[] = {{"number", COLUMN_UINT64, false, 0, sizeof(uint64_t)}};
static const struct row_shape newest_shape = ROW_SHAPE(uint64_t, newest_columns);

static const struct statement newest = {
    "ending_newest",
    "SELECT coalesce(max(number), 0) AS number FROM custody.ending",
    0,
};

enum status store_ending_add(struct store_tx *tx, const struct uuid *withdrawal, uint64_t number, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    parameter_uint64(&p, number);
    return tx_run(tx, NULL, &add, &p, fault);
}

enum status store_ending_newest(uint64_t *out, const struct store_tx *tx, struct fault *fault)
{
    const struct parameters none = {0};
    return tx_read_one(tx, out, &newest_shape, &newest, &none, fault);
}
