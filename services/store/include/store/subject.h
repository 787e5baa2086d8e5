/*
 * Personal data as it lies in the database: sealed. Only the signer of role privacy opens it.
 */
#ifndef STRONGROOM_STORE_SUBJECT_H
#define STRONGROOM_STORE_SUBJECT_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"
#include "store/store.h"

#define STORE_SUBJECT_FIELD_SIZE 16

struct store_subject_row {
    struct digest commitment;
    struct uuid subject;
    struct uuid event;
    char field[STORE_SUBJECT_FIELD_SIZE];
    struct bytes sealed; /* owned */
    int64_t erase_after_utc_us;
    int64_t recorded_at_utc_us; /* out */
};

struct store_subject_rows {
    struct store_subject_row *rows; /* owned */
    size_t count;
};

/* Adds a row; STATUS_EXISTS. */
MUST_CHECK enum status store_subject_add(struct store_tx *tx, const struct store_subject_row *row, struct fault *fault);

/* The rows of a subject by field, the oldest first, at most `limit`. Out: store_subject_rows_free. */
MUST_CHECK enum status store_subject_list(struct store_subject_rows *out, const struct store_tx *tx,
                                          const struct uuid *subject, unsigned limit, struct fault *fault);

/* Deletes the rows of a subject, however many. */
MUST_CHECK enum status store_subject_delete(struct store_tx *tx, const struct uuid *subject, struct fault *fault);

/* Frees and empties. */
void store_subject_rows_free(struct store_subject_rows *rows);

#endif
