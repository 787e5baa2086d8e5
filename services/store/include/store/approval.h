/*
 * Decisions of approvers and the requester as they were signed: one row per (withdrawal, person), never changed.
 */
#ifndef STRONGROOM_STORE_APPROVAL_H
#define STRONGROOM_STORE_APPROVAL_H

#include "base/id.h"
#include "base/signed.h"
#include "store/store.h"

/* Numbers are never stored. */
enum store_decision {
    STORE_DECISION_NONE = 0,
    STORE_DECISION_APPROVE,
    STORE_DECISION_REJECT,
    STORE_DECISION_REQUEST,
};

struct store_approval {
    struct uuid withdrawal;
    struct name person;
    enum store_decision decision;
    struct bytes document; /* document bytes of kind approval */
    struct digest digest;  /* of the document */
    struct signature signature;
    int64_t received_at_utc_us;
};

struct store_approval_list {
    struct store_approval *rows;
    size_t count;
};

/* Inserts a decision (received_at is the database's clock). STATUS_DUPLICATE_PERSON when the person has decided. */
MUST_CHECK enum status store_approval_insert(struct store_tx *tx, const struct store_approval *row,
                                             struct fault *fault);

/* All decisions on a withdrawal, in ascending order of digest. Out: freed with store_approval_list_free. */
MUST_CHECK enum status store_approval_list(struct store_approval_list *out, const struct store_tx *tx,
                                           const struct uuid *withdrawal, struct fault *fault);

/* Frees and empties. */
void store_approval_list_free(struct store_approval_list *list);

#endif
