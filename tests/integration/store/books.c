/*
 * Databases of tests: migrated by the real migrations/apply, looked at by plain libpq.
 */
#include "books.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <pthread.h>

#define TEMPLATE "books_template"

static void migrate(const char *database)
{
    char apply[TEST_PATH_SIZE * 2];
    cr_assert_eq(setenv("PGDATABASE", database, 1), 0);
    test_source_path(apply, "migrations/apply");
    const char *const argv[] = {apply, NULL};
    cr_assert_eq(test_run(argv), 0);
    cr_assert_eq(setenv("PGDATABASE", "postgres", 1), 0);
}

void books_open_migrated(struct books *books)
{
    test_database_make(&books->database);
    migrate(books->database.name);
}

static const struct books cluster = {.database = {.name = "postgres"}};

void books_open(struct books *books)
{
    char sql[256];
    if (books_number(&cluster, "SELECT count(*) FROM pg_database WHERE datname = '" TEMPLATE "'") == 0) {
        books_sql(&cluster, "CREATE DATABASE " TEMPLATE);
        migrate(TEMPLATE);
    }
    long number = books_number(&cluster, "SELECT count(*) FROM pg_database");
    snprintf(books->database.name, sizeof books->database.name, "books_%ld", number);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE " TEMPLATE, books->database.name);
    books_sql(&cluster, sql);
}

void books_close(struct books *books)
{
    books->database = (struct test_database){0};
}

const char *books_conninfo(char out[256], const struct books *books, const char *role)
{
    snprintf(out, 256, "host=%s user=%s dbname=%s", getenv("PGHOST"), role, books->database.name);
    return out;
}

struct store *books_store(const struct books *books, const char *role, unsigned connections)
{
    char conninfo[256];
    const struct store_config config = {
        .conninfo = books_conninfo(conninfo, books, role),
        .role = role,
        .connections = connections,
        .acquire_timeout_ms = 60000,
        .statement_timeout_ms = 60000,
    };
    struct store *store = NULL;
    struct fault fault = {0};
    cr_assert_eq(store_open(&store, &config, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    return store;
}

static PGconn *books_connect(const struct books *books, const char *role)
{
    char conninfo[256];
    PGconn *connection = PQconnectdb(books_conninfo(conninfo, books, role));
    cr_assert_eq(PQstatus(connection), CONNECTION_OK, "%s", PQerrorMessage(connection));
    return connection;
}

void books_sql(const struct books *books, const char *sql)
{
    PGconn *connection = books_connect(books, "postgres");
    PGresult *result = PQexec(connection, sql);
    ExecStatusType kind = PQresultStatus(result);
    cr_assert(kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

long books_number(const struct books *books, const char *sql)
{
    PGconn *connection = books_connect(books, "postgres");
    PGresult *result = PQexec(connection, sql);
    cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", sql, PQerrorMessage(connection));
    cr_assert_eq(PQntuples(result), 1);
    long number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(connection);
    return number;
}

const char *books_sqlstate(char out[6], const struct books *books, const char *role, const char *sql)
{
    PGconn *connection = books_connect(books, role);
    PGresult *result = PQexec(connection, sql);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(out, 6, "%s", sqlstate == NULL ? "" : sqlstate);
    PQclear(result);
    PQfinish(connection);
    return out;
}

/* Whether a COMMIT that writes something waits for a standby; it does not wait on. */
static bool commit_waits(const struct books *books)
{
    char sql[128];
    PGconn *connection = books_connect(books, "postgres");
    PQclear(PQexec(connection, "SET synchronous_commit = on"));
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = %d",
             PQbackendPID(connection));
    cr_assert_eq(PQsendQuery(connection, "SELECT pg_logical_emit_message(true, 'commit', '')"), 1);
    bool waits = false;
    while (!waits && PQconsumeInput(connection) == 1 && PQisBusy(connection)) {
        waits = books_number(books, sql) == 1;
    }
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(connection));
    books_sql(books, sql);
    PQfinish(connection);
    return waits;
}

void books_pause(void)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    (void)nanosleep(&pause, NULL);
}

/* New sessions know it at once; the process that makes commits wait learns it a moment later. */
void books_sync_commit(const struct books *books, bool on)
{
    books_sql(books, on ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
                        : "ALTER SYSTEM RESET synchronous_standby_names");
    books_sql(books, "SELECT pg_reload_conf()");
    while (commit_waits(books) != on) {
        books_pause();
    }
}

void books_end_waiting(const struct books *books, const char *role, const char *how)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "DO $$ BEGIN"
             " WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = '%s') LOOP"
             "   PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();"
             " END LOOP;"
             " PERFORM %s FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = '%s'; END $$",
             role, how, role);
    books_sql(books, sql);
}

static void *cut_waiting(void *context)
{
    books_end_waiting(context, "strongroom_app", BOOKS_CUT);
    return NULL;
}

enum status books_cut_waiting_commit(const struct books *books, struct store_tx *tx)
{
    pthread_t cutter;
    struct books copy = *books;
    cr_assert_eq(pthread_create(&cutter, NULL, cut_waiting, &copy), 0);
    enum status status = store_commit(tx, NULL);
    cr_assert_eq(pthread_join(cutter, NULL), 0);
    return status;
}

struct store_tx *books_begin(struct store *store)
{
    struct store_tx *tx = NULL;
    struct fault fault = {0};
    cr_assert_eq(store_begin(&tx, store, STORE_READ_WRITE, &fault), STATUS_OK, "%s", fault.detail);
    return tx;
}

void books_commit(struct store_tx *tx)
{
    struct fault fault = {0};
    cr_assert_eq(store_commit(tx, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
}

void books_insert(struct store *store, struct store_withdrawal *row)
{
    struct store_tx *tx = books_begin(store);
    struct fault fault = {0};
    cr_assert_eq(store_withdrawal_insert(tx, row, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    books_commit(tx);
}

struct store_withdrawal books_withdrawal(const char *key)
{
    struct store_withdrawal row = {
        .amount = amount_from_u64(1250),
        .requested_at_utc_us = clock_utc_us(clock_system()),
    };
    row.expires_at_utc_us = row.requested_at_utc_us + 3600 * 1000000LL;
    cr_assert_eq(uuid_generate(&row.id, clock_system()), STATUS_OK);
    cr_assert_eq(name_parse(&row.tenant, "main"), STATUS_OK);
    cr_assert_eq(name_parse(&row.wallet, "hot-1"), STATUS_OK);
    cr_assert_eq(name_parse(&row.requester, "rita"), STATUS_OK);
    snprintf(row.idempotency_key, sizeof row.idempotency_key, "%s", key);
    memset(row.destination, 'a', sizeof row.destination - 1);
    memcpy(row.destination, "sr1", 3);
    memset(row.account, 'b', sizeof row.account - 1);
    memcpy(row.account, "sr1", 3);
    digest_sha256(&row.request, key, strlen(key));
    digest_sha256(&row.asset, "asset", 5);
    return row;
}
