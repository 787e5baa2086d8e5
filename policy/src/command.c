/*
 * The command document. What a signer does on a command is the signer's.
 */
#include "policy/command.h"

#include "audit/log_keys.h"
#include "document.h"
#include "policy/subject.h"

struct command_wire {
    struct command command;
    char action[32];
    char fields[SUBJECT_FIELDS_SIZE];
    char from[16];
    char role[16];
    char scope[16];
    char subject[FREEZE_SUBJECT_SIZE];
};

_Static_assert(offsetof(struct command_wire, command) == 0, "the rows of struct command hold in the wire");

static const struct word action_words[] = {
    {"guard.initialise", COMMAND_GUARD_INITIALISE},
    {"key.admit", COMMAND_KEY_ADMIT},
    {"key.activate", COMMAND_KEY_ACTIVATE},
    {"key.deactivate", COMMAND_KEY_DEACTIVATE},
    {"key.suspend", COMMAND_KEY_SUSPEND},
    {"key.resume", COMMAND_KEY_RESUME},
    {"key.retire", COMMAND_KEY_RETIRE},
    {"key.compromise", COMMAND_KEY_COMPROMISE},
    {"key.destroy", COMMAND_KEY_DESTROY},
    {"key.sweep", COMMAND_KEY_SWEEP},
    {"freeze", COMMAND_FREEZE},
    {"thaw", COMMAND_THAW},
    {"policy.veto", COMMAND_POLICY_VETO},
    {"withdrawal.veto", COMMAND_WITHDRAWAL_VETO},
    {"destination.revoke", COMMAND_DESTINATION_REVOKE},
    {"person.suspend", COMMAND_PERSON_SUSPEND},
    {"person.resume", COMMAND_PERSON_RESUME},
    {"pii.reveal", COMMAND_PII_REVEAL},
    {"pii.erase", COMMAND_PII_ERASE},
    {"log.rotate", COMMAND_LOG_ROTATE},
    {"log.fork", COMMAND_LOG_FORK},
    {NULL, 0},
};
static const struct word role_words[] = {{"transfer", ROLE_TRANSFER},
                                         {"audit", ROLE_AUDIT},
                                         {"validator", ROLE_VALIDATOR},
                                         {"privacy", ROLE_PRIVACY},
                                         {NULL, 0}};

/* Fields and the actions that have them, as bits. */
#define BIT(action) (1U << (unsigned)(action))
#define INITIALISE BIT(COMMAND_GUARD_INITIALISE)
#define ADMIT BIT(COMMAND_KEY_ADMIT)
#define ACTIVATE BIT(COMMAND_KEY_ACTIVATE)
#define SWEEP BIT(COMMAND_KEY_SWEEP)
#define THAW BIT(COMMAND_THAW)
#define FREEZES (BIT(COMMAND_FREEZE) | THAW)
#define VETO BIT(COMMAND_POLICY_VETO)
#define DENY BIT(COMMAND_WITHDRAWAL_VETO)
#define REVOKE BIT(COMMAND_DESTINATION_REVOKE)
#define SUSPEND BIT(COMMAND_PERSON_SUSPEND)
#define RESUME BIT(COMMAND_PERSON_RESUME)
#define PEOPLE (SUSPEND | RESUME)
#define ROTATE BIT(COMMAND_LOG_ROTATE)
#define FORK BIT(COMMAND_LOG_FORK)
#define LOG (ROTATE | FORK)
#define EVERY_ROLE (VETO | PEOPLE | LOG) /* of the log: every one that knows the trail */
#define REVEAL BIT(COMMAND_PII_REVEAL)
#define PII (REVEAL | BIT(COMMAND_PII_ERASE))
#define COMPROMISE BIT(COMMAND_KEY_COMPROMISE)
#define STOPS_KEY (BIT(COMMAND_KEY_DEACTIVATE) | BIT(COMMAND_KEY_SUSPEND) | COMPROMISE)
#define STOPS (STOPS_KEY | BIT(COMMAND_FREEZE) | VETO | DENY | REVOKE | SUSPEND)
#define BY_ONE (STOPS & ~COMPROMISE) /* from a compromise nothing leads back */
#define ALL (~0U)
#define ORDERS (ALL & ~INITIALISE)
#define KEYS_FROM (ORDERS & ~FREEZES & ~BY_ONE & ~PEOPLE & ~PII & ~LOG)
#define KEYS_ON (KEYS_FROM & ~ADMIT & ~SWEEP)

