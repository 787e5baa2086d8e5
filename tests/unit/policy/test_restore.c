/*
 * Restore proofs: split authority, enough shares, another token; every rule broken once.
 */
#include "policy/backup.h"

#include "vault.h"

#include <criterion/criterion.h>

static struct vault vault;

static void setup(void)
{
    vault_init(&vault);
}

static void teardown(void)
{
    vault_wipe(&vault);
}

TestSuite(restore, .init = setup, .fini = teardown);

static const enum who right[] = {HOT, OLGA, ALAN, THEO, WHO_COUNT};

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct restore restore;
    return restore_decode(&restore, document, len, fault);
}

static void expect_in(const struct restore_context *context, const struct signed_document *document,
                      enum status expected, const char *where)
{
    struct fault fault = {0};
    struct restore out;
    enum status status = restore_verify(&out, document, context, &fault);
    cr_expect(status == expected, "status %s, not %s (%s: %s)", status_info(status)->code, status_info(expected)->code,
              fault.where, fault.detail);
    cr_expect(strcmp(fault.where, where) == 0, "where '%s', not '%s'", fault.where, where);
}

static void expect(const struct restore *restore, const enum who *signers, enum status expected, const char *where)
{
    struct signed_document document = {0};
    const struct restore_context context = vault_restore_context(&vault);
    vault_sign_restore(&document, &vault, restore, signers);
    expect_in(&context, &document, expected, where);
    signed_document_free(&document);
}

Test(restore, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"authoriser", "\"olga\"", STATUS_INVALID, "authoriser", "olga has requested it"},
        {"executor", "\"olga\"", STATUS_INVALID, "executor", "olga has requested it"},
        {"executor", "\"alan\"", STATUS_INVALID, "executor", "alan has authorised it"},
        {"backup", "\"" ZEROS "\"", STATUS_INVALID, "shares", "none for a clone"},
        {"shares", "[]", STATUS_INVALID, "shares", "2 to 16"},
        {"shares[1]", NULL, STATUS_INVALID, "shares", "2 to 16"},
        {"shares[1]", "\"tess\"", STATUS_INVALID, "shares", "without duplicates"},
        {"shares[1]", "\"Theo\"", STATUS_INVALID, "shares", "names"},
        {"shares[1]", "3", STATUS_INVALID, "shares", "names"},
        {"challenge", NULL, STATUS_MISSING_FIELD, "challenge", "required"},
        {"kind", "\"rehearsal\"", STATUS_INVALID, "kind", "restore or drill"},
        {"made_at", "\"\"", STATUS_INVALID, "made_at", "time"},
        {"occasion", NULL, STATUS_MISSING_FIELD, "occasion", "required"},
        {"occasion", "\"" ZEROS "\"", STATUS_INVALID, "occasion", "object"},
        {"occasion.document", "\"{}\"", STATUS_MISSING_FIELD, "occasion.action", "required"},
        {"occasion.signatures[1]", NULL, STATUS_QUORUM_MISSING, "occasion.signatures", "two"},
        {"token.serial", "7", STATUS_INVALID, "token.serial", "string"},
        {"witness", "\"x\"", STATUS_UNKNOWN_FIELD, "witness", "no such field"},
    };
    json_t *valid = json_loads((const char *)vault.restore_signed.document.data, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    struct restore restore = vault.restore;
    struct bytes out = {0};
    restore.executor = restore.requester;
    restore.occasion.occasion.executor = restore.requester;
    cr_expect(restore_encode(&out, &restore, NULL) == STATUS_INVALID, "nor is it written");
    struct fault fault = {0};
    restore = vault.restore;
    restore.share_count = BACKUP_SHARES_MAX + 1;
    cr_expect(restore_encode(&out, &restore, &fault) == STATUS_INVALID);
    cr_expect(strstr(fault.detail, "2 to 16") != NULL);
    restore = vault.restore;
    restore.kind = (enum restore_kind)3;
    cr_expect(restore_encode(&out, &restore, NULL) == STATUS_INVALID);
}

Test(restore, the_right_one_verifies)
{
    const struct restore_context context = vault_restore_context(&vault);
    expect_in(&context, &vault.restore_signed, STATUS_OK, "");
}

Test(restore, one_thing_of_another_place_refuses_it)
{
    struct restore restore = vault.restore;
    restore.chain.bytes32[0] ^= 1;
    expect(&restore, right, STATUS_MISMATCH, "chain");
    restore = vault.restore;
    restore.environment = name_of("production");
    expect(&restore, right, STATUS_MISMATCH, "environment");
    restore = vault.restore;
    restore.policy.bytes32[0] ^= 1;
    expect(&restore, right, STATUS_MISMATCH, "policy");
    restore = vault.restore;
    restore.key.bytes32[0] ^= 1;
    expect(&restore, right, STATUS_MISMATCH, "key");
    restore = vault.restore;
    restore.backup.bytes32[0] ^= 1;
    expect(&restore, right, STATUS_MISMATCH, "backup");
}

