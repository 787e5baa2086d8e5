/*
 * One session: connecting, checking that commits are durable, running statements with a deadline on our side, and
 * translating SQLSTATE into a status. Every wait is bounded, so that a server that hangs cannot hold a caller for ever.
 */
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#include "base/clock.h"
#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The server ends a statement at its own timeout; we wait this much longer for it to say so. */
#define SESSION_GRACE_MS 2000

struct sqlstate_row {
    const char *prefix;
    enum status status;
};

/* The first row whose prefix fits. */
static const struct sqlstate_row sqlstate_rows[] = {
    {"23505", STATUS_EXISTS},        {"23503", STATUS_NOT_FOUND},   {"23001", STATUS_CONFLICT},
    {"23", STATUS_INVALID},          {"22", STATUS_INVALID},        {"40001", STATUS_BUSY},
    {"40P01", STATUS_BUSY},          {"55P03", STATUS_BUSY},        {"57014", STATUS_TIMED_OUT},
    {"42501", STATUS_NOT_PERMITTED}, {"08", STATUS_UNAVAILABLE},    {"53", STATUS_UNAVAILABLE},
    {"57", STATUS_UNAVAILABLE},      {"25006", STATUS_UNAVAILABLE}, {"58", STATUS_IO},
    {"XX", STATUS_CORRUPT},
};

static enum status sqlstate_status(const char *sqlstate)
{
    for (size_t i = 0; i < COUNT(sqlstate_rows); i++) {
        if (strncmp(sqlstate, sqlstate_rows[i].prefix, strlen(sqlstate_rows[i].prefix)) == 0) {
            return sqlstate_rows[i].status;
        }
    }
    return STATUS_INTERNAL;
}

/* Class 01 during a COMMIT says that no standby confirmed it. */
static void session_notice(void *context, const PGresult *result)
{
    struct session *session = context;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate != NULL && strncmp(sqlstate, "01", 2) == 0) {
        session->warned = true;
        log_event(LOG_LEVEL_WARNING, "store.warning", "sqlstate", sqlstate, "text",
                  PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), NULL);
    }
}

static enum status session_lost(struct session *session, enum status status, const char *what, struct fault *fault)
{
    const char *why = PQerrorMessage(session->connection); /* its first line says it, the others give advice */
    session->broken = true;
    return fault_set(fault, status, "postgresql", "%s: %.*s", what, (int)strcspn(why, "\n"), why);
}

/* Waits until the socket can be read (or also written). */
static enum status session_poll(struct session *session, short events, int64_t deadline_us, struct fault *fault)
{
    const struct clock *clock = clock_system();
    for (;;) {
        int64_t left_us = deadline_us - clock_monotonic_us(clock);
        if (left_us <= 0) {
            session->broken = true;
            return fault_set(fault, STATUS_TIMED_OUT, "postgresql", "no answer before the deadline");
        }
        struct pollfd fd = {.fd = PQsocket(session->connection), .events = events};
        int ready = poll(&fd, 1, (int)(left_us / 1000) + 1);
        if (ready > 0) {
            return STATUS_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return session_lost(session, STATUS_UNAVAILABLE, "poll", fault);
        }
    }
}

