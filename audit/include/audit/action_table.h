/*
 * The one list of everything that may happen and be logged, and of what an entry about it may carry.
 *
 * audit_event_encode refuses what is not declared here, and docs/audit-events.md is printed from it
 * (gate_audit_events), so neither can say anything else. Texts stand in leaves for ever: add rows; never change or
 * reuse one.
 */
#ifndef STRONGROOM_AUDIT_ACTION_TABLE_H
#define STRONGROOM_AUDIT_ACTION_TABLE_H

/* X(name, text): the log classes of ISO 23576, D7.3.8.3, and ours for changes of policy and grants. */
#define AUDIT_LOG_CLASS_TABLE(X)                                                                                       \
    X(ENVIRONMENT, "environment")                                                                                      \
    X(PROCESSING, "component processing")                                                                              \
    X(KEYS, "signature-key access")                                                                                    \
    X(OUTFLOW, "wallet outflow")                                                                                       \
    X(ADMIN, "remote administration")                                                                                  \
    X(BOUNDARY, "boundary traffic")                                                                                    \
    X(ACCESS, "customer access")                                                                                       \
    X(PHYSICAL, "physical evidence")                                                                                   \
    X(POLICY, "policy and grants")

/* Lists of facts that several rows share. */
#define AUDIT_FACTS_TERMS "amount asset destination wallet"
#define AUDIT_FACTS_FUNDS AUDIT_FACTS_TERMS " version"
#define AUDIT_FACTS_JUDGED AUDIT_FACTS_FUNDS " because decision rule_*"
#define AUDIT_FACTS_MEDIUM "act custodian? entry inspection_due? kind method? place? reason? second told_by tool?"
#define AUDIT_FACTS_ORDERED "by? key? order reason state?"
#define AUDIT_FACTS_COMPROMISE "by failed hindrances keys lost milliseconds suspended sweeps what"

/*
 * X(name, text, log class, object type, outcomes, references, facts, meaning)
 *
 * Lists are words separated by one space. A word that ends with ? may be missing, one that ends with * stands for every
 * name that begins so, or none; the object and each other word must be there. An effect that a caller asks for (it can
 * be ok and deny) may be refused (deny) or fail in the service (error): such an entry has a reason, and may lack
 * everything else, since it may be about nothing yet.
 */