/* Proof on the token of birth proves nothing; a token of the same serial is another one by its label. */
Test(restore, the_token_is_another_one)
{
    struct restore restore = vault.restore;
    restore.token = vault.key.token;
    expect(&restore, right, STATUS_MISMATCH, "token");
    (void)snprintf(restore.token.firmware, TOKEN_TEXT_SIZE, "99");
    expect(&restore, right, STATUS_MISMATCH, "token");
    (void)snprintf(restore.token.label, TOKEN_TEXT_SIZE, "standby");
    vault_allow(&restore, &vault, OLGA, ALAN);
    expect(&restore, right, STATUS_OK, "");
}

Test(restore, the_shares_are_enough_and_of_the_backup)
{
    struct restore restore = vault.restore;
    restore.shares[1] = name_of("tom");
    expect(&restore, right, STATUS_MISMATCH, "shares");
    vault.backup.shares.threshold = 3;
    expect(&vault.restore, right, STATUS_QUORUM_MISSING, "shares");
}

Test(restore, a_clone_has_no_shares_and_no_backup)
{
    struct signed_document document = {0};
    struct restore_context context = vault_restore_context(&vault);
    struct restore restore = vault.restore;
    restore.backup = digest_of(ZEROS);
    restore.share_count = 0;
    vault_allow(&restore, &vault, OLGA, ALAN);
    vault_sign_restore(&document, &vault, &restore, right);
    expect_in(&context, &document, STATUS_MISMATCH, "backup");
    context.backup = NULL;
    expect_in(&context, &document, STATUS_OK, "");
    expect_in(&context, &vault.restore_signed, STATUS_MISMATCH, "backup");
    signed_document_free(&document);
}

Test(restore, all_four_sign_and_nobody_else)
{
    static const enum who without_key[] = {OLGA, ALAN, THEO, WHO_COUNT};
    static const enum who without_requester[] = {HOT, ALAN, THEO, WHO_COUNT};
    static const enum who without_authoriser[] = {HOT, OLGA, THEO, WHO_COUNT};
    static const enum who without_executor[] = {HOT, OLGA, ALAN, WHO_COUNT};
    static const enum who with_fifth[] = {HOT, OLGA, ALAN, THEO, ADA, WHO_COUNT};
    static const enum who nobody[] = {WHO_COUNT};
    static const enum who another_key[] = {COLD, OLGA, ALAN, THEO, WHO_COUNT};
    expect(&vault.restore, without_key, STATUS_QUORUM_MISSING, "signatures");
    expect(&vault.restore, without_requester, STATUS_QUORUM_MISSING, "signatures");
    expect(&vault.restore, without_authoriser, STATUS_QUORUM_MISSING, "signatures");
    expect(&vault.restore, without_executor, STATUS_QUORUM_MISSING, "signatures");
    expect(&vault.restore, nobody, STATUS_QUORUM_MISSING, "signatures");
    expect(&vault.restore, with_fifth, STATUS_UNKNOWN_KEY, "signatures[4]");
    expect(&vault.restore, another_key, STATUS_UNKNOWN_KEY, "signatures[0]");
}

Test(restore, two_keys_of_one_person_are_one_person)
{
    static const enum who twice[] = {HOT, OLGA, STRANGER, ALAN, WHO_COUNT};
    struct policy *policy = &vault.world.policy;
    for (size_t i = 0; i < policy->person_count; i++) {
        struct person *person = &policy->people[i];
        if (strcmp(person->id.text, "olga") == 0) {
            person->keys[1].key = *test_key_public(vault.world.keys[STRANGER]);
            public_key_id(&person->keys[1].id, &person->keys[1].key);
            person->key_count = 2;
        }
    }
    expect(&vault.restore, twice, STATUS_DUPLICATE_PERSON, "signatures[2]");
}

Test(restore, each_has_the_duty)
{
    static const enum who ada_requests[] = {HOT, ADA, ALAN, THEO, WHO_COUNT};
    static const enum who bert_requests[] = {HOT, BERT, ALAN, THEO, WHO_COUNT};
    static const enum who tess_authorises[] = {HOT, OLGA, TESS, THEO, WHO_COUNT};
    static const enum who amy_executes[] = {HOT, OLGA, ALAN, AMY, WHO_COUNT};
    struct restore restore = vault.restore;
    restore.requester = name_of("ada");
    vault_allow(&restore, &vault, ADA, ALAN);
    expect(&restore, ada_requests, STATUS_OK, "");
    restore.requester = name_of("bert");
    expect(&restore, bert_requests, STATUS_FORBIDDEN, "requester");
    struct signed_document document = {0};
    struct restore out;
    struct fault fault = {0};
    const struct restore_context context = vault_restore_context(&vault);
    vault_sign_restore(&document, &vault, &restore, bert_requests);
    cr_expect_eq(restore_verify(&out, &document, &context, &fault), STATUS_FORBIDDEN);
    cr_expect_str_eq(fault.detail, "in the policy bert is not administrator or operator");
    signed_document_free(&document);
    restore = vault.restore;
    restore.authoriser = name_of("tess");
    expect(&restore, tess_authorises, STATUS_FORBIDDEN, "authoriser");
    restore = vault.restore;
    restore.executor = name_of("amy");
    expect(&restore, amy_executes, STATUS_FORBIDDEN, "executor");
}

