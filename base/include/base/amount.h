/*
 * Amounts of a digital asset in base units: unsigned 128-bit integers that cannot overflow unseen.
 *
 * Text form: decimal, no sign, no leading zero ("0" itself is allowed), below 2^128. The raw integer is for this room
 * and for code that says why in a comment starting with "Raw:"; everyone else uses the functions.
 */
#ifndef STRONGROOM_BASE_AMOUNT_H
#define STRONGROOM_BASE_AMOUNT_H

#include <stdint.h>

#include "base/status.h"

#define AMOUNT_TEXT_SIZE 40 /* 39 digits and a NUL */

__extension__ typedef unsigned __int128 amount_raw;

struct amount {
    amount_raw raw;
};

/* Reads the text form; STATUS_INVALID for the wrong shape, STATUS_OVERFLOW from 2^128 on. */
MUST_CHECK enum status amount_parse(struct amount *out, const char *text);

/* Prints the text form and a NUL. */
void amount_format(char out40[AMOUNT_TEXT_SIZE], struct amount amount);

/* The amount of a small number. */
struct amount amount_from_u64(uint64_t value);

/* a + b; STATUS_OVERFLOW when it leaves the range. */
MUST_CHECK enum status amount_add(struct amount *out, struct amount a, struct amount b);

/* a - b; STATUS_OVERFLOW when b > a. */
MUST_CHECK enum status amount_subtract(struct amount *out, struct amount a, struct amount b);

/* Negative, zero or positive as a is below, equal to or above b. */
int amount_compare(struct amount a, struct amount b);

/* True for 0. */
bool amount_is_zero(struct amount amount);

/*
 * Prints the amount in units of the asset, such as "12.5" for 1250 with 2 decimals: trailing zeros after the point are
 * dropped. `decimals` is 0..38; `out` holds at least 48 bytes.
 */
void amount_format_units(char out48[48], struct amount amount, unsigned decimals);

#endif
