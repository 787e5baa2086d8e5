/*
 * Reads of the trail. Rows are shown as they stand; whether they are true is found out from `raw`, the tree and the
 * checkpoints, by whoever reads them.
 */
#include "store/trail_read.h"

#include "leaf_row.h"

#define EXPORT_ROWS 256

static const struct column columns[] = {
    COLUMN(struct store_leaf, seq, "seq", COLUMN_UINT64),
    COLUMN(struct store_leaf, lh, "lh", COLUMN_DIGEST),
    COLUMN(struct store_leaf, raw, "raw", COLUMN_BYTES),
    COLUMN(struct store_leaf, ts_utc_us, "ts", COLUMN_TIME),
    COLUMN(struct store_leaf, actor, "actor", COLUMN_TEXT),
    COLUMN(struct store_leaf, act, "act", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, otype, "otype", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, oid, "oid", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, ord, "ord", COLUMN_UINT64),
    COLUMN(struct store_leaf, outcome, "outcome", COLUMN_TEXT),
    COLUMN(struct store_leaf, has_corr, "has_corr", COLUMN_BOOL),
    COLUMN_NULLABLE(struct store_leaf, corr, "corr", COLUMN_UUID),
    COLUMN_NULLABLE(struct store_leaf, amount, "amount", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, asset, "asset", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, destination, "destination", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, key, "key", COLUMN_TEXT),
    COLUMN_NULLABLE(struct store_leaf, version, "version", COLUMN_UINT64),
    COLUMN_NULLABLE(struct store_leaf, wallet, "wallet", COLUMN_TEXT),
};

const struct row_shape leaf_row_shape = ROW_SHAPE_CLAIMS(struct store_leaf, columns);

#define WHERE_FILTER                                                                                                   \
    " WHERE ($1::text IS NULL OR actor = $1::text) AND ($2::text IS NULL OR act = $2::text)"                           \
    " AND ($3::text IS NULL OR otype = $3::text) AND ($4::text IS NULL OR oid = $4::text)"                             \
    " AND ($5::text IS NULL OR outcome = $5::text)"                                                                    \
    " AND seq >= $6::bigint AND ($7::bigint = 0 OR seq < $7::bigint)"                                                  \
    " AND ($8::bigint = 0 OR ord = $8::bigint)"

static const struct statement list_forward = {
    "leaf_list",
    "SELECT " LEAF_COLUMNS " FROM audit.leaf" WHERE_FILTER " ORDER BY seq LIMIT $9::bigint",
    9,
};

static const struct statement list_backward = {
    "leaf_list_newest",
    "SELECT " LEAF_COLUMNS " FROM audit.leaf" WHERE_FILTER " ORDER BY seq DESC LIMIT $9::bigint",
    9,
};

static const struct statement by_seq = {
    "leaf_by_seq",
    "SELECT " LEAF_COLUMNS " FROM audit.leaf WHERE seq = $1::bigint",
    1,
};

/* The entry before it of its object alone is looked at: of a number that was set back, the first one comes after a
 * later one. */
static const struct statement repeats = {
    "leaf_repeats",
    "SELECT seq FROM audit.leaf AS a WHERE seq >= $1::bigint AND seq < $2::bigint AND ord <="
    " (SELECT b.ord FROM audit.leaf AS b WHERE b.otype = a.otype AND b.oid = a.oid AND b.seq < a.seq"
    " ORDER BY b.seq DESC LIMIT 1) ORDER BY seq LIMIT $3::bigint",
    3,
};

static const char *condition(const char *text)
{
    return text == NULL || text[0] == 0 ? NULL : text;
}

