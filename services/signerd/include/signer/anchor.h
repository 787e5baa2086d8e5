/*
 * The anchor of the audit signer: the body of the newest checkpoint, kept in the token beside the log's key, where no
 * restored disk sets it back. A guard that has signed less than its token holds is an older copy of itself.
 */
#ifndef STRONGROOM_SIGNER_ANCHOR_H
#define STRONGROOM_SIGNER_ANCHOR_H

#include "audit/checkpoint.h"
#include "signer/guard.h"

/* What one data object of the token holds; borrowed. */
struct signer_anchor {
    const void *body;
    size_t len; /* 0: it cannot be read */
    bool own;   /* out: of this log, or a ruin, so that the next one takes its place */
};

/*
 * Holds the guard (role audit) against what a token holds. Anchors of other logs, and of those that this one follows
 * after an incident, are left alone, ruins are logged; none says nothing. A guard that has signed nothing takes over
 * the largest one: the trail goes on from there. Out: `anchors[i].own`; `next`, the body that the token is to hold from
 * now on, owned by the caller, empty when it holds it already or when nothing was signed. STATUS_ROLLBACK (a larger
 * size, or a log that follows this one), STATUS_FORK (another root for this size) at token.anchor; the statuses of
 * guard_commit.
 */
MUST_CHECK enum status signer_anchor_settle(struct guard *guard, struct bytes *next, struct signer_anchor *anchors,
                                            size_t count, struct fault *fault);

#endif
