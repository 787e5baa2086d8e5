/*
 * Canonical documents: the types of fields.
 *
 * One row per type: how it is read, how it is written and whether it is empty. What may be read and what may be written
 * obey the same rules, so nothing leaves that the other side would refuse.
 */
#include "canon_type.h"

#include <stdio.h>
#include <string.h>

#include "base/algorithm.h"
#include "base/amount.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

_Static_assert(DIGEST_HEX_LEN < CANON_VALUE_ROOM && UUID_TEXT_SIZE <= CANON_VALUE_ROOM, "room for a digest and an id");
_Static_assert(AMOUNT_TEXT_SIZE <= CANON_VALUE_ROOM && TIME_TEXT_SIZE <= CANON_VALUE_ROOM, "and for a number, a time");

enum status canon_type_refuse(const struct canon_place *place, enum status status, const char *rule)
{
    char where[sizeof(place->fault->where)];
    const char *dot = place->path[0] == '\0' ? "" : ".";
    (void)snprintf(where, sizeof(where), "%s%s%s", place->path, dot, place->field->name);
    return fault_set(place->fault, status, where, "%s", rule);
}

static enum status refuse_range(const struct canon_place *place, const char *what)
{
    char rule[96];
    (void)snprintf(rule, sizeof(rule), "%s from %lld to %lld", what, (long long)place->field->min,
                   (long long)place->field->max);
    return canon_type_refuse(place, STATUS_INVALID, rule);
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
static const char *text_of(const json_t *value, const struct canon_place *place, const char *rule)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        (void)canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return text;
}

/* Borrows the text. */
static enum status write_text(struct canon_value *out, const char *text, size_t len)
{
    out->kind = CANON_VALUE_TEXT;
    out->text = text;
    out->len = len;
    return STATUS_OK;
}

/* CANON_TEXT */

static enum status check_text(const char *text, size_t len, const struct canon_place *place)
{
    if (!all_printable(text, len)) {
        return canon_type_refuse(place, STATUS_INVALID, "printable ASCII only");
    }
    if (len >= place->field->size || (int64_t)len < place->field->min) {
        char rule[64];
        (void)snprintf(rule, sizeof(rule), "a string of %lld to %zu characters", (long long)place->field->min,
                       place->field->size - 1);
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status text_read(void *member, json_t *value, const struct canon_place *place)
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

static enum status text_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    size_t len = strnlen(member, place->field->size);
    enum status status = check_text(member, len, place);
    return status == STATUS_OK ? write_text(out, member, len) : status;
}

/* CANON_NAME */

static enum status name_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "a name: 1 to 63 of [a-z0-9-], first a letter or digit";
    const char *text = text_of(value, place, rule);
    if (text == NULL || name_parse(member, text) != STATUS_OK) {
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status name_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    const struct name *name = member;
    struct name checked;
    if (strnlen(name->text, NAME_SIZE) == NAME_SIZE || name_parse(&checked, name->text) != STATUS_OK) {
        return canon_type_refuse(place, STATUS_INVALID, "not a name");
    }
    return write_text(out, name->text, strlen(name->text));
}

/* CANON_INTEGER */

static enum status integer_read(void *member, json_t *value, const struct canon_place *place)
{
    if (!json_is_integer(value) || !in_range(place->field, json_integer_value(value))) {
        return refuse_range(place, "an integer");
    }
    *(int64_t *)member = json_integer_value(value);
    return STATUS_OK;
}

static enum status integer_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    int64_t number = *(const int64_t *)member;
    if (!in_range(place->field, number)) {
        return refuse_range(place, "an integer");
    }
    out->kind = CANON_VALUE_INTEGER;
    out->integer = number;
    return STATUS_OK;
}

/* CANON_COUNTER: the text form of amounts, with a lower ceiling */

static enum status counter_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "a string of decimal digits from 0 to 2^63-1";
    const char *text = text_of(value, place, rule);
    const struct amount ceiling = amount_from_u64(INT64_MAX);
    struct amount number;
    if (text == NULL || amount_parse(&number, text) != STATUS_OK || amount_compare(number, ceiling) > 0) {
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    *(uint64_t *)member = (uint64_t)number.raw; /* Raw: at most 2^63-1, checked above */
    return STATUS_OK;
}

