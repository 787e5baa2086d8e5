/*
 * The leaf parser under a fuzzer. For any bytes: nothing is read out of bounds, and what is taken is built again as the
 * very same bytes.
 */
#include "audit/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_leaf leaf;
    struct fault fault = {0};
    struct bytes again = {0};
    enum status status = audit_leaf_parse(&leaf, data, size, &fault);
    INVARIANT(status == fault.status);
    if (status == STATUS_OK) {
        INVARIANT(audit_leaf_build(&again, &leaf, NULL) == STATUS_OK);
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
    }
    return 0;
}
