/*
 * Canonical documents: fields.
 *
 * One row per type of field: how it is read, how it is written, whether it is empty and what it owns. What may be read
 * and what may be written obey the same rules, so nothing leaves that the other side would refuse. The bytes themselves
 * are the business of canon.c.
 */
#include "base/canon.h"

#include <stdio.h>
#include <string.h>

#include "base/algorithm.h"
#include "base/amount.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

/* Where a field stands, for its fault. */
struct place {
    const struct canon_field *field;
    const char *path;
    struct fault *fault;
};

static enum status refuse(const struct place *place, enum status status, const char *rule)
{
    char where[sizeof(place->fault->where)];
    const char *dot = place->path[0] == '\0' ? "" : ".";
    (void)snprintf(where, sizeof(where), "%s%s%s", place->path, dot, place->field->name);
    return fault_set(place->fault, status, where, "%s", rule);
}

static enum status refuse_range(const struct place *place, const char *what)
{
    char rule[96];
    (void)snprintf(rule, sizeof(rule), "%s from %lld to %lld", what, (long long)place->field->min,
                   (long long)place->field->max);
    return refuse(place, STATUS_INVALID, rule);
}

static bool in_range(const struct canon_field *field, int64_t value)
{
    return value >= field->min && value <= field->max;
}

static bool all_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* The characters of a string value; NULL and a fault for another type. */
static const char *text_of(const json_t *value, const struct place *place, const char *rule)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        (void)refuse(place, STATUS_INVALID, rule);
    }
    return text;
}

