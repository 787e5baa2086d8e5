/*
 * The approval document and the verification of one. Counting approvals is in evaluate.c.
 */
#include "policy/approval.h"

#include "document.h"

struct approval_wire {
    struct approval approval;
    char decision[16];
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct approval, approver, CANON_NAME),      CANON_FIELD(struct approval, chain, CANON_HASH),
    CANON_FIELD(struct approval_wire, decision, CANON_TEXT), CANON_FIELD(struct approval, environment, CANON_NAME),
    CANON_FIELD(struct approval, expires_at, CANON_TIME),    CANON_FIELD(struct approval, intent, CANON_HASH),
    CANON_FIELD(struct approval, key, CANON_HASH),           CANON_FIELD(struct approval, policy, CANON_HASH),
    CANON_FIELD(struct approval, signed_at, CANON_TIME),     CANON_FIELD(struct approval, withdrawal, CANON_UUID),
};

_Static_assert(offsetof(struct approval_wire, approval) == 0, "the rows of struct approval hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct approval_wire);

static const struct word decision_words[] = {{"approve", APPROVAL_APPROVE}, {"reject", APPROVAL_REJECT}, {NULL, 0}};

const char *approval_decision_text(enum approval_decision decision)
{
    return word_text(decision_words, (int)decision);
}

static enum status check(const struct approval *approval, struct fault *fault)
{
    if (approval_decision_text(approval->decision) == NULL) {
        return fault_set(fault, STATUS_INVALID, "decision", "approve or reject");
    }
    if (approval->expires_at <= approval->signed_at) {
        return fault_set(fault, STATUS_INVALID, "expires_at", "after signed_at");
    }
    return STATUS_OK;
}

enum status approval_decode(struct approval *out, const void *document, size_t len, struct fault *fault)
{
    struct approval_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.approval.decision = (enum approval_decision)word_value(decision_words, wire.decision);
    status = check(&wire.approval, fault);
    if (status == STATUS_OK) {
        *out = wire.approval;
    }
    return status;
}

enum status approval_encode(struct bytes *out, const struct approval *approval, struct fault *fault)
{
    enum status status = check(approval, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct approval_wire wire = {.approval = *approval};
    word_write(wire.decision, sizeof(wire.decision), decision_words, (int)approval->decision);
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

void approval_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, APPROVAL_KIND, document, len);
}

static enum status check_subject(const struct approval *approval, const struct intent *intent,
                                 const struct digest *digest, struct fault *fault)
{
    if (!digest_equal(&approval->intent, digest)) {
        return fault_set(fault, STATUS_MISMATCH, "intent", "given for another intent");
    }
    if (!uuid_equal(&approval->withdrawal, &intent->withdrawal)) {
        return fault_set(fault, STATUS_MISMATCH, "withdrawal", "given for another withdrawal");
    }
    if (approval->expires_at > intent->expires_at) {
        return fault_set(fault, STATUS_MISMATCH, "expires_at", "later than that of the intent");
    }
    return STATUS_OK;
}

static enum status check_policy(const struct approval *approval, const struct policy *policy, struct fault *fault)
{
    if (!digest_equal(&approval->policy, &policy->digest)) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "given under another policy than the one in force");
    }
    if (!digest_equal(&approval->chain, &policy->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "not that of the policy");
    }
    if (!name_equal(&approval->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the policy");
    }
    return STATUS_OK;
}

static enum status check_signature(const struct approval *approval, const struct signed_document *document,
                                   const struct policy *policy, struct fault *fault)
{
    const struct person *person = policy_find_person(policy, &approval->approver);
    const struct public_key *key = person == NULL ? NULL : policy_person_key(person, &approval->key);
    if (key == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "key", "the policy does not give this key to %s",
                         approval->approver.text);
    }
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one signature, by the key named");
    }
    return signed_document_verify(document, APPROVAL_KIND, 0, key, fault);
}

enum status approval_verify(struct approval *out, const struct signed_document *document,
                            const struct approval_context *context, struct fault *fault)
{
    struct approval approval;
    enum status status = approval_decode(&approval, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_subject(&approval, context->intent, context->intent_digest, fault);
    }
    if (status == STATUS_OK) {
        status = check_policy(&approval, context->policy, fault);
    }
    if (status == STATUS_OK && context->at_utc_us >= approval.expires_at) {
        status = fault_set(fault, STATUS_EXPIRED, "expires_at", "the approval has expired");
    }
    if (status == STATUS_OK) {
        status = check_signature(&approval, document, context->policy, fault);
    }
    if (status == STATUS_OK && name_equal(&approval.approver, &context->intent->requester)) {
        status = fault_set(fault, STATUS_SELF_APPROVAL, "approver", "%s has requested it", approval.approver.text);
    }
    if (status == STATUS_OK) {
        *out = approval;
    }
    return status;
}
