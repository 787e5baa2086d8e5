/*
 * Media that hold secrets (tokens, cards, sealed bags, paper, disks): where each is now. What happened to it stands in
 * the trail.
 */
#ifndef STRONGROOM_STORE_MEDIUM_H
#define STRONGROOM_STORE_MEDIUM_H

#include "base/id.h"
#include "store/store.h"

#define STORE_MEDIUM_WORD_SIZE 16
#define STORE_MEDIA_MAX 500

struct store_medium {
    struct name serial;                /* as printed on it, or on its seal */
    char kind[STORE_MEDIUM_WORD_SIZE]; /* token, card, bag, paper, disk */
    struct name place;
    struct name custodian;
    int64_t inspection_due_utc_us;
    char state[STORE_MEDIUM_WORD_SIZE]; /* kept, destroyed; in a list also unconfirmed */
    int64_t ver;
    int64_t updated_at_utc_us;
};

struct store_medium_list {
    struct store_medium *rows;
    size_t count;
};

/* Adds a medium, kept, ver 1; STATUS_EXISTS. */
MUST_CHECK enum status store_medium_add(struct store_tx *tx, const struct store_medium *row, struct fault *fault);

/* Reads one and locks it until the end of the transaction; STATUS_NOT_FOUND. */
MUST_CHECK enum status store_medium_get_locked(struct store_medium *out, struct store_tx *tx, const struct name *serial,
                                               struct fault *fault);

/*
 * Writes place, custodian, inspection_due and state of a row whose version is row->ver, and adds one to it.
 * STATUS_CONFLICT when it is another.
 */
MUST_CHECK enum status store_medium_change(struct store_tx *tx, const struct store_medium *row, struct fault *fault);

/* Media with a serial above `after` ("" for the first), by serial, at most `limit`. */
MUST_CHECK enum status store_medium_list(struct store_medium_list *out, const struct store_tx *tx, const char *after,
                                         unsigned limit, struct fault *fault);

/* The same of those that are kept and whose inspection is due at or before `now_utc_us`. */
MUST_CHECK enum status store_medium_list_overdue(struct store_medium_list *out, const struct store_tx *tx,
                                                 int64_t now_utc_us, const char *after, unsigned limit,
                                                 struct fault *fault);

/* Frees and empties. */
void store_medium_list_free(struct store_medium_list *list);

#endif
