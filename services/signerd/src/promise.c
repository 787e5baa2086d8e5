/*
 * The promise of role transfer: what the guard must say before a withdrawal is signed, and what it remembers of it, in
 * one change (steps 9 to 11 of docs/signer-protocol.md).
 *
 * Changes are made one after the other, so what is judged here is judged with everything that was promised before,
 * whoever asks at the same time.
 */
#include "promise.h"

#include "audit/log_keys.h"

#include "delay.h"
#include "ending.h"
#include "guard_record.h"
#include "keys.h"
#include "limits.h"

/* The records of a promise: what a sequence and a withdrawal are used for, and since when. */
struct promise_records {
    struct guard_record lane;
    struct guard_record sequence;
    struct guard_record withdrawal;
    struct guard_record intent;
    struct guard_record checkpoint;
};

static void records_fill(struct promise_records *out, const struct promise *promise)
{
    const struct intent *intent = &promise->withdrawal->intent;
    const struct digest *id = &promise->withdrawal->transaction_id;
    guard_record_lane(&out->lane, promise->key, intent->lane);
    guard_number_write(out->lane.value, intent->seq + 1);
    out->lane.value_len = 8;
    guard_record_sequence(&out->sequence, promise->key, intent->lane, intent->seq);
    memcpy(out->sequence.value, id->bytes32, 32);
    memcpy(out->sequence.value + 32, intent->withdrawal.bytes16, 16);
    out->sequence.value_len = 48;
    guard_record_withdrawal(&out->withdrawal, &intent->withdrawal);
    guard_number_write(out->withdrawal.value, promise->key);
    guard_number_write(out->withdrawal.value + 8, intent->lane);
    guard_number_write(out->withdrawal.value + 16, intent->seq);
    memcpy(out->withdrawal.value + WITHDRAWAL_TRANSACTION, id->bytes32, 32);
    guard_number_write(out->withdrawal.value + WITHDRAWAL_TIME, (uint64_t)promise->at_utc_us);
    guard_number_write(out->withdrawal.value + WITHDRAWAL_VERSION, promise->version);
    out->withdrawal.value_len = WITHDRAWAL_RECORD_LEN;
    guard_record_digest(&out->intent, 'i', &promise->withdrawal->intent_digest);
    out->intent.value_len = 8; /* the number, when it is made */
    guard_record_checkpoint(&out->checkpoint, audit_origin_epoch(promise->checkpoint.origin), promise->checkpoint.size);
    memcpy(out->checkpoint.value, promise->checkpoint.root.bytes32, 32);
    out->checkpoint.value_len = 32;
}

/* What a first promise brings with it. */
struct first {
    struct guard_promise made;
    struct delay delay;
};

enum seen {
    SEEN_NEVER,
    SEEN_SAME,
    SEEN_OTHER,
};

/* Compares what two records promise: of a withdrawal all but when that was. */
static enum status record_compare(struct guard_txn *txn, enum seen *out, const struct guard_record *record,
                                  struct fault *fault)
{
    size_t promised_len = record->value_len == WITHDRAWAL_RECORD_LEN ? WITHDRAWAL_TIME : record->value_len;
    struct guard_record there = *record;
    enum status status = guard_txn_get(txn, &there, fault);
    if (status == STATUS_NOT_FOUND) {
        *out = SEEN_NEVER;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        bool same = there.value_len == record->value_len && memcmp(there.value, record->value, promised_len) == 0;
        *out = same ? SEEN_SAME : SEEN_OTHER;
    }
    return status;
}

/* Two roots of one size: the log key signed two histories. Nothing that it says counts any more. */
static enum status checkpoint_compare(struct guard_txn *txn, enum seen *out, const struct promise_records *records,
                                      struct fault *fault)
{
    enum status status = record_compare(txn, out, &records->checkpoint, fault);
    if (status == STATUS_OK && *out == SEEN_OTHER) {
        status = guard_txn_halt(txn, STATUS_FORK, "proof", "a checkpoint of this size had another root", fault);
    }
    return status;
}

/*
 * The trail knows of promises that this guard never made, or the service of ends: it is an older copy of the one that
 * did. What it has forgotten it would promise again.
 */
static enum status rollback_check(const struct guard_txn *txn, const struct promise *promise, struct fault *fault)
{
    if (promise->told > txn->state.promises) {
        atomic_store(&promise->signer->older, true);
    }
    if (!atomic_load(&promise->signer->older)) {
        return ending_check_newest(&txn->state, promise->ends, fault);
    }
    return fault_set(
        fault, STATUS_ROLLBACK, "promises",
        "the trail knows of %llu promises, this guard of %llu: an older copy, or made anew without them; it "
        "signs nothing",
        (unsigned long long)promise->told, (unsigned long long)txn->state.promises);
}

