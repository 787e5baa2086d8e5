/*
 * The decoders of intents, transactions, approvals, destinations and commands under a fuzzer. For any bytes: nothing is
 * read out of bounds, nothing leaks, what one of them accepts is written again as the very same bytes, and no bytes are
 * documents of two kinds.
 */
#include "policy/approval.h"
#include "policy/command.h"
#include "policy/destination.h"
#include "policy/transaction.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One decoder and its encoder: true when the bytes are such a document. */
#define ROUND_TRIP(kind)                                                                                               \
    static bool kind##_round_trip(const uint8_t *data, size_t size)                                                    \
    {                                                                                                                  \
        struct kind value;                                                                                             \
        if (kind##_decode(&value, data, size, NULL) != STATUS_OK) {                                                    \
            return false;                                                                                              \
        }                                                                                                              \
        struct bytes again;                                                                                            \
        INVARIANT(kind##_encode(&again, &value, NULL) == STATUS_OK);                                                   \
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);                                           \
        bytes_free(&again);                                                                                            \
        return true;                                                                                                   \
    }

ROUND_TRIP(approval)
ROUND_TRIP(command)
ROUND_TRIP(destination)
ROUND_TRIP(intent)
ROUND_TRIP(transaction)

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
