/*
 * The verified approvals of one intent, gathered for an evaluation.
 */
#ifndef STRONGROOM_POLICY_APPROVALS_H
#define STRONGROOM_POLICY_APPROVALS_H

#include "policy/approval.h"
#include "policy/evaluate.h"

/* Start from zero; policy_approvals_wipe. */
struct policy_approvals {
    struct evaluation_approval rows[EVALUATION_APPROVALS_MAX];
    struct digest *seen[EVALUATION_APPROVALS_MAX]; /* of the rows; owned */
    size_t count;
    bool requester_signed;
};

/*
 * Adds what approval_verify has passed, under the version of the intent. Who is not in force any more, or not with the
 * key that signed, counts for nothing; neither does a rejection. A request tells that the requester signed.
 * STATUS_NO_MEMORY; STATUS_TOO_LARGE when there are EVALUATION_APPROVALS_MAX.
 */
MUST_CHECK enum status policy_approvals_add(struct policy_approvals *approvals, const struct policy *in_force,
                                            const struct approval *approval, const struct digest *digest);

/* Frees and empties. */
void policy_approvals_wipe(struct policy_approvals *approvals);

#endif