#define AUDIT_ACTION_TABLE(X)                                                                                          \
    X(LOG_GENESIS, "log.genesis", PROCESSING, "", "ok", "", "", "The trail begins.")                                   \
    X(LOG_FORK, "log.fork", PROCESSING, "", "ok", "command root", "size",                                              \
      "The trail begins after one that the quorum ended, and says with how many entries that one was good.")           \
    X(SERVICE_START, "service.start", ENVIRONMENT, "", "ok", "configuration program", "schema settled",                \
      "custodyd starts to serve, as this program with these options.")                                                 \
    X(SERVICE_STOP, "service.stop", ENVIRONMENT, "", "ok", "", "settled", "custodyd stops in order.")                  \
    X(SERVICE_HEARTBEAT, "service.heartbeat", ENVIRONMENT, "", "ok", "", "settled",                                    \
      "custodyd is there; once a minute, so that silence shows.")                                                      \
    X(LOGIN_OK, "login.ok", ACCESS, "", "ok", "", "roles?",                                                            \
      "A token is used for the first time since the service started, or after a pause.")                               \
    X(LOGIN_DENY, "login.deny", BOUNDARY, "", "deny", "token?", "count? since?",                                       \
      "A token was presented that is unknown, expired or of somebody who is not in the policy; with count: so many.")  \
    X(REQUEST_DENY, "request.deny", BOUNDARY, "", "deny", "", "count since",                                           \
      "So many effects were refused to the actor beyond those that have entries of their own.")                        \
    X(WITHDRAWAL_REQUEST, "withdrawal.request", OUTFLOW, "withdrawal", "ok deny error",                                \
      "evaluated intent request? returns?", AUDIT_FACTS_JUDGED " type",                                                \
      "Somebody asks for a withdrawal, or for the issue of an asset.")                                                 \
    X(WITHDRAWAL_REQUEST_SIGN, "withdrawal.request_sign", OUTFLOW, "withdrawal", "ok deny error",                      \
      "approval evaluated", AUDIT_FACTS_JUDGED " withdrawal?", "The requester has signed the intent of the request.")  \
    X(WITHDRAWAL_APPROVE, "withdrawal.approve", OUTFLOW, "withdrawal", "ok deny error", "approval evaluated",          \
      AUDIT_FACTS_JUDGED " withdrawal?", "A person approves.")                                                         \
    X(WITHDRAWAL_REJECT, "withdrawal.reject", OUTFLOW, "withdrawal", "ok deny error", "approval evaluated",            \
      AUDIT_FACTS_JUDGED " withdrawal?",                                                                               \
      "A person rejects; or, by the service, the policy does not allow it any more.")                                  \
    X(WITHDRAWAL_CANCEL, "withdrawal.cancel", OUTFLOW, "withdrawal", "ok deny error", "approval? evaluated?",          \
      AUDIT_FACTS_FUNDS " because? decision? rule_* withdrawal?", "The requester takes it back.")                      \
    X(WITHDRAWAL_EXPIRE, "withdrawal.expire", OUTFLOW, "withdrawal", "ok", "", AUDIT_FACTS_FUNDS,                      \
      "It was not signed in time.")                                                                                    \
    X(WITHDRAWAL_APPROVED, "withdrawal.approved", OUTFLOW, "withdrawal", "ok", "evaluated", AUDIT_FACTS_JUDGED,        \
      "It has all approvals that the policy wants.")                                                                   \
    X(WITHDRAWAL_SIGNING, "withdrawal.signing", OUTFLOW, "withdrawal", "intent",                                       \
      "approvals destination intent policy transaction", AUDIT_FACTS_TERMS " promises",                                \
      "The signer will be asked to sign; it refuses unless this entry is under a checkpoint.")                         \
    X(WITHDRAWAL_ANNOUNCED, "withdrawal.announced", OUTFLOW, "withdrawal", "intent",                                   \
      "approvals destination intent policy transaction", AUDIT_FACTS_TERMS " promises",                                \
      "The signer will be asked to note it, because a delay must pass before it signs.")                               \
    X(WITHDRAWAL_VETO, "withdrawal.veto", OUTFLOW, "withdrawal", "ok deny error", "command intent",                    \
      AUDIT_FACTS_FUNDS " by? reason withdrawal?", "A person spoke against it; the signer will not sign it.")          \
    X(WITHDRAWAL_WAITING, "withdrawal.waiting", OUTFLOW, "withdrawal", "ok error", "", AUDIT_FACTS_FUNDS " sign_at?",  \
      "It was announced and waits; whoever is against it speaks now.")                                                 \
    X(WITHDRAWAL_SIGNED, "withdrawal.signed", OUTFLOW, "withdrawal", "ok error", "", AUDIT_FACTS_FUNDS " key?",        \
      "The signer has signed the transaction.")                                                                        \
    X(WITHDRAWAL_SUBMITTED, "withdrawal.submitted", OUTFLOW, "withdrawal", "ok error", "", AUDIT_FACTS_FUNDS,          \
      "The ledger has taken the transaction to be ordered.")                                                           \
    X(WITHDRAWAL_CONFIRMED, "withdrawal.confirmed", OUTFLOW, "withdrawal", "ok error", "", AUDIT_FACTS_FUNDS,          \
      "The transaction is in a block with a certificate.")                                                             \
    X(WITHDRAWAL_FAILED, "withdrawal.failed", OUTFLOW, "withdrawal", "ok error", "", AUDIT_FACTS_FUNDS,                \
      "The signer or the ledger refused it for good; nothing was paid.")                                               \
    X(WITHDRAWAL_QUARANTINED, "withdrawal.quarantined", OUTFLOW, "withdrawal", "ok error", "intent? transaction?",     \
      AUDIT_FACTS_FUNDS,                                                                                               \
      "What happened to it cannot be told; people decide. With references: its log ended before it did.")              \
    X(WITHDRAWAL_SETTLE, "withdrawal.settle", OUTFLOW, "withdrawal", "ok deny error", "",                              \
      AUDIT_FACTS_FUNDS " withdrawal?", "Somebody had a quarantine ended; how it ended is the next entry.")            \
    X(POLICY_PROPOSED, "policy.proposed", POLICY, "policy", "intent ok deny error", "policy", "version",               \
      "A later version was handed in, and will be shown to the signers.")                                              \
    X(POLICY_VETO, "policy.veto", POLICY, "policy", "ok deny error", "command policy", "by? reason",                   \
      "A person spoke against a version that waits.")                                                                  \
    X(POLICY_WAITING, "policy.waiting", POLICY, "policy", "ok error", "policy",                                        \
      "in_force_at need signers version vetoes", "The signers have a later version, which is not in force yet.")       \
    X(POLICY_IN_FORCE, "policy.in_force", POLICY, "policy", "ok", "policy", "in_force_at version",                     \
      "The signers say that a version is in force.")                                                                   \
    X(POLICY_DROPPED, "policy.dropped", POLICY, "policy", "ok", "policy", "in_force_at need signers version vetoes",   \
      "A version that waited was vetoed, and never comes into force.")                                                 \
    X(POLICY_UNKNOWN, "policy.unknown", POLICY, "policy", "error", "policy", "in_force_at",                            \
      "The version in force at the signers is not known to the service.")                                              \
    X(DESTINATION_ADD, "destination.add", POLICY, "destination", "intent ok deny error", "destination", "serving_at?", \
      "An entry of the allow-list was handed in; by the service: the signer is about to be shown one of which the "    \
      "trail has no such entry. Intent and ok again with the same correlation when the entry leaves for an archive.")  \
    X(DESTINATION_REVOKE, "destination.revoke", POLICY, "destination", "ok deny error", "command destination",         \
      "by? reason", "An entry was taken off the allow-list; ok again as above.")                                       \
    X(DESTINATION_HELD, "destination.held", POLICY, "destination", "ok", "destination", "serving_at",                  \
      "The signer has the entry on its list; again as above.")                                                         \
    X(DESTINATION_LOST, "destination.lost", POLICY, "destination", "error", "destination", "",                         \
      "The trail says that the signer holds an entry of the allow-list, and its row is gone (`not_found`) or says "    \
      "that somebody took it off (`mismatch`): who looks at the list does not see it.")                                \
    X(DESTINATION_REFUSED, "destination.refused", POLICY, "destination", "error", "destination?", "",                  \
      "The signer was shown an entry again, and refuses it; or rows that stand beside the list hold none.")            \
    X(PERSON_SUSPEND, "person.suspend", POLICY, "person", "ok deny error", "command",                                  \
      "audit by? privacy? reason state transfer validator", "A person's word was taken away.")                         \
    X(PERSON_RESUME, "person.resume", POLICY, "person", "intent ok deny error", "command",                             \
      "audit? by? privacy? reason state? transfer? validator?", "A person's word was given back.")                     \
    X(PERSON_DIFFERS, "person.differs", POLICY, "signer", "ok error", "", "lacks? more?",                              \
      "A signer has others suspended than the signer of role transfer.")                                               \
    X(LEDGER_ISSUE, "ledger.issue", OUTFLOW, "", "intent ok error", "transaction", "",                                 \
      "An issue of an asset, signed elsewhere, was handed in for the ledger.")                                         \
    X(LEDGER_SUBMIT, "ledger.submit", BOUNDARY, "", "intent ok deny error", "transaction", "",                         \
      "A transaction, signed elsewhere, was handed in for the ledger.")                                                \
    X(EVIDENCE_EXPORT, "evidence.export", ADMIN, "evidence", "ok deny", "query", "read_at? results",                   \
      "Somebody read the evidence of a withdrawal, which is the object's id.")                                         \
    X(TRAIL_READ, "trail.read", ADMIN, "", "ok deny", "query", "read_at? results",                                     \
      "Somebody read entries of the trail.")                                                                           \
    X(TRAIL_EXPORT, "trail.export", ADMIN, "", "ok deny", "query", "read_at? results", "Somebody exported the trail.") \
    X(TRAIL_COPIED, "trail.copied", ADMIN, "", "ok deny error", "root", "size",                                        \
      "Somebody has copied the trail to another host, and holds so many entries with this root there.")                \
    X(TRAIL_ANCHOR, "trail.anchor", PROCESSING, "anchor", "ok", "checkpoint transaction", "height size",               \
      "A signed checkpoint of the trail stands in a confirmed block of the ledger.")                                   \
    X(RETENTION_PRUNE, "retention.prune", ADMIN, "archive", "intent", "checkpoint root", "first size",                 \
      "Entries first to size-1 leave the database: the archive holds them, and root is that of the first size; the "   \
      "actor is who asked.")                                                                                           \
    X(TRAIL_REFUSE, "trail.refuse", PROCESSING, "", "error", "pending", "",                                            \
      "Bytes stood in audit.pending that are no event of the service, or one whose number was settled.")               \
    X(TOKEN_GRANT, "token.grant", POLICY, "", "ok", "token", "roles", "A bearer token was granted to the actor.")      \
    X(TOKEN_REVOKE, "token.revoke", POLICY, "", "ok", "token", "roles", "A bearer token of the actor was revoked.")    \
    X(KEY_ADMIT, "key.admit", KEYS, "key", "intent ok deny error", "backup? ceremony command key restore?",            \
      AUDIT_FACTS_ORDERED, "A key was admitted by its papers.")                                                        \
    X(LOG_KEY, "log.key", KEYS, "key", "ok deny error", "command", "audit by? reason size transfer",                   \
      "The key of the trail is rotated: this one signs, too, and alone from so many entries on.")                      \
    X(KEY_COMMAND, "key.command", KEYS, "key", "intent ok deny error", "command", AUDIT_FACTS_ORDERED,                 \
      "An order about a key: activate, suspend, resume, retain, sweep, destroy and others.")                           \
    X(KEY_RESTORE, "key.restore", KEYS, "key", "intent ok deny error", "restore", "key? order state?",                 \
      "A restore of a key was handed in.")                                                                             \
    X(KEY_ATTEST, "key.attest", KEYS, "key", "ok deny error", "attestation document", "address key? state",            \
      "A key has shown that it is there.")                                                                             \
    X(KEY_STATE, "key.state", KEYS, "key", "ok error", "document?", "cause? role state transitions",                   \
      "The signer says that a key has another state; error: it is one that somebody must look at.")                    \
    X(KEY_ALARM, "key.alarm", KEYS, "transaction", "ok", "key transaction", "height key",                              \
      "The signers stopped a key that a copy had used; again with the same correlation when the entry leaves for an "  \
      "archive.")                                                                                                      \
    X(KEY_COPIED_USE, "key.copied_use", KEYS, "transaction", "error", "key transaction", "height key transitions?",    \
      "A key of ours signed what no row here asks for: somebody has a copy of it, or rows are gone or edited.")        \
    X(KEY_RECEIPT_ALARM, "key.receipt_alarm", KEYS, "key", "error", "asset transaction", "address amount state",       \
      "Something was paid to a key that must not receive.")                                                            \
    X(KEY_ATTESTATION_ALARM, "key.attestation_alarm", KEYS, "key", "error", "", "bytes? document?",                    \
      "Papers of a key in the database do not verify (`bytes`), or the document that its signer names is not there.")  \
    X(KEY_ATTESTATION_OVERDUE, "key.attestation_overdue", KEYS, "key", "ok error", "", "attested_at due standing",     \
      "A key has not shown in time that it is there; ok: it has again.")                                               \
    X(KEY_DRILL_OVERDUE, "key.drill_overdue", KEYS, "key", "ok error", "", "due",                                      \
      "The backup of a key was not restored in time; ok: it was since.")                                               \
    X(KEY_CRYPTOPERIOD, "key.cryptoperiod", KEYS, "key", "ok error", "", "phase valid_until",                          \
      "The time of a key ends soon, or is over.")                                                                      \
    X(FREEZE_COMMAND, "freeze.command", KEYS, "freeze", "intent ok deny error", "command", "by? order reason state?",  \
      "An order to freeze or thaw an asset, a wallet or everything.")                                                  \
    X(FREEZE_STATE, "freeze.state", KEYS, "freeze", "ok error", "", "cause? number reason? state",                     \
      "The signer says that something is frozen (error) or thawed (ok).")                                              \
    X(SIGNER_DOWN, "signer.down", ENVIRONMENT, "signer", "error", "", "", "A signer does not answer.")                 \
    X(SIGNER_START, "signer.start", ENVIRONMENT, "signer", "ok", "configuration program", "",                          \
      "A signer was started; it says that it is this program with these options.")                                     \
    X(SIGNER_UP, "signer.up", ENVIRONMENT, "signer", "ok", "", "", "A signer answers again.")                          \
    X(TOKEN_DOWN, "token.down", ENVIRONMENT, "token", "error", "", "label? role serial? state",                        \
      "A PKCS #11 token does not work, or lacks a key.")                                                               \
    X(TOKEN_UP, "token.up", ENVIRONMENT, "token", "ok", "", "label? role serial? state",                               \
      "A PKCS #11 token works again.")                                                                                 \
    X(TOKEN_LOCKED, "token.locked", ENVIRONMENT, "token", "ok", "", "label? role serial? state",                       \
      "A PKCS #11 token waits for its custodians.")                                                                    \
    X(ANCHOR_LATE, "anchor.late", ENVIRONMENT, "anchor", "error", "", "",                                              \
      "No newer checkpoint has come into a confirmed block for long, although there was one.")                         \
    X(ANCHOR_BACK, "anchor.back", ENVIRONMENT, "anchor", "ok", "", "", "Checkpoints come into blocks again.")          \
    X(WITNESS_DOWN, "witness.down", ENVIRONMENT, "witness", "error", "", "", "A witness does not cosign the trail.")   \
    X(WITNESS_UP, "witness.up", ENVIRONMENT, "witness", "ok", "", "", "A witness cosigns the trail again.")            \
    X(WITNESS_GONE, "witness.gone", ENVIRONMENT, "witness", "error", "", "",                                           \
      "Not enough witnesses cosign the trail: effects have stopped.")                                                  \
    X(WITNESS_BACK, "witness.back", ENVIRONMENT, "witness", "ok", "", "", "Enough of them do again: effects go on.")   \
    X(TRAIL_HALTED, "trail.halted", ENVIRONMENT, "trail", "error", "", "detail? where?",                               \
      "The trail had halted: it contradicted itself or what was signed, and there were no entries until people had "   \
      "decided.")                                                                                                      \
    X(TRAIL_CORRUPT, "trail.corrupt", ENVIRONMENT, "trail", "error", "", "entry ordinal?",                             \
      "A row of the trail was found that is not the entry that was signed, or none in its place; with `ordinal` it "   \
      "is what was signed, and its object had that number or a later one before.")                                     \
    X(COPY_LAG, "copy.lag", ENVIRONMENT, "trail", "ok error", "", "size",                                              \
      "An entry waits too long for a copy of the trail on another host (error), or no more (ok).")                     \
    X(MEDIUM_ADD, "medium.add", PHYSICAL, "medium", "intent ok deny error", "", AUDIT_FACTS_MEDIUM,                    \
      "A medium with a share or a backup came into the ledger of media.")                                              \
    X(MEDIUM_ACCESS, "medium.access", PHYSICAL, "medium", "intent ok deny error", "", AUDIT_FACTS_MEDIUM,              \
      "Somebody had a medium in hand.")                                                                                \
    X(MEDIUM_MOVE, "medium.move", PHYSICAL, "medium", "intent ok deny error", "", AUDIT_FACTS_MEDIUM,                  \
      "A medium was brought to another place or custodian.")                                                           \
    X(MEDIUM_INSPECT, "medium.inspect", PHYSICAL, "medium", "intent ok deny error", "", AUDIT_FACTS_MEDIUM,            \
      "A medium was looked at.")                                                                                       \
    X(MEDIUM_DESTROY, "medium.destroy", PHYSICAL, "medium", "intent ok deny error", "", AUDIT_FACTS_MEDIUM,            \
      "A medium was destroyed.")                                                                                       \
    X(MEDIUM_CONFIRM, "medium.confirm", PHYSICAL, "medium", "ok deny error", "", AUDIT_FACTS_MEDIUM,                   \
      "The second person confirms what the first one told.")                                                           \
    X(MEDIUM_REFUSE, "medium.refuse", PHYSICAL, "medium", "ok deny error", "", AUDIT_FACTS_MEDIUM,                     \
      "The second person says that it was not so.")                                                                    \
    X(MEDIUM_OVERDUE, "medium.overdue", PHYSICAL, "medium", "error", "", "custodian due",                              \
      "A medium was not inspected in time.")                                                                           \
    X(MEDIUM_UNCONFIRMED, "medium.unconfirmed", PHYSICAL, "medium", "error", "", "act entry second told_at told_by",   \
      "The second person has not confirmed in time.")                                                                  \
    X(ALARM_ACKNOWLEDGE, "alarm.acknowledge", ADMIN, "alarm", "ok deny error", "",                                     \
      "code first_seen object_id object_type", "A person has seen an alarm.")                                          \
    X(CEREMONY_REFUSED, "ceremony.refused", KEYS, "ceremony", "ok deny error", "refusal",                              \
      "at by module module_pinned program program_pinned",                                                             \
      "What the first step of a ceremony refused, as its administrator signed it.")                                    \
    X(COMPROMISE_DRILL, "compromise.drill", KEYS, "compromise", "ok", "plan report", AUDIT_FACTS_COMPROMISE,           \
      "The drill of a compromised key was done.")                                                                      \
    X(COMPROMISE_DRILL_OVERDUE, "compromise.drill_overdue", KEYS, "compromise", "ok error", "", "due",                 \
      "That drill was not done in time; ok: it was since.")                                                            \
    X(REVIEW_SIGNED, "review.signed", KEYS, "review", "ok deny error", "review", "by findings from size uses",         \
      "An auditor has held a stretch of the trail against what was approved; up to `size` all is reviewed.")           \
    X(REVIEW_OVERDUE, "review.overdue", KEYS, "trail", "ok error", "", "size",                                         \
      "An entry waits too long for a review of key uses (error), or no more (ok).")                                    \
    X(COMPROMISE_REPORT, "compromise.report", KEYS, "compromise", "ok deny error", "plan report",                      \
      AUDIT_FACTS_COMPROMISE, "What was done about a compromised key.")                                                \
    X(PII_RECORD, "pii.record", ACCESS, "subject", "ok deny error", "", "erase_after event fields?",                   \
      "Personal data was sealed; pii has its commitments.")                                                            \
    X(PII_REVEAL, "pii.reveal", ACCESS, "subject", "ok deny error", "command", "case fields reveal signed_by",         \
      "Personal data was shown to an auditor on a case.")                                                              \
    X(PII_ERASE, "pii.erase", ACCESS, "subject", "ok deny error", "command", "signed_by",                              \
      "A subject was forgotten: its key is destroyed.")                                                                \
    X(PII_LIMIT, "pii.limit", ACCESS, "person", "error", "", "case",                                                   \
      "A person wanted to see more personal data than an hour allows.")                                                \
    X(PII_LOST, "pii.lost", ACCESS, "subject", "ok error", "", "number?",                                              \
      "Personal data that was recorded is gone, and nobody had it erased (error), or it is there again (ok).")         \
    X(PII_RETURNED, "pii.returned", ACCESS, "subject", "ok error", "", "",                                             \
      "Rows of a subject that was erased are in the database again (error), or are gone (ok).")

