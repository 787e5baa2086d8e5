/*
 * Approvals: one person's signed word about one intent: that it is right, that it is wrong, or, by the one who asks for
 * it, that this is what was asked. See docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_APPROVAL_H
#define STRONGROOM_POLICY_APPROVAL_H

#include "policy/intent.h"
#include "policy/policy.h"

#define APPROVAL_KIND "approval"
#define APPROVAL_SEEN_MAX 64

/* Numbers may be stored; never renumber. */
enum approval_decision {
    APPROVAL_APPROVE = 1,
    APPROVAL_REJECT = 2,
    APPROVAL_REQUEST = 3, /* the requester's own signature on the intent; counts as no approval */
};

struct approval {
    struct name approver;
    struct digest chain;
    enum approval_decision decision;
    struct name environment;
    int64_t expires_at; /* microseconds UTC, exclusive; after signed_at, at most the intent's */
    struct digest intent;
    struct digest key; /* id of the key that signs */
    struct digest policy;
    struct digest seen[APPROVAL_SEEN_MAX]; /* of the approvals that this one follows, ascending; approve only */
    size_t seen_count;
    int64_t signed_at; /* microseconds UTC */
    struct uuid withdrawal;
};

/* The word of a decision in documents. Static. */
const char *approval_decision_text(enum approval_decision decision);

/* Reads the document strictly; no signature is looked at. */
MUST_CHECK enum status approval_decode(struct approval *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what approval_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status approval_encode(struct bytes *out, const struct approval *approval, struct fault *fault);

/* The digest of the document bytes. */
void approval_digest(struct digest *out, const void *document, size_t len);

/* What an approval is held against. Borrowed. */
struct approval_context {
    const struct intent *intent;
    const struct digest *intent_digest; /* of the bytes of the intent */
    const struct policy *policy;        /* in force */
    int64_t at_utc_us;                  /* the clock */
};

/*
 * Decodes and verifies one signed approval, rejection or request: it names this intent, withdrawal, policy, chain and
 * environment and does not outlive the intent (STATUS_MISMATCH); it is not expired (STATUS_EXPIRED); it bears exactly
 * one signature, valid (STATUS_SIGNATURE_INVALID), by the key it names, which the policy gives to the approver it names
 * (STATUS_UNKNOWN_KEY); the approver is not the requester (STATUS_SELF_APPROVAL), but of a request is just that
 * (STATUS_MISMATCH) and has the duty (STATUS_FORBIDDEN). Whether the person counts, and what is seen of other
 * approvals, is for the evaluation to say.
 */
MUST_CHECK enum status approval_verify(struct approval *out, const struct signed_document *document,
                                       const struct approval_context *context, struct fault *fault);

#endif
