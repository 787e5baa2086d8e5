/*
 * Who signed a policy: the first version all administrators, later ones the governance quorum of the version before.
 */
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

TestSuite(policy_signature, .init = setup, .fini = teardown);

static const enum who everyone[] = {ADA, ALAN, AMY};

/* Signs the policy as it stands in world.policy_json. */
static void sign(struct signed_document *out, const enum who *signers, size_t count)
{
    *out = (struct signed_document){.document = json_bytes(world.policy_json)};
    for (size_t i = 0; i < count; i++) {
        test_key_sign_document(out, POLICY_KIND, world.keys[signers[i]]);
    }
}

static enum status open_first(const enum who *signers, size_t count, struct fault *fault)
{
    struct signed_document document;
    struct policy policy;
    sign(&document, signers, count);
    enum status status = policy_open_first(&policy, &document, fault);
    if (status == STATUS_OK) {
        policy_free(&policy);
    }
    signed_document_free(&document);
    return status;
}

static enum status open_next(const enum who *signers, size_t count, struct fault *fault)
{
    struct signed_document document;
    struct policy policy;
    sign(&document, signers, count);
    enum status status = policy_open_next(&policy, &document, &world.policy, fault);
    if (status == STATUS_OK) {
        policy_free(&policy);
    }
    signed_document_free(&document);
    return status;
}

static void make_second_version(void)
{
    char quoted[DIGEST_HEX_LEN + 3] = "\"";
    digest_format(quoted + 1, &world.policy.digest);
    quoted[DIGEST_HEX_LEN + 1] = '"';
    json_edit(world.policy_json, "version", "2");
    json_edit(world.policy_json, "prev", quoted);
    json_edit(world.policy_json, "issued_at", "\"2026-02-01T00:00:00.000000Z\"");
}

Test(policy_signature, the_first_needs_every_administrator)
{
    struct fault fault = {0};
    cr_expect(open_first(everyone, 3, &fault) == STATUS_OK);
    cr_expect(open_first(everyone, 2, &fault) == STATUS_QUORUM_MISSING);
    cr_expect(strstr(fault.detail, "amy") != NULL, "%s", fault.detail);
    cr_expect(open_first(everyone, 0, NULL) == STATUS_QUORUM_MISSING);
}

Test(policy_signature, the_first_takes_nobody_else)
{
    static const enum who with_bert[] = {ADA, ALAN, AMY, BERT};
    static const enum who with_stranger[] = {ADA, ALAN, AMY, STRANGER};
    struct fault fault = {0};
    cr_expect(open_first(with_bert, 4, &fault) == STATUS_UNKNOWN_KEY);
    cr_expect_str_eq(fault.where, "signatures[3]");
    cr_expect(open_first(with_stranger, 4, NULL) == STATUS_UNKNOWN_KEY);
}

Test(policy_signature, an_administrator_outside_the_governance_group_signs_too)
{
    json_edit(world.policy_json, "people[3].duties", "[\"administrator\"]");
    cr_expect(open_first(everyone, 3, NULL) == STATUS_QUORUM_MISSING);
}

Test(policy_signature, a_second_version_is_no_first)
{
    make_second_version();
    struct fault fault = {0};
    cr_expect(open_first(everyone, 3, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "version");
}

Test(policy_signature, the_second_needs_the_quorum_of_the_first)
{
    static const enum who other_two[] = {AMY, ALAN};
    static const enum who with_bert[] = {ADA, BERT};
    make_second_version();
    struct fault fault = {0};
    cr_expect(open_next(everyone, 2, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect(open_next(everyone, 3, NULL) == STATUS_OK);
    cr_expect(open_next(other_two, 2, NULL) == STATUS_OK);
    cr_expect(open_next(everyone, 1, NULL) == STATUS_QUORUM_MISSING);
    cr_expect(open_next(with_bert, 2, NULL) == STATUS_UNKNOWN_KEY);
}

/* Floors take time, and whoever reaches a signer may hand in a version: it is not for them to have floors worked out.
 */
Test(policy_signature, nothing_is_read_before_the_quorum_signed)
{
    static const struct {
        const char *path;
        const char *text;
        enum status status; /* of one that is signed */
        const char *where;
    } broken[] = {
        {"governance.m", "1", STATUS_INVALID, "governance.m"}, /* below a floor */
        {"delay_s", "7", STATUS_UNKNOWN_FIELD, "delay_s"},     /* no policy at all */
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct fault fault = {0};
        make_second_version();
        json_edit(world.policy_json, broken[i].path, broken[i].text);
        cr_expect(open_next(everyone, 0, NULL) == STATUS_QUORUM_MISSING, "%s", broken[i].path);
        cr_expect(open_next(everyone, 1, NULL) == STATUS_QUORUM_MISSING, "%s", broken[i].path);
        cr_expect(open_next((const enum who[]){ADA, BERT}, 2, NULL) == STATUS_UNKNOWN_KEY, "%s", broken[i].path);
        cr_expect(open_next(everyone, 2, &fault) == broken[i].status, "%s: %s", broken[i].path, fault.detail);
        cr_expect_str_eq(fault.where, broken[i].where, "%s: %s", fault.where, fault.detail);
    }
}

Test(policy_signature, the_new_governance_cannot_appoint_itself)
{
    static const enum who usurpers[] = {BERT, BOB};
    make_second_version();
    json_edit(world.policy_json, "people[4].duties", "[\"administrator\"]");
    json_edit(world.policy_json, "people[5].duties", "[\"administrator\"]");
    json_edit(world.policy_json, "groups[2].members", "[\"bert\",\"bob\"]");
    json_edit(world.policy_json, "rules", "[]");
    json_edit(world.policy_json, "governance.group", "\"treasury\"");
    cr_expect(open_next(usurpers, 2, NULL) == STATUS_UNKNOWN_KEY);
    cr_expect(open_next(everyone, 2, NULL) == STATUS_OK);
}

Test(policy_signature, an_expired_administrator_does_not_count)
{
    make_second_version();
    world.policy.people[0].valid_until = time_of("2026-02-01T00:00:00.000000Z");
    cr_expect(open_next(everyone, 2, NULL) == STATUS_QUORUM_MISSING);
    world.policy.people[0].valid_until++;
    cr_expect(open_next(everyone, 2, NULL) == STATUS_OK);
}

Test(policy_signature, a_successor_follows_exactly)
{
    static const struct {
        const char *path;
        const char *text;
    } rows[] = {
        {"version", "3"},
        {"prev", "\"" CHAIN "\""},
        {"chain", "\"" ASSET_A "\""},
        {"environment", "\"test-2\""},
        {"issued_at", "\"" ISSUED_AT "\""},
    };
    make_second_version();
    json_t *second = json_deep_copy(world.policy_json);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault fault = {0};
        json_decref(world.policy_json);
        world.policy_json = json_deep_copy(second);
        json_edit(world.policy_json, rows[i].path, rows[i].text);
        cr_expect(open_next(everyone, 2, &fault) == STATUS_MISMATCH, "%s", rows[i].path);
        cr_expect_str_eq(fault.where, rows[i].path);
    }
    json_decref(second);
}
