/*
 * The gift: a share that a custodian hands to a signer. Opening it is for the process that made the receiving key.
 */
#include "duty.h"
#include "policy/backup.h"
#include "share_table.h"

struct gift_wire {
    struct gift gift;
    char action[16];
    int64_t index;
    struct bytes to;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct gift_wire, action, CANON_TEXT), CANON_FIELD(struct gift, commitment, CANON_HASH),
    CANON_FIELD(struct gift, custodian, CANON_NAME),   CANON_FIELD(struct gift, given_at, CANON_TIME),
    SHARE_INDEX_FIELD(struct gift_wire, index),        CANON_FIELD(struct gift, key, CANON_HASH),
    SHARE_SEALED_FIELD(struct gift, sealed),           SEAL_KEY_FIELD(struct gift_wire, to),
};

_Static_assert(offsetof(struct gift_wire, gift) == 0, "the rows of struct gift hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct gift_wire);

static const struct word action_words[] = {{"activate", GIFT_ACTIVATE}, {"restore", GIFT_RESTORE}, {NULL, 0}};

const char *gift_action_text(enum gift_action action)
{
    return word_text(action_words, (int)action);
}

enum status gift_decode(struct gift *out, const void *document, size_t len, struct fault *fault)
{
    struct gift_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.gift.action = (enum gift_action)word_value(action_words, wire.action);
    wire.gift.index = (unsigned)wire.index;
    share_read_seal_key(&wire.gift.to, &wire.to);
    bytes_free(&wire.to);
    if (gift_action_text(wire.gift.action) == NULL) {
        gift_free(&wire.gift);
        return fault_set(fault, STATUS_INVALID, "action", "activate or restore");
    }
    *out = wire.gift; /* transferred */
    return STATUS_OK;
}

enum status gift_encode(struct bytes *out, const struct gift *gift, struct fault *fault)
{
    struct gift_wire wire = {.gift = *gift, .index = gift->index}; /* `sealed` is borrowed */
    if (gift_action_text(gift->action) == NULL) {
        return fault_set(fault, STATUS_INVALID, "action", "activate or restore");
    }
    word_write(wire.action, sizeof(wire.action), action_words, (int)gift->action);
    wire.to = (struct bytes){wire.gift.to.bytes32, SEAL_KEY_LEN}; /* borrowed */
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

void gift_free(struct gift *gift)
{
    bytes_free(&gift->sealed);
    *gift = (struct gift){0};
}

static enum status check_occasion(const struct gift *gift, const struct gift_context *context, struct fault *fault)
{
    const struct {
        bool same;
        const char *field;
        const char *rule;
    } rows[] = {
        {gift->action == context->action, "action", "given for something else"},
        {digest_equal(&gift->key, context->key), "key", "given for another key"},
        {seal_key_equal(&gift->to, context->to), "to", "given to another receiver, or on another occasion"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].same) {
            return fault_set(fault, STATUS_MISMATCH, rows[i].field, "the share of %s: %s", gift->custodian.text,
                             rows[i].rule);
        }
    }
    return STATUS_OK;
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
    const struct duty_demand demand = {.where = "custodian", .duties = DUTY_CUSTODIAN, .at_utc_us = context->at_utc_us};
    const struct person *person = NULL;
    enum status status = duty_find(&person, context->policy, &gift->custodian, &demand, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one signature, by the custodian");
    }
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
