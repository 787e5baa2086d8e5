/*
 * Arithmetic of balances on checked amounts.
 */
#include "balance.h"

/* Towards the other sign: takes `amount` off the absolute value and turns the sign when it passes zero. */
static enum status move_against(struct ledger_balance *balance, struct amount amount)
{
    struct ledger_balance moved = *balance;
    enum status status = STATUS_OK;
    if (amount_compare(balance->amount, amount) >= 0) {
        status = amount_subtract(&moved.amount, balance->amount, amount);
    } else {
        status = amount_subtract(&moved.amount, amount, balance->amount);
        moved.negative = !balance->negative;
    }
    if (status == STATUS_OK) {
        moved.negative = moved.negative && !amount_is_zero(moved.amount);
        *balance = moved;
    }
    return status;
}

enum status balance_credit(struct ledger_balance *balance, struct amount amount)
{
    if (balance->negative) {
        return move_against(balance, amount);
    }
    return amount_add(&balance->amount, balance->amount, amount);
}

enum status balance_debit(struct ledger_balance *balance, struct amount amount, bool issuance)
{
    if (balance->negative) {
        return issuance ? amount_add(&balance->amount, balance->amount, amount) : STATUS_INSUFFICIENT_FUNDS;
    }
    if (!issuance && amount_compare(balance->amount, amount) < 0) {
        return STATUS_INSUFFICIENT_FUNDS;
    }
    return move_against(balance, amount);
}

void balance_encode(uint8_t out17[BALANCE_VALUE_LEN], const struct ledger_balance *balance)
{
    amount_raw raw = balance->amount.raw; /* Raw: the bytes of storage */
    out17[0] = balance->negative ? 1 : 0;
    for (int i = BALANCE_VALUE_LEN - 1; i > 0; i--) {
        out17[i] = (uint8_t)raw;
        raw >>= 8;
    }
}

enum status balance_decode(struct ledger_balance *out, const void *bytes, size_t len, struct fault *fault)
{
    const uint8_t *data = bytes;
    if (len != BALANCE_VALUE_LEN || data[0] > 1) {
        return fault_set(fault, STATUS_CORRUPT, "balance", "not the stored form");
    }
    struct ledger_balance balance = {.negative = data[0] == 1};
    for (int i = 1; i < BALANCE_VALUE_LEN; i++) {
        balance.amount.raw = balance.amount.raw << 8 | data[i]; /* Raw: the bytes of storage */
    }
    if (balance.negative && amount_is_zero(balance.amount)) {
        return fault_set(fault, STATUS_CORRUPT, "balance", "a negative zero");
    }
    *out = balance;
    return STATUS_OK;
}
