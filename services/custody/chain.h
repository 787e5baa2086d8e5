/*
 * The versions of the policy, verified: the first signed by all its administrators, each further one by the quorum of
 * the one before. From files here, from the service in trust.h. Held against the trust file when one is named.
 */
#ifndef STRONGROOM_CUSTODY_CHAIN_H
#define STRONGROOM_CUSTODY_CHAIN_H

#include <jansson.h>

#include "options.h"
#include "policy/policy.h"

#define CHAIN_VERSIONS_MAX 256

struct chain {
    struct policy *versions; /* first to newest; owned */
    struct bytes *documents; /* of the versions; owned */
    size_t count;
};

/*
 * Reads --policy, a signed policy or a folder of them. With a trust file the first version must be the one that it
 * names (STATUS_MISMATCH); `must_trust` makes a missing trust file STATUS_USAGE. Out: chain_wipe.
 */
MUST_CHECK enum status chain_open(struct chain *out, const struct custody_options *options, bool must_trust,
                                  struct fault *fault);

/*
 * Verifies one more version, the successor of the newest one (the first of an empty chain), and adds it.
 * STATUS_TOO_LARGE beyond CHAIN_VERSIONS_MAX; statuses of policy_open_first and policy_open_next.
 */
MUST_CHECK enum status chain_add(struct chain *chain, const struct signed_document *document, struct fault *fault);

/* The newest version. Borrowed, until one is added; never NULL in an opened chain. */
const struct policy *chain_newest(const struct chain *chain);

/* The version with this digest, NULL when there is none. Borrowed. */
const struct policy *chain_find(const struct chain *chain, const struct digest *digest);

/*
 * The document of a version that chain_find or chain_newest gave, as JSON: one reference for the caller.
 * STATUS_NO_MEMORY.
 */
MUST_CHECK enum status chain_document(const struct chain *chain, const struct policy *version, json_t **out,
                                      struct fault *fault);

/* Frees what it owns and empties; an empty one is fine. */
void chain_wipe(struct chain *chain);

#endif
