/*
 * The end of a withdrawal, and what was promised for it: see ending.h.
 *
 * Who asks here shows no papers. That something ended takes no more than the service could have had by not asking; the
 * records stay, so they are paid for: ENDED_BURST at once and then one in ENDED_EVERY_US, by the steady clock, which is
 * more than the requests of one person come to.
 */
#include "ending.h"

#include "base/log.h"
#include "guard_record.h"

#define CLOCKS_APART_US (3600 * INT64_C(1000000))
#define ENDED_BURST 1024
#define ENDED_EVERY_US INT64_C(5000)

bool ending_is_forgotten(const struct guard_txn *txn, const struct uuid *withdrawal)
{
    const struct guard_state *state = &txn->state;
    bool later = state->made_utc_us > 0 && uuid_time_us(withdrawal) - CLOCKS_APART_US > state->made_utc_us;
    return state->before > 0 && !later;
}

uint64_t ending_number(const struct guard_state *state)
{
    return (uint64_t)state->made_utc_us + state->ended;
}

enum status ending_check_newest(const struct guard_state *state, uint64_t ends, struct fault *fault)
{
    uint64_t newest = ending_number(state);
    return ends <= newest ? STATUS_OK
                          : fault_set(fault, STATUS_ROLLBACK, "ends",
                                      "the service was told of %llu ends more than this guard knows: an older copy; it "
                                      "signs nothing",
                                      (unsigned long long)(ends - newest));
}

enum status ending_check(struct guard_txn *txn, const struct uuid *withdrawal, struct fault *fault)
{
    struct guard_record record;
    guard_record_ended(&record, withdrawal);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? fault_set(fault, STATUS_DENIED, "intent.withdrawal", "it ended before it was signed")
                               : status;
}

struct question {
    struct signer *signer;
    const struct wire_recall_request *request;
    struct wire_recall_reply *out;
};

/* A copy that has forgotten promises does not say that there was none. Who asks proves nothing: nothing is latched. */
static enum status check_newest(const struct question *question, const struct guard_txn *txn, struct fault *fault)
{
    uint64_t known = question->request->promises;
    bool older = atomic_load(&question->signer->older) || known > txn->state.promises;
    return !older
               ? ending_check_newest(&txn->state, question->request->ends, fault)
               : fault_set(fault, STATUS_ROLLBACK, "promises", "the trail knows of %llu promises, this guard of %llu",
                           (unsigned long long)known, (unsigned long long)txn->state.promises);
}

/* Out: STATUS_NOT_FOUND when nothing was promised. */
static enum status promised_get(struct guard_record *out, struct guard_txn *txn, const struct uuid *withdrawal,
                                struct fault *fault)
{
    *out = (struct guard_record){0};
    guard_record_withdrawal(out, withdrawal);
    return guard_txn_get(txn, out, fault);
}

/* What it remembers it promised, an older copy, too. */
static enum status recall_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct question *question = context;
    struct guard_record record;
    enum status status = promised_get(&record, txn, &question->request->withdrawal, fault);
    if (status == STATUS_OK) {
        question->out->promised = true;
        memcpy(question->out->transaction.bytes32, record.value + WITHDRAWAL_TRANSACTION, 32);
    }
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    return ending_is_forgotten(txn, &question->request->withdrawal)
               ? fault_set(fault, STATUS_ROLLBACK, WIRE_RECALL_FORGOTTEN,
                           "a guard before this one may have promised it")
               : check_newest(question, txn, fault);
}

enum status transfer_recall(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                            struct fault *fault)
{
    struct question question = {signer, &request->recall, &reply->recall};
    return guard_commit_halted(signer->guard, recall_apply, &question, fault);
}

/* In a change, so one by one. */
static enum status pay(struct signer *signer, struct fault *fault)
{
    int64_t now_us = clock_monotonic_us(signer->clock);
    int64_t paid_us = signer->ended_paid_us > now_us ? signer->ended_paid_us : now_us;
    if (paid_us + ENDED_EVERY_US - now_us > ENDED_BURST * ENDED_EVERY_US) {
        return fault_set(fault, STATUS_BUSY, "withdrawal",
                         "%d withdrawals ended, and each stays here: one in %d ms now", ENDED_BURST,
                         (int)(ENDED_EVERY_US / 1000));
    }
    signer->ended_paid_us = paid_us + ENDED_EVERY_US;
    return STATUS_OK;
}

static enum status end_new(struct guard_txn *txn, struct signer *signer, const struct uuid *withdrawal,
                           struct fault *fault)
{
    struct guard_record record;
    guard_record_ended(&record, withdrawal);
    enum status status = guard_txn_get(txn, &record, fault);
    if (status != STATUS_NOT_FOUND) {
        return status; /* once is enough */
    }
    status = pay(signer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    guard_number_write(record.value, ++txn->state.ended);
    record.value_len = 8;
    return guard_txn_put(txn, &record, fault);
}

/* What was promised may have been signed: nobody must believe that it ended. */
static enum status end_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct question *question = context;
    struct guard_record record;
    enum status status = check_newest(question, txn, fault);
    status = status == STATUS_OK ? promised_get(&record, txn, &question->request->withdrawal, fault) : status;
    if (status != STATUS_NOT_FOUND) {
        return status == STATUS_OK ? fault_set(fault, STATUS_CONFLICT, "withdrawal",
                                               "too late: the signer promised it, and it may have been signed")
                                   : status;
    }
    status = end_new(txn, question->signer, &question->request->withdrawal, fault);
    question->out->ends = ending_number(&txn->state);
    return status;
}

enum status transfer_end(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                         struct fault *fault)
{
    struct question question = {signer, &request->recall, &reply->recall};
    enum status status = guard_commit_halted(signer->guard, end_apply, &question, fault);
    if (status == STATUS_OK) {
        char id[UUID_TEXT_SIZE];
        uuid_format(id, &request->recall.withdrawal);
        log_event(LOG_LEVEL_INFO, "transfer.ended", "withdrawal", id, NULL);
    }
    return status;
}
