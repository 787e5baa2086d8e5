/*
 * Attestations: every rule of the document broken once, and every one that must not be believed for a key document. An
 * address is served to payers on the strength of this.
 */
#include "policy/attestation.h"

#include "fixture.h"

#include <criterion/criterion.h>

static struct world world;
static struct key_document key;
static struct digest key_digest;

static void setup(void)
{
    struct bytes bytes = {0};
    world_init(&world);
    key = world_key_document(&world, HOT);
    cr_assert(key_document_encode(&bytes, &key, NULL) == STATUS_OK);
    key_document_digest(&key_digest, bytes.data, bytes.len);
    bytes_free(&bytes);
}

static void teardown(void)
{
    world_wipe(&world);
}

TestSuite(attestation, .init = setup, .fini = teardown);

static struct attestation sample(void)
{
    struct attestation attestation = {
        .challenge = digest_of(ASSET_B), .document = key_digest, .issued_at = world.now, .state = KEY_STATE_ACTIVE};
    cr_assert(attestation_fill(&attestation, &key, NULL) == STATUS_OK);
    return attestation;
}

static enum status decode(const void *document, size_t len, struct fault *fault)
{
    struct attestation attestation;
    return attestation_decode(&attestation, document, len, fault);
}

static void sign(struct signed_document *out, const struct attestation *attestation, enum who who)
{
    *out = (struct signed_document){0};
    cr_assert(attestation_encode(&out->document, attestation, NULL) == STATUS_OK);
    test_key_sign_document(out, ATTESTATION_KIND, world.keys[who]);
}

static void expect_verdict(const struct signed_document *document, enum status expected, const char *where)
{
    struct attestation attestation;
    struct fault fault = {0};
    enum status status = attestation_verify(&attestation, document, &key, &key_digest, &fault);
    cr_expect(status == expected, "status %s, not %s", status_info(status)->code, status_info(expected)->code);
    cr_expect_str_eq(fault.where, where);
}

static void expect_signed(const struct attestation *attestation, enum who who, enum status expected, const char *where)
{
    struct signed_document document;
    sign(&document, attestation, who);
    expect_verdict(&document, expected, where);
    signed_document_free(&document);
}

Test(attestation, every_rule_broken_once)
{
    static const struct refusal rows[] = {
        {"address", "\"sr1\"", STATUS_INVALID, "address", "address"},
        {"alg", "\"rsa\"", STATUS_ALGORITHM_REFUSED, "alg", "register"},
        {"chain", NULL, STATUS_MISSING_FIELD, "chain", "required"},
        {"challenge", "\"\"", STATUS_INVALID, "challenge", "hexadecimal"},
        {"document", NULL, STATUS_MISSING_FIELD, "document", "required"},
        {"environment", "\"\"", STATUS_INVALID, "environment", "name"},
        {"issued_at", "0", STATUS_INVALID, "issued_at", "time"},
        {"key", "\"AAAA\"", STATUS_INVALID, "key", ""},
        {"state", "\"generated\"", STATUS_INVALID, "state", "attest"},
        {"state", "\"compromised\"", STATUS_INVALID, "state", "attest"},
        {"state", "\"destroyed\"", STATUS_INVALID, "state", "attest"},
        {"state", "\"fine\"", STATUS_INVALID, "state", "state of a key"},
        {"wallet", "\"hot-1\"", STATUS_UNKNOWN_FIELD, "wallet", "no such field"},
    };
    const struct attestation attestation = sample();
    struct bytes bytes = {0};
    cr_assert(attestation_encode(&bytes, &attestation, NULL) == STATUS_OK);
    json_t *valid = json_loads((const char *)bytes.data, 0, NULL);
    expect_refusals(decode, valid, rows, sizeof(rows) / sizeof(rows[0]));
    json_decref(valid);
    bytes_free(&bytes);
}

Test(attestation, the_address_is_that_of_the_key)
{
    struct attestation attestation = sample();
    struct bytes bytes = {0};
    struct fault fault = {0};
    const struct wallet *wallet = policy_find_wallet(&world.policy, &world.intent.wallet);
    cr_expect(account_id_equal(&attestation.address, &wallet->account));
    attestation.address = world.destination_account; /* where the thief would like it to go */
    cr_expect(attestation_encode(&bytes, &attestation, &fault) == STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "address");
    attestation = sample();
    cr_assert(attestation_encode(&bytes, &attestation, NULL) == STATUS_OK);
    json_t *object = json_loads((const char *)bytes.data, 0, NULL);
    char address[ADDRESS_TEXT_SIZE];
    address_format(address, &world.destination_account);
    cr_assert(json_object_set_new(object, "address", json_string(address)) == 0);
    struct bytes forged = json_bytes(object);
    cr_expect(decode(forged.data, forged.len, NULL) == STATUS_MISMATCH);
    bytes_free(&forged);
    bytes_free(&bytes);
    json_decref(object);
}

Test(attestation, the_right_one_verifies_in_every_state_that_attests)
{
    struct attestation attestation = sample();
    for (int state = KEY_STATE_GENERATED; state <= KEY_STATE_DESTROYED; state++) {
        attestation.state = (enum key_state)state;
        if (key_state_attests(attestation.state)) {
            expect_signed(&attestation, HOT, STATUS_OK, "");
        } else {
            struct bytes bytes = {0};
            cr_expect(attestation_encode(&bytes, &attestation, NULL) == STATUS_INVALID);
        }
    }
}

Test(attestation, of_another_key_document_is_refused)
{
    struct attestation attestation = sample();
    attestation.document.bytes32[0] ^= 1;
    expect_signed(&attestation, HOT, STATUS_MISMATCH, "document");
    attestation = sample();
    attestation.chain.bytes32[0] ^= 1;
    expect_signed(&attestation, HOT, STATUS_MISMATCH, "chain");
    attestation = sample();
    attestation.environment = name_of("production");
    expect_signed(&attestation, HOT, STATUS_MISMATCH, "environment");
    attestation = sample();
    const struct key_document other = world_key_document(&world, COLD);
    cr_assert(attestation_fill(&attestation, &other, NULL) == STATUS_OK);
    expect_signed(&attestation, COLD, STATUS_MISMATCH, "key"); /* sound in itself, and of another key */
}

Test(attestation, is_signed_by_that_key_alone)
{
    const struct attestation attestation = sample();
    struct signed_document document;
    expect_signed(&attestation, COLD, STATUS_UNKNOWN_KEY, "signatures[0]");
    expect_signed(&attestation, ADA, STATUS_UNKNOWN_KEY, "signatures[0]");
    sign(&document, &attestation, HOT);
    document.signatures[0].bytes64[40] ^= 1;
    expect_verdict(&document, STATUS_SIGNATURE_INVALID, "signatures[0]");
    document.signatures[0].bytes64[40] ^= 1;
    test_key_sign_document(&document, ATTESTATION_KIND, world.keys[ADA]);
    expect_verdict(&document, STATUS_SIGNATURE_INVALID, "signatures");
    document.signature_count = 0;
    expect_verdict(&document, STATUS_SIGNATURE_INVALID, "signatures");
    document.signature_count = 2;
    signed_document_free(&document);
}
