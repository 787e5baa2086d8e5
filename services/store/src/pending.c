/*
 * Ordinals and pending events, written in the transaction of what they tell about.
 */
#include "store/pending.h"

#include "pool.h"

static const struct column columns[] = {{"last", COLUMN_UINT64, false, 0, sizeof(uint64_t)}};
static const struct row_shape shape = ROW_SHAPE(uint64_t, columns);

static const struct statement ordinal = {
    "ordinal_next",
    "INSERT INTO custody.object_ordinal AS o (otype, oid, last) VALUES ($1::text, $2::text, 1)"
    " ON CONFLICT (otype, oid) DO UPDATE SET last = o.last + 1 RETURNING last",
    2,
};

static const struct statement put = {
    "pending_put",
    "INSERT INTO audit.pending (cls, evt) VALUES ($1::bigint::smallint, $2::bytea)",
    2,
};

enum status store_ordinal_next(struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                               struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, otype);
    parameter_text(&p, oid);
    uint64_t last = 0;
    enum status status = tx_read_one(tx, &last, &shape, &ordinal, &p, fault);
    if (status == STATUS_OK) {
        *out = last;
    }
    return status;
}

enum status store_pending_put(struct store_tx *tx, const void *event, size_t len, int cls, struct fault *fault)
{
    struct parameters p = {0};
    parameter_int64(&p, cls);
    parameter_bytes(&p, event, len);
    return tx_run(tx, NULL, &put, &p, fault);
}
