/*
 * PKCS #11 URIs: what selects a token, and what is refused instead of skipped.
 */
#include "hsm/uri.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_refused(const char *text, const char *where)
{
    struct fault fault = {0};
    struct hsm_uri uri;
    memset(&uri, 0x5a, sizeof uri);
    cr_expect_eq(hsm_uri_parse(&uri, text, &fault), STATUS_INVALID, "%s", text);
    cr_expect_str_eq(fault.where, where, "%s: where is %s", text, fault.where);
    cr_expect_eq(uri.module_path[0], 0x5a, "nothing is written");
}

Test(uri, every_attribute_is_read)
{
    struct fault fault = {0};
    struct hsm_uri uri;
    static const char text[] = "pkcs11:token=The%20vault;serial=0123456789abcdef;manufacturer=SoftHSM%20project;"
                               "model=SoftHSM%20v2?module-path=/usr/lib/softhsm/libsofthsm2.so";
    cr_assert_eq(hsm_uri_parse(&uri, text, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_str_eq(uri.selector.label, "The vault");
    cr_expect_str_eq(uri.selector.serial, "0123456789abcdef");
    cr_expect_str_eq(uri.selector.manufacturer, "SoftHSM project");
    cr_expect_str_eq(uri.selector.model, "SoftHSM v2");
    cr_expect_str_eq(uri.module_path, "/usr/lib/softhsm/libsofthsm2.so");
}

Test(uri, a_label_or_a_serial_is_enough)
{
    struct fault fault = {0};
    struct hsm_uri uri;
    cr_assert_eq(hsm_uri_parse(&uri, "pkcs11:token=vault", &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_str_eq(uri.selector.label, "vault");
    cr_expect_str_eq(uri.selector.serial, "");
    cr_expect_str_eq(uri.module_path, "");
    cr_assert_eq(hsm_uri_parse(&uri, "pkcs11:serial=77", &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_str_eq(uri.selector.label, "");
    cr_expect_str_eq(uri.selector.serial, "77");
}

Test(uri, a_pin_is_never_in_it)
{
    struct fault fault = {0};
    struct hsm_uri uri;
    expect_refused("pkcs11:token=vault?pin-value=7391", "pin-value");
    expect_refused("pkcs11:token=vault?module-path=/m.so&pin-source=/etc/pin", "pin-source");
    expect_refused("pkcs11:pin-value=7391;token=vault", "pin-value");
    cr_assert_eq(hsm_uri_parse(&uri, "pkcs11:token=vault?pin-value=7391", &fault), STATUS_INVALID);
    cr_expect_null(strstr(fault.detail, "7391"));
    cr_expect_not_null(strstr(fault.detail, "never"), "%s", fault.detail);
}

Test(uri, what_would_not_be_heeded_is_refused)
{
    expect_refused("pkcs11:token=vault;object=treasury", "object");
    expect_refused("pkcs11:token=vault;slot-id=1", "slot-id");
    expect_refused("pkcs11:token=vault;library-manufacturer=x", "library-manufacturer");
    expect_refused("pkcs11:token=vault;Token=other", "Token");
    expect_refused("pkcs11:token=vault;x-vendor=1", "x-vendor");
    expect_refused("pkcs11:token=vault?module-name=softhsm2", "module-name");
    expect_refused("pkcs11:token=vault?x-vendor=1", "x-vendor");
    expect_refused("pkcs11:token=vault;module-path=/m.so", "module-path");
    expect_refused("pkcs11:token=vault?token=other", "token");
    expect_refused("pkcs11:token=vault;token=other", "token");
    expect_refused("pkcs11:token=vault?module-path=/m.so&module-path=/n.so", "module-path");
}

Test(uri, what_selects_nothing_is_refused)
{
    expect_refused("", "uri");
    expect_refused("token=vault", "uri");
    expect_refused("http://vault", "uri");
    expect_refused("pkcs11:", "token");
    expect_refused("pkcs11:token=", "token");
    expect_refused("pkcs11:model=SoftHSM%20v2", "token");
    expect_refused("pkcs11:token", "uri");
    expect_refused("pkcs11:token=vault%2", "uri");
    expect_refused("pkcs11:token=vault%zz", "uri");
    expect_refused("pkcs11:token=v%00ult", "token");
    expect_refused("pkcs11:token=v%0ault", "token");
    expect_refused("pkcs11:token=123456789012345678901234567890123", "uri");
    expect_refused("pkcs11:serial=12345678901234567", "uri");
    expect_refused("pkcs11:token=vault?module-path=libsofthsm2.so", "module-path");
    expect_refused("pkcs11:token=vault;", "");
}