static enum status session_flush(struct session *session, int64_t deadline_us, struct fault *fault)
{
    for (;;) {
        int rest = PQflush(session->connection);
        if (rest == 0) {
            return STATUS_OK;
        }
        if (rest < 0) {
            return session_lost(session, STATUS_UNAVAILABLE, "could not send", fault);
        }
        enum status status = session_poll(session, POLLIN | POLLOUT, deadline_us, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (PQconsumeInput(session->connection) == 0) {
            return session_lost(session, STATUS_UNAVAILABLE, "connection lost", fault);
        }
    }
}

/* Waits until a result can be taken without blocking. */
static enum status session_ready(struct session *session, int64_t deadline_us, struct fault *fault)
{
    while (PQisBusy(session->connection)) {
        enum status status = session_poll(session, POLLIN, deadline_us, fault);
        if (status != STATUS_OK) {
            return status;
        }
        if (PQconsumeInput(session->connection) == 0) {
            return session_lost(session, STATUS_UNAVAILABLE, "connection lost", fault);
        }
    }
    return STATUS_OK;
}

/* Collects the last result of what was sent. */
static enum status session_collect(struct session *session, PGresult **out, int64_t deadline_us, struct fault *fault)
{
    PGresult *last = NULL;
    enum status status = session_flush(session, deadline_us, fault);
    for (bool more = true; more && status == STATUS_OK;) {
        status = session_ready(session, deadline_us, fault);
        PGresult *next = status == STATUS_OK ? PQgetResult(session->connection) : NULL;
        more = next != NULL;
        if (more) {
            PQclear(last);
            last = next;
        }
    }
    if (status == STATUS_OK && (last == NULL || PQstatus(session->connection) != CONNECTION_OK)) {
        status = session_lost(session, STATUS_UNAVAILABLE, "connection lost", fault);
    }
    if (status != STATUS_OK) {
        PQclear(last);
        return status;
    }
    *out = last;
    return STATUS_OK;
}

static int64_t session_deadline_us(const struct session *session, int64_t grace_ms)
{
    return clock_monotonic_us(clock_system()) + (session->timeout_ms + grace_ms) * 1000;
}

/* What the server could not do for want of room, time or itself: no fault of what was asked. */
static bool is_of_the_server(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_TIMED_OUT || status == STATUS_IO;
}

/* Judges a result; takes it over unless it is the good one. */
static enum status session_judge(struct session *session, PGresult *result, const char *what, struct fault *fault)
{
    ExecStatusType kind = PQresultStatus(result);
    if (kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK) {
        return STATUS_OK;
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(session->sqlstate, sizeof session->sqlstate, "%s", sqlstate == NULL ? "08006" : sqlstate);
    if (sqlstate == NULL) {
        session->broken = true;
    }
    enum status status = sqlstate_status(session->sqlstate);
    text = text == NULL ? "no answer" : text;
    if (is_of_the_server(status)) {
        return fault_set(fault, status, "postgresql", "%s: %s (SQLSTATE %s)", what, text, session->sqlstate);
    }
    /* The constraint tells a caller more than the text and holds no value. */
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
    return fault_set(fault, status, constraint == NULL ? what : constraint, "%s (SQLSTATE %s)", text,
                     session->sqlstate);
}

static enum status session_finish(struct session *session, PGresult **out, int sent, const char *what,
                                  struct fault *fault)
{
    session->sqlstate[0] = 0;
    if (!sent) {
        return session_lost(session, STATUS_UNAVAILABLE, "could not send", fault);
    }
    PGresult *result = NULL;
    enum status status = session_collect(session, &result, session_deadline_us(session, SESSION_GRACE_MS), fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = session_judge(session, result, what, fault);
    if (status == STATUS_OK && out != NULL) {
        *out = result;
        return STATUS_OK;
    }
    PQclear(result);
    return status;
}

enum status session_run_text(struct session *session, const char *sql, struct fault *fault)
{
    if (session->broken) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the connection was lost");
    }
    return session_finish(session, NULL, PQsendQuery(session->connection, sql), "statement", fault);
}

static enum status session_prepare(struct session *session, const struct statement *statement, struct fault *fault)
{
    for (int i = 0; i < session->prepared_count; i++) {
        if (session->prepared[i] == statement) {
            return STATUS_OK;
        }
    }
    INVARIANT(session->prepared_count < SESSION_STATEMENTS_MAX);
    enum status status =
        session_finish(session, NULL, PQsendPrepare(session->connection, statement->name, statement->sql, 0, NULL),
                       statement->name, fault);
    if (status == STATUS_OK) {
        session->prepared[session->prepared_count++] = statement;
    }
    return status;
}

/* Out: the name under which the text is prepared. */
static enum status session_prepare_made(char out_name[24], struct session *session, const struct statement *statement,
                                        struct fault *fault)
{
    struct digest digest;
    int i = 0;
    digest_sha256(&digest, statement->sql, strlen(statement->sql));
    while (i < session->made_count && !digest_equal(&session->made[i], &digest)) {
        i++;
    }
    (void)snprintf(out_name, 24, "made_%d", i);
    if (i < session->made_count) {
        return STATUS_OK;
    }
    INVARIANT(i < SESSION_MADE_MAX);
    enum status status = session_finish(
        session, NULL, PQsendPrepare(session->connection, out_name, statement->sql, 0, NULL), statement->name, fault);
    if (status == STATUS_OK) {
        session->made[session->made_count++] = digest;
    }
    return status;
}

/* Sends a statement that was prepared. */
static int session_send(struct session *session, const char *name, const struct parameters *p)
{
    return PQsendQueryPrepared(session->connection, name, p->count, p->values, p->lengths, p->formats, 1);
}

enum status session_run(struct session *session, PGresult **out, const struct statement *statement,
                        const struct parameters *parameters, struct fault *fault)
{
    static const struct parameters none;
    const struct parameters *p = parameters == NULL ? &none : parameters;
    INVARIANT(p->count == statement->parameters);
    if (session->broken) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the connection was lost");
    }
    if (statement->once) {
        int asked = PQsendQueryParams(session->connection, statement->sql, p->count, NULL, p->values, p->lengths,
                                      p->formats, 1);
        return session_finish(session, out, asked, statement->name, fault);
    }
    char name[24];
    enum status status = statement->made ? session_prepare_made(name, session, statement, fault)
                                         : session_prepare(session, statement, fault);
    if (status != STATUS_OK) {
        return status;
    }
    int sent = session_send(session, statement->made ? name : statement->name, p);
    return session_finish(session, out, sent, statement->name, fault);
}

/*
 * The result of what commits, sent or not. Only an error that the server reports without ending the session says that
 * it did not commit; whatever is neither that nor a plain confirmation leaves the outcome unknown.
 */
static enum status session_confirm(struct session *session, PGresult **out, int sent, int64_t grace_ms,
                                   const char *what, struct fault *fault)
{
    struct fault why = {0};
    PGresult *result = NULL;
    enum status status = STATUS_UNAVAILABLE;
    if (sent) {
        status = session_collect(session, &result, session_deadline_us(session, grace_ms), &why);
    }
    if (status != STATUS_OK) {
        session->broken = true;
        return fault_set(fault, STATUS_OUTCOME_UNKNOWN, what, "the reply was lost: %s", why.detail);
    }
    ExecStatusType kind = PQresultStatus(result);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (kind == PGRES_FATAL_ERROR && severity != NULL && strcmp(severity, "ERROR") == 0) {
        status = session_judge(session, result, what, fault);
    } else if ((kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK) || session->warned) {
        session->broken = true;
        status = fault_set(fault, STATUS_OUTCOME_UNKNOWN, what, "the server did not confirm it plainly");
    }
    if (status != STATUS_OK) {
        PQclear(result);
        return status;
    }
    *out = result;
    return STATUS_OK;
}

enum status session_run_alone(struct session *session, PGresult **out, const struct statement *statement,
                              const struct parameters *parameters, struct fault *fault)
{
    INVARIANT(parameters->count == statement->parameters);
    if (session->broken) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the connection was lost");
    }
    enum status status = session_prepare(session, statement, fault);
    if (status != STATUS_OK) {
        return status;
    }
    session->warned = false;
    session->sqlstate[0] = 0;
    return session_confirm(session, out, session_send(session, statement->name, parameters), SESSION_GRACE_MS,
                           statement->name, fault);
}

