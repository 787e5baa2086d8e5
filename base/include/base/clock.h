/*
 * Time: a clock that is handed in (so that tests can move it) and the one text form of a point in time.
 *
 * Points in time are microseconds since 1970-01-01T00:00:00Z in an int64_t named *_utc_us; durations say their unit
 * too. Text form: RFC 3339, UTC, six fractional digits: "2026-01-02T03:04:05.000000Z", years 1970 to 9999.
 */
#ifndef STRONGROOM_BASE_CLOCK_H
#define STRONGROOM_BASE_CLOCK_H

#include <stdint.h>

#include "base/status.h"

#define TIME_TEXT_SIZE 28
#define TIME_MAX_UTC_US 253402300799999999LL /* 9999-12-31T23:59:59.999999Z */

struct clock {
    int64_t (*utc_us)(void *context);
    int64_t (*monotonic_us)(void *context);
    void *context;
};

/* The clock of the machine. Static; never freed. */
const struct clock *clock_system(void);

/* Readings. */
int64_t clock_utc_us(const struct clock *clock);
int64_t clock_monotonic_us(const struct clock *clock);

/* Prints the text form (27 characters and a NUL). `utc_us` lies within the years 1970 to 9999 (invariant). */
void time_format(char out28[TIME_TEXT_SIZE], int64_t utc_us);

/* Reads the text form and nothing else; impossible dates and leap seconds are STATUS_INVALID. */
MUST_CHECK enum status time_parse(int64_t *out_utc_us, const char *text);

#endif
