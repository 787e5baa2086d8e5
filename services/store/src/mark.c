/*
 * Marks. The row lock of the upsert decides who was first.
 */
#include "store/mark.h"

#include "pool.h"

static const struct column set_columns[] = {
    COLUMN(struct store_mark, previous, "previous", COLUMN_TEXT),
    COLUMN(struct store_mark, changed, "changed", COLUMN_BOOL),
    COLUMN(struct store_mark, changed_at_utc_us, "changed_at", COLUMN_TIME),
};

static const struct row_shape set_shape = ROW_SHAPE(struct store_mark, set_columns);

static const struct statement set = {
    "mark_set",
    "WITH old AS (SELECT value, changed_at FROM custody.mark WHERE subject = $1::text),"
    " put AS (INSERT INTO custody.mark AS m (subject, value) VALUES ($1::text, $2::text)"
    " ON CONFLICT (subject) DO UPDATE SET value = excluded.value, changed_at = clock_timestamp()"
    " WHERE m.value <> excluded.value AND m.value <> $3::text RETURNING changed_at)"
    " SELECT coalesce((SELECT value FROM old), '') AS previous, EXISTS (SELECT FROM put) AS changed,"
    " coalesce((SELECT changed_at FROM put), (SELECT changed_at FROM old), clock_timestamp()) AS changed_at",
    3,
};

struct value {
    char text[STORE_MARK_VALUE_SIZE];
};

static const struct column get_columns[] = {COLUMN(struct value, text, "value", COLUMN_TEXT)};

static const struct row_shape get_shape = ROW_SHAPE(struct value, get_columns);

static const struct statement get = {"mark_get", "SELECT value FROM custody.mark WHERE subject = $1::text", 1};

enum status store_mark_set(struct store_mark *out, struct store_tx *tx, const char *subject, const char *value,
                           struct fault *fault)
{
    return store_mark_set_unless(out, tx, subject, value, "", fault); /* no value is empty */
}

enum status store_mark_set_unless(struct store_mark *out, struct store_tx *tx, const char *subject, const char *value,
                                  const char *lasting, struct fault *fault)
{
    struct parameters p = {0};
    struct store_mark mark;
    parameter_text(&p, subject);
    parameter_text(&p, value);
    parameter_text(&p, lasting);
    enum status status = tx_read_one(tx, &mark, &set_shape, &set, &p, fault);
    if (status == STATUS_OK) {
        *out = mark;
    }
    return status;
}

enum status store_mark_get(char out[STORE_MARK_VALUE_SIZE], const struct store_tx *tx, const char *subject,
                           struct fault *fault)
{
    struct parameters p = {0};
    struct value value;
    parameter_text(&p, subject);
    enum status status = tx_read_one(tx, &value, &get_shape, &get, &p, fault);
    if (status == STATUS_OK) {
        memcpy(out, value.text, sizeof(value.text));
    }
    return status;
}
