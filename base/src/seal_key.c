/*
 * Public keys for sealed boxes as documents hold them. Sealing and opening are in seal.c, which needs libsodium; this
 * file does not, so whoever only reads documents need not link it.
 */
#include "base/seal.h"

#include <openssl/evp.h>
#include <string.h>

bool seal_key_equal(const struct seal_key *a, const struct seal_key *b)
{
    return memcmp(a->bytes32, b->bytes32, SEAL_KEY_LEN) == 0;
}

void seal_key_format(char out45[SEAL_KEY_TEXT_SIZE], const struct seal_key *key)
{
    uint8_t text[SEAL_KEY_TEXT_SIZE];
    INVARIANT(EVP_EncodeBlock(text, key->bytes32, SEAL_KEY_LEN) == SEAL_KEY_TEXT_SIZE - 1);
    memcpy(out45, text, sizeof(text));
}

enum status seal_key_parse(struct seal_key *out, const char *text)
{
    return base64_decode_exact(out->bytes32, SEAL_KEY_LEN, text);
}
