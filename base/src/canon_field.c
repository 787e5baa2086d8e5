/*
 * Canonical documents: tables of fields.
 *
 * A struct becomes a document without a tree of values in between, its rows taken in the order of their names. What
 * is to be refused goes by way of such a tree, which says why.
 */
#include "canon_type.h"

#include <string.h>

#include "canon_write.h"

#define ROWS_MAX 64

static bool table_has(const struct canon_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static enum status refuse_unknown(json_t *object, const struct canon_field *fields, size_t count, const char *path,
                                  struct fault *fault)
{
    for (void *row = json_object_iter(object); row != NULL; row = json_object_iter_next(object, row)) {
        const char *key = json_object_iter_key(row);
        if (!table_has(fields, count, key)) {
            const struct canon_field unknown = {.name = key};
            const struct canon_place place = {.field = &unknown, .path = path, .fault = fault};
            return canon_type_refuse(&place, STATUS_UNKNOWN_FIELD, "this object has no such field");
        }
    }
    return STATUS_OK;
}

static enum status field_read(uint8_t *out, json_t *object, const struct canon_place *place)
{
    json_t *value = json_object_get(object, place->field->name);
    if (value == NULL) {
        return place->field->optional ? STATUS_OK
                                      : canon_type_refuse(place, STATUS_MISSING_FIELD, "the field is required");
    }
    uint8_t *member = out + place->field->offset;
    enum status status = canon_type_read(member, value, place);
    if (status == STATUS_OK && place->field->optional && place->field->type == CANON_HASH &&
        canon_type_empty(member, CANON_HASH)) {
        return canon_type_refuse(place, STATUS_INVALID, "left out where there is none: no hash is all zeros");
    }
    return status;
}

/* Frees what decoding has made so far. */
static void fields_drop(uint8_t *out, size_t out_size, const struct canon_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type == CANON_BYTES || fields[i].type == CANON_STRING) {
            bytes_free((struct bytes *)(void *)(out + fields[i].offset));
        }
    }
    memset(out, 0, out_size);
}

/* The contract has its seven arguments: a table is a pointer and a count. NOLINTNEXTLINE(readability-function-size) */
enum status canon_decode(void *out, size_t out_size, const json_t *object, const struct canon_field *fields,
                         size_t count, const char *path, struct fault *fault)
{
    memset(out, 0, out_size);
    if (!json_is_object(object)) {
        return fault_set(fault, STATUS_INVALID, path, "an object");
    }
    json_t *walked = (json_t *)(uintptr_t)object; /* jansson's iterators take no const; nothing is changed */
    enum status status = refuse_unknown(walked, fields, count, path, fault);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct canon_place place = {.field = &fields[i], .path = path, .fault = fault};
        status = field_read(out, walked, &place);
    }
    if (status != STATUS_OK) {
        fields_drop(out, out_size, fields, count);
    }
    return status;
}

/* Writes one member; false in `out_there`: it is left out, being empty. The value is to be wiped. */
static enum status member_write(struct canon_value *out, bool *out_there, const uint8_t *in,
                                const struct canon_place *place)
{
    const struct canon_field *field = place->field;
    *out_there = !(field->optional && canon_type_empty(in + field->offset, field->type));
    return *out_there ? canon_type_write(out, in + field->offset, place) : STATUS_OK;
}

static json_t *value_tree(const struct canon_value *value)
{
    switch (value->kind) {
    case CANON_VALUE_TEXT:
        return json_stringn_nocheck(value->text, value->len);
    case CANON_VALUE_INTEGER:
        return json_integer(value->integer);
    case CANON_VALUE_BOOLEAN:
        return json_boolean(value->boolean);
    case CANON_VALUE_TREE:
        return json_incref(value->tree);
    }
    return NULL;
}

static enum status field_write(json_t *object, const uint8_t *in, const struct canon_place *place)
{
    struct canon_value value = {.owned = {0}};
    bool there = false;
    enum status status = member_write(&value, &there, in, place);
    if (status == STATUS_OK && there &&
        json_object_set_new_nocheck(object, place->field->name, value_tree(&value)) != 0) {
        status = canon_type_refuse(place, STATUS_NO_MEMORY, "could not write the field");
    }
    bytes_free(&value.owned);
    return status;
}

