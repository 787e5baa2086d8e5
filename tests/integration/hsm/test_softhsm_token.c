/*
 * What only SoftHSM lets a test arrange: all three algorithms, keys of every unfit kind, ruined files, two tokens.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "hsm/data.h"
#include "raw_token.h"

TestSuite(softhsm, .init = fixture_make, .fini = fixture_remove, .timeout = 600);

static const enum algorithm algorithms[] = {ALGORITHM_P256, ALGORITHM_SECP256K1, ALGORITHM_ED25519};

#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])
#define SIGNATURES_EACH 24 /* about half of a token's ECDSA signatures come with s in the upper half */

static void key_use(struct hsm_token *token, enum algorithm algorithm)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    const char *label = algorithm_info(algorithm)->name;
    cr_assert_eq(hsm_key_open_label(token, &key, label, NULL, &fault), STATUS_OK, "%s: %s", label, fault.detail);
    cr_assert_eq(hsm_key_public(key)->algorithm, algorithm);
    for (uint8_t i = 0; i < SIGNATURES_EACH; i++) {
        struct signature signature;
        cr_assert_eq(hsm_key_sign(key, &signature, &i, sizeof i, &fault), STATUS_OK, "%s: %s", label, fault.detail);
        cr_assert_eq(signature_verify(hsm_key_public(key), signature.bytes64, &i, sizeof i, &fault), STATUS_OK);
    }
}

Test(softhsm, keys_of_all_algorithms_are_made_found_and_used)
{
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        fixture_generate(algorithms[i], algorithm_info(algorithms[i])->name);
    }
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 2);
    cr_assert_eq(hsm_key_count(token), ALGORITHM_COUNT);
    for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
        key_use(token, algorithms[i]);
    }
    hsm_token_close(token);
}

Test(softhsm, two_keys_are_told_apart)
{
    struct fault fault = {0};
    const struct hsm_key *first = NULL;
    const struct hsm_key *second = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_assert_eq(hsm_key_generate(token, &first, ALGORITHM_P256, HSM_KEY_FIXED, "first", &fault), STATUS_OK, "%s",
                 fault.detail);
    cr_assert_eq(hsm_key_generate(token, &second, ALGORITHM_P256, HSM_KEY_FIXED, "second", &fault), STATUS_OK, "%s",
                 fault.detail);
    cr_assert_not(public_key_equal(hsm_key_public(first), hsm_key_public(second)));
    const struct hsm_key *none = NULL;
    cr_assert_eq(hsm_key_generate(token, &none, ALGORITHM_P256, HSM_KEY_FIXED, "first", &fault), STATUS_EXISTS);
    fault_clear(&fault);
    cr_assert_eq(hsm_key_open_label(token, &none, "first", hsm_key_public(second), &fault), STATUS_MISMATCH);
    cr_assert_null(none);
    hsm_token_close(token);
}

static void expect_unfit(const char *label, const char *attribute)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    cr_expect_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT, "%s opened", label);
    cr_expect_str_eq(fault.where, label, "%s: %s", fault.where, fault.detail);
    cr_expect_not_null(strstr(fault.detail, attribute), "%s: %s", label, fault.detail);
    hsm_token_close(token);
}

Test(softhsm, a_key_with_one_wrong_attribute_keeps_the_token_closed)
{
    static const struct {
        struct raw_flag flag;
        const char *name;
    } rows[] = {
        {{CKA_PRIVATE, false}, "CKA_PRIVATE"},
        {{CKA_SENSITIVE, false}, "SENSITIVE"},
        {{CKA_EXTRACTABLE, true}, "CKA_EXTRACTABLE"},
        {{CKA_MODIFIABLE, true}, "CKA_MODIFIABLE"},
        {{CKA_SIGN, false}, "CKA_SIGN"},
        {{CKA_DECRYPT, true}, "CKA_DECRYPT"},
        {{CKA_UNWRAP, true}, "CKA_UNWRAP"},
        {{CKA_DERIVE, true}, "CKA_DERIVE"},
        {{CKA_SIGN_RECOVER, true}, "CKA_SIGN_RECOVER"},
        {{CKA_ALWAYS_AUTHENTICATE, true}, "CKA_ALWAYS_AUTHENTICATE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct raw_token raw;
        raw_token_open(&raw, &fixture_token);
        raw_key_generate(&raw, "odd", "odd", &rows[i].flag, 1);
        raw_token_close(&raw);
        expect_unfit("odd", rows[i].name);
        raw_token_open(&raw, &fixture_token);
        raw_object_destroy(&raw, CKO_PRIVATE_KEY, "odd");
        raw_object_destroy(&raw, CKO_PUBLIC_KEY, "odd");
        raw_token_close(&raw);
    }
    /* The same without the odd attribute opens: it was that and nothing else. */
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "even", "even", NULL, 0);
    raw_token_close(&raw);
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

Test(softhsm, a_key_that_was_extractable_once_is_refused_after_it_was_closed)
{
    struct raw_token raw;
    const struct raw_flag made[] = {{CKA_EXTRACTABLE, true}, {CKA_MODIFIABLE, true}};
    const struct raw_flag closed = {CKA_EXTRACTABLE, false};
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "repented", "repented", made, 2);
    raw_key_set(&raw, "repented", &closed);
    raw_token_close(&raw);
    expect_unfit("repented", "CKA_NEVER_EXTRACTABLE");
}