static enum status counter_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    uint64_t number = *(const uint64_t *)member;
    if (number > INT64_MAX) {
        return canon_type_refuse(place, STATUS_INVALID, "a counter ends at 2^63-1");
    }
    amount_format(out->room, amount_from_u64(number));
    return write_text(out, out->room, strlen(out->room));
}

/* CANON_BOOLEAN */

static enum status boolean_read(void *member, json_t *value, const struct canon_place *place)
{
    if (!json_is_boolean(value)) {
        return canon_type_refuse(place, STATUS_INVALID, "true or false");
    }
    *(bool *)member = json_is_true(value);
    return STATUS_OK;
}

static enum status boolean_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    (void)place;
    out->kind = CANON_VALUE_BOOLEAN;
    out->boolean = *(const bool *)member;
    return STATUS_OK;
}

/* CANON_AMOUNT */

static enum status amount_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "an amount: a string of decimal digits without sign or leading zero, below 2^128";
    const char *text = text_of(value, place, rule);
    if (text == NULL) {
        return STATUS_INVALID;
    }
    enum status status = amount_parse(member, text);
    return status == STATUS_OK ? status : canon_type_refuse(place, status, rule);
}

static enum status amount_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    (void)place;
    amount_format(out->room, *(const struct amount *)member);
    return write_text(out, out->room, strlen(out->room));
}

/* CANON_TIME */

static enum status time_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "a time: RFC 3339, UTC, six fractional digits, as 2026-01-31T23:59:59.000000Z";
    const char *text = text_of(value, place, rule);
    if (text == NULL || time_parse(member, text) != STATUS_OK) {
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status time_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    int64_t utc_us = *(const int64_t *)member;
    if (utc_us < 0 || utc_us > TIME_MAX_UTC_US) {
        return canon_type_refuse(place, STATUS_INVALID, "a time lies within the years 1970 to 9999");
    }
    time_format(out->room, utc_us);
    return write_text(out, out->room, strlen(out->room));
}

/* CANON_UUID */

static enum status uuid_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "a UUIDv7 in lower case";
    const char *text = text_of(value, place, rule);
    if (text == NULL || uuid_parse(member, text) != STATUS_OK) {
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status uuid_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    uuid_format(out->room, member);
    struct uuid checked;
    if (uuid_parse(&checked, out->room) != STATUS_OK) {
        return canon_type_refuse(place, STATUS_INVALID, "not a UUIDv7");
    }
    return write_text(out, out->room, strlen(out->room));
}

/* CANON_HASH */

static enum status hash_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "64 lower-case hexadecimal digits";
    const char *text = text_of(value, place, rule);
    if (text == NULL || digest_parse(member, text) != STATUS_OK) {
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status hash_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    (void)place;
    digest_format(out->room, member);
    return write_text(out, out->room, DIGEST_HEX_LEN);
}

/* CANON_ALGORITHM */

static enum status algorithm_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "the name of an algorithm in the register";
    const char *text = text_of(value, place, rule);
    if (text == NULL) {
        return STATUS_INVALID;
    }
    const struct algorithm_info *info = algorithm_find(text);
    if (info == NULL) {
        return canon_type_refuse(place, STATUS_ALGORITHM_REFUSED, rule);
    }
    *(enum algorithm *)member = info->algorithm;
    return STATUS_OK;
}

static enum status algorithm_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    const struct algorithm_info *info = algorithm_info(*(const enum algorithm *)member);
    if (info == NULL || info->standing == ALGORITHM_RETIRED) {
        return canon_type_refuse(place, STATUS_ALGORITHM_REFUSED, "the algorithm is unknown or retired");
    }
    return write_text(out, info->name, strlen(info->name));
}

/* CANON_SIGNATURE and CANON_BYTES */

static enum status base64_write(struct canon_value *out, const uint8_t *data, size_t len)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_base64(&buffer, data, len);
    enum status status = buffer_finish(&out->owned, &buffer);
    return status == STATUS_OK ? write_text(out, (const char *)out->owned.data, out->owned.len) : status;
}

static enum status signature_read(void *member, json_t *value, const struct canon_place *place)
{
    static const char rule[] = "base64 of 64 bytes";
    const char *text = text_of(value, place, rule);
    if (text == NULL) {
        return STATUS_INVALID;
    }
    enum status status = base64_decode_exact(member, SIGNATURE_LEN, text);
    return status == STATUS_OK ? status : canon_type_refuse(place, status, rule);
}