enum status session_commit(struct session *session, struct fault *fault)
{
    if (session->broken) {
        return fault_set(fault, STATUS_UNAVAILABLE, "commit", "the connection was lost before the commit");
    }
    session->warned = false;
    session->sqlstate[0] = 0;
    PGresult *result = NULL;
    enum status status =
        session_confirm(session, &result, PQsendQuery(session->connection, "COMMIT"), 0, "commit", fault);
    if (status == STATUS_OK && strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        status = fault_set(fault, STATUS_CONFLICT, "commit", "the server answered %s", PQcmdStatus(result));
    }
    PQclear(result);
    return status;
}

static const struct statement check_settings = {
    "session_settings",
    "SELECT current_user::text AS who, pg_is_in_recovery() AS standby,"
    " current_setting('server_version_num')::bigint AS server,"
    " current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'"
    " AND current_setting('data_sync_retry') = 'off'"
    " AND current_setting('synchronous_commit') = 'remote_apply' AS durable,"
    " current_user <> 'strongroom_auditor' OR current_setting('default_transaction_read_only') = 'on' AS reads,"
    " to_regclass('strongroom.migration') IS NOT NULL AS migrated,"
    " coalesce((SELECT min(expected) FROM unnest(ARRAY['audit.checkpoint', 'audit.cosignature', "
    "'audit.head', 'audit.leaf',"
    " 'audit.pending', 'audit.pii', 'audit.tile', 'custody.approval', 'custody.document', 'custody.lane',"
    " 'custody.mark', 'custody.medium', 'custody.move', 'custody.object_ordinal', 'custody.outbox', 'custody.posting', "
    "'custody.reservation',"
    " 'custody.token', 'custody.withdrawal']) AS expected WHERE NOT EXISTS (SELECT FROM pg_class AS c"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname = expected"
    " AND c.relkind IN ('r', 'p'))), '') AS missing,"
    " coalesce((SELECT left(min(n.nspname || '.' || c.relname), 63) FROM pg_class AS c"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname IN ('audit', 'custody', 'strongroom')"
    " AND n.nspname || '.' || c.relname <> 'audit.leaf_partition' AND (c.relrowsecurity"
    " OR c.relkind NOT IN ('r', 'p', 'i', 'I', 'S', 'c')" /* a composite type holds no rows and hides none */
    " OR EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class = c.oid)"
    " OR EXISTS (SELECT FROM pg_inherits AS h JOIN pg_class AS part ON part.oid = h.inhrelid"
    " WHERE h.inhparent = c.oid AND part.relkind NOT IN ('r', 'i', 'I')))), '') AS altered,"
    " coalesce(to_regtype('audit.leaf_row')::oid::bigint, 0) AS leaf_row, pid::bigint AS pid, usesysid::bigint AS role,"
    " (extract(epoch FROM backend_start) * 1000000)::bigint AS began FROM pg_stat_get_activity(pg_backend_pid())",
    0,
};

