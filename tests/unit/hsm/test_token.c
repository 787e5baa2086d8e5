/*
 * What hsm_token_open refuses before there is a module.
 */
#include "hsm/token.h"

#include <criterion/criterion.h>
#include <string.h>

static uint8_t pin_bytes[] = "1234";
static const struct secret pin = {pin_bytes, 4};

static struct hsm_token_config config_make(void)
{
    return (struct hsm_token_config){
        .module_path = "/nonexistent/module.so", .selector = {.label = "x"}, .session_count = 1};
}

static void expect(const struct hsm_token_config *config, const struct secret *secret, enum status status,
                   const char *where)
{
    struct fault fault = {0};
    struct hsm_token *token = NULL;
    cr_expect_eq(hsm_token_open(&token, config, secret, &fault), status, "%s: %s", fault.where, fault.detail);
    cr_expect_str_eq(fault.where, where);
    cr_expect_null(token);
}

Test(token, the_configuration_is_checked)
{
    struct hsm_token_config config = config_make();
    const struct secret empty = {0};
    expect(&config, &empty, STATUS_INVALID, "pin");
    config.session_count = 0;
    expect(&config, &pin, STATUS_INVALID, "sessions");
    config.session_count = HSM_SESSIONS_MAX + 1;
    expect(&config, &pin, STATUS_INVALID, "sessions");
    config = config_make();
    config.selector.label[0] = '\0';
    expect(&config, &pin, STATUS_INVALID, "token");
}

Test(token, the_module_is_named_by_an_absolute_path)
{
    struct hsm_token_config config = config_make();
    config.module_path = "libsofthsm2.so";
    expect(&config, &pin, STATUS_INVALID, "module");
    config.module_path = NULL;
    expect(&config, &pin, STATUS_INVALID, "module");
}

Test(token, a_module_that_cannot_be_loaded_is_a_fault_each_time)
{
    struct hsm_token_config config = config_make();
    expect(&config, &pin, STATUS_TOKEN, "module");
    expect(&config, &pin, STATUS_TOKEN, "module");
    config.module_path = "/bin/true";
    expect(&config, &pin, STATUS_TOKEN, "module");
}

Test(token, closing_nothing_is_fine)
{
    hsm_token_close(NULL);
}
