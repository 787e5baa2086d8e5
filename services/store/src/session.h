/*
 * One checked session with the server, and the running of statements on it with a deadline. Internal to the store.
 */
#ifndef STRONGROOM_STORE_SESSION_H
#define STRONGROOM_STORE_SESSION_H

#include <libpq-fe.h>

#include "row.h"
#include "store/store.h"

#define SESSION_STATEMENTS_MAX 96
#define SESSION_MADE_MAX 64

/* A statement, prepared once per session at its first use. Static; its address is its identity. */
struct statement {
    const char *name;
    const char *sql;
    int parameters;
    bool once; /* made for this run; not prepared */
    bool made; /* made for this run; prepared once per session by its text, of which there are SESSION_MADE_MAX at most
                */
};

struct session {
    PGconn *connection;
    int64_t timeout_ms;
    struct store_backend backend;
    uint32_t leaf_row; /* the number of the type audit.leaf_row in this database */
    bool broken;       /* the connection cannot be used any more */
    bool warned;       /* SQLSTATE class 01 arrived since it was last cleared */
    bool retry;        /* a statement of this transaction failed in a way that a new one may cure */
    char sqlstate[6];  /* of the last failed statement, "" otherwise */
    const struct statement *prepared[SESSION_STATEMENTS_MAX];
    int prepared_count;
    struct digest made[SESSION_MADE_MAX]; /* of the texts that are prepared, each under the name of its position */
    int made_count;
};

/* Connects and checks (store.h: store_open). Out: owned by the caller, session_free. */
MUST_CHECK enum status session_new(struct session **out, const struct store_config *config, struct fault *fault);

/*
 * Whether a connection string leads over a socket folder or loopback, or by TLS with sslmode=verify-full: otherwise
 * STATUS_INVALID (`database.sslmode`). Goes by PGHOST and the like where the string says nothing; a string that names a
 * service must say its sslmode itself.
 */
MUST_CHECK enum status session_check_transport(const char *conninfo, struct fault *fault);

/* Closes. NULL is fine. */
void session_free(struct session *session);

/* Checks settings, role and schema version. */
MUST_CHECK enum status session_check(struct session *session, const char *role, struct fault *fault);

/*
 * Runs a prepared statement. Out: the result (PQclear), of binary columns; NULL `out` drops it. The status follows from
 * the SQLSTATE, which stays in session->sqlstate.
 */
MUST_CHECK enum status session_run(struct session *session, PGresult **out, const struct statement *statement,
                                   const struct parameters *parameters, struct fault *fault);

/* Runs SQL text without parameters. */
MUST_CHECK enum status session_run_text(struct session *session, const char *sql, struct fault *fault);

/*
 * session_run as a transaction of its own, which commits when the statement has ended: with every doubt about its
 * outcome, as session_commit.
 */
MUST_CHECK enum status session_run_alone(struct session *session, PGresult **out, const struct statement *statement,
                                         const struct parameters *parameters, struct fault *fault);

/* COMMIT, with every doubt about its outcome (store.h: store_commit). */
MUST_CHECK enum status session_commit(struct session *session, struct fault *fault);

#endif
