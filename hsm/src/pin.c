/*
 * The PINs that are tried first.
 *
 * Not a measure of strength: a token locks after a few attempts. It is about PINs that need no attempts, because they
 * are in manuals and examples.
 */
#include "hsm/pin.h"

#include <string.h>
#include <strings.h>

#define PIN_LEN_MIN 4
#define GROUP_MAX 4 /* a group so short, repeated, is no secret */

/* Factory settings and examples of tokens, tools and their documentation. Case does not count. */
static const char *const known[] = {
    "0001password",
    "010203040506070801020304050607080102030405060708",
    "123456789012345678901234",
    "1234567890",
    "3537363231383830",
    "648219",
    "admin",
    "adminpin",
    "changeit",
    "changeme",
    "default",
    "letmein",
    "mysecret",
    "myuserpin",
    "mysopin",
    "officer",
    "password",
    "password1",
    "pkcs11",
    "qwerty",
    "secret",
    "so-pin",
    "softhsm",
    "softhsm2",
    "sopin",
    "sopassword",
    "strongroom",
    "test",
    "testpin",
    "user",
    "user-pin",
    "userpin",
    "yubihsm",
};

static bool is_text(const struct secret *pin, const char *text)
{
    return strlen(text) == pin->len && strncasecmp((const char *)pin->data, text, pin->len) == 0;
}

static bool is_known(const struct secret *pin)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (is_text(pin, known[i])) {
            return true;
        }
    }
    return false;
}

/* 7777, 1212, 123123, abcdabcd */
static bool is_repeated(const struct secret *pin)
{
    for (size_t group = 1; group <= GROUP_MAX && group < pin->len; group++) {
        if (pin->len % group == 0 && memcmp(pin->data, pin->data + group, pin->len - group) == 0) {
            return true;
        }
    }
    return false;
}

/* 12345, 98765, abcdef */
static bool is_run(const struct secret *pin)
{
    int step = pin->data[1] - pin->data[0];
    bool run = step == 1 || step == -1;
    for (size_t i = 1; i < pin->len && run; i++) {
        run = pin->data[i] - pin->data[i - 1] == step;
    }
    return run;
}

enum status hsm_pin_check(const struct secret *pin, const char *label, const char *serial, const char *who,
                          struct fault *fault)
{
    if (pin->data == NULL || pin->len < PIN_LEN_MIN) {
        return fault_set(fault, STATUS_PIN_REFUSED, who, "shorter than %d characters; set another on the token",
                         PIN_LEN_MIN);
    }
    if (is_text(pin, label) || is_text(pin, serial)) {
        return fault_set(fault, STATUS_PIN_REFUSED, who,
                         "it is the label or serial of the token; set another on the token");
    }
    if (is_known(pin) || is_repeated(pin) || is_run(pin)) {
        return fault_set(fault, STATUS_PIN_REFUSED, who, "it is a default PIN, not tried; set another on the token");
    }
    return STATUS_OK;
}
