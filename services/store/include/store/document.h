/*
 * Documents kept as the bytes they came in: allow-list entries, policies, genesis. Rows are never changed.
 */
#ifndef STRONGROOM_STORE_DOCUMENT_H
#define STRONGROOM_STORE_DOCUMENT_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"
#include "store/store.h"

struct store_document {
    struct name kind;     /* "destination", "key", "attestation" ... */
    struct name id;       /* name of the object within the kind */
    struct digest digest; /* of the document (not of `bytes`) */
    struct bytes bytes;   /* usually the JSON of a signed document */
};

struct store_document_list {
    struct store_document *rows;
    size_t count;
};

/* Keeps a document; STATUS_EXISTS when (kind, id, digest) is there. */
MUST_CHECK enum status store_document_put(struct store_tx *tx, const struct store_document *row, struct fault *fault);

/*
 * The same, but one that is there already with the same bytes is no fault. STATUS_CONFLICT (`document`) names the row
 * when it is there with other bytes: it stays as it is, and the transaction may go on.
 */
MUST_CHECK enum status store_document_keep(struct store_tx *tx, const struct store_document *row, struct fault *fault);

/* The document of (kind, id, digest); STATUS_NOT_FOUND. Out: wiped by the caller. */
MUST_CHECK enum status store_document_get(struct store_document *out, const struct store_tx *tx, const char *kind,
                                          const char *id, const struct digest *digest, struct fault *fault);

/* Where a page of a list ends, and the next one begins; all zero: before the first. */
struct store_document_place {
    struct name id;
    struct digest digest;
};

/*
 * The documents of a kind after `after`, by id and digest, at most `limit`. None stands for another one of its id: rows
 * are frozen but not exclusive, and whoever may insert one could hide what people signed behind it.
 */
MUST_CHECK enum status store_document_list(struct store_document_list *out, const struct store_tx *tx, const char *kind,
                                           const struct store_document_place *after, unsigned limit,
                                           struct fault *fault);

/*
 * The documents of a kind with the digest of `after` whose id is above its id ("" for the first), by id, at most
 * `limit`. As above: a row under another id may claim the digest.
 */
MUST_CHECK enum status store_document_list_digest(struct store_document_list *out, const struct store_tx *tx,
                                                  const char *kind, const struct store_document_place *after,
                                                  unsigned limit, struct fault *fault);

/* The place of a row. */
struct store_document_place store_document_place_of(const struct store_document *row);

/* Free what a row or list owns and empty it. */
void store_document_wipe(struct store_document *row);
void store_document_list_free(struct store_document_list *list);

#endif
