/*
 * The withdrawal row: insert under an idempotency key, moves by compare-and-set, reads. It knows nothing of what a
 * state means; which moves exist is written here once and again in the schema, and a test compares the two.
 */
#include "store/withdrawal.h"

#include "base/canon.h"
#include "pool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SELECT_WITHDRAWAL                                                                                              \
    "SELECT id, tenant::text, idempotency_key, request::bytea, wallet::text, account, asset::bytea, amount::text,"     \
    " destination, requester::text, state, ver, intent, transaction, signature, lane IS NOT NULL AS placed, "          \
    "lane::bigint,"                                                                                                    \
    " seq::bigint, requested_at, updated_at, expires_at, reason, height, index::bigint FROM custody.withdrawal"

/* The row as the database has it: the state is still text. */
struct stored {
    struct store_withdrawal row;
    char state[16];
};

static const struct column columns[] = {
    COLUMN(struct stored, row.id, "id", COLUMN_UUID),
    COLUMN(struct stored, row.tenant, "tenant", COLUMN_NAME),
    COLUMN(struct stored, row.idempotency_key, "idempotency_key", COLUMN_TEXT),
    COLUMN(struct stored, row.request, "request", COLUMN_DIGEST),
    COLUMN(struct stored, row.wallet, "wallet", COLUMN_NAME),
    COLUMN_NULLABLE(struct stored, row.account, "account", COLUMN_TEXT),
    COLUMN(struct stored, row.asset, "asset", COLUMN_DIGEST),
    COLUMN(struct stored, row.amount, "amount", COLUMN_AMOUNT),
    COLUMN(struct stored, row.destination, "destination", COLUMN_TEXT),
    COLUMN(struct stored, row.requester, "requester", COLUMN_NAME),
    COLUMN(struct stored, state, "state", COLUMN_TEXT),
    COLUMN(struct stored, row.ver, "ver", COLUMN_INT64),
    COLUMN_NULLABLE(struct stored, row.intent, "intent", COLUMN_BYTES),
    COLUMN_NULLABLE(struct stored, row.transaction, "transaction", COLUMN_BYTES),
    COLUMN_NULLABLE(struct stored, row.signature, "signature", COLUMN_BYTES),
    COLUMN(struct stored, row.placed, "placed", COLUMN_BOOL),
    COLUMN_NULLABLE(struct stored, row.lane, "lane", COLUMN_UINT64),
    COLUMN_NULLABLE(struct stored, row.seq, "seq", COLUMN_UINT64),
    COLUMN(struct stored, row.requested_at_utc_us, "requested_at", COLUMN_TIME),
    COLUMN(struct stored, row.updated_at_utc_us, "updated_at", COLUMN_TIME),
    COLUMN(struct stored, row.expires_at_utc_us, "expires_at", COLUMN_TIME),
    COLUMN_NULLABLE(struct stored, row.reason, "reason", COLUMN_TEXT),
    COLUMN_NULLABLE(struct stored, row.height, "height", COLUMN_UINT64),
    COLUMN_NULLABLE(struct stored, row.index, "index", COLUMN_UINT64),
};

static const struct row_shape shape = ROW_SHAPE(struct stored, columns);

static const char *const state_texts[] = {
#define STATE_TEXT(name, text) [WITHDRAWAL_##name] = text,
    WITHDRAWAL_STATE_TABLE(STATE_TEXT)
#undef STATE_TEXT
};

#define STATE_BIT(name) (1u << WITHDRAWAL_##name)
/* What was not signed ends; or turns out to be promised by the signer. */
#define STATE_DROPPED (STATE_BIT(REJECTED) | STATE_BIT(EXPIRED) | STATE_BIT(CANCELLED) | STATE_BIT(QUARANTINED))
#define STATE_BROKEN (STATE_BIT(FAILED) | STATE_BIT(QUARANTINED))

