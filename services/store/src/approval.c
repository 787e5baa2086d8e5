/*
 * Decisions as they were signed. The row is evidence to hand over; whether it counts is the signer's judgement.
 */
#include "store/approval.h"

#include "pool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The row as the database has it. */
struct stored {
    struct store_approval row;
    char decision[16];
    char alg[16];
    struct digest sig_first; /* the 64 bytes in two halves */
    struct digest sig_second;
};

static const struct column columns[] = {
    COLUMN(struct stored, row.withdrawal, "withdrawal", COLUMN_UUID),
    COLUMN(struct stored, row.person, "person", COLUMN_NAME),
    COLUMN(struct stored, decision, "decision", COLUMN_TEXT),
    COLUMN(struct stored, row.document, "document", COLUMN_BYTES),
    COLUMN(struct stored, row.digest, "digest", COLUMN_DIGEST),
    COLUMN(struct stored, alg, "alg", COLUMN_TEXT),
    COLUMN(struct stored, row.signature.key_id, "key", COLUMN_DIGEST),
    COLUMN(struct stored, sig_first, "sig_first", COLUMN_DIGEST),
    COLUMN(struct stored, sig_second, "sig_second", COLUMN_DIGEST),
    COLUMN(struct stored, row.received_at_utc_us, "received_at", COLUMN_TIME),
};

static const char *const decision_words[] = {
    [STORE_DECISION_NONE] = "",
    [STORE_DECISION_APPROVE] = "approve",
    [STORE_DECISION_REJECT] = "reject",
    [STORE_DECISION_REQUEST] = "request",
};

static const struct row_shape shape = ROW_SHAPE(struct stored, columns);

static const struct statement insert = {
    "approval_insert",
    "INSERT INTO custody.approval (withdrawal, person, decision, document, digest, alg, key, sig)"
    " VALUES ($1::uuid, $2::text, $3::text, $4::bytea, $5::bytea, $6::text, $7::bytea, $8::bytea)",
    8,
};

static const struct statement select_all = {
    "approval_list",
    "SELECT withdrawal, person::text, decision, document, digest::bytea, alg, key::bytea,"
    " substr(sig, 1, 32) AS sig_first, substr(sig, 33) AS sig_second, received_at"
    " FROM custody.approval WHERE withdrawal = $1::uuid ORDER BY digest",
    1,
};

enum status store_approval_insert(struct store_tx *tx, const struct store_approval *row, struct fault *fault)
{
    const struct algorithm_info *algorithm = algorithm_info(row->signature.algorithm);
    INVARIANT(algorithm != NULL);
    struct parameters p = {0};
    parameter_uuid(&p, &row->withdrawal);
    parameter_text(&p, row->person.text);
    parameter_text(&p, decision_words[row->decision]);
    parameter_bytes(&p, row->document.data, row->document.len);
    parameter_digest(&p, &row->digest);
    parameter_text(&p, algorithm->name);
    parameter_digest(&p, &row->signature.key_id);
    parameter_bytes(&p, row->signature.bytes64, sizeof row->signature.bytes64);
    struct fault why = {0};
    enum status status = tx_run(tx, NULL, &insert, &p, &why);
    if (status == STATUS_EXISTS) {
        return fault_set(fault, STATUS_DUPLICATE_PERSON, "approver", "%s has decided already", row->person.text);
    }
    return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status stored_settle(struct stored *stored, struct fault *fault)
{
    const struct algorithm_info *algorithm = algorithm_find(stored->alg);
    if (algorithm == NULL) {
        return fault_set(fault, STATUS_ALGORITHM_REFUSED, "alg", "%s", stored->alg);
    }
    for (int i = STORE_DECISION_APPROVE; i <= STORE_DECISION_REQUEST; i++) {
        if (strcmp(stored->decision, decision_words[i]) == 0) {
            stored->row.decision = (enum store_decision)i;
        }
    }
    stored->row.signature.algorithm = algorithm->algorithm;
    memcpy(stored->row.signature.bytes64, stored->sig_first.bytes32, 32);
    memcpy(stored->row.signature.bytes64 + 32, stored->sig_second.bytes32, 32);
    return STATUS_OK;
}

enum status store_approval_list(struct store_approval_list *out, const struct store_tx *tx,
                                const struct uuid *withdrawal, struct fault *fault)
{
    struct parameters p = {0};
    parameter_uuid(&p, withdrawal);
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &shape, &select_all, &p, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct stored *stored = array.rows;
    struct store_approval_list list = {.rows = calloc(array.count + 1, sizeof *list.rows)};
    if (list.rows == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "approval_list", "%s", "");
    }
    for (size_t i = 0; status == STATUS_OK && i < array.count; i++) {
        status = stored_settle(&stored[i], fault);
        if (status == STATUS_OK) {
            list.rows[list.count++] = stored[i].row;
            stored[i].row.document = (struct bytes){0}; /* transferred */
        }
    }
    row_array_free(&array, &shape);
    if (status != STATUS_OK) {
        store_approval_list_free(&list);
        return status;
    }
    *out = list;
    return STATUS_OK;
}

void store_approval_list_free(struct store_approval_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        bytes_free(&list->rows[i].document);
    }
    free(list->rows);
    *list = (struct store_approval_list){0};
}
