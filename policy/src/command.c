/*
 * The command document. What a signer does on a command is the signer's.
 */
#include "policy/command.h"

#include "document.h"

struct command_wire {
    struct command command;
    char action[32];
    char role[16];
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct command_wire, action, CANON_TEXT),
    CANON_FIELD(struct command, chain, CANON_HASH),
    CANON_FIELD(struct command, environment, CANON_NAME),
    CANON_FIELD(struct command, issued_at, CANON_TIME),
    CANON_FIELD(struct command, key, CANON_HASH),
    {"log", CANON_TEXT, true, offsetof(struct command, log), COMMAND_LOG_SIZE, 1, 0},
    CANON_FIELD(struct command, nonce, CANON_UUID),
    CANON_FIELD(struct command, policy, CANON_HASH),
    CANON_FIELD(struct command_wire, role, CANON_TEXT),
};

_Static_assert(offsetof(struct command_wire, command) == 0, "the rows of struct command hold in the wire");

static const struct document_table table = DOCUMENT_TABLE(fields, struct command_wire);

static const struct word action_words[] = {{"guard.initialise", COMMAND_GUARD_INITIALISE}, {NULL, 0}};
static const struct word role_words[] = {
    {"transfer", ROLE_TRANSFER}, {"audit", ROLE_AUDIT}, {"validator", ROLE_VALIDATOR}, {NULL, 0}};

const char *signer_role_text(enum signer_role role)
{
    return word_text(role_words, (int)role);
}

enum status signer_role_parse(enum signer_role *out, const char *text)
{
    int role = word_value(role_words, text);
    if (role == 0) {
        return STATUS_INVALID;
    }
    *out = (enum signer_role)role;
    return STATUS_OK;
}

static enum status check(const struct command *command, struct fault *fault)
{
    if (word_text(action_words, (int)command->action) == NULL) {
        return fault_set(fault, STATUS_INVALID, "action", "guard.initialise");
    }
    if (signer_role_text(command->role) == NULL) {
        return fault_set(fault, STATUS_INVALID, "role", "transfer, audit or validator");
    }
    if (command->role != ROLE_VALIDATOR && command->log[0] == '\0') {
        return fault_set(fault, STATUS_MISSING_FIELD, "log", "required for this role");
    }
    if (command->role == ROLE_VALIDATOR && command->log[0] != '\0') {
        return fault_set(fault, STATUS_UNKNOWN_FIELD, "log", "a validator has no audit trail");
    }
    return STATUS_OK;
}

enum status command_decode(struct command *out, const void *document, size_t len, struct fault *fault)
{
    struct command_wire wire;
    enum status status = document_decode(&wire, &table, document, len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    wire.command.action = (enum command_action)word_value(action_words, wire.action);
    wire.command.role = (enum signer_role)word_value(role_words, wire.role);
    status = check(&wire.command, fault);
    if (status == STATUS_OK) {
        *out = wire.command;
    }
    return status;
}

enum status command_encode(struct bytes *out, const struct command *command, struct fault *fault)
{
    enum status status = check(command, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct command_wire wire = {.command = *command};
    word_write(wire.action, sizeof(wire.action), action_words, (int)command->action);
    word_write(wire.role, sizeof(wire.role), role_words, (int)command->role);
    return canon_encode_bytes(out, &wire, table.fields, table.count, CANON_DOCUMENT_MAX, fault);
}

static enum status check_policy(const struct command *command, const struct policy *policy, struct fault *fault)
{
    if (!digest_equal(&command->chain, &policy->chain)) {
        return fault_set(fault, STATUS_MISMATCH, "chain", "not that of the policy");
    }
    if (!name_equal(&command->environment, &policy->environment)) {
        return fault_set(fault, STATUS_MISMATCH, "environment", "not that of the policy");
    }
    if (!digest_equal(&command->policy, &policy->digest)) {
        return fault_set(fault, STATUS_MISMATCH, "policy", "given under another policy than the one in force");
    }
    return STATUS_OK;
}

enum status command_verify(struct command *out, const struct signed_document *document, const struct policy *policy,
                           int64_t at_utc_us, struct fault *fault)
{
    struct command command;
    enum status status = command_decode(&command, document->document.data, document->document.len, fault);
    if (status == STATUS_OK) {
        status = check_policy(&command, policy, fault);
    }
    if (status == STATUS_OK) {
        status = policy_verify_governance(policy, document, COMMAND_KIND, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        *out = command;
    }
    return status;
}
