/*
 * The receipt parser, and that of bare proofs, under a fuzzer. For any bytes: nothing is read out of bounds, nothing
 * leaks, and what is taken is printed again as the very same bytes.
 */
#include "audit/proof.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_receipt(const uint8_t *data, size_t size)
{
    struct audit_tlog_proof proof;
    struct bytes again;
    if (audit_tlog_proof_parse(&proof, data, size, NULL) == STATUS_OK) {
        INVARIANT(audit_tlog_proof_encode(&again, &proof, NULL) == STATUS_OK);
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
        audit_tlog_proof_wipe(&proof);
    }
}

static void check_proof(const uint8_t *data, size_t size)
{
    struct audit_proof proof;
    struct bytes again;
    if (audit_proof_parse(&proof, data, size, NULL) == STATUS_OK) {
        INVARIANT(audit_proof_encode(&again, &proof) == STATUS_OK);
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_receipt(data, size);
    check_proof(data, size);
    return 0;
}
