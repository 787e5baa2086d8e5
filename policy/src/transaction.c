/*
 * The transaction document and the rules that need no ledger. Balances, sequences and issuers are checked by the ledger
 * room when it executes.
 */
#include "policy/transaction.h"

#include "document.h"

struct leg_wire {
    struct leg leg;
    char account[ADDRESS_TEXT_SIZE];
    char side[8];
};

struct transaction_wire {
    struct transaction transaction;
    char from[ADDRESS_TEXT_SIZE];
    json_t *legs;
    char type[16];
};

static const struct canon_field leg_fields[] = {
    CANON_FIELD(struct leg_wire, account, CANON_TEXT),
    CANON_FIELD(struct leg, amount, CANON_AMOUNT),
    CANON_FIELD(struct leg, asset, CANON_HASH),
    CANON_FIELD(struct leg_wire, side, CANON_TEXT),
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct transaction, chain, CANON_HASH),
    CANON_FIELD(struct transaction_wire, from, CANON_TEXT),
    CANON_FIELD(struct transaction, lane, CANON_COUNTER),
    CANON_FIELD_RANGE(struct transaction_wire, legs, CANON_ARRAY, TRANSACTION_LEGS_MIN, TRANSACTION_LEGS_MAX),
    CANON_FIELD(struct transaction, memo, CANON_HASH),
    CANON_FIELD(struct transaction, policy, CANON_HASH),
    CANON_FIELD(struct transaction, seq, CANON_COUNTER),
    CANON_FIELD(struct transaction_wire, type, CANON_TEXT),
    CANON_FIELD(struct transaction, valid_from, CANON_COUNTER),
    CANON_FIELD(struct transaction, valid_until, CANON_COUNTER),
};

#define LEG_FIELD_COUNT (sizeof(leg_fields) / sizeof(leg_fields[0]))
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

_Static_assert(offsetof(struct leg_wire, leg) == 0, "the rows of struct leg hold in the wire");
_Static_assert(offsetof(struct transaction_wire, transaction) == 0, "and those of struct transaction");

static const struct word type_words[] = {{"transfer", TRANSACTION_TRANSFER}, {"issue", TRANSACTION_ISSUE}, {NULL, 0}};
static const struct word side_words[] = {{"debit", LEG_DEBIT}, {"credit", LEG_CREDIT}, {NULL, 0}};