enum status canon_encode(json_t **out, const void *in, const struct canon_field *fields, size_t count,
                         struct fault *fault)
{
    json_t *object = json_object();
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "", "building an object");
    }
    for (size_t i = 0; i < count; i++) {
        const struct canon_place place = {.field = &fields[i], .path = "", .fault = fault};
        enum status status = field_write(object, in, &place);
        if (status != STATUS_OK) {
            json_decref(object);
            return status;
        }
    }
    *out = object; /* transferred */
    return STATUS_OK;
}

/* A document under construction. */
struct writing {
    struct buffer buffer;
    const char *last; /* key, NULL before the first */
    bool plain;       /* so far everything could be written as it came */
};

/* Whether a value can be written as it is; a value that canon_emit would refuse cannot. */
static bool value_append(struct buffer *buffer, const struct canon_value *value, const char *name)
{
    switch (value->kind) {
    case CANON_VALUE_TEXT:
        canon_write_text(buffer, value->text, value->len);
        return true;
    case CANON_VALUE_INTEGER:
        canon_write_integer(buffer, value->integer);
        return value->integer <= CANON_INTEGER_MAX && value->integer >= -CANON_INTEGER_MAX;
    case CANON_VALUE_BOOLEAN:
        buffer_append_text(buffer, value->boolean ? "true" : "false");
        return true;
    case CANON_VALUE_TREE:
        if (canon_check(value->tree, name, 2, NULL) != STATUS_OK) {
            return false;
        }
        canon_write(buffer, value->tree);
        return true;
    }
    return false;
}

/* The rows in the order of their names: hardly anything is moved, most tables are in it. */
static void rows_order(const struct canon_field *out[ROWS_MAX], const struct canon_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        while (at > 0 && strcmp(out[at - 1]->name, fields[i].name) > 0) {
            out[at] = out[at - 1];
            at--;
        }
        out[at] = &fields[i];
    }
}

static enum status field_append(struct writing *writing, const uint8_t *in, const struct canon_place *place)
{
    struct canon_value value = {.owned = {0}};
    const char *name = place->field->name;
    bool there = false;
    enum status status = member_write(&value, &there, in, place);
    if (status == STATUS_OK && there) {
        writing->plain =
            writing->plain && canon_key_fits(name) && (writing->last == NULL || strcmp(writing->last, name) < 0);
        canon_write_key(&writing->buffer, name, writing->last == NULL);
        writing->plain = value_append(&writing->buffer, &value, name) && writing->plain;
        writing->last = name;
    }
    bytes_free(&value.owned);
    return status;
}

/* By way of a tree, which says what is wrong. */
static enum status encode_tree(struct bytes *out, const void *in, const struct canon_field *fields, size_t count,
                               size_t max, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_encode(&object, in, fields, count, fault);
    if (status == STATUS_OK) {
        status = canon_emit(out, object, max, fault);
    }
    json_decref(object);
    return status;
}

enum status canon_encode_bytes(struct bytes *out, const void *in, const struct canon_field *fields, size_t count,
                               size_t max, struct fault *fault)
{
    struct writing writing = {.plain = true};
    const struct canon_field *rows[ROWS_MAX];
    enum status status = STATUS_OK;
    INVARIANT(count <= ROWS_MAX);
    rows_order(rows, fields, count);
    buffer_init(&writing.buffer);
    buffer_append_text(&writing.buffer, "{");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct canon_place place = {.field = rows[i], .path = "", .fault = fault};
        status = field_append(&writing, in, &place);
    }
    buffer_append_text(&writing.buffer, "}");
    size_t len = writing.buffer.content.len;
    if (status != STATUS_OK) {
        buffer_free(&writing.buffer);
        return status;
    }
    if (!writing.plain || len > max) {
        buffer_free(&writing.buffer);
        return encode_tree(out, in, fields, count, max, fault);
    }
    status = buffer_finish(out, &writing.buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "", "emitting a document");
}
