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
#include "keys.h"
#include "policy/signing_entry.h"
#include "policy/withdrawal.h"

/* What is to be remembered. */
struct promise {
    const struct signer *signer;
    const struct withdrawal *withdrawal;
    size_t key; /* its place in the guard */
    bool swept; /* by a command key.sweep, since the key is out of service */
    struct uuid sweep_nonce;
    struct digest sweep;
    struct audit_checkpoint checkpoint;
    int64_t at_utc_us;
    struct policy_chain chain; /* of the withdrawal, which borrows it */
    size_t version;            /* of the policy in force under which it was judged */
};

/* The keys of the guard that have documents, as they are now. */
static size_t keys_gather(const struct signer *signer, struct withdrawal_key out[GUARD_KEYS_MAX])
{
    size_t found = 0;
    size_t count = guard_key_count(signer->guard);
    for (size_t i = 0; i < count; i++) {
        struct guard_key key;
        guard_key_read(signer->guard, &key, i);
        out[found].document = keys_document(signer, i);
        out[found].state = key.state;
        found += out[found].document != NULL;
    }
    return found;
}

/* When documents are judged, and under which versions. */
struct moment {
    int64_t at_utc_us;
    int64_t highest_utc_us;           /* the time the clock must not stand behind */
    const struct policy_chain *chain; /* the last is in force; lives as long as the withdrawal */
};

static enum status documents_check_at(const struct signer *signer, struct withdrawal *out,
                                      const struct wire_transfer_request *request, const struct moment *moment,
                                      struct fault *fault)
{
    const struct withdrawal_documents documents = {
        .intent = request->intent.data,
        .intent_len = request->intent.len,
        .destination = &request->destination,
        .approvals = request->approvals,
        .approval_count = request->approval_count,
        .sweep = request->sweep.document.len > 0 ? &request->sweep : NULL,
    };
    struct withdrawal_key keys[GUARD_KEYS_MAX];
    const struct withdrawal_context context = {
        .policy = policy_chain_in_force(moment->chain),
        .chain = moment->chain,
        .keys = keys,
        .key_count = keys_gather(signer, keys),
        .at_utc_us = moment->at_utc_us,
        .highest_utc_us = moment->highest_utc_us,
    };
    return policy_check_withdrawal(out, &documents, &context, fault);
}

/* What the guard remembers of the withdrawal of an intent. */
struct recall {
    struct intent intent;
    bool known;        /* it was promised something */
    bool promised;     /* this very transaction */
    int64_t at_utc_us; /* when it was */
    size_t version;    /* of the policy in force then */
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
        recall->known = true;
        recall->promised = memcmp(record.value + WITHDRAWAL_TRANSACTION, recall->intent.transaction.bytes32, 32) == 0;
        recall->at_utc_us = (int64_t)guard_number_read(record.value + WITHDRAWAL_TIME);
        recall->version = (size_t)guard_number_read(record.value + WITHDRAWAL_VERSION);
    }
    return status;
}

static enum status recall_promise(struct recall *out, const struct signer *signer, const struct bytes *intent,
                                  struct fault *fault)
{
    *out = (struct recall){0};
    enum status status = intent_decode(&out->intent, intent->data, intent->len, fault);
    return status == STATUS_OK ? guard_commit(signer->guard, recall_apply, out, fault) : status;
}

/*
 * What a refusal says of the past, whatever the papers show and why ever they were refused. Looked up after the
 * refusal, so a promise that was made meanwhile is told.
 */
static enum wire_promised promised_before(const struct signer *signer, const struct bytes *intent)
{
    struct recall recall;
    struct fault unread = {0};
    if (recall_promise(&recall, signer, intent, &unread) != STATUS_OK) {
        return WIRE_PROMISED_UNKNOWN;
    }
    if (!recall.known) {
        return WIRE_PROMISED_NEVER;
    }
    return recall.promised ? WIRE_PROMISED_THIS : WIRE_PROMISED_OTHER;
}

/*
 * The documents as of now. When this transaction was promised before, and the time of its papers has passed since or
 * another version of the policy came into force, as of the time of the promise and of its version: what may have been
 * signed then must be had again, otherwise a crash between the promise and its delivery would leave a sequence that
 * nobody can fill.
 */
