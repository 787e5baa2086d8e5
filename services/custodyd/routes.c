/*
 * All routes: who may call what, and what a refusal is called in the trail.
 */
#include "routes.h"

#include "question.h"
#include "resources.h"
#include "withdrawals.h"

#define AUDIT_READ (ROLE_AUDITOR | ROLE_OPERATOR)
#define READ (ROLE_PEOPLE | ROLE_AUTOMATED)
#define DECIDE (ROLE_APPROVER | ROLE_AUTOMATED)
#define CARRY ROLE_PEOPLE  /* what is carried bears the signatures of those who may */
#define SECOND ROLE_PEOPLE /* the entry names who may */
#define SUBJECTS (ROLE_OPERATOR | ROLE_CUSTODIAN)
#define NO_QUERY ""

static const struct http_route routes[] = {
    {"GET", "/healthz", ROLE_NONE, AUDIT_ACTION_NONE, NO_QUERY, health_read},
    {"POST", "/v1/withdrawals", ROLE_REQUESTER, AUDIT_WITHDRAWAL_REQUEST, NO_QUERY, withdrawal_create},
    {"GET", "/v1/withdrawals", READ, AUDIT_ACTION_NONE, "state wallet limit cursor", withdrawal_list},
    {"GET", "/v1/withdrawals/{}", READ, AUDIT_ACTION_NONE, NO_QUERY, withdrawal_read},
    {"POST", "/v1/withdrawals/{}/request", ROLE_REQUESTER, AUDIT_WITHDRAWAL_REQUEST_SIGN, NO_QUERY, withdrawal_request},
    {"POST", "/v1/withdrawals/{}/approve", DECIDE, AUDIT_WITHDRAWAL_APPROVE, NO_QUERY, withdrawal_approve},
    {"POST", "/v1/withdrawals/{}/reject", DECIDE, AUDIT_WITHDRAWAL_REJECT, NO_QUERY, withdrawal_reject},
    {"POST", "/v1/withdrawals/{}/cancel", ROLE_REQUESTER, AUDIT_WITHDRAWAL_CANCEL, NO_QUERY, withdrawal_cancel},
    {"POST", "/v1/withdrawals/{}/veto", CARRY, AUDIT_WITHDRAWAL_VETO, NO_QUERY, withdrawal_veto, .urgent = true},
    {"GET", "/v1/withdrawals/{}/explanation", READ, AUDIT_ACTION_NONE, NO_QUERY, withdrawal_explain},
    {"GET", "/v1/withdrawals/{}/differences", READ, AUDIT_ACTION_NONE, NO_QUERY, withdrawal_differences},
    {"POST", "/v1/withdrawals/{}/settle", ROLE_OPERATOR, AUDIT_WITHDRAWAL_SETTLE, NO_QUERY, withdrawal_settle},
    {"GET", "/v1/withdrawals/{}/evidence", READ, AUDIT_EVIDENCE_EXPORT, NO_QUERY, evidence_read, .told = true},
    {"GET", "/v1/wallets", READ, AUDIT_ACTION_NONE, NO_QUERY, wallet_list},
    {"GET", "/v1/wallets/{}", READ, AUDIT_ACTION_NONE, NO_QUERY, wallet_read},
    {"GET", "/v1/keys", READ, AUDIT_ACTION_NONE, NO_QUERY, key_list},
    {"POST", "/v1/keys", ROLE_OPERATOR, AUDIT_KEY_ADMIT, NO_QUERY, key_admit},
    {"GET", "/v1/keys/{}", READ, AUDIT_ACTION_NONE, NO_QUERY, key_read},
    {"POST", "/v1/keys/{}/commands", CARRY, AUDIT_KEY_COMMAND, NO_QUERY, key_command, .urgent = true},
    {"POST", "/v1/keys/{}/restores", ROLE_OPERATOR, AUDIT_KEY_RESTORE, NO_QUERY, key_restore},
    {"POST", "/v1/keys/{}/attestations", CARRY, AUDIT_KEY_ATTEST, NO_QUERY, key_attestation},
    {"GET", "/v1/freezes", READ, AUDIT_ACTION_NONE, NO_QUERY, freeze_list},
    {"POST", "/v1/freezes", CARRY, AUDIT_FREEZE_COMMAND, NO_QUERY, freeze_order, .urgent = true},
    {"GET", "/v1/alarms", READ, AUDIT_ACTION_NONE, NO_QUERY, alarm_read_list},
    {"POST", "/v1/alarms/{}/acknowledge", CARRY, AUDIT_ALARM_ACKNOWLEDGE, NO_QUERY, alarm_acknowledge,
     .without_them = true},
    {"GET", "/v1/media", READ, AUDIT_ACTION_NONE, NO_QUERY, medium_list},
    {"POST", "/v1/media", ROLE_OPERATOR, AUDIT_MEDIUM_ADD, NO_QUERY, medium_add},
    {"POST", "/v1/media/{}/entries", ROLE_OPERATOR, AUDIT_MEDIUM_ACCESS, NO_QUERY, medium_entry},
    {"POST", "/v1/media/{}/entries/{}/confirm", SECOND, AUDIT_MEDIUM_CONFIRM, NO_QUERY, medium_confirm},
    {"POST", "/v1/media/{}/entries/{}/refuse", SECOND, AUDIT_MEDIUM_REFUSE, NO_QUERY, medium_refuse},
    {"POST", "/v1/ceremonies/refusals", CARRY, AUDIT_CEREMONY_REFUSED, NO_QUERY, ceremony_refusal_add,
     .without_them = true},
    {"POST", "/v1/compromises", CARRY, AUDIT_COMPROMISE_REPORT, NO_QUERY, compromise_add, .without_them = true},
    {"GET", "/v1/policy", READ, AUDIT_ACTION_NONE, NO_QUERY, policy_read},
    {"GET", "/v1/policies", READ, AUDIT_ACTION_NONE, NO_QUERY, policy_list},
    {"POST", "/v1/policies", CARRY, AUDIT_POLICY_PROPOSED, NO_QUERY, policy_propose},
    {"POST", "/v1/policies/veto", CARRY, AUDIT_POLICY_VETO, NO_QUERY, policy_veto, .urgent = true},
    {"POST", "/v1/policy/explain", READ, AUDIT_ACTION_NONE, NO_QUERY, policy_explain_request},
    {"GET", "/v1/destinations", READ, AUDIT_ACTION_NONE, NO_QUERY, destination_list},
    {"POST", "/v1/destinations", ROLE_OPERATOR, AUDIT_DESTINATION_ADD, NO_QUERY, destination_add},
    {"POST", "/v1/destinations/revoke", CARRY, AUDIT_DESTINATION_REVOKE, NO_QUERY, destination_revoke, .urgent = true},
    {"GET", "/v1/people/suspended", READ, AUDIT_ACTION_NONE, NO_QUERY, person_suspended_list},
    {"POST", "/v1/people/suspend", CARRY, AUDIT_PERSON_SUSPEND, NO_QUERY, person_suspend, .urgent = true},
    {"POST", "/v1/people/resume", CARRY, AUDIT_PERSON_RESUME, NO_QUERY, person_resume, .urgent = true},
    {"POST", "/v1/subjects", SUBJECTS, AUDIT_PII_RECORD, NO_QUERY, subject_record},
    {"GET", "/v1/subjects/{}", SUBJECTS | ROLE_AUDITOR, AUDIT_ACTION_NONE, NO_QUERY, subject_read},
    {"POST", "/v1/subjects/{}/reveal", ROLE_AUDITOR, AUDIT_PII_REVEAL, NO_QUERY, subject_reveal},
    {"POST", "/v1/subjects/{}/erase", CARRY, AUDIT_PII_ERASE, NO_QUERY, subject_erase},
    {"GET", "/v1/audit/entries", AUDIT_READ, AUDIT_TRAIL_READ, TRAIL_FILTERS " seq limit cursor", trail_entries,
     .told = true},
    {"GET", "/v1/audit/count", AUDIT_READ, AUDIT_TRAIL_READ, TRAIL_FILTERS " cursor", trail_count, .told = true},
    {"GET", "/v1/audit/checkpoint", READ, AUDIT_ACTION_NONE, NO_QUERY, trail_checkpoint_read},
    {"GET", "/v1/audit/log-keys", READ, AUDIT_ACTION_NONE, NO_QUERY, log_key_list},
    {"POST", "/v1/audit/log-keys", CARRY, AUDIT_LOG_KEY, NO_QUERY, log_key_order},
    {"GET", "/v1/audit/proof/inclusion", READ, AUDIT_ACTION_NONE, "seq", trail_inclusion},
    {"GET", "/v1/audit/proof/consistency", READ, AUDIT_ACTION_NONE, "from to", trail_consistency_read},
    {"GET", "/v1/audit/export", AUDIT_READ, AUDIT_TRAIL_EXPORT, TRAIL_FILTERS " format", trail_export, .told = true},
    {"POST", "/v1/audit/copies", ROLE_AUDITOR, AUDIT_TRAIL_COPIED, NO_QUERY, trail_copy_tell, .without_them = true},
    {"GET", "/v1/audit/reviews", AUDIT_READ, AUDIT_ACTION_NONE, "limit", review_list},
    {"GET", "/v1/audit/reviews/{}", AUDIT_READ, AUDIT_ACTION_NONE, NO_QUERY, review_read},
    {"POST", "/v1/audit/reviews", ROLE_AUDITOR, AUDIT_REVIEW_SIGNED, NO_QUERY, review_hand_in, .without_them = true},
    {"GET", "/audit/checkpoint", ROLE_NONE, AUDIT_ACTION_NONE, NO_QUERY, trail_checkpoint_read},
    {"GET", "/audit/tile/entries/{*}", ROLE_AUDITOR, AUDIT_TRAIL_READ, NO_QUERY, trail_entries_tile_read, .told = true},
    {"GET", "/audit/tile/{*}", ROLE_NONE, AUDIT_ACTION_NONE, NO_QUERY, trail_tile_read},
    {"GET", "/v1/ledger/genesis", READ, AUDIT_ACTION_NONE, NO_QUERY, ledger_genesis_read},
    {"GET", "/v1/ledger/status", READ, AUDIT_ACTION_NONE, NO_QUERY, ledger_status_read},
    {"GET", "/v1/ledger/blocks/{}", READ, AUDIT_ACTION_NONE, NO_QUERY, ledger_block_read},
    {"POST", "/v1/ledger/transactions", ROLE_OPERATOR, AUDIT_LEDGER_SUBMIT, NO_QUERY, ledger_transaction_submit},
    {"GET", "/v1/ledger/transactions/{}", READ, AUDIT_ACTION_NONE, NO_QUERY, ledger_transaction_read},
    {"GET", "/v1/ledger/accounts/{}", READ, AUDIT_ACTION_NONE, "lane", ledger_account_read},
};

const struct http_route *routes_all(size_t *out_count)
{
    *out_count = sizeof(routes) / sizeof(routes[0]);
    return routes;
}
