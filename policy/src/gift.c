/*
 * The gift: a share that a custodian hands to a signer. Opening it is for the process that made the receiving key.
 */
#include "policy/backup.h"
#include "policy/occasion.h"
#include "share_table.h"

struct gift_wire {
    struct gift gift;
    int64_t index;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct gift, commitment, CANON_HASH), CANON_FIELD(struct gift, custodian, CANON_NAME),
    CANON_FIELD(struct gift, given_at, CANON_TIME),   SHARE_INDEX_FIELD(struct gift_wire, index),
    CANON_FIELD(struct gift, occasion, CANON_HASH),   SHARE_SEALED_FIELD(struct gift, sealed),
};

_Static_assert(offsetof(struct gift_wire, gift) == 0, "the rows of struct gift hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct gift_wire);

enum status gift_decode(struct gift *out, const void *document, size_t len, struct fault *fault)
{
    struct gift_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status == STATUS_OK) {
        *out = wire.gift; /* transferred */
        out->index = (unsigned)wire.index;
    }
    return status;
}

enum status gift_encode(struct bytes *out, const struct gift *gift, struct fault *fault)
{
    const struct gift_wire wire = {.gift = *gift, .index = gift->index}; /* `sealed` is borrowed */
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

void gift_free(struct gift *gift)
{
    bytes_free(&gift->sealed);
    *gift = (struct gift){0};
}

static enum status check_occasion(const struct gift *gift, const struct gift_context *context, struct fault *fault)
{
    if (!digest_equal(&gift->occasion, context->occasion_digest)) {
        return fault_set(fault, STATUS_MISMATCH, "occasion", "the share of %s: given on another occasion",
                         gift->custodian.text);
    }
    return context->at_utc_us < context->occasion->expires_at
               ? STATUS_OK
               : fault_set(fault, STATUS_EXPIRED, "occasion", "the share of %s: the occasion is over",
                           gift->custodian.text);
}

static enum status check_row(const struct gift *gift, const struct share_table *shares, struct fault *fault)
{
    const struct share_holder *row = share_table_find(shares, &gift->custodian);
    if (row == NULL) {
        return fault_set(fault, STATUS_MISMATCH, "custodian", "%s has no share", gift->custodian.text);
    }
    if (row->index != gift->index || !digest_equal(&row->commitment, &gift->commitment)) {
        return fault_set(fault, STATUS_MISMATCH, "commitment", "not the share of %s", gift->custodian.text);
    }
    return STATUS_OK;
}

static enum status check_giver(const struct gift *gift, const struct signed_document *document,
                               const struct gift_context *context, struct fault *fault)
{
    enum status status =
        occasion_check_giver(context->occasion, &gift->custodian, context->policy, context->at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one signature, by the custodian");
    }
    const struct person *person = policy_find_person(context->policy, &gift->custodian);
    const struct public_key *key = policy_person_key(person, &document->signatures[0].key_id);
    if (key == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "signatures", "the policy does not give this key to %s",
                         gift->custodian.text);
    }
    return signed_document_verify(document, GIFT_KIND, 0, key, fault);
}

enum status gift_verify(struct gift *out, const struct signed_document *document, const struct gift_context *context,
                        struct fault *fault)
{
    struct gift gift;
    enum status status = gift_decode(&gift, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_occasion(&gift, context, fault);
    if (status == STATUS_OK) {
        status = check_row(&gift, context->shares, fault);
    }
    if (status == STATUS_OK) {
        status = check_giver(&gift, document, context, fault);
    }
    if (status != STATUS_OK) {
        gift_free(&gift);
        return status;
    }
    *out = gift; /* transferred */
    return STATUS_OK;
}
