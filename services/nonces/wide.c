/*
 * Five limbs and their carries, and nothing that allocates: a reduction does millions of these.
 */
#include "wide.h"

#include <math.h>
#include <string.h>

static bool is_negative(const struct wide *number)
{
    return number->limb[WIDE_LIMBS - 1] >> 63 != 0;
}

static struct wide negated(const struct wide *number)
{
    struct wide out;
    unsigned __int128 carry = 1;
    for (int i = 0; i < WIDE_LIMBS; i++) {
        carry += ~number->limb[i];
        out.limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return out;
}

struct wide wide_read(const uint8_t magnitude32[32], bool negative)
{
    struct wide out = {{0}};
    for (int i = 0; i < 32; i++) {
        out.limb[i / 8] |= (uint64_t)magnitude32[31 - i] << (i % 8 * 8);
    }
    return negative ? negated(&out) : out;
}

bool wide_write(uint8_t out_magnitude32[32], bool *out_negative, const struct wide *number)
{
    bool negative = is_negative(number);
    struct wide magnitude = negative ? negated(number) : *number;
    if (magnitude.limb[WIDE_LIMBS - 1] != 0) {
        return false;
    }
    for (int i = 0; i < 32; i++) {
        out_magnitude32[31 - i] = (uint8_t)(magnitude.limb[i / 8] >> (i % 8 * 8));
    }
    *out_negative = negative;
    return true;
}

static struct wide shifted(const struct wide *number, unsigned shift)
{
    struct wide out = {{0}};
    unsigned limbs = shift / 64;
    unsigned bits = shift % 64;
    for (unsigned i = WIDE_LIMBS; i-- > limbs;) {
        out.limb[i] = number->limb[i - limbs] << bits;
        if (bits > 0 && i > limbs) {
            out.limb[i] |= number->limb[i - limbs - 1] >> (64 - bits);
        }
    }
    return out;
}

void wide_subtract(struct wide *out, const struct wide *number, int64_t factor, unsigned shift)
{
    /* Subtracting by a negative factor is adding; in two's complement, subtracting the negated number. */
    struct wide by = factor < 0 ? negated(number) : *number;
    uint64_t times = factor < 0 ? -(uint64_t)factor : (uint64_t)factor;
    if (shift > 0) {
        by = shifted(&by, shift);
    }
    unsigned __int128 product = 0;
    uint64_t borrow = 0;
    for (int i = 0; i < WIDE_LIMBS; i++) {
        product += (unsigned __int128)by.limb[i] * times;
        uint64_t part = (uint64_t)product;
        uint64_t before = out->limb[i];
        out->limb[i] = before - part - borrow;
        borrow = before < part || (before == part && borrow != 0) ? 1 : 0;
        product >>= 64;
    }
}

long double wide_real(const struct wide *number)
{
    bool negative = is_negative(number);
    struct wide magnitude = negative ? negated(number) : *number;
    long double out = 0;
    for (int i = WIDE_LIMBS; i-- > 0;) {
        out = out * 18446744073709551616.0L + (long double)magnitude.limb[i];
    }
    return negative ? -out : out;
}
