/*
 * Owned byte strings, the growing buffer, and the two text forms of bytes.
 *
 * Decoding is strict because two spellings of one value would give two digests of one fact. OpenSSL's base64 decoder
 * repairs some input, so only encoding is left to it.
 */
#include "base/bytes.h"

#include <endian.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define BUFFER_FIRST 1024 /* most documents fit, and none of them is moved and wiped on its way */
#define FORMAT_MOST 512   /* what most formatted texts fit into */

enum status bytes_copy(struct bytes *out, const void *data, size_t len)
{
    if (len == SIZE_MAX) {
        return STATUS_NO_MEMORY;
    }
    uint8_t *copy = malloc(len + 1);
    if (copy == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (len > 0) {
        memcpy(copy, data, len);
    }
    copy[len] = 0;
    *out = (struct bytes){.data = copy, .len = len};
    return STATUS_OK;
}

/* Whatever it was: personal data passes through many of them, and none tells what it holds. */
void bytes_free(struct bytes *bytes)
{
    if (bytes->data != NULL) {
        secret_wipe(bytes->data, bytes->len);
    }
    free(bytes->data);
    *bytes = (struct bytes){0};
}

void buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){.status = STATUS_OK};
}

void buffer_fail(struct buffer *buffer, enum status status)
{
    bytes_free(&buffer->content);
    buffer->capacity = 0;
    buffer->status = status;
}

/* Makes room for `more` bytes and the NUL; NULL when the buffer has failed. */
static uint8_t *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->status != STATUS_OK) {
        return NULL;
    }
    size_t need = 0;
    if (__builtin_add_overflow(buffer->content.len, more, &need) || need >= SIZE_MAX / 2) {
        buffer_fail(buffer, STATUS_NO_MEMORY);
        return NULL;
    }
    need++;
    if (need > buffer->capacity) {
        size_t capacity = buffer->capacity == 0 ? BUFFER_FIRST : buffer->capacity;
        while (capacity < need) {
            capacity *= 2;
        }
        uint8_t *grown = malloc(capacity);
        if (grown == NULL) {
            buffer_fail(buffer, STATUS_NO_MEMORY);
            return NULL;
        }
        if (buffer->content.len > 0) {
            memcpy(grown, buffer->content.data, buffer->content.len);
        }
        const size_t len = buffer->content.len;
        bytes_free(&buffer->content); /* realloc would leave what it moved */
        buffer->content = (struct bytes){.data = grown, .len = len};
        buffer->capacity = capacity;
    }
    return buffer->content.data + buffer->content.len;
}

void buffer_expect(struct buffer *buffer, size_t len)
{
    (void)buffer_reserve(buffer, len);
}

static void buffer_advance(struct buffer *buffer, size_t len)
{
    buffer->content.len += len;
    buffer->content.data[buffer->content.len] = 0;
}

void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
    uint8_t *end = buffer_reserve(buffer, len);
    if (end == NULL) {
        return;
    }
    if (len > 0) {
        memcpy(end, data, len);
    }
    buffer_advance(buffer, len);
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    char text[FORMAT_MOST];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (len < 0) {
        buffer_fail(buffer, STATUS_INTERNAL);
        return;
    }
    if ((size_t)len < sizeof(text)) {
        buffer_append(buffer, text, (size_t)len);
        return;
    }
    uint8_t *end = buffer_reserve(buffer, (size_t)len);
    if (end == NULL) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf((char *)end, (size_t)len + 1, format, arguments);
    va_end(arguments);
    buffer_advance(buffer, (size_t)len);
}

enum status buffer_finish(struct bytes *out, struct buffer *buffer)
{
    buffer_append(buffer, NULL, 0); /* an empty buffer, too, hands over memory with its NUL */
    enum status status = buffer->status;
    if (status == STATUS_OK) {
        *out = buffer->content; /* transferred */
    }
    buffer_init(buffer);
    return status;
}

void buffer_free(struct buffer *buffer)
{
    bytes_free(&buffer->content);
    buffer_init(buffer);
}

