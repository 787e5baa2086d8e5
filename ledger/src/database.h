/*
 * LMDB, with the one way we open it and our statuses: always synced (never NOSYNC, NOMETASYNC or WRITEMAP), one process
 * at a time, read transactions free to move between threads. Private to the room.
 */
#ifndef STRONGROOM_LEDGER_DATABASE_H
#define STRONGROOM_LEDGER_DATABASE_H

#include <lmdb.h>

#include "base/bytes.h"

#define DATABASE_TABLES_MAX 16
#define DATABASE_HEIGHT_LEN 8

struct database {
    MDB_env *env;
    int owner_fd; /* holds the lock that keeps a second process out */
};

/* A table of the database within a transaction. */
struct table {
    MDB_txn *txn;
    MDB_dbi dbi;
};

/*
 * Opens the folder `path`, made when missing, mode 0700. STATUS_BUSY when it is open already, here or elsewhere;
 * STATUS_CORRUPT when the file in it is shorter than it says.
 */
MUST_CHECK enum status database_open(struct database *out, const char *path, size_t map_size, struct fault *fault);

/* Closes and empties; an empty one is fine. */
void database_close(struct database *database);

/* Begins a transaction, of which there is one at a time when `write`. Ended by database_commit or mdb_txn_abort. */
MUST_CHECK enum status database_begin(MDB_txn **out, const struct database *database, bool write, struct fault *fault);

/* Commits and frees in any case. */
MUST_CHECK enum status database_commit(MDB_txn *txn, struct fault *fault);

/* The handle of a table; made when missing and the transaction writes. */
MUST_CHECK enum status database_table(MDB_dbi *out, MDB_txn *txn, const char *name, bool create, struct fault *fault);

/* An answer of LMDB as a status; MDB_NOTFOUND is STATUS_NOT_FOUND without a fault. */
enum status database_status(int code, const char *where, struct fault *fault);

/* Reads a value (borrowed until the transaction ends or writes). STATUS_NOT_FOUND sets no fault. */
MUST_CHECK enum status table_get(MDB_val *out, const struct table *table, const void *key, size_t key_len,
                                 struct fault *fault);

/*
 * The first key of the table that is not below `from` (borrowed until the transaction ends or writes).
 * STATUS_NOT_FOUND, no fault.
 */
MUST_CHECK enum status table_seek(MDB_val *out_key, const struct table *table, const void *from, size_t from_len,
                                  struct fault *fault);

/* Writes a value over what is there. */
MUST_CHECK enum status table_put(const struct table *table, const MDB_val *key, const MDB_val *value,
                                 struct fault *fault);

/* Empties a table. */
MUST_CHECK enum status table_clear(const struct table *table, struct fault *fault);

/* The last key of a table of heights, 0 when it is empty; STATUS_CORRUPT for a key of another length. */
MUST_CHECK enum status table_last_height(uint64_t *out, const struct table *table, struct fault *fault);

/* Compares all rows. STATUS_CORRUPT naming `where` when they differ. */
MUST_CHECK enum status table_compare(const struct table *a, const struct table *b, const char *where,
                                     struct fault *fault);

/* Heights as keys: big-endian, so that they sort. */
void height_encode(uint8_t out8[DATABASE_HEIGHT_LEN], uint64_t height);
uint64_t height_decode(const uint8_t bytes8[DATABASE_HEIGHT_LEN]);

#endif
