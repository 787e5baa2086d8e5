/*
 * Lanes: who holds (account, lane), and which sequence comes next in it. The row lock decides races; the unique holder
 * makes a second lane for one withdrawal impossible.
 */
#include "store/lane.h"

#include "pool.h"

struct lane_row {
    uint64_t lane;
    uint64_t seq;
};

static const struct column columns[] = {
    COLUMN(struct lane_row, lane, "lane", COLUMN_UINT64),
    COLUMN(struct lane_row, seq, "seq", COLUMN_UINT64),
};

static const struct row_shape shape = ROW_SHAPE(struct lane_row, columns);

static const struct statement held = {
    "lane_held",
    "SELECT lane::bigint, next_seq::bigint AS seq FROM custody.lane WHERE holder = $1::uuid",
    1,
};

/* The lowest free lane, so that few lanes are used; one that another session is taking is skipped. */
static const struct statement take_free = {
    "lane_take",
    "UPDATE custody.lane SET holder = $2::uuid WHERE (account, lane) = (SELECT account, lane FROM custody.lane"
    " WHERE account = $1::text AND holder IS NULL AND lane < $3::bigint ORDER BY lane LIMIT 1"
    " FOR UPDATE SKIP LOCKED) RETURNING lane::bigint, next_seq::bigint AS seq",
    3,
};

/* New lanes of an account are made one session at a time. */
static const struct statement make_lock = {
    "lane_make_lock",
    "SELECT pg_advisory_xact_lock(hashtextextended('lane/' || $1::text, 0))",
    1,
};

static const struct statement make = {
    "lane_make",
    "INSERT INTO custody.lane (account, lane, holder, wallet)"
    " SELECT $1::text, next, $2::uuid, $4::text FROM"
    " (SELECT coalesce(max(lane) + 1, 0) AS next FROM custody.lane WHERE account = $1::text) AS top"
    " WHERE next < $3::bigint RETURNING lane::bigint, next_seq::bigint AS seq",
    4,
};

static const struct statement release = {
    "lane_free",
    "UPDATE custody.lane SET holder = NULL, next_seq = next_seq + CASE WHEN $2::boolean THEN 1 ELSE 0 END"
    " WHERE holder = $1::uuid",
    2,
};

static const struct statement settle = {
    "lane_settle",
    "UPDATE custody.lane SET holder = NULL, next_seq = $4::bigint"
    " WHERE holder = $1::uuid AND account = $2::text AND lane = $3::bigint",
    4,
};

static enum status lane_read(struct lane_row *out, struct store_tx *tx, const struct statement *statement,
                             const struct parameters *p, struct fault *fault)
{
    struct fault why = {0};
    enum status status = tx_read_one(tx, out, &shape, statement, p, &why);
    if (status == STATUS_OK || status == STATUS_NOT_FOUND) {
        return status;
    }
    return fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status lane_make(struct lane_row *out, struct store_tx *tx, const struct parameters *p, struct fault *fault)
{
    struct parameters name = {0};
    parameter_text(&name, p->values[0]);
    enum status status = tx_run(tx, NULL, &make_lock, &name, fault);
    return status == STATUS_OK ? lane_read(out, tx, &make, p, fault) : status;
}

enum status store_lane_take(struct store_tx *tx, struct store_withdrawal *row, unsigned lanes_max, struct fault *fault)
{
    struct lane_row lane = {0};
    struct parameters holder = {0};
    parameter_uuid(&holder, &row->id);
    enum status status = lane_read(&lane, tx, &held, &holder, fault);
    struct parameters p = {0};
    parameter_text(&p, row->account);
    parameter_uuid(&p, &row->id);
    parameter_uint64(&p, lanes_max);
    if (status == STATUS_NOT_FOUND) {
        status = lane_read(&lane, tx, &take_free, &p, fault);
    }
    if (status == STATUS_NOT_FOUND) {
        parameter_text(&p, row->wallet.text);
        status = lane_make(&lane, tx, &p, fault);
    }
    if (status == STATUS_NOT_FOUND) {
        return fault_set(fault, STATUS_BUSY, "lane", "all %u lanes of wallet %s are held", lanes_max, row->wallet.text);
    }
    if (status == STATUS_OK) {
        row->lane = lane.lane;
        row->seq = lane.seq;
    }
    return status;
}

enum status store_lane_free(struct store_tx *tx, const struct uuid *withdrawal, bool used, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    parameter_bool(&p, used);
    return tx_run_one(tx, &release, &p, STATUS_NOT_FOUND, fault);
}

enum status store_lane_settle(struct store_tx *tx, const struct uuid *withdrawal, const char *account, uint64_t lane,
                              uint64_t next_seq, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    parameter_text(&p, account);
    parameter_uint64(&p, lane);
    parameter_uint64(&p, next_seq);
    return tx_run(tx, NULL, &settle, &p, fault);
}
