/*
 * The scanner. A reader that accepts what is canonical and nothing else needs no parsed form to compare with: keys
 * ascend, so none stands twice; a string escapes the quotation mark and the backslash alone; numbers are integers
 * within 2^53 without leading zeros; nothing is deeper than eight levels.
 */
#include "scan.h"

#include <string.h>

#define LEVELS_MAX 8
#define STRIDE 32
#define INTEGER_MAX 9007199254740991ULL

struct scanner {
    const char *at;
    const char *end;
};

static bool value_read(struct span *out, struct scanner *scanner, int level);

static bool take(struct scanner *scanner, char byte)
{
    bool there = scanner->at < scanner->end && *scanner->at == byte;
    scanner->at += there ? 1 : 0;
    return there;
}

static bool word_read(struct scanner *scanner, const char *word)
{
    size_t len = strlen(word);
    bool there = (size_t)(scanner->end - scanner->at) >= len && memcmp(scanner->at, word, len) == 0;
    scanner->at += there ? len : 0;
    return there;
}

/* What stands for itself in a string. Without branches, so that a compiler makes one step of many bytes. */
static bool is_plain(char byte)
{
    return (byte >= 0x20) & (byte <= 0x7e) & (byte != '"') & (byte != '\\');
}

static bool are_plain(const char bytes[STRIDE])
{
    char plain = 1;
    for (size_t i = 0; i < STRIDE; i++) {
        plain &= (char)is_plain(bytes[i]);
    }
    return plain == 1;
}

/* Behind the first quotation mark. */
static bool string_read(struct span *out, struct scanner *scanner)
{
    const char *at = scanner->at;
    const char *end = scanner->end;
    bool escape = true;
    while (escape) {
        while (end - at >= STRIDE && are_plain(at)) {
            at += STRIDE;
        }
        while (at < end && is_plain(*at)) {
            at++;
        }
        escape = end - at >= 2 && at[0] == '\\' && (at[1] == '"' || at[1] == '\\');
        at += escape ? 2 : 0;
    }
    *out = (struct span){scanner->at, (size_t)(at - scanner->at)};
    scanner->at = at;
    return take(scanner, '"');
}

static bool integer_read(struct scanner *scanner)
{
    uint64_t value = 0;
    bool negative = take(scanner, '-');
    const char *digits = scanner->at;
    while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9') {
        scanner->at++;
    }
    return span_decimal(&value, (struct span){digits, (size_t)(scanner->at - digits)}) && value <= INTEGER_MAX &&
           !(negative && value == 0);
}

static bool key_read(struct span *out, struct scanner *scanner)
{
    if (!take(scanner, '"')) {
        return false;
    }
    out->at = scanner->at;
    while (scanner->at < scanner->end && ((*scanner->at >= 'a' && *scanner->at <= 'z') ||
                                          (*scanner->at >= '0' && *scanner->at <= '9') || *scanner->at == '_')) {
        scanner->at++;
    }
    out->len = (size_t)(scanner->at - out->at);
    return out->len > 0 && take(scanner, '"') && take(scanner, ':');
}

