/*
 * Asset objects and their ids. Supply and balances are the ledger's.
 */
#include "policy/asset.h"

#include "document.h"

struct asset_wire {
    char code[ASSET_CODE_SIZE];
    int64_t decimals;
    char issuer[ADDRESS_TEXT_SIZE];
};

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct asset_wire, code, CANON_TEXT, 1, CANON_INTEGER_MAX),
    CANON_FIELD_RANGE(struct asset_wire, decimals, CANON_INTEGER, 0, ASSET_DECIMALS_MAX),
    CANON_FIELD(struct asset_wire, issuer, CANON_TEXT),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static enum status check_code(const char *code, const char *path, struct fault *fault)
{
    if (code[0] == '\0' || strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != strlen(code)) {
        char where[PLACE_SIZE];
        document_place(where, path, "code");
        return fault_set(fault, STATUS_INVALID, where, "1 to 12 of A-Z and 0-9");
    }
    return STATUS_OK;
}

enum status asset_decode(struct asset *out, const json_t *object, const char *path, struct fault *fault)
{
    struct asset_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, path, fault);
    if (status == STATUS_OK) {
        status = check_code(wire.code, path, fault);
    }
    struct asset asset = {0};
    if (status == STATUS_OK) {
        char where[PLACE_SIZE];
        document_place(where, path, "issuer");
        status = address_parse(&asset.issuer, wire.issuer, where, fault);
    }
    if (status == STATUS_OK) {
        memcpy(asset.code, wire.code, sizeof(asset.code));
        asset.decimals = (unsigned)wire.decimals;
        *out = asset;
    }
    return status;
}

enum status asset_encode(json_t **out, const struct asset *asset, struct fault *fault)
{
    struct asset_wire wire = {.decimals = asset->decimals};
    memcpy(wire.code, asset->code, strnlen(asset->code, ASSET_CODE_SIZE - 1));
    address_format(wire.issuer, &asset->issuer);
    enum status status = check_code(wire.code, "", fault);
    return status == STATUS_OK ? canon_encode(out, &wire, fields, FIELD_COUNT, fault) : status;
}

enum status asset_id(struct digest *out, const struct asset *asset, struct fault *fault)
{
    json_t *object = NULL;
    struct bytes document = {0};
    enum status status = asset_encode(&object, asset, fault);
    if (status == STATUS_OK) {
        status = canon_emit(&document, object, CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        digest_document(out, ASSET_KIND, document.data, document.len);
    }
    bytes_free(&document);
    json_decref(object);
    return status;
}
