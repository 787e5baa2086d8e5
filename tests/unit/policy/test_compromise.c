/*
 * Reports of compromises and drills: every rule of the document broken once, and who may sign it.
 */
#include "policy/compromise.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;
static struct compromise report;

static void setup(void)
{
    world_init(&world);
    report = (struct compromise){.by = name_of("olga"),
                                 .chain = world.policy.chain,
                                 .drill = true,
                                 .environment = world.policy.environment,
                                 .failed = 1,
                                 .finished_at = world.now,
                                 .hindrances = 2,
                                 .keys = 3,
                                 .lost = "8a3f0b1c2d4e5f60",
                                 .policy = world.policy.digest,
                                 .started_at = world.now - 2000000,
                                 .step_count = 2,
                                 .steps = {{world.now - 1000000, name_of("read")}, {world.now, name_of("prepared")}},
                                 .sweeps = 4,
                                 .what = COMPROMISE_TOKEN};
    digest_sha256(&report.plan, "plan", 4);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(compromise, .init = setup, .fini = teardown);

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct compromise out;
    return compromise_decode(&out, document, len, fault);
}

Test(compromise, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"by", NULL, STATUS_MISSING_FIELD, "by", "required"},
        {"what", "\"purse\"", STATUS_INVALID, "what", "key, token"},
        {"lost", "\"\"", STATUS_INVALID, "lost", ""},
        {"steps", "[]", STATUS_INVALID, "steps", ""},
        {"steps[1].at", "\"2001-01-02T03:04:05.000000Z\"", STATUS_INVALID, "steps", "prepared"},
        {"started_at", "\"2099-01-02T03:04:05.000000Z\"", STATUS_INVALID, "steps", "do not decrease"},
        {"finished_at", "\"2001-01-02T03:04:05.000000Z\"", STATUS_INVALID, "finished_at", "last step"},
        {"failed", "-1", STATUS_INVALID, "failed", ""},
        {"failed", "4", STATUS_INVALID, "suspended", "more than"},
        {"suspended", "1", STATUS_INVALID, "suspended", "a drill"},
        {"remark", "\"x\"", STATUS_UNKNOWN_FIELD, "remark", "no such field"},
    };
    struct bytes document = {0};
    struct compromise again;
    cr_assert(compromise_encode(&document, &report, NULL) == STATUS_OK);
    cr_assert(compromise_decode(&again, document.data, document.len, NULL) == STATUS_OK);
    cr_expect(again.step_count == 2 && again.drill && again.what == COMPROMISE_TOKEN && again.sweeps == 4);
    json_t *valid = NULL;
    cr_assert(canon_parse(&valid, document.data, document.len, CANON_DOCUMENT_MAX, NULL) == STATUS_OK);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    bytes_free(&document);
}

static void expect_signed(enum who first, enum who second, enum status expected, const char *where)
{
    struct signed_document document = {0};
    struct compromise out;
    struct fault fault = {0};
    cr_assert(compromise_encode(&document.document, &report, NULL) == STATUS_OK);
    test_key_sign_document(&document, COMPROMISE_KIND, world.keys[first]);
    if (second != WHO_COUNT) {
        test_key_sign_document(&document, COMPROMISE_KIND, world.keys[second]);
    }
    enum status status = compromise_verify(&out, &document, &world.policy, &fault);
    cr_expect(status == expected, "status %s", status_info(status)->code);
    cr_expect_str_eq(fault.where, where);
    signed_document_free(&document);
}

Test(compromise, is_signed_by_the_one_who_did_it)
{
    expect_signed(OLGA, WHO_COUNT, STATUS_OK, "");
    expect_signed(OLGA, TESS, STATUS_SIGNATURE_INVALID, "signatures");
    expect_signed(TESS, WHO_COUNT, STATUS_UNKNOWN_KEY, "signatures[0]");
    report.by = name_of("nobody");
    expect_signed(OLGA, WHO_COUNT, STATUS_FORBIDDEN, "by");
    report.by = name_of("olga");
    report.policy.bytes32[0] ^= 1;
    expect_signed(OLGA, WHO_COUNT, STATUS_MISMATCH, "policy");
}
