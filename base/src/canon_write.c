/*
 * The plain way to write a value: nothing is sorted, because jansson keeps the order in which keys were set and tables
 * set them in theirs. That they ascend is looked at all the same.
 */
#include "canon_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INTEGER_SIZE 24

static void byte_write(struct buffer *buffer, char byte)
{
    buffer_append(buffer, &byte, 1);
}

/* Printable ASCII: two bytes need an escape. */
void canon_write_text(struct buffer *buffer, const char *text, size_t len)
{
    size_t from = 0;
    byte_write(buffer, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            buffer_append(buffer, text + from, i - from);
            byte_write(buffer, '\\');
            from = i;
        }
    }
    buffer_append(buffer, text + from, len - from);
    byte_write(buffer, '"');
}

void canon_write_integer(struct buffer *buffer, int64_t number)
{
    char text[INTEGER_SIZE];
    (void)snprintf(text, sizeof(text), "%" PRId64, number);
    buffer_append_text(buffer, text);
}

void canon_write_key(struct buffer *buffer, const char *key, bool first)
{
    if (!first) {
        byte_write(buffer, ',');
    }
    byte_write(buffer, '"'); /* nothing in a key needs an escape */
    buffer_append_text(buffer, key);
    buffer_append(buffer, "\":", 2);
}

static bool object_write(struct buffer *buffer, json_t *object)
{
    const char *last = NULL;
    bool ascending = true;
    byte_write(buffer, '{');
    for (void *row = json_object_iter(object); row != NULL && ascending; row = json_object_iter_next(object, row)) {
        const char *key = json_object_iter_key(row);
        canon_write_key(buffer, key, last == NULL);
        ascending = (last == NULL || strcmp(last, key) < 0) && canon_write(buffer, json_object_iter_value(row));
        last = key;
    }
    byte_write(buffer, '}');
    return ascending;
}

static bool array_write(struct buffer *buffer, const json_t *array)
{
    bool ascending = true;
    byte_write(buffer, '[');
    for (size_t i = 0; i < json_array_size(array) && ascending; i++) {
        if (i > 0) {
            byte_write(buffer, ',');
        }
        ascending = canon_write(buffer, json_array_get(array, i));
    }
    byte_write(buffer, ']');
    return ascending;
}

bool canon_write(struct buffer *buffer, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return object_write(buffer, value);
    case JSON_ARRAY:
        return array_write(buffer, value);
    case JSON_STRING:
        canon_write_text(buffer, json_string_value(value), json_string_length(value));
        return true;
    case JSON_INTEGER:
        canon_write_integer(buffer, json_integer_value(value));
        return true;
    case JSON_TRUE:
        buffer_append_text(buffer, "true");
        return true;
    case JSON_FALSE:
        buffer_append_text(buffer, "false");
        return true;
    case JSON_REAL:
    case JSON_NULL:
        break;
    }
    INVARIANT(!"a checked value holds neither");
    return false;
}
