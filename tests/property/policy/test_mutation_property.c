/*
 * Damage: one changed bit anywhere in a signed approval, destination or policy, or in the intent, and it is refused.
 * Bytes first: a change is either no canonical document any more, breaks a rule, or no longer fits the signature.
 */
#include "fixture.h"
#include "random.h"

#include <criterion/criterion.h>

static struct world world;

static void setup(void)
{
    random_open();
    world_init(&world);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(mutation_property, .init = setup, .fini = teardown);

static bool approval_passes(const struct signed_document *document)
{
    const struct approval_context context = {&world.intent, &world.intent_digest, &world.policy, world.now};
    struct approval approval;
    return approval_verify(&approval, document, &context, NULL) == STATUS_OK;
}

static bool destination_passes(const struct signed_document *document)
{
    struct destination destination;
    return destination_verify(&destination, document, &world.policy, world.now, NULL) == STATUS_OK;
}

static bool policy_passes(const struct signed_document *document)
{
    struct policy policy;
    bool passes = policy_open_first(&policy, document, NULL) == STATUS_OK;
    if (passes) {
        policy_free(&policy);
    }
    return passes;
}

static bool withdrawal_passes(void)
{
    const struct withdrawal_documents documents = world_documents(&world);
    const struct withdrawal_context context = world_context(&world);
    struct withdrawal withdrawal;
    bool passes = policy_check_withdrawal(&withdrawal, &documents, &context, NULL) == STATUS_OK;
    if (passes) {
        withdrawal_free(&withdrawal);
    }
    return passes;
}

/* Flips `flips` random bits of every byte, one at a time. */
static void expect_fragile(struct signed_document *document, void *data, size_t len, int flips,
                           bool (*passes)(const struct signed_document *document))
{
    uint8_t *bytes = data;
    cr_assert(passes(document));
    for (size_t i = 0; i < len; i++) {
        for (int k = 0; k < flips; k++) {
            uint8_t bit = (uint8_t)(1u << random_below(8));
            bytes[i] ^= bit;
            cr_expect(!passes(document), "byte %zu, bit %u", i, bit);
            bytes[i] ^= bit;
        }
    }
    cr_assert(passes(document));
}

static void expect_fragile_signatures(struct signed_document *document, int flips,
                                      bool (*passes)(const struct signed_document *document))
{
    for (size_t i = 0; i < document->signature_count; i++) {
        struct signature *signature = &document->signatures[i];
        enum algorithm right = signature->algorithm;
        expect_fragile(document, signature->bytes64, SIGNATURE_LEN, flips, passes);
        expect_fragile(document, signature->key_id.bytes32, sizeof(signature->key_id.bytes32), flips, passes);
        for (int other = ALGORITHM_P256; other <= ALGORITHM_SECP256K1; other++) {
            signature->algorithm = (enum algorithm)other;
            cr_expect(passes(document) == (signature->algorithm == right), "algorithm %d", other);
        }
        signature->algorithm = right;
    }
}

Test(mutation_property, of_an_approval)
{
    for (size_t i = 0; i < world.approval_count; i++) {
        struct signed_document *document = &world.approvals[i];
        expect_fragile(document, document->document.data, document->document.len, 1, approval_passes);
        expect_fragile_signatures(document, 1, approval_passes);
    }
}

Test(mutation_property, of_a_destination)
{
    struct signed_document *document = &world.destination;
    expect_fragile(document, document->document.data, document->document.len, 1, destination_passes);
    expect_fragile_signatures(document, 1, destination_passes);
}

Test(mutation_property, of_a_policy)
{
    struct signed_document *document = &world.policy_signed;
    expect_fragile(document, document->document.data, document->document.len, 1, policy_passes);
    expect_fragile_signatures(document, 1, policy_passes);
}

Test(mutation_property, of_an_intent)
{
    cr_assert(withdrawal_passes());
    for (size_t i = 0; i < world.intent_document.len; i++) {
        uint8_t bit = (uint8_t)(1u << random_below(8));
        world.intent_document.data[i] ^= bit;
        cr_expect(!withdrawal_passes(), "byte %zu, bit %u", i, bit);
        world.intent_document.data[i] ^= bit;
    }
}

Test(mutation_property, of_a_length)
{
    struct signed_document *documents[] = {&world.approvals[0], &world.destination};
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        size_t len = documents[i]->document.len;
        for (size_t cut = 0; cut < len; cut++) {
            documents[i]->document.len = cut;
            cr_expect(!withdrawal_passes(), "document %zu cut to %zu", i, cut);
        }
        documents[i]->document.len = len;
    }
}
