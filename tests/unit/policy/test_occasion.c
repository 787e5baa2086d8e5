/*
 * The occasion: two people answer for a receiving key, and it serves this key, action, set and time and nothing else.
 */
#include <criterion/criterion.h>

#include "vault.h"

#define MUST(call) cr_assert((call) == STATUS_OK, "%s", #call)

static struct vault vault;

static void setup(void)
{
    vault_init(&vault);
}

static void teardown(void)
{
    vault_wipe(&vault);
}

TestSuite(occasion, .init = setup, .fini = teardown);

static const enum who right[] = {OLGA, ALAN, WHO_COUNT};

static struct occasion restoring(void)
{
    struct occasion occasion = vault.occasion;
    occasion.action = OCCASION_RESTORE;
    occasion.executor = name_of("theo");
    (void)snprintf(occasion.serial, sizeof(occasion.serial), "fedcba98");
    occasion.set = vault.backup_digest;
    return occasion;
}

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct occasion occasion;
    return occasion_decode(&occasion, document, len, fault);
}

static json_t *json_of(const struct bytes *document)
{
    json_t *json = json_loads((const char *)document->data, 0, NULL);
    cr_assert(json != NULL);
    return json;
}

static void expect_rules(const struct occasion *occasion, const struct refusal *rows, size_t count)
{
    struct bytes document = {0};
    cr_assert(occasion_encode(&document, occasion, NULL) == STATUS_OK);
    json_t *valid = json_of(&document);
    expect_refusals(decode, valid, rows, count);
    json_decref(valid);
    bytes_free(&document);
}

Test(occasion, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"action", "\"steal\"", STATUS_INVALID, "action", "activate, restore or drill"},
        {"action", "\"activate\"", STATUS_INVALID, "executor", "only for them"},
        {"authoriser", "\"olga\"", STATUS_INVALID, "authoriser", "olga has requested it"},
        {"executor", "\"olga\"", STATUS_INVALID, "executor", "olga has requested it"},
        {"executor", "\"alan\"", STATUS_INVALID, "executor", "alan has authorised it"},
        {"executor", NULL, STATUS_INVALID, "executor", "for restore and drill"},
        {"expires_at", "\"2020-01-01T00:00:00.000000Z\"", STATUS_INVALID, "expires_at", "after issued_at"},
        {"expires_at", "\"2099-01-01T00:00:00.000000Z\"", STATUS_INVALID, "expires_at", "at most a day"},
        {"issued_at", NULL, STATUS_MISSING_FIELD, "issued_at", "required"},
        {"serial", "\"\"", STATUS_INVALID, "serial", "1 to"},
        {"to", "\"AAAA\"", STATUS_INVALID, "to", "32"},
        {"note", "1", STATUS_UNKNOWN_FIELD, "note", "no such field"},
    };
    static const struct refusal activate[] = {
        {"serial", "\"1\"", STATUS_INVALID, "serial", "only for them"},
        {"set", "\"0000000000000000000000000000000000000000000000000000000000000000\"", STATUS_INVALID, "set",
         "the digest of the share set"},
    };
    const struct occasion occasion = restoring();
    expect_rules(&occasion, rows, sizeof(rows) / sizeof(rows[0]));
    expect_rules(&vault.occasion, activate, sizeof(activate) / sizeof(activate[0]));
    struct bytes document = {0};
    struct occasion bad = occasion;
    bad.authoriser = bad.requester;
    cr_expect(occasion_encode(&document, &bad, NULL) == STATUS_INVALID, "nor is it written");
    bad = occasion;
    bad.action = (enum occasion_action)4;
    cr_expect(occasion_encode(&document, &bad, NULL) == STATUS_INVALID);
}

static void expect_document(const struct signed_document *document, enum status expected, const char *where)
{
    struct occasion out;
    struct fault fault = {0};
    enum status status = occasion_verify(&out, document, &vault.world.policy, vault.world.now, &fault);
    cr_expect(status == expected, "status %s, not %s (%s: %s)", status_info(status)->code, status_info(expected)->code,
              fault.where, fault.detail);
    cr_expect(strcmp(fault.where, where) == 0, "where '%s', not '%s'", fault.where, where);
}

