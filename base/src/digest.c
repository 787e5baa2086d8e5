/*
 * SHA-256, HMAC-SHA-256 and the messages of documents.
 *
 * The low-level SHA-256 calls of OpenSSL are deprecated in favour of EVP, which looks the algorithm up on each call and
 * takes about twice the time for the short inputs of a Merkle tree; and EVP can fail, which a digest here cannot.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#define MESSAGE_PREFIX "strongroom/"
#define MESSAGE_VERSION "/v1\n"

static void sha256_add(SHA256_CTX *context, const void *data, size_t len)
{
    if (len > 0) {
        INVARIANT(SHA256_Update(context, data, len) == 1);
    }
}

void digest_sha256(struct digest *out, const void *data, size_t len)
{
    digest_sha256_two(out, data, len, NULL, 0);
}

void digest_sha256_two(struct digest *out, const void *first, size_t first_len, const void *second, size_t second_len)
{
    SHA256_CTX context;
    INVARIANT(SHA256_Init(&context) == 1);
    sha256_add(&context, first, first_len);
    sha256_add(&context, second, second_len);
    INVARIANT(SHA256_Final(out->bytes32, &context) == 1);
}

void digest_document(struct digest *out, const char *kind, const void *document, size_t len)
{
    SHA256_CTX context;
    INVARIANT(SHA256_Init(&context) == 1);
    sha256_add(&context, MESSAGE_PREFIX, strlen(MESSAGE_PREFIX));
    sha256_add(&context, kind, strlen(kind));
    sha256_add(&context, MESSAGE_VERSION, strlen(MESSAGE_VERSION));
    sha256_add(&context, document, len);
    INVARIANT(SHA256_Final(out->bytes32, &context) == 1);
}

enum status document_message(struct bytes *out, const char *kind, const void *document, size_t len)
{
    struct buffer message;
    buffer_init(&message);
    buffer_append_text(&message, MESSAGE_PREFIX);
    buffer_append_text(&message, kind);
    buffer_append_text(&message, MESSAGE_VERSION);
    buffer_append(&message, document, len);
    return buffer_finish(out, &message);
}

void digest_format(char out65[65], const struct digest *digest)
{
    hex_encode(out65, digest->bytes32, sizeof(digest->bytes32));
}

enum status digest_parse(struct digest *out, const char *text)
{
    return hex_decode(out->bytes32, sizeof(out->bytes32), text);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes32, b->bytes32, sizeof(a->bytes32)) == 0;
}

bool digest_is_zero(const struct digest *digest)
{
    static const struct digest zero;
    return digest_equal(digest, &zero);
}

void digest_hmac_sha256(struct digest *out, const uint8_t *key, size_t key_len, const void *data, size_t len)
{
    static const uint8_t nothing[1];
    unsigned out_len = 0;
    INVARIANT(key_len <= INT32_MAX);
    const uint8_t *hashed = HMAC(EVP_sha256(), key_len == 0 ? nothing : key, (int)key_len, len == 0 ? nothing : data,
                                 len, out->bytes32, &out_len);
    INVARIANT(hashed != NULL && out_len == sizeof(out->bytes32));
}

bool digest_hmac_is(const struct digest *expected, const void *mac, size_t mac_len)
{
    return mac_len == sizeof(expected->bytes32) && CRYPTO_memcmp(expected->bytes32, mac, mac_len) == 0;
}
