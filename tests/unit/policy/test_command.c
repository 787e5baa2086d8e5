/*
 * Commands: every rule of the document broken once; who may give one.
 */
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
        {"action", "\"key.export\"", STATUS_INVALID, "action", "guard.initialise"},
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
