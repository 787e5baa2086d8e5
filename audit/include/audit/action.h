/*
 * What may happen and be logged: the one list of actions, and the outcomes.
 *
 * The texts stand in leaves for ever. Add rows; never change or reuse one.
 */
#ifndef STRONGROOM_AUDIT_ACTION_H
#define STRONGROOM_AUDIT_ACTION_H

#include "base/status.h"

/* X(name, text) */
#define AUDIT_ACTION_TABLE(X)                                                                                          \
    X(LOG_GENESIS, "log.genesis")                                                                                      \
    X(SERVICE_START, "service.start")                                                                                  \
    X(SERVICE_STOP, "service.stop")                                                                                    \
    /* Once a minute, so that silence shows. */                                                                        \
    X(SERVICE_HEARTBEAT, "service.heartbeat")                                                                          \
    X(LOGIN_DENY, "login.deny")                                                                                        \
    X(REQUEST_DENY, "request.deny")                                                                                    \
    X(WITHDRAWAL_REQUEST, "withdrawal.request")                                                                        \
    /* The requester's signature on the intent of the request. */                                                      \
    X(WITHDRAWAL_REQUEST_SIGN, "withdrawal.request_sign")                                                              \
    X(WITHDRAWAL_APPROVE, "withdrawal.approve")                                                                        \
    X(WITHDRAWAL_REJECT, "withdrawal.reject")                                                                          \
    X(WITHDRAWAL_CANCEL, "withdrawal.cancel")                                                                          \
    X(WITHDRAWAL_EXPIRE, "withdrawal.expire")                                                                          \
    X(WITHDRAWAL_APPROVED, "withdrawal.approved")                                                                      \
    /* Written and covered before the signer is asked; outcome intent; refs intent, transaction, policy, approvals. */ \
    X(WITHDRAWAL_SIGNING, "withdrawal.signing")                                                                        \
    /* The same, before a signer is asked to note it, where a delay must pass. */                                      \
    X(WITHDRAWAL_ANNOUNCED, "withdrawal.announced")                                                                    \
    /* A person spoke against it. */                                                                                   \
    X(WITHDRAWAL_VETO, "withdrawal.veto")                                                                              \
    /* It was announced and waits; whoever is against it speaks now. */                                                \
    X(WITHDRAWAL_WAITING, "withdrawal.waiting")                                                                        \
    X(WITHDRAWAL_SIGNED, "withdrawal.signed")                                                                          \
    X(WITHDRAWAL_SUBMITTED, "withdrawal.submitted")                                                                    \
    X(WITHDRAWAL_CONFIRMED, "withdrawal.confirmed")                                                                    \
    X(WITHDRAWAL_FAILED, "withdrawal.failed")                                                                          \
    X(WITHDRAWAL_QUARANTINED, "withdrawal.quarantined")                                                                \
    /* Somebody had a quarantine ended; how it ended is the next entry, withdrawal.confirmed or withdrawal.failed. */  \
    X(WITHDRAWAL_SETTLE, "withdrawal.settle")                                                                          \
    X(POLICY_LOAD, "policy.load")                                                                                      \
    /* A later version was handed in, a person spoke against it, and what the signers say of it. */                    \
    X(POLICY_PROPOSED, "policy.proposed")                                                                              \
    X(POLICY_VETO, "policy.veto")                                                                                      \
    X(POLICY_WAITING, "policy.waiting")                                                                                \
    X(POLICY_IN_FORCE, "policy.in_force")                                                                              \
    X(POLICY_DROPPED, "policy.dropped")                                                                                \
    X(POLICY_UNKNOWN, "policy.unknown")                                                                                \
    /* An entry of the allow-list came, was taken off, and what the signer says of those that it was shown again. */   \
    X(DESTINATION_ADD, "destination.add")                                                                              \
    X(DESTINATION_REVOKE, "destination.revoke")                                                                        \
    X(DESTINATION_HELD, "destination.held")                                                                            \
    X(DESTINATION_REFUSED, "destination.refused")                                                                      \
    /* A person's word was taken away, and given back. */                                                              \
    X(PERSON_SUSPEND, "person.suspend")                                                                                \
    X(PERSON_RESUME, "person.resume")                                                                                  \
    X(PERSON_DIFFERS, "person.differs")                                                                                \
    X(LEDGER_ISSUE, "ledger.issue")                                                                                    \
    X(LEDGER_SUBMIT, "ledger.submit")                                                                                  \
    X(LEDGER_BLOCK, "ledger.block")                                                                                    \
    X(EVIDENCE_EXPORT, "evidence.export")                                                                              \
    X(TRAIL_EXPORT, "trail.export")                                                                                    \
    /* Bytes stood in audit.pending that are no event; refs pending names their SHA-256. */                            \
    X(TRAIL_REFUSE, "trail.refuse")                                                                                    \
    X(TOKEN_GRANT, "token.grant")                                                                                      \
    X(TOKEN_REVOKE, "token.revoke")                                                                                    \
    X(KEY_ADMIT, "key.admit")                                                                                          \
    X(KEY_COMMAND, "key.command")                                                                                      \
    X(KEY_RESTORE, "key.restore")                                                                                      \
    X(KEY_ATTEST, "key.attest")                                                                                        \
    /* What the service saw, each change once. */                                                                      \
    X(KEY_STATE, "key.state")                                                                                          \
    X(KEY_ALARM, "key.alarm")                                                                                          \
    X(KEY_COPIED_USE, "key.copied_use")                                                                                \
    X(KEY_RECEIPT_ALARM, "key.receipt_alarm")                                                                          \
    X(KEY_ATTESTATION_ALARM, "key.attestation_alarm")                                                                  \
    X(KEY_ATTESTATION_OVERDUE, "key.attestation_overdue")                                                              \
    X(KEY_DRILL_OVERDUE, "key.drill_overdue")                                                                          \
    X(KEY_CRYPTOPERIOD, "key.cryptoperiod")                                                                            \
    X(FREEZE_COMMAND, "freeze.command")                                                                                \
    X(FREEZE_STATE, "freeze.state")                                                                                    \
    X(SIGNER_DOWN, "signer.down")                                                                                      \
    X(SIGNER_UP, "signer.up")                                                                                          \
    /* Of a PKCS #11 token; token.grant and token.revoke are about bearer tokens. */                                   \
    X(TOKEN_DOWN, "token.down")                                                                                        \
    X(TOKEN_UP, "token.up")                                                                                            \
    X(TOKEN_LOCKED, "token.locked")                                                                                    \
    X(MEDIUM_ADD, "medium.add")                                                                                        \
    X(MEDIUM_ACCESS, "medium.access")                                                                                  \
    X(MEDIUM_MOVE, "medium.move")                                                                                      \
    X(MEDIUM_INSPECT, "medium.inspect")                                                                                \
    X(MEDIUM_DESTROY, "medium.destroy")                                                                                \
    X(MEDIUM_CONFIRM, "medium.confirm")                                                                                \
    X(MEDIUM_REFUSE, "medium.refuse")                                                                                  \
    X(MEDIUM_OVERDUE, "medium.overdue")                                                                                \
    X(MEDIUM_UNCONFIRMED, "medium.unconfirmed")                                                                        \
    /* A person has seen an alarm; the fact code says which one. */                                                    \
    X(ALARM_ACKNOWLEDGE, "alarm.acknowledge")                                                                          \
    /* What the first step of a ceremony refused, as its administrator signed it. */                                   \
    X(CEREMONY_REFUSED, "ceremony.refused")                                                                            \
    X(COMPROMISE_DRILL, "compromise.drill")                                                                            \
    X(COMPROMISE_DRILL_OVERDUE, "compromise.drill_overdue")                                                            \
    X(COMPROMISE_REPORT, "compromise.report")

