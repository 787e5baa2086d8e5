/*
 * Commands: every rule of the document broken once; who may give one.
 */
#include "audit/checkpoint.h"
#include "policy/command.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(command, .init = setup, .fini = teardown);

static struct command sample(void)
{
    struct command command = {.action = COMMAND_GUARD_INITIALISE,
                              .chain = world.policy.chain,
                              .environment = world.policy.environment,
                              .issued_at = time_of(ISSUED_AT),
                              .log = "custody.example/audit/v1+86dba938+AQOhB7",
                              .nonce = world.intent.withdrawal,
                              .policy = world.policy.digest,
                              .role = ROLE_TRANSFER};
    public_key_id(&command.key, test_key_public(world.keys[HOT]));
    return command;
}

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct command command;
    return command_decode(&command, document, len, fault);
}

static enum status verify(const struct command *command, enum who first, enum who second, struct fault *fault)
{
    struct signed_document document = {0};
    cr_assert(command_encode(&document.document, command, NULL) == STATUS_OK);
    test_key_sign_document(&document, COMMAND_KIND, world.keys[first]);
    test_key_sign_document(&document, COMMAND_KIND, world.keys[second]);
    struct command out;
    enum status status = command_verify(&out, &document, &world.policy, world.now, fault);
    cr_expect(status != STATUS_OK || (out.role == command->role && strcmp(out.log, command->log) == 0));
    signed_document_free(&document);
    return status;
}

static json_t *sample_json(enum signer_role role)
{
    struct command command = sample();
    command.role = role;
    command.log[0] = role == ROLE_VALIDATOR ? '\0' : 'c';
    struct bytes bytes = {0};
    cr_assert(command_encode(&bytes, &command, NULL) == STATUS_OK);
    json_t *object = json_loads((const char *)bytes.data, 0, NULL);
    bytes_free(&bytes);
    return object;
}

