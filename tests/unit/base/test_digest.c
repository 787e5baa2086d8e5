/*
 * SHA-256 (examples of FIPS 180-4), HMAC-SHA-256 (RFC 4231, cases 1, 2 and 6), the messages of documents, and the
 * commitment vector of the audit format.
 */
#include <criterion/criterion.h>

#include "base/digest.h"

static void assert_digest(const struct digest *digest, const char *hex)
{
    char text[65];
    digest_format(text, digest);
    cr_assert_str_eq(text, hex);
}

Test(digest, published_vectors)
{
    struct digest digest;
    digest_sha256(&digest, "abc", 3);
    assert_digest(&digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(&digest, NULL, 0);
    assert_digest(&digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    digest_sha256(&digest, two_blocks, strlen(two_blocks));
    assert_digest(&digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

Test(digest, two_strings_hash_as_one)
{
    struct digest one;
    struct digest two;
    digest_sha256(&one, "abcdef", 6);
    digest_sha256_two(&two, "ab", 2, "cdef", 4);
    cr_assert(digest_equal(&one, &two));
    digest_sha256_two(&two, NULL, 0, "abcdef", 6);
    cr_assert(digest_equal(&one, &two));
    digest_sha256_two(&two, "abcde", 5, "", 0);
    cr_assert_not(digest_equal(&one, &two));
}

Test(digest, a_document_is_hashed_with_its_kind)
{
    struct bytes message = {0};
    cr_assert_eq(document_message(&message, "intent", "{}", 2), STATUS_OK);
    cr_assert_str_eq((char *)message.data, "strongroom/intent/v1\n{}");
    struct digest expected;
    struct digest got;
    digest_sha256(&expected, message.data, message.len);
    digest_document(&got, "intent", "{}", 2);
    cr_assert(digest_equal(&expected, &got));
    digest_document(&got, "approval", "{}", 2);
    cr_assert_not(digest_equal(&expected, &got));
    bytes_free(&message);
}

Test(digest, text_form)
{
    struct digest digest;
    struct digest back;
    char text[65];
    digest_sha256(&digest, "abc", 3);
    digest_format(text, &digest);
    cr_assert_eq(digest_parse(&back, text), STATUS_OK);
    cr_assert(digest_equal(&digest, &back));
    text[10] = 'A';
    cr_assert_eq(digest_parse(&back, text), STATUS_INVALID);
    text[63] = '\0';
    cr_assert_eq(digest_parse(&back, text), STATUS_INVALID);
    cr_assert(digest_equal(&digest, &back), "nothing is written on failure");
}

Test(digest, zero_is_zero)
{
    struct digest digest = {{0}};
    cr_assert(digest_is_zero(&digest));
    digest.bytes32[31] = 1;
    cr_assert_not(digest_is_zero(&digest));
}

Test(hmac, published_vectors)
{
    struct digest mac;
    uint8_t key[131];
    memset(key, 0x0b, 20);
    digest_hmac_sha256(&mac, key, 20, "Hi There", 8);
    assert_digest(&mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac_sha256(&mac, (const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28);
    assert_digest(&mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    digest_hmac_sha256(&mac, key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    assert_digest(&mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest_hmac_sha256(&mac, NULL, 0, NULL, 0);
    assert_digest(&mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

Test(hmac, commitment_of_the_audit_format)
{
    uint8_t salt[32];
    for (uint8_t i = 0; i < 32; i++) {
        salt[i] = i;
    }
    const char *data = "custody-pii/v1\nname\nev-1\nAlice";
    struct digest commitment;
    digest_hmac_sha256(&commitment, salt, sizeof(salt), data, strlen(data));
    assert_digest(&commitment, "e6307ec43897185c7170da2c3bf3b35a0a932f8fb1e4e2710f89509c4b14f035");
}
