/*
 * Documents as the bytes they came in. Which one is in force is decided by what it says: a column of the row alone, as
 * the time at which it was stored, is whatever somebody wrote there, and is not read.
 */
#include "store/document.h"

#include <string.h>

#include "pool.h"

static const struct column columns[] = {
    COLUMN(struct store_document, kind, "kind", COLUMN_NAME),
    COLUMN(struct store_document, id, "id", COLUMN_NAME),
    COLUMN(struct store_document, digest, "digest", COLUMN_DIGEST),
    COLUMN(struct store_document, bytes, "bytes", COLUMN_BYTES),
};

static const struct row_shape shape = ROW_SHAPE(struct store_document, columns);

#define SELECT_DOCUMENT "kind::text, id::text, digest::bytea, bytes FROM custody.document"

static const struct statement put = {
    "document_put",
    "INSERT INTO custody.document (kind, id, digest, bytes) VALUES ($1::text, $2::text, $3::bytea, $4::bytea)",
    4,
};

static const struct statement keep = {
    "document_keep",
    "INSERT INTO custody.document (kind, id, digest, bytes) VALUES ($1::text, $2::text, $3::bytea, $4::bytea)"
    " ON CONFLICT DO NOTHING",
    4,
};

static const struct statement get = {
    "document_get",
    "SELECT " SELECT_DOCUMENT " WHERE kind = $1::text AND id = $2::text AND digest = $3::bytea",
    3,
};

static const struct statement list_digest = {
    "document_digest",
    "SELECT " SELECT_DOCUMENT " WHERE kind = $1::text AND digest = $2::bytea AND id::text COLLATE \"C\" > $3::text"
    " ORDER BY id::text COLLATE \"C\" LIMIT $4::bigint",
    4,
};

static const struct statement list_all = {
    "document_list",
    "SELECT " SELECT_DOCUMENT " WHERE kind = $1::text"
    " AND (id::text COLLATE \"C\", digest::bytea) > ($2::text, $3::bytea)"
    " ORDER BY id::text COLLATE \"C\", digest::bytea LIMIT $4::bigint",
    4,
};

static void row_parameters(struct parameters *p, const struct store_document *row)
{
    parameter_text(p, row->kind.text);
    parameter_text(p, row->id.text);
    parameter_digest(p, &row->digest);
    parameter_bytes(p, row->bytes.data, row->bytes.len);
}

enum status store_document_put(struct store_tx *tx, const struct store_document *row, struct fault *fault)
{
    struct parameters p = {0};
    row_parameters(&p, row);
    return tx_run(tx, NULL, &put, &p, fault);
}

/* What is there already, and is not to be taken for what was kept. */
static enum status compare(const struct store_tx *tx, const struct store_document *row, struct fault *fault)
{
    struct store_document there = {0};
    enum status status = store_document_get(&there, tx, row->kind.text, row->id.text, &row->digest, fault);
    if (status == STATUS_OK &&
        (there.bytes.len != row->bytes.len || memcmp(there.bytes.data, row->bytes.data, row->bytes.len) != 0)) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &row->digest);
        status = fault_set(fault, STATUS_CONFLICT, "document", "the row %s %s %s holds other bytes", row->kind.text,
                           row->id.text, hex);
    }
    store_document_wipe(&there);
    return status;
}

enum status store_document_keep(struct store_tx *tx, const struct store_document *row, struct fault *fault)
{
    struct parameters p = {0};
    struct fault why = {0};
    row_parameters(&p, row);
    enum status status = tx_run_one(tx, &keep, &p, STATUS_EXISTS, &why);
    if (status == STATUS_EXISTS) {
        return compare(tx, row, fault);
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status store_document_get(struct store_document *out, const struct store_tx *tx, const char *kind, const char *id,
                               const struct digest *digest, struct fault *fault)
{
    struct parameters p = {0};
    struct store_document row;
    parameter_text(&p, kind);
    parameter_text(&p, id);
    parameter_digest(&p, digest);
    enum status status = tx_read_one(tx, &row, &shape, &get, &p, fault);
    if (status == STATUS_OK) {
        *out = row;
    }
    return status;
}

static enum status document_read_all(struct store_document_list *out, const struct store_tx *tx,
                                     const struct statement *statement, const struct parameters *p, struct fault *fault)
{
    struct row_array array = {0};
    enum status status = tx_read_all(tx, &array, &shape, statement, p, fault);
    if (status == STATUS_OK) {
        *out = (struct store_document_list){.rows = array.rows, .count = array.count};
    }
    return status;
}

enum status store_document_list(struct store_document_list *out, const struct store_tx *tx, const char *kind,
                                const struct store_document_place *after, unsigned limit, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, kind);
    parameter_text(&p, after->id.text);
    parameter_digest(&p, &after->digest);
    parameter_uint64(&p, limit);
    return document_read_all(out, tx, &list_all, &p, fault);
}

enum status store_document_list_digest(struct store_document_list *out, const struct store_tx *tx, const char *kind,
                                       const struct store_document_place *after, unsigned limit, struct fault *fault)
{
    struct parameters p = {0};
    parameter_text(&p, kind);
    parameter_digest(&p, &after->digest);
    parameter_text(&p, after->id.text);
    parameter_uint64(&p, limit);
    return document_read_all(out, tx, &list_digest, &p, fault);
}

struct store_document_place store_document_place_of(const struct store_document *row)
{
    return (struct store_document_place){.id = row->id, .digest = row->digest};
}

void store_document_wipe(struct store_document *row)
{
    row_wipe(row, &shape);
}

void store_document_list_free(struct store_document_list *list)
{
    struct row_array array = {.rows = list->rows, .count = list->count};
    row_array_free(&array, &shape);
    *list = (struct store_document_list){0};
}
