/*
 * Sessions and transactions: what is refused at the start, what a lost or doubtful COMMIT becomes, what is retried, and
 * what each role may not do.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "books.h"
#include "store/pending.h"
#include "store/token.h"
#include "store/trail_read.h"

static struct books books;
static uint8_t braces[] = "{}";
static const struct store_put no_event = {.event = {.data = braces, .len = 2}};
static const struct store_put empty = {.event = {.data = braces, .len = 0}};

static void setup(void)
{
    books_open_migrated(&books);
}

static void teardown(void)
{
    books_close(&books);
}

TestSuite(session, .init = setup, .fini = teardown);

static enum status try_open(const char *user, const char *role, struct fault *fault)
{
    char conninfo[256];
    const struct store_config config = {
        .conninfo = books_conninfo(conninfo, &books, user),
        .role = role,
        .connections = 1,
        .acquire_timeout_ms = 60000,
        .statement_timeout_ms = 60000,
    };
    struct store *store = NULL;
    enum status status = store_open(&store, &config, fault);
    store_close(store);
    return status;
}

static enum status try_travel(const char *conninfo, struct fault *fault)
{
    const struct store_config config = {
        .conninfo = conninfo, .role = "strongroom_app", .connections = 1, .statement_timeout_ms = 60000};
    struct store *store = NULL;
    enum status status = store_open(&store, &config, fault);
    store_close(store);
    return status;
}

/* Nobody listens at any of them: where it may travel it was tried. */
Test(session, a_connection_leaves_the_machine_by_verified_tls_alone)
{
    static const char *const refused[] = {
        "host=db.invalid",
        "host=db.invalid sslmode=require",
        "host=db.invalid sslmode=verify-ca",
        "postgresql://db.invalid/strongroom",
        "hostaddr=192.0.2.1",
        "host=localhost hostaddr=192.0.2.1",
        "host=db.invalid hostaddr=127.0.0.1",
        "host=/nowhere,db.invalid",
        "host=127.0.0.1,,db.invalid port=1",
        "host=127.0.0.1.invalid",
        "host=1270.0.0.1",
        "host=::2",
        "service=elsewhere",
        "service=elsewhere host=/nowhere",
    };
    static const char *const tried[] = {
        "host=/nowhere",
        "host=@nowhere",
        "host=127.0.0.1 port=1",
        "host=127.255.0.3 port=1",
        "host=::1 port=1",
        "host=localhost port=1",
        "host=/nowhere,127.0.0.1 port=1",
        "host=db.invalid sslmode=verify-full",
        "postgresql://db.invalid/strongroom?sslmode=verify-full",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct fault fault = {0};
        cr_expect_eq(try_travel(refused[i], &fault), STATUS_INVALID, "%s: %s", refused[i], fault.detail);
        cr_expect_str_eq(fault.where, "database.sslmode", "%s", refused[i]);
        cr_expect(strstr(fault.detail, "must be verify-full") != NULL, "%s: %s", refused[i], fault.detail);
    }
    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        struct fault fault = {0};
        cr_expect_eq(try_travel(tried[i], &fault), STATUS_UNAVAILABLE, "%s: %s", tried[i], fault.detail);
    }
    cr_expect_eq(try_travel("no keyword", NULL), STATUS_INVALID);
}

Test(session, what_the_string_leaves_to_the_environment_counts)
{
    struct fault fault = {0};
    cr_assert_eq(setenv("PGHOST", "db.invalid", 1), 0);
    cr_expect_eq(try_travel("dbname=strongroom", &fault), STATUS_INVALID);
    cr_expect_eq(try_travel("host=/nowhere", NULL), STATUS_UNAVAILABLE);
    cr_assert_eq(setenv("PGSSLMODE", "verify-full", 1), 0);
    cr_expect_eq(try_travel("dbname=strongroom", NULL), STATUS_UNAVAILABLE);
    cr_expect_eq(try_travel("dbname=strongroom sslmode=prefer", NULL), STATUS_INVALID);
    cr_expect_eq(try_travel("service=elsewhere", NULL), STATUS_INVALID, "its own mode may be another");
}

