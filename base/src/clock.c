/*
 * The clock of the machine and the text form of a point in time.
 *
 * Parsing goes through the C library's calendar and back: what does not print as it was read is refused, so that
 * 30 February, second 60 or any other spelling needs no rule of its own.
 */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#define SECOND_US 1000000

static int64_t reading_us(clockid_t id)
{
    struct timespec now;
    INVARIANT(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

static int64_t system_utc_us(void *context)
{
    (void)context;
    return reading_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *context)
{
    (void)context;
    return reading_us(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {.utc_us = system_utc_us, .monotonic_us = system_monotonic_us};
    return &system_clock;
}

int64_t clock_utc_us(const struct clock *clock)
{
    return clock->utc_us(clock->context);
}

int64_t clock_monotonic_us(const struct clock *clock)
{
    return clock->monotonic_us(clock->context);
}

/* The layout of the text form: digits of each part and the character after them. */
enum { PART_COUNT = 7 };
static const struct {
    int width;
    char after;
} layout[PART_COUNT] = {{4, '-'}, {2, '-'}, {2, 'T'}, {2, ':'}, {2, ':'}, {2, '.'}, {6, 'Z'}};

void time_format(char out28[TIME_TEXT_SIZE], int64_t utc_us)
{
    INVARIANT(utc_us >= 0 && utc_us <= TIME_MAX_UTC_US);
    time_t seconds = (time_t)(utc_us / SECOND_US);
    struct tm day;
    INVARIANT(gmtime_r(&seconds, &day) != NULL);
    const int parts[PART_COUNT] = {day.tm_year + 1900, day.tm_mon + 1,           day.tm_mday, day.tm_hour, day.tm_min,
                                   day.tm_sec,         (int)(utc_us % SECOND_US)};
    char *end = out28;
    for (int i = 0; i < PART_COUNT; i++) {
        int rest = parts[i];
        for (int place = layout[i].width - 1; place >= 0; place--) {
            end[place] = (char)('0' + rest % 10);
            rest /= 10;
        }
        end += layout[i].width;
        *end++ = layout[i].after;
    }
    *end = '\0';
}

/* Reads the seven numbers of the layout; false for any other shape. */
static bool time_split(int parts[PART_COUNT], const char *text)
{
    for (int i = 0; i < PART_COUNT; i++) {
        parts[i] = 0;
        for (int place = 0; place < layout[i].width; place++, text++) {
            if (*text < '0' || *text > '9') {
                return false;
            }
            parts[i] = parts[i] * 10 + (*text - '0');
        }
        if (*text++ != layout[i].after) {
            return false;
        }
    }
    return *text == '\0';
}

enum status time_parse(int64_t *out_utc_us, const char *text)
{
    int parts[PART_COUNT];
    if (!time_split(parts, text)) {
        return STATUS_INVALID;
    }
    struct tm day = {.tm_year = parts[0] - 1900,
                     .tm_mon = parts[1] - 1,
                     .tm_mday = parts[2],
                     .tm_hour = parts[3],
                     .tm_min = parts[4],
                     .tm_sec = parts[5]};
    int64_t utc_us = (int64_t)timegm(&day) * SECOND_US + parts[6];
    if (utc_us < 0 || utc_us > TIME_MAX_UTC_US) {
        return STATUS_INVALID;
    }
    char again[TIME_TEXT_SIZE];
    time_format(again, utc_us);
    if (strcmp(again, text) != 0) {
        return STATUS_INVALID;
    }
    *out_utc_us = utc_us;
    return STATUS_OK;
}
