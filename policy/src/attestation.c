/*
 * The attestation document. Asking a token for one is for the signer.
 */
#include "policy/attestation.h"

#include "document.h"

struct attestation_wire {
    struct attestation attestation;
    char address[ADDRESS_TEXT_SIZE];
    enum algorithm alg;
    struct bytes key;
    char state[16];
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct attestation_wire, address, CANON_TEXT),
    CANON_FIELD(struct attestation_wire, alg, CANON_ALGORITHM),
    CANON_FIELD(struct attestation, chain, CANON_HASH),
    CANON_FIELD(struct attestation, challenge, CANON_HASH),
    CANON_FIELD(struct attestation, document, CANON_HASH),
    CANON_FIELD(struct attestation, environment, CANON_NAME),
    CANON_FIELD(struct attestation, issued_at, CANON_TIME),
    CANON_FIELD_SIZED(struct attestation_wire, key, CANON_BYTES, PUBLIC_KEY_MAX),
    CANON_FIELD(struct attestation_wire, state, CANON_TEXT),
};

_Static_assert(offsetof(struct attestation_wire, attestation) == 0, "the rows of struct attestation hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct attestation_wire);

static enum status check(const struct attestation *attestation, struct fault *fault)
{
    struct account_id account;
    enum status status = account_id_from_key(&account, &attestation->key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!account_id_equal(&account, &attestation->address)) {
        return fault_set(fault, STATUS_MISMATCH, "address", "not the address of the key");
    }
    if (!key_state_attests(attestation->state)) {
        return fault_set(fault, STATUS_INVALID, "state", "a state in which keys attest");
    }
    return STATUS_OK;
}

enum status attestation_fill(struct attestation *inout, const struct key_document *key, struct fault *fault)
{
    struct account_id account;
    enum status status = account_id_from_key(&account, &key->key, fault);
    if (status == STATUS_OK) {
        inout->address = account;
        inout->chain = key->chain;
        inout->environment = key->environment;
        inout->key = key->key;
    }
    return status;
}

static enum status read_wire(struct attestation *out, const struct attestation_wire *wire, struct fault *fault)
{
    struct fault inner = {0};
    *out = wire->attestation;
    enum status status = public_key_parse(&out->key, wire->alg, wire->key.data, wire->key.len, &inner);
    if (status != STATUS_OK) {
        return fault_set(fault, status, "key", "%s", inner.detail);
    }
    status = address_parse(&out->address, wire->address, "address", fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (key_state_parse(&out->state, wire->state) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "state", "the state of a key");
    }
    return check(out, fault);
}

enum status attestation_decode(struct attestation *out, const void *document, size_t len, struct fault *fault)
{
    struct attestation_wire wire = {0};
    struct attestation attestation;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_wire(&attestation, &wire, fault);
    if (status == STATUS_OK) {
        *out = attestation;
    }
    bytes_free(&wire.key);
    return status;
}

enum status attestation_encode(struct bytes *out, const struct attestation *attestation, struct fault *fault)
{
    enum status status = check(attestation, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct attestation_wire wire = {.attestation = *attestation, .alg = attestation->key.algorithm};
    wire.key = (struct bytes){wire.attestation.key.spki, wire.attestation.key.spki_len}; /* borrowed */
    address_format(wire.address, &attestation->address);
    (void)snprintf(wire.state, sizeof(wire.state), "%s", key_state_text(attestation->state));
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

static enum status check_subject(const struct attestation *attestation, const struct key_document *key,
                                 const struct digest *document_digest, struct fault *fault)
{
    if (!public_key_equal(&attestation->key, &key->key)) {
        return fault_set(fault, STATUS_MISMATCH, "key", "not that of the key document");
    }
    if (!digest_equal(&attestation->document, document_digest)) {
        return fault_set(fault, STATUS_MISMATCH, "document", "names another key document");
    }
    if (!digest_equal(&attestation->chain, &key->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "not that of the key document");
    }
    if (!name_equal(&attestation->environment, &key->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the key document");
    }
    return STATUS_OK;
}

enum status attestation_verify(struct attestation *out, const struct signed_document *document,
                               const struct key_document *key, const struct digest *document_digest,
                               struct fault *fault)
{
    struct attestation attestation;
    enum status status = attestation_decode(&attestation, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_subject(&attestation, key, document_digest, fault);
    }
    if (status == STATUS_OK && document->signature_count != 1) {
        status = fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one signature, by the key itself");
    }
    if (status == STATUS_OK) {
        status = signed_document_verify(document, ATTESTATION_KIND, 0, &key->key, fault);
    }
    if (status == STATUS_OK) {
        *out = attestation;
    }
    return status;
}