struct settings {
    char who[64];
    bool standby;
    int64_t server;
    bool durable;
    bool reads;
    bool migrated;
    char missing[64];
    char altered[64]; /* a table that may answer something else than what is in it */
    uint64_t leaf_row;
    struct store_backend backend;
};

static const struct column settings_columns[] = {
    COLUMN(struct settings, who, "who", COLUMN_TEXT),
    COLUMN(struct settings, standby, "standby", COLUMN_BOOL),
    COLUMN(struct settings, server, "server", COLUMN_INT64),
    COLUMN(struct settings, durable, "durable", COLUMN_BOOL),
    COLUMN(struct settings, reads, "reads", COLUMN_BOOL),
    COLUMN(struct settings, migrated, "migrated", COLUMN_BOOL),
    COLUMN(struct settings, missing, "missing", COLUMN_TEXT),
    COLUMN(struct settings, altered, "altered", COLUMN_TEXT),
    COLUMN(struct settings, leaf_row, "leaf_row", COLUMN_UINT64),
    COLUMN(struct settings, backend.pid, "pid", COLUMN_INT64),
    COLUMN(struct settings, backend.role, "role", COLUMN_INT64),
    COLUMN(struct settings, backend.began_utc_us, "began", COLUMN_INT64),
};

static const struct row_shape settings_shape = ROW_SHAPE(struct settings, settings_columns);

static const struct statement check_version = {
    "session_version",
    "SELECT coalesce(max(version), 0)::bigint AS version FROM strongroom.migration",
    0,
};

static enum status session_check_version(struct session *session, struct fault *fault)
{
    static const struct column columns[] = {{"version", COLUMN_INT64, false, 0, sizeof(int64_t)}};
    static const struct row_shape shape = ROW_SHAPE(int64_t, columns);
    PGresult *result = NULL;
    enum status status = session_run(session, &result, &check_version, NULL, fault);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t version = 0;
    status = row_decode(&version, &shape, result, 0, fault);
    PQclear(result);
    if (status == STATUS_OK && version != STORE_SCHEMA_VERSION) {
        return fault_set(fault, STATUS_VERSION, "schema",
                         "the database has schema version %" PRId64 ", this program needs %d: %s", version,
                         STORE_SCHEMA_VERSION,
                         version < STORE_SCHEMA_VERSION ? "run migrations/apply" : "install the newer program");
    }
    return status;
}

