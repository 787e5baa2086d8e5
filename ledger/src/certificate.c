/*
 * Block certificates: the signatures of validators over one header, and the judgement that they suffice.
 */
#include "ledger/header.h"

struct certificate_document {
    json_t *signatures;
};

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct certificate_document, signatures, CANON_ARRAY, 1, LEDGER_VALIDATORS_MAX),
};

static const struct canon_field signature_fields[] = {
    {"alg", CANON_ALGORITHM, false, offsetof(struct signature, algorithm), sizeof(enum algorithm), 0, 0},
    {"key", CANON_HASH, false, offsetof(struct signature, key_id), sizeof(struct digest), 0, 0},
    {"sig", CANON_SIGNATURE, false, offsetof(struct signature, bytes64), SIGNATURE_LEN, 0, 0},
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static enum status check_distinct(const struct ledger_certificate *certificate, struct fault *fault)
{
    for (size_t i = 1; i < certificate->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (digest_equal(&certificate->signatures[i].key_id, &certificate->signatures[j].key_id)) {
                return fault_set(fault, STATUS_INVALID, "signatures", "two signatures by one key");
            }
        }
    }
    return STATUS_OK;
}

static enum status decode_signatures(struct ledger_certificate *out, const json_t *array, struct fault *fault)
{
    struct ledger_certificate certificate = {.count = json_array_size(array)};
    for (size_t i = 0; i < certificate.count; i++) {
        char path[48];
        (void)snprintf(path, sizeof(path), "signatures[%zu]", i);
        enum status status =
            canon_decode(&certificate.signatures[i], sizeof(struct signature), json_array_get(array, i),
                         signature_fields, COUNT_OF(signature_fields), path, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    enum status status = check_distinct(&certificate, fault);
    if (status == STATUS_OK) {
        *out = certificate;
    }
    return status;
}

enum status ledger_certificate_decode(struct ledger_certificate *out, const void *document, size_t len,
                                      struct fault *fault)
{
    json_t *object = NULL;
    struct certificate_document certificate;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&certificate, sizeof(certificate), object, fields, COUNT_OF(fields), "", fault);
    }
    if (status == STATUS_OK) {
        status = decode_signatures(out, certificate.signatures, fault);
    }
    json_decref(object);
    return status;
}

static enum status encode_signatures(json_t *array, const struct ledger_certificate *certificate, struct fault *fault)
{
    for (size_t i = 0; i < certificate->count; i++) {
        json_t *element = NULL;
        enum status status =
            canon_encode(&element, &certificate->signatures[i], signature_fields, COUNT_OF(signature_fields), fault);
        if (status == STATUS_OK && json_array_append_new(array, element) != 0) {
            status = fault_set(fault, STATUS_NO_MEMORY, "signatures", "building an array");
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status ledger_certificate_encode(struct bytes *out, const struct ledger_certificate *certificate,
                                      struct fault *fault)
{
    INVARIANT(certificate->count <= LEDGER_VALIDATORS_MAX);
    struct certificate_document document = {.signatures = json_array()};
    enum status status = check_distinct(certificate, fault);
    if (status == STATUS_OK) {
        status = encode_signatures(document.signatures, certificate, fault);
    }
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &document, fields, COUNT_OF(fields), CANON_DOCUMENT_MAX, fault);
    }
    json_decref(document.signatures);
    return status;
}

void ledger_certificate_digest(struct digest *out, const void *document, size_t len)
{
    digest_sha256(out, document, len);
}

/* The place in the set of the validator who made a signature; the count of the set when there is none. */
static size_t validator_of(const struct ledger_validators *validators, const struct signature *signature)
{
    size_t i = 0;
    for (; i < validators->count; i++) {
        struct digest key_id;
        public_key_id(&key_id, &validators->keys[i]);
        if (signature->algorithm == validators->keys[i].algorithm && digest_equal(&signature->key_id, &key_id)) {
            break;
        }
    }
    return i;
}

static enum status verify_signatures(const struct ledger_certificate *certificate,
                                     const struct ledger_validators *validators, const struct bytes *message,
                                     struct fault *fault)
{
    size_t next = 0; /* signers stand in the order of the set, so nobody counts twice */
    for (size_t i = 0; i < certificate->count; i++) {
        char where[48];
        (void)snprintf(where, sizeof(where), "signatures[%zu]", i);
        size_t validator = validator_of(validators, &certificate->signatures[i]);
        if (validator == validators->count) {
            return fault_set(fault, STATUS_UNKNOWN_KEY, where, "not a validator of this block");
        }
        if (validator < next) {
            return fault_set(fault, STATUS_INVALID, where, "a validator twice or out of order");
        }
        next = validator + 1;
        enum status status = signature_verify(&validators->keys[validator], certificate->signatures[i].bytes64,
                                              message->data, message->len, NULL);
        if (status != STATUS_OK) {
            return fault_set(fault, status, where, "over the header");
        }
    }
    return STATUS_OK;
}

enum status ledger_certificate_verify(const struct ledger_certificate *certificate,
                                      const struct ledger_validators *validators, const void *header, size_t header_len,
                                      struct fault *fault)
{
    struct bytes message = {0};
    enum status status = document_message(&message, LEDGER_HEADER_KIND, header, header_len);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "certificate", "building the message");
    }
    status = verify_signatures(certificate, validators, &message, fault);
    bytes_free(&message);
    if (status == STATUS_OK && (int64_t)certificate->count < validators->quorum) {
        return fault_set(fault, STATUS_QUORUM_MISSING, "signatures", "%zu of %lld", certificate->count,
                         (long long)validators->quorum);
    }
    return status;
}
