/*
 * Owned byte strings, a growing buffer, and strict hexadecimal and base64.
 *
 * A `struct bytes` owns its memory; a pointer and a length in an argument list are borrowed for the call.
 * Decoders accept exactly what the encoders print (RFC 4648 base64 with padding, lower-case hexadecimal): anything else
 * is refused, never repaired.
 */
#ifndef STRONGROOM_BASE_BYTES_H
#define STRONGROOM_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* `data` is heap memory and always followed by one NUL byte that `len` does not count. */
struct bytes {
    uint8_t *data;
    size_t len;
};

/* A buffer under construction. After a failed append it stays failed and holds nothing more; check once at the end. */
struct buffer {
    struct bytes content;
    size_t capacity;
    enum status status;
};

/* Copies `len` bytes. Out: `out` owns the copy; free with bytes_free. */
MUST_CHECK enum status bytes_copy(struct bytes *out, const void *data, size_t len);

/* Wipes, frees and empties; an empty one is fine. */
void bytes_free(struct bytes *bytes);

/* Starts an empty buffer. */
void buffer_init(struct buffer *buffer);

/* About so many bytes will be appended: room for them at once, instead of more and more. */
void buffer_expect(struct buffer *buffer, size_t len);

/* Appends bytes, a string, or formatted text. */
void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails the buffer for what could not be made to be appended; `status` is not STATUS_OK. */
void buffer_fail(struct buffer *buffer, enum status status);

/* Hands the content over to `out` (transferred) or answers the first append failure; the buffer is empty afterwards. */
MUST_CHECK enum status buffer_finish(struct bytes *out, struct buffer *buffer);

/* Drops the content of a buffer that will not be finished. */
void buffer_free(struct buffer *buffer);

/* Writes 2*len lower-case digits and a NUL; `out` holds at least 2*len+1. */
void hex_encode(char *out, const uint8_t *data, size_t len);

/* Reads exactly `len` bytes from a string of exactly 2*len lower-case digits; STATUS_INVALID otherwise. */
MUST_CHECK enum status hex_decode(uint8_t *out, size_t len, const char *text);

/* Appends the base64 form (with padding, no line breaks). */
void buffer_append_base64(struct buffer *buffer, const uint8_t *data, size_t len);

/* Decodes base64 text of `text_len` characters that must re-encode to itself. Out: `out` owned by the caller. */
MUST_CHECK enum status base64_decode(struct bytes *out, const char *text, size_t text_len);

/* The same into memory of the caller, which has room for text_len / 4 * 3 bytes; some may be written on failure, too.
 */
MUST_CHECK enum status base64_decode_into(uint8_t *out, size_t *out_len, const char *text, size_t text_len);

/* Decodes base64 text that must hold exactly `len` bytes. */
MUST_CHECK enum status base64_decode_exact(uint8_t *out, size_t len, const char *text);

#endif
