/*
 * Role validator: signs one header per height, in order, each naming the one before. Whether a block is true is the
 * node's business; that there are never two of them is this signer's.
 */
#include "base/crashpoint.h"
#include "keys.h"
#include "ledger/header.h"

/* How far the time of a header may be ahead of the clock: one header of the year 9999 would end the ledger's time. */
#define HEADER_AHEAD_MAX_US 60000000LL

struct succession {
    const struct signer *signer;
    struct ledger_header header;
    struct digest digest;
    int64_t at_utc_us;
};

/* Sets *out_same when this header was signed before. */
static enum status succession_check(struct guard_txn *txn, bool *out_same, const struct succession *next,
                                    struct fault *fault)
{
    const struct guard_state *state = &txn->state;
    *out_same = next->header.height == state->height && digest_equal(&next->digest, &state->header);
    if (*out_same) {
        return STATUS_OK;
    }
    if (next->header.height == state->height) {
        return guard_txn_halt(txn, STATUS_FORK, "header.height", "another header of this height was signed", fault);
    }
    if (next->header.height != state->height + 1) {
        return fault_set(fault, STATUS_CONFLICT, "header.height", "the height signed last is %llu",
                         (unsigned long long)state->height);
    }
    if (!digest_equal(&next->header.prev, &state->header)) {
        return fault_set(fault, STATUS_MISMATCH, "header.prev", "it does not name the header signed last");
    }
    return STATUS_OK;
}

static enum status succession_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct succession *next = context;
    struct guard_key key;
    bool same = false;
    enum status status = key_use_check(next->signer, txn, &key, KEY_FOUNDING, next->at_utc_us, fault);
    if (status == STATUS_OK) {
        status = succession_check(txn, &same, next, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (!same) {
        txn->state.height = next->header.height;
        txn->state.header = next->digest;
    }
    return key_use_write(txn, KEY_FOUNDING, &key, next->at_utc_us, fault);
}

static enum status header_check(const struct signer *signer, const struct ledger_header *header, struct fault *fault)
{
    if (!digest_equal(&header->chain, &signer->identity.chain)) {
        return fault_set(fault, STATUS_MISMATCH, "header.chain", "it is of another ledger");
    }
    if (!digest_equal(&header->validators, &signer->identity.validators)) {
        return fault_set(fault, STATUS_MISMATCH, "header.validators", "it names another validator set");
    }
    if (header->time_utc_us > clock_utc_us(signer->clock) + HEADER_AHEAD_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "header.time", "it is ahead of the clock");
    }
    return STATUS_OK;
}

enum status header_sign(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                        struct fault *fault)
{
    const struct bytes *document = &request->header.header;
    struct succession next = {.signer = signer};
    enum status status = ledger_header_decode(&next.header, document->data, document->len, fault);
    if (status == STATUS_OK) {
        ledger_header_digest(&next.digest, document->data, document->len);
        status = header_check(signer, &next.header, fault);
    }
    if (status == STATUS_OK) {
        status = keys_settle(signer, fault);
    }
    if (status == STATUS_OK) {
        status = keys_time(signer, &next.at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("signer.checked");
        status = guard_commit(signer->guard, succession_apply, &next, fault);
    }
    return status == STATUS_OK
               ? keys_sign_document(signer, &reply->header.signature, KEY_FOUNDING, LEDGER_HEADER_KIND, document, fault)
               : status;
}
