/*
 * Canonical documents: the bytes.
 *
 * What is canonical is read by canon_read.c. What it refuses, and what need not be canonical, goes through three
 * passes, each simple. A scan over the raw bytes bounds the depth and refuses bytes that never stand in a document, so
 * that jansson recurses over nothing hostile. jansson parses. A walk over the values checks what the scan cannot see
 * (numbers, keys, escapes). Then only the spelling can be wrong.
 */
#include "canon_read.h"
#include "canon_write.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool byte_printable(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x7e;
}

static bool byte_blank(uint8_t byte)
{
    return byte == '\t' || byte == '\n' || byte == '\r';
}

struct scan {
    bool in_string;
    bool escaped;
    bool relaxed;
    int depth;
};

static const char *scan_text(struct scan *scan, uint8_t byte)
{
    if (scan->escaped) {
        scan->escaped = false;
    } else if (byte == '\\') {
        scan->escaped = true;
    } else if (byte == '"') {
        scan->in_string = false;
    }
    return NULL;
}

static const char *scan_structure(struct scan *scan, uint8_t byte)
{
    if (byte == '"') {
        scan->in_string = true;
    } else if (byte == '{' || byte == '[') {
        scan->depth++;
    } else if (byte == '}' || byte == ']') {
        scan->depth--;
    }
    return scan->depth > CANON_DEPTH_MAX ? "at most 8 levels" : NULL;
}

/* The rule that a byte breaks where it stands, NULL for none. */
static const char *scan_byte(struct scan *scan, uint8_t byte)
{
    if (!byte_printable(byte) && !(scan->relaxed && !scan->in_string && byte_blank(byte))) {
        return byte < 0x80 && byte != 0x7f ? "no control characters" : "printable ASCII only";
    }
    return scan->in_string ? scan_text(scan, byte) : scan_structure(scan, byte);
}

static enum status scan_bytes(const uint8_t *bytes, size_t len, bool relaxed, struct fault *fault)
{
    struct scan scan = {.relaxed = relaxed};
    for (size_t i = 0; i < len; i++) {
        const char *rule = scan_byte(&scan, bytes[i]);
        if (rule != NULL) {
            return fault_set(fault, STATUS_NOT_CANONICAL, "", "%s (byte %zu)", rule, i);
        }
    }
    return STATUS_OK;
}

static enum status check_text(const char *text, size_t len, const char *where, struct fault *fault)
{
    for (size_t i = 0; i < len; i++) {
        if (!byte_printable((uint8_t)text[i])) {
            return fault_set(fault, STATUS_NOT_CANONICAL, where, "strings hold printable ASCII only");
        }
    }
    return STATUS_OK;
}

bool canon_key_fits(const char *key)
{
    size_t len = 0;
    while ((key[len] >= 'a' && key[len] <= 'z') || (key[len] >= '0' && key[len] <= '9') || key[len] == '_') {
        len++;
    }
    return len > 0 && key[len] == '\0';
}

static enum status check_key(const char *key, struct fault *fault)
{
    if (!canon_key_fits(key)) {
        return fault_set(fault, STATUS_NOT_CANONICAL, key, "keys are [a-z0-9_]+");
    }
    return STATUS_OK;
}

