/*
 * Owned bytes, the growing buffer, hexadecimal and base64. The base64 vectors are those of RFC 4648, section 10.
 */
#include <criterion/criterion.h>

#include "base/bytes.h"

static const struct {
    const char *plain;
    const char *text;
} rfc4648[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static const char *const bad_base64[] = {
    "Z",         "Zg",
    "Zg=",       "Zg===",
    "Zh==",      "Zm9=",
    "Zm9v\n",    " Zm9v",
    "Zm9v   ",   "Zm9v ===",
    "Z===",      "====",
    "=Zm9",      "Zg==Zg==",
    "Zm8=Zm8=",  "Zm-v",
    "Zm_v",      "Zm9vZ\n==",
    "\nZm9",     "Zm9\n",
    "Zm9vYg=\n", "Zm9vYg==\n\n\n\n",
};

Test(bytes, a_copy_is_its_own_and_ends_in_nul)
{
    char source[] = "abc";
    struct bytes copy = {0};
    cr_assert_eq(bytes_copy(&copy, source, 3), STATUS_OK);
    source[0] = 'x';
    cr_assert_eq(copy.len, 3);
    cr_assert_str_eq((char *)copy.data, "abc");
    bytes_free(&copy);
    cr_assert_null(copy.data);
    bytes_free(&copy);
}

Test(bytes, nothing_is_copied_to_an_empty_string)
{
    struct bytes copy = {0};
    cr_assert_eq(bytes_copy(&copy, NULL, 0), STATUS_OK);
    cr_assert_eq(copy.len, 0);
    cr_assert_str_eq((char *)copy.data, "");
    bytes_free(&copy);
}

Test(bytes, an_impossible_length_is_refused)
{
    struct bytes copy = {0};
    cr_assert_eq(bytes_copy(&copy, "a", SIZE_MAX), STATUS_NO_MEMORY);
    cr_assert_null(copy.data);
}

Test(buffer, pieces_add_up)
{
    struct buffer buffer;
    buffer_init(&buffer);
    for (int i = 0; i < 1000; i++) {
        buffer_append_format(&buffer, "%03d,", i);
    }
    buffer_append_text(&buffer, "end");
    buffer_append(&buffer, "\0!", 2);
    struct bytes all = {0};
    cr_assert_eq(buffer_finish(&all, &buffer), STATUS_OK);
    cr_assert_eq(all.len, 4005);
    cr_assert_arr_eq(all.data + 3996, "999,end\0!", 10);
    bytes_free(&all);
    buffer_free(&buffer);
}

Test(buffer, room_that_is_expected_is_made_once_and_says_nothing_about_the_length)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_expect(&buffer, 100000);
    const uint8_t *at = buffer.content.data;
    cr_assert_eq(buffer.content.len, 0);
    for (int i = 0; i < 100000; i++) {
        buffer_append(&buffer, "x", 1);
    }
    cr_expect_eq(buffer.content.data, at);
    for (int i = 0; i < 100000; i++) { /* more fits all the same */
        buffer_append(&buffer, "y", 1);
    }
    struct bytes all = {0};
    cr_assert_eq(buffer_finish(&all, &buffer), STATUS_OK);
    cr_expect_eq(all.len, 200000);
    bytes_free(&all);
    buffer_expect(&buffer, SIZE_MAX);
    cr_expect_eq(buffer_finish(&all, &buffer), STATUS_NO_MEMORY);
}

Test(buffer, an_empty_one_finishes_with_a_nul)
{
    struct buffer buffer;
    buffer_init(&buffer);
    struct bytes all = {0};
    cr_assert_eq(buffer_finish(&all, &buffer), STATUS_OK);
    cr_assert_eq(all.len, 0);
    cr_assert_str_eq((char *)all.data, "");
    bytes_free(&all);
}

Test(buffer, a_failed_one_stays_failed_and_gives_nothing)
{
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_text(&buffer, "before");
    buffer_append(&buffer, "x", SIZE_MAX - 2);
    buffer_append_text(&buffer, "after");
    struct bytes all = {0};
    cr_assert_eq(buffer_finish(&all, &buffer), STATUS_NO_MEMORY);
    cr_assert_null(all.data);
}

