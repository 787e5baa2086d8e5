/*
 * Signing keys in software, for tests only: what an approver's device or a token would do.
 *
 * Everything here aborts the test program with a message when it fails, so a test need not check it.
 */
#ifndef STRONGROOM_TEST_TEST_KEY_H
#define STRONGROOM_TEST_TEST_KEY_H

#include "base/algorithm.h"
#include "base/signed.h"

struct test_key;

/* A fresh key pair. Owner frees with test_key_free. */
struct test_key *test_key_new(enum algorithm algorithm);

/* Frees; NULL is fine. */
void test_key_free(struct test_key *key);

/* The public half (borrowed, valid as long as `key`). */
const struct public_key *test_key_public(const struct test_key *key);

/* Signs `len` bytes of `message` as base/algorithm.h says: 64 bytes, s in the lower half. */
void test_key_sign_message(uint8_t out64[SIGNATURE_LEN], const struct test_key *key, const void *message, size_t len);

/* Signs the message of a document of `kind`. */
void test_key_sign(struct signature *out, const struct test_key *key, const char *kind, const void *document,
                   size_t len);

/* Brings s of an ECDSA signature into the upper half: still valid to a lax verifier, to be refused by ours. */
void test_key_make_high_s(uint8_t sig64[SIGNATURE_LEN], enum algorithm algorithm);

/* Signs the document again with one more key and appends the signature. */
void test_key_sign_document(struct signed_document *document, const char *kind, const struct test_key *key);

/* Writes the private key as unencrypted PKCS #8 PEM, mode 0600, for programs that read key files. */
void test_key_write_pem(const struct test_key *key, const char *path);

#endif
