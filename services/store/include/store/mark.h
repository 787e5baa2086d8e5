/*
 * Marks: the last value seen of something that is watched, so that each change is told once. Whoever changes a mark in
 * a transaction writes the entry about the change in the same one.
 */
#ifndef STRONGROOM_STORE_MARK_H
#define STRONGROOM_STORE_MARK_H

#include "store/store.h"

#define STORE_MARK_SUBJECT_SIZE 256
#define STORE_MARK_VALUE_SIZE 128

/* How a value was found. */
struct store_mark {
    char previous[STORE_MARK_VALUE_SIZE]; /* "": never seen */
    bool changed;                         /* it was another one, and is this one now */
    int64_t changed_at_utc_us;            /* since when it is this one, by the database's clock */
};

/*
 * Sets the mark of `subject` to `value` (both printable ASCII without spaces, not empty). Of several sessions that set
 * the same value at once, one finds it changed.
 */
MUST_CHECK enum status store_mark_set(struct store_mark *out, struct store_tx *tx, const char *subject,
                                      const char *value, struct fault *fault);

/*
 * The same, but a mark that has the value `lasting` keeps it: whoever saw something else saw it before. Then it is not
 * changed.
 */
MUST_CHECK enum status store_mark_set_unless(struct store_mark *out, struct store_tx *tx, const char *subject,
                                             const char *value, const char *lasting, struct fault *fault);

/* The value of a mark; STATUS_NOT_FOUND. */
MUST_CHECK enum status store_mark_get(char out[STORE_MARK_VALUE_SIZE], const struct store_tx *tx, const char *subject,
                                      struct fault *fault);

#endif
