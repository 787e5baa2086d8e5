/*
 * Documents that the offline subcommands make: signed by the key of the token, printed, and written into new files.
 */
#ifndef STRONGROOM_SIGNERD_PAPERS_H
#define STRONGROOM_SIGNERD_PAPERS_H

#include "base/signed.h"
#include "hsm/key.h"
#include "policy/token.h"

/* What a token says of itself, as documents have it. STATUS_INVALID for what no document can hold. */
MUST_CHECK enum status papers_token(struct token_identity *out, const struct hsm_token_facts *facts,
                                    struct fault *fault);

/* Signs a document of `kind` with the key. Out: owned by the caller. The statuses of hsm_key_sign. */
MUST_CHECK enum status papers_sign(struct signature *out, const char *kind, const struct bytes *document,
                                   const struct hsm_key *key, struct fault *fault);

/* The document with one signature, by the key. Out: owned by the caller; `document` is copied. */
MUST_CHECK enum status papers_signed(struct signed_document *out, const char *kind, const struct bytes *document,
                                     const struct hsm_key *key, struct fault *fault);

/* Prints one line to standard output. STATUS_IO. */
MUST_CHECK enum status papers_print(const struct bytes *text, struct fault *fault);

/*
 * Writes `text` and a newline into a file that must not be there yet (STATUS_EXISTS), mode 0600, and synced. STATUS_IO,
 * and then there is no such file. With `folder` "" `name` is the whole path.
 */
MUST_CHECK enum status papers_write(const char *folder, const char *name, const struct bytes *text,
                                    struct fault *fault);

/* The same with nothing after the bytes. */
MUST_CHECK enum status papers_write_bytes(const char *folder, const char *name, const struct bytes *content,
                                          struct fault *fault);

/* papers_write with the JSON of a signed document. */
MUST_CHECK enum status papers_write_signed(const char *folder, const char *name, const struct signed_document *document,
                                           struct fault *fault);

#endif