static const struct command_field {
    unsigned actions;
    struct canon_field field;
} fields[] = {
    {ALL, CANON_FIELD(struct command_wire, action, CANON_TEXT)},
    {REVEAL, {"case", CANON_NAME, false, offsetof(struct command, case_id), sizeof(struct name), 0, 0}},
    {ALL, CANON_FIELD(struct command, chain, CANON_HASH)},
    {ADMIT, CANON_FIELD(struct command, document, CANON_HASH)},
    {ALL, CANON_FIELD(struct command, environment, CANON_NAME)},
    {ORDERS, CANON_FIELD(struct command, expires_at, CANON_TIME)},
    {REVEAL, {"fields", CANON_TEXT, false, offsetof(struct command_wire, fields), SUBJECT_FIELDS_SIZE, 1, 0}},
    {KEYS_FROM, CANON_FIELD(struct command_wire, from, CANON_TEXT)},
    {SWEEP, CANON_FIELD(struct command, intent, CANON_HASH)},
    {ALL, CANON_FIELD(struct command, issued_at, CANON_TIME)},
    {ALL & ~FREEZES & ~VETO & ~DENY & ~REVOKE & ~PEOPLE & ~PII, CANON_FIELD(struct command, key, CANON_HASH)},
    {INITIALISE | LOG, {"log", CANON_TEXT, true, offsetof(struct command, log), COMMAND_LOG_SIZE, 1, 0}},
    {ALL, CANON_FIELD(struct command, nonce, CANON_UUID)},
    {KEYS_ON | THAW | RESUME, CANON_FIELD(struct command, on, CANON_COUNTER)},
    {PEOPLE, CANON_FIELD(struct command, person, CANON_NAME)},
    {ALL, CANON_FIELD(struct command, policy, CANON_HASH)},
    {ORDERS, CANON_FIELD(struct command, reason, CANON_NAME)},
    {ROTATE, CANON_FIELD(struct command, retires, CANON_HASH)},
    {ALL & ~EVERY_ROLE, CANON_FIELD(struct command_wire, role, CANON_TEXT)},
    {FORK, CANON_FIELD(struct command, root, CANON_HASH)},
    {FREEZES, CANON_FIELD(struct command_wire, scope, CANON_TEXT)},
    {ACTIVATE, CANON_FIELD(struct command, signatures, CANON_COUNTER)},
    {LOG, CANON_FIELD(struct command, size, CANON_COUNTER)},
    {FREEZES, {"subject", CANON_TEXT, true, offsetof(struct command_wire, subject), FREEZE_SUBJECT_SIZE, 1, 0}},
    {VETO | DENY | REVOKE, CANON_FIELD(struct command, subject, CANON_HASH)},
    {PII, {"subject", CANON_UUID, false, offsetof(struct command, data_subject), sizeof(struct uuid), 0, 0}},
    {REVEAL, CANON_FIELD(struct command, to, CANON_HASH)},
    {ACTIVATE, CANON_FIELD(struct command, until, CANON_TIME)},
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

/* The fields of an action. Returns how many. */
static size_t fields_of(struct canon_field out[FIELD_COUNT], enum command_action action)
{
    size_t count = 0;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if ((fields[i].actions & BIT(action)) != 0) {
            out[count++] = fields[i].field;
        }
    }
    return count;
}

const char *command_action_text(enum command_action action)
{
    return word_text(action_words, (int)action);
}

enum status command_action_parse(enum command_action *out, const char *text)
{
    int action = word_value(action_words, text);
    if (action == 0) {
        return STATUS_INVALID;
    }
    *out = (enum command_action)action;
    return STATUS_OK;
}

bool command_stops(enum command_action action)
{
    return (BIT(action) & STOPS) != 0;
}