Test(session, another_schema_version_is_refused_with_an_explanation)
{
    struct fault older = {0};
    struct fault newer = {0};
    struct fault missing = {0};
    books_sql(&books, "INSERT INTO strongroom.migration VALUES (99, 'later', repeat('0', 64))");
    cr_expect_eq(try_open("strongroom_app", "strongroom_app", &newer), STATUS_VERSION);
    cr_expect(strstr(newer.detail, "install the newer program") != NULL, "%s", newer.detail);
    books_sql(&books, "DELETE FROM strongroom.migration WHERE version > 2");
    cr_expect_eq(try_open("strongroom_app", "strongroom_app", &older), STATUS_VERSION);
    cr_expect(strstr(older.detail, "migrations/apply") != NULL, "%s", older.detail);
    books_sql(&books, "DROP TABLE strongroom.migration");
    cr_expect_eq(try_open("strongroom_app", "strongroom_app", &missing), STATUS_VERSION);
}

Test(session, another_role_and_a_missing_server_are_told_apart)
{
    struct fault role = {0};
    struct fault absent = {0};
    cr_expect_eq(try_open("postgres", "strongroom_app", &role), STATUS_NOT_PERMITTED);
    const struct store_config config = {
        .conninfo = "host=/nonexistent", .role = "x", .connections = 1, .statement_timeout_ms = 1000};
    struct store *store = NULL;
    cr_expect_eq(store_open(&store, &config, &absent), STATUS_UNAVAILABLE);
    cr_expect_str_eq(absent.where, "postgresql");
    cr_expect(strchr(absent.detail, '?') == NULL, "%s", absent.detail); /* no line of advice, made printable */
}

/* A full disk says so itself (53100), a damaged row in either way (XX); here a trigger does. */
Test(session, what_the_server_cannot_do_is_told_of_the_database)
{
    static const struct {
        const char *sqlstate;
        enum status status;
    } rows[] = {{"53100", STATUS_UNAVAILABLE}, {"XX000", STATUS_CORRUPT}, {"XX001", STATUS_CORRUPT}};
    struct store *store = books_store(&books, "strongroom_app", 1);
    books_sql(&books,
              "CREATE TABLE public.said (sqlstate text); INSERT INTO public.said VALUES (''); GRANT SELECT ON"
              " public.said TO PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC; CREATE FUNCTION cannot() RETURNS trigger"
              " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'it cannot' USING ERRCODE ="
              " (SELECT sqlstate FROM public.said); END $$;"
              "CREATE TRIGGER cannot BEFORE INSERT ON audit.pending FOR EACH ROW EXECUTE FUNCTION cannot()");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault fault = {0};
        struct store_tx *tx = NULL;
        char text[64];
        (void)snprintf(text, sizeof(text), "UPDATE public.said SET sqlstate = '%s'", rows[i].sqlstate);
        books_sql(&books, text);
        cr_assert_eq(store_begin(&tx, store, STORE_READ_WRITE, &fault), STATUS_OK);
        cr_expect_eq(store_pending_put(tx, &no_event, &fault), rows[i].status, "%s", rows[i].sqlstate);
        cr_expect_eq(strcmp(fault.where, "postgresql") == 0, rows[i].status == STATUS_UNAVAILABLE, "%s", fault.where);
        (void)snprintf(text, sizeof(text), "it cannot (SQLSTATE %s)", rows[i].sqlstate);
        cr_expect(strstr(fault.detail, text) != NULL, "%s", fault.detail);
        store_rollback(tx);
    }
    store_close(store);
}

Test(session, fsync_off_is_refused)
{
    struct fault fault = {0};
    books_sql(&books, "ALTER SYSTEM SET full_page_writes = off");
    books_sql(&books, "SELECT pg_reload_conf()");
    while (books_number(&books,
                        "SELECT count(*) FROM pg_settings WHERE name = 'full_page_writes' AND setting = 'on'") != 0) {
        books_pause();
    }
    enum status status = try_open("strongroom_app", "strongroom_app", &fault);
    books_sql(&books, "ALTER SYSTEM RESET full_page_writes");
    books_sql(&books, "SELECT pg_reload_conf()");
    cr_expect_eq(status, STATUS_NOT_READY);
}

