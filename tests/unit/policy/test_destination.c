/*
 * Destinations: every rule of the document broken once, and every entry of the allow-list that must not be believed.
 */
#include "policy/destination.h"

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

TestSuite(destination, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct destination destination;
    return destination_decode(&destination, document, len, fault);
}

static void expect_verdict(const struct signed_document *document, enum status expected, const char *where)
{
    struct fault fault = {0};
    struct destination destination;
    enum status status = destination_verify(&destination, document, &world.policy, world.now, &fault);
    cr_expect(status == expected, "status %s, not %s", status_info(status)->code, status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
}

static void expect_refused(const struct destination *destination, enum status expected, const char *where)
{
    struct signed_document document = {0};
    world_sign_destination(&document, &world, destination);
    expect_verdict(&document, expected, where);
    signed_document_free(&document);
}

/* The world's entry with signatures of exactly these two, the second may be WHO_COUNT for nobody. */
static void expect_signed_by(enum who first, enum who second, enum status expected, const char *where)
{
    struct signed_document document = {0};
    const struct bytes *bytes = &world.destination.document;
    cr_assert(bytes_copy(&document.document, bytes->data, bytes->len) == STATUS_OK);
    test_key_sign_document(&document, DESTINATION_KIND, world.keys[first]);
    if (second != WHO_COUNT) {
        test_key_sign_document(&document, DESTINATION_KIND, world.keys[second]);
    }
    expect_verdict(&document, expected, where);
    signed_document_free(&document);
}

Test(destination, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"account", "\"sr1\"", STATUS_INVALID, "account", "address"},
        {"account", NULL, STATUS_MISSING_FIELD, "account", "required"},
        {"chain", "\"\"", STATUS_INVALID, "chain", "hexadecimal"},
        {"environment", "\"\"", STATUS_INVALID, "environment", "name"},
        {"group", NULL, STATUS_MISSING_FIELD, "group", "required"},
        {"group", "\"\"", STATUS_INVALID, "group", "name"},
        {"id", "\"Exchange\"", STATUS_INVALID, "id", "name"},
        {"issued_at", "0", STATUS_INVALID, "issued_at", "time"},
        {"policy", NULL, STATUS_MISSING_FIELD, "policy", "required"},
        {"valid_until", "\"" ISSUED_AT "\"", STATUS_INVALID, "valid_until", "after issued_at"},
        {"owner", "\"x\"", STATUS_UNKNOWN_FIELD, "owner", "no such field"},
    };
    json_t *valid = json_loads((const char *)world.destination.document.data, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
}

Test(destination, the_right_one_verifies)
{
    expect_verdict(&world.destination, STATUS_OK, "");
}

Test(destination, of_another_policy_chain_or_environment_is_refused)
{
    struct destination destination = world_destination(&world);
    destination.policy.bytes32[5] ^= 1;
    expect_refused(&destination, STATUS_MISMATCH, "policy");
    destination = world_destination(&world);
    destination.chain.bytes32[5] ^= 1;
    expect_refused(&destination, STATUS_MISMATCH, "chain");
    destination = world_destination(&world);
    destination.environment = name_of("production");
    expect_refused(&destination, STATUS_MISMATCH, "environment");
}

Test(destination, expires_at_the_microsecond)
{
    struct destination destination = world_destination(&world);
    destination.valid_until = world.now;
    expect_refused(&destination, STATUS_EXPIRED, "valid_until");
    destination.valid_until = world.now + 1;
    expect_refused(&destination, STATUS_OK, "");
}

Test(destination, needs_the_governance_quorum_and_nobody_else)
{
    expect_signed_by(AMY, ALAN, STATUS_OK, "");
    expect_signed_by(ADA, WHO_COUNT, STATUS_QUORUM_MISSING, "signatures");
    expect_signed_by(ADA, BERT, STATUS_UNKNOWN_KEY, "signatures[1]");
    expect_signed_by(BERT, BOB, STATUS_UNKNOWN_KEY, "signatures[0]");
    expect_signed_by(ADA, STRANGER, STATUS_UNKNOWN_KEY, "signatures[1]");
    expect_signed_by(HOT, ADA, STATUS_UNKNOWN_KEY, "signatures[0]");
}

Test(destination, expired_administrators_do_not_count)
{
    world.policy.people[0].valid_until = world.now; /* ada */
    expect_verdict(&world.destination, STATUS_QUORUM_MISSING, "signatures");
    world.policy.people[0].valid_until = world.now + 1;
    expect_verdict(&world.destination, STATUS_OK, "");
}

Test(destination, two_keys_of_one_administrator_count_once)
{
    struct person *ada = &world.policy.people[0];
    ada->keys[ada->key_count].key = *test_key_public(world.keys[STRANGER]);
    public_key_id(&ada->keys[ada->key_count].id, &ada->keys[ada->key_count].key);
    ada->key_count++;
    expect_signed_by(ADA, STRANGER, STATUS_QUORUM_MISSING, "signatures");
}