static enum status documents_check(struct promise *promise, struct withdrawal *out,
                                   const struct wire_transfer_request *request, struct fault *fault)
{
    struct guard_state state;
    struct recall recall;
    struct fault why = {0};
    guard_read(promise->signer->guard, &state);
    promise->chain = versions_chain(promise->signer);
    promise->version = promise->chain.count;
    const struct moment now = {promise->at_utc_us, state.highest_utc_us, &promise->chain};
    enum status status = documents_check_at(promise->signer, out, request, &now, &why);
    bool passed = status == STATUS_EXPIRED || status == STATUS_QUORUM_MISSING;
    if (status != STATUS_OK && (passed || promise->version > 1)) {
        struct fault unread = {0};
        enum status recalled = recall_promise(&recall, promise->signer, &request->intent, &unread);
        if (passed && recalled != STATUS_OK) {
            return fault_set(fault, recalled, unread.where, "%s", unread.detail);
        }
        if (recall.promised && (passed || recall.version < promise->version)) {
            const struct moment then = {recall.at_utc_us, 0, &promise->chain};
            fault_clear(&why);
            promise->version = recall.version;
            promise->chain.count = recall.version;
            status = documents_check_at(promise->signer, out, request, &then, &why);
            promise->chain = versions_chain(promise->signer); /* the entry may be newer than the promise */
        }
    }
    return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
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
    guard_number_write(out->withdrawal.value + WITHDRAWAL_VERSION, promise->version);
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

static enum status promise_write(struct guard_txn *txn, const struct promise *promise, struct guard_key *key,
                                 bool nonce_used, struct fault *fault)
{
    struct guard_state *state = &txn->state;
    if (promise->checkpoint.size > state->size) {
        state->size = promise->checkpoint.size;
        state->root = promise->checkpoint.root;
    }
    enum status status = key_use_write(txn, promise->key, key, promise->at_utc_us, fault);
    if (status == STATUS_OK && !nonce_used) {
        status = nonce_write(txn, &promise->sweep_nonce, &promise->sweep, fault);
    }
    return status;
}

static enum status promise_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct promise *promise = context;
    struct promise_records records = {0};
    records_fill(&records, promise);
    struct guard_key key;
    bool nonce_used = false;
    enum seen checkpoint = SEEN_NEVER;
    enum seen use = SEEN_NEVER;
    enum status status = key_check(txn, &key, &nonce_used, promise, fault);
    if (status == STATUS_OK) {
        status = checkpoint_compare(txn, &checkpoint, &records, fault);
    }
    if (status == STATUS_OK) {
        status = use_check(txn, &use, &records, fault);
    }
    if (status == STATUS_OK && use == SEEN_NEVER && txn->state.policy_version != (int64_t)promise->version) {
        status = fault_set(fault, STATUS_BUSY, "policy", "another version came into force meanwhile: ask again");
    }
    if (status == STATUS_OK) {
        status = records_write(txn, &records, use, checkpoint, fault);
    }
    return status == STATUS_OK ? promise_write(txn, promise, &key, nonce_used, fault) : status;
}

/* The place of the wallet's key, and the sweep when it was judged by one. */
static enum status promise_fill(struct promise *promise, const struct wire_transfer_request *request,
                                struct fault *fault)
{
    struct guard_key key;
    const struct withdrawal *withdrawal = promise->withdrawal;
    if (guard_key_find(promise->signer->guard, &promise->key, &key, &withdrawal->key->key_id) != STATUS_OK) {
        return fault_set(fault, STATUS_INTERNAL, "wallet", "a key that was there is not");
    }
    promise->swept = withdrawal->key_state != KEY_STATE_ACTIVE;
    if (!promise->swept) {
        return STATUS_OK;
    }
    struct command sweep;
    const struct bytes *document = &request->sweep.document;
    enum status status = command_decode(&sweep, document->data, document->len, fault);
    if (status == STATUS_OK) {
        promise->sweep_nonce = sweep.nonce;
        digest_document(&promise->sweep, COMMAND_KIND, document->data, document->len);
    }
    return status;
}

static enum status withdrawal_sign(struct signer *signer, struct wire_transfer_reply *out, size_t key,
                                   struct withdrawal *withdrawal, struct fault *fault)
{
    struct signature signature;
    enum status status =
        keys_sign_document(signer, &signature, key, TRANSACTION_KIND, &withdrawal->transaction_document, fault);
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

static enum status request_sign(struct signer *signer, struct wire_transfer_reply *out,
                                const struct wire_transfer_request *request, struct fault *fault)
{
    struct withdrawal withdrawal = {0};
    struct promise promise = {.signer = signer, .withdrawal = &withdrawal, .at_utc_us = clock_utc_us(signer->clock)};
    int64_t known = 0; /* the documents are held against the clock itself: one that was set back is told */
    enum status status = keys_settle(signer, fault);
    status = status == STATUS_OK ? keys_time(signer, &known, fault) : status;
    if (status == STATUS_OK) {
        status = documents_check(&promise, &withdrawal, request, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = promise_fill(&promise, request, fault);
    if (status == STATUS_OK) {
        status = trail_check(signer, &promise.checkpoint, &withdrawal, request, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("signer.checked");
        status = guard_commit(signer->guard, promise_apply, &promise, fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_sign(signer, out, promise.key, &withdrawal, fault);
    }
    if (status == STATUS_OK) {
        signed_log(&withdrawal);
    }
    withdrawal_free(&withdrawal);
    return status;
}

enum status transfer_sign(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                          struct fault *fault)
{
    enum status status = request_sign(signer, &reply->transfer, &request->transfer, fault);
    if (status != STATUS_OK) {
        reply->promised = promised_before(signer, &request->transfer.intent);
    }
    return status;
}
