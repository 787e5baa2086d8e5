/*
 * The intent document. What it asks for is allowed or not elsewhere (evaluate.c, withdrawal.c).
 */
#include "policy/intent.h"

#include "document.h"

/* The members of the intent come first, so their offsets hold here too. */
struct intent_wire {
    struct intent intent;
    char destination[ADDRESS_TEXT_SIZE];
    char type[16]; /* empty for a transfer, which has no word, so that it has one form */
};

static const char issue_word[] = "issue";

static const struct canon_field fields[] = {
    CANON_FIELD(struct intent, amount, CANON_AMOUNT),
    CANON_FIELD(struct intent, asset, CANON_HASH),
    CANON_FIELD(struct intent, chain, CANON_HASH),
    CANON_FIELD(struct intent_wire, destination, CANON_TEXT),
    CANON_FIELD(struct intent, environment, CANON_NAME),
    CANON_FIELD(struct intent, expires_at, CANON_TIME),
    CANON_FIELD(struct intent, fee_cap, CANON_AMOUNT),
    CANON_FIELD(struct intent, lane, CANON_COUNTER),
    CANON_FIELD(struct intent, memo, CANON_HASH),
    CANON_FIELD(struct intent, policy, CANON_HASH),
    CANON_FIELD_RANGE(struct intent, policy_version, CANON_INTEGER, 1, CANON_INTEGER_MAX),
    CANON_FIELD(struct intent, requested_at, CANON_TIME),
    CANON_FIELD(struct intent, requester, CANON_NAME),
    CANON_FIELD_OPTIONAL(struct intent, returns, CANON_HASH),
    CANON_FIELD(struct intent, seq, CANON_COUNTER),
    CANON_FIELD(struct intent, transaction, CANON_HASH),
    {"type", CANON_TEXT, true, offsetof(struct intent_wire, type), 16, 1, CANON_INTEGER_MAX},
    CANON_FIELD(struct intent, valid_from, CANON_COUNTER),
    CANON_FIELD(struct intent, valid_until, CANON_COUNTER),
    CANON_FIELD(struct intent, wallet, CANON_NAME),
    CANON_FIELD(struct intent, withdrawal, CANON_UUID),
};

_Static_assert(offsetof(struct intent_wire, intent) == 0, "the rows of struct intent hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct intent_wire);

/* The rules that bind several fields, or that the types do not hold. */
static enum status check(const struct intent *intent, struct fault *fault)
{
    if (amount_is_zero(intent->amount)) {
        return fault_set(fault, STATUS_INVALID, "amount", "above zero");
    }
    if (!amount_is_zero(intent->fee_cap)) {
        return fault_set(fault, STATUS_INVALID, "fee_cap", "this ledger has no fees: 0");
    }
    if (intent->expires_at <= intent->requested_at) {
        return fault_set(fault, STATUS_INVALID, "expires_at", "after requested_at");
    }
    if (intent->valid_until < intent->valid_from) {
        return fault_set(fault, STATUS_INVALID, "valid_until", "not below valid_from");
    }
    if (intent->type != TRANSACTION_TRANSFER && intent->type != TRANSACTION_ISSUE) {
        return fault_set(fault, STATUS_INVALID, "type", "a transfer or an issue");
    }
    if (intent->type == TRANSACTION_ISSUE && !digest_is_zero(&intent->returns)) {
        return fault_set(fault, STATUS_INVALID, "returns", "not of an issue: it sends nothing back");
    }
    return STATUS_OK;
}

enum status intent_type_read(enum transaction_type *out, const char *word, struct fault *fault)
{
    bool issues = strcmp(word, issue_word) == 0;
    if (!issues && word[0] != '\0') {
        return fault_set(fault, STATUS_INVALID, "type",
                         "issue, or left out for a transfer: there are no other transactions");
    }
    *out = issues ? TRANSACTION_ISSUE : TRANSACTION_TRANSFER;
    return STATUS_OK;
}

enum status intent_decode(struct intent *out, const void *document, size_t len, struct fault *fault)
{
    struct intent_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status == STATUS_OK) {
        status = address_parse(&wire.intent.destination, wire.destination, "destination", fault);
    }
    if (status == STATUS_OK) {
        status = intent_type_read(&wire.intent.type, wire.type, fault);
    }
    if (status == STATUS_OK) {
        status = check(&wire.intent, fault);
    }
    if (status == STATUS_OK) {
        *out = wire.intent;
    }
    return status;
}

enum status intent_encode(struct bytes *out, const struct intent *intent, struct fault *fault)
{
    enum status status = check(intent, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct intent_wire wire = {.intent = *intent};
    address_format(wire.destination, &intent->destination);
    (void)snprintf(wire.type, sizeof(wire.type), "%s", intent->type == TRANSACTION_ISSUE ? issue_word : "");
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

void intent_digest(struct digest *out, const void *document, size_t len)
{
    digest_document(out, INTENT_KIND, document, len);
}

void intent_short_code(char out10[SHORT_CODE_SIZE], const struct digest *digest)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint64_t bits = 0;
    for (size_t i = 0; i < 5; i++) {
        bits = bits << 8 | digest->bytes32[i];
    }
    size_t at = 0;
    for (int shift = 35; shift >= 0; shift -= 5) {
        out10[at++] = alphabet[bits >> shift & 31];
        if (at == 4) {
            out10[at++] = '-';
        }
    }
    out10[at] = '\0';
}
