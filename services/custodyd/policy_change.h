/*
 * A change of the policy: what becomes of withdrawals that were proposed before it, and how the other signers hear of a
 * veto.
 */
#ifndef STRONGROOM_CUSTODYD_POLICY_CHANGE_H
#define STRONGROOM_CUSTODYD_POLICY_CHANGE_H

#include "key_board.h"
#include "service.h"

#define POLICY_VETO_KIND "veto" /* of documents in the database: the signed command */

/*
 * Judges every withdrawal again that waits for approvals or was approved and not yet recorded, once for each version in
 * force: `inout_judged` is the one that it was done for. Those that cannot be allowed any more, because the wallet has
 * another key or both versions will never allow them, are rejected and their funds free; those that have all approvals
 * now are approved. What was recorded is the signer's to judge.
 */
MUST_CHECK enum status policy_reevaluate(struct digest *inout_judged, struct service *service, struct fault *fault);

/*
 * Approves what has all approvals and was kept by the hour alone, when the hour has come. Does nothing while no rule in
 * force names hours.
 */
MUST_CHECK enum status policy_follow_hours(struct service *service, struct fault *fault);

/*
 * When an entry has come onto the allow-list: approves what has all approvals and was kept by its address alone.
 */
MUST_CHECK enum status policy_follow_listed(struct service *service, struct fault *fault);

/*
 * When other people are suspended than before: rejects what was approved and not yet recorded and has too few approvals
 * now (`quorum_missing`), and approves what has all. What was recorded is the signer's to refuse.
 */
MUST_CHECK enum status policy_follow_people(struct service *service, struct fault *fault);

/*
 * Rejects every withdrawal to the address of an entry of the allow-list that was revoked, unless another entry lists
 * it, that waits for approvals or was approved and not yet recorded. What was recorded is the signer's to refuse. Goes
 * through the sessions that are kept for what stops something.
 */
MUST_CHECK enum status policy_end_revoked(struct service *service, const struct digest *entry, struct fault *fault);

/*
 * Hands the vetoes that the signer of role transfer has to another one that has fewer of them against the same version.
 * What cannot be handed over now is handed over at the next look.
 */
void policy_carry_vetoes(struct service *service, const struct key_board_policy *transfer,
                         const struct key_board_policy *said, enum wire_role role);

/* Keeps a veto for policy_carry_vetoes. */
MUST_CHECK enum status policy_veto_keep(struct store_tx *tx, const struct signed_document *document,
                                        struct fault *fault);

#endif