/* The states that may follow each. */
static const unsigned moves[] = {
    [WITHDRAWAL_REQUESTED] = STATE_BIT(RESERVED) | STATE_DROPPED,
    [WITHDRAWAL_RESERVED] = STATE_BIT(APPROVING) | STATE_DROPPED,
    [WITHDRAWAL_APPROVING] = STATE_BIT(APPROVED) | STATE_DROPPED,
    [WITHDRAWAL_APPROVED] = STATE_BIT(RECORDED) | STATE_DROPPED,
    [WITHDRAWAL_RECORDED] = STATE_BIT(SIGNED) | STATE_BROKEN,
    [WITHDRAWAL_SIGNED] = STATE_BIT(SUBMITTED) | STATE_BROKEN,
    [WITHDRAWAL_SUBMITTED] = STATE_BIT(CONFIRMED) | STATE_BROKEN,
    [WITHDRAWAL_CONFIRMED] = 0,
    [WITHDRAWAL_REJECTED] = 0,
    [WITHDRAWAL_EXPIRED] = 0,
    [WITHDRAWAL_CANCELLED] = 0,
    [WITHDRAWAL_FAILED] = 0,
    [WITHDRAWAL_QUARANTINED] = STATE_BIT(CONFIRMED) | STATE_BIT(FAILED),
};

const char *withdrawal_state_text(enum withdrawal_state state)
{
    INVARIANT((size_t)state < COUNT(state_texts));
    return state_texts[state];
}

enum status withdrawal_state_parse(enum withdrawal_state *out, const char *text)
{
    for (size_t i = 0; i < COUNT(state_texts); i++) {
        if (strcmp(text, state_texts[i]) == 0) {
            *out = (enum withdrawal_state)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

bool withdrawal_state_is_end(enum withdrawal_state state)
{
    INVARIANT((size_t)state < COUNT(moves));
    return moves[state] == 0 || state == WITHDRAWAL_QUARANTINED;
}

bool withdrawal_move_allowed(enum withdrawal_state from, enum withdrawal_state to)
{
    INVARIANT((size_t)from < COUNT(moves) && (size_t)to < COUNT(moves));
    return (moves[from] >> to & 1u) != 0;
}

void store_withdrawal_wipe(struct store_withdrawal *row)
{
    bytes_free(&row->intent);
    bytes_free(&row->transaction);
    bytes_free(&row->signature);
    *row = (struct store_withdrawal){0};
}

static enum status stored_settle(struct stored *stored, struct fault *fault)
{
    enum status status = withdrawal_state_parse(&stored->row.state, stored->state);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "state", "the state is not one of ours");
    }
    return STATUS_OK;
}

static enum status read_row(struct store_withdrawal *out, const struct store_tx *tx, const struct statement *statement,
                            const struct parameters *p, struct fault *fault)
{
    struct stored stored;
    enum status status = tx_read_one(tx, &stored, &shape, statement, p, fault);
    if (status == STATUS_OK) {
        status = stored_settle(&stored, fault);
    }
    if (status != STATUS_OK) {
        row_wipe(&stored, &shape);
        return status;
    }
    *out = stored.row;
    return STATUS_OK;
}

/* The columns of a new row; everything else is set by moves. */
static const struct statement insert = {
    "withdrawal_insert",
    "INSERT INTO custody.withdrawal (id, tenant, idempotency_key, request, wallet, asset, amount, destination,"
    " requester, state, ver, requested_at, updated_at, expires_at, account)"
    " VALUES ($1::uuid, $2::text, $3::text, $4::bytea, $5::text, $6::bytea, $7::text::numeric, $8::text, $9::text,"
    " 'requested', 1, $10::timestamptz, $10::timestamptz, $11::timestamptz, $12::text)"
    " ON CONFLICT (tenant, idempotency_key) DO NOTHING",
    12,
};

static const struct statement select_by_key = {
    "withdrawal_by_key",
    SELECT_WITHDRAWAL " WHERE tenant = $1::text AND idempotency_key = $2::text",
    2,
};

static enum status insert_conflict(const struct store_tx *tx, struct store_withdrawal *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, row->tenant.text);
    parameter_text(&p, row->idempotency_key);
    struct store_withdrawal stored;
    enum status status = read_row(&stored, tx, &select_by_key, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&stored.request, &row->request)) {
        store_withdrawal_wipe(&stored);
        return fault_set(fault, STATUS_IDEMPOTENCY_MISMATCH, "idempotency_key", "the key was used for another request");
    }
    *row = stored;
    return STATUS_EXISTS;
}

