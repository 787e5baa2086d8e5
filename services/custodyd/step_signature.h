/*
 * How a withdrawal gets its signature: the question to the signer, and the form in which the row keeps the answer.
 */
#ifndef STRONGROOM_CUSTODYD_STEP_SIGNATURE_H
#define STRONGROOM_CUSTODYD_STEP_SIGNATURE_H

#include "policy/withdrawal.h"
#include "service.h"
#include "step_papers.h"
#include "store/trail_read.h"

/* True for faults that another try may mend; everything else is a verdict. */
bool step_may_pass(enum status status);

/*
 * Whether the transaction was never signed, by the signer's own word of what it promised. Everything else that a
 * refusal says is about the papers that it was shown, or about today, and papers can be edited after the signature.
 */
bool step_is_unsigned(enum wire_promised promised);

/* Whether a refusal is a verdict about what was asked: another try would be refused, too, and nothing was signed. */
bool step_is_verdict(enum status refusal, enum wire_promised promised);

/*
 * Asks the transfer signer with papers as they were recorded, once a checkpoint covers `signing`. Out: the reply; its
 * transaction is the caller's (bytes_free). The signer's refusal, with what it promised before (always written), or why
 * it was not asked.
 */
MUST_CHECK enum status step_ask_signer(struct wire_transfer_reply *out, enum wire_promised *out_promised,
                                       const struct step_papers *papers, const struct store_leaf *signing,
                                       struct fault *fault);

/*
 * Announces it to the transfer signer with papers as they were recorded in `announced`, as step_ask_signer. Out: when
 * it is due, and whether it is now.
 */
MUST_CHECK enum status step_announce_to_signer(struct wire_announce_reply *out, enum wire_promised *out_promised,
                                               const struct step_papers *papers, const struct store_leaf *announced,
                                               struct fault *fault);

/*
 * The promises that the transfer signer was seen to have made. Before the first signature of a log that follows another
 * it is asked, since the rows may be a backup's: its faults.
 */
MUST_CHECK enum status step_promises(uint64_t *out, struct service *service, struct fault *fault);

/*
 * What the transfer signer has promised for a withdrawal, whatever its row, its papers and its entries have become.
 * STATUS_ROLLBACK when its guard has made fewer promises than it was seen to have made, or knows of fewer ends than it
 * was told of.
 */
MUST_CHECK enum status step_recall(struct wire_recall_reply *out, struct service *service,
                                   const struct uuid *withdrawal, struct fault *fault);

/*
 * Whether the transfer signer promised this transaction for the withdrawal; true as well when a guard before its own
 * may have. STATUS_ROLLBACK when it remembers none, and is as step_recall says or has been found so: it does not know.
 */
MUST_CHECK enum status step_was_promised(bool *out, struct service *service, const struct uuid *withdrawal,
                                         const struct digest *transaction, struct fault *fault);

/*
 * Tells the transfer signer (`signer`: over which lane) that a withdrawal ended, before anything that it holds is free:
 * it promises nothing for it any more. *out_promised (always written), and STATUS_CONFLICT (`withdrawal`), when it did
 * before: then it has not ended, and may have been signed. In the transaction that frees it: when that comes to
 * nothing, the withdrawal can only end. The number that the signer gives the end is kept, and shown to it with whatever
 * it is asked for later.
 */
MUST_CHECK enum status step_end(bool *out_promised, struct service *service, struct wire_pool *signer,
                                struct store_tx *tx, const struct uuid *withdrawal, struct fault *fault);

/*
 * Whether the limits that apply to a checked withdrawal have room for it, by what the signer has counted.
 * STATUS_LIMIT_EXCEEDED when not: *out_until_utc_us is when they will, 0 for never. What it promised before has room.
 */
MUST_CHECK enum status step_limits(int64_t *out_until_utc_us, struct service *service,
                                   const struct withdrawal *withdrawal, const struct bytes *intent,
                                   struct fault *fault);

/* The signature as the row keeps it, the canonical {"alg","key","sig"}. Out: owned by the caller. */
MUST_CHECK enum status step_signature_encode(struct bytes *out, const struct signature *signature, struct fault *fault);

/* The row's transaction with the row's signature. Out: signed_document_free. */
MUST_CHECK enum status step_signed_transaction(struct signed_document *out, const struct store_withdrawal *row,
                                               struct fault *fault);

#endif
