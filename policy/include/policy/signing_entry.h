/*
 * Step 8 of docs/signer-protocol.md, the part about documents: the entry of the trail that stands before a signature
 * (`withdrawal.signing`), or before a withdrawal is announced to the signer (`withdrawal.announced`), names exactly
 * what is to be signed, and on what grounds. `action` is AUDIT_WITHDRAWAL_SIGNING or AUDIT_WITHDRAWAL_ANNOUNCED.
 */
#ifndef STRONGROOM_POLICY_SIGNING_ENTRY_H
#define STRONGROOM_POLICY_SIGNING_ENTRY_H

#include "audit/event.h"
#include "policy/withdrawal.h"

/*
 * Fills the action, outcome, object, policy (in force) and refs of the entry for a withdrawal that passed
 * policy_check_withdrawal, and the facts: `amount`, `asset`, `destination` and `wallet` of the intent, and `promises`,
 * the greatest number of promises that the signer was seen to have made. Actor, correlation, producer and ordinal are
 * the caller's. STATUS_INVALID when the event has such refs already.
 */
MUST_CHECK enum status policy_signing_entry_fill(struct audit_event *event, enum audit_action action,
                                                 const struct withdrawal *withdrawal, uint64_t promises,
                                                 struct fault *fault);

/*
 * Checks that a decoded entry is of this action with outcome `intent`, its object is this withdrawal, its
 * `policy` a version that was in force from that of the intent on, and its refs are `approvals` (exactly those handed
 * over), `destination`, `intent`, `policy`, `transaction` and no others, and its facts are `promises` (out) and the
 * `amount`, `asset`, `destination` and `wallet` of the intent, and no others.
 * STATUS_MISMATCH with the field that differs.
 * That the trail holds the entry is for the proof to show (audit/proof.h).
 */
MUST_CHECK enum status policy_check_signing_entry(uint64_t *out_promises, enum audit_action action,
                                                  const struct withdrawal *withdrawal, const struct audit_event *event,
                                                  struct fault *fault);

#endif
