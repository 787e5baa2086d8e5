/*
 * The review of key uses, and its verification under a policy. What it says of the trail is held against the trail by
 * whoever has it.
 */
#include "policy/review.h"

#include "document.h"
#include "duty.h"

static const struct canon_field fields[] = {
    CANON_FIELD_RANGE(struct review, findings, CANON_INTEGER, 0, CANON_INTEGER_MAX),
    CANON_FIELD(struct review, from, CANON_COUNTER),
    CANON_FIELD(struct review, report, CANON_HASH),
    CANON_FIELD(struct review, reviewed_at, CANON_TIME),
    CANON_FIELD(struct review, reviewer, CANON_NAME),
    CANON_FIELD(struct review, root, CANON_HASH),
    CANON_FIELD(struct review, size, CANON_COUNTER),
    CANON_FIELD(struct review, to, CANON_COUNTER),
    CANON_FIELD_RANGE(struct review, uses, CANON_INTEGER, 0, CANON_INTEGER_MAX),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static enum status check(const struct review *review, struct fault *fault)
{
    if (review->from >= review->to || review->to > review->size) {
        return fault_set(fault, STATUS_INVALID, "to", "must be after from, and not beyond size");
    }
    return review->findings > review->uses ? fault_set(fault, STATUS_INVALID, "findings", "more than uses") : STATUS_OK;
}

enum status review_decode(struct review *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    struct review review;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&review, sizeof(review), object, fields, FIELD_COUNT, "", fault);
    }
    if (status == STATUS_OK) {
        status = check(&review, fault);
    }
    if (status == STATUS_OK) {
        *out = review;
    }
    json_decref(object);
    return status;
}

enum status review_encode(struct bytes *out, const struct review *review, struct fault *fault)
{
    enum status status = check(review, fault);
    return status == STATUS_OK ? canon_encode_bytes(out, review, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault)
                               : status;
}

void review_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, REVIEW_KIND, document, len);
}

enum status review_verify(struct review *out, const struct signed_document *document, const struct policy *policy,
                          struct fault *fault)
{
    struct review review;
    enum status status = review_decode(&review, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct duty_demand demand = {.where = "reviewer", .duties = DUTY_AUDITOR, .at_utc_us = review.reviewed_at};
    const struct person *person = NULL;
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one");
    }
    status = duty_find(&person, policy, &review.reviewer, &demand, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct public_key *key = policy_person_key(person, &document->signatures[0].key_id);
    status = key == NULL ? fault_set(fault, STATUS_UNKNOWN_KEY, "signatures[0]", "no key of %s", review.reviewer.text)
                         : signed_document_verify(document, REVIEW_KIND, 0, key, fault);
    if (status == STATUS_OK) {
        *out = review;
    }
    return status;
}
