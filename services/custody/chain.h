/*
 * The policy's versions from files, verified: the first signed by all its administrators, each further one by the
 * quorum of the one before, as signerd reads them. Held against the trust file when one is named.
 */
#ifndef STRONGROOM_CUSTODY_CHAIN_H
#define STRONGROOM_CUSTODY_CHAIN_H

#include "options.h"
#include "policy/policy.h"

#define CHAIN_VERSIONS_MAX 256

struct policy_chain {
    struct policy *versions; /* first to newest; owned */
    size_t count;
};

/*
 * Reads --policy, a signed policy or a folder of them. With a trust file the first version must be the one that it
 * names (STATUS_MISMATCH); `must_trust` makes a missing trust file STATUS_USAGE. Out: chain_wipe.
 */
MUST_CHECK enum status chain_open(struct policy_chain *out, const struct custody_options *options, bool must_trust,
                                  struct fault *fault);

/* The newest version. Borrowed; never NULL in an opened chain. */
const struct policy *chain_newest(const struct policy_chain *chain);

/* The version with this digest, NULL when there is none. Borrowed. */
const struct policy *chain_find(const struct policy_chain *chain, const struct digest *digest);

/* Frees what it owns and empties; an empty one is fine. */
void chain_wipe(struct policy_chain *chain);

#endif
