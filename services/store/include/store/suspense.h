/*
 * The suspense account of a key: receipts at an address that must not receive, each until a withdrawal has returned it.
 */
#ifndef STRONGROOM_STORE_SUSPENSE_H
#define STRONGROOM_STORE_SUSPENSE_H

#include "base/amount.h"
#include "base/digest.h"
#include "base/id.h"
#include "store/store.h"

#define STORE_SUSPENSE_STATE_SIZE 16
#define STORE_SUSPENSE_SENDER_SIZE 76
#define STORE_SUSPENSE_MAX 500

struct store_suspense {
    struct digest transaction;
    struct digest key; /* id of the key that received */
    struct digest asset;
    struct amount amount;
    char sender[STORE_SUSPENSE_SENDER_SIZE];
    char state[STORE_SUSPENSE_STATE_SIZE]; /* of the key, when it was seen */
    uint64_t height;
    int64_t seen_at_utc_us;
    bool returning;          /* `returned_by` is set */
    struct uuid returned_by; /* the withdrawal that holds it or has sent it back */
};

struct store_suspense_list {
    struct store_suspense *rows;
    size_t count;
};

/* Adds a receipt (seen_at, returning and returned_by are not read). One that is there already stays as it is. */
MUST_CHECK enum status store_suspense_add(struct store_tx *tx, const struct store_suspense *row, struct fault *fault);

/* The sum of what no withdrawal holds or has returned. */
MUST_CHECK enum status store_suspense_sum(struct amount *out, const struct store_tx *tx, const struct digest *key,
                                          const struct digest *asset, struct fault *fault);

/* The receipts of a key, newest first, at most STORE_SUSPENSE_MAX. Out: store_suspense_list_free. */
MUST_CHECK enum status store_suspense_list(struct store_suspense_list *out, const struct store_tx *tx,
                                           const struct digest *key, struct fault *fault);

/* A key with receipts that no withdrawal returns. */
struct store_suspense_key {
    struct digest key;
    int64_t first_at_utc_us; /* when the oldest of them was seen */
    uint64_t count;          /* of receipts */
};

/* All such keys. Out: free(*out). */
MUST_CHECK enum status store_suspense_keys(struct store_suspense_key **out, size_t *out_count,
                                           const struct store_tx *tx, struct fault *fault);

/* Frees and empties. */
void store_suspense_list_free(struct store_suspense_list *list);

/*
 * Gives the receipt to the withdrawal that returns it: `row` names transaction, key, asset, amount, sender and
 * returned_by. STATUS_CONFLICT when there is no such receipt that is held by none. store_reservation_drop takes it
 * back.
 */
MUST_CHECK enum status store_suspense_return(struct store_tx *tx, const struct store_suspense *row,
                                             struct fault *fault);

#endif
