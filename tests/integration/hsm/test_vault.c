/*
 * The wrapping key of a token, on SoftHSM: what it wraps comes back on this token, for its context, and not otherwise.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "hsm/vault.h"
#include "raw_token.h"

TestSuite(vault, .init = fixture_make, .fini = fixture_remove, .timeout = 600);

static const uint8_t context[HSM_VAULT_CONTEXT_LEN] = {7, 7, 7};
static const uint8_t plain[HSM_VAULT_KEY_LEN] = "thirty-two bytes of a subject's";

/* A token with the key "people" and its wrapping key, and something wrapped. */
static void vault_make(uint8_t wrapped[HSM_VAULT_WRAPPED_LEN])
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, "people", &fault), STATUS_OK, "%s",
                 fault.detail);
    cr_assert_not(hsm_vault_has(key));
    cr_assert_eq(hsm_vault_wrap(key, wrapped, plain, context, &fault), STATUS_NOT_FOUND);
    cr_assert_eq(hsm_vault_generate(token, key, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_assert_eq(hsm_vault_generate(token, key, &fault), STATUS_EXISTS);
    cr_assert_eq(hsm_vault_wrap(key, wrapped, plain, context, &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
}

Test(vault, what_it_wraps_comes_back_after_the_token_was_opened_again)
{
    struct fault fault = {0};
    uint8_t wrapped[HSM_VAULT_WRAPPED_LEN];
    uint8_t again[HSM_VAULT_WRAPPED_LEN];
    uint8_t back[HSM_VAULT_KEY_LEN] = {0};
    vault_make(wrapped);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 2);
    const struct hsm_key *key = hsm_key_at(token, 0);
    cr_assert(hsm_vault_has(key));
    cr_assert_eq(hsm_vault_unwrap(key, back, wrapped, context, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_eq(memcmp(back, plain, sizeof back), 0);
    cr_assert_eq(hsm_vault_wrap(key, again, plain, context, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_neq(memcmp(again, wrapped, sizeof again), 0, "a nonce serves once");
    cr_expect_null(memmem(wrapped, sizeof wrapped, plain, 16), "it is encrypted");
    hsm_token_close(token);
}

Test(vault, neither_another_context_nor_a_changed_byte_is_unwrapped)
{
    struct fault fault = {0};
    uint8_t wrapped[HSM_VAULT_WRAPPED_LEN];
    uint8_t back[HSM_VAULT_KEY_LEN] = {0};
    const uint8_t nothing[HSM_VAULT_KEY_LEN] = {0};
    const uint8_t other[HSM_VAULT_CONTEXT_LEN] = {7, 7, 8};
    vault_make(wrapped);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    const struct hsm_key *key = hsm_key_at(token, 0);
    cr_expect_eq(hsm_vault_unwrap(key, back, wrapped, other, &fault), STATUS_MISMATCH, "%s", fault.detail);
    for (size_t i = 0; i < sizeof wrapped; i++) {
        wrapped[i] ^= 1;
        cr_expect_eq(hsm_vault_unwrap(key, back, wrapped, context, &fault), STATUS_MISMATCH, "byte %zu", i);
        wrapped[i] ^= 1;
    }
    cr_expect_eq(memcmp(back, nothing, sizeof back), 0, "nothing was written");
    cr_expect_eq(hsm_vault_unwrap(key, back, wrapped, context, &fault), STATUS_OK);
    hsm_token_close(token);
}

Test(vault, goes_with_its_signing_key)
{
    struct fault fault = {0};
    uint8_t wrapped[HSM_VAULT_WRAPPED_LEN];
    vault_make(wrapped);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_expect_eq(hsm_key_destroy(token, hsm_key_at(token, 0), &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
    token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_expect_eq(hsm_key_count(token), 0);
    hsm_token_close(token);
}

static void expect_unfit(CK_ULONG len, const struct raw_flag *flags, size_t count, const char *text)
{
    struct raw_token raw;
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    raw_token_open(&raw, &fixture_token);
    raw_wrapping_generate(&raw, "unfit", "people", len, flags, count);
    raw_token_close(&raw);
    cr_expect_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT, "%s", fault.detail);
    cr_expect_not_null(strstr(fault.detail, text), "%s", fault.detail);
    raw_token_open(&raw, &fixture_token);
    raw_object_destroy(&raw, CKO_SECRET_KEY, "unfit");
    raw_token_close(&raw);
}

Test(vault, a_wrapping_key_that_is_not_as_it_must_be_keeps_the_token_closed)
{
    static const struct {
        struct raw_flag flag;
        const char *text;
    } more[] = {
        {{CKA_SENSITIVE, false}, "CKA_SENSITIVE"},
        {{CKA_EXTRACTABLE, true}, "EXTRACTABLE"},
        {{CKA_WRAP, true}, "CKA_WRAP"},
        {{CKA_UNWRAP, true}, "CKA_UNWRAP"},
        {{CKA_SIGN, true}, "CKA_SIGN"},
        {{CKA_DERIVE, true}, "CKA_DERIVE"},
        {{CKA_MODIFIABLE, true}, "CKA_MODIFIABLE"},
        {{CKA_ENCRYPT, false}, "CKA_ENCRYPT"},
        {{CKA_DECRYPT, false}, "CKA_DECRYPT"},
    };
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    const struct hsm_key *key = NULL;
    struct fault fault = {0};
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, "people", &fault), STATUS_OK);
    hsm_token_close(token);
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        expect_unfit(HSM_VAULT_KEY_LEN, &more[i].flag, 1, more[i].text);
    }
    expect_unfit(16, NULL, 0, "AES of 32 bytes");
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_wrapping_generate(&raw, "fit", "people", HSM_VAULT_KEY_LEN, NULL, 0);
    raw_token_close(&raw);
    token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_expect(hsm_vault_has(hsm_key_at(token, 0)), "a fit one serves, whoever made it on the token");
    hsm_token_close(token);
    expect_unfit(HSM_VAULT_KEY_LEN, NULL, 0, "two wrapping keys");
}
