/*
 * The outbox. Workers claim by moving due_at forward, so a worker that hangs loses its claim when the lease ends; rows
 * another session is claiming are skipped, never waited for. A claim names the session that made it, so that the claims
 * of one that is gone can be released at once. Neither is what keeps a withdrawal from happening twice: that is the
 * compare-and-set of its row and the promise in the signer's guard. Nothing here reads "id above the last seen": late
 * commits would be missed.
 */
#include "store/outbox.h"

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_outbox_item, id, "id", COLUMN_INT64),
    COLUMN(struct store_outbox_item, kind, "kind", COLUMN_TEXT),
    COLUMN(struct store_outbox_item, withdrawal, "withdrawal", COLUMN_UUID),
    COLUMN_NULLABLE(struct store_outbox_item, entry, "entry", COLUMN_UINT64),
    COLUMN(struct store_outbox_item, attempts, "attempts", COLUMN_INT64),
    COLUMN(struct store_outbox_item, created_at_utc_us, "created_at", COLUMN_TIME),
    COLUMN(struct store_outbox_item, waits_for, "waits_for", COLUMN_TEXT),
};

static const struct row_shape shape = ROW_SHAPE(struct store_outbox_item, columns);

static const struct statement put = {
    "outbox_put",
    "INSERT INTO custody.outbox (kind, withdrawal, entry) VALUES ($1::text, $2::uuid, nullif($3::bigint, 0))",
    3,
};

static const struct statement claim = {
    "outbox_claim",
    "WITH due AS (SELECT id FROM custody.outbox WHERE done_at IS NULL AND due_at <= clock_timestamp()"
    " ORDER BY due_at, id LIMIT $1::bigint FOR UPDATE SKIP LOCKED),"
    " claimed AS (UPDATE custody.outbox AS o SET attempts = o.attempts + 1,"
    " due_at = clock_timestamp() + $2::bigint * interval '1 millisecond', claimed_by = pg_backend_pid(),"
    " claimed_since = (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))"
    " FROM due WHERE o.id = due.id"
    " RETURNING o.id, o.kind, o.withdrawal, o.entry, o.attempts, o.created_at, coalesce(o.waits_for, '') AS waits_for)"
    " SELECT id, kind, withdrawal, entry, attempts, created_at, waits_for FROM claimed ORDER BY id",
    2,
};

/*
 * The start of a session is shown to its own role only. Where it cannot be read (a login role that becomes
 * strongroom_app) the process id alone is compared: then a claim may last as long as its lease, never shorter.
 */
static const struct statement release = {
    "outbox_release",
    "WITH lost AS (SELECT id FROM custody.outbox AS o WHERE claimed_by IS NOT NULL AND done_at IS NULL"
    " AND NOT EXISTS (SELECT FROM pg_stat_activity AS s WHERE s.pid = o.claimed_by"
    " AND coalesce(s.backend_start = o.claimed_since, true)) FOR UPDATE SKIP LOCKED),"
    " released AS (UPDATE custody.outbox AS o SET claimed_by = NULL, claimed_since = NULL,"
    " due_at = least(o.due_at, clock_timestamp()) FROM lost WHERE o.id = lost.id RETURNING o.id)"
    " SELECT count(*) AS count FROM released",
    0,
};

/* By the state of the withdrawal, in one snapshot: each move of it and the item that leads on are one transaction. */
static const struct statement remake = {
    "outbox_remake",
    "WITH gone AS (SELECT id, state FROM custody.withdrawal AS w WHERE state IN ('recorded', 'signed', 'submitted')"
    " AND NOT EXISTS (SELECT FROM custody.outbox AS o WHERE o.withdrawal = w.id AND o.done_at IS NULL)),"
    " made AS (INSERT INTO custody.outbox (kind, withdrawal) SELECT CASE state WHEN 'recorded' THEN 'sign'"
    " WHEN 'signed' THEN 'submit' ELSE 'confirm' END, id FROM gone"
    " ON CONFLICT (withdrawal, kind) DO UPDATE SET done_at = NULL RETURNING id)"
    " SELECT count(*) AS count FROM made",
    0,
};

static const struct statement done = {
    "outbox_done",
    "UPDATE custody.outbox SET done_at = clock_timestamp(), claimed_by = NULL, claimed_since = NULL"
    " WHERE id = $1::bigint AND done_at IS NULL",
    1,
};

static const struct statement drop = {
    "outbox_drop",
    "UPDATE custody.outbox SET done_at = clock_timestamp(), claimed_by = NULL, claimed_since = NULL"
    " WHERE withdrawal = $1::uuid AND kind <> 'end' AND done_at IS NULL",
    1,
};

static const struct statement postpone = {
    "outbox_postpone",
    "UPDATE custody.outbox SET due_at = clock_timestamp() + $2::bigint * interval '1 millisecond',"
    " waits_since = CASE WHEN waits_for = $3::text THEN waits_since ELSE clock_timestamp() END, waits_for = $3::text,"
    " waits_until = $5::timestamptz, claimed_by = NULL, claimed_since = NULL"
    " WHERE id = $1::bigint AND attempts = $4::bigint AND done_at IS NULL",
    5,
};

