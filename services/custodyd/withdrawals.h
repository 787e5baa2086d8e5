/*
 * Withdrawals at the REST interface: propose, list, read, decide, cancel, explain.
 */
#ifndef STRONGROOM_CUSTODYD_WITHDRAWALS_H
#define STRONGROOM_CUSTODYD_WITHDRAWALS_H

#include "http.h"
#include "policy/destination.h"
#include "policy/evaluate.h"
#include "policy/transaction.h"
#include "service.h"
#include "store/approval.h"
#include "store/trail_read.h"
#include "store/withdrawal.h"

/* The key under which the allow-list entry of an account is stored (kind "destination"). */
void destination_store_key(struct name *out, const struct account_id *account);

/* Reads the allow-list entry of an account; STATUS_DESTINATION_UNLISTED. Out: signed_document_free. */
MUST_CHECK enum status destination_find(struct signed_document *out, struct store_tx *tx,
                                        const struct account_id *account, struct fault *fault);

/*
 * Reads the allow-list entry that the entry `withdrawal.signing` names. A newer one may have come since; the signer and
 * the evidence go by what was recorded. STATUS_DESTINATION_UNLISTED. Out: signed_document_free.
 */
MUST_CHECK enum status destination_find_recorded(struct signed_document *out, struct store_tx *tx,
                                                 const struct store_leaf *signing, struct fault *fault);

/* An approval row as the signed document it was. Out: signed_document_free. */
MUST_CHECK enum status approval_document(struct signed_document *out, const struct store_approval *row);

/* The JSON of a withdrawal (docs/openapi.yaml). Out: one reference. */
MUST_CHECK enum status withdrawal_view(json_t **out, struct store_tx *tx, const struct store_withdrawal *row,
                                       struct fault *fault);

/*
 * The evaluation of a stored withdrawal at this moment with the approvals it has. Out: `evaluation` (evaluation_free)
 * and, unless NULL, the explanation as JSON (one reference).
 */
MUST_CHECK enum status withdrawal_evaluate(struct evaluation *evaluation, json_t **out_explanation,
                                           struct service *service, struct store_tx *tx,
                                           const struct store_withdrawal *row, struct fault *fault);

/* Sets free what an ended withdrawal holds: its reservation and its lane, whose sequence was not spent. */
MUST_CHECK enum status withdrawal_release(struct store_tx *tx, const struct uuid *id, struct fault *fault);

/* Handlers of the routes. */
http_handler withdrawal_create;
http_handler withdrawal_list;
http_handler withdrawal_read;
http_handler withdrawal_approve;
http_handler withdrawal_reject;
http_handler withdrawal_cancel;
http_handler withdrawal_explain;
http_handler withdrawal_differences;
http_handler withdrawal_settle;
http_handler policy_explain_request;

#endif
