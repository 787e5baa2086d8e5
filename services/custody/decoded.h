/*
 * A withdrawal as this tool understands it: its intent decoded, the transaction rebuilt, wallet and asset from
 * documents that lead to the trust file. Nothing else that the service says about it is in here.
 */
#ifndef STRONGROOM_CUSTODY_DECODED_H
#define STRONGROOM_CUSTODY_DECODED_H

#include <jansson.h>

#include "policy/transaction.h"
#include "trust.h"

struct decoded {
    struct trust trust;
    struct bytes document; /* of the intent */
    struct intent intent;
    struct digest digest;
    struct transaction transaction; /* what would be signed: rebuilt, and its digest is the one the intent names */
    struct digest transaction_id;
    char short_code[SHORT_CODE_SIZE];
    const struct policy *policy; /* the version that the intent names */
    const struct wallet *wallet; /* of that version */
    const struct asset *asset;
};

/*
 * Decodes the member `intent` of what the service says of the withdrawal `id` (NULL: of any). `out->trust` is open.
 * Refuses what does not decode, another ledger, policy, wallet or asset than the trust file leads to, and an intent
 * that names another transaction than it describes (STATUS_MISMATCH); STATUS_CONFLICT when the wallet has another key
 * by now. Out, also when it is refused: decoded_wipe.
 */
MUST_CHECK enum status decoded_read(struct decoded *out, const json_t *withdrawal, const struct uuid *id,
                                    struct fault *fault);

/* Frees it, and the trust in it. */
void decoded_wipe(struct decoded *decoded);

/* All of it in words, on standard output. */
void decoded_print(const struct decoded *decoded);

#endif
