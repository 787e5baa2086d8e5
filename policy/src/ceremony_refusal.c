/*
 * The refusal of a ceremony's first step, and its verification under a policy. It stops nothing: the step did.
 */
#include "policy/ceremony_refusal.h"

#include "document.h"
#include "duty.h"

static const struct canon_field fields[] = {
    CANON_FIELD(struct ceremony_refusal, actor, CANON_NAME),
    CANON_FIELD(struct ceremony_refusal, at, CANON_TIME),
    CANON_FIELD(struct ceremony_refusal, ceremony, CANON_UUID),
    CANON_FIELD(struct ceremony_refusal, environment, CANON_NAME),
    {"module", CANON_HASH, false, offsetof(struct ceremony_refusal, hashes.module), sizeof(struct digest), 0, 0},
    {"module_pinned", CANON_HASH, false, offsetof(struct ceremony_refusal, hashes.module_pinned), sizeof(struct digest),
     0, 0},
    {"program", CANON_HASH, false, offsetof(struct ceremony_refusal, hashes.program), sizeof(struct digest), 0, 0},
    {"program_pinned", CANON_HASH, false, offsetof(struct ceremony_refusal, hashes.program_pinned),
     sizeof(struct digest), 0, 0},
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

bool ceremony_hashes_agree(const struct ceremony_hashes *hashes)
{
    return digest_equal(&hashes->module, &hashes->module_pinned) &&
           digest_equal(&hashes->program, &hashes->program_pinned);
}

static enum status check(const struct ceremony_refusal *refusal, struct fault *fault)
{
    return ceremony_hashes_agree(&refusal->hashes)
               ? fault_set(fault, STATUS_INVALID, "module", "both files are the pinned ones: nothing was refused")
               : STATUS_OK;
}

enum status ceremony_refusal_decode(struct ceremony_refusal *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct ceremony_refusal refusal;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&refusal, sizeof(refusal), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = check(&refusal, fault);
    }
    if (status == STATUS_OK) {
        *out = refusal;
    }
    json_decref(object);
    return status;
}

enum status ceremony_refusal_encode(struct bytes *out, const struct ceremony_refusal *refusal, struct fault *fault)
{
    enum status status = check(refusal, fault);
    return status == STATUS_OK ? canon_encode_bytes(out, refusal, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault)
                               : status;
}

void ceremony_refusal_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, CEREMONY_REFUSAL_KIND, document, len);
}

static enum status check_signer(const struct ceremony_refusal *refusal, const struct signed_document *document,
                                const struct policy *policy, struct fault *fault)
{
    const struct duty_demand demand = {.where = "actor", .duties = DUTY_ADMINISTRATOR, .at_utc_us = refusal->at};
    const struct person *person = NULL;
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one");
    }
    enum status status = duty_find(&person, policy, &refusal->actor, &demand, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct public_key *key = policy_person_key(person, &document->signatures[0].key_id);
    return key == NULL ? fault_set(fault, STATUS_UNKNOWN_KEY, "signatures[0]", "no key of %s", refusal->actor.text)
                       : signed_document_verify(document, CEREMONY_REFUSAL_KIND, 0, key, fault);
}

enum status ceremony_refusal_verify(struct ceremony_refusal *out, const struct signed_document *document,
                                    const struct policy *policy, struct fault *fault)
{
    struct ceremony_refusal refusal;
    enum status status = ceremony_refusal_decode(&refusal, document->document.data, document->document.len, fault);
    if (status == STATUS_OK && !name_equal(&refusal.environment, &policy->environment)) {
        status = fault_set(fault, STATUS_MISMATCH, "environment", "is not that of the policy");
    }
    if (status == STATUS_OK) {
        status = check_signer(&refusal, document, policy, fault);
    }
    if (status == STATUS_OK) {
        *out = refusal;
    }
    return status;
}
