/*
 * Damage to what a ceremony leaves behind: one changed bit anywhere in a transcript, a backup, a gift or a restore
 * proof, steps in any other order or number, and a step that its own actor signs anew after the next has signed.
 */
#include "random.h"
#include "vault.h"

#include <criterion/criterion.h>

#define SHUFFLES 300

static struct vault vault;

static void setup(void)
{
    random_open();
    vault_init(&vault);
}

static void teardown(void)
{
    vault_wipe(&vault);
}

TestSuite(ceremony_property, .init = setup, .fini = teardown);

static bool transcript_passes(const void *document, size_t len)
{
    struct ceremony ceremony;
    bool passes = ceremony_verify(&ceremony, document, len, &vault.world.policy, NULL) == STATUS_OK;
    if (passes) {
        ceremony_free(&ceremony);
    }
    return passes;
}

static bool json_passes(const json_t *transcript)
{
    struct bytes bytes = json_bytes(transcript);
    bool passes = transcript_passes(bytes.data, bytes.len);
    bytes_free(&bytes);
    return passes;
}

static json_t *transcript_json(void)
{
    return json_loads((const char *)vault.transcript.data, 0, NULL);
}

Test(ceremony_property, one_bit_of_a_transcript, .timeout = 600)
{
    struct bytes *bytes = &vault.transcript;
    cr_assert(transcript_passes(bytes->data, bytes->len));
    for (size_t i = 0; i < bytes->len; i++) {
        uint8_t bit = (uint8_t)(1U << random_below(8));
        bytes->data[i] ^= bit;
        cr_expect(!transcript_passes(bytes->data, bytes->len), "byte %zu, bit %u", i, bit);
        bytes->data[i] ^= bit;
        cr_expect(!transcript_passes(bytes->data, i), "cut to %zu", i);
    }
}

/* Any choice of steps, some more than once, in any order. */
Test(ceremony_property, other_steps_in_another_order, .timeout = 600)
{
    for (int round = 0; round < SHUFFLES; round++) {
        json_t *transcript = transcript_json();
        json_t *steps = json_object_get(transcript, "steps");
        json_t *chosen = json_array();
        const size_t count = random_below(8);
        bool same = count == 6;
        for (size_t i = 0; i < count; i++) {
            size_t pick = random_below(3) == 0 ? random_below(6) : i % 6;
            same = same && pick == i;
            cr_assert(json_array_append(chosen, json_array_get(steps, pick)) == 0);
        }
        cr_assert(json_object_set_new(transcript, "steps", chosen) == 0);
        cr_expect(json_passes(transcript) == same, "round %d, %zu steps", round, count);
        json_decref(transcript);
    }
}

static void sign_step(json_t *step, enum who who)
{
    struct signature signature;
    struct bytes text = {0};
    struct buffer buffer;
    json_t *body = json_deep_copy(step);
    cr_assert(json_object_del(body, "sig") == 0);
    cr_assert(json_object_set_new(body, "ceremony", json_string(CEREMONY_ID)) == 0);
    struct bytes document = json_bytes(body);
    test_key_sign(&signature, vault.world.keys[who], CEREMONY_STEP_KIND, document.data, document.len);
    buffer_init(&buffer);
    buffer_append_base64(&buffer, signature.bytes64, SIGNATURE_LEN);
    cr_assert(buffer_finish(&text, &buffer) == STATUS_OK);
    cr_assert(json_object_set_new(step, "sig", json_string((const char *)text.data)) == 0);
    bytes_free(&text);
    bytes_free(&document);
    json_decref(body);
}

/* With the right key and the right form; only the last step is still its actor's own. */
Test(ceremony_property, nobody_changes_a_step_that_another_stands_on)
{
    for (size_t i = 0; i < 6; i++) {
        json_t *transcript = transcript_json();
        json_t *step = json_array_get(json_object_get(transcript, "steps"), i);
        const enum who who = vault_who(vault.ceremony.steps[i].row->role);
        sign_step(step, who);
        cr_expect(json_passes(transcript), "the same words signed again, step %zu", i);
        char text[TIME_TEXT_SIZE];
        time_format(text, vault.ceremony.steps[i].at + 1);
        cr_assert(json_object_set_new(step, "at", json_string(text)) == 0);
        sign_step(step, who);
        cr_expect(json_passes(transcript) == (i == 5), "step %zu", i);
        json_decref(transcript);
    }
}

/* Signed documents */

static bool backup_passes(const struct signed_document *document)
{
    struct backup backup;
    return backup_verify(&backup, document, NULL) == STATUS_OK;
}

static bool restore_passes(const struct signed_document *document)
{
    const struct restore_context context = vault_restore_context(&vault);
    struct restore restore;
    return restore_verify(&restore, document, &context, NULL) == STATUS_OK;
}

static bool gift_passes(const struct signed_document *document)
{
    const struct gift_context context = vault_gift_context(&vault);
    struct gift gift;
    bool passes = gift_verify(&gift, document, &context, NULL) == STATUS_OK;
    if (passes) {
        gift_free(&gift);
    }
    return passes;
}

static void expect_fragile_bytes(const struct signed_document *document, uint8_t *bytes, size_t len,
                                 bool (*passes)(const struct signed_document *document))
{
    cr_assert(passes(document));
    for (size_t i = 0; i < len; i++) {
        uint8_t bit = (uint8_t)(1U << random_below(8));
        bytes[i] ^= bit;
        cr_expect(!passes(document), "byte %zu, bit %u", i, bit);
        bytes[i] ^= bit;
    }
}

static void expect_fragile(struct signed_document *document, bool (*passes)(const struct signed_document *document))
{
    expect_fragile_bytes(document, document->document.data, document->document.len, passes);
    for (size_t i = 0; i < document->signature_count; i++) {
        struct signature *signature = &document->signatures[i];
        expect_fragile_bytes(document, signature->bytes64, SIGNATURE_LEN, passes);
        expect_fragile_bytes(document, signature->key_id.bytes32, sizeof(signature->key_id.bytes32), passes);
    }
}

Test(ceremony_property, one_bit_of_a_backup)
{
    expect_fragile(&vault.backup_signed, backup_passes);
}

Test(ceremony_property, one_bit_of_a_restore_proof)
{
    expect_fragile(&vault.restore_signed, restore_passes);
}

Test(ceremony_property, one_bit_of_a_gift)
{
    struct signed_document document = {0};
    vault_sign_gift(&document, &vault, &vault.gift, TESS);
    expect_fragile(&document, gift_passes);
    signed_document_free(&document);
}
