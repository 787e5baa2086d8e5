/*
 * UUIDv7 and names.
 *
 * Two identifiers made in one millisecond differ by 74 random bits and sort in no particular order; nothing here relies
 * on their order.
 */
#include "base/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/bytes.h"

#define UUID_TEXT_LEN (UUID_TEXT_SIZE - 1)

enum status uuid_generate(struct uuid *out, const struct clock *clock)
{
    int64_t now_ms = clock_utc_us(clock) / 1000;
    if (now_ms < 0 || now_ms >= (int64_t)1 << 48) {
        return STATUS_INTERNAL;
    }
    struct uuid uuid;
    ssize_t got = 0;
    do {
        got = getrandom(uuid.bytes16, sizeof(uuid.bytes16), 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(uuid.bytes16)) {
        return STATUS_IO;
    }
    for (int i = 0; i < 6; i++) {
        uuid.bytes16[i] = (uint8_t)(now_ms >> (40 - 8 * i));
    }
    uuid.bytes16[6] = (uint8_t)(0x70 | (uuid.bytes16[6] & 0x0f)); /* version 7 */
    uuid.bytes16[8] = (uint8_t)(0x80 | (uuid.bytes16[8] & 0x3f)); /* variant of RFC 9562 */
    *out = uuid;
    return STATUS_OK;
}

static bool dash_follows(int byte)
{
    return byte == 3 || byte == 5 || byte == 7 || byte == 9;
}

void uuid_format(char out37[UUID_TEXT_SIZE], const struct uuid *uuid)
{
    char *end = out37;
    for (int i = 0; i < 16; i++) {
        hex_encode(end, &uuid->bytes16[i], 1);
        end += 2;
        if (dash_follows(i)) {
            *end++ = '-';
        }
    }
}

enum status uuid_parse(struct uuid *out, const char *text)
{
    if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_LEN) {
        return STATUS_INVALID;
    }
    struct uuid uuid;
    for (int i = 0; i < 16; i++) {
        const char digits[3] = {text[0], text[1], '\0'};
        if (hex_decode(&uuid.bytes16[i], 1, digits) != STATUS_OK) {
            return STATUS_INVALID;
        }
        text += 2;
        if (dash_follows(i) && *text++ != '-') {
            return STATUS_INVALID;
        }
    }
    if (uuid.bytes16[6] >> 4 != 7 || uuid.bytes16[8] >> 6 != 2) {
        return STATUS_INVALID;
    }
    *out = uuid;
    return STATUS_OK;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes16, b->bytes16, sizeof(a->bytes16)) == 0;
}

int64_t uuid_time_us(const struct uuid *uuid)
{
    int64_t ms = 0;
    for (size_t i = 0; i < 6; i++) {
        ms = ms << 8 | uuid->bytes16[i];
    }
    return ms * 1000;
}

static bool byte_of_name(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
}

enum status name_parse(struct name *out, const char *text)
{
    size_t len = 0;
    while (byte_of_name(text[len])) {
        len++;
    }
    if (len == 0 || len >= NAME_SIZE || text[len] != '\0' || text[0] == '-') {
        return STATUS_INVALID;
    }
    struct name name = {{0}}; /* zeros to the end, so that names compare and hash as plain memory */
    memcpy(name.text, text, len);
    *out = name;
    return STATUS_OK;
}

bool name_equal(const struct name *a, const struct name *b)
{
    return strcmp(a->text, b->text) == 0;
}
