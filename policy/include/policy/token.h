/*
 * The identity of a token inside documents: what PKCS #11's C_GetTokenInfo says, without the blanks at the ends. See
 * docs/formats.md (key, backup, restore).
 */
#ifndef STRONGROOM_POLICY_TOKEN_H
#define STRONGROOM_POLICY_TOKEN_H

#include "base/canon.h"

#define TOKEN_TEXT_SIZE 65 /* 0 to 64 printable characters, no blank first or last, and a NUL */

struct token_identity {
    char firmware[TOKEN_TEXT_SIZE];
    char label[TOKEN_TEXT_SIZE];
    char manufacturer[TOKEN_TEXT_SIZE];
    char model[TOKEN_TEXT_SIZE];
    char serial[TOKEN_TEXT_SIZE];
};

/* Reads the object of a document; `path` is its place in faults ("token"). */
MUST_CHECK enum status token_identity_decode(struct token_identity *out, const json_t *object, const char *path,
                                             struct fault *fault);

/* The object for a document; refuses what token_identity_decode would refuse. Out: one reference. */
MUST_CHECK enum status token_identity_encode(json_t **out, const struct token_identity *token, struct fault *fault);

/* Equality of all five texts. */
bool token_identity_equal(const struct token_identity *a, const struct token_identity *b);

/*
 * True when these are the same device as far as documents can say: the same serial and the same label. Two tokens of
 * one serial (a TPM gives all of its tokens the same) are apart by their label; firmware changes and does not count.
 */
bool token_identity_same_device(const struct token_identity *a, const struct token_identity *b);

#endif
