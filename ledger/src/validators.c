/*
 * The validator set: its rules and its two forms, inside the genesis and as the document whose digest headers name.
 */
#include "ledger/header.h"
#include "policy/account.h"

/* The document {"quorum","validators"}. */
struct set_document {
    int64_t quorum;
    json_t *validators;
};

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct set_document, quorum, CANON_INTEGER, 1, LEDGER_VALIDATORS_MAX),
    CANON_FIELD_RANGE(struct set_document, validators, CANON_ARRAY, 1, LEDGER_VALIDATORS_MAX),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static bool key_repeated(const struct ledger_validators *validators, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (public_key_equal(&validators->keys[i], &validators->keys[index])) {
            return true;
        }
    }
    return false;
}

enum status ledger_validators_check(const struct ledger_validators *validators, struct fault *fault)
{
    int64_t count = (int64_t)validators->count;
    if (count < 1 || count > LEDGER_VALIDATORS_MAX) {
        return fault_set(fault, STATUS_INVALID, "validators", "1 to %d validators", LEDGER_VALIDATORS_MAX);
    }
    if (validators->quorum < 1 || validators->quorum > count || 2 * validators->quorum <= count) {
        return fault_set(fault, STATUS_INVALID, "quorum", "more than half of %lld validators", (long long)count);
    }
    for (size_t i = 0; i < validators->count; i++) {
        if (key_repeated(validators, i)) {
            return fault_set(fault, STATUS_INVALID, "validators", "validator %zu has the key of an earlier one", i);
        }
    }
    return STATUS_OK;
}

enum status ledger_validators_decode(struct ledger_validators *out, const json_t *keys, int64_t quorum,
                                     struct fault *fault)
{
    struct ledger_validators validators = {.quorum = quorum, .count = json_array_size(keys)};
    if (validators.count > LEDGER_VALIDATORS_MAX) {
        return fault_set(fault, STATUS_INVALID, "validators", "1 to %d validators", LEDGER_VALIDATORS_MAX);
    }
    for (size_t i = 0; i < validators.count; i++) {
        char path[48];
        (void)snprintf(path, sizeof(path), "validators[%zu]", i);
        enum status status = account_key_decode(&validators.keys[i], json_array_get(keys, i), path, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = ledger_validators_check(&validators, fault);
    if (status == STATUS_OK) {
        *out = validators;
    }
    return status;
}

enum status ledger_validators_encode_keys(json_t **out, const struct ledger_validators *validators, struct fault *fault)
{
    enum status status = ledger_validators_check(validators, fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < validators->count && status == STATUS_OK; i++) {
        json_t *key = NULL;
        status = account_key_encode(&key, &validators->keys[i], fault);
        if (status == STATUS_OK && json_array_append_new(array, key) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "validators", "building an array");
        }
    }
    if (status != STATUS_OK) {
        json_decref(array);
        return status;
    }
    *out = array; /* transferred */
    return STATUS_OK;
}

enum status ledger_validators_digest(struct digest *out, const struct ledger_validators *validators,
                                     struct fault *fault)
{
    struct set_document document = {.quorum = validators->quorum};
    struct bytes bytes = {0};
    enum status status = ledger_validators_encode_keys(&document.validators, validators, fault);
    if (status == STATUS_OK) {
        status = canon_encode_bytes(&bytes, &document, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    if (status == STATUS_OK) {
        digest_document(out, LEDGER_VALIDATORS_KIND, bytes.data, bytes.len);
    }
    bytes_free(&bytes);
    json_decref(document.validators);
    return status;
}