enum status command_key_action(enum key_action *out, enum command_action action)
{
    switch (action) {
    case COMMAND_KEY_ADMIT:
        *out = KEY_ACTION_ADMIT;
        return STATUS_OK;
    case COMMAND_KEY_ACTIVATE:
        *out = KEY_ACTION_ACTIVATE;
        return STATUS_OK;
    case COMMAND_KEY_DEACTIVATE:
        *out = KEY_ACTION_DEACTIVATE;
        return STATUS_OK;
    case COMMAND_KEY_SUSPEND:
        *out = KEY_ACTION_SUSPEND;
        return STATUS_OK;
    case COMMAND_KEY_RESUME:
        *out = KEY_ACTION_RESUME;
        return STATUS_OK;
    case COMMAND_KEY_RETIRE:
        *out = KEY_ACTION_RETIRE;
        return STATUS_OK;
    case COMMAND_KEY_COMPROMISE:
        *out = KEY_ACTION_COMPROMISE;
        return STATUS_OK;
    case COMMAND_KEY_DESTROY:
        *out = KEY_ACTION_DESTROY;
        return STATUS_OK;
    case COMMAND_GUARD_INITIALISE:
    case COMMAND_KEY_SWEEP:
    case COMMAND_FREEZE:
    case COMMAND_THAW:
    case COMMAND_POLICY_VETO:
    case COMMAND_WITHDRAWAL_VETO:
    case COMMAND_DESTINATION_REVOKE:
    case COMMAND_PERSON_SUSPEND:
    case COMMAND_PERSON_RESUME:
    case COMMAND_PII_REVEAL:
    case COMMAND_PII_ERASE:
    case COMMAND_LOG_ROTATE:
    case COMMAND_LOG_FORK:
        break;
    }
    return STATUS_INVALID;
}

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

static enum status check_initialise(const struct command *command, struct fault *fault)
{
    bool wants_log = command->role == ROLE_TRANSFER || command->role == ROLE_AUDIT;
    if (wants_log && command->log[0] == '\0') {
        return fault_set(fault, STATUS_MISSING_FIELD, "log", "required for this role");
    }
    if (!wants_log && command->log[0] != '\0') {
        return fault_set(fault, STATUS_UNKNOWN_FIELD, "log", "a %s has no audit trail",
                         signer_role_text(command->role));
    }
    return STATUS_OK;
}

/* An order that no state of a key allows is no order. */
static enum status check_from(const struct command *command, struct fault *fault)
{
    enum key_action action;
    enum key_state next;
    if (key_state_text(command->from) == NULL) {
        return fault_set(fault, STATUS_INVALID, "from", "the state of a key");
    }
    bool possible = command_key_action(&action, command->action) == STATUS_OK
                        ? key_state_next(&next, command->from, action, NULL) == STATUS_OK
                        : command->from == KEY_STATE_RETAINED || command->from == KEY_STATE_COMPROMISED;
    if (!possible) {
        return fault_set(fault, STATUS_INVALID, "from", "%s is not possible for a key that is %s",
                         command_action_text(command->action), key_state_text(command->from));
    }
    return STATUS_OK;
}

static enum status check_freeze(const struct command *command, struct fault *fault)
{
    struct freeze_target target;
    if (command->role != ROLE_TRANSFER) {
        return fault_set(fault, STATUS_INVALID, "role", "transfer");
    }
    if (command->action == COMMAND_THAW && command->on == 0) {
        return fault_set(fault, STATUS_INVALID, "on", "the number of the freeze, from 1");
    }
    const char *scope = freeze_scope_text(command->target.scope);
    return freeze_target_parse(&target, scope == NULL ? "" : scope, command->target.subject, fault);
}