int span_compare(struct span a, struct span b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The next member of an object; `inout_key` is the one before, absent in front of the first. */
static bool member_read(struct span *inout_key, struct span *out, struct scanner *scanner, int level)
{
    struct span key;
    if (!key_read(&key, scanner) || (inout_key->at != NULL && span_compare(*inout_key, key) >= 0)) {
        return false;
    }
    *inout_key = key;
    return value_read(out, scanner, level);
}

/* What stands in a list, or in an object, up to its end. */
static bool inside_read(struct scanner *scanner, char end, int level)
{
    struct span key = {0};
    struct span value;
    if (take(scanner, end)) {
        return true;
    }
    do {
        if (!(end == ']' ? value_read(&value, scanner, level) : member_read(&key, &value, scanner, level))) {
            return false;
        }
    } while (take(scanner, ','));
    return take(scanner, end);
}

/* One value, inside `level` lists and objects. */
static bool value_read(struct span *out, struct scanner *scanner, int level)
{
    bool good = false;
    if (take(scanner, '"')) {
        return string_read(out, scanner);
    }
    out->at = scanner->at;
    if (take(scanner, '{')) {
        good = level < LEVELS_MAX && inside_read(scanner, '}', level + 1);
    } else if (take(scanner, '[')) {
        good = level < LEVELS_MAX && inside_read(scanner, ']', level + 1);
    } else {
        good = word_read(scanner, "true") || word_read(scanner, "false") || integer_read(scanner);
    }
    out->len = (size_t)(scanner->at - out->at);
    return good;
}

static bool is_string(struct span span)
{
    return span.at[-1] == '"'; /* a value never stands first in a document */
}

static size_t characters(struct span span)
{
    size_t count = 0;
    for (size_t i = 0; i < span.len; i++, count++) {
        i += span.at[i] == '\\' ? 1 : 0;
    }
    return count;
}

static bool string_is(enum scan_kind kind, struct span value)
{
    char text[NAME_SIZE + 1];
    struct name name;
    struct digest digest;
    struct uuid uuid;
    uint64_t number = 0;
    if (kind == SCAN_COUNTER) {
        return span_decimal(&number, value);
    }
    return span_copy(text, sizeof(text), value) && ((kind == SCAN_NAME && name_parse(&name, text) == STATUS_OK) ||
                                                    (kind == SCAN_HASH && digest_parse(&digest, text) == STATUS_OK) ||
                                                    (kind == SCAN_UUID && uuid_parse(&uuid, text) == STATUS_OK));
}

bool scan_step(struct span *out_key, struct span *out, struct span *inout_rest)
{
    if (inout_rest->at == NULL || inout_rest->len == 0) {
        return false;
    }
    struct scanner scanner = {inout_rest->at + 1, inout_rest->at + inout_rest->len}; /* behind the bracket or comma */
    struct span none = {0};
    struct span *key = out_key == NULL ? &none : out_key;
    *key = none;
    bool more = out_key == NULL ? value_read(out, &scanner, 1) : member_read(key, out, &scanner, 1);
    if (more) {
        *inout_rest = (struct span){scanner.at, (size_t)(scanner.end - scanner.at)};
    }
    return more;
}

/* One level of strings: what is no string ends the steps early. */
static bool has_strings_only(struct span value)
{
    struct span key;
    struct span element;
    struct span *named = *value.at == '{' ? &key : NULL;
    while (scan_step(named, &element, &value)) {
        if (!is_string(element)) {
            return false;
        }
    }
    return value.len <= 2; /* the last bracket, or both */
}

/* The rule of the field that the value breaks, or NULL. */
static const char *objection(const struct scan_field *field, struct span value)
{
    static const char *const rules[] = {
        [SCAN_TEXT] = "must be a string of the right length",
        [SCAN_NAME] = "must be a name",
        [SCAN_HASH] = "must be 64 lower-case hexadecimal digits",
        [SCAN_UUID] = "must be a UUIDv7 in lower case",
        [SCAN_COUNTER] = "must be a string of decimal digits below 2^63",
        [SCAN_INTEGER] = "must be a number from 0",
        [SCAN_OBJECT] = "must be an object",
        [SCAN_FACTS] = "must be an object of strings",
        [SCAN_STRINGS] = "must be a list of strings",
    };
    uint64_t number = 0;
    bool good = false;
    if (value.at == NULL) {
        return field->optional ? NULL : "is required";
    }
    switch (field->kind) {
    case SCAN_TEXT:
        good = is_string(value) && value.len > 0 && (value.len <= field->max || characters(value) <= field->max);
        break;
    case SCAN_INTEGER:
        good = !is_string(value) && span_decimal(&number, value);
        break;
    case SCAN_OBJECT:
    case SCAN_FACTS:
        good = !is_string(value) && value.at[0] == '{' && (field->kind == SCAN_OBJECT || has_strings_only(value));
        break;
    case SCAN_STRINGS:
        good = !is_string(value) && value.at[0] == '[' && has_strings_only(value);
        break;
    default:
        good = is_string(value) && string_is(field->kind, value);
    }
    return good ? NULL : rules[field->kind];
}

static enum status refuse(const struct scanner *scanner, const char *start, struct fault *fault)
{
    return fault_set(fault, STATUS_NOT_CANONICAL, "", "is not canonical at byte %zu", (size_t)(scanner->at - start));
}

static struct span *member_of(void *out, const struct scan_field *field)
{
    return (struct span *)(void *)((char *)out + field->offset);
}

/* The members in the order of the fields: both ascend. */
static enum status members_read(void *out, const struct scan_field *fields, size_t count, struct scanner *scanner,
                                struct fault *fault)
{
    const char *start = scanner->at;
    struct span key = {0};
    struct span value = {0};
    size_t i = 0;
    if (!take(scanner, '{')) {
        return refuse(scanner, start, fault);
    }
    do {
        if (!member_read(&key, &value, scanner, 1)) {
            return refuse(scanner, start, fault);
        }
        while (i < count && !span_is(key, fields[i].name)) {
            i++;
        }
        if (i == count) {
            char where[32];
            (void)snprintf(where, sizeof(where), "%.*s", (int)(key.len < 31 ? key.len : 31), key.at);
            return fault_set(fault, STATUS_UNKNOWN_FIELD, where, "there is no such field");
        }
        *member_of(out, &fields[i++]) = value;
    } while (take(scanner, ','));
    return take(scanner, '}') && scanner->at == scanner->end ? STATUS_OK : refuse(scanner, start, fault);
}

enum status scan_object(void *out, const struct scan_field *fields, size_t count, struct span text, struct fault *fault)
{
    struct scanner scanner = {text.at, text.at + text.len};
    for (size_t i = 0; i < count; i++) {
        *member_of(out, &fields[i]) = (struct span){0};
    }
    enum status status = members_read(out, fields, count, &scanner, fault);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const char *rule = objection(&fields[i], *member_of(out, &fields[i]));
        status = rule == NULL ? STATUS_OK : fault_set(fault, STATUS_INVALID, fields[i].name, "%s", rule);
    }
    return status;
}

