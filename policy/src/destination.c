/*
 * The destination document and its verification under a policy. Holding the list is for those who do I/O.
 */
#include "policy/destination.h"

#include "document.h"

struct destination_wire {
    struct destination destination;
    char account[ADDRESS_TEXT_SIZE];
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct destination_wire, account, CANON_TEXT), CANON_FIELD(struct destination, chain, CANON_HASH),
    CANON_FIELD(struct destination, environment, CANON_NAME),  CANON_FIELD(struct destination, group, CANON_NAME),
    CANON_FIELD(struct destination, id, CANON_NAME),           CANON_FIELD(struct destination, issued_at, CANON_TIME),
    CANON_FIELD(struct destination, policy, CANON_HASH),       CANON_FIELD(struct destination, valid_until, CANON_TIME),
};

_Static_assert(offsetof(struct destination_wire, destination) == 0, "the rows of struct destination hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct destination_wire);

static enum status check(const struct destination *destination, struct fault *fault)
{
    if (destination->valid_until <= destination->issued_at) {
        return fault_set(fault, STATUS_INVALID, "valid_until", "after issued_at");
    }
    return STATUS_OK;
}

enum status destination_decode(struct destination *out, const void *document, size_t len, struct fault *fault)
{
    struct destination_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status == STATUS_OK) {
        status = address_parse(&wire.destination.account, wire.account, "account", fault);
    }
    if (status == STATUS_OK) {
        status = check(&wire.destination, fault);
    }
    if (status == STATUS_OK) {
        *out = wire.destination;
    }
    return status;
}

enum status destination_encode(struct bytes *out, const struct destination *destination, struct fault *fault)
{
    enum status status = check(destination, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct destination_wire wire = {.destination = *destination};
    address_format(wire.account, &destination->account);
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

void destination_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, DESTINATION_KIND, document, len);
}

static enum status check_policy(const struct destination *destination, const struct policy *policy, struct fault *fault)
{
    if (!digest_equal(&destination->chain, &policy->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "not that of the policy");
    }
    if (!name_equal(&destination->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the policy");
    }
    return STATUS_OK;
}

enum status destination_read(struct destination *out, const struct signed_document *document,
                             const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    struct destination destination;
    enum status status = destination_decode(&destination, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_policy(&destination, policy, fault);
    }
    if (status == STATUS_OK && at_utc_us >= destination.valid_until) {
        status = fault_set(fault, STATUS_EXPIRED, "valid_until", "the entry of the allow-list has expired");
    }
    if (status == STATUS_OK) {
        *out = destination;
    }
    return status;
}

enum status destination_verify(struct destination *out, const struct signed_document *document,
                               const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    struct destination destination;
    enum status status = destination_read(&destination, document, policy, at_utc_us, fault);
    if (status == STATUS_OK && !digest_equal(&destination.policy, &policy->digest)) {
        status = fault_set(fault, STATUS_MISMATCH, "policy", "listed under another policy than the one in force");
    }
    if (status == STATUS_OK) {
        status = policy_verify_governance(policy, document, DESTINATION_KIND, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        *out = destination;
    }
    return status;
}
