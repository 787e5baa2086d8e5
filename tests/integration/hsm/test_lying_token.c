/*
 * A token that misbehaves: what it gives must not leave, and must not overrun anything.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "fixture.h"
#include "raw_token.h"

#define CROWD 4 /* as in lying_module.c */

static const char message[] = "pay nobody";

/* The module of lies stands between us and SoftHSM; the first lie is told when a case says so. */
static void liar_make(void)
{
    char path[TEST_PATH_SIZE * 2];
    fixture_make();
    setenv("STRONGROOM_LIE_MODULE", fixture_token.module, 1);
    test_build_path(path, "tests/integration/hsm/lying_module.so");
    fixture_module_use(path);
}

TestSuite(lying, .init = liar_make, .fini = fixture_remove, .timeout = 600);

static struct hsm_token *key_prepare(const struct hsm_key **out)
{
    struct fault fault = {0};
    fixture_generate(ALGORITHM_P256, "key");
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_open_label(token, out, "key", NULL, &fault), STATUS_OK, "%s", fault.detail);
    return token;
}

Test(lying, a_wrong_signature_is_never_released)
{
    const char *const lies[] = {"flip", "short", "empty", "long"};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = key_prepare(&key);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct fault fault = {0};
        struct signature signature = {0};
        const struct signature untouched = {0};
        setenv("STRONGROOM_LIE", lies[i], 1);
        cr_expect_eq(hsm_key_sign(key, &signature, message, sizeof message, &fault), STATUS_SIGNATURE_INVALID, "%s",
                     lies[i]);
        cr_expect_eq(memcmp(&signature, &untouched, sizeof signature), 0, "%s", lies[i]);
        cr_expect_str_eq(fault.where, "key");
    }
    hsm_token_close(token);
}

Test(lying, a_high_s_is_brought_down)
{
    const struct hsm_key *key = NULL;
    struct signature signature;
    struct hsm_token *token = key_prepare(&key);
    setenv("STRONGROOM_LIE", "high", 1);
    cr_assert_eq(hsm_key_sign(key, &signature, message, sizeof message, NULL), STATUS_OK);
    cr_assert_eq(signature_verify(hsm_key_public(key), signature.bytes64, message, sizeof message, NULL), STATUS_OK);
    hsm_token_close(token);
}

Test(lying, a_lost_token_stays_lost)
{
    const struct hsm_key *key = NULL;
    struct fault fault = {0};
    struct signature signature;
    struct hsm_token *token = key_prepare(&key);
    cr_assert_eq(hsm_token_probe(token, NULL), STATUS_OK);
    setenv("STRONGROOM_LIE", "gone", 1);
    cr_assert_eq(hsm_key_sign(key, &signature, message, sizeof message, &fault), STATUS_TOKEN);
    cr_assert_not_null(strstr(fault.detail, "CKR_DEVICE_REMOVED"));
    setenv("STRONGROOM_LIE", "nothing", 1);
    fault_clear(&fault);
    cr_assert_eq(hsm_token_probe(token, &fault), STATUS_TOKEN);
    cr_assert_not_null(strstr(fault.detail, "the token was lost"), "%s", fault.detail);
    cr_assert_eq(hsm_key_sign(key, &signature, message, sizeof message, NULL), STATUS_TOKEN);
    hsm_token_close(token);
}

/* The right PIN is given, and still not tried: if it were wrong, it would be the last. */
Test(lying, a_pin_near_its_lock_is_not_tried)
{
    const char *const lies[] = {"final", "locked"};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct hsm_token *token = NULL;
        setenv("STRONGROOM_LIE", lies[i], 1);
        cr_expect_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, NULL), STATUS_PIN_REFUSED, "%s", lies[i]);
    }
    /* No attempt was spent, so this process may still log in. */
    setenv("STRONGROOM_LIE", "nothing", 1);
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

Test(lying, a_broken_new_key_is_not_handed_out)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    setenv("STRONGROOM_LIE", "flip", 1);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, "new", &fault), STATUS_SIGNATURE_INVALID);
    cr_assert_null(key);
    hsm_token_close(token);
    struct raw_token raw;
    raw_token_open(&raw, &fixture_token);
    cr_expect_eq(raw_object_count(&raw), 0, "nothing of it stays");
    raw_token_close(&raw);
}

static void expect_unfit(const char *lie, const char *detail)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    setenv("STRONGROOM_LIE", lie, 1);
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT, "%s", lie);
    cr_assert_str_eq(fault.where, "key");
    cr_assert_str_eq(fault.detail, detail);
}

Test(lying, a_key_made_elsewhere_is_refused)
{
    fixture_generate(ALGORITHM_P256, "key");
    expect_unfit("foreign", "CKA_LOCAL must be true: it was not made on this token");
}

Test(lying, an_attribute_that_is_not_answered_is_not_taken_as_good)
{
    fixture_generate(ALGORITHM_P256, "key");
    expect_unfit("silent", "CKA_MODIFIABLE is not answered");
}

/* No lie: how other tokens spell the same. */
static void expect_same_key(enum algorithm algorithm, const char *spelling)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_assert_eq(hsm_key_generate(token, &key, algorithm, HSM_KEY_FIXED, "key", &fault), STATUS_OK, "%s", fault.detail);
    struct public_key public = *hsm_key_public(key);
    hsm_token_close(token);

    setenv("STRONGROOM_LIE", spelling, 1);
    token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_open_label(token, &key, "key", &public, &fault), STATUS_OK, "%s", fault.detail);
    hsm_token_close(token);
}

Test(lying, a_bare_point_of_p256_is_read)
{
    expect_same_key(ALGORITHM_P256, "bare");
}

Test(lying, a_bare_point_of_ed25519_is_read)
{
    expect_same_key(ALGORITHM_ED25519, "bare");
}

Test(lying, ed25519_by_its_number_is_read)
{
    expect_same_key(ALGORITHM_ED25519, "oid");
}

static void *sign_once(void *key)
{
    struct signature signature;
    struct fault fault = {0};
    cr_expect_eq(hsm_key_sign(key, &signature, message, sizeof message, &fault), STATUS_OK, "%s", fault.detail);
    return NULL;
}

/* Eight signers, four sessions: four sign at once, and never a fifth. */
Test(lying, as_many_sign_at_once_as_there_are_sessions)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    pthread_t threads[2 * CROWD];
    fixture_generate(ALGORITHM_P256, "key");
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, CROWD);
    cr_assert_eq(hsm_key_open_label(token, &key, "key", NULL, &fault), STATUS_OK, "%s", fault.detail);
    setenv("STRONGROOM_LIE", "crowd", 1);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, sign_once, (void *)(uintptr_t)key), 0);
    }
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert_eq(hsm_token_probe(token, NULL), STATUS_OK);
    hsm_token_close(token);
}
