/*
 * The documents of a block under a fuzzer: header, receipt, certificate, genesis and anchor. What is read is written
 * again as the very same bytes; whatever else the bytes are, a certificate with them confirms nothing.
 */
#include "ledger/anchor.h"
#include "ledger/genesis.h"
#include "ledger/receipt.h"
#include "round_trip.h"

static void check_header(const uint8_t *data, size_t size)
{
    struct ledger_header header;
    struct bytes again = {0};
    if (ledger_header_decode(&header, data, size, NULL) == STATUS_OK) {
        INVARIANT(ledger_header_encode(&again, &header, NULL) == STATUS_OK);
        round_trip_same(&again, data, size);
    }
}

static void check_receipt(const uint8_t *data, size_t size)
{
    struct ledger_receipt receipt;
    struct bytes again = {0};
    if (ledger_receipt_decode(&receipt, data, size, NULL) == STATUS_OK) {
        INVARIANT(ledger_receipt_encode(&again, &receipt, NULL) == STATUS_OK);
        round_trip_same(&again, data, size);
    }
}

static void check_certificate(const uint8_t *data, size_t size)
{
    struct ledger_certificate certificate;
    const struct ledger_validators nobody = {.quorum = 1};
    struct bytes again = {0};
    if (ledger_certificate_decode(&certificate, data, size, NULL) == STATUS_OK) {
        INVARIANT(ledger_certificate_encode(&again, &certificate, NULL) == STATUS_OK);
        round_trip_same(&again, data, size);
        INVARIANT(ledger_certificate_verify(&certificate, &nobody, data, size, NULL) != STATUS_OK);
    }
}

static void check_genesis(const uint8_t *data, size_t size)
{
    static struct ledger_genesis genesis;
    struct bytes again = {0};
    if (ledger_genesis_decode(&genesis, data, size, NULL) == STATUS_OK) {
        INVARIANT(ledger_genesis_encode(&again, &genesis, NULL) == STATUS_OK);
        round_trip_same(&again, data, size);
    }
}

static void check_anchor(const uint8_t *data, size_t size)
{
    struct ledger_anchor anchor = {.note = {0}};
    struct bytes again = {0};
    if (ledger_anchor_decode(&anchor, data, size, NULL) == STATUS_OK) {
        INVARIANT(ledger_anchor_is(data, size));
        INVARIANT(ledger_anchor_encode(&again, &anchor.chain, &anchor.note, NULL) == STATUS_OK);
        round_trip_same(&again, data, size);
        ledger_anchor_wipe(&anchor);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_header(data, size);
    check_receipt(data, size);
    check_certificate(data, size);
    check_genesis(data, size);
    check_anchor(data, size);
    return 0;
}
