/*
 * The versions of a policy in time: which was in force when, and what holds under two of them.
 *
 * A document names the version under which it was made, and that version may be past. Who knows the times is not
 * decided here: a signer counts them itself, others take them from a signer. A withdrawal has to be allowed by the
 * version under which it was proposed and by the one in force; the stricter of the two decides.
 */
#ifndef STRONGROOM_POLICY_CHAIN_H
#define STRONGROOM_POLICY_CHAIN_H

#include "policy/approval.h"
#include "policy/command.h"
#include "policy/destination.h"
#include "policy/evaluate.h"

#define POLICY_CHAIN_CLOCK_US 60000000LL /* by how much clocks of people may differ from the signer's at a change */

/* One version. Borrowed. */
struct policy_chain_version {
    const struct policy *policy;
    int64_t in_force_at; /* microseconds UTC, until that of the next version; of the first not looked at: it was ever */
};

/* The versions that are or were in force, the first one first, without a gap. Borrowed. */
struct policy_chain {
    const struct policy_chain_version *versions;
    size_t count;
};

/* The version in force: the last. NULL for an empty chain. Borrowed, as below. */
const struct policy *policy_chain_in_force(const struct policy_chain *chain);

/* The version with this digest; NULL when it is none of the chain. */
const struct policy *policy_chain_find(const struct policy_chain *chain, const struct digest *digest);

/* The version that was in force at a time; NULL for an empty chain. */
const struct policy *policy_chain_at(const struct policy_chain *chain, int64_t at_utc_us);

/* Whether the version with this digest was in force at a time, give or take POLICY_CHAIN_CLOCK_US at either end. */
bool policy_chain_was_in_force(const struct policy_chain *chain, const struct digest *digest, int64_t at_utc_us);

/*
 * Whether an entry of the allow-list is one: of the version that it names, which must be of the chain and have been in
 * force at its issued_at (STATUS_MISMATCH, `policy` and `issued_at`), signed by that version's governance quorum,
 * people valid at issued_at, and not expired at `at_utc_us`. Whether it serves is for the signer that holds the list to
 * say.
 */
MUST_CHECK enum status policy_chain_destination_verify(struct destination *out, const struct signed_document *document,
                                                       const struct policy_chain *chain, int64_t at_utc_us,
                                                       struct fault *fault);

/*
 * Whether an entry may come onto the list now: it is one, its signatures are those of the governance quorum of the
 * version in force, too, people valid at `at_utc_us`, its group is one of that version's (STATUS_DENIED, `group`), and
 * it was not issued more than 60 s ahead (STATUS_NOT_READY). So a quorum that is none any more cannot date back.
 */
MUST_CHECK enum status policy_chain_destination_admit(struct destination *out, const struct signed_document *document,
                                                      const struct policy_chain *chain, int64_t at_utc_us,
                                                      struct fault *fault);

/*
 * command_verify under the version in force. An order of one person that stops something (key.deactivate, key.suspend,
 * freeze, destination.revoke, person.suspend, withdrawal.veto, but no policy.veto) may name an older version of the
 * chain, because who sees something wrong must not have to fetch the newest version first; who may give it is for the
 * version in force to say.
 */
MUST_CHECK enum status policy_chain_command_verify(struct command *out, const struct signed_document *document,
                                                   const struct policy_chain *chain, int64_t at_utc_us,
                                                   struct fault *fault);

/*
 * Whether an approval that verified under the version of its intent counts in the one in force: the approver is there
 * and has the key that signed. That the person is valid is for the evaluation to say.
 */
bool policy_approval_counts(const struct policy *in_force, const struct approval *approval);

/*
 * What the version of an intent and the one in force say together: the weaker of their decisions. The approvers of the
 * request are those who count in both. Out: the evaluation that decides, free with evaluation_free, and *out_policy the
 * version that it is of, to be explained with. STATUS_CONFLICT (`wallet`) when the versions give the wallet different
 * keys; the rest as policy_evaluate. One version twice is that version.
 */
MUST_CHECK enum status policy_evaluate_both(struct evaluation *out, const struct policy **out_policy,
                                            const struct policy *proposed, const struct policy *in_force,
                                            const struct evaluation_request *request, struct fault *fault);

/*
 * policy_obligations of both versions together: every limit of either, the longer delay. One version twice is that
 * version.
 */
MUST_CHECK enum status policy_obligations_both(struct obligations *out, const struct policy *proposed,
                                               const struct policy *in_force, const struct evaluation_request *request,
                                               struct fault *fault);

#endif
