/*
 * What holds on every token: the same cases run on SoftHSM2 and on a TPM 2.0 (STRONGROOM_TEST_TOKEN), with P-256, which
 * both have.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "hsm/backup.h"
#include "raw_token.h"

#define SPY_MODULE "/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so"
#define SIGNERS 8
#define SESSIONS 4
#define SIGNATURES_EACH 8

TestSuite(token, .init = fixture_make, .fini = fixture_remove, .timeout = 600);

static const char message[] = "a message of some length";

static void sign_and_verify(const struct hsm_key *key)
{
    struct signature signature = {0};
    struct digest key_id;
    struct fault fault = {0};
    cr_assert_eq(hsm_key_sign(key, &signature, message, sizeof message, &fault), STATUS_OK, "%s", fault.detail);
    public_key_id(&key_id, hsm_key_public(key));
    cr_assert(digest_equal(&signature.key_id, &key_id));
    cr_assert_eq(signature.algorithm, hsm_key_public(key)->algorithm);
    cr_assert_eq(signature_verify(hsm_key_public(key), signature.bytes64, message, sizeof message, &fault), STATUS_OK);
    cr_assert_eq(signature_verify(hsm_key_public(key), signature.bytes64, message, sizeof message - 1, NULL),
                 STATUS_SIGNATURE_INVALID);
}

Test(token, a_generated_key_signs_now_and_after_a_restart)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, "first", &fault), STATUS_OK, "%s",
                 fault.detail);
    sign_and_verify(key);
    struct public_key public = *hsm_key_public(key);
    struct digest key_id;
    public_key_id(&key_id, &public);
    hsm_token_close(token);

    token = fixture_must_open(HSM_TOKEN_SIGN, 2);
    cr_assert_eq(hsm_key_count(token), 1);
    cr_assert_str_eq(hsm_key_label(hsm_key_at(token, 0)), "first");
    cr_assert_eq(hsm_key_open_label(token, &key, "first", &public, &fault), STATUS_OK, "%s", fault.detail);
    sign_and_verify(key);
    const struct hsm_key *same = NULL;
    cr_assert_eq(hsm_key_open_id(token, &same, &key_id, &fault), STATUS_OK);
    cr_assert_eq(same, key);
    hsm_token_close(token);
}

/* A token must not fill up with what earlier processes loaded. */
Test(token, ten_restarts_change_nothing)
{
    fixture_generate(ALGORITHM_P256, "lasting");
    for (int i = 0; i < 10; i++) {
        struct fault fault = {0};
        const struct hsm_key *key = NULL;
        struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, SESSIONS);
        cr_assert_eq(hsm_key_open_label(token, &key, "lasting", NULL, &fault), STATUS_OK, "%d: %s", i, fault.detail);
        sign_and_verify(key);
        hsm_token_close(token);
    }
}

Test(token, a_missing_key_is_named)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_open_label(token, &key, "treasury", NULL, &fault), STATUS_NOT_FOUND);
    cr_assert_str_eq(fault.where, "treasury");
    fault_clear(&fault);
    struct digest key_id = {{1}};
    cr_assert_eq(hsm_key_open_id(token, &key, &key_id, &fault), STATUS_NOT_FOUND);
    cr_assert_not_null(strstr(fault.detail, "0100000000"));
    hsm_token_close(token);
}

Test(token, a_signing_process_cannot_make_keys)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, "first", &fault), STATUS_INVALID);
    cr_assert_eq(hsm_key_count(token), 0);
    hsm_token_close(token);
}

Test(token, a_process_has_one_token_open)
{
    struct fault fault = {0};
    struct hsm_token *second = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(fixture_open(&second, HSM_TOKEN_SIGN, 1, &fault), STATUS_CONFLICT);
    cr_assert_null(second);
    hsm_token_close(token);
}

static void *signer_main(void *key)
{
    for (int i = 0; i < SIGNATURES_EACH; i++) {
        sign_and_verify(key);
    }
    return NULL;
}

Test(token, eight_threads_sign_on_four_sessions)
{
    fixture_generate(ALGORITHM_P256, "shared");
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, SESSIONS);
    cr_assert_eq(hsm_key_open_label(token, &key, "shared", NULL, &fault), STATUS_OK, "%s", fault.detail);
    pthread_t threads[SIGNERS];
    for (int i = 0; i < SIGNERS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, signer_main, (void *)(uintptr_t)key), 0);
    }
    for (int i = 0; i < SIGNERS; i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert_eq(hsm_token_probe(token, NULL), STATUS_OK);
    hsm_token_close(token);
}

static int calls_logged(const char *path, const char *call)
{
    char line[512];
    int count = 0;
    FILE *log = fopen(path, "re");
    cr_assert_not_null(log);
    while (fgets(line, sizeof line, log) != NULL) {
        count += strstr(line, call) != NULL;
    }
    fclose(log);
    return count;
}

