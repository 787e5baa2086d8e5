/*
 * The papers of one withdrawal: its row, its destination, its approvals, and the order that sweeps it.
 */
#ifndef STRONGROOM_CUSTODYD_STEP_PAPERS_H
#define STRONGROOM_CUSTODYD_STEP_PAPERS_H

#include "policy/intent.h"
#include "service.h"
#include "store/trail_read.h"
#include "store/withdrawal.h"

#define STEP_COLUMNS 10
#define STEP_TEXT_SIZE ADDRESS_TEXT_SIZE

/* A column of the row that does not say what the intent says. */
struct step_difference {
    const char *field; /* as the REST interface calls it */
    char row[STEP_TEXT_SIZE];
    char papers[STEP_TEXT_SIZE];
};

/* What the signer is handed, loaded in one transaction. */
struct step_papers {
    struct service *service;
    const struct uuid *id;
    const struct bytes *intent;        /* in place of the row's, or NULL */
    const struct store_leaf *recorded; /* the entry that they were recorded in, or NULL */
    struct store_withdrawal row;
    struct signed_document destination;
    struct signed_document *approvals;
    size_t approval_count;
    struct signed_document sweep; /* the order key.sweep for this intent, empty for none */
    uint64_t ends;                /* the newest that the database has */
};

/*
 * Loads them in one transaction. `intent`: NULL for the row's own, whose columns must say what it says
 * (STATUS_MISMATCH, naming one that was edited); otherwise the document that was recorded, whatever the row has become.
 * `recorded`: NULL for the entry that is on the allow-list (STATUS_DESTINATION_UNLISTED); otherwise the one that this
 * entry of the trail names, for the list may have changed since, and whether it still serves the signer knows. It must
 * be of the account that the row's own intent pays to (STATUS_MISMATCH). Out: step_papers_wipe; `id`, `intent` and
 * `recorded` are borrowed.
 */
MUST_CHECK enum status step_papers_load(struct step_papers *out, struct service *service, const struct uuid *id,
                                        const struct bytes *intent, const struct store_leaf *recorded,
                                        struct fault *fault);

/* The columns of the row that differ from the intent, in the order of the table. Answers how many. */
size_t step_papers_compare(struct step_difference out[STEP_COLUMNS], const struct store_withdrawal *row,
                           const struct intent *intent);

/*
 * The columns repeat what the intent says. The intent is what people signed for; columns that differ were edited:
 * STATUS_MISMATCH.
 */
MUST_CHECK enum status step_papers_check_columns(const struct store_withdrawal *row, const struct intent *intent,
                                                 struct fault *fault);

/* Frees what they own and empties; empty ones are fine. */
void step_papers_wipe(struct step_papers *papers);

/* The version of the policy that the row's intent names; NULL when it is not known, or the intent cannot be read. */
const struct policy *step_policy(const struct service *service, const struct store_withdrawal *row);

/* The row's wallet under that version; NULL when there is none. */
const struct wallet *step_wallet(const struct service *service, const struct store_withdrawal *row);

#endif
