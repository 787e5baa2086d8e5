/*
 * Signed documents in words: what a person is about to sign, or was handed. Everything printed is decoded from the
 * document's own bytes; a document that does not decode is described to nobody.
 */
#ifndef STRONGROOM_CUSTODY_DESCRIBE_H
#define STRONGROOM_CUSTODY_DESCRIBE_H

#include <stdio.h>

#include "base/signed.h"
#include "policy/command.h"
#include "policy/token.h"

/* A kind of document that this tool can put into words. Static. */
struct document_kind {
    const char *kind;
    size_t max;    /* bytes of the document */
    bool signable; /* by people: `custody sign` */
    enum status (*describe)(FILE *stream, const struct bytes *document, struct fault *fault);
};

/* The row of a kind, NULL when there is none. */
const struct document_kind *document_kind_find(const char *kind);

/* One line of a description: "  name         value". */
void describe_row(FILE *stream, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Lines for common values: a digest in hexadecimal, a point in time, a token. */
void describe_digest(FILE *stream, const char *name, const struct digest *digest);
void describe_time(FILE *stream, const char *name, int64_t utc_us);
void describe_token(FILE *stream, const char *name, const struct token_identity *token);

/* The line of a key's algorithm; one that is no longer for new keys is flagged. */
void describe_algorithm(FILE *stream, enum algorithm algorithm);

/* An occasion in words: what is asked for, by whom, and for which receiving key (occasion.c). */
MUST_CHECK enum status describe_occasion(FILE *stream, const struct bytes *document, struct fault *fault);

/* A policy in words, all of it (describe_policy.c). */
MUST_CHECK enum status describe_policy(FILE *stream, const struct bytes *document, struct fault *fault);

/* A command in words: what it does, to which key, who may sign it (describe_command.c). */
MUST_CHECK enum status describe_command(FILE *stream, const struct bytes *document, struct fault *fault);

#endif
