/*
 * Sealed boxes: opened by whom they are for, by nobody else, and not when a bit has changed.
 */
#include "base/seal.h"

#include <criterion/criterion.h>
#include <openssl/crypto.h>
#include <string.h>

static struct seal_key to;
static struct secret private_key;

static void setup(void)
{
    cr_assert_eq(secret_heap_open(NULL), STATUS_OK);
    cr_assert_eq(seal_pair_generate(&to, &private_key, NULL), STATUS_OK);
}

static void teardown(void)
{
    secret_free(&private_key);
    cr_expect_eq(CRYPTO_secure_used(), 0);
}

TestSuite(seal, .init = setup, .fini = teardown);

static struct bytes seal_text(const char *text)
{
    struct secret plain = {0};
    cr_assert_eq(secret_new(&plain, strlen(text)), STATUS_OK);
    memcpy(plain.data, text, plain.len);
    struct bytes box = {0};
    cr_assert_eq(seal_close(&box, &plain, &to, NULL), STATUS_OK);
    secret_free(&plain);
    return box;
}

Test(seal, opens_for_the_receiver)
{
    struct bytes box = seal_text("a share");
    cr_assert_eq(box.len, strlen("a share") + SEAL_OVERHEAD);
    cr_assert_null(memmem(box.data, box.len, "a share", 7));
    struct secret plain = {0};
    cr_assert_eq(seal_open(&plain, box.data, box.len, &private_key, NULL), STATUS_OK);
    cr_assert_eq(plain.len, 7);
    cr_assert_eq(memcmp(plain.data, "a share", 7), 0);
    cr_assert(CRYPTO_secure_allocated(plain.data));
    cr_assert(CRYPTO_secure_allocated(private_key.data));
    secret_free(&plain);
    bytes_free(&box);
}

Test(seal, not_for_another)
{
    struct seal_key other_key;
    struct secret other = {0};
    cr_assert_eq(seal_pair_generate(&other_key, &other, NULL), STATUS_OK);
    cr_assert_not(seal_key_equal(&to, &other_key));
    struct bytes box = seal_text("a share");
    struct secret plain = {0};
    struct fault fault = {0};
    cr_expect_eq(seal_open(&plain, box.data, box.len, &other, &fault), STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "box");
    cr_expect_null(plain.data);
    secret_free(&other);
    bytes_free(&box);
}

Test(seal, every_changed_bit_and_every_length_is_seen)
{
    struct bytes box = seal_text("a share");
    struct secret plain = {0};
    for (size_t bit = 0; bit < box.len * 8; bit++) {
        if (bit == 255) {
            continue; /* RFC 7748: the top bit of the fresh public key is not looked at by X25519 ... */
        }
        box.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        cr_expect_eq(seal_open(&plain, box.data, box.len, &private_key, NULL), STATUS_MISMATCH, "bit %zu", bit);
        box.data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
    box.data[31] ^= 0x80; /* ... but it is in the nonce */
    cr_expect_eq(seal_open(&plain, box.data, box.len, &private_key, NULL), STATUS_MISMATCH);
    box.data[31] ^= 0x80;
    for (size_t len = 0; len < box.len; len++) {
        cr_expect_eq(seal_open(&plain, box.data, len, &private_key, NULL), STATUS_MISMATCH, "length %zu", len);
    }
    cr_expect_null(plain.data);
    bytes_free(&box);
}

Test(seal, two_boxes_of_one_content_differ)
{
    struct bytes first = seal_text("a share");
    struct bytes second = seal_text("a share");
    cr_expect(memcmp(first.data, second.data, first.len) != 0);
    bytes_free(&first);
    bytes_free(&second);
}

Test(seal, sizes_have_limits)
{
    struct secret plain = {0};
    struct bytes box = {0};
    cr_assert_eq(secret_new(&plain, SEAL_BOX_MAX - SEAL_OVERHEAD + 1), STATUS_OK);
    cr_expect_eq(seal_close(&box, &plain, &to, NULL), STATUS_INVALID);
    plain.len--;
    cr_assert_eq(seal_close(&box, &plain, &to, NULL), STATUS_OK);
    struct secret back = {0};
    cr_expect_eq(seal_open(&back, box.data, box.len, &private_key, NULL), STATUS_OK);
    cr_expect_eq(back.len, plain.len);
    secret_free(&back);
    bytes_free(&box);
    const struct secret empty = {.data = plain.data, .len = 0};
    cr_expect_eq(seal_close(&box, &empty, &to, NULL), STATUS_INVALID);
    cr_expect_null(box.data);
    uint8_t longer[SEAL_BOX_MAX + 1] = {0};
    cr_expect_eq(seal_open(&back, longer, sizeof(longer), &private_key, NULL), STATUS_MISMATCH);
    plain.len++;
    secret_free(&plain);
    bytes_free(&box);
}

/* A receiver of small order would make a key that everybody knows. */
Test(seal, a_key_of_small_order_receives_nothing)
{
    struct secret plain = {0};
    cr_assert_eq(secret_new(&plain, 4), STATUS_OK);
    struct bytes box = {0};
    struct seal_key weak = {0};
    cr_expect_eq(seal_close(&box, &plain, &weak, NULL), STATUS_INVALID);
    weak.bytes32[0] = 1;
    cr_expect_eq(seal_close(&box, &plain, &weak, NULL), STATUS_INVALID);
    cr_expect_null(box.data);
    secret_free(&plain);
}

Test(seal, the_public_key_follows_from_the_private_one)
{
    struct seal_key again;
    cr_assert_eq(seal_public_key(&again, &private_key, NULL), STATUS_OK);
    cr_expect(seal_key_equal(&again, &to));
    private_key.len--;
    cr_expect_eq(seal_public_key(&again, &private_key, NULL), STATUS_INVALID);
    private_key.len++;
}

Test(seal, the_text_form_has_one_spelling)
{
    char text[SEAL_KEY_TEXT_SIZE];
    struct seal_key back;
    seal_key_format(text, &to);
    cr_assert_eq(strlen(text), SEAL_KEY_TEXT_SIZE - 1);
    cr_assert_eq(seal_key_parse(&back, text), STATUS_OK);
    cr_expect(seal_key_equal(&back, &to));
    text[43] = 'A';
    cr_expect_eq(seal_key_parse(&back, text), STATUS_INVALID, "33 bytes");
    cr_expect_eq(seal_key_parse(&back, "AAAA"), STATUS_INVALID);
    cr_expect_eq(seal_key_parse(&back, ""), STATUS_INVALID);
}
