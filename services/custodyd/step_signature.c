/*
 * The transfer signer, asked with the papers of a withdrawal, and the signature as the row keeps it. What an answer
 * comes to is decided by who asks.
 */
#include "step_signature.h"

#include "audit/event.h"
#include "audit/log_keys.h"
#include "base/canon.h"
#include "record.h"
#include "store/ending.h"
#include "trail_signed.h"
#include "usage.h"
#include "withdrawals.h"
#include "witnesses.h"

#define END_TIMEOUT_MS 2000 /* a transaction waits for it, with the row locked */

bool step_may_pass(enum status status)
{
    return status_info(status)->retryable || status_info(status)->http >= 500;
}

bool step_is_unsigned(enum wire_promised promised)
{
    return promised == WIRE_PROMISED_NEVER || promised == WIRE_PROMISED_OTHER;
}

bool step_is_verdict(enum status refusal, enum wire_promised promised)
{
    return !step_may_pass(refusal) && refusal != STATUS_NOT_PERMITTED && step_is_unsigned(promised);
}

/* Also what a transaction that came to nothing was told, and whatever the database has lost since. */
static uint64_t newest_end(const struct service *service, uint64_t kept)
{
    uint64_t seen = atomic_load(&service->ends);
    return kept > seen ? kept : seen;
}

static enum status keep_end(struct service *service, struct store_tx *tx, const struct uuid *withdrawal, uint64_t end,
                            struct fault *fault)
{
    uint_fast64_t seen = atomic_load(&service->ends);
    while (seen < end && !atomic_compare_exchange_weak(&service->ends, &seen, end)) {
    }
    return end == 0 ? STATUS_OK : store_ending_add(tx, withdrawal, end, fault);
}

static struct wire_transfer_request request_of(const struct step_papers *papers, const struct store_leaf *leaf,
                                               const struct bytes *proof)
{
    return (struct wire_transfer_request){
        .approvals = papers->approvals,
        .approval_count = papers->approval_count,
        .destination = papers->destination,
        .intent = papers->row.intent,
        .leaf = leaf->raw,
        .proof = *proof,
        .sweep = papers->sweep,
        .ends = newest_end(papers->service, papers->ends),
    };
}

enum status step_ask_signer(struct wire_transfer_reply *out, enum wire_promised *out_promised,
                            const struct step_papers *papers, const struct store_leaf *signing, struct fault *fault)
{
    struct service *service = papers->service;
    struct bytes proof = {0};
    const struct wallet *wallet = step_wallet(service, &papers->row);
    enum wallet_tier tier = wallet == NULL ? TIER_COLD : wallet->tier;
    *out_promised = WIRE_PROMISED_UNKNOWN;
    enum status status = witnesses_prove(&proof, service, signing->seq, tier, fault);
    if (status == STATUS_OK) {
        const struct wire_transfer_request request = request_of(papers, signing, &proof);
        status = wire_transfer_sign(service->signers[WIRE_ROLE_TRANSFER], out, out_promised, &request,
                                    service->options.signer_timeout_ms, fault);
    }
    bytes_free(&proof);
    return status;
}

enum status step_announce_to_signer(struct wire_announce_reply *out, enum wire_promised *out_promised,
                                    const struct step_papers *papers, const struct store_leaf *announced,
                                    struct fault *fault)
{
    struct service *service = papers->service;
    struct bytes proof = {0};
    *out_promised = WIRE_PROMISED_UNKNOWN;
    enum status status = trail_prove(&proof, service->trail, announced->seq, service->options.trail_timeout_ms, fault);
    if (status == STATUS_OK) {
        const struct wire_transfer_request request = request_of(papers, announced, &proof);
        status = wire_transfer_announce(service->signers[WIRE_ROLE_TRANSFER], out, out_promised, &request,
                                        service->options.signer_timeout_ms, fault);
    }
    bytes_free(&proof);
    return status;
}

static enum status promises_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    return store_withdrawal_promises(context, tx, fault);
}

/* Whether it is the first entry withdrawal.signing of a log that follows another, by which those after it count. */
static enum status begins_to_count(bool *out, const struct service *service, struct fault *fault)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_WITHDRAWAL_SIGNING)};
    bool follows = audit_origin_epoch(service->options.origin) > 1;
    enum status status = follows ? trail_signed_newest(&list, service->trail, &filter, fault) : STATUS_OK;
    *out = status == STATUS_OK && follows && list.count == 0;
    store_leaf_list_free(&list);
    return status;
}

enum status step_promises(uint64_t *out, struct service *service, struct fault *fault)
{
    struct wire_status_reply signer = {0};
    bool begins = false;
    enum status status = store_read(service->store, promises_in, out, fault);
    status = status == STATUS_OK ? begins_to_count(&begins, service, fault) : status;
    if (status == STATUS_OK && begins) { /* the rows may be a backup's, from before its last promise */
        status = wire_status(service->signers[WIRE_ROLE_TRANSFER], &signer, service->options.signer_timeout_ms, fault);
    }
    *out = signer.promises > *out ? signer.promises : *out;
    return status;
}

