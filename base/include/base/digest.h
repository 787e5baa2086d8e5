/*
 * SHA-256 and the digests of canonical documents.
 *
 * What is signed or hashed is never a bare document but the message "strongroom/<kind>/v1\n" + document bytes, so that
 * a signature over one kind of document can never be taken for another kind. See docs/formats.md.
 */
#ifndef STRONGROOM_BASE_DIGEST_H
#define STRONGROOM_BASE_DIGEST_H

#include "base/bytes.h"

#define DIGEST_HEX_LEN 64

struct digest {
    uint8_t bytes32[32];
};

/* SHA-256 (FIPS 180-4) of `len` bytes. */
void digest_sha256(struct digest *out, const void *data, size_t len);

/* SHA-256 of the concatenation of two byte strings. */
void digest_sha256_two(struct digest *out, const void *first, size_t first_len, const void *second, size_t second_len);

/* The digest of a document: SHA-256 of its message. `kind` is one of docs/formats.md, such as "intent". */
void digest_document(struct digest *out, const char *kind, const void *document, size_t len);

/* The message that is signed: "strongroom/<kind>/v1\n" + document. Out: owned by the caller. */
MUST_CHECK enum status document_message(struct bytes *out, const char *kind, const void *document, size_t len);

/* Lower-case hexadecimal, 64 digits and a NUL. */
void digest_format(char out65[65], const struct digest *digest);

/* Reads 64 lower-case hexadecimal digits; STATUS_INVALID otherwise. */
MUST_CHECK enum status digest_parse(struct digest *out, const char *text);

/* Equality of public values (not constant time). */
bool digest_equal(const struct digest *a, const struct digest *b);

/* True when all 32 bytes are zero, which stands for "none" where a format says so. */
bool digest_is_zero(const struct digest *digest);

/* HMAC-SHA-256 (RFC 2104), for salted commitments and for what only who has the key may have written. */
void digest_hmac_sha256(struct digest *out, const uint8_t *key, size_t key_len, const void *data, size_t len);

/* Whether `mac_len` bytes are this code; how long the answer takes does not say where they differ. */
bool digest_hmac_is(const struct digest *expected, const void *mac, size_t mac_len);

#endif
