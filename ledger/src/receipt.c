/*
 * Receipts: the table of fields. The code stands as its text in the document and as its status in memory.
 */
#include "ledger/receipt.h"

#define CODE_SIZE 32

struct receipt_document {
    char code[CODE_SIZE];
    uint64_t height;
    int64_t index;
    struct digest transaction;
};

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct receipt_document, code, CANON_TEXT, 1, 0),
    CANON_FIELD(struct receipt_document, height, CANON_COUNTER),
    CANON_FIELD(struct receipt_document, index, CANON_INTEGER),
    CANON_FIELD(struct receipt_document, transaction, CANON_HASH),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static enum status receipt_from(struct ledger_receipt *out, const struct receipt_document *document,
                                struct fault *fault)
{
    enum status code = status_from_code(document->code);
    if (strcmp(status_info(code)->code, document->code) != 0) {
        return fault_set(fault, STATUS_INVALID, "code", "not a status code");
    }
    *out = (struct ledger_receipt){
        .code = code, .height = document->height, .index = document->index, .transaction = document->transaction};
    return STATUS_OK;
}

enum status ledger_receipt_decode(struct ledger_receipt *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct receipt_document receipt;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&receipt, sizeof(receipt), object, fields, FIELD_COUNT, "", fault);
    }
    json_decref(object);
    return status == STATUS_OK ? receipt_from(out, &receipt, fault) : status;
}

enum status ledger_receipt_encode(struct bytes *out, const struct ledger_receipt *receipt, struct fault *fault)
{
    struct receipt_document document = {
        .height = receipt->height, .index = receipt->index, .transaction = receipt->transaction};
    (void)snprintf(document.code, sizeof(document.code), "%s", status_info(receipt->code)->code);
    return canon_encode_bytes(out, &document, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
}

void ledger_receipt_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, LEDGER_RECEIPT_KIND, document, len);
}
