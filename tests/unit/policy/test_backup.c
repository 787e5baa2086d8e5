/*
 * Backups, shares, share sets, gifts and restore proofs: every rule of the documents broken once, and what must not be
 * believed although its form is right.
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

TestSuite(backup, .init = setup, .fini = teardown);

static struct person *person_of(const char *id)
{
    for (size_t i = 0; i < vault.world.policy.person_count; i++) {
        if (strcmp(vault.world.policy.people[i].id.text, id) == 0) {
            return &vault.world.policy.people[i];
        }
    }
    cr_assert(false, "no such person");
    return NULL;
}

static json_t *json_of(const struct bytes *document)
{
    json_t *json = json_loads((const char *)document->data, 0, NULL);
    cr_assert(json != NULL);
    return json;
}

/* backup */

static enum status decode_backup(const void *document, size_t len, struct fault *fault)
{
    struct backup backup;
    return backup_decode(&backup, document, len, fault);
}

Test(backup, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "alg", "register"},
        {"check", "\"\"", STATUS_INVALID, "check", "hexadecimal"},
        {"holder", "\"tess\"", STATUS_INVALID, "holder", "tess has a share"},
        {"holder", NULL, STATUS_MISSING_FIELD, "holder", "required"},
        {"key", "\"AAAA\"", STATUS_INVALID, "key", ""},
        {"label", "\"\"", STATUS_INVALID, "label", "1 to 64"},
        {"made_at", "0", STATUS_INVALID, "made_at", "time"},
        {"mechanism", "\"rot13\"", STATUS_INVALID, "mechanism", "aes-key-wrap-pad"},
        {"shares", "[]", STATUS_INVALID, "shares", "2 to 16"},
        {"shares[1]", NULL, STATUS_INVALID, "shares", "2 to 16"},
        {"shares[0].commitment", "\"\"", STATUS_INVALID, "shares[0].commitment", "hexadecimal"},
        {"shares[0].index", "0", STATUS_INVALID, "shares[0].index", "1 to 16"},
        {"shares[0].index", "17", STATUS_INVALID, "shares[0].index", "1 to 16"},
        {"shares[0].index", "3", STATUS_INVALID, "shares", "1 to 2, not 3"},
        {"shares[0].index", "1", STATUS_INVALID, "shares[1]", "theo has the index of tess"},
        {"shares[1].site", "\"bank-1\"", STATUS_INVALID, "shares[1]", "theo has the site of tess"},
        {"shares[1].custodian", "\"tess\"", STATUS_INVALID, "shares[1]", "without duplicates"},
        {"shares[1].custodian", "\"adam\"", STATUS_INVALID, "shares[1]", "adam stands too late"},
        {"shares[1].pin", "1", STATUS_UNKNOWN_FIELD, "shares[1].pin", "no such field"},
        {"shares[1].seal", NULL, STATUS_MISSING_FIELD, "shares[1].seal", "required"},
        {"shares[1].seal.signatures", "[]", STATUS_SIGNATURE_INVALID, "shares[1].seal.signatures", "exactly one"},
        {"shares[1].seal.document", "\"{}\"", STATUS_MISSING_FIELD, "shares[1].seal.environment", "required"},
        {"site", "\"bank-2\"", STATUS_INVALID, "site", "the share of theo lies there"},
        {"threshold", "1", STATUS_INVALID, "threshold", "2 to 16"},
        {"threshold", "3", STATUS_INVALID, "threshold", "3 of 2"},
        {"threshold", "17", STATUS_INVALID, "threshold", "2 to 16"},
        {"token.serial", NULL, STATUS_MISSING_FIELD, "token.serial", "required"},
        {"token.label", "\" x\"", STATUS_INVALID, "token.label", "no blank"},
        {"token.label", "\"x \"", STATUS_INVALID, "token.label", "no blank"},
        {"wrapped", "\"d3JhcHBlZA==\"", STATUS_UNKNOWN_FIELD, "wrapped", "for its holder alone"},
        {"wrapped_sha256", "\"d3JhcHBlZA==\"", STATUS_INVALID, "wrapped_sha256", "hexadecimal"},
        {"wrapped_sha256", NULL, STATUS_MISSING_FIELD, "wrapped_sha256", "required"},
        {"wrapped_size", "0", STATUS_INVALID, "wrapped_size", "1 to 1024"},
        {"wrapped_size", "1025", STATUS_INVALID, "wrapped_size", "1 to 1024"},
        {"kek", "\"\"", STATUS_UNKNOWN_FIELD, "kek", "no such field"},
    };
    json_t *valid = json_of(&vault.backup_signed.document);
    expect_refusals(decode_backup, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    struct share_table *shares = &vault.backup.shares;
    struct bytes document = {0};
    shares->holders[shares->count++] = (struct share_holder){.custodian = name_of("tom"),
                                                             .index = 3,
                                                             .seal = vault_seal(&vault, "tom", STRANGER),
                                                             .site = name_of("bank-3")};
    cr_assert(backup_encode(&document, &vault.backup, NULL) == STATUS_OK);
    cr_expect(decode_backup(document.data, document.len, NULL) == STATUS_OK, "2 of 3");
    bytes_free(&document);
}

