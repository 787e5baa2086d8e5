/*
 * What a witness reads from strangers, and its policy, under a fuzzer. For any bytes: nothing is read out of bounds,
 * nothing leaks, and a request that is taken is printed again as the very same bytes.
 */
#include "audit/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_add_checkpoint request;
    struct audit_witnesses witnesses;
    struct bytes again = {0};
    if (audit_add_checkpoint_parse(&request, data, size, NULL) == STATUS_OK) {
        INVARIANT(audit_add_checkpoint_encode(&again, &request) == STATUS_OK);
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
    }
    if (audit_witnesses_parse(&witnesses, data, size, NULL) == STATUS_OK) {
        INVARIANT(witnesses.quorum >= 1 && witnesses.quorum <= witnesses.count);
    }
    return 0;
}
