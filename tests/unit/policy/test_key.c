/*
 * Key documents: every rule of the document broken once, every floor below which no quorum can sign, and who must have
 * signed. The signer believes nothing else about a key.
 */
#include "policy/key.h"

#include "fixture.h"

#include <criterion/criterion.h>

#define DAY_US (86400LL * 1000000)

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(key, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct key_document key;
    return key_document_decode(&key, document, len, fault);
}

static json_t *json_of(const struct key_document *key)
{
    struct bytes bytes = {0};
    cr_assert(key_document_encode(&bytes, key, NULL) == STATUS_OK);
    json_t *object = json_loads((const char *)bytes.data, 0, NULL);
    bytes_free(&bytes);
    return object;
}

static void expect_rows(const struct key_document *key, const struct refusal *rows, size_t count)
{
    json_t *valid = json_of(key);
    expect_refusals(decode, valid, rows, count);
    json_decref(valid);
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define TEXT_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

Test(key, every_shape_broken_once)
{
    static const struct refusal rows[] = {
        {"activation", "\"sometimes\"", STATUS_INVALID, "activation", "attended"},
        {"activation", "\"\"", STATUS_INVALID, "activation", "attended"},
        {"alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "alg", "register"},
        {"alg", "\"ed25519\"", STATUS_INVALID, "key", ""},
        {"approved", "\"yes\"", STATUS_INVALID, "approved", "true or false"},
        {"backup", "\"paper\"", STATUS_INVALID, "backup", "wrapped"},
        {"backup_document", "\"" ZEROS "\"", STATUS_INVALID, "backup_document", "left out"},
        {"box_seconds", "\"60\"", STATUS_INVALID, "box_seconds", "integer"},
        {"box_signatures", "5", STATUS_INVALID, "box_signatures", "digits"},
        {"ceremony", NULL, STATUS_MISSING_FIELD, "ceremony", "required"},
        {"chain", "\"\"", STATUS_INVALID, "chain", "hexadecimal"},
        {"creator", "\"Ada\"", STATUS_INVALID, "creator", "name"},
        {"custodians[0]", "7", STATUS_INVALID, "custodians", "names"},
        {"emergency[0]", "\"sr1\"", STATUS_INVALID, "emergency", "address"},
        {"emergency[0]", "null", STATUS_NOT_CANONICAL, "emergency", ""},
        {"environment", NULL, STATUS_MISSING_FIELD, "environment", "required"},
        {"idle_seconds", "-1", STATUS_INVALID, "idle_seconds", "integer"},
        {"issued_at", "\"now\"", STATUS_INVALID, "issued_at", "time"},
        {"key", "\"AAAA\"", STATUS_INVALID, "key", ""},
        {"location", "\"a b\"", STATUS_INVALID, "location", "name"},
        {"owner", "\"bank\"", STATUS_INVALID, "owner", "customer"},
        {"policy", NULL, STATUS_MISSING_FIELD, "policy", "required"},
        {"purpose", "\"anything\"", STATUS_INVALID, "purpose", "transfer"},
        {"replaces", "\"" ZEROS "\"", STATUS_INVALID, "replaces", "left out"},
        {"tier", "\"lukewarm\"", STATUS_INVALID, "tier", "hot"},
        {"token", "\"SoftHSM\"", STATUS_INVALID, "token", "object"},
        {"token.serial", "\" 1\"", STATUS_INVALID, "token.serial", "blank"},
        {"token.label", "\"" TEXT_64 "0\"", STATUS_INVALID, "token.label", "64"},
        {"token.slot", "\"1\"", STATUS_UNKNOWN_FIELD, "token.slot", "no such field"},
        {"valid_from", NULL, STATUS_MISSING_FIELD, "valid_from", "required"},
        {"state", "\"active\"", STATUS_UNKNOWN_FIELD, "state", "no such field"},
    };
    const struct key_document key = world_key_document(&world, HOT);
    expect_rows(&key, rows, COUNT(rows));
}

Test(key, every_floor_broken_once)
{
    static const struct refusal rows[] = {
        {"backup", "\"none\"", STATUS_INVALID, "backup", "has a backup"},
        {"backup", "\"clone\"", STATUS_INVALID, "backup_document", "wrapped only"},
        {"backup_document", NULL, STATUS_INVALID, "backup_document", "required"},
        {"box_seconds", "59", STATUS_INVALID, "box_seconds", "60"},
        {"box_seconds", "34560001", STATUS_INVALID, "box_seconds", "34560000"},
        {"box_signatures", "\"0\"", STATUS_INVALID, "box_signatures", "from 1"},
        {"custodians", "[\"tess\"]", STATUS_INVALID, "custodians", "2 to 16"},
        {"custodians", "[\"theo\",\"tess\"]", STATUS_INVALID, "custodians", "tess stands too late"},
        {"custodians", "[\"tess\",\"tess\"]", STATUS_INVALID, "custodians", "duplicates"},
        {"approved", "true", STATUS_INVALID, "approved", "SoftHSM"},
        {"idle_seconds", "34560001", STATUS_INVALID, "idle_seconds", "34560000"},
        {"idle_seconds", "9007199254740991", STATUS_INVALID, "idle_seconds", "34560000"},
        {"drill_days", "0", STATUS_INVALID, "drill_days", "1 to 366"},
        {"drill_days", "367", STATUS_INVALID, "drill_days", "1 to 366"},
        {"activation", "\"unattended\"", STATUS_INVALID, "idle_seconds", "unattended"},
        {"tier", "\"system\"", STATUS_INVALID, "tier", "for transfers"},
        {"purpose", "\"audit\"", STATUS_INVALID, "tier", "system"},
        {"purpose", "\"validator\"", STATUS_INVALID, "tier", "system"},
        {"valid_until", "\"" ISSUED_AT "\"", STATUS_INVALID, "valid_until", "after valid_from"},
        {"valid_until", "\"2029-01-02T03:04:05.000001Z\"", STATUS_INVALID, "valid_until", "1096 days"},
        {"retain_until", "\"2027-12-31T23:59:59.999999Z\"", STATUS_INVALID, "retain_until", "from valid_until"},
    };
    const struct key_document key = world_key_document(&world, HOT);
    expect_rows(&key, rows, COUNT(rows));
}

Test(key, the_key_of_a_role_without_wallet)
{
    static const struct refusal rows[] = {
        {"tier", "\"cold\"", STATUS_INVALID, "tier", "system"},
        {"drill_days", "90", STATUS_INVALID, "drill_days", "366"},
        {"backup_document", "\"" ASSET_A "\"", STATUS_INVALID, "backup_document", "wrapped only"},
        {"purpose", "\"transfer\"", STATUS_INVALID, "backup", "has a backup"},
    };
    struct key_document key = world_key_document(&world, HOT);
    key.purpose = ROLE_AUDIT;
    key.tier = TIER_SYSTEM;
    key.backup = KEY_BACKUP_NONE;
    key.backup_document = (struct digest){0};
    key.drill_days = KEY_DRILL_DAYS_MAX;
    key.activation = KEY_UNATTENDED;
    key.idle_seconds = 0;
    expect_rows(&key, rows, COUNT(rows));
}

/* What stands at the edge is allowed. */
Test(key, the_limits_themselves)
{
    struct key_document key = world_key_document(&world, HOT);
    key.valid_until = key.valid_from + 1096 * DAY_US;
    key.retain_until = key.valid_until;
    key.box_seconds = 60;
    key.box_signatures = 1;
    key.drill_days = 1;
    json_decref(json_of(&key));
    key.box_seconds = 34560000;
    key.box_signatures = INT64_MAX;
    key.idle_seconds = 34560000;
    key.drill_days = 366;
    key.emergency_count = 0;
    json_decref(json_of(&key));
    key.valid_until++;
    key.retain_until++;
    struct bytes bytes = {0};
    cr_expect(key_document_encode(&bytes, &key, NULL) == STATUS_INVALID);
}

Test(key, a_key_does_not_replace_itself)
{
    struct key_document key = world_key_document(&world, HOT);
    struct bytes bytes = {0};
    struct fault fault = {0};
    key.replaces = key.key_id;
    cr_expect(key_document_encode(&bytes, &key, &fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, "replaces");
    public_key_id(&key.replaces, test_key_public(world.keys[COLD]));
    json_decref(json_of(&key));
}

Test(key, emergency_addresses_stand_in_order)
{
    struct key_document key = world_key_document(&world, HOT);
    struct bytes bytes = {0};
    struct fault fault = {0};
    key.emergency_count = 2;
    key.emergency[1] = key.emergency[0];
    cr_expect(key_document_encode(&bytes, &key, &fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, "emergency");
    memset(&key.emergency[0], 0x01, sizeof(key.emergency[0]));
    memset(&key.emergency[1], 0x02, sizeof(key.emergency[1]));
    json_decref(json_of(&key));
    cr_expect(key_document_emergency(&key, &key.emergency[1]));
    cr_expect_not(key_document_emergency(&key, &world.destination_account));
}

Test(key, what_is_written_is_read)
{
    struct key_document key = world_key_document(&world, COLD);
    struct key_document read;
    struct bytes first = {0};
    struct bytes second = {0};
    struct digest digest;
    public_key_id(&key.replaces, test_key_public(world.keys[HOT]));
    cr_assert(key_document_encode(&first, &key, NULL) == STATUS_OK);
    cr_assert(key_document_decode(&read, first.data, first.len, NULL) == STATUS_OK);
    cr_assert(key_document_encode(&second, &read, NULL) == STATUS_OK);
    cr_expect(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    cr_expect(digest_equal(&read.key_id, &key.key_id));
    cr_expect(public_key_equal(&read.key, &key.key));
    cr_expect(read.custodian_count == 2 && strcmp(read.custodians[1].text, "theo") == 0);
    cr_expect(token_identity_equal(&read.token, &key.token));
    key_document_digest(&digest, first.data, first.len);
    struct digest expected;
    digest_document(&expected, "key", second.data, second.len);
    cr_expect(digest_equal(&digest, &expected));
    bytes_free(&first);
    bytes_free(&second);
}

static enum status verify(const struct key_document *key, enum who first, enum who second, const char *where)
{
    struct signed_document document = {0};
    struct key_document read;
    struct fault fault = {0};
    cr_assert(key_document_encode(&document.document, key, NULL) == STATUS_OK);
    test_key_sign_document(&document, KEY_KIND, world.keys[first]);
    if (second != WHO_COUNT) {
        test_key_sign_document(&document, KEY_KIND, world.keys[second]);
    }
    enum status status = key_document_verify(&read, &document, &world.policy, world.now, &fault);
    cr_expect_str_eq(fault.where, where);
    signed_document_free(&document);
    return status;
}

Test(key, needs_the_governance_quorum)
{
    const struct key_document key = world_key_document(&world, HOT);
    cr_expect(verify(&key, ADA, AMY, "") == STATUS_OK);
    cr_expect(verify(&key, ADA, WHO_COUNT, "signatures") == STATUS_QUORUM_MISSING);
    cr_expect(verify(&key, ADA, TESS, "signatures[1]") == STATUS_UNKNOWN_KEY);
    cr_expect(verify(&key, ADA, HOT, "signatures[1]") == STATUS_UNKNOWN_KEY);
    world.policy.people[0].valid_until = world.now;
    cr_expect(verify(&key, ADA, AMY, "signatures") == STATUS_QUORUM_MISSING);
}

Test(key, a_signature_over_another_kind_of_document_does_not_count)
{
    const struct key_document key = world_key_document(&world, HOT);
    struct signed_document document = {0};
    struct key_document read;
    cr_assert(key_document_encode(&document.document, &key, NULL) == STATUS_OK);
    test_key_sign_document(&document, DESTINATION_KIND, world.keys[ADA]);
    test_key_sign_document(&document, KEY_KIND, world.keys[AMY]);
    cr_expect(key_document_verify(&read, &document, &world.policy, world.now, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}

Test(key, of_another_ledger_or_policy_is_refused)
{
    struct key_document key = world_key_document(&world, HOT);
    key.chain.bytes32[0] ^= 1;
    cr_expect(verify(&key, ADA, AMY, "chain") == STATUS_MISMATCH);
    key = world_key_document(&world, HOT);
    key.environment = name_of("production");
    cr_expect(verify(&key, ADA, AMY, "environment") == STATUS_MISMATCH);
    key = world_key_document(&world, HOT);
    key.policy.bytes32[0] ^= 1;
    cr_expect(verify(&key, ADA, AMY, "policy") == STATUS_MISMATCH);
}

Test(key, custodians_are_people_with_that_duty)
{
    struct key_document key = world_key_document(&world, HOT);
    key.custodians[0] = name_of("olga"); /* an operator */
    cr_expect(verify(&key, ADA, AMY, "custodians") == STATUS_MISMATCH);
    key.custodians[0] = name_of("nobody");
    cr_expect(verify(&key, ADA, AMY, "custodians") == STATUS_MISMATCH);
}

static enum status check_new(const struct key_document *key, const char *where)
{
    struct fault fault = {0};
    enum status status = key_document_check_new(key, &world.policy, world.now, &fault);
    cr_expect_str_eq(fault.where, where);
    return status;
}

Test(key, what_a_new_key_must_fulfil)
{
    struct key_document key = world_key_document(&world, HOT);
    cr_expect(check_new(&key, "") == STATUS_OK);
    key.issued_at = world.now + 60000000;
    cr_expect(check_new(&key, "") == STATUS_OK);
    key.issued_at++;
    cr_expect(check_new(&key, "issued_at") == STATUS_NOT_READY);
    key = world_key_document(&world, HOT);
    key.valid_until = world.now + 1;
    cr_expect(check_new(&key, "") == STATUS_OK);
    key.valid_until = world.now;
    cr_expect(check_new(&key, "valid_until") == STATUS_EXPIRED);
    key = world_key_document(&world, HOT);
    world.policy.people[10].valid_until = world.now; /* tess */
    cr_expect(check_new(&key, "custodians") == STATUS_EXPIRED);
}

Test(key, the_cryptoperiod_ends_before_its_end)
{
    const struct key_document key = world_key_document(&world, HOT);
    cr_expect(key_document_valid(&key, key.valid_from));
    cr_expect(key_document_valid(&key, key.valid_until - 1));
    cr_expect_not(key_document_valid(&key, key.valid_from - 1));
    cr_expect_not(key_document_valid(&key, key.valid_until));
}

static enum status check_box(const struct key_document *key, const struct command *command, const char *where)
{
    struct fault fault = {0};
    enum status status = key_document_check_box(key, command, world.now, &fault);
    cr_expect_str_eq(fault.where, where);
    return status;
}

Test(key, no_box_is_larger_than_the_document_says)
{
    struct key_document key = world_key_document(&world, HOT);
    struct command command = world_command(&world, COMMAND_KEY_ACTIVATE, HOT);
    command.signatures = key.box_signatures;
    command.until = world.now + key.box_seconds * 1000000;
    cr_expect(check_box(&key, &command, "") == STATUS_OK);
    command.until++;
    cr_expect(check_box(&key, &command, "until") == STATUS_LIMIT_EXCEEDED);
    command.until = world.now;
    cr_expect(check_box(&key, &command, "until") == STATUS_EXPIRED);
    command.until = world.now + 2;
    command.signatures++;
    cr_expect(check_box(&key, &command, "signatures") == STATUS_LIMIT_EXCEEDED);
    command.signatures--;
    key.valid_until = world.now + 1;
    cr_expect(check_box(&key, &command, "until") == STATUS_LIMIT_EXCEEDED);
}
