/*
 * Checked arithmetic and the text forms of amounts.
 *
 * This is the room's one place where the raw integer is worked on; every operation that could leave the range says so.
 */
#include "base/amount.h"

#include <string.h>

#define AMOUNT_MAX (~(amount_raw)0)
#define DECIMALS_MAX 38

enum status amount_parse(struct amount *out, const char *text)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || text[len] != '\0' || (text[0] == '0' && len > 1)) {
        return STATUS_INVALID;
    }
    amount_raw value = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        if (value > (AMOUNT_MAX - digit) / 10) {
            return STATUS_OVERFLOW;
        }
        value = value * 10 + digit;
    }
    out->raw = value;
    return STATUS_OK;
}

void amount_format(char out40[AMOUNT_TEXT_SIZE], struct amount amount)
{
    char reversed[AMOUNT_TEXT_SIZE];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + (int)(amount.raw % 10));
        amount.raw /= 10;
    } while (amount.raw != 0);
    for (size_t i = 0; i < len; i++) {
        out40[i] = reversed[len - 1 - i];
    }
    out40[len] = '\0';
}

struct amount amount_from_u64(uint64_t value)
{
    return (struct amount){.raw = value};
}

enum status amount_add(struct amount *out, struct amount a, struct amount b)
{
    amount_raw sum = 0;
    if (__builtin_add_overflow(a.raw, b.raw, &sum)) {
        return STATUS_OVERFLOW;
    }
    out->raw = sum;
    return STATUS_OK;
}

enum status amount_subtract(struct amount *out, struct amount a, struct amount b)
{
    if (b.raw > a.raw) {
        return STATUS_OVERFLOW;
    }
    out->raw = a.raw - b.raw;
    return STATUS_OK;
}

int amount_compare(struct amount a, struct amount b)
{
    return (a.raw > b.raw) - (a.raw < b.raw);
}

bool amount_is_zero(struct amount amount)
{
    return amount.raw == 0;
}

void amount_format_units(char out48[48], struct amount amount, unsigned decimals)
{
    INVARIANT(decimals <= DECIMALS_MAX);
    char digits[AMOUNT_TEXT_SIZE];
    amount_format(digits, amount);
    char padded[48] = {0};
    size_t len = strlen(digits);
    size_t zeros = len <= decimals ? decimals + 1 - len : 0; /* at least one digit before the point */
    memset(padded, '0', zeros);
    memcpy(padded + zeros, digits, len);
    len += zeros;
    size_t whole = len - decimals;
    while (len > whole && padded[len - 1] == '0') {
        len--;
    }
    memcpy(out48, padded, whole);
    size_t end = whole;
    if (len > whole) {
        out48[end++] = '.';
        memcpy(out48 + end, padded + whole, len - whole);
        end += len - whole;
    }
    out48[end] = '\0';
}
