/*
 * Commands: orders of the administrators to a signer, signed by the governance quorum. See docs/formats.md.
 */
#ifndef STRONGROOM_POLICY_COMMAND_H
#define STRONGROOM_POLICY_COMMAND_H

#include "policy/policy.h"

#define COMMAND_KIND "command"
#define COMMAND_LOG_SIZE 256 /* vkey of the audit trail and a NUL */

enum command_action {
    COMMAND_GUARD_INITIALISE = 1,
};

/* Numbers may be stored; never renumber. */
enum signer_role {
    ROLE_TRANSFER = 1,
    ROLE_AUDIT = 2,
    ROLE_VALIDATOR = 3,
};

struct command {
    enum command_action action;
    struct digest chain;
    struct name environment;
    int64_t issued_at;          /* microseconds UTC */
    struct digest key;          /* id of the token key the guard is for */
    char log[COMMAND_LOG_SIZE]; /* vkey; roles transfer and audit, empty for validator */
    struct uuid nonce;
    struct digest policy;
    enum signer_role role;
};

/* The word of a role in documents. Static. */
const char *signer_role_text(enum signer_role role);

/* The role of a word; STATUS_INVALID when there is none. */
MUST_CHECK enum status signer_role_parse(enum signer_role *out, const char *text);

/* Reads the document strictly; no signature is looked at. */
MUST_CHECK enum status command_decode(struct command *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what command_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status command_encode(struct bytes *out, const struct command *command, struct fault *fault);

/*
 * Decodes and verifies a command: chain, environment and policy are those of `policy` (STATUS_MISMATCH), signed by the
 * governance quorum, people valid at `at_utc_us` (policy_verify_governance). Role and key are the caller's to compare.
 */
MUST_CHECK enum status command_verify(struct command *out, const struct signed_document *document,
                                      const struct policy *policy, int64_t at_utc_us, struct fault *fault);

#endif
