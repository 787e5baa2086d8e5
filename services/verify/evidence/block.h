/*
 * The last step of an evidence bundle: a block that the validators of the genesis confirmed holds the transaction, as
 * executed. Written from docs/formats.md section 2.
 */
#ifndef STRONGROOM_VERIFY_BLOCK_H
#define STRONGROOM_VERIFY_BLOCK_H

#include <jansson.h>

#include "base/digest.h"

/* What was proven before: the ledger, the transaction, and the heights at which it may stand. */
struct block_claim {
    const struct digest *chain;
    const struct digest *transaction;
    uint64_t valid_from;
    uint64_t valid_until;
};

/* True when the member `block` of a bundle proves the claim; else the reason in `why`. Out: the height and time. */
bool block_confirms(uint64_t *out_height, int64_t *out_utc_us, const json_t *block, const char *genesis,
                    const struct block_claim *claim, const char **why);

#endif