enum status store_withdrawal_insert(struct store_tx *tx, struct store_withdrawal *row, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, &row->id);
    parameter_text(&p, row->tenant.text);
    parameter_text(&p, row->idempotency_key);
    parameter_digest(&p, &row->request);
    parameter_text(&p, row->wallet.text);
    parameter_digest(&p, &row->asset);
    parameter_amount(&p, row->amount);
    parameter_text(&p, row->destination);
    parameter_text(&p, row->requester.text);
    parameter_time(&p, row->requested_at_utc_us);
    parameter_time(&p, row->expires_at_utc_us);
    parameter_text(&p, row->account);
    PGresult *result = NULL;
    enum status status = tx_run(tx, &result, &insert, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    bool inserted = strcmp(PQcmdTuples(result), "1") == 0;
    PQclear(result);
    if (!inserted) {
        return insert_conflict(tx, row, fault);
    }
    row->state = WITHDRAWAL_REQUESTED;
    row->ver = 1;
    row->updated_at_utc_us = row->requested_at_utc_us;
    return STATUS_OK;
}

static const struct statement select_by_id = {"withdrawal_by_id", SELECT_WITHDRAWAL " WHERE id = $1::uuid", 1};
static const struct statement select_locked = {
    "withdrawal_locked",
    SELECT_WITHDRAWAL " WHERE id = $1::uuid FOR NO KEY UPDATE",
    1,
};

enum status store_withdrawal_get(struct store_withdrawal *out, const struct store_tx *tx, const struct uuid *id,
                                 struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, id);
    return read_row(out, tx, &select_by_id, &p, fault);
}

enum status store_withdrawal_get_locked(struct store_withdrawal *out, struct store_tx *tx, const struct uuid *id,
                                        struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, id);
    return read_row(out, tx, &select_locked, &p, fault);
}

static const struct statement update = {
    "withdrawal_move",
    "UPDATE custody.withdrawal SET state = $4::text, ver = ver + 1, updated_at = clock_timestamp(),"
    " intent = coalesce($5::bytea, intent), transaction = coalesce($6::bytea, transaction),"
    " signature = coalesce($7::bytea, signature), lane = coalesce($8::bigint, lane), seq = coalesce($9::bigint, seq),"
    " expires_at = coalesce($10::timestamptz, expires_at), reason = coalesce($11::text, reason),"
    " height = coalesce($12::bigint, height), index = coalesce($13::bigint, index),"
    " promises = coalesce($14::bigint, promises)"
    " WHERE id = $1::uuid AND state = $2::text AND ver = $3::bigint",
    14,
};

static void parameter_document(struct parameters *p, const struct bytes *document)
{
    bool present = document != NULL && document->len > 0;
    parameter_bytes(p, present ? document->data : NULL, present ? document->len : 0);
}

enum status store_withdrawal_move(struct store_tx *tx, struct store_withdrawal *row, enum withdrawal_state to,
                                  const struct store_withdrawal_change *change, struct fault *fault)
{
    static const struct store_withdrawal_change nothing;
    const struct store_withdrawal_change *c = change == NULL ? &nothing : change;
    if (!withdrawal_move_allowed(row->state, to)) {
        return fault_set(fault, STATUS_CONFLICT, "state", "a withdrawal cannot go from %s to %s",
                         state_texts[row->state], state_texts[to]);
    }
    struct parameters p = {0};
    parameter_uuid(&p, &row->id);
    parameter_text(&p, state_texts[row->state]);
    parameter_int64(&p, row->ver);
    parameter_text(&p, state_texts[to]);
    parameter_document(&p, c->intent);
    parameter_document(&p, c->transaction);
    parameter_document(&p, c->signature);
    parameter_optional_uint64(&p, c->lane);
    parameter_optional_uint64(&p, c->seq);
    parameter_time(&p, c->expires_at_utc_us == NULL ? 0 : *c->expires_at_utc_us);
    parameter_text(&p, c->reason != NULL && c->reason[0] != 0 ? c->reason : NULL);
    parameter_optional_uint64(&p, c->height);
    parameter_optional_uint64(&p, c->index);
    parameter_optional_uint64(&p, c->promises);
    enum status status = tx_run_one(tx, &update, &p, STATUS_CONFLICT, fault);
    if (status == STATUS_OK) {
        row->state = to;
        row->ver++;
    }
    return status;
}