static enum status lane_check(struct guard_txn *txn, const struct promise_records *records, struct fault *fault)
{
    struct guard_record there = records->lane;
    enum status status = guard_txn_get(txn, &there, fault);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return status;
    }
    uint64_t next = status == STATUS_OK ? guard_number_read(there.value) : 0;
    uint64_t seq = guard_number_read(records->lane.value) - 1;
    if (seq < next) { /* used, yet its record was not found */
        return guard_txn_halt(txn, STATUS_CORRUPT, "guard", "the record of a used sequence is missing", fault);
    }
    return seq == next
               ? STATUS_OK
               : fault_set(fault, STATUS_CONFLICT, "intent.seq", "the next of lane is %llu", (unsigned long long)next);
}

/* Unused: decides whether it may be used. Used for the same: nothing to do. */
static enum status use_check(struct guard_txn *txn, enum seen *out, const struct promise_records *records,
                             struct fault *fault)
{
    enum seen sequence = SEEN_OTHER;
    enum seen withdrawal = SEEN_OTHER;
    enum status status = record_compare(txn, &sequence, &records->sequence, fault);
    if (status == STATUS_OK) {
        status = record_compare(txn, &withdrawal, &records->withdrawal, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (sequence == SEEN_OTHER) {
        return fault_set(fault, STATUS_REPLAY, "intent.seq", "this sequence was signed as another transaction");
    }
    if (withdrawal != sequence) {
        return fault_set(fault, STATUS_REPLAY, "intent.withdrawal",
                         "this withdrawal was signed as another transaction");
    }
    *out = sequence;
    return sequence == SEEN_SAME ? STATUS_OK : lane_check(txn, records, fault);
}

/* It did not end, nobody spoke against it, and its destination is on the list that is held. */
static enum status first_allowed(struct guard_txn *txn, const struct promise *promise, struct fault *fault)
{
    const struct withdrawal *withdrawal = promise->withdrawal;
    if (txn->state.suspensions != promise->suspensions) {
        return fault_set(fault, STATUS_BUSY, "policy", "somebody was suspended or resumed meanwhile: ask again");
    }
    enum status status = ending_check(txn, &withdrawal->intent.withdrawal, fault);
    status = status == STATUS_OK ? veto_check(txn, &withdrawal->intent_digest, fault) : status;
    return status == STATUS_OK ? destination_check(txn, promise->signer, withdrawal, promise->at_utc_us, fault)
                               : status;
}

/* What is judged of a first promise alone: whatever was promised once may be had again. */
static enum status first_check(struct guard_txn *txn, const struct promise *promise, struct first *out,
                               struct fault *fault)
{
    const struct withdrawal *withdrawal = promise->withdrawal;
    if (txn->state.policy_version != (int64_t)promise->version) {
        return fault_set(fault, STATUS_BUSY, "policy", "another version came into force meanwhile: ask again");
    }
    out->made = limits_promise(promise->signer, txn, &withdrawal->intent, promise->key);
    enum status status = first_allowed(txn, promise, fault);
    status = status == STATUS_OK ? delay_check(promise->signer, txn, &out->delay, withdrawal, fault) : status;
    return status == STATUS_OK ? limits_check(promise->signer, txn, withdrawal, &out->made, fault) : status;
}

/* It counts; the same one again does not. */
static enum status first_write(struct guard_txn *txn, const struct promise *promise, struct promise_records *records,
                               const struct first *first, struct fault *fault)
{
    txn->state.running_us = first->made.running_us;
    enum status status = guard_txn_put(txn, &records->sequence, fault);
    status = status == STATUS_OK ? guard_txn_put(txn, &records->withdrawal, fault) : status;
    status = status == STATUS_OK ? guard_txn_replace(txn, &records->lane, fault) : status;
    status = status == STATUS_OK ? guard_txn_promise_write(txn, &first->made, fault) : status;
    status = status == STATUS_OK ? delay_end(txn, &first->delay, promise->withdrawal, fault) : status;
    guard_number_write(records->intent.value, txn->state.promises);
    return status == STATUS_OK ? guard_txn_put(txn, &records->intent, fault) : status;
}

/* The key as it stands now, in the state in which it was judged; the nonce of a sweep has served at most for this. */
static enum status key_check(struct guard_txn *txn, struct guard_key *out, bool *out_nonce_used,
                             const struct promise *promise, struct fault *fault)
{
    *out_nonce_used = true;
    /* What is saved from a key that others have goes to its emergency addresses, by the quorum that could thaw. */
    if (promise->withdrawal->key_state != KEY_STATE_COMPROMISED) {
        enum status status = freeze_check(txn, &promise->withdrawal->intent, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!promise->swept) {
        return key_use_check(promise->signer, txn, out, promise->key, promise->at_utc_us, fault);
    }
    guard_txn_key_read(txn, out, promise->key);
    if (out->state != promise->withdrawal->key_state) {
        return fault_set(fault, STATUS_KEY_INACTIVE, "key", "the key is %s by now", key_state_text(out->state));
    }
    return nonce_check(txn, out_nonce_used, &promise->sweep_nonce, &promise->sweep, fault);
}

static void checkpoint_raise(struct guard_txn *txn, const struct promise *promise)
{
    if (promise->checkpoint.size > txn->state.size) {
        txn->state.size = promise->checkpoint.size;
        txn->state.root = promise->checkpoint.root;
    }
}

static enum status promise_write(struct guard_txn *txn, struct promise *promise, struct guard_key *key, bool nonce_used,
                                 struct fault *fault)
{
    checkpoint_raise(txn, promise);
    enum status status = key_use_write(txn, promise->key, key, promise->at_utc_us, fault);
    if (status == STATUS_OK && !nonce_used) {
        status = nonce_write(txn, &promise->sweep_nonce, &promise->sweep, fault);
    }
    promise->promises = txn->state.promises;
    return status;
}

enum status promise_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct promise *promise = context;
    struct promise_records records = {0};
    records_fill(&records, promise);
    struct guard_key key;
    bool nonce_used = false;
    enum seen checkpoint = SEEN_NEVER;
    enum seen use = SEEN_NEVER;
    enum status status = rollback_check(txn, promise, fault);
    status = status == STATUS_OK ? key_check(txn, &key, &nonce_used, promise, fault) : status;
    if (status == STATUS_OK) {
        status = checkpoint_compare(txn, &checkpoint, &records, fault);
    }
    if (status == STATUS_OK) {
        status = use_check(txn, &use, &records, fault);
    }
    struct first first = {.delay = {.noted = false}};
    if (status == STATUS_OK && use == SEEN_NEVER) {
        status = first_check(txn, promise, &first, fault);
    }
    if (status == STATUS_OK && use == SEEN_NEVER) {
        status = first_write(txn, promise, &records, &first, fault);
    }
    if (status == STATUS_OK && checkpoint == SEEN_NEVER) {
        status = guard_txn_put(txn, &records.checkpoint, fault);
    }
    return status == STATUS_OK ? promise_write(txn, promise, &key, nonce_used, fault) : status;
}

/* Announcing */

static enum status announce_decide(struct guard_txn *txn, struct promise *promise, struct delay *out,
                                   const struct promise_records *records, struct fault *fault)
{
    enum seen use = SEEN_NEVER;
    enum status status = record_compare(txn, &use, &records->withdrawal, fault);
    if (status == STATUS_OK && use == SEEN_OTHER) {
        return fault_set(fault, STATUS_REPLAY, "intent.withdrawal",
                         "this withdrawal was signed as another transaction");
    }
    if (status != STATUS_OK || use == SEEN_SAME) {
        *out = (struct delay){.noted = true};
        return status;
    }
    status = first_allowed(txn, promise, fault);
    return status == STATUS_OK ? delay_read(promise->signer, txn, out, promise->withdrawal, fault) : status;
}

enum status announce_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct promise *promise = context;
    struct promise_records records = {0};
    records_fill(&records, promise);
    struct guard_key key;
    struct delay delay = {.noted = false};
    bool nonce_used = false;
    enum seen checkpoint = SEEN_NEVER;
    enum status status = rollback_check(txn, promise, fault);
    status = status == STATUS_OK ? key_check(txn, &key, &nonce_used, promise, fault) : status;
    status = status == STATUS_OK ? checkpoint_compare(txn, &checkpoint, &records, fault) : status;
    status = status == STATUS_OK ? announce_decide(txn, promise, &delay, &records, fault) : status;
    status = status == STATUS_OK ? delay_note(promise->signer, txn, &delay, promise->withdrawal, fault) : status;
    if (status == STATUS_OK && checkpoint == SEEN_NEVER && delay.fresh) { /* what changes nothing leaves nothing */
        status = guard_txn_put(txn, &records.checkpoint, fault);
    }
    if (status == STATUS_OK) {
        checkpoint_raise(txn, promise);
        keys_time_raise(txn, promise->at_utc_us);
        promise->due_us = delay.due_us;
    }
    return status;
}
