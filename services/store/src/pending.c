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

static const struct statement ordinal_last = {
    "ordinal_last",
    "SELECT coalesce(max(last), 0) AS last FROM custody.object_ordinal WHERE otype = $1::text AND oid = $2::text",
    2,
};

static const struct statement pending_put = {
    "pending_put",
    "INSERT INTO audit.pending (evt, mac, since) VALUES ($1::bytea, $2::bytea, $3::bigint)",
    3,
};

static enum status ordinal_read(const struct store_tx *tx, uint64_t *out, const struct statement *statement,
                                const char *const object[2], struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, object[0]);
    parameter_text(&p, object[1]);
    uint64_t last = 0;
    enum status status = tx_read_one(tx, &last, &shape, statement, &p, fault);
    if (status == STATUS_OK) {
        *out = last;
    }
    return status;
}

enum status store_ordinal_next(struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                               struct fault *fault)
{
    const char *const object[2] = {otype, oid};
    return ordinal_read(tx, out, &ordinal, object, fault);
}

enum status store_ordinal_last(const struct store_tx *tx, uint64_t *out, const char *otype, const char *oid,
                               struct fault *fault)
{
    const char *const object[2] = {otype, oid};
    return ordinal_read(tx, out, &ordinal_last, object, fault);
}

enum status store_pending_put(struct store_tx *tx, const struct store_put *put, struct fault *fault)
{
    struct parameters p = {0};
    parameter_bytes(&p, put->event.data, put->event.len);
    parameter_bytes(&p, put->mac.bytes32, sizeof(put->mac.bytes32));
    parameter_uint64(&p, put->since);
    return tx_run(tx, NULL, &pending_put, &p, fault);
}