/* 16 custodians, and nothing is shorter than it may be. */
Test(backup, the_longest_one_fits)
{
    struct share_table *shares = &vault.backup.shares;
    struct bytes document = {0};
    struct fault fault = {0};
    char name[NAME_SIZE];
    memset(name, 'n', sizeof(name));
    name[NAME_SIZE - 1] = '\0';
    for (unsigned i = 0; i < BACKUP_SHARES_MAX; i++) {
        name[0] = (char)('a' + i);
        shares->holders[i] = (struct share_holder){.custodian = name_of(name),
                                                   .index = i + 1,
                                                   .seal = vault_seal(&vault, "tess", TESS),
                                                   .site = name_of(name)};
        struct sealing_key *key = &shares->holders[i].seal.key;
        key->person = name_of(name);
        key->environment = name_of(name);
        key->seal.bytes32[0] = (uint8_t)i;
    }
    shares->count = BACKUP_SHARES_MAX;
    shares->threshold = BACKUP_SHARES_MAX;
    enum status status = backup_encode(&document, &vault.backup, &fault);
    cr_expect(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect(decode_backup(document.data, document.len, NULL) == STATUS_OK);
    bytes_free(&document);
}

static void expect_people(const struct sealing_paper *seal, enum status expected, const char *where)
{
    struct fault fault = {0};
    struct share_table table = vault.backup.shares;
    table.holders[1].seal = *seal;
    enum status status =
        share_table_check_people(&table, &vault.world.policy, vault.world.now, vault.backup.made_at, &fault);
    cr_expect(status == expected, "status %s (%s: %s)", status_info(status)->code, fault.where, fault.detail);
    cr_expect_str_eq(fault.where, where);
}

/* Whoever makes the shares cannot put in a key of the own. */
Test(backup, what_a_share_is_sealed_for_is_signed_by_its_custodian)
{
    struct sealing_paper seal = vault_seal(&vault, "theo", THEO);
    expect_people(&seal, STATUS_OK, "");
    seal = vault_seal(&vault, "theo", OLGA);
    expect_people(&seal, STATUS_UNKNOWN_KEY, "shares[1].signatures");
    seal = vault_seal(&vault, "theo", STRANGER);
    expect_people(&seal, STATUS_UNKNOWN_KEY, "shares[1].signatures");
    seal = vault_seal(&vault, "theo", THEO);
    seal.key.seal.bytes32[5] ^= 1;
    expect_people(&seal, STATUS_SIGNATURE_INVALID, "shares[1].signatures[0]");
    seal = vault_seal(&vault, "theo", THEO);
    seal.key.environment = name_of("elsewhere");
    expect_people(&seal, STATUS_MISMATCH, "shares[1].environment");
    seal = vault_seal(&vault, "theo", THEO);
    const int64_t made_at = vault.backup.made_at;
    vault.backup.made_at = seal.key.valid_until;
    expect_people(&seal, STATUS_EXPIRED, "shares[0].valid_until");
    vault.backup.made_at = seal.key.issued_at - SEALING_KEY_EARLY_MAX_US - 1;
    expect_people(&seal, STATUS_NOT_READY, "shares[0].issued_at");
    vault.backup.made_at = made_at;
}

Test(backup, a_sealing_key_is_of_one_custodian)
{
    struct bytes document = {0};
    struct fault fault = {0};
    struct share_holder *holder = &vault.backup.shares.holders[1];
    holder->seal = vault_seal(&vault, "tess", TESS);
    cr_expect(backup_encode(&document, &vault.backup, &fault) == STATUS_INVALID);
    cr_expect(strstr(fault.detail, "theo has the sealing key of tess") != NULL, "%s", fault.detail);
    fault_clear(&fault);
    holder->seal.key.person = holder->custodian;
    cr_expect(backup_encode(&document, &vault.backup, &fault) == STATUS_DUPLICATE_PERSON);
    cr_expect(strstr(fault.detail, "one sealing key") != NULL, "%s", fault.detail);
}

/* What would be refused is not written either. */
Test(backup, the_floors_hold_when_written)
{
    struct bytes out = {0};
    struct backup backup = vault.backup;
    backup.holder = name_of("theo");
    cr_expect(backup_encode(&out, &backup, NULL) == STATUS_INVALID);
    backup = vault.backup;
    backup.site = name_of("bank-1");
    cr_expect(backup_encode(&out, &backup, NULL) == STATUS_INVALID);
    backup = vault.backup;
    backup.shares.threshold = 1;
    cr_expect(backup_encode(&out, &backup, NULL) == STATUS_INVALID);
    backup = vault.backup;
    backup.shares.count = 17;
    struct fault fault = {0};
    cr_expect(backup_encode(&out, &backup, &fault) == STATUS_INVALID);
    cr_expect_str_eq(fault.where, "threshold");
    backup = vault.backup;
    backup.shares.holders[0].index = 0;
    fault_clear(&fault);
    cr_expect(backup_encode(&out, &backup, &fault) == STATUS_INVALID);
    cr_expect(strstr(fault.detail, "1 to 2, not 0") != NULL);
    backup = vault.backup;
    backup.mechanism = (enum backup_mechanism)3;
    cr_expect(backup_encode(&out, &backup, NULL) == STATUS_INVALID);
    backup = vault.backup;
    backup.wrapped_size = 0;
    cr_expect(backup_encode(&out, &backup, NULL) == STATUS_INVALID);
    backup = vault.backup;
    backup.token.model[0] = ' ';
    cr_expect(backup_encode(&out, &backup, NULL) == STATUS_INVALID);
    cr_expect_null(out.data);
}

static void expect_backup(const struct signed_document *document, enum status expected, const char *where)
{
    struct fault fault = {0};
    struct backup backup;
    enum status status = backup_verify(&backup, document, &fault);
    cr_expect(status == expected, "status %s", status_info(status)->code);
    cr_expect_str_eq(fault.where, where);
}

Test(backup, only_the_wrapped_key_signs)
{
    expect_backup(&vault.backup_signed, STATUS_OK, "");
    test_key_sign_document(&vault.backup_signed, BACKUP_KIND, vault.world.keys[ADA]);
    expect_backup(&vault.backup_signed, STATUS_SIGNATURE_INVALID, "signatures");
    vault.backup_signed.signature_count = 0;
    expect_backup(&vault.backup_signed, STATUS_SIGNATURE_INVALID, "signatures");
    test_key_sign_document(&vault.backup_signed, BACKUP_KIND, vault.world.keys[ADA]);
    expect_backup(&vault.backup_signed, STATUS_UNKNOWN_KEY, "signatures[0]");
    vault.backup_signed.signature_count = 0;
    test_key_sign_document(&vault.backup_signed, RESTORE_KIND, vault.world.keys[HOT]);
    expect_backup(&vault.backup_signed, STATUS_SIGNATURE_INVALID, "signatures[0]");
}

Test(backup, belongs_to_one_key_document)
{
    cr_expect(backup_check_key(&vault.backup, &vault.key, NULL) == STATUS_OK);
    struct key_document key = vault.key;
    key.key = *test_key_public(vault.world.keys[STRANGER]);
    cr_expect(backup_check_key(&vault.backup, &key, NULL) == STATUS_MISMATCH);
    key = vault.key;
    key.token.serial[0] ^= 1;
    cr_expect(backup_check_key(&vault.backup, &key, NULL) == STATUS_MISMATCH);
    key = vault.key;
    key.custodians[1] = name_of("tom");
    struct fault fault = {0};
    cr_expect(backup_check_key(&vault.backup, &key, &fault) == STATUS_MISMATCH);
    cr_expect(strstr(fault.detail, "theo") != NULL);
}

Test(backup, knows_its_wrapped_key)
{
    uint8_t content[80] = {1, 2, 3};
    const struct bytes wrapped = {content, sizeof(content)};
    const struct bytes shorter = {content, sizeof(content) - 1};
    struct fault fault = {0};
    digest_sha256(&vault.backup.wrapped_sha256, content, sizeof(content));
    cr_expect(backup_check_wrapped(&vault.backup, &wrapped, NULL) == STATUS_OK);
    cr_expect(backup_check_wrapped(&vault.backup, &shorter, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "wrapped_size");
    content[79] ^= 1;
    fault_clear(&fault);
    cr_expect(backup_check_wrapped(&vault.backup, &wrapped, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "wrapped_sha256");
}

/* share */

static enum status decode_share(const void *document, size_t len, struct fault *fault)
{
    struct share_document share;
    enum status status = share_document_decode(&share, document, len, fault);
    if (status == STATUS_OK) {
        share_document_free(&share);
    }
    return status;
}

Test(backup, every_rule_of_a_share_broken_once)
{
    static const struct refusal rows[] = {
        {"commitment", NULL, STATUS_MISSING_FIELD, "commitment", "required"},
        {"custodian", "\"Tess\"", STATUS_INVALID, "custodian", "name"},
        {"index", "0", STATUS_INVALID, "index", "1 to 16"},
        {"key", "\"\"", STATUS_INVALID, "key", "hexadecimal"},
        {"of", "\"kex\"", STATUS_INVALID, "of", "kek or pin"},
        {"sealed", "\"\"", STATUS_INVALID, "sealed", "49 to"},
        {"set", NULL, STATUS_MISSING_FIELD, "set", "required"},
        {"threshold", "1", STATUS_INVALID, "threshold", "2 to 16"},
        {"to", "\"AAAA\"", STATUS_INVALID, "to", "32"},
        {"value", "\"\"", STATUS_UNKNOWN_FIELD, "value", "no such field"},
    };
    const struct share_document share = {.commitment = vault.gift.commitment,
                                         .custodian = vault.gift.custodian,
                                         .index = 2,
                                         .key = vault.share_set.key,
                                         .of = SHARE_OF_PIN,
                                         .sealed = vault.gift.sealed,
                                         .set = vault.occasion.set,
                                         .threshold = 2,
                                         .to = vault.receiver};
    struct bytes document = {0};
    cr_assert(share_document_encode(&document, &share, NULL) == STATUS_OK);
    struct share_document back;
    cr_assert(share_document_decode(&back, document.data, document.len, NULL) == STATUS_OK);
    cr_expect(back.of == SHARE_OF_PIN && back.index == 2 && back.threshold == 2);
    cr_expect(seal_key_equal(&back.to, &vault.receiver));
    share_document_free(&back);
    json_t *valid = json_of(&document);
    expect_refusals(decode_share, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    bytes_free(&document);
    struct share_document bad = share;
    bad.of = (enum share_of)3;
    cr_expect(share_document_encode(&document, &bad, NULL) == STATUS_INVALID);
}

/* share_set */

static enum status decode_share_set(const void *document, size_t len, struct fault *fault)
{
    struct share_set set;
    return share_set_decode(&set, document, len, fault);
}

Test(backup, every_rule_of_a_share_set_broken_once)
{
    static const struct refusal rows[] = {
        {"key", NULL, STATUS_MISSING_FIELD, "key", "required"},
        {"of", "\"kek\"", STATUS_INVALID, "of", "pin"},
        {"shares[1].site", "\"bank-1\"", STATUS_INVALID, "shares[1]", "site"},
        {"threshold", "3", STATUS_INVALID, "threshold", "3 of 2"},
        {"holder", "\"x\"", STATUS_UNKNOWN_FIELD, "holder", "no such field"},
        {"version", NULL, STATUS_MISSING_FIELD, "version", "required"},
        {"version", "2", STATUS_INVALID, "prev", "zeros"},
        {"version", "0", STATUS_INVALID, "version", ""},
        {"prev", "\"00000000000000000000000000000000000000000000000000000000000000ff\"", STATUS_INVALID, "prev",
         "zeros"},
    };
    struct bytes document = {0};
    cr_assert(share_set_encode(&document, &vault.share_set, NULL) == STATUS_OK);
    json_t *valid = json_of(&document);
    expect_refusals(decode_share_set, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    bytes_free(&document);
}

static void expect_apart(const struct share_set *set, enum status expected, const char *who)
{
    struct fault fault = {0};
    cr_expect(share_set_check_apart(set, &vault.backup, &fault) == expected, "%s: %s", who, fault.detail);
    cr_expect(strstr(fault.detail, who) != NULL, "%s: %s", who, fault.detail);
}

Test(backup, nobody_and_no_site_has_part_in_the_pin_and_in_a_backup)
{
    struct share_set set = {.version = 1, .shares = {.count = 2, .threshold = 2}};
    set.shares.holders[0] = (struct share_holder){.custodian = name_of("piet"), .index = 1, .site = name_of("hut-1")};
    set.shares.holders[1] = (struct share_holder){.custodian = name_of("pola"), .index = 2, .site = name_of("hut-2")};
    expect_apart(&set, STATUS_OK, "");
    for (size_t i = 0; i < set.shares.count; i++) {
        struct share_set bad = set;
        bad.shares.holders[i].custodian = vault.backup.holder;
        expect_apart(&bad, STATUS_DUPLICATE_PERSON, vault.backup.holder.text);
        bad.shares.holders[i].custodian = vault.backup.shares.holders[1].custodian;
        expect_apart(&bad, STATUS_DUPLICATE_PERSON, vault.backup.shares.holders[1].custodian.text);
        bad = set;
        bad.shares.holders[i].site = vault.backup.site;
        expect_apart(&bad, STATUS_INVALID, vault.backup.site.text);
        bad.shares.holders[i].site = vault.backup.shares.holders[1].site;
        expect_apart(&bad, STATUS_INVALID, vault.backup.shares.holders[1].site.text);
        bad = set;
        bad.shares.holders[i].seal.key.seal = vault.backup.shares.holders[1].seal.key.seal;
        expect_apart(&bad, STATUS_DUPLICATE_PERSON, vault.backup.shares.holders[1].custodian.text);
    }
}

static void expect_share_set(const struct share_set *set, enum who second, enum status expected, const char *where)
{
    struct signed_document document = {0};
    struct share_set out;
    struct fault fault = {0};
    cr_assert(share_set_encode(&document.document, set, NULL) == STATUS_OK);
    test_key_sign_document(&document, SHARE_SET_KIND, vault.world.keys[ADA]);
    if (second != WHO_COUNT) {
        test_key_sign_document(&document, SHARE_SET_KIND, vault.world.keys[second]);
    }
    enum status status = share_set_verify(&out, &document, &vault.world.policy, vault.world.now, &fault);
    cr_expect(status == expected, "status %s", status_info(status)->code);
    cr_expect_str_eq(fault.where, where);
    signed_document_free(&document);
}

Test(backup, a_share_set_is_governance_about_custodians)
{
    expect_share_set(&vault.share_set, ALAN, STATUS_OK, "");
    struct share_set forged = vault.share_set;
    forged.shares.holders[1].seal = vault_seal(&vault, "theo", OLGA);
    expect_share_set(&forged, ALAN, STATUS_UNKNOWN_KEY, "shares[1].signatures");
    expect_share_set(&vault.share_set, WHO_COUNT, STATUS_QUORUM_MISSING, "signatures");
    expect_share_set(&vault.share_set, TESS, STATUS_UNKNOWN_KEY, "signatures[1]");
    struct share_set set = vault.share_set;
    set.shares.holders[0].custodian = name_of("olga");
    set.shares.holders[0].seal = vault_seal(&vault, "olga", OLGA);
    expect_share_set(&set, ALAN, STATUS_FORBIDDEN, "shares");
    set.shares.holders[0].custodian = name_of("nobody");
    set.shares.holders[0].seal = vault_seal(&vault, "nobody", STRANGER);
    expect_share_set(&set, ALAN, STATUS_FORBIDDEN, "shares");
    person_of("theo")->valid_until = vault.world.now;
    expect_share_set(&vault.share_set, ALAN, STATUS_EXPIRED, "shares");
}

/* gift */

static enum status decode_gift(const void *document, size_t len, struct fault *fault)
{
    struct gift gift;
    enum status status = gift_decode(&gift, document, len, fault);
    if (status == STATUS_OK) {
        gift_free(&gift);
    }
    return status;
}

Test(backup, every_rule_of_a_gift_broken_once)
{
    static const struct refusal rows[] = {
        {"commitment", "\"\"", STATUS_INVALID, "commitment", "hexadecimal"},
        {"custodian", NULL, STATUS_MISSING_FIELD, "custodian", "required"},
        {"given_at", "\"now\"", STATUS_INVALID, "given_at", "time"},
        {"index", "17", STATUS_INVALID, "index", "1 to 16"},
        {"occasion", NULL, STATUS_MISSING_FIELD, "occasion", "required"},
        {"sealed", "\"AAAA\"", STATUS_INVALID, "sealed", "49 to"},
        {"share", "\"\"", STATUS_UNKNOWN_FIELD, "share", "no such field"},
    };
    struct bytes document = {0};
    cr_assert(gift_encode(&document, &vault.gift, NULL) == STATUS_OK);
    json_t *valid = json_of(&document);
    expect_refusals(decode_gift, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    bytes_free(&document);
}

static void expect_gift(const struct gift *gift, enum who who, enum status expected, const char *where)
{
    struct signed_document document = {0};
    struct gift out;
    struct fault fault = {0};
    const struct gift_context context = vault_gift_context(&vault);
    vault_sign_gift(&document, &vault, gift, who);
    enum status status = gift_verify(&out, &document, &context, &fault);
    cr_expect(status == expected, "status %s, not %s", status_info(status)->code, status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
    if (status == STATUS_OK) {
        gift_free(&out);
    }
    signed_document_free(&document);
}

Test(backup, a_gift_is_for_one_occasion)
{
    expect_gift(&vault.gift, TESS, STATUS_OK, "");
    struct gift gift = vault.gift;
    gift.occasion.bytes32[0] ^= 1;
    expect_gift(&gift, TESS, STATUS_MISMATCH, "occasion");
    vault.occasion.expires_at = vault.world.now;
    expect_gift(&vault.gift, TESS, STATUS_EXPIRED, "occasion");
    vault.occasion.expires_at++;
    expect_gift(&vault.gift, TESS, STATUS_OK, "");
}

Test(backup, who_answers_for_the_occasion_gives_no_share)
{
    vault.occasion.requester = name_of("tess");
    expect_gift(&vault.gift, TESS, STATUS_DUPLICATE_PERSON, "custodian");
    vault.occasion.requester = name_of("olga");
    vault.occasion.authoriser = name_of("tess");
    expect_gift(&vault.gift, TESS, STATUS_DUPLICATE_PERSON, "custodian");
}

Test(backup, a_gift_is_of_its_custodian)
{
    struct gift gift = vault.gift;
    gift.custodian = name_of("theo");
    expect_gift(&gift, THEO, STATUS_MISMATCH, "commitment"); /* tess's share */
    gift.custodian = name_of("olga");
    expect_gift(&gift, OLGA, STATUS_MISMATCH, "custodian");
    gift = vault.gift;
    gift.index = 1;
    expect_gift(&gift, TESS, STATUS_MISMATCH, "commitment");
    gift = vault.gift;
    gift.commitment.bytes32[0] ^= 1;
    expect_gift(&gift, TESS, STATUS_MISMATCH, "commitment");
    expect_gift(&vault.gift, THEO, STATUS_UNKNOWN_KEY, "signatures");
    expect_gift(&vault.gift, STRANGER, STATUS_UNKNOWN_KEY, "signatures");
    person_of("tess")->valid_until = vault.world.now;
    expect_gift(&vault.gift, TESS, STATUS_EXPIRED, "custodian");
    person_of("tess")->valid_until = vault.world.now + 1;
    expect_gift(&vault.gift, TESS, STATUS_OK, "");
    person_of("tess")->duties = DUTY_OPERATOR;
    expect_gift(&vault.gift, TESS, STATUS_FORBIDDEN, "custodian");
}

Test(backup, a_gift_has_one_signature)
{
    struct signed_document document = {0};
    struct gift out;
    const struct gift_context context = vault_gift_context(&vault);
    vault_sign_gift(&document, &vault, &vault.gift, TESS);
    test_key_sign_document(&document, GIFT_KIND, vault.world.keys[THEO]);
    cr_expect(gift_verify(&out, &document, &context, NULL) == STATUS_SIGNATURE_INVALID);
    document.signature_count = 0;
    cr_expect(gift_verify(&out, &document, &context, NULL) == STATUS_SIGNATURE_INVALID);
    document.signature_count = 1;
    document.signatures[0].bytes64[9] ^= 1;
    cr_expect(gift_verify(&out, &document, &context, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}
