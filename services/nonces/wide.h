/*
 * Integers of 320 bits in two's complement: what a basis of 256-bit numbers needs while it is reduced. Constant time is
 * not wanted: whatever comes of it follows from what is public.
 */
#ifndef STRONGROOM_NONCES_WIDE_H
#define STRONGROOM_NONCES_WIDE_H

#include <stdbool.h>
#include <stdint.h>

#define WIDE_LIMBS 5

struct wide {
    uint64_t limb[WIDE_LIMBS]; /* the least significant first */
};

/* From and to a sign and 32 bytes, big-endian. False when the magnitude needs more. */
struct wide wide_read(const uint8_t magnitude32[32], bool negative);
bool wide_write(uint8_t out_magnitude32[32], bool *out_negative, const struct wide *number);

/* *out -= factor * 2^shift * number; wraps beyond 320 bits. */
void wide_subtract(struct wide *out, const struct wide *number, int64_t factor, unsigned shift);

/* The nearest long double, within a unit of its last place. */
long double wide_real(const struct wide *number);

#endif