Test(softhsm, an_imported_key_is_refused)
{
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_import(&raw, "from-outside", NULL, 0);
    raw_token_close(&raw);
    expect_unfit("from-outside", "CKA_LOCAL");
}

Test(softhsm, a_key_of_a_foreign_kind_is_refused)
{
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_generate_rsa(&raw, "rsa");
    raw_token_close(&raw);
    expect_unfit("rsa", "CKA_KEY_TYPE");
}

Test(softhsm, one_label_or_one_id_names_one_key)
{
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "twin", "one", NULL, 0);
    raw_key_generate(&raw, "twin", "two", NULL, 0);
    raw_token_close(&raw);
    expect_unfit("twin", "CKA_LABEL");
}

Test(softhsm, an_id_shared_by_two_keys_is_refused)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "left", "same", NULL, 0);
    raw_key_generate(&raw, "right", "same", NULL, 0);
    raw_token_close(&raw);
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT);
    cr_assert_not_null(strstr(fault.detail, "CKA_ID"), "%s", fault.detail);
}

/* The public key of the one would stand for the other, too. */
Test(softhsm, an_id_shared_by_two_private_halves_is_refused)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "left", "same", NULL, 0);
    raw_key_generate(&raw, "right", "same", NULL, 0);
    raw_object_destroy(&raw, CKO_PUBLIC_KEY, "right");
    raw_token_close(&raw);
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT);
    cr_assert_not_null(strstr(fault.detail, "CKA_ID is that of another private key"), "%s", fault.detail);
}

/* The answer of a token on which restored keys may be. */
static void expect_unfit_restored(const char *what)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    struct hsm_token_config config = fixture_config(HSM_TOKEN_SIGN, 1);
    config.restored = true;
    cr_expect_eq(fixture_open_config(&token, &config, &fault), STATUS_KEY_UNFIT);
    cr_expect_not_null(strstr(fault.detail, what), "%s", fault.detail);
    hsm_token_close(token);
}

Test(softhsm, one_key_under_two_names_is_refused)
{
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_import(&raw, "one", NULL, 0);
    raw_key_import(&raw, "two", NULL, 0);
    raw_token_close(&raw);
    expect_unfit_restored("CKA_EC_POINT is that of another private key");
}

/* Of a key that was not born here the token's memory of its past says nothing. */
Test(softhsm, a_restored_key_is_sensitive_too)
{
    static const struct raw_flag readable = {CKA_SENSITIVE, false};
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_import(&raw, "readable", &readable, 1);
    raw_token_close(&raw);
    expect_unfit_restored("CKA_SENSITIVE must be true");
}

Test(softhsm, a_key_without_its_public_half_is_refused)
{
    struct raw_token raw;
    fixture_generate(ALGORITHM_P256, "half");
    raw_token_open(&raw, &fixture_token);
    raw_object_destroy(&raw, CKO_PUBLIC_KEY, "half");
    raw_token_close(&raw);
    expect_unfit("half", "CKA_ID");
}

/* Somebody with the PIN swaps the public half: the address of a stranger would be published for our key. */
Test(softhsm, a_public_half_that_is_not_the_keys_own_is_refused)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "swapped", "swapped", NULL, 0);
    raw_object_destroy(&raw, CKO_PUBLIC_KEY, "swapped");
    raw_public_import(&raw, "swapped", "swapped");
    raw_token_close(&raw);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_open_label(token, &key, "swapped", NULL, &fault), STATUS_SIGNATURE_INVALID);
    cr_assert_null(key);
    hsm_token_close(token);
}

Test(softhsm, of_two_tokens_with_one_label_only_the_serial_tells)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    char serial[17];
    struct test_token other;
    raw_token_serial(serial, &fixture_token);
    test_token_softhsm_beside(&other, &fixture_token, fixture_token.label);
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_CONFLICT);
    cr_assert_not_null(strstr(fault.detail, fixture_token.label));
    fault_clear(&fault);

    struct hsm_token_config config = {.module_path = fixture_token.module, .session_count = 1};
    snprintf(config.selector.serial, sizeof config.selector.serial, "%s", serial);
    struct secret pin;
    cr_assert_eq(secret_read_file(&pin, fixture_token.pin_path, &fault), STATUS_OK, "%s", fault.detail);
    /* The file now holds the PIN of the second token; ours is the one the fixture read first. */
    secret_free(&pin);
    cr_assert_eq(secret_new(&pin, strlen(fixture_token.pin)), STATUS_OK);
    memcpy(pin.data, fixture_token.pin, pin.len);
    cr_assert_eq(hsm_token_open(&token, &config, &pin, &fault), STATUS_OK, "%s", fault.detail);
    secret_free(&pin);
    cr_assert_str_eq(hsm_token_identity(token)->serial, serial);
    hsm_token_close(token);
}

