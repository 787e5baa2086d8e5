/*
 * How a withdrawal gets its signature: the entry of the trail that stands before it, the question to the signer, and
 * the form in which the row keeps the answer.
 */
#ifndef STRONGROOM_CUSTODYD_STEP_SIGNATURE_H
#define STRONGROOM_CUSTODYD_STEP_SIGNATURE_H

#include "service.h"
#include "step_papers.h"
#include "store/trail_read.h"

/* True for faults that another try may mend; everything else is a verdict. */
bool step_may_pass(enum status status);

/* Whether a refusal is a verdict about what was asked. A signer that is not the one we were set up with gives none. */
bool step_is_verdict(const struct fault *refusal);

/*
 * The newest entry `withdrawal.signing` of a withdrawal, as it stands in the trail. STATUS_NOT_READY when there is
 * none. Out: store_leaf_wipe.
 */
MUST_CHECK enum status step_signing_leaf(struct store_leaf *out, struct service *service, const struct uuid *withdrawal,
                                         struct fault *fault);

/*
 * Asks the transfer signer, once a checkpoint covers `signing`. In/out: the papers, whose destination becomes the one
 * that was recorded. Out: the reply; its transaction is the caller's (bytes_free). The signer's refusal, or why it was
 * not asked.
 */
MUST_CHECK enum status step_ask_signer(struct wire_transfer_reply *out, struct step_papers *papers,
                                       const struct store_leaf *signing, struct fault *fault);

/* The signature as the row keeps it, the canonical {"alg","key","sig"}. Out: owned by the caller. */
MUST_CHECK enum status step_signature_encode(struct bytes *out, const struct signature *signature, struct fault *fault);

/* The row's transaction with the row's signature. Out: signed_document_free. */
MUST_CHECK enum status step_signed_transaction(struct signed_document *out, const struct store_withdrawal *row,
                                               struct fault *fault);

#endif