/* The sum of one side of one asset. */
static enum status side_sum(struct amount *out, const struct transaction *transaction, const struct digest *asset,
                            enum leg_side side)
{
    struct amount sum = amount_from_u64(0);
    for (size_t i = 0; i < transaction->leg_count; i++) {
        const struct leg *leg = &transaction->legs[i];
        if (leg->side != side || !digest_equal(&leg->asset, asset)) {
            continue;
        }
        enum status status = amount_add(&sum, sum, leg->amount);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *out = sum;
    return STATUS_OK;
}

static enum status check_balance(const struct transaction *transaction, size_t index, const char *place,
                                 struct fault *fault)
{
    const struct digest *asset = &transaction->legs[index].asset;
    struct amount debits;
    struct amount credits;
    if (side_sum(&debits, transaction, asset, LEG_DEBIT) != STATUS_OK ||
        side_sum(&credits, transaction, asset, LEG_CREDIT) != STATUS_OK) {
        return fault_set(fault, STATUS_OVERFLOW, place, "the sum of the legs of this asset leaves the 128-bit range");
    }
    if (amount_compare(debits, credits) != 0) {
        return fault_set(fault, STATUS_INVALID, place, "debits and credits of each asset are equal");
    }
    return STATUS_OK;
}

static enum status check_leg(const struct transaction *transaction, size_t index, struct fault *fault)
{
    const struct leg *leg = &transaction->legs[index];
    char place[PLACE_SIZE];
    document_place_index(place, "legs", index);
    if (leg->side != LEG_DEBIT && leg->side != LEG_CREDIT) {
        return fault_set(fault, STATUS_INVALID, place, "the side is debit or credit");
    }
    if (amount_is_zero(leg->amount)) {
        return fault_set(fault, STATUS_INVALID, place, "the amount is above zero");
    }
    if (leg->side == LEG_DEBIT && !account_id_equal(&leg->account, &transaction->from)) {
        return fault_set(fault, STATUS_INVALID, place, "every debit is on the account in from");
    }
    for (size_t i = 0; i < index; i++) {
        const struct leg *other = &transaction->legs[i];
        if (account_id_equal(&other->account, &leg->account) && digest_equal(&other->asset, &leg->asset)) {
            return fault_set(fault, STATUS_INVALID, place, "no account and asset together twice");
        }
    }
    return check_balance(transaction, index, place, fault);
}

enum status transaction_check(const struct transaction *transaction, struct fault *fault)
{
    if (transaction->type != TRANSACTION_TRANSFER && transaction->type != TRANSACTION_ISSUE) {
        return fault_set(fault, STATUS_INVALID, "type", "transfer or issue");
    }
    if (transaction->leg_count < TRANSACTION_LEGS_MIN || transaction->leg_count > TRANSACTION_LEGS_MAX) {
        return fault_set(fault, STATUS_INVALID, "legs", "2 to 16 legs");
    }
    for (size_t i = 0; i < transaction->leg_count; i++) {
        enum status status = check_leg(transaction, i, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (transaction->valid_until < transaction->valid_from) {
        return fault_set(fault, STATUS_INVALID, "valid_until", "not below valid_from");
    }
    return STATUS_OK;
}

static enum status decode_leg(struct leg *out, const json_t *object, const char *path, struct fault *fault)
{
    struct leg_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, leg_fields, LEG_FIELD_COUNT, path, fault);
    if (status != STATUS_OK) {
        return status;
    }
    char place[PLACE_SIZE];
    document_place(place, path, "account");
    status = address_parse(&wire.leg.account, wire.account, place, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.leg.side = (enum leg_side)word_value(side_words, wire.side);
    if (wire.leg.side == 0) {
        document_place(place, path, "side");
        return fault_set(fault, STATUS_INVALID, place, "debit or credit");
    }
    *out = wire.leg;
    return STATUS_OK;
}

static enum status decode_legs(struct transaction *out, const json_t *legs, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(legs); i++) {
        char path[PLACE_SIZE];
        document_place_index(path, "legs", i);
        enum status status = decode_leg(&out->legs[i], json_array_get(legs, i), path, fault);
        if (status != STATUS_OK) {
            return status;
        }
        out->leg_count++;
    }
    return STATUS_OK;
}

static enum status decode_object(struct transaction *out, const json_t *object, struct fault *fault)
{
    struct transaction_wire wire;
    enum status status = canon_decode(&wire, sizeof(wire), object, fields, FIELD_COUNT, "", fault);
    if (status == STATUS_OK) {
        status = address_parse(&wire.transaction.from, wire.from, "from", fault);
    }
    if (status == STATUS_OK) {
        wire.transaction.type = (enum transaction_type)word_value(type_words, wire.type);
        status = decode_legs(&wire.transaction, wire.legs, fault);
    }
    if (status == STATUS_OK) {
        status = transaction_check(&wire.transaction, fault);
    }
    if (status == STATUS_OK) {
        *out = wire.transaction;
    }
    return status;
}

enum status transaction_decode(struct transaction *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = decode_object(out, object, fault);
    }
    json_decref(object);
    return status;
}

static enum status encode_legs(json_t *out, const struct transaction *transaction, struct fault *fault)
{
    for (size_t i = 0; i < transaction->leg_count; i++) {
        struct leg_wire wire = {.leg = transaction->legs[i]};
        address_format(wire.account, &wire.leg.account);
        word_write(wire.side, sizeof(wire.side), side_words, (int)wire.leg.side);
        json_t *leg = NULL;
        enum status status = canon_encode(&leg, &wire, leg_fields, LEG_FIELD_COUNT, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (json_array_append_new(out, leg) != 0) {
            return fault_set(fault, STATUS_NO_MEMORY, "legs", "building an array");
        }
    }
    return STATUS_OK;
}

enum status transaction_encode(struct bytes *out, const struct transaction *transaction, struct fault *fault)
{
    enum status status = transaction_check(transaction, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct transaction_wire wire = {.transaction = *transaction, .legs = json_array()};
    if (wire.legs == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "legs", "building an array");
    }
    address_format(wire.from, &transaction->from);
    word_write(wire.type, sizeof(wire.type), type_words, (int)transaction->type);
    status = encode_legs(wire.legs, transaction, fault);
    if (status == STATUS_OK) {
        status = canon_encode_bytes(out, &wire, fields, FIELD_COUNT, CANON_DOCUMENT_MAX, fault);
    }
    json_decref(wire.legs);
    return status;
}

void transaction_id(struct digest *out, const void *document, size_t len)
{
    digest_document(out, TRANSACTION_KIND, document, len);
}

enum status transaction_from_intent(struct transaction *out, const struct intent *intent,
                                    const struct account_id *wallet, struct fault *fault)
{
    const struct transaction transaction = {
        .chain = intent->chain,
        .type = intent->type,
        .from = *wallet,
        .lane = intent->lane,
        .seq = intent->seq,
        .valid_from = intent->valid_from,
        .valid_until = intent->valid_until,
        .legs = {{*wallet, intent->amount, intent->asset, LEG_DEBIT},
                 {intent->destination, intent->amount, intent->asset, LEG_CREDIT}},
        .leg_count = 2,
        .memo = intent->memo,
        .policy = intent->policy,
    };
    enum status status = transaction_check(&transaction, fault);
    if (status == STATUS_OK) {
        *out = transaction;
    }
    return status;
}
