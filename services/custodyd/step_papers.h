/*
 * The papers of one withdrawal: its row, its destination, its approvals, and the order that sweeps it.
 */
#ifndef STRONGROOM_CUSTODYD_STEP_PAPERS_H
#define STRONGROOM_CUSTODYD_STEP_PAPERS_H

#include "policy/intent.h"
#include "service.h"
#include "store/withdrawal.h"

/* What the signer is handed, loaded in one transaction. */
struct step_papers {
    struct service *service;
    const struct uuid *id;
    struct store_withdrawal row;
    struct signed_document destination;
    struct signed_document *approvals;
    size_t approval_count;
    struct signed_document sweep; /* the order key.sweep for this intent, empty for none */
};

/* Loads them in one transaction. STATUS_MISMATCH, naming a column that was edited. Out: step_papers_wipe; `id` is
 * borrowed. */
MUST_CHECK enum status step_papers_load(struct step_papers *out, struct service *service, const struct uuid *id,
                                        struct fault *fault);

/*
 * The columns repeat what the intent says. The intent is what people signed for; columns that differ were edited:
 * STATUS_MISMATCH.
 */
MUST_CHECK enum status step_papers_check_columns(const struct store_withdrawal *row, const struct intent *intent,
                                                 struct fault *fault);

/* Frees what they own and empties; empty ones are fine. */
void step_papers_wipe(struct step_papers *papers);

#endif
