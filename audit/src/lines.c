/*
 * Lines, decimals, hashes and characters of the text formats.
 *
 * Nothing here trims, skips or tolerates. A line exists only with its LF, a number has one spelling, a hash has one
 * spelling, and what UTF-8 there may be is of the shortest form.
 */
#include "lines.h"

#define DECIMAL_DIGITS_MAX 19

bool lines_next(struct line *out, struct lines *lines)
{
    const char *end = lines->left == 0 ? NULL : memchr(lines->at, '\n', lines->left);
    if (end == NULL) {
        return false;
    }
    *out = (struct line){.text = lines->at, .len = (size_t)(end - lines->at)};
    lines->at += out->len + 1;
    lines->left -= out->len + 1;
    return true;
}

bool line_is(const struct line *line, const char *text)
{
    return line->len == strlen(text) && memcmp(line->text, text, line->len) == 0;
}

bool line_drop(struct line *line, const char *prefix)
{
    size_t len = strlen(prefix);
    if (line->len < len || memcmp(line->text, prefix, len) != 0) {
        return false;
    }
    line->text += len;
    line->len -= len;
    return true;
}

enum status line_decimal(uint64_t *out, const struct line *line)
{
    if (line->len == 0 || line->len > DECIMAL_DIGITS_MAX || (line->len > 1 && line->text[0] == '0')) {
        return STATUS_INVALID;
    }
    uint64_t value = 0; /* 19 digits stay below 2^64 */
    for (size_t i = 0; i < line->len; i++) {
        if (line->text[i] < '0' || line->text[i] > '9') {
            return STATUS_INVALID;
        }
        value = value * 10 + (uint64_t)(line->text[i] - '0');
    }
    if (value > INT64_MAX) {
        return STATUS_INVALID;
    }
    *out = value;
    return STATUS_OK;
}

enum status line_hash(struct digest *out, const struct line *line)
{
    if (line->len != HASH_BASE64_LEN) {
        return STATUS_INVALID;
    }
    char text[HASH_BASE64_LEN + 1];
    memcpy(text, line->text, HASH_BASE64_LEN);
    text[HASH_BASE64_LEN] = '\0';
    struct digest digest;
    enum status status = base64_decode_exact(digest.bytes32, sizeof(digest.bytes32), text);
    if (status == STATUS_OK) {
        *out = digest;
    }
    return status;
}

static bool text_within(const char *text, size_t len, char least)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < least || text[i] > '~') {
            return false;
        }
    }
    return len > 0;
}

bool text_is_graphic(const char *text, size_t len)
{
    return text_within(text, len, '!');
}

bool text_is_printable(const char *text, size_t len)
{
    return text_within(text, len, ' ');
}

/* The length a first byte announces and the bits of the character in it; 0 for a byte that cannot be first. */
static size_t utf8_first(uint32_t *bits, uint8_t byte)
{
    static const struct {
        uint8_t mask;
        uint8_t mark;
    } form[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};
    for (size_t i = 0; i < sizeof(form) / sizeof(form[0]); i++) {
        if ((byte & form[i].mask) == form[i].mark) {
            *bits = byte & (uint8_t)~form[i].mask;
            return i + 1;
        }
    }
    return 0;
}

size_t utf8_next(uint32_t *out, const uint8_t *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t character = 0;
    size_t need = len == 0 ? 0 : utf8_first(&character, text[0]);
    if (need == 0 || need > len) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        character = character << 6 | (text[i] & 0x3f);
    }
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < least[need] || surrogate || character > 0x10ffff) {
        return 0;
    }
    *out = character;
    return need;
}

bool utf8_is_space(uint32_t character)
{
    static const struct {
        uint32_t first;
        uint32_t last;
    } spaces[] = {{0x09, 0x0d},     {0x20, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680},
                  {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};
    for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        if (character >= spaces[i].first && character <= spaces[i].last) {
            return true;
        }
    }
    return false;
}
