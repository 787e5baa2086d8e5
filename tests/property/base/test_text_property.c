/*
 * Text forms of bytes, ids and times: what is printed is read back, and any other text is not read.
 */
#include <criterion/criterion.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/id.h"
#include "random.h"

#define ROUNDS 20000

TestSuite(text_property, .init = random_open);

static struct bytes base64_of(const uint8_t *data, size_t len)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    struct bytes text = {0};
    cr_assert_eq(buffer_finish(&text, &buffer), STATUS_OK);
    return text;
}

Test(text_property, base64_round_trips)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t data[100];
        size_t len = random_below(sizeof(data) + 1);
        random_fill(data, len);
        struct bytes text = base64_of(data, len);
        cr_assert_eq(text.len, (len + 2) / 3 * 4);
        struct bytes back = {0};
        cr_assert_eq(base64_decode(&back, (const char *)text.data, text.len), STATUS_OK);
        cr_assert_eq(back.len, len);
        cr_assert_eq(memcmp(back.data, data, len), 0);
        bytes_free(&back);
        bytes_free(&text);
    }
}

/* Any one changed character gives other bytes or a refusal, never the same bytes. */
Test(text_property, base64_has_one_spelling)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t data[20];
        size_t len = 1 + random_below(sizeof(data));
        random_fill(data, len);
        struct bytes text = base64_of(data, len);
        size_t at = random_below(text.len);
        uint8_t other = (uint8_t)random_u64();
        if (text.data[at] != other) {
            text.data[at] = other;
            struct bytes back = {0};
            enum status status = base64_decode(&back, (const char *)text.data, text.len);
            cr_assert(status == STATUS_INVALID ||
                          (status == STATUS_OK && (back.len != len || memcmp(back.data, data, len) != 0)),
                      "%s", (const char *)text.data);
            bytes_free(&back);
        }
        bytes_free(&text);
    }
}

Test(text_property, hex_has_one_spelling)
{
    for (int i = 0; i < ROUNDS; i++) {
        uint8_t data[16];
        uint8_t back[16];
        char text[33];
        random_fill(data, sizeof(data));
        hex_encode(text, data, sizeof(data));
        cr_assert_eq(hex_decode(back, sizeof(back), text), STATUS_OK);
        cr_assert_arr_eq(back, data, sizeof(data));
        size_t at = random_below(32);
        char other = (char)random_u64();
        if (other != text[at]) {
            text[at] = other;
            enum status status = hex_decode(back, sizeof(back), text);
            cr_assert(status == STATUS_INVALID || memcmp(back, data, sizeof(data)) != 0);
        }
    }
}

static int64_t fixed(void *context)
{
    return *(int64_t *)context;
}

Test(text_property, uuids_round_trip_and_carry_their_time)
{
    int64_t now_us = 0;
    const struct clock clock = {.utc_us = fixed, .monotonic_us = fixed, .context = &now_us};
    for (int i = 0; i < ROUNDS; i++) {
        now_us = (int64_t)random_below((uint64_t)TIME_MAX_UTC_US + 1);
        struct uuid uuid;
        struct uuid back;
        char text[UUID_TEXT_SIZE];
        cr_assert_eq(uuid_generate(&uuid, &clock), STATUS_OK);
        uuid_format(text, &uuid);
        cr_assert_eq(uuid_parse(&back, text), STATUS_OK, "%s", text);
        cr_assert(uuid_equal(&uuid, &back));
        uint64_t ms = 0;
        for (int k = 0; k < 6; k++) {
            ms = ms << 8 | uuid.bytes16[k];
        }
        cr_assert_eq(ms, (uint64_t)now_us / 1000);
    }
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Every day from 1970 to 9999, counted here by the Gregorian rule and not by the C library. */
Test(text_property, every_day_of_the_calendar)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day_us = 0;
    for (int year = 1970; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 && leap(year) ? 1 : 0);
            for (int day = 1; day <= length; day++, day_us += INT64_C(86400000000)) {
                char text[TIME_TEXT_SIZE];
                char expected[64];
                (void)snprintf(expected, sizeof(expected), "%04d-%02d-%02dT00:00:00.000000Z", year, month, day);
                time_format(text, day_us);
                cr_assert_str_eq(text, expected);
            }
            int64_t out = 0;
            char beyond[64];
            (void)snprintf(beyond, sizeof(beyond), "%04d-%02d-%02dT00:00:00.000000Z", year, month, length + 1);
            cr_assert_eq(time_parse(&out, beyond), STATUS_INVALID, "%s", beyond);
        }
    }
    cr_assert_eq(day_us, TIME_MAX_UTC_US + 1);
}

Test(text_property, times_round_trip_and_sort_like_their_text)
{
    char before[TIME_TEXT_SIZE] = "";
    int64_t before_us = -1;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t utc_us = (int64_t)random_below((uint64_t)TIME_MAX_UTC_US + 1);
        char text[TIME_TEXT_SIZE];
        int64_t back = -1;
        time_format(text, utc_us);
        cr_assert_eq(time_parse(&back, text), STATUS_OK, "%s", text);
        cr_assert_eq(back, utc_us);
        cr_assert_eq(strcmp(before, text) < 0, before_us < utc_us);
        memcpy(before, text, sizeof(before));
        before_us = utc_us;
    }
}
