/*
 * The allow-list in the guard: what is held for each account, which account has which ends, and what was revoked.
 *
 * Nothing of it is in memory: the list may hold many thousands, and each question is one or two records. An entry that
 * was revoked stays until another one of its account comes, so that an older one does not come back. An older one whose
 * place a newer one took leaves a note of its account: whoever revokes it means the address.
 */
#include "guard_private.h"

enum {
    DIGEST_AT = 0,
    GROUP_AT = 32,
    ISSUED_AT = GROUP_AT + NAME_SIZE,
    UNTIL_AT = ISSUED_AT + 8,
    SERVING_AT = UNTIL_AT + 8,
    DUE_AT = SERVING_AT + 8,
    DESTINATION_LEN = DUE_AT + 8,
};
_Static_assert(DESTINATION_LEN <= GUARD_VALUE_MAX, "an entry fits into a record");

void guard_destination_encode(struct guard_record *out, const struct guard_destination *destination)
{
    memcpy(out->value + DIGEST_AT, destination->digest.bytes32, 32);
    memset(out->value + GROUP_AT, 0, NAME_SIZE);
    (void)snprintf((char *)out->value + GROUP_AT, NAME_SIZE, "%s", destination->group.text);
    guard_number_write(out->value + ISSUED_AT, (uint64_t)destination->issued_at);
    guard_number_write(out->value + UNTIL_AT, (uint64_t)destination->valid_until);
    guard_number_write(out->value + SERVING_AT, (uint64_t)destination->serving_at);
    guard_number_write(out->value + DUE_AT, destination->due_running_us);
    out->value_len = DESTINATION_LEN;
}

enum status guard_destination_decode(struct guard_destination *out, const void *value, size_t len)
{
    const uint8_t *at = value;
    struct guard_destination read = {0};
    if (len != DESTINATION_LEN || at[GROUP_AT + NAME_SIZE - 1] != 0 ||
        name_parse(&read.group, (const char *)at + GROUP_AT) != STATUS_OK) {
        return STATUS_CORRUPT;
    }
    memcpy(read.digest.bytes32, at + DIGEST_AT, 32);
    read.issued_at = (int64_t)guard_number_read(at + ISSUED_AT);
    read.valid_until = (int64_t)guard_number_read(at + UNTIL_AT);
    read.serving_at = (int64_t)guard_number_read(at + SERVING_AT);
    read.due_running_us = guard_number_read(at + DUE_AT);
    *out = read;
    return STATUS_OK;
}

enum status guard_txn_destination_get(struct guard_txn *txn, struct guard_destination *out,
                                      const struct account_id *account, struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 't', &account->digest);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_OK && guard_destination_decode(out, record.value, record.value_len) != STATUS_OK) {
        status = fault_set(fault, STATUS_CORRUPT, "guard", "the record of a destination is none");
    }
    return status;
}

enum status guard_txn_destination_alike(struct guard_txn *txn, struct account_id *out, const struct account_id *account,
                                        struct fault *fault)
{
    struct guard_record record;
    guard_record_ends(&record, account);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_OK) {
        memcpy(out->digest.bytes32, record.value, sizeof(out->digest.bytes32));
    }
    return status;
}

/* 'o' of an entry: the time when it was revoked, or the account of which a newer one took its place. */
enum { REVOKED_LEN = 8, SUPERSEDED_LEN = 32 };

static enum status note_superseded(struct guard_txn *txn, const struct account_id *account,
                                   const struct digest *destination, struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'o', destination);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status != STATUS_NOT_FOUND) {
        return status; /* it was revoked */
    }
    memcpy(record.value, account->digest.bytes32, SUPERSEDED_LEN);
    record.value_len = SUPERSEDED_LEN;
    txn->state.superseded++;
    return guard_txn_put(txn, &record, fault);
}

enum status guard_txn_destination_write(struct guard_txn *txn, const struct account_id *account,
                                        const struct guard_destination *destination, struct fault *fault)
{
    struct guard_record record;
    struct guard_destination before;
    enum status status = guard_txn_destination_get(txn, &before, account, fault);
    txn->state.destinations += status == STATUS_NOT_FOUND;
    status = status == STATUS_OK ? note_superseded(txn, account, &before.digest, fault) : status;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return status;
    }
    if (destination->due_running_us > txn->state.cooled_us) {
        txn->state.cooled_us = destination->due_running_us;
    }
    guard_record_digest(&record, 't', &account->digest);
    guard_destination_encode(&record, destination);
    status = guard_txn_replace(txn, &record, fault);
    if (status == STATUS_OK) {
        guard_record_ends(&record, account);
        memcpy(record.value, account->digest.bytes32, sizeof(account->digest.bytes32));
        record.value_len = sizeof(account->digest.bytes32);
        status = guard_txn_replace(txn, &record, fault);
    }
    return status;
}

enum status guard_txn_revoked(struct guard_txn *txn, bool *out, const struct digest *destination, struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'o', destination);
    enum status status = guard_txn_get(txn, &record, fault);
    *out = status == STATUS_OK && record.value_len == REVOKED_LEN;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status revoke_one(struct guard_txn *txn, const struct digest *destination, int64_t at_utc_us,
                              struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'o', destination);
    guard_number_write(record.value, (uint64_t)at_utc_us);
    record.value_len = REVOKED_LEN;
    txn->state.revoked++;
    return guard_txn_replace(txn, &record, fault);
}

/* What is held of the account now. Out: which, when it was not revoked before. */
static enum status revoke_held(struct guard_txn *txn, struct digest *out_held, const struct account_id *account,
                               int64_t at_utc_us, struct fault *fault)
{
    struct guard_destination held;
    bool revoked = false;
    enum status status = guard_txn_destination_get(txn, &held, account, fault);
    status = status == STATUS_OK ? guard_txn_revoked(txn, &revoked, &held.digest, fault) : status;
    if (status != STATUS_OK || revoked) {
        return status;
    }
    *out_held = held.digest;
    return revoke_one(txn, &held.digest, at_utc_us, fault);
}

enum status guard_txn_revoke(struct guard_txn *txn, struct digest *out_held, const struct digest *destination,
                             int64_t at_utc_us, struct fault *fault)
{
    struct guard_record record;
    struct account_id account;
    *out_held = (struct digest){{0}};
    guard_record_digest(&record, 'o', destination);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        return revoke_one(txn, destination, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        memcpy(account.digest.bytes32, record.value, SUPERSEDED_LEN);
        txn->state.superseded--;
        status = revoke_one(txn, destination, at_utc_us, fault);
    }
    return status == STATUS_OK ? revoke_held(txn, out_held, &account, at_utc_us, fault) : status;
}
