/*
 * The genesis document: fields, and the rules between them.
 */
#include "ledger/genesis.h"

struct genesis_document {
    json_t *assets;
    int64_t created_at;
    struct name environment;
    int64_t quorum;
    int64_t rules;
    json_t *validators;
};

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct genesis_document, assets, CANON_ARRAY, 0, LEDGER_ASSETS_MAX),
    CANON_FIELD(struct genesis_document, created_at, CANON_TIME),
    CANON_FIELD(struct genesis_document, environment, CANON_NAME),
    CANON_FIELD_RANGE(struct genesis_document, quorum, CANON_INTEGER, 1, LEDGER_VALIDATORS_MAX),
    CANON_FIELD_RANGE(struct genesis_document, rules, CANON_INTEGER, 1, CANON_INTEGER_MAX),
    CANON_FIELD_RANGE(struct genesis_document, validators, CANON_ARRAY, 1, LEDGER_VALIDATORS_MAX),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static enum status add_asset(struct ledger_genesis *genesis, const struct asset *asset, struct fault *fault)
{
    struct digest id;
    enum status status = asset_id(&id, asset, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (ledger_genesis_asset(genesis, &id) != NULL) {
        return fault_set(fault, STATUS_INVALID, "assets", "asset %s twice", asset->code);
    }
    genesis->assets[genesis->asset_count] = *asset;
    genesis->asset_ids[genesis->asset_count++] = id;
    return STATUS_OK;
}

static enum status decode_assets(struct ledger_genesis *genesis, const json_t *array, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        char path[48];
        struct asset asset;
        (void)snprintf(path, sizeof(path), "assets[%zu]", i);
        enum status status = asset_decode(&asset, json_array_get(array, i), path, fault);
        if (status == STATUS_OK) {
            status = add_asset(genesis, &asset, fault);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status genesis_from(struct ledger_genesis *out, const struct genesis_document *document,
                                struct fault *fault)
{
    if (document->rules != LEDGER_RULES) {
        return fault_set(fault, STATUS_VERSION, "rules", "rules %lld, this program knows %d",
                         (long long)document->rules, LEDGER_RULES);
    }
    struct ledger_genesis genesis = {.environment = document->environment, .created_at_utc_us = document->created_at};
    enum status status = ledger_validators_decode(&genesis.validators, document->validators, document->quorum, fault);
    if (status == STATUS_OK) {
        status = decode_assets(&genesis, document->assets, fault);
    }
    if (status == STATUS_OK) {
        *out = genesis;
    }
    return status;
}

enum status ledger_genesis_decode(struct ledger_genesis *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct genesis_document genesis;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&genesis, sizeof(genesis), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = genesis_from(out, &genesis, fault);
    }
    json_decref(object);
    return status;
}

static enum status encode_assets(json_t *array, const struct ledger_genesis *genesis, struct fault *fault)
{
    if (genesis->asset_count > LEDGER_ASSETS_MAX) {
        return fault_set(fault, STATUS_INVALID, "assets", "at most %d assets", LEDGER_ASSETS_MAX);
    }
    struct ledger_genesis seen = {0};
    for (size_t i = 0; i < genesis->asset_count; i++) {
        json_t *asset = NULL;
        enum status status = add_asset(&seen, &genesis->assets[i], fault);
        if (status == STATUS_OK) {
            status = asset_encode(&asset, &genesis->assets[i], fault);
        }
        if (status == STATUS_OK && json_array_append_new(array, asset) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "assets", "building an array");
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status ledger_genesis_encode(struct bytes *out, const struct ledger_genesis *genesis, struct fault *fault)
{
    struct genesis_document document = {
        .assets = json_array(),
        .created_at = genesis->created_at_utc_us,
        .environment = genesis->environment,
        .quorum = genesis->validators.quorum,
        .rules = LEDGER_RULES,
    };
    enum status status = encode_assets(document.assets, genesis, fault);
    if (status == STATUS_OK) {
        status = ledger_validators_encode_keys(&document.validators, &genesis->validators, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &document, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(document.assets);
    json_decref(document.validators);
    return status;
}

void ledger_genesis_chain(struct digest *out, const void *document, size_t len)
{
    digest_document(out, LEDGER_GENESIS_KIND, document, len);
}

const struct asset *ledger_genesis_asset(const struct ledger_genesis *genesis, const struct digest *asset_id)
{
    for (size_t i = 0; i < genesis->asset_count; i++) {
        if (digest_equal(&genesis->asset_ids[i], asset_id)) {
            return &genesis->assets[i];
        }
    }
    return NULL;
}
