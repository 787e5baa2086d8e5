/*
 * Role transfer: signs a withdrawal that it rebuilt, that people approved, that the trail holds, and that was not
 * signed as anything else before.
 *
 * Steps 1 to 7 of docs/signer-protocol.md are the policy room's (what the documents say); here are step 8 (the trail),
 * step 9 (the guard) and the signature.
 */
#include "audit/event.h"
#include "audit/proof.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "guard_record.h"
#include "policy/signing_entry.h"
#include "policy/withdrawal.h"
#include "role.h"

/* What is to be remembered. */
struct promise {
    const struct withdrawal *withdrawal;
    size_t key; /* its place in the guard */
    struct audit_checkpoint checkpoint;
    int64_t at_utc_us;
};

/* Judges the documents at `at_utc_us`; `highest_utc_us` is the time the clock must not stand behind. */
static enum status documents_check_at(const struct signer *signer, struct withdrawal *out,
                                      const struct wire_transfer_request *request, int64_t at_utc_us,
                                      int64_t highest_utc_us, struct fault *fault)
{
    const struct withdrawal_documents documents = {
        .intent = request->intent.data,
        .intent_len = request->intent.len,
        .destination = &request->destination,
        .approvals = request->approvals,
        .approval_count = request->approval_count,
    };
    const struct withdrawal_context context = {
        .policy = &signer->policy,
        .keys_elsewhere = true, /* until the guard holds key documents */
        .at_utc_us = at_utc_us,
        .highest_utc_us = highest_utc_us,
    };
    enum status status = policy_check_withdrawal(out, &documents, &context, fault);
    if (status == STATUS_OK && !public_key_equal(&out->wallet->key, &signer->key->public_key)) {
        status = fault_set(fault, STATUS_MISMATCH, "wallet", "the key of wallet %s is not the key that would sign",
                           out->intent.wallet.text);
        withdrawal_free(out);
    }
    return status;
}

/* What the guard remembers of the withdrawal of an intent. */
struct recall {
    struct intent intent;
    bool promised;     /* this very transaction */
    int64_t at_utc_us; /* when it was */
};

static enum status recall_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct recall *recall = context;
    struct guard_record record = {0};
    guard_record_withdrawal(&record, &recall->intent.withdrawal);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        recall->promised = memcmp(record.value + WITHDRAWAL_TRANSACTION, recall->intent.transaction.bytes32, 32) == 0;
        recall->at_utc_us = (int64_t)guard_number_read(record.value + WITHDRAWAL_TIME);
    }
    return status;
}

/*
 * The documents as of now. When their time has passed but this transaction was promised before, as of the time of the
 * promise: what may have been signed then must be had again, otherwise a crash between the promise and its delivery
 * would leave a sequence that nobody can fill.
 */
static enum status documents_check(const struct signer *signer, struct withdrawal *out, int64_t at_utc_us,
                                   const struct wire_transfer_request *request, struct fault *fault)
{
    struct guard_state state;
    struct recall recall = {0};
    struct fault late = {0};
    guard_read(signer->guard, &state);
    enum status status = documents_check_at(signer, out, request, at_utc_us, state.highest_utc_us, &late);
    if (status != STATUS_EXPIRED && status != STATUS_QUORUM_MISSING) {
        return status == STATUS_OK ? status : fault_set(fault, status, late.where, "%s", late.detail);
    }
    if (intent_decode(&recall.intent, request->intent.data, request->intent.len, NULL) == STATUS_OK) {
        enum status recalled = guard_commit(signer->guard, recall_apply, &recall, fault);
        if (recalled != STATUS_OK) {
            return recalled;
        }
    }
    if (recall.promised) {
        return documents_check_at(signer, out, request, recall.at_utc_us, 0, fault);
    }
    return fault_set(fault, status, late.where, "%s", late.detail);
}

static enum status entry_check(const struct withdrawal *withdrawal, const struct audit_leaf *leaf, struct fault *fault)
{
    struct audit_event event = {0};
    enum status status = audit_event_decode(&event, leaf->event, leaf->event_len, fault);
    if (status == STATUS_OK) {
        status = policy_check_signing_entry(withdrawal, &event, fault);
        audit_event_wipe(&event);
    }
    return status;
}