static const struct column promises_columns[] = {{"promises", COLUMN_UINT64, false, 0, sizeof(uint64_t)}};
static const struct row_shape promises_shape = ROW_SHAPE(uint64_t, promises_columns);

static const struct statement select_promises = {
    "withdrawal_promises",
    "SELECT coalesce(max(promises), 0) AS promises FROM custody.withdrawal",
    0,
};

enum status store_withdrawal_promises(uint64_t *out, const struct store_tx *tx, struct fault *fault)
{
    const struct parameters none = {0};
    return tx_read_one(tx, out, &promises_shape, &select_promises, &none, fault);
}

/* Conditions that are not asked for are NULL and hold for every row. */
static const struct statement select_list = {
    "withdrawal_list",
    SELECT_WITHDRAWAL " WHERE ($1::text IS NULL OR state = $1::text) AND ($2::text IS NULL OR wallet = $2::text)"
                      " AND ($3::text IS NULL OR requester = $3::text) AND ($4::uuid IS NULL OR id < $4::uuid)"
                      " ORDER BY id DESC LIMIT $5::bigint",
    5,
};

/* Nothing of a row but its name, so that no row can keep others from being read. */
static const struct column expired_columns[] = {{"id", COLUMN_UUID, false, 0, sizeof(struct uuid)}};
static const struct row_shape expired_shape = ROW_SHAPE(struct uuid, expired_columns);

/* By what people were to sign, too, whose times compare as text: a column alone keeps nothing open. */
static const struct statement select_expired = {
    "withdrawal_expired",
    "SELECT id FROM custody.withdrawal WHERE state IN ('requested', 'reserved', 'approving', 'approved')"
    " AND (expires_at < $1::timestamptz OR substring(encode(intent, 'escape') from "
    "'\"expires_at\":\"([0-9TZ:.-]{27})\"')"
    " < to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))"
    " AND id > $2::uuid ORDER BY id LIMIT $3::bigint",
    3,
};

static const struct column quarantined_columns[] = {
    COLUMN(struct store_withdrawal_quarantined, id, "id", COLUMN_UUID),
    COLUMN(struct store_withdrawal_quarantined, reason, "reason", COLUMN_TEXT),
    COLUMN(struct store_withdrawal_quarantined, since_utc_us, "updated_at", COLUMN_TIME),
    COLUMN(struct store_withdrawal_quarantined, number, "number", COLUMN_UINT64),
};

static const struct row_shape quarantined_shape = ROW_SHAPE(struct store_withdrawal_quarantined, quarantined_columns);

static const struct statement select_quarantined = {
    "withdrawal_quarantined",
    "SELECT id, coalesce(reason, '') AS reason, updated_at, count(*) OVER () AS number FROM custody.withdrawal"
    " WHERE state = 'quarantined' ORDER BY id LIMIT $1::bigint",
    1,
};

static const struct column placed_columns[] = {
    COLUMN(struct store_withdrawal, id, "id", COLUMN_UUID),
    COLUMN_NULLABLE(struct store_withdrawal, intent, "intent", COLUMN_BYTES),
};

static const struct row_shape placed_shape = ROW_SHAPE(struct store_withdrawal, placed_columns);

static const struct statement select_placed = {
    "withdrawal_placed",
    "SELECT id, intent FROM custody.withdrawal WHERE lane = $1::bigint AND seq = $2::bigint"
    " AND state IN ('recorded', 'signed', 'submitted', 'confirmed', 'failed', 'quarantined')"
    " AND transaction = $3::bytea AND id IS NOT NULL AND octet_length(intent) <= $4::bigint LIMIT $5::bigint",
    5,
};

