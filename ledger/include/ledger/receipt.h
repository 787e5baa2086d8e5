/*
 * Receipts: the result of one transaction of a block, "ok" or the code of the rule it breaks. See docs/formats.md.
 *
 * Codes of a transaction that used up its sequence (what it says is final): ok, expired, invalid (a leg or issue rule),
 * not_found (unknown asset), denied (not the issuer), insufficient_funds, overflow. Codes of one that stands in the
 * block as if it were not there (the same bytes may stand in a later block and be executed): mismatch (other chain),
 * invalid (no transaction), unknown_key, signature_invalid, algorithm_refused, replay (sequence used), not_ready
 * (sequence or valid_from not reached).
 */
#ifndef STRONGROOM_LEDGER_RECEIPT_H
#define STRONGROOM_LEDGER_RECEIPT_H

#include "base/canon.h"
#include "base/digest.h"

#define LEDGER_RECEIPT_KIND "receipt"

struct ledger_receipt {
    enum status code; /* STATUS_OK when executed */
    uint64_t height;
    int64_t index; /* in the block, from 0 */
    struct digest transaction;
};

/* Reads a receipt document strictly; a code that is not in the status table is STATUS_INVALID. */
MUST_CHECK enum status ledger_receipt_decode(struct ledger_receipt *out, const void *document, size_t len,
                                             struct fault *fault);

/* The canonical bytes. Out: owned by the caller. */
MUST_CHECK enum status ledger_receipt_encode(struct bytes *out, const struct ledger_receipt *receipt,
                                             struct fault *fault);

/* The digest of the document bytes: the leaf of the receipts tree. */
void ledger_receipt_digest(struct digest *out, const void *document, size_t len);

#endif
