/*
 * Canonical documents: RFC 8785 JSON narrowed until every tool agrees on the bytes (docs/formats.md).
 *
 * Objects, arrays, true, false, integers within +-(2^53-1), strings of printable ASCII; keys [a-z0-9_]+ without
 * duplicates, sorted; no null, no floating point; at most 8 levels. Round-trip or refuse: only bytes that would be
 * emitted again for what they say are read. `jq -cS .` prints the same bytes.
 *
 * Fields are read and written through tables (`struct canon_field`), so that an unknown, missing or ill-typed field is
 * named in the fault ("where") together with its rule ("detail").
 */
#ifndef STRONGROOM_BASE_CANON_H
#define STRONGROOM_BASE_CANON_H

#include <jansson.h>
#include <stddef.h>

#include "base/bytes.h"

#define CANON_DOCUMENT_MAX 16384
#define CANON_POLICY_MAX 262144
#define CANON_DEPTH_MAX 8
#define CANON_INTEGER_MAX 9007199254740991LL

/* The type of a field: what stands in the document and the C type at the offset. */
enum canon_type {
    CANON_TEXT,      /* printable ASCII string; char[size], NUL-terminated, 1..size-1 characters unless min is 0 */
    CANON_NAME,      /* name (base/id.h); struct name */
    CANON_INTEGER,   /* integer min..max; int64_t */
    CANON_COUNTER,   /* decimal string without leading zero, 0..2^63-1; uint64_t */
    CANON_BOOLEAN,   /* true or false; bool */
    CANON_AMOUNT,    /* amount (base/amount.h); struct amount */
    CANON_TIME,      /* point in time (base/clock.h); int64_t microseconds */
    CANON_UUID,      /* UUIDv7; struct uuid */
    CANON_HASH,      /* 64 hexadecimal digits; struct digest */
    CANON_ALGORITHM, /* name in the register; enum algorithm */
    CANON_SIGNATURE, /* base64 of 64 bytes; uint8_t[64] */
    CANON_BYTES,     /* base64; struct bytes, owned by the caller; at most `size` bytes */
    CANON_STRING,    /* printable ASCII string of any length up to `size`; struct bytes, owned by the caller */
    CANON_OBJECT,    /* object; json_t *, borrowed from the parsed document */
    CANON_ARRAY,     /* array; json_t *, borrowed from the parsed document; min..max elements */
};

struct canon_field {
    const char *name;
    enum canon_type type;
    bool optional; /* absent leaves the zero value of the C type; a hash that is there is not all zeros */
    size_t offset;
    size_t size;
    int64_t min;
    int64_t max;
};

/* A row of a table: CANON_FIELD(struct intent, wallet, CANON_NAME) */
#define CANON_FIELD(type, member, kind)                                                                                \
    {                                                                                                                  \
#member, kind, false, offsetof(type, member), sizeof(__typeof__(((type *)0)->member)), 0, CANON_INTEGER_MAX    \
    }
#define CANON_FIELD_OPTIONAL(type, member, kind)                                                                       \
    {                                                                                                                  \
#member, kind, true, offsetof(type, member), sizeof(__typeof__(((type *)0)->member)), 0, CANON_INTEGER_MAX     \
    }
#define CANON_FIELD_RANGE(type, member, kind, least, most)                                                             \
    {                                                                                                                  \
#member, kind, false, offsetof(type, member), sizeof(__typeof__(((type *)0)->member)), least, most             \
    }
#define CANON_FIELD_OPTIONAL_RANGE(type, member, kind, least, most)                                                    \
    {                                                                                                                  \
#member, kind, true, offsetof(type, member), sizeof(__typeof__(((type *)0)->member)), least, most              \
    }
/* CANON_BYTES and CANON_STRING: `most` is the greatest length in bytes. */
#define CANON_FIELD_SIZED(type, member, kind, most)                                                                    \
    {                                                                                                                  \
#member, kind, false, offsetof(type, member), most, 0, CANON_INTEGER_MAX                                       \
    }

/*
 * Parses a canonical document of at most `max` bytes whose outermost value is an object.
 * Out: `out` holds one reference, json_decref when done. STATUS_TOO_LARGE, STATUS_NOT_CANONICAL (detail: the rule
 * broken).
 */
MUST_CHECK enum status canon_parse(json_t **out, const void *bytes, size_t len, size_t max, struct fault *fault);

/*
 * Parses JSON from outside that need not be canonical in its order and white space (an HTTP body) but obeys every other
 * rule above, duplicates included. Same results as canon_parse.
 */
MUST_CHECK enum status canon_parse_relaxed(json_t **out, const void *bytes, size_t len, size_t max,
                                           struct fault *fault);

/*
 * Emits the canonical bytes of a value built in memory. A value outside the rules is STATUS_NOT_CANONICAL: it was our
 * own mistake, but nothing wrong may leave. Out: owned by the caller.
 */
MUST_CHECK enum status canon_emit(struct bytes *out, const json_t *value, size_t max, struct fault *fault);

/*
 * Reads the fields of `object` into the struct at `out`. Every field of the object must be in the table and every
 * non-optional row must be present. `path` prefixes the field names in faults ("" at the top). On failure `out` is all
 * zeros and owns nothing; on success the caller frees the CANON_BYTES and CANON_STRING members.
 */
MUST_CHECK enum status canon_decode(void *out, size_t out_size, const json_t *object, const struct canon_field *fields,
                                    size_t count, const char *path, struct fault *fault);

/*
 * Builds an object from a struct by the same table. CANON_OBJECT and CANON_ARRAY members are shared by reference; an
 * optional member with the zero value of its type (NULL, empty text, zero digest ...) is left out, except booleans and
 * integers, which are always written. Out: one reference.
 */
MUST_CHECK enum status canon_encode(json_t **out, const void *in, const struct canon_field *fields, size_t count,
                                    struct fault *fault);

/* canon_encode and canon_emit in one: the document bytes of a struct. Out: owned by the caller. */
MUST_CHECK enum status canon_encode_bytes(struct bytes *out, const void *in, const struct canon_field *fields,
                                          size_t count, size_t max, struct fault *fault);

#endif
