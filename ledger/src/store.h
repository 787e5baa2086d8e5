/*
 * What the node keeps: blocks, and the state they make. Rows to structs and back, no rules. Private to the room.
 *
 * Tables: meta (genesis document); headers, batches, receipts, certificates by height; balances by account and asset;
 * lanes by account and lane (next sequence); transactions by id (height, index); before: balances as they were before
 * the newest block, while that is not confirmed; anchors by log (the newest note).
 */
#ifndef STRONGROOM_LEDGER_STORE_H
#define STRONGROOM_LEDGER_STORE_H

#include "database.h"
#include "ledger/node.h"

enum ledger_store_table {
    STORE_META,
    STORE_HEADERS,
    STORE_BATCHES,
    STORE_RECEIPTS,
    STORE_CERTIFICATES,
    STORE_BALANCES,
    STORE_LANES,
    STORE_TRANSACTIONS,
    STORE_BEFORE,
    STORE_ANCHORS,
    STORE_TABLE_COUNT,
};

struct store {
    struct database database;
    MDB_dbi tables[STORE_TABLE_COUNT];
};

/* The store within one transaction. The tables of the state may be others than those of the store (replay). */
struct view {
    MDB_txn *txn;
    MDB_dbi tables[STORE_TABLE_COUNT];
};

/* Where a transaction stands. */
struct place {
    uint64_t height;
    uint32_t index;
};

/* Opens the folder; a new one is bound to the genesis document, an old one must hold these bytes (STATUS_MISMATCH). */
MUST_CHECK enum status ledger_store_open(struct store *out, const char *path, const struct bytes *genesis,
                                         struct fault *fault);
void ledger_store_close(struct store *store);

/* Begins a transaction. Ended by view_commit or view_abort. */
MUST_CHECK enum status view_begin(struct view *out, const struct store *store, bool write, struct fault *fault);
MUST_CHECK enum status view_commit(struct view *view, struct fault *fault);
void view_abort(struct view *view);

/* Turns the state tables of a writing view into fresh, empty ones that vanish when it is aborted. */
MUST_CHECK enum status view_shadow(struct view *view, struct fault *fault);

/* Compares the state tables of two views. STATUS_CORRUPT names the table. */
MUST_CHECK enum status view_compare(const struct view *a, const struct view *b, struct fault *fault);

/* Newest block and newest certificate, 0 for none. */
MUST_CHECK enum status view_height(uint64_t *out, const struct view *view, struct fault *fault);
MUST_CHECK enum status view_confirmed_height(uint64_t *out, const struct view *view, struct fault *fault);

/* The bytes of a block in one of the four tables by height (borrowed, see table_get). STATUS_NOT_FOUND, no fault. */
MUST_CHECK enum status view_record(MDB_val *out, const struct view *view, enum ledger_store_table table,
                                   uint64_t height, struct fault *fault);
MUST_CHECK enum status view_record_put(const struct view *view, enum ledger_store_table table, uint64_t height,
                                       const struct bytes *bytes, struct fault *fault);

/* Balance of an account, zero when there is no row. */
MUST_CHECK enum status view_balance(struct ledger_balance *out, const struct view *view,
                                    const struct account_id *account, const struct digest *asset, struct fault *fault);

/* The same before the newest block when that is not confirmed. */
MUST_CHECK enum status view_balance_confirmed(struct ledger_balance *out, const struct view *view,
                                              const struct account_id *account, const struct digest *asset,
                                              struct fault *fault);

/* Writes it, and keeps the first value it had in this block in the table `before`. */
MUST_CHECK enum status view_balance_put(const struct view *view, const struct account_id *account,
                                        const struct digest *asset, const struct ledger_balance *balance,
                                        struct fault *fault);

/* Empties the table `before`: at the start of a block and when it is confirmed. */
MUST_CHECK enum status view_before_clear(const struct view *view, struct fault *fault);

/* Next sequence of a lane, 0 when there is no row. */
MUST_CHECK enum status view_lane_next(uint64_t *out, const struct view *view, const struct account_id *account,
                                      uint64_t lane, struct fault *fault);
MUST_CHECK enum status view_lane_put(const struct view *view, const struct account_id *account, uint64_t lane,
                                     uint64_t next, struct fault *fault);

/* An account with a lane that looks like this one (account_id_alike). STATUS_NOT_FOUND, no fault. */
MUST_CHECK enum status view_sender_alike(struct account_id *out, const struct view *view,
                                         const struct account_id *account, struct fault *fault);

/* Where a transaction used up its sequence. STATUS_NOT_FOUND, no fault. */
MUST_CHECK enum status view_place(struct place *out, const struct view *view, const struct digest *id,
                                  struct fault *fault);
MUST_CHECK enum status view_place_put(const struct view *view, const struct digest *id, const struct place *place,
                                      struct fault *fault);

/* The newest note anchored of a log (borrowed, see table_get). STATUS_NOT_FOUND, no fault. */
MUST_CHECK enum status view_anchor(MDB_val *out, const struct view *view, const struct digest *log,
                                   struct fault *fault);
MUST_CHECK enum status view_anchor_put(const struct view *view, const struct digest *log, const struct bytes *note,
                                       struct fault *fault);

/* Receipts of a block are stored as lines; a document holds no line feed. */
MUST_CHECK enum status receipts_join(struct bytes *out, const struct bytes *receipts, size_t count);

/* Splits them. Out: an array of `count` owned documents; STATUS_CORRUPT when there are not as many. */
MUST_CHECK enum status receipts_split(struct bytes **out, size_t count, const MDB_val *lines, struct fault *fault);
void receipts_free(struct bytes *receipts, size_t count);

#endif