Test(restore, each_is_valid_when_it_is_made)
{
    struct policy *policy = &vault.world.policy;
    for (size_t i = 0; i < policy->person_count; i++) {
        policy->people[i].valid_until = vault.restore.made_at + 1;
    }
    expect(&vault.restore, right, STATUS_OK, "");
    for (size_t i = 0; i < policy->person_count; i++) {
        policy->people[i].valid_until = vault.restore.made_at;
    }
    expect(&vault.restore, right, STATUS_EXPIRED, "requester");
}

/* Names in a proof are not enough: those who answer for it said so before, in the occasion that shares were given on.
 */
Test(restore, requester_and_authoriser_signed_the_occasion)
{
    const struct occasion *occasion = &vault.restore.occasion.occasion;
    struct restore restore = vault.restore;
    vault_allow(&restore, &vault, OLGA, ADA);
    expect(&restore, right, STATUS_UNKNOWN_KEY, "occasion.signatures[1]");
    vault_allow(&restore, &vault, THEO, ALAN);
    expect(&restore, right, STATUS_UNKNOWN_KEY, "occasion.signatures[0]");
    restore = vault.restore;
    restore.occasion.signatures[1].bytes64[9] ^= 1;
    expect(&restore, right, STATUS_SIGNATURE_INVALID, "occasion.signatures[1]");
    restore = vault.restore;
    restore.occasion.occasion.to.bytes32[0] ^= 1;
    expect(&restore, right, STATUS_SIGNATURE_INVALID, "occasion.signatures[0]");
    restore = vault.restore;
    restore.made_at = occasion->expires_at;
    expect(&restore, right, STATUS_EXPIRED, "occasion.expires_at");
    restore.made_at = occasion->issued_at - OCCASION_EARLY_MAX_US - 1;
    expect(&restore, right, STATUS_NOT_READY, "occasion.issued_at");
}

/* The right restore with the occasion of `other`, which two people allowed. */
static void expect_occasion_of(struct restore other, enum who requester, enum who authoriser, const char *where)
{
    struct restore restore = vault.restore;
    vault_allow(&other, &vault, requester, authoriser);
    restore.occasion = other.occasion;
    expect(&restore, right, STATUS_MISMATCH, where);
}

/* A true occasion of something else, such as an earlier drill, does not serve. */
Test(restore, the_occasion_is_about_this_restore)
{
    struct restore other = vault.restore;
    other.kind = RESTORE_RESTORE;
    expect_occasion_of(other, OLGA, ALAN, "occasion.action");
    other = vault.restore;
    other.requester = name_of("ada");
    expect_occasion_of(other, ADA, ALAN, "occasion.requester");
    other = vault.restore;
    other.authoriser = name_of("ada");
    expect_occasion_of(other, OLGA, ADA, "occasion.authoriser");
    other = vault.restore;
    other.executor = name_of("tess");
    expect_occasion_of(other, OLGA, ALAN, "occasion.executor");
    other = vault.restore;
    other.key.bytes32[0] ^= 1;
    expect_occasion_of(other, OLGA, ALAN, "occasion.key");
    other = vault.restore;
    other.backup.bytes32[0] ^= 1;
    expect_occasion_of(other, OLGA, ALAN, "occasion.set");
    other = vault.restore;
    other.token.serial[0] ^= 1;
    expect_occasion_of(other, OLGA, ALAN, "occasion.serial");
    other = vault.restore;
    other.chain.bytes32[0] ^= 1;
    expect_occasion_of(other, OLGA, ALAN, "occasion.chain");
}

Test(restore, a_signature_of_another_document_does_not_serve)
{
    const struct restore_context context = vault_restore_context(&vault);
    for (size_t i = 0; i < 4; i++) {
        struct signed_document *document = &vault.restore_signed;
        char where[32];
        (void)snprintf(where, sizeof(where), "signatures[%zu]", i);
        document->signatures[i].bytes64[3] ^= 1;
        expect_in(&context, document, STATUS_SIGNATURE_INVALID, where);
        document->signatures[i].bytes64[3] ^= 1;
    }
}
