/*
 * Entries of the media ledger: told by one person, and of no effect until the second one whom they name confirms them.
 */
#ifndef STRONGROOM_STORE_MEDIUM_ENTRY_H
#define STRONGROOM_STORE_MEDIUM_ENTRY_H

#include "store/medium.h"

struct store_medium_entry {
    struct uuid id;
    struct name serial;
    char act[STORE_MEDIUM_WORD_SIZE]; /* add, access, move, inspect, destroy */
    struct name reason;
    struct name told_by;
    struct name second;
    struct name place;     /* move; empty for none, as those that follow */
    struct name custodian; /* move */
    int64_t inspection_due_utc_us;
    struct name tool;
    struct name method;
    int64_t told_at_utc_us;
    char state[STORE_MEDIUM_WORD_SIZE]; /* open, confirmed, refused */
};

struct store_medium_entry_list {
    struct store_medium_entry *rows;
    size_t count;
};

/* Adds an open entry (state is not read). STATUS_EXISTS when one of this medium is open. */
MUST_CHECK enum status store_medium_entry_add(struct store_tx *tx, const struct store_medium_entry *row,
                                              struct fault *fault);

/* Reads an entry of the medium and locks it until the end of the transaction; STATUS_NOT_FOUND. */
MUST_CHECK enum status store_medium_entry_get_locked(struct store_medium_entry *out, struct store_tx *tx,
                                                     const struct name *serial, const struct uuid *id,
                                                     struct fault *fault);

/* Ends an open entry as `state`: confirmed or refused, by whom and when. STATUS_CONFLICT when it is not open. */
MUST_CHECK enum status store_medium_entry_answer(struct store_tx *tx, const struct uuid *id, const char *state,
                                                 const struct name *by, int64_t at_utc_us, struct fault *fault);

/* Open entries told at or before `told_until_utc_us`, of media above `after` ("" for the first), by serial, at most
 * `limit`. */
MUST_CHECK enum status store_medium_entry_list_open(struct store_medium_entry_list *out, const struct store_tx *tx,
                                                    int64_t told_until_utc_us, const char *after, unsigned limit,
                                                    struct fault *fault);

/* Frees and empties. */
void store_medium_entry_list_free(struct store_medium_entry_list *list);

#endif