static enum status check_object(json_t *object, int depth, struct fault *fault)
{
    for (void *row = json_object_iter(object); row != NULL; row = json_object_iter_next(object, row)) {
        const char *key = json_object_iter_key(row);
        enum status status = check_key(key, fault);
        if (status == STATUS_OK) {
            status = canon_check(json_object_iter_value(row), key, depth + 1, fault);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status check_array(json_t *array, const char *where, int depth, struct fault *fault)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        enum status status = canon_check(json_array_get(array, i), where, depth + 1, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

static enum status check_integer(json_int_t value, const char *where, struct fault *fault)
{
    if (value > CANON_INTEGER_MAX || value < -CANON_INTEGER_MAX) {
        return fault_set(fault, STATUS_NOT_CANONICAL, where, "integers lie within +-(2^53-1)");
    }
    return STATUS_OK;
}

/* Recursion ends at CANON_DEPTH_MAX, also for values built in memory. */
enum status canon_check(json_t *value, const char *where, int depth, struct fault *fault)
{
    if (depth > CANON_DEPTH_MAX && (json_is_object(value) || json_is_array(value))) {
        return fault_set(fault, STATUS_NOT_CANONICAL, where, "at most 8 levels");
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return check_object(value, depth, fault);
    case JSON_ARRAY:
        return check_array(value, where, depth, fault);
    case JSON_STRING:
        return check_text(json_string_value(value), json_string_length(value), where, fault);
    case JSON_INTEGER:
        return check_integer(json_integer_value(value), where, fault);
    case JSON_REAL:
        return fault_set(fault, STATUS_NOT_CANONICAL, where, "no floating point");
    case JSON_NULL:
        return fault_set(fault, STATUS_NOT_CANONICAL, where, "no null");
    case JSON_TRUE:
    case JSON_FALSE:
        return STATUS_OK;
    }
    return fault_set(fault, STATUS_INTERNAL, where, "unknown JSON type");
}

/* The rules that jansson finds broken; any other code of its is plain syntax. */
static const struct {
    enum json_error_code code;
    const char *rule;
} parse_rules[] = {
    {json_error_duplicate_key, "no duplicate keys"},
    {json_error_end_of_input_expected, "no trailing bytes"},
    {json_error_numeric_overflow, "integers lie within +-(2^53-1)"},
    {json_error_premature_end_of_input, "not JSON: the input ends early"},
    {json_error_null_character, "strings hold printable ASCII only"},
    {json_error_null_byte_in_key, "keys are [a-z0-9_]+"},
};

static enum status parse_fault(const json_error_t *error, struct fault *fault)
{
    enum json_error_code code = json_error_code(error);
    if (code == json_error_out_of_memory) {
        return fault_set(fault, STATUS_NO_MEMORY, "", "parsing a document");
    }
    const char *rule = "not JSON";
    for (size_t i = 0; i < sizeof(parse_rules) / sizeof(parse_rules[0]); i++) {
        if (parse_rules[i].code == code) {
            rule = parse_rules[i].rule;
        }
    }
    return fault_set(fault, STATUS_NOT_CANONICAL, "", "%s (byte %d)", rule, error->position);
}

static enum status parse(json_t **out, const void *bytes, size_t len, size_t max, bool relaxed, struct fault *fault)
{
    if (len > max) {
        return fault_set(fault, STATUS_TOO_LARGE, "", "%zu bytes, at most %zu", len, max);
    }
    enum status status = scan_bytes(bytes, len, relaxed, fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_error_t error;
    json_t *value = json_loadb(len == 0 ? "" : bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) {
        return parse_fault(&error, fault);
    }
    status = json_is_object(value) ? canon_check(value, "", 1, fault)
                                   : fault_set(fault, STATUS_NOT_CANONICAL, "", "the outermost value is an object");
    if (status != STATUS_OK) {
        json_decref(value);
        return status;
    }
    *out = value; /* transferred */
    return STATUS_OK;
}

/* Why bytes are not canonical. Nothing is taken that canon_read refused. */
static enum status refuse(const void *bytes, size_t len, size_t max, struct fault *fault)
{
    json_t *value = NULL;
    enum status status = parse(&value, bytes, len, max, false, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct bytes form = {0};
    status = canon_emit(&form, value, max, fault);
    json_decref(value);
    if (status != STATUS_OK) {
        return status;
    }
    bool same = form.len == len && memcmp(form.data, bytes, len) == 0;
    bytes_free(&form);
    return same ? fault_set(fault, STATUS_NO_MEMORY, "", "reading a document")
                : fault_set(fault, STATUS_NOT_CANONICAL, "", "keys sorted, no white space, shortest spelling");
}

enum status canon_parse(json_t **out, const void *bytes, size_t len, size_t max, struct fault *fault)
{
    json_t *value = len > 0 && len <= max ? canon_read(bytes, len) : NULL;
    if (value == NULL) {
        return refuse(bytes, len, max, fault);
    }
    *out = value; /* transferred */
    return STATUS_OK;
}

enum status canon_parse_relaxed(json_t **out, const void *bytes, size_t len, size_t max, struct fault *fault)
{
    return parse(out, bytes, len, max, true, fault);
}

enum status canon_emit(struct bytes *out, const json_t *value, size_t max, struct fault *fault)
{
    if (!json_is_object(value)) {
        return fault_set(fault, STATUS_NOT_CANONICAL, "", "the outermost value is an object");
    }
    json_t *walked = (json_t *)(uintptr_t)value; /* jansson's iterators take no const; nothing is changed */
    enum status status = canon_check(walked, "", 1, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct buffer buffer;
    buffer_init(&buffer);
    canon_write(&buffer, walked);
    size_t len = buffer.content.len;
    if (buffer.status == STATUS_OK && len > max) {
        buffer_free(&buffer);
        return fault_set(fault, STATUS_TOO_LARGE, "", "%zu bytes, at most %zu", len, max);
    }
    status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "", "emitting a document");
}
