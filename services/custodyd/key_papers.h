/*
 * The papers of a key as the service keeps them: the documents people and tokens signed, and what is left of them when
 * nothing of a row is believed. Every read verifies: what does not verify is STATUS_CORRUPT, whoever edited it.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_PAPERS_H
#define STRONGROOM_CUSTODYD_KEY_PAPERS_H

#include "policy/attestation.h"
#include "service.h"
#include "store/document.h"

#define KEY_PAPER_KEY KEY_KIND
#define KEY_PAPER_CEREMONY "ceremony"
#define KEY_PAPER_BACKUP "backup"
#define KEY_PAPER_RESTORE "restore"
#define KEY_PAPER_COMMAND COMMAND_KIND
#define KEY_PAPER_LOG "log-key" /* order about the log, by its own digest */
#define KEY_PAPER_ATTESTATION ATTESTATION_KIND

/* A signed document and its kind, to be kept. `document` is borrowed. */
struct key_paper {
    const char *kind;
    const struct signed_document *document;
};

/*
 * Keeps a paper of a key, once. STATUS_CONFLICT: store_document_keep; what stands there with all the signatures of this
 * one, in whatever order, is no conflict. Out: its digest.
 */
MUST_CHECK enum status key_paper_keep(struct digest *out, struct store_tx *tx, const struct digest *key,
                                      const struct key_paper *paper, struct fault *fault);

/* The same for what has happened already, whose entry must stand: a conflict is logged (key_paper_row_record). */
MUST_CHECK enum status key_paper_record(struct digest *out, struct store_tx *tx, const struct digest *key,
                                        const struct key_paper *paper, struct fault *fault);

/* The same of a transcript, which is not signed as a whole. */
MUST_CHECK enum status key_paper_record_ceremony(struct store_tx *tx, const struct digest *key,
                                                 const struct bytes *ceremony, struct fault *fault);

/*
 * Keeps a row of something that has happened already, whose entry must stand: a conflict as that of key_paper_keep is
 * logged (`paper.shadowed`) and no fault, and what was there first stays.
 */
MUST_CHECK enum status key_paper_row_record(struct store_tx *tx, const struct store_document *row, struct fault *fault);

/*
 * Marks a paper that was kept as the last one of its kind under this id (of an entry of the allow-list: its account): a
 * mark has one place, which nobody fills by putting rows. Whoever writes to the database can set it back to an older
 * one, or to none.
 */
MUST_CHECK enum status key_paper_mark(struct store_tx *tx, const char *kind, const struct digest *key,
                                      const struct digest *paper, struct fault *fault);

/*
 * The row that is marked, as it stands there, under the id of rows; STATUS_NOT_FOUND. Out: store_document_wipe.
 */
MUST_CHECK enum status key_paper_marked(struct store_document *out, const struct store_tx *tx, const char *kind,
                                        const struct name *id, struct fault *fault);

/* Which paper is wanted; of those that fit, when it was issued (microseconds UTC, signed). */
struct key_paper_choice {
    bool (*fits)(void *context, int64_t *out_issued_at_utc_us, const struct signed_document *paper);
    void *context;
};

/*
 * The paper of a kind that fits: the one that is marked, however many others somebody has put there, else the one
 * issued last. STATUS_NOT_FOUND; STATUS_CORRUPT when the marked one does not fit and there are more rows than are
 * looked at. Out: signed_document_free.
 */
MUST_CHECK enum status key_paper_find(struct signed_document *out, const struct store_tx *tx, const char *kind,
                                      const struct digest *key, const struct key_paper_choice *choice,
                                      struct fault *fault);

/* Whether a paper is an order to sweep by this intent, verified under the version that it names as of its issue. */
bool key_paper_is_sweep(struct command *out, const struct service *service, const struct signed_document *paper,
                        const struct digest *intent);

/* Whether a paper is the document of this key, verified under the version that it names as of its issue. */
bool key_paper_is_document(struct key_document *out, const struct service *service, const struct signed_document *paper,
                           const struct digest *key);

/*
 * The key document with the digest that the signer's guard names (`key`), verified under the version that it names as
 * of its issue. STATUS_NOT_FOUND when nobody handed it in; STATUS_CORRUPT. Out: `out_signed` (unless NULL)
 * signed_document_free.
 */
MUST_CHECK enum status key_paper_document(struct key_document *out, struct signed_document *out_signed,
                                          const struct service *service, const struct store_tx *tx,
                                          const struct wire_key *key, struct fault *fault);

/*
 * The attestation of a key that is marked, verified for its document. Rows beside it are not seen; whoever edits the
 * mark can have an older one shown, or none: STATUS_NOT_FOUND, STATUS_CORRUPT. Out: `out_signed` (unless
 * NULL) signed_document_free; `out_bytes`: SHA-256 of the stored row, set with STATUS_CORRUPT, too.
 */
MUST_CHECK enum status key_paper_attestation(struct attestation *out, struct signed_document *out_signed,
                                             struct digest *out_bytes, const struct store_tx *tx,
                                             const struct key_document *document, struct fault *fault);

/* The transcript that a key document names; STATUS_NOT_FOUND, STATUS_CORRUPT. Out: bytes_free. */
MUST_CHECK enum status key_paper_ceremony(struct bytes *out, const struct store_tx *tx,
                                          const struct key_document *document, struct fault *fault);

#endif
