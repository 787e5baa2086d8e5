/*
 * The order of the quorum that let a key out of service sign one withdrawal. Written from docs/formats.md section 2
 * (command, key, key states) for this program alone.
 */
#ifndef STRONGROOM_VERIFY_SWEEP_H
#define STRONGROOM_VERIFY_SWEEP_H

#include "documents.h"

/* What an order is held against. Borrowed. */
struct sweep_claim {
    const struct verify_policy *versions; /* the last is in force */
    size_t version_count;
    const struct verify_intent *intent;
    const struct digest *intent_digest;
    const struct key *wallet_key;
    int64_t asked_utc_us;     /* of the entry before the signature */
    int64_t confirmed_utc_us; /* by the block */
};

/*
 * Answers NULL when the order and the key document of `sweep`, the member of a bundle, are signed by their quorums and
 * are about this intent and this key; otherwise what is wrong. Out, then: whether the order says that the key is
 * compromised, so that neither delays nor limits held.
 */
const char *sweep_judge(bool *out_compromised, const json_t *sweep, const struct sweep_claim *claim);

#endif
