/*
 * The review of key uses: what an auditor found who held a stretch of the trail against what people had approved. See
 * docs/formats.md (review).
 */
#ifndef STRONGROOM_POLICY_REVIEW_H
#define STRONGROOM_POLICY_REVIEW_H

#include "policy/policy.h"

#define REVIEW_KIND "review"

struct review {
    int64_t findings;     /* uses without an approved operation, of `uses` */
    uint64_t from;        /* entries from..to-1 */
    struct digest report; /* SHA-256 of what the reviewer read */
    int64_t reviewed_at;  /* microseconds UTC */
    struct name reviewer;
    struct digest root; /* of the trail of `size` entries, which the reviewer had as a whole */
    uint64_t size;
    uint64_t to;
    int64_t uses;
};

/* Reads the document strictly, from < to <= size and findings <= uses included; no signature is looked at. */
MUST_CHECK enum status review_decode(struct review *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what review_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status review_encode(struct bytes *out, const struct review *review, struct fault *fault);

/* The digest of the document bytes, which the trail names. */
void review_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes and verifies: exactly one signature (STATUS_SIGNATURE_INVALID), by a key of the reviewer
 * (STATUS_UNKNOWN_KEY), an auditor of `policy` (STATUS_FORBIDDEN), valid at reviewed_at (STATUS_EXPIRED). The document
 * names no policy: whoever has the trail knows by its root which one it is about.
 */
MUST_CHECK enum status review_verify(struct review *out, const struct signed_document *document,
                                     const struct policy *policy, struct fault *fault);

#endif