static const struct statement end_put = {
    "outbox_end_put",
    "INSERT INTO custody.outbox (kind, withdrawal) SELECT 'end', id FROM custody.withdrawal"
    " WHERE state NOT IN ('confirmed', 'rejected', 'expired', 'cancelled', 'failed') ORDER BY id"
    " ON CONFLICT (withdrawal, kind) DO UPDATE SET done_at = NULL",
    0,
};

static const struct statement end_next = {
    "outbox_end_next",
    "SELECT id, kind, withdrawal, entry, attempts, created_at, coalesce(waits_for, '') AS waits_for"
    " FROM custody.outbox WHERE kind = 'end' AND done_at IS NULL ORDER BY id LIMIT 1",
    0,
};

static const struct column wait_columns[] = {
    COLUMN(struct store_outbox_wait, kind, "kind", COLUMN_TEXT),
    COLUMN(struct store_outbox_wait, waits_for, "waits_for", COLUMN_TEXT),
    COLUMN(struct store_outbox_wait, since_utc_us, "waits_since", COLUMN_TIME),
    COLUMN_NULLABLE(struct store_outbox_wait, until_utc_us, "waits_until", COLUMN_TIME),
};

static const struct row_shape wait_shape = ROW_SHAPE(struct store_outbox_wait, wait_columns);

static const struct statement wait_get = {
    "outbox_wait_get",
    "SELECT kind, waits_for, waits_since, waits_until FROM custody.outbox"
    " WHERE withdrawal = $1::uuid AND done_at IS NULL AND waits_for IS NOT NULL ORDER BY id DESC LIMIT 1",
    1,
};

enum status store_outbox_put(struct store_tx *tx, const char *kind, const struct uuid *withdrawal, uint64_t entry,
                             struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, kind);
    parameter_uuid(&p, withdrawal);
    parameter_uint64(&p, entry);
    return tx_run(tx, NULL, &put, &p, fault);
}

enum status store_outbox_claim(struct store_tx *tx, struct store_outbox_item *out, size_t *out_count, size_t capacity,
                               int64_t lease_ms, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uint64(&p, capacity);
    parameter_int64(&p, lease_ms);
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &shape, &claim, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(array.count <= capacity);
    if (array.count > 0) {
        memcpy(out, array.rows, array.count * sizeof *out);
    }
    *out_count = array.count;
    row_array_free(&array, &shape);
    return STATUS_OK;
}

static enum status run_count(uint64_t *out, struct store_tx *tx, const struct statement *statement, struct fault *fault)
{
    static const struct column column[] = {{"count", COLUMN_UINT64, false, 0, sizeof(uint64_t)}};
    static const struct row_shape count_shape = ROW_SHAPE(uint64_t, column);
    uint64_t count = 0;
    enum status status = tx_read_one(tx, &count, &count_shape, statement, NULL, fault);
    if (status == STATUS_OK) {
        *out = count;
    }
    return status;
}

enum status store_outbox_release(uint64_t *out, struct store_tx *tx, struct fault *fault)
{
    return run_count(out, tx, &release, fault);
}

enum status store_outbox_remake(uint64_t *out, struct store_tx *tx, struct fault *fault)
{
    return run_count(out, tx, &remake, fault);
}

enum status store_outbox_end_put(struct store_tx *tx, struct fault *fault)
{
    return tx_run(tx, NULL, &end_put, NULL, fault);
}

enum status store_outbox_end_next(struct store_outbox_item *out, const struct store_tx *tx, struct fault *fault)
{
    struct store_outbox_item item;
    enum status status = tx_read_one(tx, &item, &shape, &end_next, NULL, fault);
    if (status == STATUS_OK) {
        *out = item;
    }
    return status;
}

enum status store_outbox_drop(struct store_tx *tx, const struct uuid *withdrawal, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    return tx_run(tx, NULL, &drop, &p, fault);
}

enum status store_outbox_done(struct store_tx *tx, int64_t id, struct fault *fault)
{
    struct parameters p = {0};
    parameter_int64(&p, id);
    return tx_run_one(tx, &done, &p, STATUS_CONFLICT, fault);
}

enum status store_outbox_postpone(struct store_tx *tx, const struct store_outbox_item *item, int64_t delay_ms,
                                  const struct store_outbox_reason *reason, struct fault *fault)
{
    struct parameters p = {0};
    parameter_int64(&p, item->id);
    parameter_int64(&p, delay_ms);
    parameter_text(&p, reason->waits_for);
    parameter_int64(&p, item->attempts);
    parameter_time(&p, reason->until_utc_us);
    return tx_run_one(tx, &postpone, &p, STATUS_CONFLICT, fault);
}

enum status store_outbox_wait_get(struct store_outbox_wait *out, const struct store_tx *tx,
                                  const struct uuid *withdrawal, struct fault *fault)
{
    struct parameters p = {0};
    struct store_outbox_wait wait;
    parameter_uuid(&p, withdrawal);
    enum status status = tx_read_one(tx, &wait, &wait_shape, &wait_get, &p, fault);
    if (status == STATUS_OK) {
        *out = wait;
    }
    return status;
}
