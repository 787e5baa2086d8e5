/*
 * Balances as the state keeps them: sign and absolute value. Only an issuance account goes below zero. Private to the
 * room.
 */
#ifndef STRONGROOM_LEDGER_BALANCE_H
#define STRONGROOM_LEDGER_BALANCE_H

#include "ledger/node.h"

#define BALANCE_VALUE_LEN 17

/* Raises. STATUS_OVERFLOW when the absolute value leaves 128 bits. */
MUST_CHECK enum status balance_credit(struct ledger_balance *balance, struct amount amount);

/*
 * Lowers. Below zero only when `issuance`, else STATUS_INSUFFICIENT_FUNDS; STATUS_OVERFLOW as above.
 */
MUST_CHECK enum status balance_debit(struct ledger_balance *balance, struct amount amount, bool issuance);

/* One byte of sign (1: below zero) and the absolute value, big-endian. */
void balance_encode(uint8_t out17[BALANCE_VALUE_LEN], const struct ledger_balance *balance);

/* Reads it back; STATUS_CORRUPT for another length, sign byte or a negative zero. */
MUST_CHECK enum status balance_decode(struct ledger_balance *out, const void *bytes, size_t len, struct fault *fault);

#endif