struct span scan_member(struct span object, const char *name)
{
    struct span key;
    struct span value;
    while (scan_step(&key, &value, &object)) {
        if (span_is(key, name)) {
            return value;
        }
    }
    return (struct span){0};
}

bool span_equal(struct span a, struct span b)
{
    return a.at == NULL || b.at == NULL ? a.at == b.at : a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

bool span_is(struct span span, const char *text)
{
    size_t i = 0;
    while (i < span.len && text[i] != '\0' && span.at[i] == text[i]) {
        i++;
    }
    return span.at != NULL && i == span.len && text[i] == '\0';
}

bool span_copy(char *out, size_t size, struct span span)
{
    if (span.at == NULL || span.len >= size || memchr(span.at, '\\', span.len) != NULL) {
        return false;
    }
    memcpy(out, span.at, span.len);
    out[span.len] = '\0';
    return true;
}

bool span_decimal(uint64_t *out, struct span span)
{
    uint64_t value = 0;
    if (span.len == 0 || span.len > 19 || (span.len > 1 && span.at[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < span.len; i++) {
        if (span.at[i] < '0' || span.at[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(span.at[i] - '0');
    }
    if (value > INT64_MAX) {
        return false;
    }
    *out = value;
    return true;
}

bool span_digest(struct digest *out, struct span span)
{
    char hex[DIGEST_HEX_LEN + 1];
    return span_copy(hex, sizeof(hex), span) && digest_parse(out, hex) == STATUS_OK;
}

bool span_base64(uint8_t *out, size_t size, struct span span)
{
    char text[64];
    return span_copy(text, sizeof(text), span) && base64_decode_exact(out, size, text) == STATUS_OK;
}

bool span_line(struct span *out, struct span *inout_rest)
{
    const char *newline = inout_rest->len > 0 ? memchr(inout_rest->at, '\n', inout_rest->len) : NULL;
    if (newline == NULL) {
        return false;
    }
    *out = (struct span){inout_rest->at, (size_t)(newline - inout_rest->at)};
    inout_rest->at += out->len + 1;
    inout_rest->len -= out->len + 1;
    return true;
}
