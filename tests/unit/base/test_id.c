/*
 * UUIDv7 and names. The example UUID is that of RFC 9562, appendix A.6.
 */
#include <criterion/criterion.h>

#include "base/id.h"

#define EXAMPLE "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

static int64_t fixed(void *context)
{
    return *(int64_t *)context;
}

Test(uuid, published_example_both_ways)
{
    struct uuid uuid;
    cr_assert_eq(uuid_parse(&uuid, EXAMPLE), STATUS_OK);
    char text[UUID_TEXT_SIZE];
    uuid_format(text, &uuid);
    cr_assert_str_eq(text, EXAMPLE);
}

Test(uuid, time_version_and_variant_are_in_their_places)
{
    int64_t now_us = 1645557742000 * INT64_C(1000); /* the time of the published example */
    const struct clock clock = {.utc_us = fixed, .monotonic_us = fixed, .context = &now_us};
    for (int i = 0; i < 200; i++) {
        struct uuid uuid;
        struct uuid back;
        char text[UUID_TEXT_SIZE];
        cr_assert_eq(uuid_generate(&uuid, &clock), STATUS_OK);
        uuid_format(text, &uuid);
        cr_assert_eq(strncmp(text, "017f22e2-79b0-7", 15), 0, "%s", text);
        cr_assert_eq(uuid_parse(&back, text), STATUS_OK, "%s", text);
        cr_assert(uuid_equal(&uuid, &back));
        cr_assert_eq(uuid_time_us(&back), INT64_C(0x017f22e279b0) * 1000);
    }
}

Test(uuid, two_in_one_millisecond_differ)
{
    int64_t now_us = 0;
    const struct clock clock = {.utc_us = fixed, .monotonic_us = fixed, .context = &now_us};
    struct uuid a;
    struct uuid b;
    cr_assert_eq(uuid_generate(&a, &clock), STATUS_OK);
    cr_assert_eq(uuid_generate(&b, &clock), STATUS_OK);
    cr_assert_not(uuid_equal(&a, &b));
}

Test(uuid, a_clock_outside_48_bits_is_refused)
{
    struct uuid uuid;
    int64_t now_us = -1000;
    const struct clock clock = {.utc_us = fixed, .monotonic_us = fixed, .context = &now_us};
    cr_assert_eq(uuid_generate(&uuid, &clock), STATUS_INTERNAL);
    now_us = INT64_MAX;
    cr_assert_eq(uuid_generate(&uuid, &clock), STATUS_INTERNAL);
}

Test(uuid, other_forms_are_refused)
{
    static const char *const bad[] = {
        "",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-78c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "017f22e2-79b07-cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2 79b0 7cc3 98c4 dc0c0c07398f",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct uuid uuid;
        cr_assert_eq(uuid_parse(&uuid, bad[i]), STATUS_INVALID, "%s", bad[i]);
    }
}

#define LONGEST "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123"
#define TOO_LONG LONGEST "4"

Test(name, good_ones)
{
    static const char *const good[] = {"a", "0", "approver-1", "1st", "a-", LONGEST};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct name name;
        struct name same;
        memset(&name, 0xff, sizeof(name));
        cr_assert_eq(name_parse(&name, good[i]), STATUS_OK, "%s", good[i]);
        cr_assert_str_eq(name.text, good[i]);
        cr_assert_eq(name_parse(&same, good[i]), STATUS_OK);
        cr_assert(name_equal(&name, &same));
        cr_assert_arr_eq(&name, &same, sizeof(name), "no stray bytes behind the text");
    }
}

Test(name, bad_ones)
{
    static const char *const bad[] = {"", "-a", "A", "a_b", "a b", "a.b", "a\n", "\xc3\xa9", TOO_LONG};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct name name = {"kept"};
        cr_assert_eq(name_parse(&name, bad[i]), STATUS_INVALID, "%s", bad[i]);
        cr_assert_str_eq(name.text, "kept");
    }
}
