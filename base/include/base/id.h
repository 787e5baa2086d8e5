/*
 * Identifiers: UUIDv7 (RFC 9562) for requests and objects, and names.
 *
 * A name is what people, groups, rules and wallets are called in documents: 1 to 63 characters of [a-z0-9-], starting
 * with a letter or digit. It is a pseudonym: the name of a natural person never stands there.
 */
#ifndef STRONGROOM_BASE_ID_H
#define STRONGROOM_BASE_ID_H

#include "base/clock.h"

#define UUID_TEXT_SIZE 37
#define NAME_SIZE 64

struct uuid {
    uint8_t bytes16[16];
};

struct name {
    char text[NAME_SIZE];
};

/* A fresh UUIDv7 from the clock and the kernel's random source. */
MUST_CHECK enum status uuid_generate(struct uuid *out, const struct clock *clock);

/* Lower-case text of 36 characters and a NUL. */
void uuid_format(char out37[UUID_TEXT_SIZE], const struct uuid *uuid);

/* Reads the lower-case text of a version 7 UUID; STATUS_INVALID otherwise. */
MUST_CHECK enum status uuid_parse(struct uuid *out, const char *text);

/* Equality. */
bool uuid_equal(const struct uuid *a, const struct uuid *b);

/* When it was made, by the clock of who made it: microseconds UTC, of whole milliseconds. */
int64_t uuid_time_us(const struct uuid *uuid);

/* Reads a name; STATUS_INVALID when the rule above does not hold. */
MUST_CHECK enum status name_parse(struct name *out, const char *text);

/* Equality. */
bool name_equal(const struct name *a, const struct name *b);

#endif
