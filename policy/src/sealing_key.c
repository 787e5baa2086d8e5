/*
 * The signed sealing key of a custodian. That a private key belongs to it shows when the custodian opens a share.
 */
#include "policy/sealing_key.h"

#include "share_table.h"

struct sealing_wire {
    struct sealing_key key;
    struct bytes seal;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct sealing_key, environment, CANON_NAME), CANON_FIELD(struct sealing_key, issued_at, CANON_TIME),
    CANON_FIELD(struct sealing_key, person, CANON_NAME),      SEAL_KEY_FIELD(struct sealing_wire, seal),
    CANON_FIELD(struct sealing_key, valid_until, CANON_TIME),
};

_Static_assert(offsetof(struct sealing_wire, key) == 0, "the rows of struct sealing_key hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct sealing_wire);

static enum status check(const struct sealing_key *key, struct fault *fault)
{
    return key->valid_until > key->issued_at ? STATUS_OK
                                             : fault_set(fault, STATUS_INVALID, "valid_until", "after issued_at");
}

enum status sealing_key_decode(struct sealing_key *out, const void *document, size_t len, struct fault *fault)
{
    struct sealing_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    share_read_seal_key(&wire.key.seal, &wire.seal);
    bytes_free(&wire.seal);
    status = check(&wire.key, fault);
    if (status == STATUS_OK) {
        *out = wire.key;
    }
    return status;
}

enum status sealing_key_encode(struct bytes *out, const struct sealing_key *key, struct fault *fault)
{
    struct sealing_wire wire = {.key = *key};
    enum status status = check(key, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.seal = (struct bytes){wire.key.seal.bytes32, SEAL_KEY_LEN}; /* borrowed */
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

enum status sealing_paper_read(struct sealing_paper *out, const struct signed_document *document, struct fault *fault)
{
    struct sealing_paper paper;
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one, by the person it names");
    }
    enum status status = sealing_key_decode(&paper.key, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        paper.signature = document->signatures[0];
        *out = paper;
    }
    return status;
}

enum status sealing_paper_write(struct signed_document *out, const struct sealing_paper *paper, struct fault *fault)
{
    struct signed_document document = {0};
    enum status status = sealing_key_encode(&document.document, &paper->key, fault);
    if (status == STATUS_OK) {
        status = signed_document_add(&document, &paper->signature);
    }
    if (status != STATUS_OK) {
        signed_document_free(&document);
        return fault_set(fault, status, "", "writing a sealing key");
    }
    *out = document; /* transferred */
    return STATUS_OK;
}

enum status sealing_paper_check_time(const struct sealing_paper *paper, int64_t at_utc_us, struct fault *fault)
{
    const char *person = paper->key.person.text;
    if (paper->key.issued_at - at_utc_us > SEALING_KEY_EARLY_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "issued_at", "the sealing key of %s is signed for later", person);
    }
    return at_utc_us < paper->key.valid_until
               ? STATUS_OK
               : fault_set(fault, STATUS_EXPIRED, "valid_until", "the sealing key of %s was over", person);
}

enum status sealing_paper_verify(const struct sealing_paper *paper, const struct policy *policy, int64_t at_utc_us,
                                 struct fault *fault)
{
    struct signed_document document = {0};
    const char *name = paper->key.person.text;
    if (!name_equal(&paper->key.environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "the sealing key of %s is not for %s", name,
                         policy->environment.text);
    }
    enum status status = sealing_paper_check_time(paper, at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct person *person = policy_find_person(policy, &paper->key.person);
    const struct public_key *key = person == NULL ? NULL : policy_person_key(person, &paper->signature.key_id);
    if (key == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "signatures", "the sealing key of %s is not signed by %s", name,
                         name);
    }
    status = sealing_paper_write(&document, paper, fault);
    if (status == STATUS_OK) {
        status = signed_document_verify(&document, SEALING_KEY_KIND, 0, key, fault);
    }
    signed_document_free(&document);
    return status;
}