/* What the service knows that the signer must know, too. */
struct knowing {
    struct service *service;
    struct wire_recall_request *request;
};

static enum status know_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    const struct knowing *knowing = context;
    enum status status = store_withdrawal_promises(&knowing->request->promises, tx, fault);
    status = status == STATUS_OK ? store_ending_newest(&knowing->request->ends, tx, fault) : status;
    knowing->request->ends = newest_end(knowing->service, knowing->request->ends);
    return status;
}

enum status step_recall(struct wire_recall_reply *out, struct service *service, const struct uuid *withdrawal,
                        struct fault *fault)
{
    struct wire_recall_request request = {.withdrawal = *withdrawal};
    struct knowing knowing = {service, &request};
    *out = (struct wire_recall_reply){.promised = false};
    enum status status = store_read(service->store, know_in, &knowing, fault);
    return status == STATUS_OK ? wire_transfer_recall(service->signers[WIRE_ROLE_TRANSFER], out, &request,
                                                      service->options.signer_timeout_ms, fault)
                               : status;
}

/* First without what the service knows: that is rows, and a signer that remembers the promise made it. */
enum status step_was_promised(bool *out, struct service *service, const struct uuid *withdrawal,
                              const struct digest *transaction, struct fault *fault)
{
    const struct wire_recall_request alone = {.withdrawal = *withdrawal};
    struct wire_recall_reply memory;
    struct fault why = {0};
    enum status status = wire_transfer_recall(service->signers[WIRE_ROLE_TRANSFER], &memory, &alone,
                                              service->options.signer_timeout_ms, &why);
    if (status == STATUS_ROLLBACK && strcmp(why.where, WIRE_RECALL_FORGOTTEN) == 0) {
        *out = true;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = memory.promised ? STATUS_OK : step_recall(&memory, service, withdrawal, fault);
    if (status == STATUS_OK) {
        *out = memory.promised && digest_equal(&memory.transaction, transaction);
    }
    return status;
}

enum status step_end(bool *out_promised, struct service *service, struct wire_pool *signer, struct store_tx *tx,
                     const struct uuid *withdrawal, struct fault *fault)
{
    int64_t timeout_ms = service->options.signer_timeout_ms;
    struct wire_recall_request request = {.withdrawal = *withdrawal};
    struct knowing knowing = {service, &request};
    uint64_t end = 0;
    enum status status = know_in(tx, &knowing, fault);
    timeout_ms = timeout_ms < END_TIMEOUT_MS ? timeout_ms : END_TIMEOUT_MS;
    *out_promised = false;
    if (status == STATUS_OK) {
        status = wire_transfer_end(signer, &end, &request, timeout_ms, fault);
        *out_promised = status == STATUS_CONFLICT;
    }
    return status == STATUS_OK ? keep_end(service, tx, withdrawal, end, fault) : status;
}

enum status step_limits(int64_t *out_until_utc_us, struct service *service, const struct withdrawal *withdrawal,
                        const struct bytes *intent, struct fault *fault)
{
    const struct usage_question question = {.signer = service->signers[WIRE_ROLE_TRANSFER],
                                            .timeout_ms = service->options.signer_timeout_ms,
                                            .intent = intent,
                                            .obligations = &withdrawal->obligations,
                                            .amount = withdrawal->intent.amount};
    return usage_check(out_until_utc_us, &question, fault);
}

/* The row keeps the signature as the canonical {"alg","key","sig"}. */
static const struct canon_field signature_fields[] = {
    {"alg", CANON_ALGORITHM, false, offsetof(struct signature, algorithm), sizeof(enum algorithm), 0, 0},
    {"key", CANON_HASH, false, offsetof(struct signature, key_id), sizeof(struct digest), 0, 0},
    {"sig", CANON_SIGNATURE, false, offsetof(struct signature, bytes64), SIGNATURE_LEN, 0, 0},
};

#define SIGNATURE_FIELDS (sizeof(signature_fields) / sizeof(signature_fields[0]))

enum status step_signature_encode(struct bytes *out, const struct signature *signature, struct fault *fault)
{
    return canon_encode_bytes(out, signature, signature_fields, SIGNATURE_FIELDS, CANON_DOCUMENT_MAX, fault);
}

enum status step_signed_transaction(struct signed_document *out, const struct store_withdrawal *row,
                                    struct fault *fault)
{
    json_t *object = NULL;
    struct signature signature;
    struct signed_document document = {0};
    enum status status = canon_parse(&object, row->signature.data, row->signature.len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status =
            canon_decode(&signature, sizeof(signature), object, signature_fields, SIGNATURE_FIELDS, "signature", fault);
        json_decref(object);
    }
    if (status == STATUS_OK) {
        status = bytes_copy(&document.document, row->transaction.data, row->transaction.len);
    }
    if (status == STATUS_OK) {
        status = signed_document_add(&document, &signature);
    }
    if (status != STATUS_OK) {
        signed_document_free(&document);
        return status;
    }
    *out = document;
    return STATUS_OK;
}
