/*
 * What a custodian demands before a share is sealed: an occasion that two people have signed, under a policy that the
 * trust file anchors.
 */
#ifndef STRONGROOM_CUSTODY_OCCASION_H
#define STRONGROOM_CUSTODY_OCCASION_H

#include "chain.h"
#include "policy/occasion.h"

/* A verified occasion, the papers it was verified with, and when. */
struct held_occasion {
    struct signed_document document; /* owned */
    struct occasion occasion;
    struct digest digest;
    struct chain chain; /* owned */
    int64_t at_utc_us;
};

/*
 * Reads --occasion, shows it, and verifies it (occasion_verify) under the newest version of --policy, whose first one
 * --trust names. Needs neither service nor signer. STATUS_USAGE without one of the three. Out: occasion_wipe.
 */
MUST_CHECK enum status occasion_open(struct held_occasion *out, const struct custody_options *options,
                                     struct fault *fault);

/* Frees what it owns and empties; an empty one is fine. */
void occasion_wipe(struct held_occasion *held);

#endif