static enum status settings_judge(const struct settings *settings, const char *role, struct fault *fault)
{
    if (strcmp(settings->who, role) != 0) {
        return fault_set(fault, STATUS_NOT_PERMITTED, "role", "the session is %s, it must be %s", settings->who, role);
    }
    if (settings->server < 150000) {
        return fault_set(fault, STATUS_VERSION, "postgresql", "the server is older than version 15");
    }
    if (settings->standby) {
        return fault_set(fault, STATUS_UNAVAILABLE, "postgresql", "the server is a standby");
    }
    if (!settings->durable) {
        return fault_set(fault, STATUS_NOT_READY, "postgresql",
                         "commits are not durable: fsync, full_page_writes must be on, data_sync_retry off");
    }
    if (!settings->migrated) {
        return fault_set(fault, STATUS_VERSION, "schema", "the database has no schema: run migrations/apply");
    }
    return STATUS_OK;
}

enum status session_check(struct session *session, const char *role, struct fault *fault)
{
    PGresult *result = NULL;
    enum status status = session_run(session, &result, &check_settings, NULL, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct settings settings = {0};
    status = row_decode(&settings, &settings_shape, result, 0, fault);
    PQclear(result);
    if (status == STATUS_OK) {
        status = settings_judge(&settings, role, fault);
    }
    session->backend = settings.backend;
    session->leaf_row = (uint32_t)settings.leaf_row;
    if (status == STATUS_OK) {
        status = session_check_version(session, fault);
    }
    if (status == STATUS_OK && !settings.reads) {
        status = fault_set(fault, STATUS_NOT_READY, "role", "%s must have default_transaction_read_only", settings.who);
    }
    if (status == STATUS_OK && settings.altered[0] != 0) {
        status = fault_set(fault, STATUS_CORRUPT, "schema",
                           "somebody has put a view, a rule, a row-security policy or a foreign table at %s, which "
                           "may hide rows: take it away",
                           settings.altered);
    }
    if (status == STATUS_OK && settings.missing[0] != 0) {
        status = fault_set(fault, STATUS_CORRUPT, "schema", "the table %s is missing: restore the database from backup",
                           settings.missing);
    }
    return status;
}

/*
 * With no synchronous standby named, remote_apply is a local flush. Rows that a policy of the database would keep from
 * us are an error and not missing.
 */
static enum status session_settle(struct session *session, struct fault *fault)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SET synchronous_commit = remote_apply; SET search_path = pg_catalog; SET row_security = off;"
             " SET timezone = 'UTC';"
             " SET client_min_messages = warning; SET statement_timeout = %" PRId64 "; SET lock_timeout = %" PRId64
             "; SET idle_in_transaction_session_timeout = 300000",
             session->timeout_ms, session->timeout_ms);
    return session_run_text(session, sql, fault);
}

static PGconn *session_connect(const char *conninfo)
{
    /* Later keywords win over those of conninfo, which must not weaken them. */
    const char *const names[] = {"dbname",
                                 "connect_timeout",
                                 "keepalives_idle",
                                 "tcp_user_timeout",
                                 "client_encoding",
                                 "application_name",
                                 "target_session_attrs",
                                 "gssencmode", /* libpq would take it for TLS, whatever sslmode says */
                                 NULL};
    const char *const values[] = {conninfo, "3", "5", "10000", "UTF8", "strongroom", "primary", "disable", NULL};
    return PQconnectdbParams(names, values, 1);
}

enum status session_new(struct session **out, const struct store_config *config, struct fault *fault)
{
    enum status status = session_check_transport(config->conninfo, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "session", "%s", "");
    }
    session->timeout_ms = config->statement_timeout_ms;
    session->connection = session_connect(config->conninfo);
    if (session->connection == NULL) {
        status = fault_set(fault, STATUS_NO_MEMORY, "session", "%s", "");
    } else if (PQstatus(session->connection) != CONNECTION_OK) {
        status = session_lost(session, STATUS_UNAVAILABLE, "could not connect", fault);
    } else {
        PQsetNoticeReceiver(session->connection, session_notice, session);
        INVARIANT(PQsetnonblocking(session->connection, 1) == 0);
        status = session_settle(session, fault);
    }
    if (status == STATUS_OK) {
        status = session_check(session, config->role, fault);
    }
    if (status != STATUS_OK) {
        session_free(session);
        return status;
    }
    *out = session;
    return STATUS_OK;
}

void session_free(struct session *session)
{
    if (session != NULL) {
        PQfinish(session->connection);
        free(session);
    }
}
