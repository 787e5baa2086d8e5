/*
 * Rows of personal data.
 */
#include "store/subject.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_subject_row, commitment, "commitment", COLUMN_DIGEST),
    COLUMN(struct store_subject_row, subject, "subject", COLUMN_UUID),
    COLUMN(struct store_subject_row, event, "event", COLUMN_UUID),
    COLUMN(struct store_subject_row, field, "field", COLUMN_TEXT),
    COLUMN(struct store_subject_row, sealed, "sealed", COLUMN_BYTES),
    COLUMN(struct store_subject_row, erase_after_utc_us, "erase_after", COLUMN_TIME),
    COLUMN(struct store_subject_row, recorded_at_utc_us, "recorded_at", COLUMN_TIME),
};

static const struct row_shape shape = ROW_SHAPE(struct store_subject_row, columns);

static const struct statement add = {
    "subject_add",
    "INSERT INTO audit.pii (commitment, subject, event, field, sealed, erase_after, recorded_at)"
    " VALUES ($1::bytea, $2::uuid, $3::uuid, $4::text, $5::bytea, $6::timestamptz, clock_timestamp())",
    6,
};

static const struct statement list_rows = {
    "subject_list",
    "SELECT commitment, subject, event, field, sealed, erase_after, recorded_at FROM audit.pii"
    " WHERE subject = $1::uuid ORDER BY field, recorded_at, commitment LIMIT $2::bigint",
    2,
};

static const struct statement delete_rows = {
    "subject_delete",
    "DELETE FROM audit.pii WHERE subject = $1::uuid",
    1,
};

enum status store_subject_add(struct store_tx *tx, const struct store_subject_row *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_digest(&p, &row->commitment);
    parameter_uuid(&p, &row->subject);
    parameter_uuid(&p, &row->event);
    parameter_text(&p, row->field);
    parameter_bytes(&p, row->sealed.data, row->sealed.len);
    parameter_time(&p, row->erase_after_utc_us);
    return tx_run(tx, NULL, &add, &p, fault);
}

enum status store_subject_list(struct store_subject_rows *out, const struct store_tx *tx, const struct uuid *subject,
                               unsigned limit, struct fault *fault)
{
    struct parameters p = {0};
    struct row_array array = {0};
    parameter_uuid(&p, subject);
    parameter_int64(&p, limit);
    enum status status = tx_read_all(tx, &array, &shape, &list_rows, &p, fault);
    if (status == STATUS_OK) {
        *out = (struct store_subject_rows){.rows = array.rows, .count = array.count};
    }
    return status;
}

enum status store_subject_delete(struct store_tx *tx, const struct uuid *subject, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, subject);
    return tx_run(tx, NULL, &delete_rows, &p, fault);
}

void store_subject_rows_free(struct store_subject_rows *rows)
{
    struct row_array array = {.rows = rows->rows, .count = rows->count};
    row_array_free(&array, &shape);
    *rows = (struct store_subject_rows){0};
}
