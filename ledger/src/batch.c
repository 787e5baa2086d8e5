/*
 * Batches: JSON and back. A batch that does not decode is an empty block, so what is refused here is part of the rules
 * of execution and the same on every node.
 */
#include "ledger/batch.h"

#include "policy/account.h"

struct batch_document {
    json_t *transactions;
};

struct row_document {
    json_t *account;
    json_t *transaction;
};

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct batch_document, transactions, CANON_ARRAY, 1, LEDGER_BATCH_ROWS_MAX),
};

static const struct canon_field row_fields[] = {
    CANON_FIELD(struct row_document, account, CANON_OBJECT),
    CANON_FIELD(struct row_document, transaction, CANON_OBJECT),
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define PATH_SIZE 48

static enum status decode_row(struct ledger_batch_row *out, const json_t *object, size_t index, struct fault *fault)
{
    char path[PATH_SIZE];
    struct row_document row;
    struct ledger_batch_row decoded = {0};
    (void)snprintf(path, sizeof(path), "transactions[%zu]", index);
    enum status status = canon_decode(&row, sizeof(row), object, row_fields, COUNT_OF(row_fields), path, fault);
    if (status == STATUS_OK) {
        status = account_key_decode(&decoded.key, row.account, path, fault);
    }
    if (status == STATUS_OK) {
        status = signed_document_decode(&decoded.transaction, row.transaction, CANON_DOCUMENT_MAX, path, fault);
    }
    if (status == STATUS_OK) {
        *out = decoded; /* transferred */
    }
    return status;
}

static enum status decode_rows(struct ledger_batch *out, const json_t *array, struct fault *fault)
{
    size_t count = json_array_size(array);
    struct ledger_batch batch = {.rows = calloc(count, sizeof(batch.rows[0]))};
    if (batch.rows == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "transactions", "%zu rows", count);
    }
    for (; batch.count < count; batch.count++) {
        enum status status =
            decode_row(&batch.rows[batch.count], json_array_get(array, batch.count), batch.count, fault);
        if (status != STATUS_OK) {
            ledger_batch_free(&batch);
            return status;
        }
    }
    *out = batch; /* transferred */
    return STATUS_OK;
}

enum status ledger_batch_decode(struct ledger_batch *out, const void *bytes, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct batch_document batch;
    enum status status = canon_parse(&object, bytes, len, LEDGER_BATCH_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&batch, sizeof(batch), object, fields, COUNT_OF(fields), "", fault);
    }
    if (status == STATUS_OK) {
        status = decode_rows(out, batch.transactions, fault);
    }
    json_decref(object);
    return status;
}

static enum status encode_row(json_t **out, const struct ledger_batch_row *row, struct fault *fault)
{
    struct row_document document = {0};
    enum status status = account_key_encode(&document.account, &row->key, fault);
    if (status == STATUS_OK) {
        status = signed_document_encode(&document.transaction, &row->transaction, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode(out, &document, row_fields, COUNT_OF(row_fields), fault);
    }
    json_decref(document.account);
    json_decref(document.transaction);
    return status;
}

enum status ledger_batch_encode(struct bytes *out, const struct ledger_batch *batch, struct fault *fault)
{
    struct batch_document document = {.transactions = json_array()};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < batch->count && status == STATUS_OK; i++) {
        json_t *row = NULL;
        status = encode_row(&row, &batch->rows[i], fault);
        if (status == STATUS_OK && json_array_append_new(document.transactions, row) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "transactions", "building an array");
        }
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &document, fields, COUNT_OF(fields), LEDGER_BATCH_MAX, fault);
    }
    json_decref(document.transactions);
    return status;
}

void ledger_batch_free(struct ledger_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        signed_document_free(&batch->rows[i].transaction);
    }
    free(batch->rows);
    *batch = (struct ledger_batch){0};
}

void ledger_batch_digest(struct digest *out, const void *bytes, size_t len)
{
    digest_sha256(out, bytes, len);
}
