/*
 * Payers. The ends of an address are a column that the database makes, so that look-alikes are found by an index.
 */
#include "store/payer.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_payer, address, "address", COLUMN_TEXT),
    COLUMN(struct store_payer, transaction, "transaction", COLUMN_DIGEST),
    COLUMN(struct store_payer, height, "height", COLUMN_UINT64),
};

static const struct row_shape shape = ROW_SHAPE(struct store_payer, columns);

static const struct statement add = {
    "payer_add",
    "INSERT INTO custody.payer (address, transaction, height) VALUES ($1::text, $2::bytea, $3::bigint)"
    " ON CONFLICT DO NOTHING",
    3,
};

static const struct statement alike = {
    "payer_alike",
    "SELECT address, transaction::bytea, height FROM custody.payer"
    " WHERE ends = substr($1::text, 4, 4) || right($1::text, 4) AND address <> $1::text ORDER BY height LIMIT 1",
    1,
};

enum status store_payer_add(struct store_tx *tx, const struct store_payer *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, row->address);
    parameter_digest(&p, &row->transaction);
    parameter_uint64(&p, row->height);
    return tx_run(tx, NULL, &add, &p, fault);
}

enum status store_payer_alike(struct store_payer *out, const struct store_tx *tx, const char *address,
                              struct fault *fault)
{
    struct parameters p = {0};
    struct store_payer row;
    parameter_text(&p, address);
    enum status status = tx_read_one(tx, &row, &shape, &alike, &p, fault);
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}
