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

/* An approval row as the signed document it was. Out: signed_document_free. */
MUST_CHECK enum status approval_document(struct signed_document *out, const struct store_approval *row);

/* The JSON of a withdrawal (docs/openapi.yaml). Out: one reference. */
MUST_CHECK enum status withdrawal_view(json_t **out, const struct service *service, const struct store_tx *tx,
                                       const struct store_withdrawal *row, struct fault *fault);

#define WITHDRAWAL_VETO_KIND "withdrawal-veto" /* of documents in the database: the signed command */

/*
 * Who spoke against a withdrawal and why, {"by","reason"}, as far as a command is kept that verifies; *out stays as it
 * is otherwise. Out: one reference.
 */
MUST_CHECK enum status veto_view(json_t **out, const struct service *service, const struct store_tx *tx,
                                 const struct digest *intent, struct fault *fault);

/* What the policy says of a stored withdrawal with the approvals it has: free `explanation` with json_decref. */
struct withdrawal_judgement {
    enum decision decision;
    enum status reason;                    /* why it is not allowed, STATUS_OK when it is */
    json_t *explanation;                   /* of the version that says less */
    bool voice;                            /* the person asked about counts, or would, under one of the versions */
    bool may_stop;                         /* or would, if nobody were suspended */
    bool early;                            /* the approval asked about fills no place, and would later */
    char early_text[EVALUATION_TEXT_SIZE]; /* why, in words */
};

/* Who says something of a withdrawal, and by which approval (NULL: not by one). Borrowed. */
struct withdrawal_word {
    const struct name *person;
    const struct digest *approval; /* is stored */
};

/*
 * Judges at this moment, as the signer will: the version that the intent names and the one in force must both allow it,
 * and only approvals of people and keys that count in the version in force do. STATUS_CONFLICT when the wallet has
 * another key by now; one that has ended is judged under the version of its intent alone. `word` is what is
 * asked about, NULL for nothing.
 */
MUST_CHECK enum status withdrawal_judge(struct withdrawal_judgement *out, struct service *service,
                                        const struct store_tx *tx, const struct store_withdrawal *row,
                                        const struct withdrawal_word *word, struct fault *fault);

/*
 * Whether two approvers signed this intent (document bytes) for the withdrawal, under the policy that it names: what no
 * row says without them.
 */
MUST_CHECK enum status withdrawal_was_approved(bool *out, const struct service *service, const struct store_tx *tx,
                                               const struct uuid *withdrawal, const struct bytes *document,
                                               struct fault *fault);

/*
 * Whether it may be asked for at all, before anything is held for it: STATUS_FORBIDDEN (`requester`) while its
 * requester is suspended; of a transfer as policy_check_possible, under the version that it is asked for.
 */
MUST_CHECK enum status withdrawal_check_ask(struct service *service, const struct policy *policy,
                                            const struct store_withdrawal *row, enum transaction_type type,
                                            struct fault *fault);

/*
 * What the policy says of a withdrawal about which a decision was refused with this status, for the problem document
 * and the entry of the refusal. *inout stays as it is when it is there already, when the refusal is not about what
 * stands (neither 403 nor 409), and when it cannot be judged. Out: one reference.
 */
void withdrawal_explain_refusal(json_t **inout, struct service *service, const struct uuid *id, enum status refusal);

/*
 * Moves a withdrawal on that has all approvals: to approved, and to the workers. The entry says what the policy said
 * (`explanation`, as record_evaluation).
 */
MUST_CHECK enum status withdrawal_approved(struct service *service, struct store_tx *tx, struct store_withdrawal *row,
                                           const json_t *explanation, struct fault *fault);

/* An end or a move that the service itself decided by the policy. Borrowed. */
struct withdrawal_verdict {
    enum audit_action action;
    enum status reason;        /* STATUS_OK: outcome ok; another: outcome error with that reason */
    const json_t *explanation; /* as record_evaluation */
};

/* Enqueues the entry of a verdict, without waiting for it; as workers_log. */
MUST_CHECK enum status withdrawal_log_verdict(struct service *service, struct store_tx *tx,
                                              const struct store_withdrawal *row,
                                              const struct withdrawal_verdict *verdict, struct fault *fault);

/*
 * Sets free what a withdrawal holds that ends before it is signed: its reservation and its lane, whose sequence was not
 * spent. The signer is told first, as step_end: what it promised does not end, whatever its row says, and is for
 * withdrawal_quarantine when `tx` has come to nothing.
 */
MUST_CHECK enum status withdrawal_release(bool *out_promised, struct service *service, struct wire_pool *signer,
                                          struct store_tx *tx, const struct uuid *id, struct fault *fault);

/*
 * Puts into quarantine, with all that it holds, what the signer promised although its row says that nobody was asked to
 * sign it: the row is of an older time, or was edited. A transaction of its own, which finishes its work; nothing where
 * the row has gone on since. Out: what its state is then.
 */
MUST_CHECK enum status withdrawal_quarantine(enum withdrawal_state *out_state, struct service *service,
                                             struct store *store, const struct uuid *id, struct fault *fault);

/*
 * withdrawal_quarantine for the one who would end it, and is told that people must look: STATUS_CONFLICT
 * (`withdrawal`), whatever `fault` was, unless it could not be put there.
 */
MUST_CHECK enum status withdrawal_meet_promise(struct service *service, struct store *store, const struct uuid *id,
                                               struct fault *fault);

/* The same as withdrawal_release where nothing is left to tell the signer: it knows that the withdrawal ended, or
 * cannot sign it any more. */
MUST_CHECK enum status withdrawal_drop(struct store_tx *tx, const struct uuid *id, struct fault *fault);

/*
 * Logs as `event` why a withdrawal could not be ended or judged, once in an hour: of what is away for all of them, of
 * what is wrong with one of them for each. `why` is a fault that is set.
 */
void withdrawal_tell_undone(struct service *service, const char *event, const struct uuid *id, const struct fault *why);

/* Handlers of the routes. */
http_handler withdrawal_create;
http_handler withdrawal_list;
http_handler withdrawal_read;
http_handler withdrawal_request;
http_handler withdrawal_approve;
http_handler withdrawal_reject;
http_handler withdrawal_cancel;
http_handler withdrawal_veto;
http_handler withdrawal_explain;
http_handler withdrawal_differences;
http_handler withdrawal_settle;
http_handler policy_explain_request;

#endif
