/*
 * Ordered batches under a fuzzer: they come from an orderer that nobody trusts. What is read is written again as the
 * very same bytes.
 */
#include <stdint.h>
#include <string.h>

#include "ledger/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger_batch batch = {0};
    struct fault fault = {0};
    enum status status = ledger_batch_decode(&batch, data, size, &fault);
    INVARIANT((status == STATUS_OK) == (batch.rows != NULL) && status == fault.status);
    if (status == STATUS_OK) {
        struct bytes again = {0};
        INVARIANT(ledger_batch_encode(&again, &batch, NULL) == STATUS_OK);
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
        ledger_batch_free(&batch);
    }
    return 0;
}
