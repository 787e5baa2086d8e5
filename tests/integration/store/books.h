/*
 * A migrated database of its own, and ways to look at it and tamper with it as superuser. For tests of what stands on
 * the store. Everything here ends the test when it fails.
 */
#ifndef STRONGROOM_TEST_BOOKS_H
#define STRONGROOM_TEST_BOOKS_H

#include "store/store.h"
#include "store/withdrawal.h"
#include "test/test_place.h"

struct books {
    struct test_database database;
};

/* Makes and migrates a database. */
void books_open_migrated(struct books *books);

/* The same sooner: a copy of one that was migrated earlier in this run. What migrations grant on the database itself
 * (not on what is in it) is missing. */
void books_open(struct books *books);

/* Forgets it; it goes away with the cluster. */
void books_close(struct books *books);

/* A connection string for a role of the schema. */
const char *books_conninfo(char out[256], const struct books *books, const char *role);

/* A store of `connections` sessions of a role. */
struct store *books_store(const struct books *books, const char *role, unsigned connections);

/* Runs SQL as superuser; it must succeed. */
void books_sql(const struct books *books, const char *sql);

/* The same for a statement with one value as its result. */
long books_number(const struct books *books, const char *sql);

/* Runs SQL as a role; copies the SQLSTATE, "" when it succeeded. */
const char *books_sqlstate(char out[6], const struct books *books, const char *role, const char *sql);

/* Leaves the processor to others for a moment, between two looks. */
void books_pause(void);

/* Makes every COMMIT of the cluster wait for a standby that does not exist, or no longer. */
void books_sync_commit(const struct books *books, bool on);

/* What ends the wait of such a COMMIT after it took place: its session, or the wait alone. */
#define BOOKS_CUT "pg_terminate_backend(pid, 5000)"
#define BOOKS_CANCEL "pg_cancel_backend(pid)"

/* Waits until a COMMIT of the role waits, and ends that. */
void books_end_waiting(const struct books *books, const char *role, const char *how);

/* Commits while such a COMMIT waits and cuts its session there, after it took place: what store_commit says. */
enum status books_cut_waiting_commit(const struct books *books, struct store_tx *tx);

/* A transaction that writes, and its end. */
struct store_tx *books_begin(struct store *store);
void books_commit(struct store_tx *tx);

/* Adds a withdrawal in a transaction of its own. */
void books_insert(struct store *store, struct store_withdrawal *row);

/* A withdrawal as a request makes it; `key` is its idempotency key. */
struct store_withdrawal books_withdrawal(const char *key);

#endif
