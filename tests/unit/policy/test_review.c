/*
 * Reviews of key uses: every rule of the document broken once, and who may sign it.
 */
#include "policy/review.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;
static struct review review;

static void setup(void)
{
    world_init(&world);
    review = (struct review){.findings = 1,
                             .from = 10,
                             .reviewed_at = world.now,
                             .reviewer = name_of("audrey"),
                             .size = 40,
                             .to = 30,
                             .uses = 2};
    digest_sha256(&review.report, "report", 6);
    digest_sha256(&review.root, "root", 4);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(review, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct review out;
    return review_decode(&out, document, len, fault);
}

Test(review, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"reviewer", NULL, STATUS_MISSING_FIELD, "reviewer", "required"},
        {"from", "\"30\"", STATUS_INVALID, "to", "after from"},
        {"from", "10", STATUS_INVALID, "from", ""},
        {"to", "\"41\"", STATUS_INVALID, "to", "beyond size"},
        {"findings", "3", STATUS_INVALID, "findings", "more than uses"},
        {"uses", "-1", STATUS_INVALID, "uses", ""},
        {"root", "\"00\"", STATUS_INVALID, "root", ""},
        {"remark", "\"x\"", STATUS_UNKNOWN_FIELD, "remark", "no such field"},
    };
    struct bytes document = {0};
    struct review again;
    cr_assert(review_encode(&document, &review, NULL) == STATUS_OK);
    cr_assert(review_decode(&again, document.data, document.len, NULL) == STATUS_OK);
    cr_expect(again.from == 10 && again.to == 30 && again.size == 40 && again.uses == 2 && again.findings == 1);
    cr_expect(digest_equal(&again.root, &review.root) && digest_equal(&again.report, &review.report));
    json_t *valid = NULL;
    cr_assert(canon_parse(&valid, document.data, document.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    bytes_free(&document);
    review.to = review.from;
    cr_expect(review_encode(&document, &review, NULL) == STATUS_INVALID);
}

static void expect_signed(enum who first, enum who second, enum status expected, const char *where)
{
    struct signed_document document = {0};
    struct review out;
    struct fault fault = {0};
    cr_assert(review_encode(&document.document, &review, NULL) == STATUS_OK);
    test_key_sign_document(&document, REVIEW_KIND, world.keys[first]);
    if (second != WHO_COUNT) {
        test_key_sign_document(&document, REVIEW_KIND, world.keys[second]);
    }
    enum status status = review_verify(&out, &document, &world.policy, &fault);
    cr_expect(status == expected, "status %s", status_info(status)->code);
    cr_expect_str_eq(fault.where, where);
    signed_document_free(&document);
}

Test(review, is_signed_by_the_auditor_who_made_it)
{
    expect_signed(AUDREY, WHO_COUNT, STATUS_OK, "");
    expect_signed(AUDREY, OLGA, STATUS_SIGNATURE_INVALID, "signatures");
    expect_signed(OLGA, WHO_COUNT, STATUS_UNKNOWN_KEY, "signatures[0]");
    review.reviewer = name_of("olga");
    expect_signed(OLGA, WHO_COUNT, STATUS_FORBIDDEN, "reviewer");
    review.reviewer = name_of("audrey");
    review.reviewed_at = world.now + 400LL * 24 * 3600 * 1000000;
    expect_signed(AUDREY, WHO_COUNT, STATUS_EXPIRED, "reviewer");
}

Test(review, a_changed_word_is_not_signed)
{
    struct signed_document document = {0};
    struct review out;
    cr_assert(review_encode(&document.document, &review, NULL) == STATUS_OK);
    test_key_sign_document(&document, REVIEW_KIND, world.keys[AUDREY]);
    bytes_free(&document.document);
    review.findings = 0;
    cr_assert(review_encode(&document.document, &review, NULL) == STATUS_OK);
    cr_expect(review_verify(&out, &document, &world.policy, NULL) == STATUS_SIGNATURE_INVALID);
    signed_document_free(&document);
}