static void expect(const struct occasion *occasion, const enum who *signers, enum status expected, const char *where)
{
    struct signed_document document = {.signatures = NULL};
    vault_sign_occasion(&document, &vault, occasion, signers);
    expect_document(&document, expected, where);
    signed_document_free(&document);
}

Test(occasion, is_of_this_ledger_policy_and_time)
{
    struct occasion occasion = restoring();
    expect(&occasion, right, STATUS_OK, "");
    occasion.chain.bytes32[0] ^= 1;
    expect(&occasion, right, STATUS_MISMATCH, "chain");
    occasion = restoring();
    occasion.environment = name_of("live");
    expect(&occasion, right, STATUS_MISMATCH, "environment");
    occasion = restoring();
    occasion.policy.bytes32[0] ^= 1;
    expect(&occasion, right, STATUS_MISMATCH, "policy");
    occasion = restoring();
    occasion.expires_at = vault.world.now;
    expect(&occasion, right, STATUS_EXPIRED, "expires_at");
    occasion.expires_at++;
    expect(&occasion, right, STATUS_OK, "");
    occasion = restoring();
    occasion.issued_at = vault.world.now + OCCASION_EARLY_MAX_US;
    expect(&occasion, right, STATUS_OK, "");
    occasion.issued_at++;
    expect(&occasion, right, STATUS_NOT_READY, "issued_at");
}

Test(occasion, people_have_their_duties)
{
    static const enum who others[] = {BOB, ALAN, TESS, THEO, OLGA, WHO_COUNT};
    struct occasion occasion = restoring();
    occasion.requester = name_of("bob");
    expect(&occasion, others, STATUS_FORBIDDEN, "requester");
    occasion = restoring();
    occasion.authoriser = name_of("tess");
    expect(&occasion, others, STATUS_FORBIDDEN, "authoriser");
    occasion = restoring();
    occasion.executor = name_of("bob");
    expect(&occasion, right, STATUS_FORBIDDEN, "executor");
    occasion = restoring();
    occasion.requester = name_of("nobody");
    expect(&occasion, right, STATUS_FORBIDDEN, "requester");
}

Test(occasion, both_sign_and_nobody_else)
{
    static const enum who none[] = {WHO_COUNT};
    static const enum who asks[] = {OLGA, WHO_COUNT};
    static const enum who allows[] = {ALAN, WHO_COUNT};
    static const enum who twice[] = {OLGA, STRANGER, WHO_COUNT};
    static const enum who executor[] = {OLGA, ALAN, THEO, WHO_COUNT};
    static const enum who other_administrator[] = {OLGA, ADA, WHO_COUNT};
    const struct occasion occasion = restoring();
    expect(&occasion, none, STATUS_QUORUM_MISSING, "signatures");
    expect(&occasion, asks, STATUS_QUORUM_MISSING, "signatures");
    expect(&occasion, allows, STATUS_QUORUM_MISSING, "signatures");
    expect(&occasion, twice, STATUS_UNKNOWN_KEY, "signatures[1]");
    expect(&occasion, executor, STATUS_UNKNOWN_KEY, "signatures[2]");
    expect(&occasion, other_administrator, STATUS_UNKNOWN_KEY, "signatures[1]");
    expect(&vault.occasion, right, STATUS_OK, "");
}

Test(occasion, one_person_with_two_keys_is_one)
{
    struct person *olga = &vault.world.policy.people[0];
    while (strcmp(olga->id.text, "olga") != 0) {
        olga++;
    }
    cr_assert(olga->key_count < POLICY_KEYS_MAX);
    struct signed_document document = {.signatures = NULL};
    static const enum who twice[] = {OLGA, STRANGER, WHO_COUNT};
    olga->keys[olga->key_count].key = *test_key_public(vault.world.keys[STRANGER]);
    public_key_id(&olga->keys[olga->key_count].id, &olga->keys[olga->key_count].key);
    olga->key_count++;
    vault_sign_occasion(&document, &vault, &vault.occasion, twice);
    expect_document(&document, STATUS_DUPLICATE_PERSON, "signatures[1]");
    signed_document_free(&document);
}

