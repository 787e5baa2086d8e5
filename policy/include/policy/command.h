/*
 * Commands: orders of people to a signer. Most are signed by the governance quorum; one person may stop a key, freeze
 * an asset, a wallet or everything, take an entry off the allow-list, suspend a person, or speak against a withdrawal
 * or a version of the policy that waits; one auditor may have personal data revealed. See docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_COMMAND_H
#define STRONGROOM_POLICY_COMMAND_H

#include "policy/freeze.h"
#include "policy/key_state.h"
#include "policy/policy.h"

#define COMMAND_KIND "command"
#define COMMAND_LOG_SIZE 256 /* vkey of the audit trail and a NUL */
#define COMMAND_LIFETIME_MAX_US (24LL * 3600 * 1000000)
#define COMMAND_EARLY_MAX_US 60000000LL /* how far a command may be ahead of the clock */

/* Numbers may be stored; never renumber. */
enum command_action {
    COMMAND_GUARD_INITIALISE = 1,
    COMMAND_KEY_ADMIT = 2,
    COMMAND_KEY_ACTIVATE = 3,
    COMMAND_KEY_DEACTIVATE = 4,
    COMMAND_KEY_SUSPEND = 5,
    COMMAND_KEY_RESUME = 6,
    COMMAND_KEY_RETIRE = 7,
    COMMAND_KEY_COMPROMISE = 8,
    COMMAND_KEY_DESTROY = 9,
    COMMAND_KEY_SWEEP = 10,
    COMMAND_FREEZE = 11,
    COMMAND_THAW = 12,
    COMMAND_POLICY_VETO = 13,
    COMMAND_WITHDRAWAL_VETO = 14,
    COMMAND_DESTINATION_REVOKE = 15,
    COMMAND_PERSON_SUSPEND = 16,
    COMMAND_PERSON_RESUME = 17,
    COMMAND_PII_REVEAL = 18,
    COMMAND_PII_ERASE = 19,
    COMMAND_LOG_ROTATE = 20,
    COMMAND_LOG_FORK = 21,
};

/* Numbers may be stored; never renumber. */
enum signer_role {
    ROLE_TRANSFER = 1,
    ROLE_AUDIT = 2,
    ROLE_VALIDATOR = 3,
    ROLE_PRIVACY = 4,
};

struct command {
    enum command_action action;
    struct digest chain;
    struct name environment;
    int64_t issued_at; /* microseconds UTC */
    struct digest key; /* id of the key it is about; guard.initialise: the founding one; log.*: the new one; not
                          freeze, thaw, revoke,
                          vetoes, person.*, pii.* */
    char log[COMMAND_LOG_SIZE]; /* guard.initialise: vkey; roles transfer and audit, empty for the others. log.*: vkey
                                   of the new key, which `key` is the id of; log.fork: under the origin that follows */
    struct uuid nonce;
    struct digest policy;
    enum signer_role role; /* not of policy.veto and person.*, which are for every role, and of log.*, which are for
                              transfer and audit */

    /* Of the other actions; what an action does not have is zero and not looked at. */
    struct digest document; /* admit: digest of the key document */
    int64_t expires_at;     /* all: microseconds UTC, exclusive; after issued_at, at most 24 hours */
    enum key_state from;    /* all but deactivate and suspend: the state that the signers of the order saw */
    struct digest intent;   /* sweep: digest of the intent */
    struct name reason;     /* all */
    uint64_t signatures;    /* activate: the box, from 1 */
    int64_t until;          /* activate: the box, microseconds UTC, exclusive; after issued_at */

    struct freeze_target target; /* freeze, thaw */
    struct name person;          /* person.*: who no longer counts, or counts again */
    struct digest subject;    /* policy.veto: the waiting version; withdrawal.veto: the intent; destination.revoke: the
                                 entry of the allow-list */
    struct uuid data_subject; /* pii.*: whose personal data; `subject` in the document */
    unsigned fields;          /* pii.reveal: which of it, bits of enum subject_field */
    struct name case_id;      /* pii.reveal: on which case; `case` in the document */
    struct digest to;         /* pii.reveal: X25519 public key that it is sealed for */
    struct digest retires;    /* log.rotate: id of the key that the new one follows */
    uint64_t size;      /* log.rotate: from how many entries on the new key signs alone; log.fork: how many entries
                           of the log that ends are good; from 1 */
    struct digest root; /* log.fork: of the tree over them */
    uint64_t on;        /* what the signers of the order saw: activate, resume, retire, compromise and destroy:
                           the key's transitions so far; thaw: the number of the freeze, from 1; person.resume: that of the
                           person's suspension, from 1 */
};

/* The word of an action in documents. Static; NULL for a number that is none. */
const char *command_action_text(enum command_action action);

/* The action of a word; STATUS_INVALID when there is none. */
MUST_CHECK enum status command_action_parse(enum command_action *out, const char *text);

/*
 * Whether the action stops something and starts nothing: key.deactivate, key.suspend, key.compromise, freeze,
 * destination.revoke, person.suspend and the vetoes. All but key.compromise are one person's.
 */
bool command_stops(enum command_action action);

/*
 * What the action does to a key; STATUS_INVALID for guard.initialise, key.sweep, freeze, thaw, destination.revoke,
 * log.*, person.*, pii.* and the vetoes, which change no state of one.
 */
MUST_CHECK enum status command_key_action(enum key_action *out, enum command_action action);

/* The word of a role in documents. Static. */
const char *signer_role_text(enum signer_role role);

/* The role of a word; STATUS_INVALID when there is none. */
MUST_CHECK enum status signer_role_parse(enum signer_role *out, const char *text);

/* Reads the document strictly; no signature is looked at. */
MUST_CHECK enum status command_decode(struct command *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what command_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status command_encode(struct bytes *out, const struct command *command, struct fault *fault);

/*
 * Decodes and verifies a command: chain, environment and policy are those of `policy` (STATUS_MISMATCH), and it is
 * signed by whom the action asks for. Governance quorum, people valid at `at_utc_us` (policy_verify_governance);
 * key.deactivate, key.suspend, freeze, destination.revoke, person.suspend and the vetoes: exactly one signature
 * (STATUS_SIGNATURE_INVALID), by a person
 * (STATUS_UNKNOWN_KEY) with the duty administrator, approver, custodian or operator (STATUS_FORBIDDEN), valid at
 * `at_utc_us` (STATUS_EXPIRED); pii.reveal: likewise one, by a person with the duty auditor. A command is in its time:
 * before expires_at (STATUS_EXPIRED), issued_at at most 60 s ahead (STATUS_NOT_READY); the age of a guard.initialise is
 * the caller's to judge. Role, key, `from`, target, `on` and the nonce are the caller's to compare.
 */
MUST_CHECK enum status command_verify(struct command *out, const struct signed_document *document,
                                      const struct policy *policy, int64_t at_utc_us, struct fault *fault);

#endif