enum status store_leaf_list(struct store_leaf_list *out, const struct store_tx *tx,
                            const struct store_leaf_filter *filter, struct fault *fault)
{
    INVARIANT(filter->limit >= 1 && filter->limit <= STORE_LEAVES_MAX);
    struct store_leaf_list list = {0};
    struct parameters p = {0};
    parameter_text(&p, condition(filter->actor));
    parameter_text(&p, condition(filter->act));
    parameter_text(&p, condition(filter->otype));
    parameter_text(&p, condition(filter->oid));
    parameter_text(&p, condition(filter->outcome));
    parameter_uint64(&p, filter->from_seq);
    parameter_uint64(&p, filter->to_seq);
    parameter_uint64(&p, filter->ord);
    parameter_uint64(&p, filter->limit);
    struct row_array array = {0};
    enum status status =
        tx_read_all(tx, &array, &leaf_row_shape, filter->newest_first ? &list_backward : &list_forward, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    list.rows = array.rows;
    list.count = array.count;
    *out = list;
    return STATUS_OK;
}

enum status store_leaf_repeats(uint64_t out[STORE_REPEATS_MAX], size_t *out_count, const struct store_tx *tx,
                               uint64_t from_seq, uint64_t to_seq, struct fault *fault)
{
    static const struct column seq_columns[] = {{"seq", COLUMN_UINT64, false, 0, sizeof(uint64_t)}};
    static const struct row_shape seq_shape = ROW_SHAPE(uint64_t, seq_columns);
    struct row_array array = {0};
    struct parameters p = {0};
    parameter_uint64(&p, from_seq);
    parameter_uint64(&p, to_seq);
    parameter_uint64(&p, STORE_REPEATS_MAX);
    enum status status = tx_read_all(tx, &array, &seq_shape, &repeats, &p, fault);
    if (status == STATUS_OK) {
        *out_count = array.count;
        const uint64_t *rows = array.rows;
        for (size_t i = 0; i < array.count; i++) {
            out[i] = rows[i];
        }
    }
    row_array_free(&array, &seq_shape);
    return status;
}

enum status store_leaf_get(struct store_leaf *out, const struct store_tx *tx, uint64_t seq, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, seq);
    struct store_leaf leaf;
    enum status status = tx_read_one(tx, &leaf, &leaf_row_shape, &by_seq, &p, fault);
    if (status == STATUS_OK) {
        *out = leaf;
    }
    return status;
}

void store_leaf_wipe(struct store_leaf *leaf)
{
    row_wipe(leaf, &leaf_row_shape);
}

void store_leaf_list_free(struct store_leaf_list *list)
{
    struct row_array array = {.rows = list->rows, .count = list->count};
    row_array_free(&array, &leaf_row_shape);
    *list = (struct store_leaf_list){0};
}

static const struct statement export_declare = {
    "leaf_export",
    "SELECT " LEAF_COLUMNS " FROM audit.leaf WHERE seq >= $1::bigint ORDER BY seq LIMIT $2::bigint",
    2,
};

static enum status export_hand(const struct row_array *array, uint64_t *out_next, store_leaf_fn *call, void *context,
                               struct fault *fault)
{
    const struct store_leaf *rows = array->rows;
    for (size_t i = 0; i < array->count; i++) {
        enum status status = call(context, &rows[i], fault);
        if (status != STATUS_OK) {
            return status;
        }
        *out_next = rows[i].seq + 1;
    }
    return STATUS_OK;
}

/* Pages by seq: in one snapshot that is the same as a cursor, and needs no name on the server. */
enum status store_leaf_each(const struct store_tx *tx, uint64_t from, store_leaf_fn *call, void *context,
                            struct fault *fault)
{
    uint64_t next = from;
    for (;;) {
        struct parameters p = {0};
        parameter_uint64(&p, next);
        parameter_uint64(&p, EXPORT_ROWS);
        struct row_array array = {0};
        enum status status = tx_read_all(tx, &array, &leaf_row_shape, &export_declare, &p, fault);
        if (status != STATUS_OK) {
            return status;
        }
        size_t count = array.count;
        status = export_hand(&array, &next, call, context, fault);
        row_array_free(&array, &leaf_row_shape);
        if (status != STATUS_OK || count < EXPORT_ROWS) {
            return status;
        }
    }
}