/* Out: the checkpoint that covers the entry. */
static enum status trail_check(const struct signer *signer, struct audit_checkpoint *out,
                               const struct withdrawal *withdrawal, const struct wire_transfer_request *request,
                               struct fault *fault)
{
    struct audit_tlog_proof proof = {0};
    enum status status = audit_tlog_proof_parse(&proof, request->proof.data, request->proof.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct audit_proven proven;
    status = audit_tlog_proof_verify(&proven, &proof, &signer->log_key, request->leaf.data, request->leaf.len, fault);
    audit_tlog_proof_wipe(&proof);
    if (status == STATUS_OK) {
        status = entry_check(withdrawal, &proven.leaf, fault);
    }
    if (status == STATUS_OK) {
        *out = proven.checkpoint;
    }
    return status;
}

/* The records of a promise: what a sequence and a withdrawal are used for, and since when. */
struct promise_records {
    struct guard_record lane;
    struct guard_record sequence;
    struct guard_record withdrawal;
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
    out->withdrawal.value_len = WITHDRAWAL_RECORD_LEN;
    guard_record_checkpoint(&out->checkpoint, promise->checkpoint.size);
    memcpy(out->checkpoint.value, promise->checkpoint.root.bytes32, 32);
    out->checkpoint.value_len = 32;
}

enum seen {
    SEEN_NEVER,
    SEEN_SAME,
    SEEN_OTHER,
};

/* Compares what two records promise: of a withdrawal all but the time. */
static enum status record_compare(struct guard_txn *txn, enum seen *out, const struct guard_record *record,
                                  struct fault *fault)
{
    size_t promised_len = record->value_len == WITHDRAWAL_RECORD_LEN ? record->value_len - 8 : record->value_len;
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

static enum status records_write(struct guard_txn *txn, const struct promise_records *records, enum seen use,
                                 enum seen checkpoint, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (use == SEEN_NEVER) {
        status = guard_txn_put(txn, &records->sequence, fault);
        status = status == STATUS_OK ? guard_txn_put(txn, &records->withdrawal, fault) : status;
        status = status == STATUS_OK ? guard_txn_replace(txn, &records->lane, fault) : status;
    }
    if (status == STATUS_OK && checkpoint == SEEN_NEVER) {
        status = guard_txn_put(txn, &records->checkpoint, fault);
    }
    return status;
}

static enum status promise_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct promise *promise = context;
    struct promise_records records = {0};
    records_fill(&records, promise);
    enum seen checkpoint = SEEN_NEVER;
    enum seen use = SEEN_NEVER;
    enum status status = checkpoint_compare(txn, &checkpoint, &records, fault);
    if (status == STATUS_OK) {
        status = use_check(txn, &use, &records, fault);
    }
    if (status == STATUS_OK) {
        status = records_write(txn, &records, use, checkpoint, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct guard_state *state = &txn->state;
    if (promise->checkpoint.size > state->size) {
        state->size = promise->checkpoint.size;
        state->root = promise->checkpoint.root;
    }
    state->highest_utc_us = promise->at_utc_us > state->highest_utc_us ? promise->at_utc_us : state->highest_utc_us;
    return STATUS_OK;
}

static enum status withdrawal_sign(struct signer *signer, struct wire_transfer_reply *out,
                                   struct withdrawal *withdrawal, struct fault *fault)
{
    struct signature signature;
    enum status status =
        role_document_sign(signer, &signature, TRANSACTION_KIND, &withdrawal->transaction_document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->signature = signature;
    memcpy(out->short_code, withdrawal->short_code, sizeof(out->short_code));
    out->transaction = withdrawal->transaction_document; /* transferred */
    withdrawal->transaction_document = (struct bytes){0};
    return STATUS_OK;
}

static void signed_log(const struct withdrawal *withdrawal)
{
    char id[DIGEST_HEX_LEN + 1];
    char uuid[UUID_TEXT_SIZE];
    digest_format(id, &withdrawal->transaction_id);
    uuid_format(uuid, &withdrawal->intent.withdrawal);
    log_event(LOG_LEVEL_INFO, "transfer.signed", "withdrawal", uuid, "transaction", id, NULL);
}

enum status transfer_sign(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                          struct fault *fault)
{
    struct withdrawal withdrawal = {0};
    struct promise promise = {.withdrawal = &withdrawal, .at_utc_us = clock_utc_us(signer->clock)};
    enum status status = documents_check(signer, &withdrawal, promise.at_utc_us, &request->transfer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = trail_check(signer, &promise.checkpoint, &withdrawal, &request->transfer, fault);
    if (status == STATUS_OK) {
        CRASHPOINT("signer.checked");
        status = guard_commit(signer->guard, promise_apply, &promise, fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_sign(signer, &reply->transfer, &withdrawal, fault);
    }
    if (status == STATUS_OK) {
        signed_log(&withdrawal);
    }
    withdrawal_free(&withdrawal);
    return status;
}
