/*
 * The history of the guard: the records of the promises of the last 31 days of running, and the copy of them in memory
 * that limits are judged by.
 *
 * The copy is changed while a batch is made, so that what is promised later in it is judged with what was promised
 * before; a batch that fails takes its promises back. What is dropped is dropped when the batch was written.
 */
#include "guard_private.h"
#include "history.h"

#define DROPPED_EACH 4 /* at most, with each promise that comes in */

/* Where the parts of a record begin. */
#define AT_KEY 8
#define AT_WITHDRAWAL 16
#define AT_AMOUNT 32
#define AT_ASSET 48
#define AT_DESTINATION 80
#define AT_REQUESTER 112
#define AT_WALLET 176
#define RECORD_LEN 240
_Static_assert(RECORD_LEN == AT_WALLET + NAME_SIZE && RECORD_LEN <= GUARD_VALUE_MAX, "a record has room for its parts");

void guard_promise_encode(struct guard_record *out, uint64_t number, const struct guard_promise *promise)
{
    guard_record_paper(out, 'h', number);
    guard_number_write(out->value, promise->running_us);
    guard_number_write(out->value + AT_KEY, promise->key);
    memcpy(out->value + AT_WITHDRAWAL, promise->withdrawal.bytes16, sizeof(promise->withdrawal.bytes16));
    guard_number_write(out->value + AT_AMOUNT, (uint64_t)(promise->amount.raw >> 64)); /* Raw: the bytes of storage */
    guard_number_write(out->value + AT_AMOUNT + 8, (uint64_t)promise->amount.raw);     /* Raw: the bytes of storage */
    memcpy(out->value + AT_ASSET, promise->asset.bytes32, sizeof(promise->asset.bytes32));
    memcpy(out->value + AT_DESTINATION, promise->destination.digest.bytes32, sizeof(promise->asset.bytes32));
    memcpy(out->value + AT_REQUESTER, promise->requester.text, strlen(promise->requester.text)); /* the rest is zero */
    memcpy(out->value + AT_WALLET, promise->wallet.text, strlen(promise->wallet.text));
    out->value_len = RECORD_LEN;
}

/* A name and nothing but zeros behind it. */
static bool name_take(struct name *out, const uint8_t *value)
{
    struct name name;
    memcpy(name.text, value, NAME_SIZE);
    if (name.text[NAME_SIZE - 1] != '\0' || name_parse(out, name.text) != STATUS_OK) {
        return false;
    }
    struct name same = {""};
    memcpy(same.text, out->text, strlen(out->text));
    return memcmp(same.text, value, NAME_SIZE) == 0;
}

enum status guard_promise_decode(struct guard_promise *out, const void *value, size_t len)
{
    const uint8_t *bytes = value;
    if (len != RECORD_LEN) {
        return STATUS_CORRUPT;
    }
    struct guard_promise promise = {.running_us = guard_number_read(bytes),
                                    .key = (size_t)guard_number_read(bytes + AT_KEY)};
    memcpy(promise.withdrawal.bytes16, bytes + AT_WITHDRAWAL, sizeof(promise.withdrawal.bytes16));
    promise.amount.raw = (amount_raw)guard_number_read(bytes + AT_AMOUNT) << 64 | /* Raw: the bytes of storage */
                         guard_number_read(bytes + AT_AMOUNT + 8);
    memcpy(promise.asset.bytes32, bytes + AT_ASSET, sizeof(promise.asset.bytes32));
    memcpy(promise.destination.digest.bytes32, bytes + AT_DESTINATION, sizeof(promise.asset.bytes32));
    if (!name_take(&promise.requester, bytes + AT_REQUESTER) || !name_take(&promise.wallet, bytes + AT_WALLET)) {
        return STATUS_CORRUPT;
    }
    *out = promise;
    return STATUS_OK;
}

/* Loading */

static enum status promise_load(struct guard *guard, MDB_txn *txn, uint64_t number, struct fault *fault)
{
    struct guard_record record;
    struct guard_promise promise;
    const uint8_t *value = NULL;
    size_t len = 0;
    guard_record_paper(&record, 'h', number);
    enum status status = guard_value_read(guard, txn, &value, &len, &record, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (value == NULL || guard_promise_decode(&promise, value, len) != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "guard", "a promise of the history is missing or none");
    }
    status = history_add(guard->history, &promise);
    return status == STATUS_OK ? status : fault_set(fault, status, "guard", "the history");
}

enum status guard_history_load(struct guard *guard, struct fault *fault)
{
    MDB_txn *txn = NULL;
    if (history_new(&guard->history) != STATUS_OK) {
        return fault_set(fault, STATUS_NO_MEMORY, "guard", "the history");
    }
    int rc = mdb_txn_begin(guard->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return fault_set(fault, STATUS_IO, "guard", "%s", mdb_strerror(rc));
    }
    enum status status = STATUS_OK;
    for (uint64_t i = guard->state.forgotten; i < guard->state.promises && status == STATUS_OK; i++) {
        status = promise_load(guard, txn, i + 1, fault);
    }
    mdb_txn_abort(txn);
    return status;
}

/* Changing */

const struct history *guard_txn_history(const struct guard_txn *txn)
{
    return txn->batch->guard->history;
}

/* The oldest that no window reaches any more. */
static enum status old_drop(struct guard_txn *txn, uint64_t now_us, struct fault *fault)
{
    struct guard_batch *batch = txn->batch;
    const struct history *history = batch->guard->history;
    for (int i = 0; i < DROPPED_EACH && batch->forgotten < history_count(history) &&
                    history_at_us(history, batch->forgotten) + GUARD_HISTORY_US <= now_us;
         i++) {
        struct guard_record record;
        guard_record_paper(&record, 'h', txn->state.forgotten + 1);
        enum status status = guard_txn_remove(txn, &record, fault);
        if (status != STATUS_OK) {
            return status;
        }
        txn->state.forgotten++;
        batch->forgotten++;
    }
    return STATUS_OK;
}

enum status guard_txn_promise_write(struct guard_txn *txn, const struct guard_promise *promise, struct fault *fault)
{
    struct guard_batch *batch = txn->batch;
    struct guard_record record;
    guard_promise_encode(&record, txn->state.promises + 1, promise);
    enum status status = guard_txn_put(txn, &record, fault);
    status = status == STATUS_OK ? old_drop(txn, promise->running_us, fault) : status;
    if (status == STATUS_OK && history_add(batch->guard->history, promise) != STATUS_OK) {
        status = fault_set(fault, STATUS_NO_MEMORY, "guard", "the history");
        batch->broken = true;
    }
    if (status == STATUS_OK) {
        batch->promised++;
        txn->state.promises++;
    }
    return status;
}

void guard_history_adopt(struct guard *guard, const struct guard_batch *batch, bool good)
{
    if (good) {
        history_forget(guard->history, batch->forgotten);
    } else {
        history_take_back(guard->history, batch->promised);
    }
}
