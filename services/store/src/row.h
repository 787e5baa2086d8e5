/*
 * Parameters of a statement and rows of its result, both in PostgreSQL's binary format, through tables.
 */
#ifndef STRONGROOM_STORE_ROW_H
#define STRONGROOM_STORE_ROW_H

#include <libpq-fe.h>
#include <stddef.h>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"

#define PARAMETERS_MAX 28

/* The C type at the offset, and what the column is in SQL. */
enum column_kind {
    COLUMN_INT64,  /* bigint; int64_t */
    COLUMN_UINT64, /* bigint, never negative; uint64_t */
    COLUMN_BOOL,   /* boolean; bool */
    COLUMN_TEXT,   /* text; char[size] */
    COLUMN_NAME,   /* text; struct name */
    COLUMN_UUID,   /* uuid; struct uuid */
    COLUMN_DIGEST, /* bytea of 32; struct digest */
    COLUMN_BYTES,  /* bytea; struct bytes, owned by the row */
    COLUMN_TIME,   /* timestamptz; int64_t microseconds UTC, 0..TIME_MAX_UTC_US */
    COLUMN_AMOUNT, /* numeric cast to text; struct amount */
};

/* NULL in the database leaves the zero value; in a column that is not nullable it is STATUS_CORRUPT. */
struct column {
    const char *name;
    enum column_kind kind;
    bool nullable;
    size_t offset;
    size_t size;
};

#define COLUMN(type, member, name, kind)                                                                               \
    {                                                                                                                  \
        name, kind, false, offsetof(type, member), sizeof(((type *)0)->member)                                         \
    }
#define COLUMN_NULLABLE(type, member, name, kind)                                                                      \
    {                                                                                                                  \
        name, kind, true, offsetof(type, member), sizeof(((type *)0)->member)                                          \
    }

/* Parameters under construction: $1 first. Pointers are borrowed until the statement has run. */
struct parameters {
    int count;
    const char *values[PARAMETERS_MAX];
    int lengths[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];
    char scratch[PARAMETERS_MAX][AMOUNT_TEXT_SIZE];
};

/* Append one parameter each; NULL text and absent bytes are SQL NULL. A time of 0 is NULL. */
void parameter_int64(struct parameters *p, int64_t value);
void parameter_uint64(struct parameters *p, uint64_t value);
void parameter_optional_uint64(struct parameters *p, const uint64_t *value);
void parameter_bool(struct parameters *p, bool value);
void parameter_text(struct parameters *p, const char *text);
void parameter_uuid(struct parameters *p, const struct uuid *uuid);
void parameter_digest(struct parameters *p, const struct digest *digest);
void parameter_bytes(struct parameters *p, const void *data, size_t len);
void parameter_time(struct parameters *p, int64_t utc_us);
void parameter_amount(struct parameters *p, struct amount amount);

/*
 * How rows become structs: the table and the size of the struct. `claims`: the columns say nothing for themselves and
 * are held against something else, so what does not fit one becomes a value that agrees with nothing: ROW_UNFIT, bytes
 * 0xff, the largest number, the time 0.
 */
struct row_shape {
    size_t size;
    const struct column *columns;
    size_t count;
    bool claims;
};

#define ROW_UNFIT "(does not fit)" /* with spaces, which no name, id or number has */

#define ROW_SHAPE(type, table)                                                                                         \
    {                                                                                                                  \
        sizeof(type), table, sizeof(table) / sizeof((table)[0]), false                                                 \
    }
#define ROW_SHAPE_CLAIMS(type, table)                                                                                  \
    {                                                                                                                  \
        sizeof(type), table, sizeof(table) / sizeof((table)[0]), true                                                  \
    }

/*
 * Fills the struct at `out` from row `row` of a binary result. On failure whatever was copied is freed and `out` is all
 * zeros. STATUS_CORRUPT names the column.
 */
MUST_CHECK enum status row_decode(void *out, const struct row_shape *shape, const PGresult *result, int row,
                                  struct fault *fault);

/* Frees the COLUMN_BYTES members and zeroes the struct. */
void row_wipe(void *out, const struct row_shape *shape);

/* PostgreSQL's epoch, 2000-01-01, in microseconds since 1970. */
#define POSTGRES_EPOCH_US 946684800000000LL

/* Types of elements of array parameters and of fields (pg_type.dat; fixed for ever). */
enum array_element {
    ARRAY_BYTEA = 17,
    ARRAY_INT8 = 20,
    ARRAY_TEXT = 25,
    ARRAY_TIMESTAMPTZ = 1184,
    ARRAY_UUID = 2950,
};

/*
 * Begins a one-dimensional array of `count` elements of a type, by its number, which take about `bytes` bytes together;
 * appends elements (NULL data is NULL), one call per element.
 */
void array_begin(struct buffer *array, uint32_t element, size_t count, size_t bytes);
void array_element_bytes(struct buffer *array, const void *data, size_t len);
void array_element_int64(struct buffer *array, int64_t value);

/*
 * An element that is a row of `count` fields: its beginning, each field in the order of the columns (NULL data is
 * NULL), and its end, which is told what the beginning said.
 */
size_t array_row_begin(struct buffer *array, size_t count);
void array_field_bytes(struct buffer *array, enum array_element type, const void *data, size_t len);
void array_field_int64(struct buffer *array, enum array_element type, int64_t value);
void array_row_end(struct buffer *array, size_t began);

#endif
