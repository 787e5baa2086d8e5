/*
 * Parameters and rows in PostgreSQL's binary format: big-endian integers, times in microseconds since 2000, bytea and
 * text as they are. Amounts travel as text, because numeric has no simple binary form.
 */
#include "row.h"

#include <endian.h>
#include <limits.h>

#include "base/clock.h"

static void parameter_add(struct parameters *p, const void *data, size_t len, int format)
{
    INVARIANT(p->count < PARAMETERS_MAX && len <= INT_MAX);
    p->values[p->count] = data;
    p->lengths[p->count] = (int)len;
    p->formats[p->count] = format;
    p->count++;
}

void parameter_int64(struct parameters *p, int64_t value)
{
    INVARIANT(p->count < PARAMETERS_MAX);
    uint64_t wire = htobe64((uint64_t)value);
    memcpy(p->scratch[p->count], &wire, sizeof wire);
    parameter_add(p, p->scratch[p->count], sizeof wire, 1);
}

void parameter_uint64(struct parameters *p, uint64_t value)
{
    INVARIANT(value <= INT64_MAX);
    parameter_int64(p, (int64_t)value);
}

void parameter_optional_uint64(struct parameters *p, const uint64_t *value)
{
    if (value == NULL) {
        parameter_add(p, NULL, 0, 1);
        return;
    }
    parameter_uint64(p, *value);
}

void parameter_bool(struct parameters *p, bool value)
{
    parameter_add(p, value ? "\1" : "\0", 1, 1);
}

void parameter_text(struct parameters *p, const char *text)
{
    parameter_add(p, text, text == NULL ? 0 : strlen(text), 1);
}

void parameter_uuid(struct parameters *p, const struct uuid *uuid)
{
    parameter_add(p, uuid, uuid == NULL ? 0 : sizeof uuid->bytes16, 1);
}

void parameter_digest(struct parameters *p, const struct digest *digest)
{
    parameter_add(p, digest, digest == NULL ? 0 : sizeof digest->bytes32, 1);
}

void parameter_bytes(struct parameters *p, const void *data, size_t len)
{
    parameter_add(p, data, len, 1);
}

void parameter_time(struct parameters *p, int64_t utc_us)
{
    if (utc_us == 0) {
        parameter_add(p, NULL, 0, 1);
        return;
    }
    parameter_int64(p, utc_us - POSTGRES_EPOCH_US);
}

void parameter_amount(struct parameters *p, struct amount amount)
{
    INVARIANT(p->count < PARAMETERS_MAX);
    amount_format(p->scratch[p->count], amount);
    parameter_text(p, p->scratch[p->count]);
}

struct cell {
    const char *data;
    size_t len;
};

static enum status decode_int64(void *at, const struct column *column, struct cell cell)
{
    uint64_t wire = 0;
    if (cell.len != sizeof wire) {
        return STATUS_CORRUPT;
    }
    memcpy(&wire, cell.data, sizeof wire);
    int64_t value = (int64_t)be64toh(wire);
    if (column->kind == COLUMN_UINT64 && value < 0) {
        return STATUS_CORRUPT;
    }
    if (column->kind == COLUMN_TIME) {
        if (value < -POSTGRES_EPOCH_US || value > TIME_MAX_UTC_US - POSTGRES_EPOCH_US) { /* infinity, too */
            return STATUS_CORRUPT;
        }
        value += POSTGRES_EPOCH_US;
    }
    memcpy(at, &value, sizeof value);
    return STATUS_OK;
}

static enum status decode_bool(void *at, const struct column *column, struct cell cell)
{
    (void)column;
    if (cell.len != 1) {
        return STATUS_CORRUPT;
    }
    *(bool *)at = cell.data[0] != 0;
    return STATUS_OK;
}

static enum status decode_text(void *at, const struct column *column, struct cell cell)
{
    if (cell.len >= column->size || memchr(cell.data, 0, cell.len) != NULL) {
        return STATUS_CORRUPT;
    }
    memcpy(at, cell.data, cell.len);
    ((char *)at)[cell.len] = 0;
    return STATUS_OK;
}

/* libpq ends every value with a NUL, which the length does not count. */
static enum status decode_name(void *at, const struct column *column, struct cell cell)
{
    (void)column;
    return strlen(cell.data) == cell.len ? name_parse(at, cell.data) : STATUS_CORRUPT;
}

static enum status decode_fixed(void *at, const struct column *column, struct cell cell)
{
    if (cell.len != column->size) {
        return STATUS_CORRUPT;
    }
    memcpy(at, cell.data, cell.len);
    return STATUS_OK;
}

static enum status decode_bytes(void *at, const struct column *column, struct cell cell)
{
    (void)column;
    return bytes_copy(at, cell.data, cell.len);
}

static enum status decode_amount(void *at, const struct column *column, struct cell cell)
{
    (void)column;
    return strlen(cell.data) == cell.len ? amount_parse(at, cell.data) : STATUS_CORRUPT;
}

typedef enum status decode_fn(void *at, const struct column *column, struct cell cell);

