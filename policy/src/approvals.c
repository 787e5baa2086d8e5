/*
 * Gathering approvals for an evaluation. None is verified here.
 */
#include "policy/approvals.h"

#include "policy/chain.h"

static enum status add(struct policy_approvals *approvals, const struct approval *approval, const struct digest *digest)
{
    size_t size = approval->seen_count * sizeof(approval->seen[0]);
    if (approvals->count == EVALUATION_APPROVALS_MAX) {
        return STATUS_TOO_LARGE;
    }
    struct digest *seen = malloc(size == 0 ? 1 : size);
    if (seen == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(seen, approval->seen, size);
    approvals->seen[approvals->count] = seen;
    approvals->rows[approvals->count++] = (struct evaluation_approval){
        .person = approval->approver, .digest = *digest, .seen = seen, .seen_count = approval->seen_count};
    return STATUS_OK;
}

enum status policy_approvals_add(struct policy_approvals *approvals, const struct policy *in_force,
                                 const struct approval *approval, const struct digest *digest)
{
    const struct person *person = policy_find_person(in_force, &approval->approver);
    if (person == NULL || !policy_approval_counts(in_force, approval)) {
        return STATUS_OK;
    }
    switch (approval->decision) {
    case APPROVAL_APPROVE:
        return add(approvals, approval, digest);
    case APPROVAL_REQUEST:
        approvals->requester_signed = (person->duties & DUTY_REQUESTER) != 0; /* in the version in force, too */
        return STATUS_OK;
    case APPROVAL_REJECT:
        break;
    }
    return STATUS_OK;
}

void policy_approvals_wipe(struct policy_approvals *approvals)
{
    for (size_t i = 0; i < approvals->count; i++) {
        free(approvals->seen[i]);
    }
    *approvals = (struct policy_approvals){.count = 0};
}