/* A grant too many and a question that could write: the session of the reader does not. */
Test(session, the_role_that_answers_questions_begins_read_only)
{
    struct fault fault = {0};
    struct store *store = books_store(&books, "strongroom_auditor", 1);
    struct store_tx *tx = NULL;
    books_sql(&books, "GRANT INSERT, SELECT ON audit.pending TO strongroom_auditor");
    for (int access = STORE_READ_WRITE; access <= STORE_SNAPSHOT; access++) {
        cr_assert_eq(store_begin(&tx, store, (enum store_access)access, &fault), STATUS_OK);
        cr_expect_neq(store_pending_put(tx, &no_event, &fault), STATUS_OK);
        cr_expect(strstr(fault.detail, "read-only") != NULL, "%s", fault.detail);
        store_rollback(tx);
        fault_clear(&fault);
    }
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 0);
    store_close(store);
}

Test(session, a_reader_that_may_begin_to_write_is_refused)
{
    struct fault fault = {0};
    books_sql(&books, "DO $$ BEGIN EXECUTE format('ALTER ROLE strongroom_auditor IN DATABASE %I SET "
                      "default_transaction_read_only = off', current_database()); END $$");
    cr_expect_eq(try_open("strongroom_auditor", "strongroom_auditor", &fault), STATUS_NOT_READY);
    cr_expect_str_eq(fault.where, "role");
    cr_expect_eq(try_open("strongroom_app", "strongroom_app", &fault), STATUS_OK);
}

static void note_end(void *context, enum store_end end)
{
    *(enum store_end *)context = end;
}

