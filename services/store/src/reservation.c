/*
 * Reservations and postings: what a wallet has promised and what left it. The ledger holds the balances; here stands
 * only what it does not know yet.
 */
#include "pool.h"
#include "store/withdrawal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One reservation of an (account, asset) at a time, so that two sums never miss each other. */
static const struct statement lock = {
    "reservation_lock",
    "SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/' || encode($2::bytea, 'hex'), 0))",
    2,
};

static const struct statement sum = {
    "reservation_sum",
    "SELECT coalesce(sum(amount), 0)::text AS sum FROM custody.reservation"
    " WHERE account = $1::text AND asset = $2::bytea",
    2,
};

static const struct statement insert = {
    "reservation_insert",
    "INSERT INTO custody.reservation (withdrawal, wallet, asset, amount, account)"
    " VALUES ($1::uuid, $2::text, $3::bytea, $4::text::numeric, $5::text)",
    5,
};

static const struct statement drop = {
    "reservation_drop",
    "WITH back AS (UPDATE custody.suspense SET returned_by = NULL WHERE returned_by = $1::uuid)"
    " DELETE FROM custody.reservation WHERE withdrawal = $1::uuid",
    1,
};

static const struct statement post = {
    "posting_insert",
    "WITH spent AS (DELETE FROM custody.reservation WHERE withdrawal = $1::uuid"
    " RETURNING withdrawal, wallet, asset, amount)"
    " INSERT INTO custody.posting (withdrawal, wallet, asset, amount, height, index)"
    " SELECT withdrawal, wallet, asset, amount, $2::bigint, $3::bigint FROM spent",
    3,
};

/* Whatever the reservation has become: what the ledger took is told, not read here. */
static const struct statement settle = {
    "posting_settle",
    "WITH spent AS (DELETE FROM custody.reservation WHERE withdrawal = $1::uuid)"
    " INSERT INTO custody.posting (withdrawal, wallet, asset, amount, height, index)"
    " VALUES ($1::uuid, $2::text, $3::bytea, $4::text::numeric, $5::bigint, $6::bigint)"
    " ON CONFLICT (withdrawal) DO NOTHING",
    6,
};

static const struct statement settled = {
    "posting_settled",
    "SELECT EXISTS (SELECT FROM custody.posting WHERE withdrawal = $1::uuid AND wallet = $2::text"
    " AND asset = $3::bytea AND amount = $4::text::numeric AND height = $5::bigint AND index = $6::bigint) AS posted",
    6,
};

static const struct statement posted = {
    "posting_exists",
    "SELECT EXISTS (SELECT FROM custody.posting WHERE withdrawal = $1::uuid) AS posted",
    1,
};

enum status store_reservation_sum(struct amount *out, const struct store_tx *tx, const char *account,
                                  const struct digest *asset, struct fault *fault)
{
    static const struct column column[] = {{"sum", COLUMN_AMOUNT, false, 0, sizeof(struct amount)}};
    static const struct row_shape shape = ROW_SHAPE(struct amount, column);
    struct parameters p = {0};
    parameter_text(&p, account);
    parameter_digest(&p, asset);
    struct amount reserved;
    enum status status = tx_read_one(tx, &reserved, &shape, &sum, &p, fault);
    if (status == STATUS_OK) {
        *out = reserved;
    }
    return status;
}

static enum status reservation_lock(struct store_tx *tx, const struct store_withdrawal *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, row->account);
    parameter_digest(&p, &row->asset);
    return tx_run(tx, NULL, &lock, &p, fault);
}

/* Out of a balance, NULL for none. */
static enum status reservation_add(struct store_tx *tx, const struct store_withdrawal *row,
                                   const struct amount *balance, struct fault *fault)
{
    struct amount reserved = {0};
    enum status status = reservation_lock(tx, row, fault);
    if (status == STATUS_OK) {
        status = store_reservation_sum(&reserved, tx, row->account, &row->asset, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct amount total = {0};
    if (amount_add(&total, reserved, row->amount) != STATUS_OK ||
        (balance != NULL && amount_compare(total, *balance) > 0)) {
        return fault_set(fault, STATUS_INSUFFICIENT_FUNDS, "amount", "the balance less what is reserved is too small");
    }
    struct parameters p = {0};
    parameter_uuid(&p, &row->id);
    parameter_text(&p, row->wallet.text);
    parameter_digest(&p, &row->asset);
    parameter_amount(&p, row->amount);
    parameter_text(&p, row->account);
    return tx_run(tx, NULL, &insert, &p, fault);
}

enum status store_reservation_add(struct store_tx *tx, const struct store_withdrawal *row, struct amount balance,
                                  struct fault *fault)
{
    return reservation_add(tx, row, &balance, fault);
}

enum status store_reservation_add_issue(struct store_tx *tx, const struct store_withdrawal *row, struct fault *fault)
{
    return reservation_add(tx, row, NULL, fault);
}

enum status store_reservation_drop(struct store_tx *tx, const struct uuid *withdrawal, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    return tx_run_one(tx, &drop, &p, STATUS_NOT_FOUND, fault);
}

enum status store_posting_add(struct store_tx *tx, const struct uuid *withdrawal, uint64_t height, uint64_t index,
                              struct fault *fault)
{
    static const struct column column[] = {{"posted", COLUMN_BOOL, false, 0, sizeof(bool)}};
    static const struct row_shape shape = ROW_SHAPE(bool, column);
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    bool there = false;
    enum status status = tx_read_one(tx, &there, &shape, &posted, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (there) {
        return fault_set(fault, STATUS_EXISTS, "posting", "the withdrawal is posted already");
    }
    parameter_uint64(&p, height);
    parameter_uint64(&p, index);
    return tx_run_one(tx, &post, &p, STATUS_NOT_FOUND, fault);
}

enum status store_posting_settle(struct store_tx *tx, const struct store_posting *posting, struct fault *fault)
{
    static const struct column column[] = {{"posted", COLUMN_BOOL, false, 0, sizeof(bool)}};
    static const struct row_shape shape = ROW_SHAPE(bool, column);
    struct parameters p = {0};
    parameter_uuid(&p, &posting->withdrawal);
    parameter_text(&p, posting->wallet.text);
    parameter_digest(&p, &posting->asset);
    parameter_amount(&p, posting->amount);
    parameter_uint64(&p, posting->height);
    parameter_uint64(&p, posting->index);
    bool there = false;
    enum status status = tx_run(tx, NULL, &settle, &p, fault);
    if (status == STATUS_OK) {
        status = tx_read_one(tx, &there, &shape, &settled, &p, fault);
    }
    if (status == STATUS_OK && !there) {
        return fault_set(fault, STATUS_MISMATCH, "posting", "the withdrawal is posted already, and not like this");
    }
    return status;
}
