/*
 * Canonical documents (docs/formats.md section 1) taken apart where they stand: one pass over the bytes, no copies and
 * nothing allocated, so that a trail of millions of lines is read as fast as it is hashed.
 *
 * A value has one spelling, so two values are the same exactly when their bytes are.
 */
#ifndef STRONGROOM_VERIFY_SCAN_H
#define STRONGROOM_VERIFY_SCAN_H

#include "base/digest.h"
#include "base/id.h"

/* A value as it is spelt, a text without its quotation marks. Borrowed; `at` is NULL for a value that is absent. */
struct span {
    const char *at;
    size_t len;
};

/* How a value is to look. A text has 1 to `max` characters. */
enum scan_kind {
    SCAN_TEXT,    /* a string */
    SCAN_NAME,    /* a name */
    SCAN_HASH,    /* 64 lower-case hexadecimal digits */
    SCAN_UUID,    /* a UUIDv7 */
    SCAN_COUNTER, /* a string: a decimal number below 2^63 */
    SCAN_INTEGER, /* a number that is not below 0 */
    SCAN_OBJECT,
    SCAN_FACTS,   /* an object of strings */
    SCAN_STRINGS, /* a list of strings */
};

struct scan_field {
    const char *name;
    enum scan_kind kind;
    bool optional;
    size_t max;
    size_t offset; /* of a struct span */
};

/*
 * A struct of spans and the table that it is read by come from one list of its members, in ascending order: F(S,
 * member, kind, max) of the struct S, O one that may be absent.
 */
#define SCAN_MEMBER(S, member, kind, max) struct span member;
#define SCAN_FIELD(S, member, kind, max) {#member, SCAN_##kind, false, max, offsetof(struct S, member)},
#define SCAN_FIELD_OPTIONAL(S, member, kind, max) {#member, SCAN_##kind, true, max, offsetof(struct S, member)},

/*
 * Takes one object apart: the spans in the struct at `out` get the values of `fields`, which are in ascending order of
 * their names and are all the members there may be. STATUS_NOT_CANONICAL, or STATUS_INVALID with the member in `where`.
 */
MUST_CHECK enum status scan_object(void *out, const struct scan_field *fields, size_t count, struct span text,
                                   struct fault *fault);

/*
 * Steps through an object, or a list (`out_key` is NULL), that was scanned before: false at its end. `*inout_rest`
 * starts as the whole.
 */
bool scan_step(struct span *out_key, struct span *out, struct span *inout_rest);

/* The member of an object that was scanned before; absent when there is none. */
struct span scan_member(struct span object, const char *name);

/* The order of two that are there, by their bytes: below 0, 0 or above. */
int span_compare(struct span a, struct span b);

/* True when both are absent, or both are there with the same bytes. */
bool span_equal(struct span a, struct span b);

/* True when the value is spelt so. */
bool span_is(struct span span, const char *text);

/* Copies to a string; false when the value is absent, does not fit, or has escapes. */
bool span_copy(char *out, size_t size, struct span span);

/* Reads a decimal number without sign and leading zero, below 2^63. */
bool span_decimal(uint64_t *out, struct span span);

/* Reads 64 lower-case hexadecimal digits; base64 of so many bytes. */
bool span_digest(struct digest *out, struct span span);
bool span_base64(uint8_t *out, size_t size, struct span span);

/* The next line, without its newline; false at the end, or when the last line has no newline. */
bool span_line(struct span *out, struct span *inout_rest);

#endif
