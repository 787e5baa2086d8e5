/*
 * The connections to PostgreSQL and the transactions on them.
 *
 * A store is a fixed number of sessions of one database role. Every session is checked when it is made: the role, the
 * schema version, that tables are tables without rules and row security, a primary server, durable commits (fsync,
 * full_page_writes, synchronous_commit=remote_apply, which is a local flush where no synchronous standby is named), and
 * that the role that reads the trail begins read-only. A lost session is made again, with growing pauses.
 *
 * Thread-safe; a transaction belongs to one thread. No statement is retried behind the caller's back except by
 * store_transact and store_read. Sources: audit-format 1.5 and 2.4, PostgreSQL 15 documentation, libpq.
 */
#ifndef STRONGROOM_STORE_STORE_H
#define STRONGROOM_STORE_STORE_H

#include <stdint.h>

#include "base/status.h"

/* The number of the newest migration that this program knows; a database of another one is refused. */
#define STORE_SCHEMA_VERSION 33

#define STORE_CONNECTIONS_MAX 64

struct store;
struct store_tx;

struct store_config {
    const char *conninfo;         /* libpq keywords or URI */
    const char *role;             /* the role the session must have, such as "strongroom_app" */
    unsigned connections;         /* 1..STORE_CONNECTIONS_MAX */
    int64_t acquire_timeout_ms;   /* how long a caller waits for a free session */
    int64_t statement_timeout_ms; /* for each statement and, on the client's side, for COMMIT */
};

enum store_access {
    STORE_READ_WRITE, /* READ COMMITTED; read-only where the role is */
    STORE_READ_ONLY,  /* READ COMMITTED, READ ONLY */
    STORE_SNAPSHOT,   /* REPEATABLE READ, READ ONLY */
};

/* A session on the server. A process id is given again when its process is gone; together they are not. */
struct store_backend {
    int64_t pid;
    int64_t role; /* oid */
    int64_t began_utc_us;
};

/* How a transaction ended, for those who asked to be told. */
enum store_end {
    STORE_COMMITTED,
    STORE_ROLLED_BACK,
    STORE_UNKNOWN, /* the reply to COMMIT did not arrive or was not plain */
};

typedef void store_end_fn(void *context, enum store_end end);
typedef enum status store_work_fn(struct store_tx *tx, void *context, struct fault *fault);
/* What is given a const transaction has nothing to write with. */
typedef enum status store_read_fn(const struct store_tx *tx, void *context, struct fault *fault);

/*
 * Opens a store and its first session; the strings of `config` are copied. Out: owned by the caller.
 * STATUS_UNAVAILABLE when the server could not be reached (retry), STATUS_VERSION for another schema version,
 * STATUS_NOT_READY when a setting is not durable, STATUS_NOT_PERMITTED for another role.
 */
MUST_CHECK enum status store_open(struct store **out, const struct store_config *config, struct fault *fault);

/* Closes all sessions; no transaction may be open. NULL is fine. */
void store_close(struct store *store);

/*
 * Checks one session as at its start (settings, schema version, tables). STATUS_OK or why effects must stop:
 * STATUS_UNAVAILABLE also when the server's disk was full and no event was committed since. After STATUS_CORRUPT (a
 * table is missing, or is one that may hide rows) no session from before is used again: who asks is refused, as any new
 * session is, until it is mended.
 */
MUST_CHECK enum status store_check(struct store *store, struct fault *fault);

/*
 * Begins a transaction on a free session. Out: ended by store_commit or store_rollback, exactly one of them.
 * STATUS_BUSY when no session became free in time, STATUS_UNAVAILABLE.
 */
MUST_CHECK enum status store_begin(struct store_tx **out, struct store *store, enum store_access access,
                                   struct fault *fault);

/*
 * Commits and gives the session back. STATUS_OK only for the command tag COMMIT without any warning.
 * STATUS_OUTCOME_UNKNOWN when the reply was lost, late, or came with SQLSTATE 01000 (a standby did not confirm);
 * STATUS_CONFLICT when the server answered ROLLBACK. `tx` is gone in every case.
 */
MUST_CHECK enum status store_commit(struct store_tx *tx, struct fault *fault);

/* Rolls back and gives the session back. `tx` is gone. NULL is fine. */
void store_rollback(struct store_tx *tx);

/*
 * Asks to be told how the transaction ends; called after its end, in order of registration, on the thread that ends it.
 * At most 16 per transaction: STATUS_OVERFLOW.
 */
MUST_CHECK enum status store_tx_on_end(struct store_tx *tx, store_end_fn *call, void *context);

/* The transaction's session on the server. */
struct store_backend store_tx_backend(const struct store_tx *tx);

/*
 * Whether this session is no longer on the server: then whatever it was committing has ended. When a session of another
 * role began, the server does not tell; such a one also counts as there when a later one of that role has its process
 * id.
 */
MUST_CHECK enum status store_backend_gone(bool *out, const struct store_tx *tx, const struct store_backend *backend,
                                          struct fault *fault);

/*
 * Runs `work` in a transaction and commits it. When the server reports a serialization failure, a deadlock or a lock
 * timeout (40001, 40P01, 55P03), rolls back and runs it again, at most 5 times with growing, jittered pauses; then
 * STATUS_BUSY. `work` must therefore have no effect outside the transaction. A failure of `work` rolls back and is the
 * result. STATUS_OUTCOME_UNKNOWN is never retried.
 */
MUST_CHECK enum status store_transact(struct store *store, store_work_fn *work, void *context, struct fault *fault);

/*
 * Runs `work` in a READ ONLY transaction, again as store_transact does, and rolls it back: with nothing to commit there
 * is no outcome to doubt, so reads go on while no COMMIT is confirmed. A write by `work` does not compile, and the
 * server would refuse it.
 */
MUST_CHECK enum status store_read(struct store *store, store_read_fn *work, void *context, struct fault *fault);

#endif