/* Puts a spying module between us and the token; what it saw is in the file. */
static void spy_make(char log[TEST_PATH_SIZE + 16])
{
    snprintf(log, TEST_PATH_SIZE + 16, "%s/spy.log", fixture_token.folder.path);
    setenv("PKCS11SPY", fixture_token.module, 1);
    setenv("PKCS11SPY_OUTPUT", log, 1);
    fixture_module_use(SPY_MODULE);
}

Test(token, a_wrong_pin_is_tried_once_in_the_life_of_the_process)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    char log[TEST_PATH_SIZE + 16];
    spy_make(log);
    cr_assert_eq(fixture_open_pin(&token, "not-the-pin", &fault), STATUS_PIN_REFUSED, "%s", fault.detail);
    cr_assert_null(strstr(fault.detail, "not-the-pin"));
    fault_clear(&fault);
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_PIN_REFUSED);
    cr_assert_null(token);
    cr_assert_eq(calls_logged(log, ": C_Login"), 1);
}

Test(token, sessions_for_signing_are_read_only_and_opened_once)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    char log[TEST_PATH_SIZE + 16];
    fixture_generate(ALGORITHM_P256, "watched");
    spy_make(log);
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, SESSIONS);
    cr_assert_eq(hsm_key_open_label(token, &key, "watched", NULL, &fault), STATUS_OK, "%s", fault.detail);
    int searches = calls_logged(log, ": C_FindObjectsInit");
    sign_and_verify(key);
    sign_and_verify(key);
    cr_assert_eq(calls_logged(log, ": C_FindObjectsInit"), searches, "the handle is cached");
    hsm_token_close(token);
    cr_assert_eq(calls_logged(log, ": C_OpenSession"), SESSIONS);
    cr_assert_eq(calls_logged(log, ": C_CloseSession"), SESSIONS);
    cr_assert_eq(calls_logged(log, "[in] flags = 0x4\n"), SESSIONS, "CKF_SERIAL_SESSION without CKF_RW_SESSION");
}

Test(token, the_right_pin_still_works_after_one_wrong_attempt_of_another_process)
{
    pid_t child = fork();
    if (child == 0) {
        struct hsm_token *refused = NULL;
        _exit(fixture_open_pin(&refused, "not-the-pin", NULL) == STATUS_PIN_REFUSED ? 0 : 1);
    }
    int wait_status = -1;
    waitpid(child, &wait_status, 0);
    cr_assert_eq(wait_status, 0);
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

Test(token, no_token_has_the_label)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    snprintf(fixture_token.label, sizeof fixture_token.label, "elsewhere");
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_NOT_FOUND);
    cr_assert_not_null(strstr(fault.detail, "'elsewhere'"));
}

Test(token, a_child_process_cannot_use_the_token)
{
    fixture_generate(ALGORITHM_P256, "parents");
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_open_label(token, &key, "parents", NULL, &fault), STATUS_OK);
    pid_t child = fork();
    if (child == 0) {
        struct signature signature;
        _exit(hsm_key_sign(key, &signature, message, sizeof message, NULL) == STATUS_TOKEN ? 0 : 1);
    }
    int wait_status = -1;
    waitpid(child, &wait_status, 0);
    cr_assert_eq(wait_status, 0);
    sign_and_verify(key);
    hsm_token_close(token);
}

/* On the TPM this attribute is what separates a signing key from one that also agrees on secrets. */
Test(token, a_key_that_also_decrypts_keeps_the_token_closed)
{
    struct raw_token raw;
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    const struct raw_flag decrypt = {CKA_DECRYPT, true};
    raw_token_open(&raw, &fixture_token);
    raw_key_generate(&raw, "two-purposes", "id", &decrypt, 1);
    raw_token_close(&raw);
    cr_assert_eq(fixture_open(&token, HSM_TOKEN_SIGN, 1, &fault), STATUS_KEY_UNFIT);
    cr_assert_str_eq(fault.where, "two-purposes");
    cr_assert_not_null(strstr(fault.detail, "CKA_DECRYPT"), "%s", fault.detail);
}

Test(token, the_private_value_cannot_be_read)
{
    struct raw_token raw;
    fixture_generate(ALGORITHM_P256, "hidden");
    raw_token_open(&raw, &fixture_token);
    CK_RV rv = raw_key_value_read(&raw, "hidden");
    raw_token_close(&raw);
    cr_assert(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID, "0x%lx", rv);
}

Test(token, algorithms_the_token_does_not_have_are_refused_by_name)
{
    if (!fixture_token.tpm) {
        fixture_remove(); /* a skipped case has no .fini */
        cr_skip_test("SoftHSM has them all");
    }
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_SECP256K1, HSM_KEY_FIXED, "coin", &fault),
                 STATUS_ALGORITHM_REFUSED, "%s", fault.detail);
    cr_assert_not_null(strstr(fault.detail, "secp256k1"));
    fault_clear(&fault);
    cr_assert_eq(hsm_key_generate(token, &key, ALGORITHM_ED25519, HSM_KEY_FIXED, "log", &fault),
                 STATUS_ALGORITHM_REFUSED, "%s", fault.detail);
    cr_assert_not_null(strstr(fault.detail, "ed25519"));
    hsm_token_close(token);
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}

