/*
 * Destinations: entries of the allow-list, signed by the governance quorum under the policy in force. See
 * docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_DESTINATION_H
#define STRONGROOM_POLICY_DESTINATION_H

#include "policy/policy.h"

#define DESTINATION_KIND "destination"

struct destination {
    struct account_id account;
    struct digest chain;
    struct name environment;
    struct name group; /* which of the policy's groups of destinations it is in */
    struct name id;
    int64_t issued_at; /* microseconds UTC */
    struct digest policy;
    int64_t valid_until; /* microseconds UTC, exclusive; after issued_at */
};

/* Reads the document strictly; no signature is looked at. */
MUST_CHECK enum status destination_decode(struct destination *out, const void *document, size_t len,
                                          struct fault *fault);

/* The canonical bytes; refuses what destination_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status destination_encode(struct bytes *out, const struct destination *destination,
                                          struct fault *fault);

/* The digest of the document bytes. */
void destination_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes an entry and holds it against `policy`, whose chain and environment are its own (STATUS_MISMATCH), and the
 * time (STATUS_EXPIRED). For who holds the list and has verified what is on it.
 */
MUST_CHECK enum status destination_read(struct destination *out, const struct signed_document *document,
                                        const struct policy *policy, int64_t at_utc_us, struct fault *fault);

/*
 * Decodes and verifies an entry: chain, environment and policy are those of `policy` (STATUS_MISMATCH), not expired at
 * `at_utc_us` (STATUS_EXPIRED), signed by the governance quorum, people valid at `at_utc_us`
 * (policy_verify_governance).
 */
MUST_CHECK enum status destination_verify(struct destination *out, const struct signed_document *document,
                                          const struct policy *policy, int64_t at_utc_us, struct fault *fault);

#endif
