/*
 * Entries of the trail as the service makes them: who, what, about which withdrawal.
 */
#ifndef STRONGROOM_CUSTODYD_RECORD_H
#define STRONGROOM_CUSTODYD_RECORD_H

#include "audit/event.h"
#include "http.h"
#include "policy/intent.h"
#include "service.h"
#include "store/withdrawal.h"

#define RECORD_WITHDRAWAL "withdrawal"
#define RECORD_KEY "key"
#define RECORD_TOKEN "token"
#define RECORD_SIGNER "signer"
#define RECORD_TRANSACTION "transaction"
#define RECORD_MEDIUM "medium"
#define RECORD_FREEZE "freeze"
#define RECORD_CEREMONY "ceremony"
#define RECORD_COMPROMISE "compromise"
#define RECORD_REVIEW "review"
#define RECORD_ALARM "alarm"
#define RECORD_POLICY "policy"
#define RECORD_DESTINATION "destination"
#define RECORD_PERSON "person"
#define RECORD_WITNESS "witness"
#define RECORD_ANCHOR "anchor"
#define RECORD_SUBJECT "subject"
#define RECORD_EVIDENCE "evidence" /* of a withdrawal, whose id it has */

/* Starts an entry by a caller of the REST interface. Wipe the event with audit_event_wipe. */
void record_by_caller(struct audit_event *event, const struct service *service, const struct http_request *request,
                      enum audit_action action, enum audit_outcome outcome);

/* Starts an entry by the service itself, tied to others by `correlation`. */
void record_by_service(struct audit_event *event, const struct service *service, const struct uuid *correlation,
                       enum audit_action action, enum audit_outcome outcome);

/* Makes a withdrawal the object of the entry. */
void record_about(struct audit_event *event, const struct uuid *withdrawal);

/* Makes a key the object of the entry. */
void record_about_key(struct audit_event *event, const struct digest *key);

/* The object id of what is frozen: "asset/<id>", "wallet/<name>", "everything". */
void record_freeze_id(char out[AUDIT_OBJECT_ID_SIZE], const char *scope, const char *subject);

/* Makes it the object of the entry. */
void record_about_freeze(struct audit_event *event, const char *scope, const char *subject);

/* Gives the entry a status code as reason. */
void record_reason(struct audit_event *event, enum status reason);

/*
 * What the policy said (policy_explain's JSON; NULL: nothing is added): the facts `decision`, `because`, `version`, and
 * `rule_1` ... of the rules that match, "ID:EFFECT:DEMAND=met+GROUP=HAVE/NEED+..."; the reference `evaluated` is the
 * digest of the version. The statuses of audit_event_fact_add.
 */
MUST_CHECK enum status record_evaluation(struct audit_event *event, const json_t *explanation, struct fault *fault);

/* What a withdrawal is about, as text. */
struct record_terms {
    char amount[AMOUNT_TEXT_SIZE];
    char asset[DIGEST_HEX_LEN + 1];
    char destination[ADDRESS_TEXT_SIZE];
    struct name wallet;
};

/* What a withdrawal is about, as its intent says once there is one. The statuses of intent_decode. */
MUST_CHECK enum status record_terms_read(struct record_terms *out, const struct store_withdrawal *row,
                                         struct fault *fault);

/*
 * The same as facts of an entry: `amount`, `asset`, `destination`, `wallet`, and `version` (of the policy in force)
 * unless the entry has one already, so record_evaluation comes first. The statuses of audit_event_fact_add and
 * intent_decode.
 */
MUST_CHECK enum status record_terms(struct audit_event *event, const struct service *service,
                                    const struct store_withdrawal *row, struct fault *fault);

/* Whether the columns that people read beside what they sign (terms, requester, until when) say what the intent says.
 */
bool record_row_agrees(const struct store_withdrawal *row, const struct intent *intent);

/*
 * The same of a refusal, which needs no terms: the version alone of a row that does not agree with its intent. One of
 * the two was edited, and what an entry states stands in the trail for good.
 */
MUST_CHECK enum status record_terms_refused(struct audit_event *event, const struct service *service,
                                            const struct store_withdrawal *row, struct fault *fault);

/*
 * The same of a proposal that was refused, from the body of its request: those that are there and well-formed. Nothing
 * else of what somebody sent stands in the trail.
 */
MUST_CHECK enum status record_terms_asked(struct audit_event *event, const struct service *service,
                                          const struct http_request *request, struct fault *fault);

/* Waits until a signed checkpoint covers the entry: what it announces may happen then. Errors of record_receipt. */
MUST_CHECK enum status record_covered(struct service *service, const struct trail_ticket *ticket, struct fault *fault);

/*
 * Waits until a signed checkpoint covers the entry and puts the proof into `reply_object` as "receipt".
 * STATUS_NOT_READY when that takes longer than the service allows.
 */
MUST_CHECK enum status record_receipt(struct service *service, const struct trail_ticket *ticket, json_t *reply_object,
                                      struct fault *fault);

/*
 * The same, waiting a second at most; without a proof the reply has no receipt. For orders that stop something, and for
 * those to the signer of the trail itself.
 */
MUST_CHECK enum status record_receipt_if_any(struct service *service, const struct trail_ticket *ticket,
                                             json_t *reply_object, struct fault *fault);

/* The same for an entry that is under a checkpoint. */
MUST_CHECK enum status record_receipt_of(struct service *service, uint64_t seq, json_t *reply_object,
                                         struct fault *fault);

/*
 * The same for an effect that the caller asked for before, perhaps of another boot: finds the caller's entry of
 * `action` about the withdrawal and waits for it. STATUS_NOT_READY; STATUS_EXISTS when that entry has left for the
 * archive: the withdrawal is what its state says, and there is no proof to go with it.
 */
MUST_CHECK enum status record_receipt_again(struct service *service, const struct http_request *request,
                                            const struct store_withdrawal *withdrawal, enum audit_action action,
                                            json_t *reply_object, struct fault *fault);

#endif