static enum status signature_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    (void)place;
    return base64_write(out, member, SIGNATURE_LEN);
}

static enum status check_size(size_t len, const struct canon_place *place)
{
    const struct canon_field *field = place->field;
    if (len > field->size || (int64_t)len < field->min) {
        char rule[64];
        (void)snprintf(rule, sizeof(rule), "%lld to %zu bytes", (long long)field->min, field->size);
        return canon_type_refuse(place, STATUS_INVALID, rule);
    }
    return STATUS_OK;
}

static enum status bytes_read(void *member, json_t *value, const struct canon_place *place)
{
    const char *text = text_of(value, place, "base64");
    if (text == NULL) {
        return STATUS_INVALID;
    }
    struct bytes bytes = {0};
    enum status status = base64_decode(&bytes, text, json_string_length(value));
    if (status != STATUS_OK) {
        return canon_type_refuse(place, status, "base64 with padding, in its one spelling");
    }
    status = check_size(bytes.len, place);
    if (status != STATUS_OK) {
        bytes_free(&bytes);
        return status;
    }
    *(struct bytes *)member = bytes; /* transferred */
    return STATUS_OK;
}

static enum status bytes_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    const struct bytes *bytes = member;
    enum status status = check_size(bytes->len, place);
    return status == STATUS_OK ? base64_write(out, bytes->data, bytes->len) : status;
}

/* CANON_STRING */

static enum status check_string(const char *text, size_t len, const struct canon_place *place)
{
    if (!all_printable(text, len)) {
        return canon_type_refuse(place, STATUS_INVALID, "printable ASCII only");
    }
    return check_size(len, place);
}

static enum status string_read(void *member, json_t *value, const struct canon_place *place)
{
    const char *text = text_of(value, place, "a string");
    if (text == NULL) {
        return STATUS_INVALID;
    }
    size_t len = json_string_length(value);
    enum status status = check_string(text, len, place);
    return status == STATUS_OK ? bytes_copy(member, text, len) : status;
}

static enum status string_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    const struct bytes *bytes = member;
    const char *text = bytes->data == NULL ? "" : (const char *)bytes->data;
    enum status status = check_string(text, bytes->len, place);
    return status == STATUS_OK ? write_text(out, text, bytes->len) : status;
}

/* CANON_OBJECT and CANON_ARRAY */

static enum status check_composite(const json_t *value, const struct canon_place *place)
{
    if (place->field->type == CANON_OBJECT) {
        return json_is_object(value) ? STATUS_OK : canon_type_refuse(place, STATUS_INVALID, "an object");
    }
    if (!json_is_array(value) || !in_range(place->field, (int64_t)json_array_size(value))) {
        return refuse_range(place, "an array with elements");
    }
    return STATUS_OK;
}

static enum status composite_read(void *member, json_t *value, const struct canon_place *place)
{
    enum status status = check_composite(value, place);
    if (status == STATUS_OK) {
        *(json_t **)member = value;
    }
    return status;
}

static enum status composite_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    json_t *value = *(json_t *const *)member;
    enum status status = check_composite(value, place);
    if (status == STATUS_OK) {
        out->kind = CANON_VALUE_TREE;
        out->tree = value;
    }
    return status;
}

/* The types. A member is empty when its first `empty_size` bytes are zeros; 0: it is never empty and always written. */
static const struct {
    enum status (*read)(void *member, json_t *value, const struct canon_place *place);
    enum status (*write)(struct canon_value *out, const void *member, const struct canon_place *place);
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

bool canon_type_empty(const void *member, enum canon_type type)
{
    const uint8_t *bytes = member;
    for (size_t i = 0; i < types[type].empty_size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return types[type].empty_size > 0;
}

enum status canon_type_read(void *member, json_t *value, const struct canon_place *place)
{
    enum status status = types[place->field->type].read(member, value, place);
    return status == STATUS_OK ? status : canon_type_refuse(place, status, "could not read the field");
}

enum status canon_type_write(struct canon_value *out, const void *member, const struct canon_place *place)
{
    out->owned = (struct bytes){0};
    enum status status = types[place->field->type].write(out, member, place);
    return status == STATUS_OK ? status : canon_type_refuse(place, status, "could not write the field");
}
