/*
 * What a transaction is inside the store. Internal to the store.
 */
#ifndef STRONGROOM_STORE_POOL_H
#define STRONGROOM_STORE_POOL_H

#include "session.h"
#include "store/trail_write.h"

#define TX_CALLS_MAX 16

struct store_tx {
    struct store *store;
    struct session *session;
    size_t slot;
    store_end_fn *calls[TX_CALLS_MAX];
    void *contexts[TX_CALLS_MAX];
    int call_count;
};

/*
 * The session of a store with one connection, as long as it is the first one; NULL once it is gone. After this call
 * the store makes no new session.
 */
struct session *store_only_session(struct store *store);

/* The store of a writer, and its session; STATUS_UNAVAILABLE once that is lost. */
MUST_CHECK enum status writer_session(struct store **out_store, struct session **out, struct store_writer *writer,
                                      struct fault *fault);

/* session_run on the session of a transaction; remembers whether running it all again may help. The way to write. */
MUST_CHECK enum status tx_run(struct store_tx *tx, PGresult **out, const struct statement *statement,
                              const struct parameters *parameters, struct fault *fault);

/* The same for what writes nothing and answers nothing: settings of the transaction. */
MUST_CHECK enum status tx_set(const struct store_tx *tx, const struct statement *statement, struct fault *fault);

/* tx_run for a statement that must touch exactly one row: `missing` when it touched none. */
MUST_CHECK enum status tx_run_one(struct store_tx *tx, const struct statement *statement,
                                  const struct parameters *parameters, enum status missing, struct fault *fault);

/* Runs it and reads the first row; STATUS_NOT_FOUND when there is none. Out: all zeros on failure. */
MUST_CHECK enum status tx_read_one(const struct store_tx *tx, void *out, const struct row_shape *shape,
                                   const struct statement *statement, const struct parameters *parameters,
                                   struct fault *fault);

/* All rows of a result: an array of structs, NULL when there are none; the caller frees each row and the array. */
struct row_array {
    void *rows;
    size_t count;
};

/* Runs it and reads all rows. */
MUST_CHECK enum status tx_read_all(const struct store_tx *tx, struct row_array *out, const struct row_shape *shape,
                                   const struct statement *statement, const struct parameters *parameters,
                                   struct fault *fault);

/* Frees the rows and the array. */
void row_array_free(struct row_array *array, const struct row_shape *shape);

#endif