Test(occasion, a_relay_cannot_change_the_receiver)
{
    struct signed_document document = {.signatures = NULL};
    struct signed_document forged = {.signatures = NULL};
    struct occasion occasion = vault.occasion;
    vault_sign_occasion(&document, &vault, &occasion, right);
    occasion.to.bytes32[0] ^= 1;
    MUST(occasion_encode(&forged.document, &occasion, NULL));
    struct bytes honest = document.document;
    document.document = forged.document;
    expect_document(&document, STATUS_SIGNATURE_INVALID, "signatures[0]");
    document.document = honest;
    expect_document(&document, STATUS_OK, "");
    document.signatures[1].bytes64[9] ^= 1;
    expect_document(&document, STATUS_SIGNATURE_INVALID, "signatures[1]");
    signed_document_free(&document);
    signed_document_free(&forged);
}

static void expect_receiver(const struct occasion *occasion, const struct occasion *receiver, const char *where)
{
    struct fault fault = {0};
    const struct occasion_receiver own = {receiver->action, &receiver->key, &receiver->set, receiver->serial,
                                          &receiver->to};
    enum status status = occasion_check_receiver(occasion, &own, &fault);
    cr_expect(status == (where[0] == '\0' ? STATUS_OK : STATUS_MISMATCH), "%s", fault.detail);
    cr_expect_str_eq(fault.where, where);
}

Test(occasion, a_receiver_takes_its_own_only)
{
    const struct occasion own = restoring();
    struct occasion other = own;
    expect_receiver(&own, &own, "");
    other.action = OCCASION_DRILL;
    expect_receiver(&other, &own, "action");
    other = own;
    other.key.bytes32[31] ^= 1;
    expect_receiver(&other, &own, "key");
    other = own;
    other.set.bytes32[31] ^= 1;
    expect_receiver(&other, &own, "set");
    other = own;
    other.serial[0] = 'e';
    expect_receiver(&other, &own, "serial");
    other = own;
    other.to.bytes32[31] ^= 1;
    expect_receiver(&other, &own, "to");
}

static void expect_share(const struct occasion *occasion, const struct share_document *share, enum status expected,
                         const char *where)
{
    struct fault fault = {0};
    enum status status = occasion_check_share(occasion, share, &vault.world.policy, vault.world.now, &fault);
    cr_expect(status == expected, "%s: %s", fault.where, fault.detail);
    cr_expect_str_eq(fault.where, where);
}

Test(occasion, a_custodian_gives_what_was_asked_for)
{
    struct occasion occasion = restoring();
    const struct share_document good = {
        .custodian = name_of("tess"), .key = occasion.key, .of = SHARE_OF_KEK, .set = occasion.set};
    struct share_document share = good;
    expect_share(&occasion, &good, STATUS_OK, "");
    occasion.action = OCCASION_DRILL;
    expect_share(&occasion, &good, STATUS_OK, "");
    occasion = restoring();
    share.of = SHARE_OF_PIN;
    expect_share(&occasion, &share, STATUS_MISMATCH, "action");
    share.set = vault.occasion.set;
    expect_share(&vault.occasion, &share, STATUS_OK, "");
    share.of = SHARE_OF_KEK;
    expect_share(&vault.occasion, &share, STATUS_MISMATCH, "action");
    share = good;
    share.key.bytes32[0] ^= 1;
    expect_share(&occasion, &share, STATUS_MISMATCH, "key");
    share = good;
    share.set.bytes32[0] ^= 1;
    expect_share(&occasion, &share, STATUS_MISMATCH, "set");
    share = good;
    share.custodian = name_of("bob");
    expect_share(&occasion, &share, STATUS_FORBIDDEN, "custodian");
    share.custodian = name_of("olga");
    expect_share(&occasion, &share, STATUS_DUPLICATE_PERSON, "custodian");
    share.custodian = name_of("alan");
    expect_share(&occasion, &share, STATUS_DUPLICATE_PERSON, "custodian");
}
