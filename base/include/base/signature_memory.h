/*
 * A memory of signatures that were verified: for signed documents that are shown again and again, like an entry of an
 * allow-list. Whether a signature fits a key and a message never changes, so only the computation is saved; who may
 * sign, for what and until when is judged anew by the caller each time.
 *
 * Only successes are remembered, under a digest over key, kind, document and signature, in a fixed amount of memory:
 * the oldest give way. Nothing of it is kept when the process ends. What a token has just made is never looked up here.
 */
#ifndef STRONGROOM_BASE_SIGNATURE_MEMORY_H
#define STRONGROOM_BASE_SIGNATURE_MEMORY_H

#include "base/signed.h"

#define SIGNATURE_MEMORY_MAX 2048 /* signatures that are remembered at most: 64 KiB */

struct signature_memory;

/* Makes an empty one. Out: free with signature_memory_free. STATUS_NO_MEMORY. */
MUST_CHECK enum status signature_memory_new(struct signature_memory **out);

/* Frees; NULL is fine. No other call may be running. */
void signature_memory_free(struct signature_memory *memory);

/* How often a signature was found, for those who want to see that it serves. Any thread. */
uint64_t signature_memory_found(struct signature_memory *memory);

/* As signed_document_verify, with the same answers; `memory` may be NULL. Any thread. */
MUST_CHECK enum status signature_memory_verify(struct signature_memory *memory, const struct signed_document *document,
                                               const char *kind, size_t index, const struct public_key *key,
                                               struct fault *fault);

#endif
