/*
 * Role transfer: signs a withdrawal that it rebuilt, that people approved, that the trail holds, and that was not
 * signed as anything else before.
 *
 * Steps 1 to 7 of docs/signer-protocol.md are the policy room's (what the documents say); here are step 8 (the trail)
 * and the signature. What is remembered between them (steps 9 to 11) is in promise.c.
 */
#include "audit/event.h"
#include "audit/witness.h"
#include "base/crashpoint.h"
#include "base/log.h"
#include "ending.h"
#include "guard_record.h"
#include "log_keys.h"
#include "people.h"
#include "policy/signing_entry.h"
#include "promise.h"

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
    const struct people *people;      /* who does not count then */
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
        .suspended = moment->people->names,
        .suspended_count = moment->people->count,
        .at_utc_us = moment->at_utc_us,
        .highest_utc_us = moment->highest_utc_us,
        .destinations_held = true,
    };
    return policy_check_withdrawal(out, &documents, &context, fault);
}

/* What the guard remembers of the withdrawal of an intent. */
struct recall {
    struct intent intent;
    bool known;        /* it was promised something */
    bool forgotten;    /* it is not known, and a guard before this one may have promised something */
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
        recall->forgotten = ending_is_forgotten(txn, &recall->intent.withdrawal);
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
static enum wire_promised promised_before(const struct signer *signer, const struct wire_transfer_request *request)
{
    struct recall recall;
    struct guard_state state;
    struct fault unread = {0};
    guard_read(signer->guard, &state);
    if (atomic_load(&signer->older) || ending_check_newest(&state, request->ends, &unread) != STATUS_OK ||
        recall_promise(&recall, signer, &request->intent, &unread) != STATUS_OK) {
        return WIRE_PROMISED_UNKNOWN;
    }
    if (!recall.known) {
        return recall.forgotten ? WIRE_PROMISED_UNKNOWN : WIRE_PROMISED_NEVER;
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
    struct people people;
    people_read(&people, promise->signer);
    promise->suspensions = people.changes;
    guard_read(promise->signer->guard, &state);
    promise->chain = versions_chain(promise->signer);
    promise->version = promise->chain.count;
    const struct moment now = {promise->at_utc_us, state.highest_utc_us, &promise->chain, &people};
    enum status status = documents_check_at(promise->signer, out, request, &now, &why);
    bool passed = status == STATUS_EXPIRED || status == STATUS_QUORUM_MISSING || status == STATUS_OUTSIDE_HOURS ||
                  status == STATUS_DENIED; /* of who asked, when they do not count any more */
    if (status != STATUS_OK && (passed || promise->version > 1)) {
        struct fault unread = {0};
        enum status recalled = recall_promise(&recall, promise->signer, &request->intent, &unread);
        if (passed && recalled != STATUS_OK) {
            return fault_set(fault, recalled, unread.where, "%s", unread.detail);
        }
        if (recall.promised && (passed || recall.version < promise->version)) {
            const struct people none = {.count = 0}; /* who was suspended since had a say then */
            const struct moment then = {recall.at_utc_us, 0, &promise->chain, &none};
            fault_clear(&why);
            promise->version = recall.version;
            promise->chain.count = recall.version;
            status = documents_check_at(promise->signer, out, request, &then, &why);
            promise->chain = versions_chain(promise->signer); /* the entry may be newer than the promise */
        }
    }
    return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status entry_check(struct promise *promise, const struct audit_leaf *leaf, enum audit_action action,
                               struct fault *fault)
{
    struct audit_event event = {0};
    enum status status = audit_event_decode(&event, leaf->event, leaf->event_len, fault);
    if (status == STATUS_OK) {
        status = policy_check_signing_entry(&promise->told, action, promise->withdrawal, &event, fault);
        audit_event_wipe(&event);
    }
    return status;
}

/*
 * Step 8a: a history of the trail that only we have seen is none. The tier is the one that the policy of this signer
 * gives the wallet. Whatever is amiss with cosignatures, better ones may come: nothing is said of the withdrawal.
 */
static enum status witnesses_check(const struct promise *promise, const struct audit_tlog_proof *proof,
                                   enum audit_action action, struct fault *fault)
{
    const struct signer *signer = promise->signer;
    struct fault why = {0};
    if (action != AUDIT_WITHDRAWAL_SIGNING || signer->witnesses == NULL ||
        promise->withdrawal->wallet->tier < signer->witness_tier) {
        return STATUS_OK;
    }
    return audit_witnesses_check(signer->witnesses, proof->note, proof->note_len, &why) == STATUS_OK
               ? STATUS_OK
               : fault_set(fault, STATUS_NOT_READY, "witnesses", "%s", why.detail);
}

/* Out: the checkpoint that covers the entry, and the promises that the entry knows of. */
static enum status trail_check(struct promise *out, const struct wire_transfer_request *request,
                               enum audit_action action, struct fault *fault)
{
    struct audit_tlog_proof proof = {0};
    enum status status = audit_tlog_proof_parse(&proof, request->proof.data, request->proof.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct audit_proven proven;
    status = log_keys_verify(out->signer, &proven, &proof, &request->leaf, fault);
    if (status == STATUS_OK) {
        status = witnesses_check(out, &proof, action, fault);
    }
    audit_tlog_proof_wipe(&proof);
    if (status == STATUS_OK) {
        status = entry_check(out, &proven.leaf, action, fault);
    }
    if (status == STATUS_OK) {
        out->checkpoint = proven.checkpoint;
    }
    return status;
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

/* Steps 1 to 8. In: the action of the entry. */
static enum status request_check(struct promise *promise, struct withdrawal *withdrawal,
                                 const struct wire_transfer_request *request, enum audit_action action,
                                 struct fault *fault)
{
    struct signer *signer = promise->signer;
    int64_t known = 0; /* the documents are held against the clock itself: one that was set back is told */
    promise->at_utc_us = clock_utc_us(signer->clock);
    promise->withdrawal = withdrawal;
    enum status status = keys_settle(signer, fault);
    status = status == STATUS_OK ? keys_time(signer, &known, fault) : status;
    status = status == STATUS_OK ? documents_check(promise, withdrawal, request, fault) : status;
    status = status == STATUS_OK ? promise_fill(promise, request, fault) : status;
    return status == STATUS_OK ? trail_check(promise, request, action, fault) : status;
}

static enum status request_sign(struct signer *signer, struct wire_transfer_reply *out,
                                const struct wire_transfer_request *request, struct fault *fault)
{
    struct withdrawal withdrawal = {0};
    struct promise promise = {.signer = signer, .ends = request->ends};
    enum status status = request_check(&promise, &withdrawal, request, AUDIT_WITHDRAWAL_SIGNING, fault);
    if (status == STATUS_OK) {
        CRASHPOINT("signer.checked");
        status = guard_commit(signer->guard, promise_apply, &promise, fault);
    }
    if (status == STATUS_OK) {
        status = withdrawal_sign(signer, out, promise.key, &withdrawal, fault);
    }
    if (status == STATUS_OK) {
        out->promises = promise.promises;
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
        reply->promised = promised_before(signer, &request->transfer);
    }
    return status;
}

static void announced_log(const struct withdrawal *withdrawal, const struct wire_announce_reply *reply)
{
    char uuid[UUID_TEXT_SIZE];
    char at[TIME_TEXT_SIZE];
    uuid_format(uuid, &withdrawal->intent.withdrawal);
    time_format(at, reply->sign_at);
    log_event(LOG_LEVEL_INFO, "transfer.announced", "withdrawal", uuid, "sign_at", at, NULL);
}

static enum status request_announce(struct signer *signer, struct wire_announce_reply *out,
                                    const struct wire_transfer_request *request, struct fault *fault)
{
    struct withdrawal withdrawal = {0};
    struct promise promise = {.signer = signer, .ends = request->ends};
    enum status status = request_check(&promise, &withdrawal, request, AUDIT_WITHDRAWAL_ANNOUNCED, fault);
    if (status == STATUS_OK) {
        CRASHPOINT("announce.checked");
        status = guard_commit(signer->guard, announce_apply, &promise, fault);
        CRASHPOINT("announce.remembered");
    }
    if (status == STATUS_OK) {
        uint64_t running_us = keys_running(signer);
        uint64_t left_us = promise.due_us > running_us ? promise.due_us - running_us : 0;
        *out = (struct wire_announce_reply){.sign_at = keys_now(signer) + (int64_t)left_us, .due = left_us == 0};
        announced_log(&withdrawal, out);
    }
    withdrawal_free(&withdrawal);
    return status;
}

enum status transfer_announce(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                              struct fault *fault)
{
    enum status status = request_announce(signer, &reply->announce, &request->transfer, fault);
    if (status != STATUS_OK) {
        reply->promised = promised_before(signer, &request->transfer);
    }
    return status;
}
