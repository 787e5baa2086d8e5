/*
 * Cosignatures. Rows are only added; the first of a witness and size stays.
 */
#include "store/cosignature.h"

#include "pool.h"

static const struct statement put = {
    "cosignature_put",
    "INSERT INTO audit.cosignature (size, witness, line) VALUES ($1::bigint, $2::text, $3::bytea) ON CONFLICT DO "
    "NOTHING",
    3,
};

static const struct column columns[] = {
    COLUMN(struct store_cosignature, size, "size", COLUMN_UINT64),
    COLUMN(struct store_cosignature, note, "note", COLUMN_BYTES),
    COLUMN(struct store_cosignature, line, "line", COLUMN_BYTES),
};

static const struct row_shape shape = ROW_SHAPE(struct store_cosignature, columns);

static const struct statement newest = {
    "cosignature_newest",
    "SELECT c.size, c.note, s.line FROM audit.cosignature AS s JOIN audit.checkpoint AS c USING (size)"
    " WHERE s.witness = $1::text ORDER BY s.size DESC LIMIT 1",
    1,
};

enum status store_cosignature_put(struct store_tx *tx, uint64_t size, const char *witness, const struct bytes *line,
                                  struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, size);
    parameter_text(&p, witness);
    parameter_bytes(&p, line->data, line->len);
    return tx_run(tx, NULL, &put, &p, fault);
}

enum status store_cosignature_newest(struct store_cosignature *out, const struct store_tx *tx, const char *witness,
                                     struct fault *fault)
{
    struct parameters p = {0};
    struct store_cosignature row;
    parameter_text(&p, witness);
    enum status status = tx_read_one(tx, &row, &shape, &newest, &p, fault);
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}
