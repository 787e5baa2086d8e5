/*
 * The token a case runs on.
 */
#include "fixture.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

struct test_token fixture_token;
static char fixture_module[TEST_PATH_SIZE * 2];

void fixture_module_use(const char *path)
{
    /* It stays mapped until the case ends, so that a leak report can name it (lsan.supp). */
    cr_assert_not_null(dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), "%s", path);
    snprintf(fixture_module, sizeof fixture_module, "%s", path);
}

void fixture_make(void)
{
    struct fault fault = {0};
    cr_assert_eq(secret_heap_open(&fault), STATUS_OK, "%s", fault.detail);
    const char *kind = getenv("STRONGROOM_TEST_TOKEN");
    if (kind != NULL && strcmp(kind, "tpm") == 0) {
        test_token_tpm(&fixture_token, "strongroom-test");
    } else {
        test_token_softhsm(&fixture_token, "strongroom-test");
    }
    fixture_module_use(fixture_token.module);
}

void fixture_remove(void)
{
    test_token_remove(&fixture_token);
}

static enum status open_as(struct hsm_token **out, const struct hsm_token_config *config, const char *pin,
                           struct fault *fault)
{
    struct secret secret;
    cr_assert_eq(secret_new(&secret, strlen(pin)), STATUS_OK);
    memcpy(secret.data, pin, strlen(pin));
    enum status status = hsm_token_open(out, config, &secret, fault);
    secret_free(&secret);
    return status;
}

struct hsm_token_config fixture_config(enum hsm_token_use use, size_t session_count)
{
    struct hsm_token_config config = {.module_path = fixture_module,
                                      .session_count = session_count,
                                      .use = use,
                                      .lock_folder = fixture_token.folder.path};
    snprintf(config.selector.label, sizeof config.selector.label, "%.32s", fixture_token.label);
    return config;
}

enum status fixture_open_config(struct hsm_token **out, const struct hsm_token_config *config, struct fault *fault)
{
    return open_as(out, config, fixture_token.pin, fault);
}

enum status fixture_open(struct hsm_token **out, enum hsm_token_use use, size_t session_count, struct fault *fault)
{
    struct hsm_token_config config = fixture_config(use, session_count);
    return open_as(out, &config, fixture_token.pin, fault);
}

enum status fixture_open_pin(struct hsm_token **out, const char *pin, struct fault *fault)
{
    struct hsm_token_config config = fixture_config(HSM_TOKEN_SIGN, 1);
    return open_as(out, &config, pin, fault);
}

struct hsm_token *fixture_must_open(enum hsm_token_use use, size_t session_count)
{
    struct hsm_token *token = NULL;
    struct fault fault = {0};
    enum status status = fixture_open(&token, use, session_count, &fault);
    cr_assert_eq(status, STATUS_OK, "%s: %s", fault.where, fault.detail);
    return token;
}

void fixture_generate(enum algorithm algorithm, const char *label)
{
    struct hsm_token *token = fixture_must_open(HSM_TOKEN_GENERATE, 1);
    const struct hsm_key *key = NULL;
    struct fault fault = {0};
    enum status status = hsm_key_generate(token, &key, algorithm, HSM_KEY_FIXED, label, &fault);
    cr_assert_eq(status, STATUS_OK, "%s: %s", fault.where, fault.detail);
    hsm_token_close(token);
}
