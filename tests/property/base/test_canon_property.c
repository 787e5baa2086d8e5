/*
 * Canonical documents made at random: they are read and come out byte for byte; and of all texts that differ from one
 * in a single byte, none is read as the same value. That is what "one value, one spelling, one digest" means.
 */
#include <criterion/criterion.h>

#include "base/canon.h"
#include "random.h"

#define ROUNDS 3000
#define DEPTH_BELOW_TOP (CANON_DEPTH_MAX - 1)

TestSuite(canon_property, .init = random_open);

static json_t *random_value(unsigned levels);

static json_t *random_text(void)
{
    char text[24];
    size_t len = random_below(sizeof(text));
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(0x20 + random_below(0x5f));
    }
    return json_stringn(text, len);
}

static json_t *random_integer(void)
{
    json_int_t number = (json_int_t)(random_u64() >> (11 + random_below(53)));
    if (random_below(8) == 0) {
        number = CANON_INTEGER_MAX;
    }
    return json_integer(random_below(2) == 0 ? number : -number);
}

static json_t *random_object(unsigned levels)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    json_t *object = json_object();
    for (uint64_t fields = random_below(5); fields > 0; fields--) {
        char key[8] = {0};
        uint64_t len = 1 + random_below(3);
        for (uint64_t i = 0; i < len; i++) {
            key[i] = letters[random_below(sizeof(letters) - 1)];
        }
        cr_assert_eq(json_object_set_new(object, key, random_value(levels)), 0);
    }
    return object;
}

static json_t *random_array(unsigned levels)
{
    json_t *array = json_array();
    for (uint64_t elements = random_below(4); elements > 0; elements--) {
        cr_assert_eq(json_array_append_new(array, random_value(levels)), 0);
    }
    return array;
}

static json_t *random_value(unsigned levels)
{
    switch (random_below(levels > 0 ? 6 : 4)) {
    case 0:
        return random_text();
    case 1:
        return random_integer();
    case 2:
        return json_boolean(random_below(2));
    case 3:
        return random_text();
    case 4:
        return random_array(levels - 1);
    default:
        return random_object(levels - 1);
    }
}

static struct bytes random_document(json_t **out_value)
{
    json_t *value = random_object(DEPTH_BELOW_TOP);
    struct bytes document = {0};
    struct fault fault = {0};
    cr_assert_eq(canon_emit(&document, value, CANON_POLICY_MAX, &fault), STATUS_OK, "%s %s", fault.where, fault.detail);
    *out_value = value;
    return document;
}

Test(canon_property, what_is_emitted_is_read_and_emitted_again)
{
    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = NULL;
        json_t *back = NULL;
        struct bytes document = random_document(&value);
        struct bytes again = {0};
        cr_assert_eq(canon_parse(&back, document.data, document.len, CANON_POLICY_MAX, NULL), STATUS_OK, "%s",
                     (char *)document.data);
        cr_assert(json_equal(value, back));
        cr_assert_eq(canon_emit(&again, back, CANON_POLICY_MAX, NULL), STATUS_OK);
        cr_assert_str_eq((char *)again.data, (char *)document.data);
        char *other = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS); /* jansson, which had no part in it */
        cr_assert_str_eq((char *)document.data, other);
        free(other);
        bytes_free(&again);
        bytes_free(&document);
        json_decref(value);
        json_decref(back);
    }
}

/* What the parser makes of `text` must not be the value it made of another text. */
static void assert_not_the_same(const struct bytes *text, const json_t *value)
{
    json_t *parsed = NULL;
    if (canon_parse(&parsed, text->data, text->len, CANON_POLICY_MAX, NULL) != STATUS_OK) {
        cr_assert_null(parsed);
        return;
    }
    cr_assert_not(json_equal(parsed, value), "two spellings of one value: %s", (char *)text->data);
    struct bytes again = {0};
    cr_assert_eq(canon_emit(&again, parsed, CANON_POLICY_MAX, NULL), STATUS_OK);
    cr_assert_eq(again.len, text->len);
    cr_assert_eq(memcmp(again.data, text->data, text->len), 0);
    bytes_free(&again);
    json_decref(parsed);
}

Test(canon_property, one_changed_byte_is_another_value_or_refused)
{
    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = NULL;
        struct bytes document = random_document(&value);
        for (int k = 0; k < 20; k++) {
            size_t at = random_below(document.len);
            uint8_t kept = document.data[at];
            document.data[at] = random_below(2) == 0 ? (uint8_t)random_u64() : (uint8_t)(kept ^ 1);
            if (document.data[at] != kept) {
                assert_not_the_same(&document, value);
            }
            document.data[at] = kept;
        }
        bytes_free(&document);
        json_decref(value);
    }
}

Test(canon_property, one_inserted_or_removed_byte_is_another_value_or_refused)
{
    static const char likely[] = " \t\n0-.e+\\\",:{}[]a_";
    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = NULL;
        struct bytes document = random_document(&value);
        for (int k = 0; k < 10; k++) {
            size_t at = random_below(document.len + 1);
            struct buffer buffer;
            buffer_init(&buffer);
            buffer_append(&buffer, document.data, at);
            if (random_below(2) == 0 && at < document.len) {
                buffer_append(&buffer, document.data + at + 1, document.len - at - 1);
            } else {
                buffer_append(&buffer, &likely[random_below(sizeof(likely) - 1)], 1);
                buffer_append(&buffer, document.data + at, document.len - at);
            }
            struct bytes changed = {0};
            cr_assert_eq(buffer_finish(&changed, &buffer), STATUS_OK);
            assert_not_the_same(&changed, value);
            bytes_free(&changed);
        }
        bytes_free(&document);
        json_decref(value);
    }
}

/* White space and another order change nothing for who reads relaxed, and everything for who reads bytes. */
Test(canon_property, relaxed_reading_gives_the_same_value)
{
    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = NULL;
        struct bytes document = random_document(&value);
        char *pretty = json_dumps(value, JSON_INDENT(2));
        json_t *back = NULL;
        cr_assert_eq(canon_parse_relaxed(&back, pretty, strlen(pretty), CANON_POLICY_MAX, NULL), STATUS_OK);
        cr_assert(json_equal(value, back));
        json_decref(back);
        back = NULL;
        if (strcmp(pretty, (char *)document.data) != 0) {
            cr_assert_eq(canon_parse(&back, pretty, strlen(pretty), CANON_POLICY_MAX, NULL), STATUS_NOT_CANONICAL);
            cr_assert_null(back);
        }
        free(pretty);
        bytes_free(&document);
        json_decref(value);
    }
}