Test(softhsm, label_and_serial_must_agree)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    struct hsm_token_config config = {.module_path = fixture_token.module, .session_count = 1};
    raw_token_serial(config.selector.serial, &fixture_token);
    snprintf(config.selector.label, sizeof config.selector.label, "another");
    struct secret pin;
    cr_assert_eq(secret_read_file(&pin, fixture_token.pin_path, &fault), STATUS_OK);
    cr_assert_eq(hsm_token_open(&token, &config, &pin, &fault), STATUS_NOT_FOUND);
    secret_free(&pin);
}

/* Empties the first file that matches below the folder of tokens. */
static void file_empty(char *out_name, size_t size, const char *pattern)
{
    char path[TEST_PATH_SIZE * 2];
    glob_t found;
    snprintf(path, sizeof path, "%s/tokens/*/%s", fixture_token.folder.path, pattern);
    cr_assert_eq(glob(path, 0, NULL, &found), 0);
    snprintf(out_name, size, "%s", strrchr(found.gl_pathv[0], '/') + 1);
    cr_assert_eq(truncate(found.gl_pathv[0], 0), 0);
    globfree(&found);
}

Test(softhsm, an_empty_key_file_is_named_and_nothing_is_opened)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    char name[64];
    fixture_generate(ALGORITHM_P256, "ruined");
    file_empty(name, sizeof name, "[0-9a-f]*.object");
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_CORRUPT);
    cr_assert_str_eq(fault.where, name);
    cr_assert_null(token);
}

Test(softhsm, an_empty_token_file_is_named_and_nothing_is_opened)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    char name[64];
    file_empty(name, sizeof name, "token.object");
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_CORRUPT);
    cr_assert_str_eq(fault.where, "token.object");
}

/* The warning flag SoftHSM raises is the trace of the one attempt; a good login clears it. */
Test(softhsm, the_token_remembers_a_wrong_pin)
{
    struct hsm_token *token = NULL;
    cr_assert_eq(raw_token_flags(&fixture_token) & CKF_USER_PIN_COUNT_LOW, 0);
    cr_assert_eq(fixture_open_pin(&token, "not-the-pin", NULL), STATUS_PIN_REFUSED);
    cr_assert_neq(raw_token_flags(&fixture_token) & CKF_USER_PIN_COUNT_LOW, 0);
}

static enum status text_replace(struct hsm_token *token, const char *label, const char *value,
                                const struct hsm_data *old, struct fault *fault)
{
    struct hsm_data text = {.len = strlen(value)};
    memcpy(text.value, value, text.len);
    return hsm_data_replace(token, label, &text, old == NULL ? NULL : &old->object, old == NULL ? 0 : 1, fault);
}

static size_t texts_read(struct hsm_token *token, struct hsm_data out[HSM_DATA_MAX])
{
    struct fault fault = {0};
    size_t count = 99;
    cr_assert_eq(hsm_data_read(token, out, &count, "a text", &fault), STATUS_OK, "%s", fault.detail);
    return count;
}

/* While it is open for signing alone; the new one is there before the old one goes. */
Test(softhsm, a_text_is_kept_beside_the_keys_and_replaced)
{
    static const char *const texts[] = {"one", "another", "the last"};
    struct hsm_data held[HSM_DATA_MAX];
    const struct hsm_key *key = NULL;
    struct fault fault = {0};
    fixture_generate(ALGORITHM_P256, "first");
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 2);
    cr_assert_eq(texts_read(token, held), 0);
    for (size_t i = 0; i < 3; i++) {
        size_t count = texts_read(token, held);
        cr_assert_eq(text_replace(token, "a text", texts[i], count == 0 ? NULL : &held[0], &fault), STATUS_OK, "%s",
                     fault.detail);
        cr_assert_eq(texts_read(token, held), 1);
        cr_assert(held[0].len == strlen(texts[i]) && memcmp(held[0].value, texts[i], held[0].len) == 0);
    }
    cr_assert_eq(text_replace(token, "other text", "x", NULL, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(text_replace(token, "a text", "x", NULL, &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
    token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(texts_read(token, held), 2);
    cr_assert_eq(hsm_key_open_label(token, &key, "first", NULL, &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
}

Test(softhsm, too_many_texts_are_refused)
{
    struct hsm_data held[HSM_DATA_MAX];
    struct fault fault = {0};
    size_t count = 0;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    for (size_t i = 0; i < HSM_DATA_MAX; i++) {
        cr_assert_eq(text_replace(token, "a text", "x", NULL, &fault), STATUS_OK, "%s", fault.detail);
    }
    cr_assert_eq(texts_read(token, held), HSM_DATA_MAX);
    cr_assert_eq(text_replace(token, "a text", "x", NULL, &fault), STATUS_TOO_LARGE); /* seen afterwards */
    fault = (struct fault){0};
    cr_assert_eq(hsm_data_read(token, held, &count, "a text", &fault), STATUS_TOO_LARGE);
    hsm_token_close(token);
}
