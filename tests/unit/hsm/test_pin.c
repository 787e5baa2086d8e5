/*
 * PINs that nobody may use.
 */
#include "hsm/pin.h"

#include <criterion/criterion.h>
#include <string.h>

static enum status check(const char *text, struct fault *fault)
{
    uint8_t bytes[128];
    const struct secret pin = {bytes, strlen(text)};
    memcpy(bytes, text, strlen(text));
    return hsm_pin_check(&pin, "vault-7", "9f3a11", "user PIN", fault);
}

Test(pin, what_is_tried_first_is_refused)
{
    static const char *const pins[] = {
        "",        "7",        "739",      "1234",     "123456",       "12345678",         "1234567890", "87654321",
        "0000",    "00000000", "1111",     "9999999",  "1212",         "123123",           "abcabcabc",  "abcdabcd",
        "abcdef",  "fedcba",   "password", "Password", "0001password", "648219",           "so-pin",     "userpin",
        "vault-7", "VAULT-7",  "9f3a11",   "9F3A11",   "changeme",     "3537363231383830",
    };
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        struct fault fault = {0};
        cr_expect_eq(check(pins[i], &fault), STATUS_PIN_REFUSED, "'%s'", pins[i]);
        cr_expect_str_eq(fault.where, "user PIN");
        cr_expect(strlen(pins[i]) < 4 || strstr(fault.detail, pins[i]) == NULL, "the fault tells the PIN");
    }
}

Test(pin, another_is_not_judged)
{
    static const char *const pins[] = {"7391",    "2580147",          "1235",       "12341",
                                       "vault-8", "a7f39c1200d4e8b1", "not-the-pin"};
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        struct fault fault = {0};
        cr_expect_eq(check(pins[i], &fault), STATUS_OK, "'%s': %s", pins[i], fault.detail);
    }
}