Test(command, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"action", "\"key.export\"", STATUS_INVALID, "action", "guard.initialise, freeze, thaw"},
        {"action", NULL, STATUS_MISSING_FIELD, "action", "required"},
        {"chain", NULL, STATUS_MISSING_FIELD, "chain", "required"},
        {"environment", "\"\"", STATUS_INVALID, "environment", "name"},
        {"issued_at", "\"now\"", STATUS_INVALID, "issued_at", "time"},
        {"key", "\"\"", STATUS_INVALID, "key", "hexadecimal"},
        {"log", NULL, STATUS_MISSING_FIELD, "log", "this role"},
        {"log", "\"\"", STATUS_INVALID, "log", "characters"},
        {"nonce", "\"1\"", STATUS_INVALID, "nonce", "UUIDv7"},
        {"policy", NULL, STATUS_MISSING_FIELD, "policy", "required"},
        {"role", "\"root\"", STATUS_INVALID, "role", "transfer"},
        {"role", "\"validator\"", STATUS_UNKNOWN_FIELD, "log", "no audit trail"},
        {"force", "true", STATUS_UNKNOWN_FIELD, "force", "no such field"},
    };
    json_t *valid = sample_json(ROLE_TRANSFER);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(command, a_validator_has_no_log)
{
    static const struct refusal rows[] = {
        {"log", "\"x\"", STATUS_UNKNOWN_FIELD, "log", "no audit trail"},
        {"log", "\"\"", STATUS_INVALID, "log", "characters"},
    };
    json_t *valid = sample_json(ROLE_VALIDATOR);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(command, needs_the_governance_quorum)
{
    const struct command command = sample();
    struct fault fault = {0};
    cr_expect(verify(&command, ADA, AMY, &fault) == STATUS_OK);
    cr_expect(verify(&command, ADA, BERT, &fault) == STATUS_UNKNOWN_KEY);
    world.policy.people[0].valid_until = world.now;
    cr_expect(verify(&command, ADA, AMY, NULL) == STATUS_QUORUM_MISSING);
}

Test(command, for_another_policy_chain_or_environment_is_refused)
{
    struct command command = sample();
    struct fault fault = {0};
    command.policy.bytes32[0] ^= 1;
    cr_expect(verify(&command, ADA, AMY, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "policy");
    command = sample();
    command.chain.bytes32[0] ^= 1;
    cr_expect(verify(&command, ADA, AMY, NULL) == STATUS_MISMATCH);
    command = sample();
    command.environment = name_of("production");
    cr_expect(verify(&command, ADA, AMY, NULL) == STATUS_MISMATCH);
}

Test(command, roles_have_words)
{
    enum signer_role role;
    cr_assert(signer_role_parse(&role, "audit") == STATUS_OK && role == ROLE_AUDIT);
    cr_assert_str_eq(signer_role_text(ROLE_VALIDATOR), "validator");
    cr_assert(signer_role_parse(&role, "") == STATUS_INVALID);
}

/* Commands about keys */

static const enum command_action key_actions[] = {
    COMMAND_KEY_ADMIT,  COMMAND_KEY_ACTIVATE,   COMMAND_KEY_DEACTIVATE, COMMAND_KEY_SUSPEND, COMMAND_KEY_RESUME,
    COMMAND_KEY_RETIRE, COMMAND_KEY_COMPROMISE, COMMAND_KEY_DESTROY,    COMMAND_KEY_SWEEP,
};

#define KEY_ACTION_COUNT (sizeof(key_actions) / sizeof(key_actions[0]))

static json_t *key_json(enum command_action action)
{
    const struct command command = world_command(&world, action, HOT);
    struct bytes bytes = {0};
    cr_assert(command_encode(&bytes, &command, NULL) == STATUS_OK);
    json_t *object = json_loads((const char *)bytes.data, 0, NULL);
    bytes_free(&bytes);
    return object;
}

static void expect_rows(enum command_action action, const struct refusal *rows, size_t count)
{
    json_t *valid = key_json(action);
    expect_refusals(decode, valid, rows, count);
    json_decref(valid);
}

Test(command, each_action_has_exactly_its_fields)
{
    static const struct {
        const char *field;
        const char *text;
        const char *actions; /* "key." left out */
    } rows[] = {
        {"document", "\"" ASSET_A "\"", " admit "},
        {"expires_at", "\"" EXPIRES_AT "\"",
         " admit activate deactivate suspend resume retire compromise destroy sweep "},
        {"from", "\"active\"", " admit activate resume retire compromise destroy sweep "},
        {"intent", "\"" ASSET_A "\"", " sweep "},
        {"log", "\"x\"", ""},
        {"reason", "\"why\"", " admit activate deactivate suspend resume retire compromise destroy sweep "},
        {"signatures", "\"1\"", " activate "},
        {"until", "\"" EXPIRES_AT "\"", " activate "},
    };
    for (size_t i = 0; i < KEY_ACTION_COUNT; i++) {
        char word[32];
        (void)snprintf(word, sizeof(word), " %s ", command_action_text(key_actions[i]) + strlen("key."));
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            bool has = strstr(rows[k].actions, word) != NULL;
            const struct refusal row = {rows[k].field, has ? NULL : rows[k].text,
                                        has ? STATUS_MISSING_FIELD : STATUS_UNKNOWN_FIELD, rows[k].field, ""};
            expect_rows(key_actions[i], &row, 1);
        }
    }
}

Test(command, every_rule_of_key_actions_broken_once)
{
    static const struct refusal rows[] = {
        {"expires_at", "\"" NOW "\"", STATUS_INVALID, "expires_at", "after issued_at"},
        {"expires_at", "\"2026-02-03T04:00:00.000001Z\"", STATUS_INVALID, "expires_at", "24 hours"},
        {"from", "\"fine\"", STATUS_INVALID, "from", "state"},
        {"from", "\"\"", STATUS_INVALID, "from", "state"},
        {"from", "\"active\"", STATUS_INVALID, "from", "not possible"},
        {"reason", "\"We rotate\"", STATUS_INVALID, "reason", "name"},
        {"role", "\"root\"", STATUS_INVALID, "role", "transfer"},
        {"signatures", "\"0\"", STATUS_INVALID, "signatures", "from 1"},
        {"until", "\"" NOW "\"", STATUS_INVALID, "until", "after issued_at"},
        {"action", "7", STATUS_UNKNOWN_FIELD, "expires_at", ""},
    };
    static const struct refusal sweep[] = {
        {"role", "\"audit\"", STATUS_INVALID, "role", "transfer"},
        {"from", "\"active\"", STATUS_INVALID, "from", "not possible"},
        {"from", "\"suspended\"", STATUS_INVALID, "from", "not possible"},
    };
    expect_rows(COMMAND_KEY_ACTIVATE, rows, sizeof(rows) / sizeof(rows[0]));
    expect_rows(COMMAND_KEY_SWEEP, sweep, sizeof(sweep) / sizeof(sweep[0]));
}

Test(command, a_command_lives_for_24_hours_at_most)
{
    struct command command = world_command(&world, COMMAND_KEY_SUSPEND, HOT);
    struct bytes bytes = {0};
    command.expires_at = command.issued_at + 24LL * 3600 * 1000000;
    cr_assert(command_encode(&bytes, &command, NULL) == STATUS_OK);
    bytes_free(&bytes);
    command.expires_at++;
    cr_expect(command_encode(&bytes, &command, NULL) == STATUS_INVALID);
}

Test(command, key_actions_are_read_as_they_were_written)
{
    for (size_t i = 0; i < KEY_ACTION_COUNT; i++) {
        const struct command command = world_command(&world, key_actions[i], HOT);
        struct command read;
        struct bytes first = {0};
        struct bytes second = {0};
        cr_assert(command_encode(&first, &command, NULL) == STATUS_OK);
        cr_assert(command_decode(&read, first.data, first.len, NULL) == STATUS_OK);
        cr_assert(command_encode(&second, &read, NULL) == STATUS_OK);
        cr_expect(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
        cr_expect_eq(read.action, key_actions[i]);
        bytes_free(&first);
        bytes_free(&second);
    }
}

Test(command, what_an_action_does_to_a_key)
{
    enum key_action action = KEY_ACTION_ADMIT;
    cr_expect(command_key_action(&action, COMMAND_GUARD_INITIALISE) == STATUS_INVALID);
    cr_expect(command_key_action(&action, COMMAND_KEY_SWEEP) == STATUS_INVALID);
    for (size_t i = 0; i + 1 < KEY_ACTION_COUNT; i++) {
        cr_assert(command_key_action(&action, key_actions[i]) == STATUS_OK);
        cr_expect_str_eq(key_action_text(action), command_action_text(key_actions[i]) + strlen("key."));
    }
}

/* The answer to a command signed by one or, unless `second` is WHO_COUNT, two keys. */
/* No default: who adds an action decides here too. */
static bool stops(enum command_action action)
{
    switch (action) {
    case COMMAND_KEY_DEACTIVATE:
    case COMMAND_KEY_SUSPEND:
    case COMMAND_KEY_COMPROMISE:
    case COMMAND_FREEZE:
    case COMMAND_POLICY_VETO:
    case COMMAND_WITHDRAWAL_VETO:
    case COMMAND_DESTINATION_REVOKE:
    case COMMAND_PERSON_SUSPEND:
        return true;
    case COMMAND_GUARD_INITIALISE:
    case COMMAND_KEY_ADMIT:
    case COMMAND_KEY_ACTIVATE:
    case COMMAND_KEY_RESUME:
    case COMMAND_KEY_RETIRE:
    case COMMAND_KEY_DESTROY:
    case COMMAND_KEY_SWEEP:
    case COMMAND_THAW:
    case COMMAND_PERSON_RESUME:
    case COMMAND_PII_REVEAL:
    case COMMAND_PII_ERASE:
    case COMMAND_LOG_ROTATE:
    case COMMAND_LOG_FORK:
        break;
    }
    return false;
}

Test(command, what_stops_something)
{
    int action = 1;
    for (; command_action_text((enum command_action)action) != NULL; action++) {
        enum command_action one = (enum command_action)action;
        cr_expect(command_stops(one) == stops(one), "%s", command_action_text(one));
    }
    cr_expect(action > COMMAND_PERSON_RESUME);
}

/* The key that comes is named twice, and both say the same. */
Test(command, a_rotation_of_the_log)
{
    struct audit_key log;
    struct fault fault = {0};
    struct bytes bytes = {0};
    struct command read;
    struct command command = world_command(&world, COMMAND_FREEZE, HOT);
    command.action = COMMAND_LOG_ROTATE;
    command.role = (enum signer_role)0;
    command.size = 1;
    command.retires = command.chain;
    (void)snprintf(command.log, sizeof(command.log),
                   "custody.example/audit/v1+86dba938+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4");
    cr_assert(audit_key_parse(&log, command.log, NULL) == STATUS_OK);
    public_key_id(&command.key, &log.public_key);
    cr_assert(command_encode(&bytes, &command, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert(command_decode(&read, bytes.data, bytes.len, NULL) == STATUS_OK);
    cr_expect(read.size == 1 && digest_equal(&read.retires, &command.retires) && strcmp(read.log, command.log) == 0);
    bytes_free(&bytes);
    const struct {
        const char *where;
        enum status status;
    } refused[] = {{"key", STATUS_MISMATCH},
                   {"retires", STATUS_INVALID},
                   {"size", STATUS_INVALID},
                   {"log", STATUS_INVALID},
                   {"log", STATUS_MISSING_FIELD}};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct command broken = command;
        broken.key = i == 0 ? command.chain : broken.key;
        broken.retires = i == 0 ? command.policy : i == 1 ? command.key : broken.retires;
        broken.size = i == 2 ? 0 : broken.size;
        broken.log[strlen(broken.log) - 1] = i == 3 ? '5' : '4';
        broken.log[0] = i == 4 ? '\0' : broken.log[0];
        fault_clear(&fault);
        cr_expect(command_encode(&bytes, &broken, &fault) == refused[i].status, "%zu: %s", i, fault.detail);
        cr_expect_str_eq(fault.where, refused[i].where);
    }
}

/* The sample key under an origin. */
static void name_log(struct command *out, const char *origin)
{
    static const char point[] = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
    struct audit_key log;
    char text[AUDIT_VKEY_SIZE];
    uint8_t public32[32];
    cr_assert(base64_decode_exact(public32, sizeof(public32), point) == STATUS_OK);
    cr_assert(audit_key_make(&log, origin, AUDIT_KEY_ED25519, public32, NULL) == STATUS_OK);
    audit_key_format(text, &log);
    memcpy(out->log, text, sizeof(out->log));
    public_key_id(&out->key, &log.public_key);
}

/* It is about a log that goes on under the next origin, and says how much of the one before is good. */
Test(command, the_end_of_a_log)
{
    struct fault fault = {0};
    struct bytes bytes = {0};
    struct command read;
    struct command command = world_command(&world, COMMAND_FREEZE, HOT);
    command.action = COMMAND_LOG_FORK;
    command.role = (enum signer_role)0;
    command.size = 7;
    command.root = command.chain;
    name_log(&command, "custody.example/audit/v1/e2");
    cr_assert(command_encode(&bytes, &command, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert(command_decode(&read, bytes.data, bytes.len, NULL) == STATUS_OK);
    cr_expect(read.size == 7 && digest_equal(&read.root, &command.root) && strcmp(read.log, command.log) == 0);
    bytes_free(&bytes);
    command.size = 0;
    cr_expect(command_encode(&bytes, &command, &fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, "size");
    command.size = 7;
    name_log(&command, "custody.example/audit/v1");
    fault_clear(&fault);
    cr_expect(command_encode(&bytes, &command, &fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, "log");
}

static enum status verify_signed(const struct command *command, enum who first, enum who second)
{
    struct signed_document document = {0};
    struct command out;
    world_sign_command(&document, &world, command, first, second);
    enum status status = command_verify(&out, &document, &world.policy, world.now, NULL);
    signed_document_free(&document);
    return status;
}

Test(command, one_person_stops_a_key_and_nothing_else)
{
    for (size_t i = 0; i < KEY_ACTION_COUNT; i++) {
        const struct command command = world_command(&world, key_actions[i], HOT);
        bool stops = key_actions[i] == COMMAND_KEY_SUSPEND || key_actions[i] == COMMAND_KEY_DEACTIVATE;
        cr_expect(verify_signed(&command, ADA, WHO_COUNT) == (stops ? STATUS_OK : STATUS_QUORUM_MISSING));
        cr_expect(verify_signed(&command, ADA, AMY) == (stops ? STATUS_SIGNATURE_INVALID : STATUS_OK));
        cr_expect(verify_signed(&command, TESS, WHO_COUNT) == (stops ? STATUS_OK : STATUS_UNKNOWN_KEY));
        cr_expect(verify_signed(&command, TESS, THEO) == (stops ? STATUS_SIGNATURE_INVALID : STATUS_UNKNOWN_KEY));
    }
}

Test(command, two_keys_of_one_administrator_are_one_person)
{
    struct person *ada = &world.policy.people[0];
    ada->keys[ada->key_count].key = *test_key_public(world.keys[STRANGER]);
    public_key_id(&ada->keys[ada->key_count].id, &ada->keys[ada->key_count].key);
    ada->key_count++;
    for (size_t i = 0; i < KEY_ACTION_COUNT; i++) {
        const struct command command = world_command(&world, key_actions[i], HOT);
        bool stops = key_actions[i] == COMMAND_KEY_SUSPEND || key_actions[i] == COMMAND_KEY_DEACTIVATE;
        cr_expect(verify_signed(&command, ADA, STRANGER) == (stops ? STATUS_SIGNATURE_INVALID : STATUS_QUORUM_MISSING));
        cr_expect(verify_signed(&command, STRANGER, AMY) == (stops ? STATUS_SIGNATURE_INVALID : STATUS_OK));
    }
}

Test(command, who_may_stop_a_key)
{
    static const struct {
        enum who who;
        enum status status;
    } rows[] = {
        {ADA, STATUS_OK},  {BERT, STATUS_OK},          {DAVE, STATUS_OK},         {OLGA, STATUS_OK},
        {TESS, STATUS_OK}, {AUDREY, STATUS_FORBIDDEN}, {HOT, STATUS_UNKNOWN_KEY}, {STRANGER, STATUS_UNKNOWN_KEY},
    };
    const struct command command = world_command(&world, COMMAND_KEY_SUSPEND, HOT);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum status status = verify_signed(&command, rows[i].who, WHO_COUNT);
        cr_expect(status == rows[i].status, "%zu: %s", i, status_info(status)->code);
    }
    world.policy.people[0].valid_until = world.now; /* ada */
    cr_expect(verify_signed(&command, ADA, WHO_COUNT) == STATUS_EXPIRED);
}

Test(command, the_one_signature_is_over_this_command)
{
    const struct command command = world_command(&world, COMMAND_KEY_SUSPEND, HOT);
    const struct command other = world_command(&world, COMMAND_KEY_SUSPEND, COLD);
    struct signed_document document = {0};
    struct command out;
    world_sign_command(&document, &world, &other, OLGA, WHO_COUNT);
    bytes_free(&document.document);
    cr_assert(command_encode(&document.document, &command, NULL) == STATUS_OK);
    cr_expect(command_verify(&out, &document, &world.policy, world.now, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}

Test(command, about_a_key_serves_in_its_time)
{
    struct command command = world_command(&world, COMMAND_KEY_RETIRE, HOT);
    command.expires_at = world.now + 1;
    command.issued_at = world.now - 1;
    cr_expect(verify_signed(&command, ADA, AMY) == STATUS_OK);
    command.expires_at = world.now;
    cr_expect(verify_signed(&command, ADA, AMY) == STATUS_EXPIRED);
    command.issued_at = world.now + 60000000;
    command.expires_at = command.issued_at + 1;
    cr_expect(verify_signed(&command, ADA, AMY) == STATUS_OK);
    command.issued_at++;
    command.expires_at++;
    cr_expect(verify_signed(&command, ADA, AMY) == STATUS_NOT_READY);
}

/* Freezes */

static struct command freeze_command(enum command_action action)
{
    struct command command = world_command(&world, action, HOT);
    freeze_target_asset(&command.target, &world.intent.asset);
    command.on = 7;
    return command;
}

static void expect_freeze_rows(const struct command *command, const struct refusal *rows, size_t count)
{
    struct bytes bytes = {0};
    cr_assert(command_encode(&bytes, command, NULL) == STATUS_OK);
    json_t *valid = json_loads((const char *)bytes.data, 0, NULL);
    expect_refusals(decode, valid, rows, count);
    json_decref(valid);
    bytes_free(&bytes);
}

Test(command, every_rule_of_a_freeze_broken_once)
{
    static const struct refusal both[] = {
        {"expires_at", "\"" NOW "\"", STATUS_INVALID, "expires_at", "after issued_at"},
        {"expires_at", NULL, STATUS_MISSING_FIELD, "expires_at", "required"},
        {"from", "\"active\"", STATUS_UNKNOWN_FIELD, "from", "no such field"},
        {"key", "\"" ASSET_A "\"", STATUS_UNKNOWN_FIELD, "key", "no such field"},
        {"reason", NULL, STATUS_MISSING_FIELD, "reason", "required"},
        {"role", "\"audit\"", STATUS_INVALID, "role", "transfer"},
        {"scope", NULL, STATUS_MISSING_FIELD, "scope", "required"},
        {"scope", "\"key\"", STATUS_INVALID, "scope", "everything"},
        {"scope", "\"everything\"", STATUS_INVALID, "subject", "none"},
        {"subject", "\"EUR\"", STATUS_INVALID, "subject", "hexadecimal"},
        {"subject", NULL, STATUS_INVALID, "subject", "hexadecimal"},
        {"subject", "\"\"", STATUS_INVALID, "subject", "characters"},
    };
    static const struct refusal freeze[] = {{"on", "\"1\"", STATUS_UNKNOWN_FIELD, "on", "no such field"}};
    static const struct refusal thaw[] = {{"on", NULL, STATUS_MISSING_FIELD, "on", "required"},
                                          {"on", "\"0\"", STATUS_INVALID, "on", "from 1"}};
    const struct command commands[] = {freeze_command(COMMAND_FREEZE), freeze_command(COMMAND_THAW)};
    expect_freeze_rows(&commands[0], both, sizeof(both) / sizeof(both[0]));
    expect_freeze_rows(&commands[1], both, sizeof(both) / sizeof(both[0]));
    expect_freeze_rows(&commands[0], freeze, 1);
    expect_freeze_rows(&commands[1], thaw, 2);
}

Test(command, freezes_are_read_as_they_were_written)
{
    const struct name wallet = name_of("hot");
    struct command commands[] = {freeze_command(COMMAND_FREEZE), freeze_command(COMMAND_THAW),
                                 freeze_command(COMMAND_THAW)};
    freeze_target_wallet(&commands[1].target, &wallet);
    commands[2].target = (struct freeze_target){.scope = FREEZE_EVERYTHING};
    for (size_t i = 0; i < 3; i++) {
        struct bytes bytes = {0};
        struct command read;
        cr_assert(command_encode(&bytes, &commands[i], NULL) == STATUS_OK);
        cr_assert(command_decode(&read, bytes.data, bytes.len, NULL) == STATUS_OK);
        cr_expect(freeze_target_equal(&read.target, &commands[i].target));
        cr_expect(read.on == (i == 0 ? 0 : 7));
        bytes_free(&bytes);
    }
}

Test(command, one_person_freezes_and_the_quorum_thaws)
{
    const struct command freeze = freeze_command(COMMAND_FREEZE);
    const struct command thaw = freeze_command(COMMAND_THAW);
    cr_expect(verify_signed(&freeze, TESS, WHO_COUNT) == STATUS_OK);
    cr_expect(verify_signed(&freeze, AUDREY, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify_signed(&freeze, ADA, AMY) == STATUS_SIGNATURE_INVALID);
    cr_expect(verify_signed(&thaw, ADA, WHO_COUNT) == STATUS_QUORUM_MISSING);
    cr_expect(verify_signed(&thaw, TESS, THEO) == STATUS_UNKNOWN_KEY);
    cr_expect(verify_signed(&thaw, ADA, AMY) == STATUS_OK);
}

static struct command person_command(enum command_action action)
{
    struct command command = freeze_command(action == COMMAND_PERSON_SUSPEND ? COMMAND_FREEZE : COMMAND_THAW);
    command.action = action;
    command.role = (enum signer_role)0;
    command.target = (struct freeze_target){.scope = (enum freeze_scope)0};
    command.person = name_of("theo");
    return command;
}

Test(command, a_person_is_suspended_by_one_and_resumed_by_the_quorum)
{
    static const struct refusal both[] = {
        {"person", NULL, STATUS_MISSING_FIELD, "person", "required"},
        {"person", "\"Theo X\"", STATUS_INVALID, "person", ""},
        {"role", "\"transfer\"", STATUS_UNKNOWN_FIELD, "role", "no such field"},
        {"reason", NULL, STATUS_MISSING_FIELD, "reason", "required"},
    };
    static const struct refusal resume[] = {{"on", NULL, STATUS_MISSING_FIELD, "on", "required"},
                                            {"on", "\"0\"", STATUS_INVALID, "on", "from 1"}};
    const struct command commands[] = {person_command(COMMAND_PERSON_SUSPEND), person_command(COMMAND_PERSON_RESUME)};
    expect_freeze_rows(&commands[0], both, sizeof(both) / sizeof(both[0]));
    expect_freeze_rows(&commands[1], both, sizeof(both) / sizeof(both[0]));
    expect_freeze_rows(&commands[1], resume, 2);
    cr_expect(verify_signed(&commands[0], TESS, WHO_COUNT) == STATUS_OK);
    cr_expect(verify_signed(&commands[0], AUDREY, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify_signed(&commands[0], ADA, AMY) == STATUS_SIGNATURE_INVALID);
    cr_expect(verify_signed(&commands[1], ADA, WHO_COUNT) == STATUS_QUORUM_MISSING);
    cr_expect(verify_signed(&commands[1], ADA, AMY) == STATUS_OK);
}

/* One person's word against a version that waits, for the signers of all roles at once. */
Test(command, a_veto_is_of_one_person_and_for_every_role)
{
    static const struct refusal rows[] = {
        {"subject", NULL, STATUS_MISSING_FIELD, "subject", "required"},
        {"subject", "\"everything\"", STATUS_INVALID, "subject", "hexadecimal"},
        {"expires_at", NULL, STATUS_MISSING_FIELD, "expires_at", "required"},
        {"reason", NULL, STATUS_MISSING_FIELD, "reason", "required"},
        {"role", "\"transfer\"", STATUS_UNKNOWN_FIELD, "role", "no such field"},
        {"key", "\"" ZEROS "\"", STATUS_UNKNOWN_FIELD, "key", "no such field"},
        {"on", "\"1\"", STATUS_UNKNOWN_FIELD, "on", "no such field"},
        {"scope", "\"everything\"", STATUS_UNKNOWN_FIELD, "scope", "no such field"},
    };
    struct command veto = world_command(&world, COMMAND_POLICY_VETO, HOT);
    struct bytes bytes = {0};
    json_t *json = NULL;
    struct command read;
    veto.subject = digest_of(ASSET_B);
    cr_assert(command_encode(&bytes, &veto, NULL) == STATUS_OK);
    cr_assert(command_decode(&read, bytes.data, bytes.len, NULL) == STATUS_OK);
    cr_expect(digest_equal(&read.subject, &veto.subject) && read.role == 0 && digest_is_zero(&read.key));
    cr_assert(canon_parse(&json, bytes.data, bytes.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    expect_refusals(decode, json, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(json);
    bytes_free(&bytes);
    cr_expect(verify_signed(&veto, TESS, WHO_COUNT) == STATUS_OK);
    cr_expect(verify_signed(&veto, ADA, WHO_COUNT) == STATUS_OK);
    cr_expect(verify_signed(&veto, BERT, WHO_COUNT) == STATUS_OK);
    cr_expect(verify_signed(&veto, AUDREY, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify_signed(&veto, ADA, AMY) == STATUS_SIGNATURE_INVALID);
}

/* One person's word against a withdrawal, for the signers of transfers. */
Test(command, a_veto_of_a_withdrawal_is_of_one_person)
{
    static const struct refusal rows[] = {
        {"subject", NULL, STATUS_MISSING_FIELD, "subject", "required"},
        {"expires_at", NULL, STATUS_MISSING_FIELD, "expires_at", "required"},
        {"reason", NULL, STATUS_MISSING_FIELD, "reason", "required"},
        {"role", NULL, STATUS_MISSING_FIELD, "role", "required"},
        {"role", "\"audit\"", STATUS_INVALID, "role", "transfer"},
        {"key", "\"" ZEROS "\"", STATUS_UNKNOWN_FIELD, "key", "no such field"},
        {"on", "\"1\"", STATUS_UNKNOWN_FIELD, "on", "no such field"},
    };
    struct command veto = world_command(&world, COMMAND_WITHDRAWAL_VETO, HOT);
    struct bytes bytes = {0};
    json_t *json = NULL;
    veto.subject = digest_of(ASSET_B);
    veto.role = ROLE_TRANSFER;
    cr_assert(command_encode(&bytes, &veto, NULL) == STATUS_OK);
    cr_assert(canon_parse(&json, bytes.data, bytes.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    expect_refusals(decode, json, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(json);
    bytes_free(&bytes);
    cr_expect(verify_signed(&veto, BERT, WHO_COUNT) == STATUS_OK);
    cr_expect(verify_signed(&veto, AUDREY, WHO_COUNT) == STATUS_FORBIDDEN);
    cr_expect(verify_signed(&veto, ADA, AMY) == STATUS_SIGNATURE_INVALID);
}

Test(command, only_what_a_wallet_has_is_frozen)
{
    struct freeze_target target;
    const struct name other = name_of("other");
    freeze_target_asset(&target, &world.intent.asset);
    cr_expect(freeze_target_check(&target, &world.policy, NULL) == STATUS_OK);
    freeze_target_asset(&target, &world.intent_digest);
    cr_expect(freeze_target_check(&target, &world.policy, NULL) == STATUS_NOT_FOUND);
    freeze_target_wallet(&target, &world.intent.wallet);
    cr_expect(freeze_target_check(&target, &world.policy, NULL) == STATUS_OK);
    freeze_target_wallet(&target, &other);
    cr_expect(freeze_target_check(&target, &world.policy, NULL) == STATUS_NOT_FOUND);
    target = (struct freeze_target){.scope = FREEZE_EVERYTHING};
    cr_expect(freeze_target_check(&target, &world.policy, NULL) == STATUS_OK);
}
