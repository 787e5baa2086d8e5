/*
 * A block: what execution and the chain so far make of a proposal. Private to the room.
 */
#ifndef STRONGROOM_LEDGER_BLOCK_H
#define STRONGROOM_LEDGER_BLOCK_H

#include "execute.h"

/* The end of the chain, all that the next header needs of it. At height 0: the genesis. */
struct tip {
    uint64_t height;
    int64_t time_utc_us;
    struct digest header;          /* digest of the newest header; the chain id at height 0 */
    struct digest certificate;     /* digest of its certificate, zero at height 0 */
    struct audit_frontier history; /* over the digests of all headers */
};

struct block {
    struct ledger_header header;
    struct bytes document; /* of the header */
    struct results results;
};

void block_free(struct block *block);

/*
 * Executes a proposal and builds the header on top of `tip`, whose block must be certified. A batch that
 * does not decode makes an empty block: nothing that was ordered can be un-executable.
 */
MUST_CHECK enum status block_execute(struct block *out, const struct stage *stage, const struct tip *tip,
                                     const struct ledger_proposal *proposal, struct fault *fault);

/* Writes header, batch and receipts. */
MUST_CHECK enum status block_store(const struct view *view, const struct block *block,
                                   const struct ledger_proposal *proposal, struct fault *fault);

/* Moves the tip onto the block. Its certificate is not there yet: zero. */
MUST_CHECK enum status tip_advance(struct tip *tip, const struct block *block);

/* RFC 9162 leaf hashes of values of 32 bytes; the leaves of all three trees. Out: an owned array of `count`. */
MUST_CHECK enum status leaf_hashes(struct digest **out, const struct digest *values, size_t count);

/* Digests of receipt documents. Out: an owned array of `count`. */
MUST_CHECK enum status receipt_digests(struct digest **out, const struct bytes *receipts, size_t count);

#endif
