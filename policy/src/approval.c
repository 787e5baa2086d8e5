/*
 * The approval document and the verification of one. Counting approvals, and what they say they saw, is in evaluate.c.
 */
#include "policy/approval.h"

#include "document.h"

struct approval_wire {
    struct approval approval;
    char decision[16];
    json_t *seen;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct approval, approver, CANON_NAME),
    CANON_FIELD(struct approval, chain, CANON_HASH),
    CANON_FIELD(struct approval_wire, decision, CANON_TEXT),
    CANON_FIELD(struct approval, environment, CANON_NAME),
    CANON_FIELD(struct approval, expires_at, CANON_TIME),
    CANON_FIELD(struct approval, intent, CANON_HASH),
    CANON_FIELD(struct approval, key, CANON_HASH),
    CANON_FIELD(struct approval, policy, CANON_HASH),
    CANON_FIELD_RANGE(struct approval_wire, seen, CANON_ARRAY, 0, APPROVAL_SEEN_MAX),
    CANON_FIELD(struct approval, signed_at, CANON_TIME),
    CANON_FIELD(struct approval, withdrawal, CANON_UUID),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

_Static_assert(offsetof(struct approval_wire, approval) == 0, "the rows of struct approval hold in the wire");

static const struct word decision_words[] = {
    {"approve", APPROVAL_APPROVE}, {"reject", APPROVAL_REJECT}, {"request", APPROVAL_REQUEST}, {NULL, 0}};

const char *approval_decision_text(enum approval_decision decision)
{
    return word_text(decision_words, (int)decision);
}

static enum status check(const struct approval *approval, struct fault *fault)
{
    if (approval_decision_text(approval->decision) == NULL) {
        return fault_set(fault, STATUS_INVALID, "decision", "approve, reject or request");
    }
    if (approval->decision != APPROVAL_APPROVE && approval->seen_count > 0) {
        return fault_set(fault, STATUS_INVALID, "seen", "empty, unless the decision is approve");
    }
    for (size_t i = 1; i < approval->seen_count; i++) {
        if (memcmp(&approval->seen[i - 1], &approval->seen[i], sizeof(approval->seen[i])) >= 0) {
            return fault_set(fault, STATUS_INVALID, "seen", "ascending, each digest once");
        }
    }
    if (approval->expires_at <= approval->signed_at) {
        return fault_set(fault, STATUS_INVALID, "expires_at", "after signed_at");
    }
    return STATUS_OK;
}

static enum status read_seen(struct approval *out, const json_t *list, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text == NULL || digest_parse(&out->seen[i], text) != STATUS_OK) {
            return fault_set(fault, STATUS_INVALID, "seen", "digests: 64 hexadecimal digits");
        }
        out->seen_count = i + 1;
    }
    return STATUS_OK;
}

enum status approval_decode(struct approval *out, const void *document, size_t len, struct fault *fault)
{
    struct approval_wire wire;
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = read_seen(&wire.approval, wire.seen, fault);
    }
    json_decref(object);
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

static enum status seen_json(json_t **out, const struct approval *approval)
{
    json_t *list = json_array();
    for (size_t i = 0; i < approval->seen_count; i++) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &approval->seen[i]);
        if (json_array_append_new(list, json_string(hex)) != 0) {
            json_decref(list);
            return STATUS_NO_MEMORY;
        }
    }
    *out = list;
    return list == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status approval_encode(struct bytes *out, const struct approval *approval, struct fault *fault)
{
    enum status status = check(approval, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct approval_wire wire = {.approval = *approval};
    word_write(wire.decision, sizeof(wire.decision), decision_words, (int)approval->decision);
    status = seen_json(&wire.seen, approval);
    status = status == STATUS_OK ? canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault)
                                 : fault_set(fault, status, "seen", "%s", "");
    json_decref(wire.seen);
    return status;
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

/* Who asks for it signs the request and nothing else about it. */
static enum status check_part(const struct approval *approval, const struct approval_context *context,
                              struct fault *fault)
{
    bool requester = name_equal(&approval->approver, &context->intent->requester);
    if (approval->decision != APPROVAL_REQUEST) {
        return requester
                   ? fault_set(fault, STATUS_SELF_APPROVAL, "approver", "%s has requested it", approval->approver.text)
                   : STATUS_OK;
    }
    if (!requester) {
        return fault_set(fault, STATUS_MISMATCH, "approver", "%s has not requested it", approval->approver.text);
    }
    const struct person *person = policy_find_person(context->policy, &approval->approver);
    return person != NULL && (person->duties & DUTY_REQUESTER) != 0
               ? STATUS_OK
               : fault_set(fault, STATUS_FORBIDDEN, "approver", "%s has not the duty requester",
                           approval->approver.text);
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
    if (status == STATUS_OK) {
        status = check_part(&approval, context, fault);
    }
    if (status == STATUS_OK) {
        *out = approval;
    }
    return status;
}