/* The new key of a trail, named twice: as the key that signers know, and as outsiders verify with it. */
static enum status check_log(const struct command *command, struct fault *fault)
{
    struct audit_key log;
    struct digest id;
    struct fault why = {0};
    if (command->log[0] == '\0') {
        return fault_set(fault, STATUS_MISSING_FIELD, "log", "required for this action");
    }
    enum status status = audit_key_parse(&log, command->log, &why);
    if (status != STATUS_OK || log.type != AUDIT_KEY_ED25519) {
        return fault_set(fault, STATUS_INVALID, "log", "the vkey of a log");
    }
    public_key_id(&id, &log.public_key);
    if (!digest_equal(&id, &command->key)) {
        return fault_set(fault, STATUS_MISMATCH, "key", "is not the key of log");
    }
    if (command->action == COMMAND_LOG_ROTATE && digest_equal(&command->retires, &command->key)) {
        return fault_set(fault, STATUS_INVALID, "retires", "another key than key");
    }
    if (command->action == COMMAND_LOG_FORK && audit_origin_epoch(log.name) == 1) {
        return fault_set(fault, STATUS_INVALID, "log", "of an origin that follows another, /e2 and so on");
    }
    return command->size > 0 ? STATUS_OK : fault_set(fault, STATUS_INVALID, "size", "entries, from 1");
}

static enum status check_order(const struct command *command, struct fault *fault)
{
    if (command->expires_at <= command->issued_at ||
        command->expires_at - command->issued_at > COMMAND_LIFETIME_MAX_US) {
        return fault_set(fault, STATUS_INVALID, "expires_at", "after issued_at, at most 24 hours later");
    }
    if (command->action == COMMAND_KEY_ACTIVATE && command->signatures == 0) {
        return fault_set(fault, STATUS_INVALID, "signatures", "from 1");
    }
    if (command->action == COMMAND_KEY_ACTIVATE && command->until <= command->issued_at) {
        return fault_set(fault, STATUS_INVALID, "until", "after issued_at");
    }
    if ((BIT(command->action) & (SWEEP | DENY | REVOKE)) != 0 && command->role != ROLE_TRANSFER) {
        return fault_set(fault, STATUS_INVALID, "role", "transfer");
    }
    if (command->action == COMMAND_PERSON_RESUME && command->on == 0) {
        return fault_set(fault, STATUS_INVALID, "on", "the number of the suspension, from 1");
    }
    if ((BIT(command->action) & PII) != 0 && command->role != ROLE_PRIVACY) {
        return fault_set(fault, STATUS_INVALID, "role", "privacy");
    }
    if ((BIT(command->action) & FREEZES) != 0) {
        return check_freeze(command, fault);
    }
    if ((BIT(command->action) & LOG) != 0) {
        return check_log(command, fault);
    }
    return (BIT(command->action) & KEYS_FROM) == 0 ? STATUS_OK : check_from(command, fault);
}

static enum status check(const struct command *command, struct fault *fault)
{
    if (command_action_text(command->action) == NULL) {
        return fault_set(
            fault, STATUS_INVALID, "action",
            "guard.initialise, freeze, thaw, policy.veto, withdrawal.veto, destination.revoke, person.*, pii.*, "
            "log.* or key.* of the list");
    }
    if ((BIT(command->action) & EVERY_ROLE) == 0 && signer_role_text(command->role) == NULL) {
        return fault_set(fault, STATUS_INVALID, "role", "transfer, audit, validator or privacy");
    }
    return command->action == COMMAND_GUARD_INITIALISE ? check_initialise(command, fault) : check_order(command, fault);
}

/* The action decides which fields there are. Where it is missing or no string, the table of any action says so. */
static enum status read_action(enum command_action *out, const json_t *object, struct fault *fault)
{
    const char *text = json_string_value(json_object_get(object, "action"));
    if (text == NULL) {
        *out = COMMAND_GUARD_INITIALISE;
        return STATUS_OK;
    }
    if (command_action_parse(out, text) != STATUS_OK) {
        return fault_set(
            fault, STATUS_INVALID, "action",
            "guard.initialise, freeze, thaw, policy.veto, withdrawal.veto, destination.revoke, person.*, pii.*, "
            "log.* or key.* of the list");
    }
    return STATUS_OK;
}

