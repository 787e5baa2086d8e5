/*
 * The strict reader: one pass over the bytes that follows the canonical form itself, so there is nothing to print and
 * compare afterwards. Each value has one spelling here: keys ascend, so none is there twice; a string escapes the
 * quotation mark and the backslash and nothing else; a number has no leading zero and no plus, and zero no minus.
 *
 * It says no more than yes or no. Documents that are refused are rare, and canon.c may take its time to say why.
 */
#include "canon_read.h"

#include <stdlib.h>
#include <string.h>

#define INTEGER_DIGITS_MAX 16 /* of 2^53-1 */

struct reader {
    const char *at;
    const char *end;
    int depth;
};

static json_t *value_read(struct reader *reader);

/* The next byte, NUL (which never stands in a document) behind the last. */
static char peek(const struct reader *reader)
{
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool take(struct reader *reader, char byte)
{
    bool there = peek(reader) == byte;
    reader->at += there;
    return there;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t len = strlen(word);
    bool there = (size_t)(reader->end - reader->at) >= len && memcmp(reader->at, word, len) == 0;
    reader->at += there ? len : 0;
    return there;
}

static bool byte_plain(char byte)
{
    return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
}

static bool byte_of_key(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

static bool digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Steps over the plain bytes of a string; how many there were. */
static size_t plain_skip(struct reader *reader)
{
    const char *from = reader->at;
    while (reader->at < reader->end && byte_plain(*reader->at)) {
        reader->at++;
    }
    return (size_t)(reader->at - from);
}

/* One of the two escapes that there are. */
static bool escape_take(struct reader *reader, char *out)
{
    if (!take(reader, '\\')) {
        return false;
    }
    *out = peek(reader);
    return take(reader, '"') || take(reader, '\\');
}

/* A string with escapes, from its first byte on; what it says is not longer than how it is spelt. */
static json_t *escaped_read(struct reader *reader)
{
    char *text = malloc((size_t)(reader->end - reader->at) + 1);
    if (text == NULL) {
        return NULL;
    }
    size_t len = 0;
    bool going_on = true;
    while (going_on) {
        const char *from = reader->at;
        size_t plain = plain_skip(reader);
        memcpy(text + len, from, plain);
        len += plain;
        going_on = escape_take(reader, &text[len]);
        len += going_on;
    }
    json_t *value = take(reader, '"') ? json_stringn_nocheck(text, len) : NULL;
    free(text);
    return value;
}

static json_t *string_read(struct reader *reader)
{
    const char *from = reader->at;
    size_t len = plain_skip(reader);
    if (take(reader, '"')) {
        return json_stringn_nocheck(from, len);
    }
    reader->at = from;
    return escaped_read(reader);
}

static json_t *integer_read(struct reader *reader)
{
    bool negative = take(reader, '-');
    const char *from = reader->at;
    json_int_t number = 0;
    while (digit(peek(reader)) && reader->at - from < INTEGER_DIGITS_MAX) {
        number = number * 10 + (*reader->at++ - '0');
    }
    size_t digits = (size_t)(reader->at - from);
    bool shortest = digits == 1 ? !(negative && number == 0) : digits > 1 && *from != '0';
    bool whole = !digit(peek(reader)) && number <= CANON_INTEGER_MAX;
    return shortest && whole ? json_integer(negative ? -number : number) : NULL;
}

/* The outermost object is level 1. */
static bool level_enter(struct reader *reader)
{
    return ++reader->depth <= CANON_DEPTH_MAX;
}

static bool element_read(json_t *array, struct reader *reader)
{
    json_t *value = value_read(reader);
    return value != NULL && json_array_append_new(array, value) == 0;
}

static json_t *array_read(struct reader *reader)
{
    json_t *array = level_enter(reader) ? json_array() : NULL;
    bool sound = array != NULL;
    bool closed = sound && take(reader, ']');
    while (sound && !closed) {
        sound = element_read(array, reader);
        closed = sound && take(reader, ']');
        sound = closed || (sound && take(reader, ','));
    }
    reader->depth--;
    if (!closed) {
        json_decref(array);
        return NULL;
    }
    return array;
}

struct key {
    const char *text;
    size_t len;
};

static bool key_read(struct key *out, struct reader *reader)
{
    bool opened = take(reader, '"');
    out->text = reader->at;
    while (byte_of_key(peek(reader))) {
        reader->at++;
    }
    out->len = (size_t)(reader->at - out->text);
    return opened && out->len > 0 && take(reader, '"') && take(reader, ':');
}

static bool key_follows(const struct key *key, const struct key *last)
{
    int order = memcmp(last->text, key->text, last->len < key->len ? last->len : key->len);
    return order < 0 || (order == 0 && last->len < key->len);
}

/* Sets `last` to the key read. */
static bool member_read(json_t *object, struct key *last, struct reader *reader)
{
    struct key key;
    if (!key_read(&key, reader) || !key_follows(&key, last)) {
        return false;
    }
    *last = key;
    json_t *value = value_read(reader);
    return value != NULL && json_object_setn_new_nocheck(object, key.text, key.len, value) == 0;
}

static json_t *object_read(struct reader *reader)
{
    json_t *object = level_enter(reader) ? json_object() : NULL;
    struct key last = {.text = "", .len = 0};
    bool sound = object != NULL;
    bool closed = sound && take(reader, '}');
    while (sound && !closed) {
        sound = member_read(object, &last, reader);
        closed = sound && take(reader, '}');
        sound = closed || (sound && take(reader, ','));
    }
    reader->depth--;
    if (!closed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *value_read(struct reader *reader)
{
    if (take(reader, '"')) {
        return string_read(reader);
    }
    if (take(reader, '{')) {
        return object_read(reader);
    }
    if (take(reader, '[')) {
        return array_read(reader);
    }
    if (take_word(reader, "true")) {
        return json_true();
    }
    if (take_word(reader, "false")) {
        return json_false();
    }
    return integer_read(reader);
}

json_t *canon_read(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    struct reader reader = {.at = text, .end = text + len};
    json_t *value = take(&reader, '{') ? object_read(&reader) : NULL;
    if (value != NULL && reader.at != reader.end) {
        json_decref(value);
        return NULL;
    }
    return value;
}