void hex_encode(char *out, const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

/* One more than the value of a digit, 0 for what is none. */
static const uint8_t hex_values[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static unsigned hex_digit(char c)
{
    return (unsigned)hex_values[(uint8_t)c] - 1;
}

enum status hex_decode(uint8_t *out, size_t len, const char *text)
{
    for (size_t i = 0; i < 2 * len; i++) {
        if (hex_values[(uint8_t)text[i]] == 0) { /* the NUL of a short text ends here */
            return STATUS_INVALID;
        }
    }
    if (text[2 * len] != '\0') {
        return STATUS_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
    return STATUS_OK;
}

void buffer_append_base64(struct buffer *buffer, const uint8_t *data, size_t len)
{
    if (len == 0) {
        return;
    }
    if (len > INT_MAX / 2) {
        buffer_fail(buffer, STATUS_TOO_LARGE);
        return;
    }
    uint8_t *end = buffer_reserve(buffer, (len + 2) / 3 * 4);
    if (end != NULL) {
        buffer_advance(buffer, (size_t)EVP_EncodeBlock(end, data, (int)len));
    }
}

/* One more than the value of a character, 0 for what is none. */
static const uint8_t base64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static uint32_t base64_value(char c)
{
    return (uint32_t)base64_values[(uint8_t)c] - 1;
}

/* The 24 bits of four characters; what is no character sets those above. */
static inline uint32_t base64_group(const char *text)
{
    return base64_value(text[0]) << 18 | base64_value(text[1]) << 12 | base64_value(text[2]) << 6 |
           base64_value(text[3]);
}

static void base64_put(uint8_t *out, size_t len, uint32_t bits)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(bits >> (16 - 8 * i));
    }
}

/* The last group, of one to three bytes: the bits behind them are zero, or the text had two spellings. */
static uint32_t base64_last(uint8_t *out, size_t *out_len, const char *text4)
{
    size_t padding = text4[3] != '=' ? 0 : text4[2] != '=' ? 1 : 2;
    char text[4];
    memcpy(text, text4, 4);
    memset(text + 4 - padding, 'A', padding);
    uint32_t bits = base64_group(text);
    *out_len = 3 - padding;
    base64_put(out, *out_len, bits);
    return bits >> 24 | (bits & ((1U << 8 * padding) - 1));
}

enum status base64_decode_into(uint8_t *out, size_t *out_len, const char *text, size_t text_len)
{
    size_t len = 0;
    size_t last = 0;
    uint32_t wrong = 0;
    if (text_len % 4 != 0) {
        return STATUS_INVALID;
    }
    for (size_t at = 0; at + 4 < text_len; at += 4, len += 3) {
        uint32_t bits = base64_group(text + at);
        const uint32_t four = htobe32(bits << 8);
        wrong |= bits;
        memcpy(out + len, &four, sizeof(four)); /* the last group writes over the fourth byte */
    }
    wrong >>= 24;
    if (text_len > 0) {
        wrong |= base64_last(out + len, &last, text + text_len - 4);
    }
    if (wrong != 0) {
        return STATUS_INVALID;
    }
    *out_len = len + last;
    return STATUS_OK;
}

enum status base64_decode(struct bytes *out, const char *text, size_t text_len)
{
    const size_t room = text_len / 4 * 3;
    struct bytes decoded = {.data = malloc(room + 1)};
    if (decoded.data == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = base64_decode_into(decoded.data, &decoded.len, text, text_len);
    if (status != STATUS_OK) {
        decoded.len = room; /* what stands before a wrong character is decoded */
        bytes_free(&decoded);
        return status;
    }
    decoded.data[decoded.len] = 0;
    *out = decoded; /* transferred */
    return STATUS_OK;
}

enum status base64_decode_exact(uint8_t *out, size_t len, const char *text)
{
    struct bytes decoded = {0};
    enum status status = base64_decode(&decoded, text, strlen(text));
    if (status != STATUS_OK) {
        return status;
    }
    if (decoded.len == len) {
        memcpy(out, decoded.data, len);
    } else {
        status = STATUS_INVALID;
    }
    bytes_free(&decoded);
    return status;
}
