/* Reading line-based texts strictly. Private to the room. */
#ifndef STRONGROOM_AUDIT_LINES_H
#define STRONGROOM_AUDIT_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"

#define HASH_BASE64_LEN 44

/* The part of a text that has not been read yet. */
struct lines {
    const char *at;
    size_t left;
};

/* One line without its newline. Borrowed. */
struct line {
    const char *text;
    size_t len;
};

/* Takes the next line that ends with LF; false (nothing taken) when there is none. */
bool lines_next(struct line *out, struct lines *lines);

/* Equality with a text. */
bool line_is(const struct line *line, const char *text);

/* Drops a prefix from the line; false (nothing dropped) when it is not there. */
bool line_drop(struct line *line, const char *prefix);

/* A decimal without sign or leading zero, at most 2^63-1. STATUS_INVALID. */
MUST_CHECK enum status line_decimal(uint64_t *out, const struct line *line);

/* A hash as 44 characters of strict base64. STATUS_INVALID. */
MUST_CHECK enum status line_hash(struct digest *out, const struct line *line);

/* True for one or more bytes of printable ASCII without space. */
bool text_is_graphic(const char *text, size_t len);

/* True for one or more bytes of printable ASCII. */
bool text_is_printable(const char *text, size_t len);

/*
 * Decodes one UTF-8 sequence (RFC 3629: shortest form, no surrogates, at most U+10FFFF). Returns the bytes taken, 0
 * when there is no valid one.
 */
size_t utf8_next(uint32_t *out, const uint8_t *text, size_t len);

/* True for the characters of the Unicode property White_Space. */
bool utf8_is_space(uint32_t character);

#endif