static enum status read_list(struct store_withdrawal_list *out, const struct store_tx *tx,
                             const struct statement *statement, const struct parameters *p, struct fault *fault)
{
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &shape, statement, p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct stored *stored = array.rows;
    struct store_withdrawal_list list = {.rows = calloc(array.count + 1, sizeof *list.rows), .count = 0};
    if (list.rows == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "withdrawal_list", "%s", "");
    }
    for (size_t i = 0; status == STATUS_OK && i < array.count; i++) {
        status = stored_settle(&stored[i], fault);
        if (status == STATUS_OK) {
            list.rows[list.count++] = stored[i].row;
            stored[i] = (struct stored){0}; /* transferred */
        }
    }
    row_array_free(&array, &shape);
    if (status != STATUS_OK) {
        store_withdrawal_list_free(&list);
        return status;
    }
    *out = list;
    return STATUS_OK;
}

enum status store_withdrawal_list(struct store_withdrawal_list *out, const struct store_tx *tx,
                                  const struct store_withdrawal_filter *filter, struct fault *fault)
{
    INVARIANT(filter->limit >= 1 && filter->limit <= STORE_WITHDRAWALS_MAX);
    struct parameters p = {0};
    parameter_text(&p, filter->state == NULL ? NULL : withdrawal_state_text(*filter->state));
    parameter_text(&p, filter->wallet == NULL ? NULL : filter->wallet->text);
    parameter_text(&p, filter->requester == NULL ? NULL : filter->requester->text);
    parameter_uuid(&p, filter->before);
    parameter_uint64(&p, filter->limit);
    return read_list(out, tx, &select_list, &p, fault);
}

enum status store_withdrawal_expired(struct store_withdrawal_names *out, const struct store_tx *tx, int64_t now_utc_us,
                                     const struct uuid *after, struct fault *fault)
{
    struct parameters p = {0};
    struct row_array array = {0};
    parameter_time(&p, now_utc_us);
    parameter_uuid(&p, after);
    parameter_uint64(&p, STORE_NAMES_MAX);
    enum status status = tx_read_all(tx, &array, &expired_shape, &select_expired, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(array.count <= STORE_NAMES_MAX);
    if (array.count > 0) {
        memcpy(out->ids, array.rows, array.count * sizeof(out->ids[0]));
    }
    out->count = array.count;
    row_array_free(&array, &expired_shape);
    return STATUS_OK;
}

enum status store_withdrawal_quarantined_list(struct store_withdrawal_quarantined *out, size_t *out_count,
                                              size_t capacity, const struct store_tx *tx, struct fault *fault)
{
    struct parameters p = {0};
    struct row_array array = {0};
    parameter_uint64(&p, capacity);
    enum status status = tx_read_all(tx, &array, &quarantined_shape, &select_quarantined, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    INVARIANT(array.count <= capacity);
    if (array.count > 0) {
        memcpy(out, array.rows, array.count * sizeof(*out));
    }
    *out_count = array.count;
    row_array_free(&array, &quarantined_shape);
    return STATUS_OK;
}

enum status store_withdrawal_list_placed(struct store_withdrawal_list *out, const struct store_tx *tx,
                                         const struct store_withdrawal_place *place, struct fault *fault)
{
    struct row_array array = {0};
    struct parameters p = {0};
    parameter_uint64(&p, place->lane);
    parameter_uint64(&p, place->seq);
    parameter_bytes(&p, place->transaction.data, place->transaction.len);
    parameter_uint64(&p, CANON_DOCUMENT_MAX);
    parameter_uint64(&p, STORE_PLACED_MAX);
    enum status status = tx_read_all(tx, &array, &placed_shape, &select_placed, &p, fault);
    if (status == STATUS_OK) {
        *out = (struct store_withdrawal_list){.rows = array.rows, .count = array.count}; /* transferred */
    }
    return status;
}

void store_withdrawal_list_free(struct store_withdrawal_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        store_withdrawal_wipe(&list->rows[i]);
    }
    free(list->rows);
    *list = (struct store_withdrawal_list){0};
}
