/*
 * The day an algorithm is given up: deprecated, no new key of it becomes ours, and what exists goes on; retired, it is
 * refused everywhere.
 */
#include "policy/attestation.h"

#include "fixture.h"
#include "test/test_register.h"

#include <criterion/criterion.h>

static struct world world;
static struct key_document key;
static struct signed_document document;
static struct signed_document attested;
static struct digest digest;

static void setup(void)
{
    world_init(&world);
    key = world_key_document(&world, HOT); /* p256 */
    world_sign_key_document(&document, &world, &key);
    key_document_digest(&digest, document.document.data, document.document.len);
    struct attestation attestation = {.document = digest, .issued_at = world.now, .state = KEY_STATE_ACTIVE};
    cr_assert(attestation_fill(&attestation, &key, NULL) == STATUS_OK);
    cr_assert(attestation_encode(&attested.document, &attestation, NULL) == STATUS_OK);
    test_key_sign_document(&attested, ATTESTATION_KIND, world.keys[HOT]);
}

static void teardown(void)
{
    test_register_reset();
    signed_document_free(&document);
    signed_document_free(&attested);
    world_wipe(&world);
}

TestSuite(deprecated, .init = setup, .fini = teardown);

static enum status check_new(const struct key_document *document_of, struct fault *fault)
{
    return key_document_check_new(document_of, &world.policy, world.now, fault);
}

Test(deprecated, no_new_key_is_admitted)
{
    const struct key_document other = world_key_document(&world, COLD); /* secp256k1 */
    struct fault fault = {0};
    cr_assert(check_new(&key, NULL) == STATUS_OK);
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    cr_expect(check_new(&key, &fault) == STATUS_ALGORITHM_REFUSED);
    cr_expect(strstr(fault.detail, "p256 is deprecated") != NULL, "%s", fault.detail);
    cr_expect(check_new(&other, NULL) == STATUS_OK, "others are new keys still");
}

Test(deprecated, existing_keys_go_on)
{
    struct key_document read;
    struct attestation attestation;
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    cr_expect(key_document_verify(&read, &document, &world.policy, world.now, NULL) == STATUS_OK);
    cr_expect(attestation_verify(&attestation, &attested, &key, &digest, NULL) == STATUS_OK);
    const struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    struct withdrawal withdrawal;
    cr_assert(policy_check_withdrawal(&withdrawal, &documents, &context, NULL) == STATUS_OK);
    withdrawal_free(&withdrawal);
}

Test(deprecated, a_retired_one_is_refused_everywhere)
{
    struct key_document read;
    struct attestation attestation;
    test_register_set(ALGORITHM_P256, ALGORITHM_RETIRED);
    cr_expect(check_new(&key, NULL) == STATUS_ALGORITHM_REFUSED);
    cr_expect(key_document_verify(&read, &document, &world.policy, world.now, NULL) == STATUS_ALGORITHM_REFUSED);
    cr_expect(attestation_verify(&attestation, &attested, &key, &digest, NULL) == STATUS_ALGORITHM_REFUSED);
}

Test(deprecated, the_register_says_so)
{
    test_register_set(ALGORITHM_P256, ALGORITHM_DEPRECATED);
    cr_expect(algorithm_check_new(ALGORITHM_P256, NULL) == STATUS_ALGORITHM_REFUSED);
    cr_expect(algorithm_find("p256") != NULL, "documents that name it are read");
    test_register_set(ALGORITHM_P256, ALGORITHM_RETIRED);
    cr_expect(algorithm_find("p256") == NULL);
    cr_expect_str_eq(algorithm_standing_text(ALGORITHM_DEPRECATED), "deprecated");
    cr_expect(algorithm_check_new((enum algorithm)99, NULL) == STATUS_ALGORITHM_REFUSED);
    test_register_reset();
    cr_expect(algorithm_check_new(ALGORITHM_P256, NULL) == STATUS_OK);
}
