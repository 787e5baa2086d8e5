/*
 * Certificates: k valid signatures by distinct validators over exactly this header, or nothing.
 */
#include <criterion/criterion.h>

#include "ledger/header.h"
#include "test/test_key.h"

#define COUNT 4
#define QUORUM 3
#define HEADER "{\"any\":\"document\"}"

static struct test_key *keys[COUNT];
static struct ledger_validators validators;
static struct ledger_certificate certificate;

static void sign(size_t row, const struct test_key *key)
{
    test_key_sign(&certificate.signatures[row], key, LEDGER_HEADER_KIND, HEADER, strlen(HEADER));
}

static void setup(void)
{
    static const enum algorithm algorithms[COUNT] = {ALGORITHM_P256, ALGORITHM_ED25519, ALGORITHM_SECP256K1,
                                                     ALGORITHM_P256};
    validators = (struct ledger_validators){.quorum = QUORUM, .count = COUNT};
    certificate = (struct ledger_certificate){.count = QUORUM};
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = test_key_new(algorithms[i]);
        validators.keys[i] = *test_key_public(keys[i]);
    }
    sign(0, keys[0]);
    sign(1, keys[1]);
    sign(2, keys[3]);
}

static void teardown(void)
{
    for (size_t i = 0; i < COUNT; i++) {
        test_key_free(keys[i]);
    }
}

TestSuite(ledger_certificate, .init = setup, .fini = teardown);

static enum status verify(const char *header)
{
    return ledger_certificate_verify(&certificate, &validators, header, strlen(header), NULL);
}

Test(ledger_certificate, k_of_n_confirm)
{
    cr_expect_eq(verify(HEADER), STATUS_OK);
    certificate.count = COUNT;
    sign(2, keys[2]);
    sign(3, keys[3]);
    cr_expect_eq(verify(HEADER), STATUS_OK);
}

Test(ledger_certificate, one_missing)
{
    certificate.count = QUORUM - 1;
    cr_expect_eq(verify(HEADER), STATUS_QUORUM_MISSING);
    certificate.count = 0;
    cr_expect_eq(verify(HEADER), STATUS_QUORUM_MISSING);
}

Test(ledger_certificate, a_stranger)
{
    struct test_key *stranger = test_key_new(ALGORITHM_P256);
    sign(2, stranger);
    cr_expect_eq(verify(HEADER), STATUS_UNKNOWN_KEY);
    test_key_free(stranger);
}

Test(ledger_certificate, a_strangers_signature_under_a_validators_name)
{
    struct test_key *stranger = test_key_new(ALGORITHM_P256);
    struct digest name = certificate.signatures[0].key_id;
    sign(0, stranger);
    certificate.signatures[0].key_id = name;
    cr_expect_eq(verify(HEADER), STATUS_SIGNATURE_INVALID);
    test_key_free(stranger);
}

Test(ledger_certificate, one_validator_twice)
{
    sign(1, keys[0]);
    cr_expect_eq(verify(HEADER), STATUS_INVALID);
    struct bytes bytes = {0};
    cr_expect_eq(ledger_certificate_encode(&bytes, &certificate, NULL), STATUS_INVALID);
}

Test(ledger_certificate, one_bad_signature_is_not_made_good_by_others)
{
    certificate.count = COUNT;
    sign(2, keys[2]);
    sign(3, keys[3]);
    certificate.signatures[3].bytes64[10] ^= 1;
    cr_expect_eq(verify(HEADER), STATUS_SIGNATURE_INVALID);
}

Test(ledger_certificate, out_of_order)
{
    sign(0, keys[1]);
    sign(1, keys[0]);
    cr_expect_eq(verify(HEADER), STATUS_INVALID);
}

Test(ledger_certificate, upper_half_of_s)
{
    test_key_make_high_s(certificate.signatures[0].bytes64, ALGORITHM_P256);
    cr_expect_eq(verify(HEADER), STATUS_SIGNATURE_INVALID);
}

Test(ledger_certificate, another_header)
{
    cr_expect_eq(verify("{\"any\":\"documenu\"}"), STATUS_SIGNATURE_INVALID);
}

Test(ledger_certificate, wrong_algorithm_under_the_right_key_id)
{
    certificate.signatures[0].algorithm = ALGORITHM_ED25519;
    cr_expect_eq(verify(HEADER), STATUS_UNKNOWN_KEY);
}

Test(ledger_certificate, bytes_round_trip)
{
    struct bytes bytes = {0};
    struct bytes again = {0};
    struct ledger_certificate back;
    cr_assert_eq(ledger_certificate_encode(&bytes, &certificate, NULL), STATUS_OK);
    cr_assert_eq(ledger_certificate_decode(&back, bytes.data, bytes.len, NULL), STATUS_OK);
    cr_assert_eq(ledger_certificate_encode(&again, &back, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)bytes.data, (const char *)again.data);
    cr_expect_eq(ledger_certificate_decode(&back, bytes.data, bytes.len - 1, NULL), STATUS_NOT_CANONICAL);
    cr_expect_eq(ledger_certificate_decode(&back, "{\"signatures\":[]}", 17, NULL), STATUS_INVALID);
    bytes_free(&again);
    bytes_free(&bytes);
}
