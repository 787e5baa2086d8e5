/*
 * Block headers: the table of fields and the digest. Whether a header is true is for replay and the certificate to say.
 */
#include "ledger/header.h"

#include "base/clock.h"

static const struct canon_field fields[] = {
    CANON_FIELD(struct ledger_header, audit, CANON_HASH),
    CANON_FIELD(struct ledger_header, batch, CANON_HASH),
    CANON_FIELD(struct ledger_header, chain, CANON_HASH),
    CANON_FIELD(struct ledger_header, count, CANON_INTEGER),
    CANON_FIELD(struct ledger_header, height, CANON_COUNTER),
    CANON_FIELD(struct ledger_header, history_root, CANON_HASH),
    CANON_FIELD(struct ledger_header, last_certificate, CANON_HASH),
    CANON_FIELD(struct ledger_header, prev, CANON_HASH),
    CANON_FIELD(struct ledger_header, receipts_root, CANON_HASH),
    CANON_FIELD_RANGE(struct ledger_header, rules, CANON_INTEGER, 1, CANON_INTEGER_MAX),
    {"time", CANON_TIME, false, offsetof(struct ledger_header, time_utc_us), sizeof(int64_t), 0, 0},
    CANON_FIELD(struct ledger_header, tx_root, CANON_HASH),
    CANON_FIELD(struct ledger_header, validators, CANON_HASH),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static enum status header_check(const struct ledger_header *header, struct fault *fault)
{
    if (header->rules != LEDGER_RULES) {
        return fault_set(fault, STATUS_VERSION, "rules", "rules %lld, this program knows %d", (long long)header->rules,
                         LEDGER_RULES);
    }
    if (header->height == 0) {
        return fault_set(fault, STATUS_INVALID, "height", "heights count from 1");
    }
    return STATUS_OK;
}

enum status ledger_header_decode(struct ledger_header *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct ledger_header header;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&header, sizeof(header), object, fields, FIELD_COUNT, "", fault);
    }
    json_decref(object);
    if (status == STATUS_OK) {
        status = header_check(&header, fault);
    }
    if (status == STATUS_OK) {
        *out = header;
    }
    return status;
}

enum status ledger_header_encode(struct bytes *out, const struct ledger_header *header, struct fault *fault)
{
    enum status status = header_check(header, fault);
    if (status != STATUS_OK) {
        return status;
    }
    return canon_encode_bytes(out, header, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
}

void ledger_header_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, LEDGER_HEADER_KIND, document, len);
}