static struct store_tx *begin_noted(struct store *store, enum store_end *end)
{
    struct store_tx *tx = NULL;
    struct fault fault = {0};
    cr_assert_eq(store_begin(&tx, store, STORE_READ_WRITE, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(store_tx_on_end(tx, note_end, end), STATUS_OK);
    return tx;
}

/* A superuser can have the server leave rows out of what it answers, without a change to any of them. */
Test(session, what_a_policy_would_hide_is_an_error_and_not_missing)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter all = {.to_seq = INT64_MAX, .limit = 1};
    struct store *store = books_store(&books, "strongroom_auditor", 1);
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, store, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_expect_eq(store_leaf_list(&list, tx, &all, NULL), STATUS_OK);
    store_rollback(tx);
    books_sql(&books, "ALTER TABLE audit.leaf ENABLE ROW LEVEL SECURITY;"
                      "CREATE POLICY hiding ON audit.leaf USING (seq <> 1) WITH CHECK (true)");
    cr_assert_eq(store_begin(&tx, store, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_expect_eq(store_leaf_list(&list, tx, &all, NULL), STATUS_NOT_PERMITTED);
    store_rollback(tx);
    store_close(store);
}

/* What a session of before and a new one say while something else stands where a table was. */
static void refused_while(const char *put, const char *take_away)
{
    struct store_leaf_list list = {0};
    const struct store_leaf_filter all = {.to_seq = INT64_MAX, .limit = 1};
    struct fault fault = {0};
    struct store *store = books_store(&books, "strongroom_auditor", 2);
    struct store_tx *before = books_begin(store);
    struct store_tx *tx = NULL;
    cr_assert_eq(store_check(store, &fault), STATUS_OK, "%s", fault.detail);
    books_sql(&books, put);
    cr_expect_eq(store_check(store, &fault), STATUS_CORRUPT, "%s", put);
    cr_expect_not_null(strstr(fault.detail, "may hide rows"), "%s", fault.detail);
    store_rollback(before);
    for (int i = 0; i < 4; i++) {
        cr_assert_neq(store_begin(&tx, store, STORE_SNAPSHOT, NULL), STATUS_OK, "a session answers: %s", put);
    }
    books_sql(&books, take_away);
    while (store_begin(&tx, store, STORE_SNAPSHOT, NULL) != STATUS_OK) { /* the pause until it connects again */
    }
    cr_expect_eq(store_leaf_list(&list, tx, &all, NULL), STATUS_OK);
    store_rollback(tx);
    cr_expect_eq(store_check(store, NULL), STATUS_OK);
    store_close(store);
}

Test(session, what_may_hide_rows_is_refused_by_sessions_that_were_there_before)
{
    refused_while("ALTER TABLE audit.leaf RENAME TO kept; CREATE VIEW audit.leaf AS SELECT * FROM audit.kept",
                  "DROP VIEW audit.leaf; ALTER TABLE audit.kept RENAME TO leaf");
    refused_while("CREATE RULE gone AS ON INSERT TO audit.pending DO INSTEAD NOTHING",
                  "DROP RULE gone ON audit.pending");
    refused_while("ALTER TABLE custody.approval ENABLE ROW LEVEL SECURITY",
                  "ALTER TABLE custody.approval DISABLE ROW LEVEL SECURITY");
    refused_while("ALTER TABLE audit.leaf DROP CONSTRAINT leaf_pkey; CREATE FOREIGN DATA WRAPPER elsewhere; CREATE "
                  "SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;"
                  "CREATE FOREIGN TABLE public.part PARTITION OF audit.leaf FOR VALUES FROM (1099511627776)"
                  " TO (1099512676352) SERVER elsewhere",
                  "DROP FOREIGN TABLE public.part; DROP SERVER elsewhere; DROP FOREIGN DATA WRAPPER elsewhere;"
                  "ALTER TABLE audit.leaf ADD PRIMARY KEY (seq)");
}

/* A type alone holds no rows, and is no reason to refuse; where a table belongs, it is none. */
Test(session, a_type_in_the_place_of_a_table_is_no_table)
{
    struct fault fault = {0};
    books_sql(&books, "ALTER TABLE audit.tile RENAME TO kept; CREATE TYPE audit.tile AS (level bigint)");
    cr_expect_eq(try_open("strongroom_sequencer", "strongroom_sequencer", &fault), STATUS_CORRUPT);
    cr_expect_not_null(strstr(fault.detail, "table audit.tile is missing"), "%s", fault.detail);
}

Test(session, a_failed_transaction_does_not_commit)
{
    enum store_end end = STORE_COMMITTED;
    struct store *store = books_store(&books, "strongroom_app", 1);
    struct store_tx *tx = begin_noted(store, &end);
    cr_expect_eq(store_pending_put(tx, &empty, NULL), STATUS_INVALID);
    cr_expect_eq(store_commit(tx, NULL), STATUS_CONFLICT);
    cr_expect_eq(end, STORE_ROLLED_BACK);
    store_close(store);
}

Test(session, a_commit_whose_reply_is_lost_is_unknown_and_the_pool_heals)
{
    enum store_end end = STORE_COMMITTED;
    struct store *store = books_store(&books, "strongroom_app", 1);
    struct store_tx *tx = begin_noted(store, &end);
    cr_expect_eq(store_pending_put(tx, &no_event, NULL), STATUS_OK);
    books_sql(&books, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'strongroom_app'"
                      " AND datname = current_database()");
    cr_expect_eq(store_commit(tx, NULL), STATUS_OUTCOME_UNKNOWN);
    cr_expect_eq(end, STORE_UNKNOWN);
    tx = begin_noted(store, &end);
    cr_expect_eq(store_commit(tx, NULL), STATUS_OK);
    cr_expect_eq(end, STORE_COMMITTED);
    store_close(store);
}

/* A process id is given again: what counts is the session that had it. */
Test(session, a_lost_session_is_gone_though_another_has_its_process_id)
{
    bool gone = false;
    struct store *store = books_store(&books, "strongroom_app", 1);
    struct store_tx *tx = books_begin(store);
    const struct store_backend mine = store_tx_backend(tx);
    cr_assert_eq(store_backend_gone(&gone, tx, &mine, NULL), STATUS_OK);
    cr_expect_not(gone);
    struct store_backend other = mine;
    other.began_utc_us--;
    cr_assert_eq(store_backend_gone(&gone, tx, &other, NULL), STATUS_OK);
    cr_expect(gone, "a session of this role that began at another time");
    other = mine;
    other.role++;
    cr_assert_eq(store_backend_gone(&gone, tx, &other, NULL), STATUS_OK);
    cr_expect(gone, "a session of another role");
    store_rollback(tx);
    store_close(store);
}

/* When a session of another role began, the server does not tell: it is there until it is gone. */
Test(session, a_session_of_another_role_is_seen_to_be_gone)
{
    bool gone = true;
    struct store *store = books_store(&books, "strongroom_app", 1);
    struct store *reader = books_store(&books, "strongroom_auditor", 1);
    struct store_tx *other = books_begin(reader);
    const struct store_backend backend = store_tx_backend(other);
    struct store_tx *tx = books_begin(store);
    cr_assert_eq(store_backend_gone(&gone, tx, &backend, NULL), STATUS_OK);
    cr_expect_not(gone);
    store_rollback(tx);
    books_sql(&books, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                      " WHERE usename = 'strongroom_auditor' AND datname = current_database()");
    tx = books_begin(store);
    cr_assert_eq(store_backend_gone(&gone, tx, &backend, NULL), STATUS_OK);
    cr_expect(gone);
    store_rollback(tx);
    store_rollback(other);
    store_close(reader);
    store_close(store);
}

/* A standby that never confirms: cancelling the wait makes PostgreSQL say COMMIT with a warning (facts 17). */
static void *cancel_waiter(void *context)
{
    (void)context;
    books_end_waiting(&books, "strongroom_app", BOOKS_CANCEL);
    return NULL;
}

Test(session, a_commit_that_no_standby_confirmed_is_unknown)
{
    pthread_t canceller;
    enum store_end end = STORE_COMMITTED;
    struct store *store = books_store(&books, "strongroom_app", 1);
    books_sql(&books, "SET synchronous_commit = local; ALTER ROLE postgres SET synchronous_commit = local");
    books_sync_commit(&books, true);
    struct store_tx *tx = begin_noted(store, &end);
    cr_expect_eq(store_pending_put(tx, &no_event, NULL), STATUS_OK);
    cr_assert_eq(pthread_create(&canceller, NULL, cancel_waiter, NULL), 0);
    enum status status = store_commit(tx, NULL);
    books_sync_commit(&books, false);
    cr_assert_eq(pthread_join(canceller, NULL), 0);
    cr_expect_eq(status, STATUS_OUTCOME_UNKNOWN);
    cr_expect_eq(end, STORE_UNKNOWN);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 1); /* and yet it is there */
    books_sql(&books, "ALTER ROLE postgres RESET synchronous_commit");
    store_close(store);
}

struct deadlock {
    struct store *store;
    const char *first;
    const char *second;
    pthread_barrier_t *barrier;
    int runs;
    enum status status;
};

static enum status deadlock_work(struct store_tx *tx, void *context, struct fault *fault)
{
    struct deadlock *side = context;
    uint64_t ordinal = 0;
    enum status status = store_ordinal_next(tx, &ordinal, "thing", side->first, fault);
    if (status == STATUS_OK && side->runs++ == 0) {
        pthread_barrier_wait(side->barrier);
    }
    return status == STATUS_OK ? store_ordinal_next(tx, &ordinal, "thing", side->second, fault) : status;
}

static void *deadlock_run(void *context)
{
    struct deadlock *side = context;
    side->status = store_transact(side->store, deadlock_work, side, NULL);
    return NULL;
}

Test(session, a_deadlock_is_run_again)
{
    pthread_barrier_t barrier;
    pthread_t other;
    pthread_barrier_init(&barrier, NULL, 2);
    struct store *store = books_store(&books, "strongroom_app", 2);
    struct deadlock one = {.store = store, .first = "a", .second = "b", .barrier = &barrier};
    struct deadlock two = {.store = store, .first = "b", .second = "a", .barrier = &barrier};
    cr_assert_eq(pthread_create(&other, NULL, deadlock_run, &two), 0);
    deadlock_run(&one);
    cr_assert_eq(pthread_join(other, NULL), 0);
    cr_expect_eq(one.status, STATUS_OK);
    cr_expect_eq(two.status, STATUS_OK);
    cr_expect_eq(one.runs + two.runs, 3);
    cr_expect_eq(books_number(&books, "SELECT sum(last) FROM custody.object_ordinal"), 4);
    store_close(store);
}

struct peek {
    bool writes;
    bool forgets; /* what the statement said */
    enum store_end end;
};

static enum status peek_work(struct store_tx *tx, void *context, struct fault *fault)
{
    struct peek *peek = context;
    uint64_t ordinal = 0;
    cr_assert_eq(store_tx_on_end(tx, note_end, &peek->end), STATUS_OK);
    enum status status = peek->writes ? store_ordinal_next(tx, &ordinal, "thing", "a", fault) : STATUS_OK;
    return peek->forgets ? STATUS_OK : status;
}

/* What does not compile, so that the server is asked. */
static enum status peek_read(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct store_tx *writable = NULL;
    memcpy(&writable, &tx, sizeof(writable));
    return peek_work(writable, context, fault);
}

Test(session, a_read_writes_nothing_and_commits_nothing)
{
    struct store *store = books_store(&books, "strongroom_app", 1);
    struct peek read = {.end = STORE_UNKNOWN};
    struct peek write = {.writes = true};
    struct peek forgotten = {.writes = true, .forgets = true};
    struct fault fault = {0};
    cr_expect_eq(store_read(store, peek_read, &read, NULL), STATUS_OK);
    cr_expect_eq(read.end, STORE_ROLLED_BACK);
    cr_expect_eq(store_read(store, peek_read, &write, &fault), STATUS_UNAVAILABLE);
    cr_expect_not_null(strstr(fault.detail, "SQLSTATE 25006"), "%s", fault.detail);
    cr_expect_eq(store_read(store, peek_read, &forgotten, NULL), STATUS_UNAVAILABLE);
    cr_expect_eq(store_transact(store, peek_work, &write, NULL), STATUS_OK); /* the session is as it was */
    cr_expect_eq(books_number(&books, "SELECT sum(last) FROM custody.object_ordinal"), 1);
    store_close(store);
}

Test(session, a_full_pool_says_busy)
{
    char conninfo[256];
    const struct store_config config = {.conninfo = books_conninfo(conninfo, &books, "strongroom_app"),
                                        .role = "strongroom_app",
                                        .connections = 1,
                                        .acquire_timeout_ms = 20,
                                        .statement_timeout_ms = 5000};
    struct store *store = NULL;
    struct store_tx *tx = NULL;
    struct store_tx *none = NULL;
    cr_assert_eq(store_open(&store, &config, NULL), STATUS_OK);
    cr_assert_eq(store_begin(&tx, store, STORE_READ_WRITE, NULL), STATUS_OK);
    cr_expect_eq(store_begin(&none, store, STORE_READ_WRITE, NULL), STATUS_BUSY);
    store_rollback(tx);
    cr_expect_eq(store_begin(&tx, store, STORE_READ_WRITE, NULL), STATUS_OK);
    store_rollback(tx);
    store_close(store);
}

struct attempt {
    const char *role;
    const char *sql;
    const char *sqlstate; /* "" for what the role needs */
};

#define DENIED "42501"
#define FROZEN "23001"
#define READS_ONLY "25006"

static const struct attempt attempts[] = {
    {"strongroom_app", "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')", ""},
    {"strongroom_app", "SELECT count(*) FROM audit.pending", DENIED},
    {"strongroom_app", "DELETE FROM audit.pending", DENIED},
    {"strongroom_app", "UPDATE audit.pending SET evt = '{}'", DENIED},
    {"strongroom_app", "TRUNCATE audit.pending", DENIED},
    {"strongroom_app", "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '') RETURNING pid", DENIED},
    {"strongroom_app", "INSERT INTO audit.pending (pid, evt) OVERRIDING SYSTEM VALUE VALUES (9, '{}')", DENIED},
    {"strongroom_app", "SELECT count(*) FROM audit.leaf", DENIED},
    {"strongroom_app", "SELECT count(*) FROM audit.head", DENIED},
    {"strongroom_app", "SELECT count(*) FROM audit.tile", DENIED},
    {"strongroom_app", "SELECT count(*) FROM audit.checkpoint", DENIED},
    {"strongroom_app", "INSERT INTO audit.checkpoint VALUES (1, 'x', now())", DENIED},
    {"strongroom_app", "UPDATE audit.head SET epoch = 9", DENIED},
    {"strongroom_app", "DELETE FROM audit.leaf", DENIED},
    {"strongroom_app", "DELETE FROM audit.leaf_00000000", DENIED},
    {"strongroom_app", "SELECT audit.leaf_partition_ensure(0)", DENIED},
    {"strongroom_app", "DELETE FROM custody.withdrawal", DENIED},
    {"strongroom_app", "UPDATE custody.withdrawal SET amount = 1", DENIED},
    {"strongroom_app", "UPDATE custody.withdrawal SET destination = 'x'", DENIED},
    {"strongroom_app", "DELETE FROM custody.approval", DENIED},
    {"strongroom_app", "UPDATE custody.approval SET decision = 'approve'", DENIED},
    {"strongroom_app", "UPDATE custody.document SET bytes = 'xx'", DENIED},
    {"strongroom_app", "UPDATE custody.token SET roles = ARRAY['approver']", DENIED},
    {"strongroom_app", "DELETE FROM custody.posting", DENIED},
    {"strongroom_app", "INSERT INTO custody.move VALUES ('requested', 'signed')", DENIED},
    {"strongroom_app", "INSERT INTO strongroom.migration VALUES (9, 'x', repeat('0', 64))", DENIED},
    {"strongroom_app", "CREATE TABLE public.x (a int)", DENIED},
    {"strongroom_app", "CREATE TEMPORARY TABLE x (a int)", DENIED},
    {"strongroom_app", "SET ROLE strongroom_owner", DENIED},
    {"strongroom_sequencer", "DELETE FROM audit.pending", ""},
    {"strongroom_sequencer", "SELECT count(*) FROM audit.leaf", ""},
    {"strongroom_sequencer", "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')", DENIED},
    {"strongroom_sequencer", "UPDATE audit.leaf SET raw = ''", DENIED},
    {"strongroom_sequencer", "DELETE FROM audit.leaf", DENIED},
    {"strongroom_sequencer", "TRUNCATE audit.leaf", DENIED},
    {"strongroom_sequencer", "UPDATE audit.checkpoint SET note = 'x'", DENIED},
    {"strongroom_sequencer", "DELETE FROM audit.tile", DENIED},
    {"strongroom_sequencer", "UPDATE audit.head SET id = 1", DENIED},
    {"strongroom_sequencer", "DELETE FROM audit.head", DENIED},
    {"strongroom_sequencer", "SELECT count(*) FROM custody.withdrawal", DENIED},
    {"strongroom_sequencer", "SELECT count(*) FROM custody.token", DENIED},
    {"strongroom_sequencer", "CREATE TABLE audit.x (a int)", DENIED},
    {"strongroom_auditor", "SELECT count(*) FROM audit.leaf", ""},
    {"strongroom_auditor", "SELECT count(*) FROM custody.withdrawal", ""},
    {"strongroom_auditor", "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')", READS_ONLY},
    {"strongroom_auditor", "SET TRANSACTION READ WRITE; INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')",
     DENIED},
    {"strongroom_auditor", "SELECT count(*) FROM audit.pending", DENIED},
    {"strongroom_auditor", "SELECT count(*) FROM audit.pii", DENIED},
    {"strongroom_auditor", "SELECT count(*) FROM custody.token", DENIED},
    {"strongroom_auditor", "UPDATE audit.head SET size = 0", READS_ONLY},
    {"strongroom_auditor", "SET TRANSACTION READ WRITE; UPDATE audit.head SET size = 0", DENIED},
    {"strongroom_auditor", "UPDATE custody.withdrawal SET state = 'approved'", READS_ONLY},
    {"strongroom_auditor", "SET TRANSACTION READ WRITE; UPDATE custody.withdrawal SET state = 'approved'", DENIED},
    {"strongroom_auditor", "SELECT count(*) FROM audit.leaf FOR UPDATE", "0A000"},
    {"postgres", "TRUNCATE audit.leaf_00000000", FROZEN},
    {"postgres", "TRUNCATE audit.leaf", FROZEN},
    {"postgres", "DELETE FROM audit.tile", FROZEN},
    {"postgres", "UPDATE audit.checkpoint SET note = 'x'", FROZEN},
    {"postgres", "DELETE FROM audit.head", FROZEN},
};

Test(session, every_role_can_do_what_it_needs_and_nothing_else)
{
    char sqlstate[6];
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        const struct attempt *attempt = &attempts[i];
        cr_expect_str_eq(books_sqlstate(sqlstate, &books, attempt->role, attempt->sql), attempt->sqlstate, "%s: %s",
                         attempt->role, attempt->sql);
    }
}

/* What is in a partition beside its rows, its name and its bounds. */
#define SAME_OF(part)                                                                                                  \
    "(SELECT array[(SELECT string_agg(a.attname || a.atttypid || a.attnotnull || a.attstorage::text, ' ' ORDER BY "    \
    "a.attnum) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0),"                                     \
    " (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY pg_get_constraintdef(k.oid)) FROM pg_constraint "   \
    "AS "                                                                                                              \
    "k WHERE k.conrelid = c.oid),"                                                                                     \
    " (SELECT string_agg(replace(replace(pg_get_indexdef(i.indexrelid), c.relname, ''), n.relname, ''), ' ' ORDER BY " \
    "i.indkey::text) FROM pg_index AS i JOIN pg_class AS n ON n.oid = i.indexrelid WHERE i.indrelid = c.oid),"         \
    " (SELECT string_agg(g.tgname || ' ' || g.tgtype || ' ' || g.tgfoid || g.tgenabled::text, ' ' ORDER BY g.tgname) " \
    "FROM pg_trigger AS g WHERE g.tgrelid = c.oid), c.relowner::text, c.relacl::text, c.reloptions::text]"             \
    " FROM pg_class AS c WHERE c.oid = 'audit." part "'::regclass)"

#define ROW(seq)                                                                                                       \
    "INSERT INTO audit.leaf (seq, lh, raw, ts, actor, act, outcome) VALUES (" seq ", sha256(''), 'x', now(), 'rita', " \
    "'login.ok', 'ok')"

/* 2^20 entries are in one; those that the sequencer has made are guarded, searched and read as the first. */
Test(session, a_partition_of_later_is_as_the_first)
{
    char sqlstate[6];
    const struct attempt later[] = {
        {"strongroom_sequencer",
         "SELECT audit.leaf_partition_ensure(3145728 + 5), audit.leaf_partition_ensure(4194303)", ""},
        {"strongroom_sequencer", "UPDATE audit.leaf_00000003 SET raw = ''", DENIED},
        {"strongroom_sequencer", "DELETE FROM audit.leaf_00000003", DENIED},
        {"strongroom_auditor", "SET TRANSACTION READ WRITE; DELETE FROM audit.leaf_00000003", DENIED},
        {"postgres", "TRUNCATE audit.leaf_00000003", FROZEN},
        {"postgres", ROW("3145728"), ""},
        {"postgres", ROW("4194303"), ""},
        {"postgres", ROW("4194304"), "23514"}, /* belongs to one that is not there */
        {"postgres", "UPDATE audit.leaf SET raw = 'x' WHERE seq = 3145728", FROZEN},
        {"postgres", "DELETE FROM audit.leaf_00000003", FROZEN},
    };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        cr_expect_str_eq(books_sqlstate(sqlstate, &books, later[i].role, later[i].sql), later[i].sqlstate,
                         "%s: %s (%s)", later[i].role, later[i].sql, sqlstate);
    }
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf_00000003"), 2);
    cr_expect_eq(books_number(&books, "SELECT (" SAME_OF("leaf_00000003") " = " SAME_OF("leaf_00000000") ")::int"), 1);
}
