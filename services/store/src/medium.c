/*
 * Media. A row is the current view; whoever changes it writes the entry about the change in the same transaction.
 */
#include "store/medium.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_medium, serial, "serial", COLUMN_NAME),
    COLUMN(struct store_medium, kind, "kind", COLUMN_TEXT),
    COLUMN(struct store_medium, place, "place", COLUMN_NAME),
    COLUMN(struct store_medium, custodian, "custodian", COLUMN_NAME),
    COLUMN(struct store_medium, inspection_due_utc_us, "inspection_due", COLUMN_TIME),
    COLUMN(struct store_medium, state, "state", COLUMN_TEXT),
    COLUMN(struct store_medium, ver, "ver", COLUMN_INT64),
    COLUMN(struct store_medium, updated_at_utc_us, "updated_at", COLUMN_TIME),
};

static const struct row_shape shape = ROW_SHAPE(struct store_medium, columns);

#define SELECT_MEDIUM_IN(state)                                                                                        \
    "SELECT serial::text, kind, place::text, custodian::text, inspection_due, " state                                  \
    ", ver, updated_at FROM custody.medium AS m"
#define SELECT_MEDIUM SELECT_MEDIUM_IN("state")

/* One person alone has said that it is there. A medium older than the entries has none, and stays as it is. */
#define STATE_AS_CONFIRMED                                                                                             \
    "CASE WHEN state = 'kept' AND EXISTS (SELECT FROM custody.medium_entry AS e WHERE e.serial = m.serial"             \
    " AND e.act = 'add') AND NOT EXISTS (SELECT FROM custody.medium_entry AS e WHERE e.serial = m.serial"              \
    " AND e.state = 'confirmed') THEN 'unconfirmed' ELSE state END AS state"

static const struct statement add = {
    "medium_add",
    "INSERT INTO custody.medium (serial, kind, place, custodian, inspection_due, state, ver, updated_at)"
    " VALUES ($1::text, $2::text, $3::text, $4::text, $5::timestamptz, 'kept', 1, clock_timestamp())",
    5,
};

static const struct statement get_locked = {
    "medium_get_locked",
    SELECT_MEDIUM " WHERE serial = $1::text FOR UPDATE",
    1,
};

static const struct statement change = {
    "medium_change",
    "UPDATE custody.medium SET place = $3::text, custodian = $4::text, inspection_due = $5::timestamptz,"
    " state = $6::text, ver = ver + 1, updated_at = clock_timestamp() WHERE serial = $1::text AND ver = $2::bigint",
    6,
};

static const struct statement list_media = {
    "medium_list",
    SELECT_MEDIUM_IN(STATE_AS_CONFIRMED) " WHERE serial::text COLLATE \"C\" > $1::text ORDER BY serial::text COLLATE "
                                         "\"C\" LIMIT $2::bigint",
    2,
};

static const struct statement list_overdue = {
    "medium_list_overdue",
    SELECT_MEDIUM
    " WHERE serial::text COLLATE \"C\" > $1::text AND state = 'kept' AND inspection_due <= $3::timestamptz"
    " ORDER BY serial::text COLLATE \"C\" LIMIT $2::bigint",
    3,
};

enum status store_medium_add(struct store_tx *tx, const struct store_medium *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, row->serial.text);
    parameter_text(&p, row->kind);
    parameter_text(&p, row->place.text);
    parameter_text(&p, row->custodian.text);
    parameter_time(&p, row->inspection_due_utc_us);
    return tx_run(tx, NULL, &add, &p, fault);
}

enum status store_medium_get_locked(struct store_medium *out, struct store_tx *tx, const struct name *serial,
                                    struct fault *fault)
{
    struct parameters p = {0};
    struct store_medium row;
    parameter_text(&p, serial->text);
    enum status status = tx_read_one(tx, &row, &shape, &get_locked, &p, fault);
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}

enum status store_medium_change(struct store_tx *tx, const struct store_medium *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, row->serial.text);
    parameter_int64(&p, row->ver);
    parameter_text(&p, row->place.text);
    parameter_text(&p, row->custodian.text);
    parameter_time(&p, row->inspection_due_utc_us);
    parameter_text(&p, row->state);
    return tx_run_one(tx, &change, &p, STATUS_CONFLICT, fault);
}

static enum status read_list(struct store_medium_list *out, const struct store_tx *tx,
                             const struct statement *statement, const struct parameters *parameters,
                             struct fault *fault)
{
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &shape, statement, parameters, fault);
    if (status == STATUS_OK) {
        *out = (struct store_medium_list){.rows = array.rows, .count = array.count};
    }
    return status;
}

enum status store_medium_list(struct store_medium_list *out, const struct store_tx *tx, const char *after,
                              unsigned limit, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, after);
    parameter_uint64(&p, limit);
    return read_list(out, tx, &list_media, &p, fault);
}

enum status store_medium_list_overdue(struct store_medium_list *out, const struct store_tx *tx, int64_t now_utc_us,
                                      const char *after, unsigned limit, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, after);
    parameter_uint64(&p, limit);
    parameter_time(&p, now_utc_us);
    return read_list(out, tx, &list_overdue, &p, fault);
}

void store_medium_list_free(struct store_medium_list *list)
{
    struct row_array array = {.rows = list->rows, .count = list->count};
    row_array_free(&array, &shape);
    *list = (struct store_medium_list){0};
}
