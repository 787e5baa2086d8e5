/*
 * The text form of time and the injected clock. Days are compared with the calendar in tests/property/base.
 */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/clock.h"

static const struct {
    const char *text;
    int64_t utc_us;
} known[] = {
    {"1970-01-01T00:00:00.000000Z", 0},
    {"1970-01-01T00:00:00.000001Z", 1},
    {"2000-02-29T12:34:56.789012Z", 951827696789012},
    {"2026-01-02T03:04:05.000000Z", 1767323045000000},
    {"2038-01-19T03:14:08.000000Z", 2147483648000000},
    {"9999-12-31T23:59:59.999999Z", TIME_MAX_UTC_US},
};

static const char *const bad[] = {
    "",
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.000Z",
    "2026-01-02T03:04:05.0000000Z",
    "2026-01-02T03:04:05.000000",
    "2026-01-02T03:04:05.000000z",
    "2026-01-02t03:04:05.000000Z",
    "2026-01-02 03:04:05.000000Z",
    "2026-01-02T03:04:05.000000+00:00",
    "2026-01-02T03:04:05.000000Z ",
    " 2026-01-02T03:04:05.000000Z",
    "2026-02-29T00:00:00.000000Z",
    "2100-02-29T00:00:00.000000Z",
    "2026-04-31T00:00:00.000000Z",
    "2026-00-01T00:00:00.000000Z",
    "2026-13-01T00:00:00.000000Z",
    "2026-01-00T00:00:00.000000Z",
    "2026-01-32T00:00:00.000000Z",
    "2026-01-02T24:00:00.000000Z",
    "2026-01-02T23:60:00.000000Z",
    "2016-12-31T23:59:60.000000Z",
    "1969-12-31T23:59:59.999999Z",
    "0000-01-01T00:00:00.000000Z",
    "+026-01-02T03:04:05.000000Z",
    "2026-1-02T03:04:05.0000000Z",
    "2026-01-02T03:04:-5.000000Z",
};

Test(time, known_points_both_ways)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[TIME_TEXT_SIZE];
        time_format(text, known[i].utc_us);
        cr_assert_str_eq(text, known[i].text);
        int64_t back = -1;
        cr_assert_eq(time_parse(&back, known[i].text), STATUS_OK, "%s", known[i].text);
        cr_assert_eq(back, known[i].utc_us);
    }
}

Test(time, anything_else_is_refused)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t out = 77;
        cr_assert_eq(time_parse(&out, bad[i]), STATUS_INVALID, "%s", bad[i]);
        cr_assert_eq(out, 77);
    }
}

Test(time, before_1970_is_a_broken_promise, .signal = SIGABRT)
{
    char text[TIME_TEXT_SIZE];
    time_format(text, -1);
}

Test(time, after_9999_is_a_broken_promise, .signal = SIGABRT)
{
    char text[TIME_TEXT_SIZE];
    time_format(text, TIME_MAX_UTC_US + 1);
}

static int64_t fixed(void *context)
{
    return *(int64_t *)context;
}

Test(clock, a_handed_in_clock_is_the_one_read)
{
    int64_t now = 42;
    const struct clock clock = {.utc_us = fixed, .monotonic_us = fixed, .context = &now};
    cr_assert_eq(clock_utc_us(&clock), 42);
    now = 43;
    cr_assert_eq(clock_monotonic_us(&clock), 43);
}

Test(clock, the_machine_has_one_that_does_not_run_back)
{
    const struct clock *clock = clock_system();
    cr_assert_gt(clock_utc_us(clock), known[3].utc_us - 1);
    int64_t before = clock_monotonic_us(clock);
    cr_assert_geq(clock_monotonic_us(clock), before);
}
