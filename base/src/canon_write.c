/*
 * The spelling of a canonical document: jansson keeps the order in which keys were set, here they ascend.
 */
#include "canon_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_SIZE 24
#define MEMBERS_FEW 32 /* no memory is asked for an object of so many */

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

struct member {
    const char *key;
    json_t *value;
};

static int member_order(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    return strcmp(left->key, right->key);
}

static void members_write(struct buffer *buffer, const struct member *members, size_t count)
{
    byte_write(buffer, '{');
    for (size_t i = 0; i < count; i++) {
        canon_write_key(buffer, members[i].key, i == 0);
        canon_write(buffer, members[i].value);
    }
    byte_write(buffer, '}');
}

static void object_write(struct buffer *buffer, json_t *object)
{
    struct member few[MEMBERS_FEW];
    size_t size = json_object_size(object);
    struct member *members = size <= MEMBERS_FEW ? few : calloc(size, sizeof(*members));
    if (members == NULL) {
        buffer_fail(buffer, STATUS_NO_MEMORY);
        return;
    }
    size_t count = 0;
    bool ascending = true;
    for (void *row = json_object_iter(object); row != NULL; row = json_object_iter_next(object, row)) {
        members[count] = (struct member){.key = json_object_iter_key(row), .value = json_object_iter_value(row)};
        ascending = ascending && (count == 0 || strcmp(members[count - 1].key, members[count].key) < 0);
        count++;
    }
    if (!ascending) {
        qsort(members, count, sizeof(*members), member_order);
    }
    members_write(buffer, members, count);
    if (members != few) {
        free(members);
    }
}

static void array_write(struct buffer *buffer, const json_t *array)
{
    byte_write(buffer, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0) {
            byte_write(buffer, ',');
        }
        canon_write(buffer, json_array_get(array, i));
    }
    byte_write(buffer, ']');
}

void canon_write(struct buffer *buffer, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        object_write(buffer, value);
        return;
    case JSON_ARRAY:
        array_write(buffer, value);
        return;
    case JSON_STRING:
        canon_write_text(buffer, json_string_value(value), json_string_length(value));
        return;
    case JSON_INTEGER:
        canon_write_integer(buffer, json_integer_value(value));
        return;
    case JSON_TRUE:
        buffer_append_text(buffer, "true");
        return;
    case JSON_FALSE:
        buffer_append_text(buffer, "false");
        return;
    case JSON_REAL:
    case JSON_NULL:
        break;
    }
    INVARIANT(!"a checked value holds neither");
}
