/*
 * Delays and vetoes of single withdrawals, by running time: see delay.h.
 *
 * An announcement is the time when it came and the delay that was asked for then; so a version of the policy that comes
 * into force meanwhile may lengthen the wait, and none shortens it.
 */
#include "delay.h"

#include "base/log.h"
#include "guard_record.h"
#include "keys.h"

#define SECOND_US 1000000ULL

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

enum status veto_check(struct guard_txn *txn, const struct digest *intent, struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'v', intent);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? fault_set(fault, STATUS_DENIED, "veto", "a person spoke against this withdrawal")
                               : status;
}

static uint64_t delay_asked(const struct withdrawal *withdrawal)
{
    bool saves = withdrawal->key_state == KEY_STATE_COMPROMISED;
    return saves ? 0 : (uint64_t)withdrawal->obligations.delay_s * SECOND_US;
}

enum status delay_read(const struct signer *signer, struct guard_txn *txn, struct delay *out,
                       const struct withdrawal *withdrawal, struct fault *fault)
{
    struct guard_record record;
    uint64_t asked_us = delay_asked(withdrawal);
    guard_record_digest(&record, 'a', &withdrawal->intent_digest);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        *out = (struct delay){.due_us = keys_running(signer) + asked_us};
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        uint64_t noted_us = guard_number_read(record.value + 8);
        bool saves = withdrawal->key_state == KEY_STATE_COMPROMISED;
        *out = (struct delay){.noted = true, .due_us = guard_number_read(record.value)};
        out->due_us += saves ? 0 : later(noted_us, asked_us);
    }
    return status;
}

enum status delay_note(const struct signer *signer, struct guard_txn *txn, struct delay *delay,
                       const struct withdrawal *withdrawal, struct fault *fault)
{
    uint64_t asked_us = delay_asked(withdrawal);
    struct guard_record record;
    if (delay->noted || asked_us == 0) {
        return STATUS_OK;
    }
    keys_running_raise(signer, txn);
    delay->due_us = txn->state.running_us + asked_us;
    delay->fresh = true;
    txn->state.due_us = later(txn->state.due_us, delay->due_us);
    guard_record_digest(&record, 'a', &withdrawal->intent_digest);
    guard_number_write(record.value, txn->state.running_us);
    guard_number_write(record.value + 8, asked_us);
    record.value_len = 16;
    return guard_txn_put(txn, &record, fault);
}

enum status delay_check(const struct signer *signer, struct guard_txn *txn, struct delay *out,
                        const struct withdrawal *withdrawal, struct fault *fault)
{
    enum status status = delay_read(signer, txn, out, withdrawal, fault);
    uint64_t running_us = keys_running(signer);
    if (status != STATUS_OK || running_us >= out->due_us) {
        return status;
    }
    if (!out->noted) {
        return fault_set(fault, STATUS_NOT_READY, "policy.delay", "it has to be announced, and to wait for %lld s then",
                         (long long)withdrawal->obligations.delay_s);
    }
    char at[TIME_TEXT_SIZE];
    time_format(at, keys_now(signer) + (int64_t)(out->due_us - running_us));
    return fault_set(fault, STATUS_NOT_READY, "policy.delay", "announced, and due at %s", at);
}

enum status delay_end(struct guard_txn *txn, const struct delay *delay, const struct withdrawal *withdrawal,
                      struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'a', &withdrawal->intent_digest);
    return delay->noted ? guard_txn_remove(txn, &record, fault) : STATUS_OK;
}

/* Speaking against one */

struct veto {
    const struct given_order *given;
    struct signer *signer;
    bool known;      /* out: the same order was carried out before */
    uint64_t denied; /* out: intents so far */
};

static enum status veto_new(struct guard_txn *txn, struct veto *veto, struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'v', &veto->given->command->subject);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status != STATUS_NOT_FOUND) {
        return status; /* somebody else was first, and once is enough */
    }
    memcpy(record.value, veto->given->digest->bytes32, sizeof(veto->given->digest->bytes32));
    record.value_len = sizeof(veto->given->digest->bytes32);
    txn->state.denied++;
    return guard_txn_put(txn, &record, fault);
}

/* What was promised may have been signed: nobody must believe that it was stopped. */
static enum status veto_late(struct guard_txn *txn, const struct digest *intent, struct fault *fault)
{
    struct guard_record record;
    guard_record_digest(&record, 'i', intent);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    return status == STATUS_OK
               ? fault_set(fault, STATUS_CONFLICT, "command.subject", "too late: this withdrawal may have been signed")
               : status;
}

static enum status veto_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct veto *veto = context;
    const struct command *command = veto->given->command;
    enum status status = nonce_check(txn, &veto->known, &command->nonce, veto->given->digest, fault);
    veto->denied = txn->state.denied;
    if (status != STATUS_OK || veto->known) {
        return status;
    }
    status = veto_late(txn, &command->subject, fault);
    status = status == STATUS_OK ? given_order_pay(veto->signer, veto->given, fault) : status;
    status = status == STATUS_OK ? veto_new(txn, veto, fault) : status;
    veto->denied = txn->state.denied;
    return status == STATUS_OK ? nonce_write(txn, &command->nonce, veto->given->digest, fault) : status;
}

enum status withdrawal_veto(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                            struct fault *fault)
{
    const struct command *command = given->command;
    struct veto veto = {.given = given, .signer = signer};
    enum status status = guard_commit(signer->guard, veto_apply, &veto, fault);
    if (status == STATUS_OK && !veto.known) {
        char hex[DIGEST_HEX_LEN + 1];
        digest_format(hex, &command->subject);
        log_event(LOG_LEVEL_WARNING, "withdrawal.vetoed", "intent", hex, "reason", command->reason.text, NULL);
    }
    if (status == STATUS_OK) {
        reply->key_state.on = veto.denied;
        (void)snprintf(reply->key_state.state, sizeof(reply->key_state.state), "vetoed");
    }
    return status;
}
