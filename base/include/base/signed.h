/*
 * Signed documents: the exact bytes of a canonical document and signatures over its message.
 *
 * In JSON: {"document":"<the bytes as a string>","signatures":[{"alg":"p256","key":"<key id>","sig":"<base64>"}, ...]}.
 * The document travels as a string, so nobody re-serialises in order to verify (`jq -j .document` prints the bytes).
 */
#ifndef STRONGROOM_BASE_SIGNED_H
#define STRONGROOM_BASE_SIGNED_H

#include "base/algorithm.h"
#include "base/canon.h"

#define SIGNATURES_MAX 64
#define SIGNED_TEXT_MAX 65536 /* bytes of the object as canonical text, of a document of CANON_DOCUMENT_MAX */

struct signed_document {
    struct bytes document;
    struct signature *signatures;
    size_t signature_count;
};

/*
 * Reads {"document","signatures"} from a parsed object; the document is at most `max` bytes and must be canonical, two
 * signatures by one key id are refused. Out: owned by the caller, free with signed_document_free.
 */
MUST_CHECK enum status signed_document_decode(struct signed_document *out, const json_t *object, size_t max,
                                              const char *path, struct fault *fault);

/* The same from the object's canonical text, as it is stored: at most SIGNED_TEXT_MAX and CANON_DOCUMENT_MAX. */
MUST_CHECK enum status signed_document_parse(struct signed_document *out, const void *text, size_t len,
                                             const char *path, struct fault *fault);

/* The JSON object of a signed document. Out: one reference. */
MUST_CHECK enum status signed_document_encode(json_t **out, const struct signed_document *in, struct fault *fault);

/* Appends a signature (copied). */
MUST_CHECK enum status signed_document_add(struct signed_document *document, const struct signature *signature);

/* Copies. Out: owned by the caller. */
MUST_CHECK enum status signed_document_copy(struct signed_document *out, const struct signed_document *in);

/* Frees and empties; an empty one is fine. */
void signed_document_free(struct signed_document *document);

/*
 * Verifies the signature number `index` with `key` over the message of `kind`. The key id and algorithm of the
 * signature must be those of the key: STATUS_UNKNOWN_KEY otherwise; STATUS_SIGNATURE_INVALID when it does not verify.
 */
MUST_CHECK enum status signed_document_verify(const struct signed_document *document, const char *kind, size_t index,
                                              const struct public_key *key, struct fault *fault);

#endif