Test(token, the_label_of_a_new_key_is_checked)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    char too_long[HSM_KEY_LABEL_SIZE + 1];
    memset(too_long, 'a', sizeof too_long);
    too_long[HSM_KEY_LABEL_SIZE] = '\0';
    const char *const labels[] = {"", too_long, "tab\there", "\xc3\xa9"};
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        fault_clear(&fault);
        cr_expect_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_FIXED, labels[i], &fault), STATUS_INVALID);
        cr_expect_str_eq(fault.where, "label");
    }
    hsm_token_close(token);
}

Test(token, facts_are_what_token_and_module_say)
{
    char command[TEST_PATH_SIZE * 3];
    char hex[DIGEST_HEX_LEN + 1];
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    const struct hsm_token_facts *facts = hsm_token_facts(token);
    cr_expect_str_eq(facts->label, fixture_token.label);
    cr_expect_str_eq(facts->serial, hsm_token_identity(token)->serial);
    cr_expect_neq(facts->manufacturer[0], '\0');
    cr_expect_neq(facts->model[0], '\0');
    cr_expect_not_null(strchr(facts->firmware, '.'));
    cr_expect_not_null(strchr(facts->hardware, '.'));
    cr_expect(facts->rng);
    cr_expect_str_eq(facts->module_path, fixture_token.module);
    digest_format(hex, &facts->module_sha256);
    snprintf(command, sizeof command, "sha256sum '%s' | grep -q '^%s '", fixture_token.module, hex);
    const char *const shell[] = {"sh", "-c", command, NULL};
    cr_expect_eq(test_run(shell), 0);
    hsm_token_close(token);
}

Test(token, the_token_gives_random_bytes)
{
    uint8_t first[32] = {0};
    uint8_t second[32] = {0};
    struct fault fault = {0};
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_token_random(token, first, sizeof first, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(hsm_token_random(token, second, sizeof second, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_neq(memcmp(first, second, sizeof first), 0);
    hsm_token_close(token);
}

Test(token, a_destroyed_key_is_gone)
{
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    fixture_generate(ALGORITHM_P256, "doomed");
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_SIGN, 1);
    cr_assert_eq(hsm_key_open_label(token, &key, "doomed", NULL, &fault), STATUS_OK);
    cr_expect_eq(hsm_key_destroy(token, key, &fault), STATUS_INVALID, "a signing process destroys nothing");
    hsm_token_close(token);
    fault_clear(&fault);

    token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_assert_eq(hsm_key_open_label(token, &key, "doomed", NULL, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(hsm_key_destroy(token, key, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(hsm_key_count(token), 0);
    hsm_token_close(token);

    if (!fixture_token.tpm) { /* no room there for one more login in a process */
        struct raw_token raw;
        raw_token_open(&raw, &fixture_token);
        cr_expect_eq(raw_object_count(&raw), 0);
        raw_token_close(&raw);
    }
}

Test(token, a_token_that_cannot_wrap_is_found_out_before_a_pin_is_used)
{
    if (!fixture_token.tpm) {
        fixture_remove(); /* a skipped case has no .fini */
        cr_skip_test("SoftHSM can");
    }
    struct fault fault = {0};
    const struct hsm_key *key = NULL;
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    cr_expect_eq(hsm_key_generate(token, &key, ALGORITHM_P256, HSM_KEY_WRAPPABLE, "treasury", &fault),
                 STATUS_ALGORITHM_REFUSED, "%s", fault.detail);
    hsm_token_close(token);
    token = NULL;
    fault_clear(&fault);

    uint8_t wrong[] = "neither-this-nor-that";
    uint8_t key_bytes[HSM_KEK_LEN] = {1};
    const struct secret pin = {wrong, sizeof wrong - 1};
    const struct secret key32 = {key_bytes, sizeof key_bytes};
    const struct hsm_kek kek = {&pin, &key32};
    struct hsm_token_config config = {
        .module_path = fixture_token.module, .session_count = 1, .use = HSM_TOKEN_GENERATE};
    snprintf(config.selector.label, sizeof config.selector.label, "%.32s", fixture_token.label);
    cr_expect_eq(hsm_backup_open(&token, &config, &pin, &kek, &fault), STATUS_ALGORITHM_REFUSED, "%s", fault.detail);
    cr_expect_not_null(strstr(fault.detail, "wraps no keys"), "%s", fault.detail);
    hsm_token_close(fixture_must_open(HSM_TOKEN_SIGN, 1));
}