static enum status write_text(json_t **out, const char *text, size_t len)
{
    *out = json_stringn_nocheck(text, len);
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

/* CANON_TEXT */

static enum status check_text(const char *text, size_t len, const struct place *place)
{
    if (!all_printable(text, len)) {
        return refuse(place, STATUS_INVALID, "printable ASCII only");
    }
    if (len >= place->field->size || (int64_t)len < place->field->min) {
        char rule[64];
        (void)snprintf(rule, sizeof(rule), "a string of %lld to %zu characters", (long long)place->field->min,
                       place->field->size - 1);
        return refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status text_read(void *member, json_t *value, const struct place *place)
{
    const char *text = text_of(value, place, "a string");
    if (text == NULL) {
        return STATUS_INVALID;
    }
    size_t len = json_string_length(value);
    enum status status = check_text(text, len, place);
    if (status == STATUS_OK) {
        memcpy(member, text, len);
    }
    return status;
}

static enum status text_write(json_t **out, const void *member, const struct place *place)
{
    size_t len = strnlen(member, place->field->size);
    enum status status = check_text(member, len, place);
    return status == STATUS_OK ? write_text(out, member, len) : status;
}

/* CANON_NAME */

static enum status name_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "a name: 1 to 63 of [a-z0-9-], first a letter or digit";
    const char *text = text_of(value, place, rule);
    if (text == NULL || name_parse(member, text) != STATUS_OK) {
        return refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status name_write(json_t **out, const void *member, const struct place *place)
{
    const struct name *name = member;
    struct name checked;
    if (strnlen(name->text, NAME_SIZE) == NAME_SIZE || name_parse(&checked, name->text) != STATUS_OK) {
        return refuse(place, STATUS_INVALID, "not a name");
    }
    return write_text(out, name->text, strlen(name->text));
}

/* CANON_INTEGER */

static enum status integer_read(void *member, json_t *value, const struct place *place)
{
    if (!json_is_integer(value) || !in_range(place->field, json_integer_value(value))) {
        return refuse_range(place, "an integer");
    }
    *(int64_t *)member = json_integer_value(value);
    return STATUS_OK;
}

static enum status integer_write(json_t **out, const void *member, const struct place *place)
{
    int64_t number = *(const int64_t *)member;
    if (!in_range(place->field, number)) {
        return refuse_range(place, "an integer");
    }
    *out = json_integer(number);
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

/* CANON_COUNTER: the text form of amounts, with a lower ceiling */

static enum status counter_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "a string of decimal digits from 0 to 2^63-1";
    const char *text = text_of(value, place, rule);
    const struct amount ceiling = amount_from_u64(INT64_MAX);
    struct amount number;
    if (text == NULL || amount_parse(&number, text) != STATUS_OK || amount_compare(number, ceiling) > 0) {
        return refuse(place, STATUS_INVALID, rule);
    }
    *(uint64_t *)member = (uint64_t)number.raw; /* Raw: at most 2^63-1, checked above */
    return STATUS_OK;
}

static enum status counter_write(json_t **out, const void *member, const struct place *place)
{
    uint64_t number = *(const uint64_t *)member;
    if (number > INT64_MAX) {
        return refuse(place, STATUS_INVALID, "a counter ends at 2^63-1");
    }
    char text[AMOUNT_TEXT_SIZE];
    amount_format(text, amount_from_u64(number));
    return write_text(out, text, strlen(text));
}

/* CANON_BOOLEAN */

static enum status boolean_read(void *member, json_t *value, const struct place *place)
{
    if (!json_is_boolean(value)) {
        return refuse(place, STATUS_INVALID, "true or false");
    }
    *(bool *)member = json_is_true(value);
    return STATUS_OK;
}

static enum status boolean_write(json_t **out, const void *member, const struct place *place)
{
    (void)place;
    *out = json_boolean(*(const bool *)member);
    return STATUS_OK;
}

/* CANON_AMOUNT */

static enum status amount_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "an amount: a string of decimal digits without sign or leading zero, below 2^128";
    const char *text = text_of(value, place, rule);
    if (text == NULL) {
        return STATUS_INVALID;
    }
    enum status status = amount_parse(member, text);
    return status == STATUS_OK ? status : refuse(place, status, rule);
}

static enum status amount_write(json_t **out, const void *member, const struct place *place)
{
    (void)place;
    char text[AMOUNT_TEXT_SIZE];
    amount_format(text, *(const struct amount *)member);
    return write_text(out, text, strlen(text));
}

/* CANON_TIME */

static enum status time_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "a time: RFC 3339, UTC, six fractional digits";
    const char *text = text_of(value, place, rule);
    if (text == NULL || time_parse(member, text) != STATUS_OK) {
        return refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status time_write(json_t **out, const void *member, const struct place *place)
{
    int64_t utc_us = *(const int64_t *)member;
    if (utc_us < 0 || utc_us > TIME_MAX_UTC_US) {
        return refuse(place, STATUS_INVALID, "a time lies within the years 1970 to 9999");
    }
    char text[TIME_TEXT_SIZE];
    time_format(text, utc_us);
    return write_text(out, text, strlen(text));
}

/* CANON_UUID */

static enum status uuid_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "a UUIDv7 in lower case";
    const char *text = text_of(value, place, rule);
    if (text == NULL || uuid_parse(member, text) != STATUS_OK) {
        return refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status uuid_write(json_t **out, const void *member, const struct place *place)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(text, member);
    struct uuid checked;
    if (uuid_parse(&checked, text) != STATUS_OK) {
        return refuse(place, STATUS_INVALID, "not a UUIDv7");
    }
    return write_text(out, text, strlen(text));
}

/* CANON_HASH */

static enum status hash_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "64 lower-case hexadecimal digits";
    const char *text = text_of(value, place, rule);
    if (text == NULL || digest_parse(member, text) != STATUS_OK) {
        return refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status hash_write(json_t **out, const void *member, const struct place *place)
{
    (void)place;
    char text[DIGEST_HEX_LEN + 1];
    digest_format(text, member);
    return write_text(out, text, DIGEST_HEX_LEN);
}

/* CANON_ALGORITHM */

static enum status algorithm_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "the name of an algorithm in the register";
    const char *text = text_of(value, place, rule);
    if (text == NULL) {
        return STATUS_INVALID;
    }
    const struct algorithm_info *info = algorithm_find(text);
    if (info == NULL) {
        return refuse(place, STATUS_ALGORITHM_REFUSED, rule);
    }
    *(enum algorithm *)member = info->algorithm;
    return STATUS_OK;
}

static enum status algorithm_write(json_t **out, const void *member, const struct place *place)
{
    const struct algorithm_info *info = algorithm_info(*(const enum algorithm *)member);
    if (info == NULL || info->standing == ALGORITHM_RETIRED) {
        return refuse(place, STATUS_ALGORITHM_REFUSED, "the algorithm is unknown or retired");
    }
    return write_text(out, info->name, strlen(info->name));
}

/* CANON_SIGNATURE and CANON_BYTES */

static enum status base64_write(json_t **out, const uint8_t *data, size_t len)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    struct bytes text = {0};
    enum status status = buffer_finish(&text, &buffer);
    if (status == STATUS_OK) {
        status = write_text(out, (const char *)text.data, text.len);
    }
    bytes_free(&text);
    return status;
}

static enum status signature_read(void *member, json_t *value, const struct place *place)
{
    static const char rule[] = "base64 of 64 bytes";
    const char *text = text_of(value, place, rule);
    if (text == NULL) {
        return STATUS_INVALID;
    }
    enum status status = base64_decode_exact(member, SIGNATURE_LEN, text);
    return status == STATUS_OK ? status : refuse(place, status, rule);
}

static enum status signature_write(json_t **out, const void *member, const struct place *place)
{
    (void)place;
    return base64_write(out, member, SIGNATURE_LEN);
}

static enum status check_size(size_t len, const struct place *place)
{
    const struct canon_field *field = place->field;
    if (len > field->size || (int64_t)len < field->min) {
        char rule[64];
        (void)snprintf(rule, sizeof(rule), "%lld to %zu bytes", (long long)field->min, field->size);
        return refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status bytes_read(void *member, json_t *value, const struct place *place)
{
    const char *text = text_of(value, place, "base64");
    if (text == NULL) {
        return STATUS_INVALID;
    }
    struct bytes bytes = {0};
    enum status status = base64_decode(&bytes, text, json_string_length(value));
    if (status != STATUS_OK) {
        return refuse(place, status, "base64 with padding, in its one spelling");
    }
    status = check_size(bytes.len, place);
    if (status != STATUS_OK) {
        bytes_free(&bytes);
        return status;
    }
    *(struct bytes *)member = bytes; /* transferred */
    return STATUS_OK;
}

static enum status bytes_write(json_t **out, const void *member, const struct place *place)
{
    const struct bytes *bytes = member;
    enum status status = check_size(bytes->len, place);
    return status == STATUS_OK ? base64_write(out, bytes->data, bytes->len) : status;
}

/* CANON_STRING */

static enum status check_string(const char *text, size_t len, const struct place *place)
{
    if (!all_printable(text, len)) {
        return refuse(place, STATUS_INVALID, "printable ASCII only");
    }
    return check_size(len, place);
}

static enum status string_read(void *member, json_t *value, const struct place *place)
{
    const char *text = text_of(value, place, "a string");
    if (text == NULL) {
        return STATUS_INVALID;
    }
    size_t len = json_string_length(value);
    enum status status = check_string(text, len, place);
    return status == STATUS_OK ? bytes_copy(member, text, len) : status;
}

static enum status string_write(json_t **out, const void *member, const struct place *place)
{
    const struct bytes *bytes = member;
    const char *text = bytes->data == NULL ? "" : (const char *)bytes->data;
    enum status status = check_string(text, bytes->len, place);
    return status == STATUS_OK ? write_text(out, text, bytes->len) : status;
}

/* CANON_OBJECT and CANON_ARRAY */

static enum status check_composite(const json_t *value, const struct place *place)
{
    if (place->field->type == CANON_OBJECT) {
        return json_is_object(value) ? STATUS_OK : refuse(place, STATUS_INVALID, "an object");
    }
    if (!json_is_array(value) || !in_range(place->field, (int64_t)json_array_size(value))) {
        return refuse_range(place, "an array with elements");
    }
    return STATUS_OK;
}

static enum status composite_read(void *member, json_t *value, const struct place *place)
{
    enum status status = check_composite(value, place);
    if (status == STATUS_OK) {
        *(json_t **)member = value;
    }
    return status;
}

static enum status composite_write(json_t **out, const void *member, const struct place *place)
{
    json_t *value = *(json_t *const *)member;
    enum status status = check_composite(value, place);
    if (status == STATUS_OK) {
        *out = json_incref(value);
    }
    return status;
}

/* The types. A member is empty when its first `empty_size` bytes are zeros; 0: it is never empty and always written. */
static const struct {
    enum status (*read)(void *member, json_t *value, const struct place *place);
    enum status (*write)(json_t **out, const void *member, const struct place *place);
    size_t empty_size;
} types[] = {
    [CANON_TEXT] = {text_read, text_write, 1},
    [CANON_NAME] = {name_read, name_write, 1},
    [CANON_INTEGER] = {integer_read, integer_write, 0},
    [CANON_COUNTER] = {counter_read, counter_write, sizeof(uint64_t)},
    [CANON_BOOLEAN] = {boolean_read, boolean_write, 0},
    [CANON_AMOUNT] = {amount_read, amount_write, sizeof(struct amount)},
    [CANON_TIME] = {time_read, time_write, sizeof(int64_t)},
    [CANON_UUID] = {uuid_read, uuid_write, sizeof(struct uuid)},
    [CANON_HASH] = {hash_read, hash_write, sizeof(struct digest)},
    [CANON_ALGORITHM] = {algorithm_read, algorithm_write, sizeof(enum algorithm)},
    [CANON_SIGNATURE] = {signature_read, signature_write, SIGNATURE_LEN},
    [CANON_BYTES] = {bytes_read, bytes_write, sizeof(uint8_t *)},
    [CANON_STRING] = {string_read, string_write, sizeof(uint8_t *)},
    [CANON_OBJECT] = {composite_read, composite_write, sizeof(json_t *)},
    [CANON_ARRAY] = {composite_read, composite_write, sizeof(json_t *)},
};
_Static_assert(offsetof(struct bytes, data) == 0, "bytes without data are empty");

static bool member_empty(const void *member, enum canon_type type)
{
    const uint8_t *bytes = member;
    for (size_t i = 0; i < types[type].empty_size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return types[type].empty_size > 0;
}

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
            const struct place place = {.field = &unknown, .path = path, .fault = fault};
            return refuse(&place, STATUS_UNKNOWN_FIELD, "this object has no such field");
        }
    }
    return STATUS_OK;
}

static enum status field_read(uint8_t *out, json_t *object, const struct place *place)
{
    json_t *value = json_object_get(object, place->field->name);
    if (value == NULL) {
        return place->field->optional ? STATUS_OK : refuse(place, STATUS_MISSING_FIELD, "the field is required");
    }
    enum status status = types[place->field->type].read(out + place->field->offset, value, place);
    return status == STATUS_OK ? status : refuse(place, status, "could not read the field");
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
        const struct place place = {.field = &fields[i], .path = path, .fault = fault};
        status = field_read(out, walked, &place);
    }
    if (status != STATUS_OK) {
        fields_drop(out, out_size, fields, count);
    }
    return status;
}

static enum status field_write(json_t *object, const uint8_t *in, const struct place *place)
{
    const struct canon_field *field = place->field;
    if (field->optional && member_empty(in + field->offset, field->type)) {
        return STATUS_OK;
    }
    json_t *value = NULL;
    enum status status = types[field->type].write(&value, in + field->offset, place);
    if (status == STATUS_OK && json_object_set_new_nocheck(object, field->name, value) != 0) {
        status = STATUS_NO_MEMORY;
    }
    return status == STATUS_OK ? status : refuse(place, status, "could not write the field");
}

enum status canon_encode(json_t **out, const void *in, const struct canon_field *fields, size_t count,
                         struct fault *fault)
{
    json_t *object = json_object();
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "", "building an object");
    }
    for (size_t i = 0; i < count; i++) {
        const struct place place = {.field = &fields[i], .path = "", .fault = fault};
        enum status status = field_write(object, in, &place);
        if (status != STATUS_OK) {
            json_decref(object);
            return status;
        }
    }
    *out = object; /* transferred */
    return STATUS_OK;
}

enum status canon_encode_bytes(struct bytes *out, const void *in, const struct canon_field *fields, size_t count,
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