Test(hex, round_trip)
{
    const uint8_t data[] = {0x00, 0x0f, 0xa5, 0xff};
    char text[9];
    hex_encode(text, data, 4);
    cr_assert_str_eq(text, "000fa5ff");
    uint8_t back[4];
    cr_assert_eq(hex_decode(back, 4, text), STATUS_OK);
    cr_assert_arr_eq(back, data, 4);
    cr_assert_eq(hex_decode(back, 0, ""), STATUS_OK);
}

Test(hex, anything_else_is_refused_and_nothing_written)
{
    static const char *const bad[] = {"", "0", "000fa5f", "000fa5fff", "000FA5FF", "000fa5fg", "0x0fa5ff", " 00fa5ff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[4] = {1, 2, 3, 4};
        cr_assert_eq(hex_decode(out, 4, bad[i]), STATUS_INVALID, "%s", bad[i]);
        cr_assert_arr_eq(out, ((const uint8_t[]){1, 2, 3, 4}), 4);
    }
}

Test(base64, published_vectors_both_ways)
{
    for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
        struct buffer buffer;
        buffer_init(&buffer);
        buffer_append_base64(&buffer, (const uint8_t *)rfc4648[i].plain, strlen(rfc4648[i].plain));
        struct bytes text = {0};
        cr_assert_eq(buffer_finish(&text, &buffer), STATUS_OK);
        cr_assert_str_eq((char *)text.data, rfc4648[i].text);
        struct bytes plain = {0};
        cr_assert_eq(base64_decode(&plain, rfc4648[i].text, strlen(rfc4648[i].text)), STATUS_OK);
        cr_assert_eq(plain.len, strlen(rfc4648[i].plain));
        cr_assert_str_eq((char *)plain.data, rfc4648[i].plain);
        bytes_free(&plain);
        bytes_free(&text);
    }
}

Test(base64, other_spellings_are_refused)
{
    for (size_t i = 0; i < sizeof(bad_base64) / sizeof(bad_base64[0]); i++) {
        struct bytes out = {0};
        cr_assert_eq(base64_decode(&out, bad_base64[i], strlen(bad_base64[i])), STATUS_INVALID, "%s", bad_base64[i]);
        cr_assert_null(out.data);
    }
}

/* Whatever ends a text, it is taken exactly when it is what would be printed for what it says. */
Test(base64, one_spelling_of_the_end)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < 65536; i++) {
        const char text[] = {'Z', 'm', '9', 'v', 'Z', 'm', (char)(i >> 8), (char)i};
        struct bytes plain = {0};
        if (base64_decode(&plain, text, sizeof(text)) == STATUS_OK) {
            struct buffer again;
            buffer_init(&again);
            buffer_append_base64(&again, plain.data, plain.len);
            cr_assert(again.content.len == sizeof(text) && memcmp(again.content.data, text, sizeof(text)) == 0);
            buffer_free(&again);
            taken++;
        }
        bytes_free(&plain);
    }
    /* three bytes, two (of which four bits stand in the last character), and one ("Zm" leaves bits: never) */
    cr_assert_eq(taken, 64 * 64 + 16);
}

Test(base64, an_inner_nul_is_refused)
{
    struct bytes out = {0};
    cr_assert_eq(base64_decode(&out, "Zm9v\0\0\0\0", 8), STATUS_INVALID);
    cr_assert_null(out.data);
}

Test(base64, exact_means_exact)
{
    uint8_t out[4] = {9, 9, 9, 9};
    cr_assert_eq(base64_decode_exact(out, 3, "Zm9v"), STATUS_OK);
    cr_assert_arr_eq(out, "foo\x09", 4);
    cr_assert_eq(base64_decode_exact(out, 4, "Zm9v"), STATUS_INVALID);
    cr_assert_eq(base64_decode_exact(out, 2, "Zm9v"), STATUS_INVALID);
    cr_assert_eq(base64_decode_exact(out, 3, "Zm9"), STATUS_INVALID);
    cr_assert_arr_eq(out, "foo\x09", 4);
}