/*
 * X(name, meaning): every reference and fact of the list above. The first ones mean the same wherever they stand and
 * have columns of their own in audit.leaf.
 */
#define AUDIT_FIELD_TABLE(X)                                                                                           \
    X("amount", "base units, a decimal string")                                                                        \
    X("asset", "asset id (as a reference: the same)")                                                                  \
    X("destination", "fact: address that is paid; reference: digest of the entry of the allow-list")                   \
    X("key", "key id; as a reference in key.admit, key.command and key.restore: digest of the key document")           \
    X("version", "version of the policy that the entry is judged under or is about")                                   \
    X("case", "the case on which it was seen")                                                                         \
    X("erase_after", "not to be erased before")                                                                        \
    X("event", "event id of the commitments")                                                                          \
    X("fields", "which fields of personal data")                                                                       \
    X("privacy", "what the signer of role privacy answered, a status code")                                            \
    X("reveal", "the number that the signer counts it by")                                                             \
    X("signed_by", "who signed the order, by commas")                                                                  \
    X("wallet", "name of the wallet of the policy")                                                                    \
    X("act", "what was done with the medium: add, access, move, inspect, destroy")                                     \
    X("address", "address of the key")                                                                                 \
    X("approval", "digest of the approval document that was handed in")                                                \
    X("approvals", "sorted digests of the approval documents handed to the signer")                                    \
    X("at", "time when the administrator signed")                                                                      \
    X("attestation", "digest of the attestation")                                                                      \
    X("attested_at", "time when the key showed last that it is there")                                                 \
    X("audit", "what the signer of role audit answered, a status code")                                                \
    X("backup", "digest of the backup document")                                                                       \
    X("because", "status code that the evaluation came to")                                                            \
    X("by", "the people whose keys signed the order or report, separated by commas, as many as fit")                   \
    X("bytes", "SHA-256 of what stands in the database")                                                               \
    X("cause", "why the signer changed the state")                                                                     \
    X("ceremony", "digest of the record of the ceremony")                                                              \
    X("checkpoint", "SHA-256 of the signed note")                                                                      \
    X("code", "action of the alarm")                                                                                   \
    X("command", "digest of the signed order")                                                                         \
    X("configuration", "SHA-256 of the options in effect (docs/formats.md section 3)")                                 \
    X("count", "how many since `since`")                                                                               \
    X("custodian", "the person who keeps the medium")                                                                  \
    X("decision", "allowed, pending or denied")                                                                        \
    X("detail", "what was found wrong, blanks as _")                                                                   \
    X("document", "digest of the key document")                                                                        \
    X("due", "time by which it was to be done")                                                                        \
    X("entry", "id of the entry in the ledger of media; of the trail: its number")                                     \
    X("evaluated", "digest of the version of the policy that was evaluated")                                           \
    X("failed", "steps that failed")                                                                                   \
    X("findings", "uses without an approved operation")                                                                \
    X("first", "number of the first entry that it is about")                                                           \
    X("first_seen", "time when the alarm was seen first")                                                              \
    X("from", "number of the first entry of the stretch")                                                              \
    X("height", "block height")                                                                                        \
    X("hindrances", "withdrawals that were in the way")                                                                \
    X("in_force_at", "time from which the version is in force")                                                        \
    X("inspection_due", "time of the next inspection")                                                                 \
    X("intent", "digest of the intent")                                                                                \
    X("keys", "keys that were affected")                                                                               \
    X("kind", "kind of medium")                                                                                        \
    X("label", "label of the token")                                                                                   \
    X("lacks", "people whom the other signer has suspended and this one has not")                                      \
    X("lost", "what was lost")                                                                                         \
    X("method", "how it was destroyed")                                                                                \
    X("milliseconds", "how long it took")                                                                              \
    X("module", "SHA-256 of the PKCS #11 module that was there")                                                       \
    X("module_pinned", "SHA-256 of the module that was expected")                                                      \
    X("more", "people whom this signer has suspended and the other one has not")                                       \
    X("need", "signatures that it takes")                                                                              \
    X("number", "how often this freeze has changed; of lost data: how many subjects")                                  \
    X("object_id", "object of the alarm")                                                                              \
    X("object_type", "type of that object")                                                                            \
    X("order", "the action of the order")                                                                              \
    X("ordinal", "number of the entry among those of its object")                                                      \
    X("pending", "SHA-256 of the bytes")                                                                               \
    X("phase", "running, ending or over")                                                                              \
    X("place", "where the medium is, a name")                                                                          \
    X("plan", "digest of the plan")                                                                                    \
    X("policy", "digest of the version; in withdrawal.*: of the one under which the intent was proposed")              \
    X("program", "SHA-256 of the program")                                                                             \
    X("program_pinned", "SHA-256 of the program that was expected")                                                    \
    X("promises", "greatest number of promises that the signer was seen to have made")                                 \
    X("query", "SHA-256 of the query (docs/formats.md section 3)")                                                     \
    X("read_at", "time of a read whose entry could not be made then")                                                  \
    X("reason", "reason that stands in the order, a word")                                                             \
    X("refusal", "digest of the signed refusal")                                                                       \
    X("report", "digest of the signed report")                                                                         \
    X("request", "SHA-256 of the request's key (Idempotency-Key) and of who asked for what")                           \
    X("restore", "digest of the restore document")                                                                     \
    X("results", "how many entries were given")                                                                        \
    X("returns", "transaction that is paid back")                                                                      \
    X("review", "digest of the signed review")                                                                         \
    X("role", "role of the signer")                                                                                    \
    X("roles", "roles of the token, separated by commas")                                                              \
    X("root", "root of the tree of so many entries")                                                                   \
    X("rule_*", "a rule of the policy that matches: ID:EFFECT:GROUP=HAVE/NEED+DEMAND=met")                             \
    X("schema", "version of the database's schema")                                                                    \
    X("second", "the person who is to confirm")                                                                        \
    X("serial", "serial number of the token")                                                                          \
    X("serving_at", "time from which the entry serves")                                                                \
    X("settled", "every number of this producer below it stands in the trail (docs/formats.md section 3)")             \
    X("sign_at", "time before which the signer does not sign")                                                         \
    X("signers", "signatures that it has")                                                                             \
    X("since", "time of the first one that is counted")                                                                \
    X("size", "number of entries, from the first one of the trail")                                                    \
    X("standing", "fresh, due or overdue")                                                                             \
    X("state", "state that the order led to, or that the signer told")                                                 \
    X("suspended", "keys that were suspended")                                                                         \
    X("sweeps", "sweeps that were proposed")                                                                           \
    X("token", "SHA-256 of the bearer token")                                                                          \
    X("told_at", "time when it was told")                                                                              \
    X("told_by", "the person who told it")                                                                             \
    X("tool", "what it was destroyed with")                                                                            \
    X("transaction", "id of the transaction on the ledger")                                                            \
    X("transfer", "what the signer of role transfer answered, a status code")                                          \
    X("transitions", "how often the key has changed its state")                                                        \
    X("type", "transfer or issue")                                                                                     \
    X("uses", "uses of keys in the stretch")                                                                           \
    X("valid_until", "end of the key's time")                                                                          \
    X("validator", "what the signer of role validator answered, a status code")                                        \
    X("vetoes", "how many spoke against it")                                                                           \
    X("what", "which kind of compromise")                                                                              \
    X("where", "what it was found in")                                                                                 \
    X("withdrawal", "id of the withdrawal, when it has so many entries that this one does not count as its own")

#endif