static decode_fn *const decoders[] = {
    [COLUMN_INT64] = decode_int64,   [COLUMN_UINT64] = decode_int64, [COLUMN_BOOL] = decode_bool,
    [COLUMN_TEXT] = decode_text,     [COLUMN_NAME] = decode_name,    [COLUMN_UUID] = decode_fixed,
    [COLUMN_DIGEST] = decode_fixed,  [COLUMN_BYTES] = decode_bytes,  [COLUMN_TIME] = decode_int64,
    [COLUMN_AMOUNT] = decode_amount,
};

/* Nothing is there yet, so nothing is to be freed; bytes stay absent. */
static void put_unfit(void *at, const struct column *column)
{
    static const int64_t largest = INT64_MAX;
    switch (column->kind) {
    case COLUMN_INT64:
    case COLUMN_UINT64:
        memcpy(at, &largest, sizeof(largest));
        break;
    case COLUMN_TEXT:
        INVARIANT(column->size >= sizeof(ROW_UNFIT));
        memcpy(at, ROW_UNFIT, sizeof(ROW_UNFIT));
        break;
    case COLUMN_UUID:
    case COLUMN_DIGEST:
        memset(at, 0xff, column->size);
        break;
    case COLUMN_BOOL:
    case COLUMN_BYTES:
    case COLUMN_TIME:
    case COLUMN_NAME:
    case COLUMN_AMOUNT:
        memset(at, 0, column->size);
        break;
    }
}

static enum status column_decode(void *out, const PGresult *result, int row, const struct column *column,
                                 struct fault *fault)
{
    int field = PQfnumber(result, column->name);
    INVARIANT(field >= 0);
    if (PQgetisnull(result, row, field)) {
        return column->nullable ? STATUS_OK : fault_set(fault, STATUS_CORRUPT, column->name, "the column is NULL");
    }
    struct cell cell = {PQgetvalue(result, row, field), (size_t)PQgetlength(result, row, field)};
    enum status status = decoders[column->kind]((char *)out + column->offset, column, cell);
    if (status == STATUS_OK || status == STATUS_NO_MEMORY) {
        return status;
    }
    return fault_set(fault, STATUS_CORRUPT, column->name, "the column does not hold what its type allows");
}

enum status row_decode(void *out, const struct row_shape *shape, const PGresult *result, int row, struct fault *fault)
{
    memset(out, 0, shape->size);
    for (size_t i = 0; i < shape->count; i++) {
        const struct column *column = &shape->columns[i];
        struct fault why = {0};
        enum status status = column_decode(out, result, row, column, &why);
        if (status == STATUS_CORRUPT && shape->claims) {
            put_unfit((char *)out + column->offset, column);
        } else if (status != STATUS_OK) {
            (void)fault_set(fault, status, why.where, "%s", why.detail);
            row_wipe(out, shape);
            return status;
        }
    }
    return STATUS_OK;
}

void row_wipe(void *out, const struct row_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->columns[i].kind == COLUMN_BYTES) {
            bytes_free((struct bytes *)(void *)((char *)out + shape->columns[i].offset));
        }
    }
    memset(out, 0, shape->size);
}

#define ARRAY_HEAD ((size_t)20)

static void array_append_u32(struct buffer *array, uint32_t value)
{
    uint32_t wire = htobe32(value);
    buffer_append(array, &wire, sizeof wire);
}

void array_begin(struct buffer *array, uint32_t element, size_t count, size_t bytes)
{
    INVARIANT(count <= INT32_MAX);
    buffer_init(array);
    buffer_expect(array, bytes + ARRAY_HEAD);
    array_append_u32(array, count == 0 ? 0 : 1); /* dimensions */
    array_append_u32(array, 1);                  /* may hold NULL */
    array_append_u32(array, element);
    if (count > 0) {
        array_append_u32(array, (uint32_t)count);
        array_append_u32(array, 1); /* lower bound */
    }
}

void array_element_bytes(struct buffer *array, const void *data, size_t len)
{
    INVARIANT(len <= INT32_MAX);
    if (data == NULL) {
        array_append_u32(array, UINT32_MAX);
        return;
    }
    array_append_u32(array, (uint32_t)len);
    buffer_append(array, data, len);
}

void array_element_int64(struct buffer *array, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    array_element_bytes(array, &wire, sizeof wire);
}

size_t array_row_begin(struct buffer *array, size_t count)
{
    size_t began = array->content.len;
    const uint32_t wire[2] = {0, htobe32((uint32_t)count)}; /* its length is not known yet */
    buffer_append(array, wire, sizeof(wire));
    return began;
}

void array_field_bytes(struct buffer *array, enum array_element type, const void *data, size_t len)
{
    INVARIANT(len <= INT32_MAX);
    const uint32_t wire[2] = {htobe32(type), data == NULL ? UINT32_MAX : htobe32((uint32_t)len)};
    buffer_append(array, wire, sizeof(wire));
    buffer_append(array, data, data == NULL ? 0 : len);
}

void array_field_int64(struct buffer *array, enum array_element type, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    array_field_bytes(array, type, &wire, sizeof(wire));
}

void array_row_end(struct buffer *array, size_t began)
{
    if (array->status == STATUS_OK) {
        size_t len = array->content.len - began - sizeof(uint32_t);
        INVARIANT(len <= INT32_MAX);
        uint32_t wire = htobe32((uint32_t)len);
        memcpy(array->content.data + began, &wire, sizeof(wire));
    }
}