static enum status read_wire(struct command *out, const json_t *object, struct fault *fault)
{
    struct command_wire wire;
    struct canon_field rows[FIELD_COUNT];
    enum command_action action;
    enum status status = read_action(&action, object, fault);
    if (status == STATUS_OK) {
        size_t count = fields_of(rows, action);
        status = canon_decode(&wire, sizeof(wire), object, rows, count, "", fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    wire.command.action = action;
    wire.command.role = (enum signer_role)word_value(role_words, wire.role);
    if (wire.from[0] != '\0' && key_state_parse(&wire.command.from, wire.from) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "from", "the state of a key");
    }
    if ((BIT(action) & REVEAL) != 0 && subject_fields_parse(&wire.command.fields, wire.fields) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "fields", "fields by commas, each once, in the order of the alphabet");
    }
    if ((BIT(action) & FREEZES) != 0) {
        status = freeze_target_parse(&wire.command.target, wire.scope, wire.subject, fault);
    }
    status = status == STATUS_OK ? check(&wire.command, fault) : status;
    if (status == STATUS_OK) {
        *out = wire.command;
    }
    return status;
}

enum status command_decode(struct command *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = read_wire(out, object, fault);
    }
    json_decref(object);
    return status;
}

enum status command_encode(struct bytes *out, const struct command *command, struct fault *fault)
{
    enum status status = check(command, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct command_wire wire = {.command = *command};
    struct canon_field rows[FIELD_COUNT];
    size_t count = fields_of(rows, command->action);
    const char *from = key_state_text(command->from);
    word_write(wire.action, sizeof(wire.action), action_words, (int)command->action);
    word_write(wire.role, sizeof(wire.role), role_words, (int)command->role);
    const char *scope = freeze_scope_text(command->target.scope);
    subject_fields_format(wire.fields, command->fields);
    (void)snprintf(wire.from, sizeof(wire.from), "%s", from == NULL ? "" : from);
    (void)snprintf(wire.scope, sizeof(wire.scope), "%s", scope == NULL ? "" : scope);
    (void)snprintf(wire.subject, sizeof(wire.subject), "%s", command->target.subject);
    return canon_encode_bytes(out, &wire, rows, count, CANON_DOCUMENT_MAX, fault);
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

static enum status check_time(const struct command *command, int64_t at_utc_us, struct fault *fault)
{
    if (command->action == COMMAND_GUARD_INITIALISE) {
        return STATUS_OK;
    }
    if (at_utc_us >= command->expires_at) {
        return fault_set(fault, STATUS_EXPIRED, "expires_at", "the command has expired");
    }
    if (command->issued_at - at_utc_us > COMMAND_EARLY_MAX_US) {
        return fault_set(fault, STATUS_NOT_READY, "issued_at", "more than 60 s ahead of the clock");
    }
    return STATUS_OK;
}

/*
 * Whoever sees something wrong may stop it, and an auditor on a case may see personal data: no quorum, one signature.
 */
static enum status verify_one_person(const struct signed_document *document, enum command_action action,
                                     const struct policy *policy, int64_t at_utc_us, struct fault *fault)
{
    bool reveals = action == COMMAND_PII_REVEAL;
    unsigned duties = reveals ? DUTY_AUDITOR : DUTY_ADMINISTRATOR | DUTY_APPROVER | DUTY_CUSTODIAN | DUTY_OPERATOR;
    if (document->signature_count != 1) {
        return fault_set(fault, STATUS_SIGNATURE_INVALID, "signatures", "exactly one signature");
    }
    const struct public_key *key = NULL;
    const struct person *person = policy_find_key(&key, policy, &document->signatures[0].key_id);
    if (person == NULL) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "signatures[0]", "the key belongs to nobody in the policy");
    }
    if ((person->duties & duties) == 0) {
        return fault_set(fault, STATUS_FORBIDDEN, "signatures[0]", "%s has no duty that may %s", person->id.text,
                         reveals ? "see personal data" : "stop anything");
    }
    if (!policy_person_valid(person, at_utc_us)) {
        return fault_set(fault, STATUS_EXPIRED, "signatures[0]", "%s does not count any more", person->id.text);
    }
    return signed_document_verify(document, COMMAND_KIND, 0, key, fault);
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
        status = check_time(&command, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        status = (BIT(command.action) & (BY_ONE | REVEAL)) != 0
                     ? verify_one_person(document, command.action, policy, at_utc_us, fault)
                     : policy_verify_governance(policy, document, COMMAND_KIND, at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        *out = command;
    }
    return status;
}
