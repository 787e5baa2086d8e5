/*
 * Entries of the media ledger. A row is never removed, and changes once: when it is answered.
 */
#include "store/medium_entry.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_medium_entry, id, "id", COLUMN_UUID),
    COLUMN(struct store_medium_entry, serial, "serial", COLUMN_NAME),
    COLUMN(struct store_medium_entry, act, "act", COLUMN_TEXT),
    COLUMN(struct store_medium_entry, reason, "reason", COLUMN_NAME),
    COLUMN(struct store_medium_entry, told_by, "told_by", COLUMN_NAME),
    COLUMN(struct store_medium_entry, second, "second", COLUMN_NAME),
    COLUMN_NULLABLE(struct store_medium_entry, place, "place", COLUMN_NAME),
    COLUMN_NULLABLE(struct store_medium_entry, custodian, "custodian", COLUMN_NAME),
    COLUMN_NULLABLE(struct store_medium_entry, inspection_due_utc_us, "inspection_due", COLUMN_TIME),
    COLUMN_NULLABLE(struct store_medium_entry, tool, "tool", COLUMN_NAME),
    COLUMN_NULLABLE(struct store_medium_entry, method, "method", COLUMN_NAME),
    COLUMN(struct store_medium_entry, told_at_utc_us, "told_at", COLUMN_TIME),
    COLUMN(struct store_medium_entry, state, "state", COLUMN_TEXT),
};

static const struct row_shape shape = ROW_SHAPE(struct store_medium_entry, columns);

#define SELECT_ENTRY                                                                                                   \
    "SELECT id, serial::text, act, reason::text, told_by::text, second::text, place::text, custodian::text,"           \
    " inspection_due, tool::text, method::text, told_at, state FROM custody.medium_entry"

static const struct statement add = {
    "medium_entry_add",
    "INSERT INTO custody.medium_entry (id, serial, act, reason, told_by, second, place, custodian, inspection_due, "
    "tool,"
    " method, told_at, state) VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, nullif($7::text, ''),"
    " nullif($8::text, ''), nullif($9::timestamptz, 'epoch'), nullif($10::text, ''), nullif($11::text, ''),"
    " $12::timestamptz, 'open')",
    12,
};

static const struct statement get_locked = {
    "medium_entry_get_locked",
    SELECT_ENTRY " WHERE serial = $1::text AND id = $2::uuid FOR UPDATE",
    2,
};

static const struct statement answer = {
    "medium_entry_answer",
    "UPDATE custody.medium_entry SET state = $2::text, answered_by = $3::text, answered_at = $4::timestamptz"
    " WHERE id = $1::uuid AND state = 'open'",
    4,
};

static const struct statement list_open = {
    "medium_entry_list_open",
    SELECT_ENTRY " WHERE serial::text COLLATE \"C\" > $1::text AND state = 'open' AND told_at <= $3::timestamptz"
                 " ORDER BY serial::text COLLATE \"C\" LIMIT $2::bigint",
    3,
};

enum status store_medium_entry_add(struct store_tx *tx, const struct store_medium_entry *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, &row->id);
    parameter_text(&p, row->serial.text);
    parameter_text(&p, row->act);
    parameter_text(&p, row->reason.text);
    parameter_text(&p, row->told_by.text);
    parameter_text(&p, row->second.text);
    parameter_text(&p, row->place.text);
    parameter_text(&p, row->custodian.text);
    parameter_time(&p, row->inspection_due_utc_us);
    parameter_text(&p, row->tool.text);
    parameter_text(&p, row->method.text);
    parameter_time(&p, row->told_at_utc_us);
    return tx_run(tx, NULL, &add, &p, fault);
}

enum status store_medium_entry_get_locked(struct store_medium_entry *out, struct store_tx *tx,
                                          const struct name *serial, const struct uuid *id, struct fault *fault)
{
    struct parameters p = {0};
    struct store_medium_entry row;
    parameter_text(&p, serial->text);
    parameter_uuid(&p, id);
    enum status status = tx_read_one(tx, &row, &shape, &get_locked, &p, fault);
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}

enum status store_medium_entry_answer(struct store_tx *tx, const struct uuid *id, const char *state,
                                      const struct name *by, int64_t at_utc_us, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, id);
    parameter_text(&p, state);
    parameter_text(&p, by->text);
    parameter_time(&p, at_utc_us);
    return tx_run_one(tx, &answer, &p, STATUS_CONFLICT, fault);
}

enum status store_medium_entry_list_open(struct store_medium_entry_list *out, const struct store_tx *tx,
                                         int64_t told_until_utc_us, const char *after, unsigned limit,
                                         struct fault *fault)
{
    struct parameters p = {0};
    struct row_array array = {0};
    parameter_text(&p, after);
    parameter_uint64(&p, limit);
    parameter_time(&p, told_until_utc_us);
    enum status status = tx_read_all(tx, &array, &shape, &list_open, &p, fault);
    if (status == STATUS_OK) {
        *out = (struct store_medium_entry_list){.rows = array.rows, .count = array.count};
    }
    return status;
}

void store_medium_entry_list_free(struct store_medium_entry_list *list)
{
    struct row_array array = {.rows = list->rows, .count = list->count};
    row_array_free(&array, &shape);
    *list = (struct store_medium_entry_list){0};
}
