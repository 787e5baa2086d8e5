/*
 * Refusals of a ceremony's first step: every rule of the document broken once, and who may sign it.
 */
#include "policy/ceremony_refusal.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;
static struct ceremony_refusal refusal;

static void setup(void)
{
    world_init(&world);
    refusal =
        (struct ceremony_refusal){.actor = name_of("ada"), .at = world.now, .environment = world.policy.environment};
    cr_assert(uuid_parse(&refusal.ceremony, "01a1fe7d-6533-74e0-9edb-7cd48e78a68a") == STATUS_OK);
    digest_sha256(&refusal.hashes.module, "module", 6);
    digest_sha256(&refusal.hashes.program, "program", 7);
    digest_sha256(&refusal.hashes.program_pinned, "another", 7);
    refusal.hashes.module_pinned = refusal.hashes.module;
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(ceremony_refusal, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct ceremony_refusal out;
    return ceremony_refusal_decode(&out, document, len, fault);
}

Test(ceremony_refusal, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"actor", NULL, STATUS_MISSING_FIELD, "actor", "required"},
        {"module", NULL, STATUS_MISSING_FIELD, "module", "required"},
        {"program_pinned", NULL, STATUS_MISSING_FIELD, "program_pinned", "required"},
        {"ceremony", "\"7\"", STATUS_INVALID, "ceremony", ""},
        {"program", "\"aa\"", STATUS_INVALID, "program", ""},
        {"remark", "\"x\"", STATUS_UNKNOWN_FIELD, "remark", "no such field"},
    };
    struct bytes document = {0};
    struct ceremony_refusal again;
    struct fault fault = {0};
    cr_assert(ceremony_refusal_encode(&document, &refusal, NULL) == STATUS_OK);
    cr_assert(ceremony_refusal_decode(&again, document.data, document.len, NULL) == STATUS_OK);
    cr_expect(memcmp(&again.hashes, &refusal.hashes, sizeof(again.hashes)) == 0 && again.at == refusal.at);
    json_t *valid = NULL;
    cr_assert(canon_parse(&valid, document.data, document.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &refusal.hashes.program);
    cr_assert(json_object_set_new(valid, "program_pinned", json_string(hex)) == 0);
    bytes_free(&document);
    cr_assert(canon_emit(&document, valid, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    cr_expect(decode(document.data, document.len, &fault) == STATUS_INVALID, "nothing was refused");
    json_decref(valid);
    bytes_free(&document);
}

static void expect_signed(enum who first, enum who second, enum status expected, const char *where)
{
    struct signed_document document = {0};
    struct ceremony_refusal out;
    struct fault fault = {0};
    cr_assert(ceremony_refusal_encode(&document.document, &refusal, NULL) == STATUS_OK);
    test_key_sign_document(&document, CEREMONY_REFUSAL_KIND, world.keys[first]);
    if (second != WHO_COUNT) {
        test_key_sign_document(&document, CEREMONY_REFUSAL_KIND, world.keys[second]);
    }
    enum status status = ceremony_refusal_verify(&out, &document, &world.policy, &fault);
    cr_expect(status == expected, "status %s", status_info(status)->code);
    cr_expect_str_eq(fault.where, where);
    signed_document_free(&document);
}

Test(ceremony_refusal, is_signed_by_the_administrator_who_tried)
{
    expect_signed(ADA, WHO_COUNT, STATUS_OK, "");
    expect_signed(ALAN, WHO_COUNT, STATUS_UNKNOWN_KEY, "signatures[0]");
    expect_signed(ADA, ALAN, STATUS_SIGNATURE_INVALID, "signatures");
    refusal.environment = name_of("elsewhere");
    expect_signed(ADA, WHO_COUNT, STATUS_MISMATCH, "environment");
    refusal.environment = world.policy.environment;
    refusal.actor = name_of("olga");
    expect_signed(OLGA, WHO_COUNT, STATUS_FORBIDDEN, "actor");
    refusal.actor = name_of("nobody");
    expect_signed(ADA, WHO_COUNT, STATUS_FORBIDDEN, "actor");
}
