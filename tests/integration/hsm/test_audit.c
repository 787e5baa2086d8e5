/*
 * The audit of a token at its opening, on SoftHSM: objects that are not keys of ours, PINs that nobody may use, and the
 * end of a key.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "fixture.h"
#include "hsm/uri.h"
#include "raw_token.h"

TestSuite(audit, .init = fixture_make, .fini = fixture_remove, .timeout = 600);

static void expect_refused(const char *object, const char *text)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    cr_expect_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT, "%s", fault.detail);
    cr_expect_str_eq(fault.where, object);
    cr_expect_not_null(strstr(fault.detail, text), "%s", fault.detail);
    hsm_token_close(token);
}

Test(audit, a_key_encryption_key_left_behind_keeps_the_token_closed)
{
    struct raw_token raw;
    fixture_generate(ALGORITHM_P256, "treasury");
    raw_token_open(&raw, &fixture_token);
    raw_secret_generate(&raw, "old-kek", NULL, 0);
    raw_token_close(&raw);
    expect_refused("old-kek", "secret key");
    raw_token_open(&raw, &fixture_token);
    raw_object_destroy(&raw, CKO_SECRET_KEY, "old-kek");
    raw_token_close(&raw);
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

Test(audit, a_public_key_without_its_private_half_keeps_the_token_closed)
{
    struct raw_token raw;
    fixture_generate(ALGORITHM_P256, "treasury");
    raw_token_open(&raw, &fixture_token);
    raw_public_import(&raw, "stranger", "stranger");
    raw_token_close(&raw);
    expect_refused("stranger", "no private key");
}

Test(audit, a_value_may_leave_only_under_a_trusted_key)
{
    struct raw_token raw;
    const struct raw_flag open[] = {{CKA_EXTRACTABLE, true}};
    const struct raw_flag wrapped[] = {{CKA_EXTRACTABLE, true}, {CKA_WRAP_WITH_TRUSTED, true}};
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "open", "open", open, 1);
    raw_token_close(&raw);
    expect_refused("open", "CKA_WRAP_WITH_TRUSTED");
    raw_token_open(&raw, &fixture_token);
    raw_object_destroy(&raw, CKO_PRIVATE_KEY, "open");
    raw_object_destroy(&raw, CKO_PUBLIC_KEY, "open");
    raw_key_generate(&raw, "wrapped", "wrapped", wrapped, 2);
    raw_token_close(&raw);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_expect_eq(hsm_key_profile(hsm_key_at(token, 0)), HSM_KEY_WRAPPABLE);
    hsm_token_close(token);
}

/* The PINs of the examples: the token would take them, we do not. */
Test(audit, a_token_whose_pin_is_a_default_one_is_not_opened)
{
    static const char *const pins[] = {"1234", "123456", "12345678", "00000000", "1111", "PASSWORD", "strongroom-test"};
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        struct fault fault = {0};
        struct hsm_token *token = NULL;
        cr_expect_eq(fixture_open_pin(&token, pins[i], &fault), STATUS_PIN_REFUSED, "%s", pins[i]);
        cr_expect_str_eq(fault.where, "user PIN");
        cr_expect_not_null(strstr(fault.detail, "set another"), "%s", fault.detail);
        hsm_token_close(token);
    }
    /* None was tried, so the right one still works in this process. */
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

static void uri_open(struct hsm_token **out, const char *text, enum status wanted)
{
    struct fault fault = {0};
    struct hsm_uri uri;
    cr_assert_eq(hsm_uri_parse(&uri, text, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    struct hsm_token_config config = {.module_path = uri.module_path, .selector = uri.selector, .session_count = 1};
    struct secret pin;
    cr_assert_eq(secret_new(&pin, strlen(fixture_token.pin)), STATUS_OK);
    memcpy(pin.data, fixture_token.pin, pin.len);
    enum status status = hsm_token_open(out, &config, &pin, &fault);
    cr_expect_eq(status, wanted, "%s: %s: %s", text, fault.where, fault.detail);
    secret_free(&pin);
}

Test(audit, a_token_is_opened_by_its_uri)
{
    char serial[17];
    char text[512];
    struct test_token other;
    struct hsm_token *token = NULL;
    raw_token_serial(serial, &fixture_token);
    snprintf(text, sizeof text, "pkcs11:token=strongroom-test;model=SoftHSM%%20v2?module-path=%s",
             fixture_token.module);
    uri_open(&token, text, STATUS_OK);
    hsm_token_close(token);
    token = NULL;

    test_token_softhsm_beside(&other, &fixture_token, "strongroom-test");
    uri_open(&token, text, STATUS_CONFLICT);
    snprintf(text, sizeof text, "pkcs11:token=strongroom-test;serial=%s?module-path=%s", serial, fixture_token.module);
    uri_open(&token, text, STATUS_OK);
    cr_expect_str_eq(hsm_token_identity(token)->serial, serial);
    hsm_token_close(token);
    token = NULL;
    snprintf(text, sizeof text, "pkcs11:serial=%s;manufacturer=Another?module-path=%s", serial, fixture_token.module);
    uri_open(&token, text, STATUS_NOT_FOUND);
}
