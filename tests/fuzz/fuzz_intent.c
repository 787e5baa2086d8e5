/*
 * The decoders of intents, transactions, approvals, destinations and commands under a fuzzer. For any bytes: nothing is
 * read out of bounds, nothing leaks, what one of them accepts is written again as the very same bytes, and no bytes are
 * documents of two kinds.
 */
#include "policy/approval.h"
#include "policy/command.h"
#include "policy/destination.h"
#include "policy/transaction.h"
#include "round_trip.h"

ROUND_TRIP(approval, (void))
ROUND_TRIP(command, (void))
ROUND_TRIP(destination, (void))
ROUND_TRIP(intent, (void))
ROUND_TRIP(transaction, (void))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int kinds = approval_round_trip(data, size);
    kinds += command_round_trip(data, size);
    kinds += destination_round_trip(data, size);
    kinds += intent_round_trip(data, size);
    kinds += transaction_round_trip(data, size);
    INVARIANT(kinds <= 1);
    return 0;
}