/* The numbers are never stored; 0 is no action, so that a forgotten field is refused. */
enum audit_action {
    AUDIT_ACTION_NONE = 0,
#define AUDIT_ACTION_ENUM(name, text) AUDIT_##name,
    AUDIT_ACTION_TABLE(AUDIT_ACTION_ENUM)
#undef AUDIT_ACTION_ENUM
};

/* X(name, text). "intent" announces an effect that is about to happen. */
#define AUDIT_OUTCOME_TABLE(X)                                                                                         \
    X(OK, "ok")                                                                                                        \
    X(DENY, "deny")                                                                                                    \
    X(ERROR, "error")                                                                                                  \
    X(INTENT, "intent")

/* The numbers are never stored; 0 is no outcome. */
enum audit_outcome {
    AUDIT_OUTCOME_NONE = 0,
#define AUDIT_OUTCOME_ENUM(name, text) AUDIT_OUTCOME_##name,
    AUDIT_OUTCOME_TABLE(AUDIT_OUTCOME_ENUM)
#undef AUDIT_OUTCOME_ENUM
};

/* The text of an action; NULL for AUDIT_ACTION_NONE and numbers outside the table. Static. */
const char *audit_action_text(enum audit_action action);

/* The action of a text; AUDIT_ACTION_NONE when there is none. */
enum audit_action audit_action_find(const char *text);

/* The text of an outcome; NULL for AUDIT_OUTCOME_NONE and numbers outside the table. Static. */
const char *audit_outcome_text(enum audit_outcome outcome);

/* The outcome of a text; AUDIT_OUTCOME_NONE when there is none. */
enum audit_outcome audit_outcome_find(const char *text);

#endif
