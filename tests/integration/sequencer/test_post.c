/*
 * Events without a transaction of their own: handed to the leader in memory, many to a commit, none twice, none lost in
 * silence.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "stage.h"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;

static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&stage, &books, &keeper);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
    stage_covered(&stage, stage_event(&stage, ""));
}

static void teardown(void)
{
    stage_close(&stage);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(post, .init = setup, .fini = teardown, .timeout = 600);

#define THREADS 8
#define EVENTS 200

static void *produce(void *context)
{
    struct trail_ticket posted[EVENTS];
    (void)context;
    for (int i = 0; i < EVENTS; i++) {
        posted[i] = stage_post(&stage);
        if (i % 10 == 0) {
            stage_rolled_back(&stage);
            stage_event(&stage, "object");
        }
    }
    for (int i = 0; i < EVENTS; i++) {
        stage_covered(&stage, posted[i]);
    }
    return NULL;
}

Test(post, many_share_a_commit_and_each_has_its_receipt)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, produce, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, 2 + THREADS * (EVENTS + EVENTS / 10) + 1);
    cr_expect_eq(story.covered, story.size);
    cr_expect_eq(story.open + story.unsettled + story.ordinal_gaps, 0);
}

/* A trigger on the table sees what lies in it. */
Test(post, the_leader_takes_them_from_memory_and_a_follower_puts_them_into_the_table)
{
    books_sql(&books, "CREATE SEQUENCE public.laid; GRANT ALL ON public.laid TO PUBLIC; GRANT USAGE ON SCHEMA public TO"
                      " PUBLIC; CREATE FUNCTION public.lay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
                      " BEGIN PERFORM nextval('public.laid'); RETURN NEW; END $$;"
                      "CREATE TRIGGER lay BEFORE INSERT ON audit.pending FOR EACH ROW EXECUTE FUNCTION public.lay()");
    stage_covered(&stage, stage_post(&stage));
    cr_expect_eq(books_number(&books, "SELECT is_called::int FROM public.laid"), 0);
    struct stage follower;
    stage_open(&follower, &books, &keeper);
    stage_await(&follower, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&follower, stage_post(&follower));
    cr_expect_eq(books_number(&books, "SELECT last_value FROM public.laid"), 1);
    stage_stop(&stage);
    stage_await(&follower, SEQUENCER_LEADING, NULL);
    stage_covered(&follower, stage_post(&follower));
    cr_expect_eq(books_number(&books, "SELECT last_value FROM public.laid"), 1);
    stage_start(&stage);
    stage_await(&stage, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&stage, stage_post(&stage));
    stage_close(&follower);
    cr_expect_eq(stage_read(&books, &keeper.log_key).size, 6);
}

#define CUT_SESSION                                                                                                    \
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'strongroom_sequencer'"              \
    " AND datname = current_database()"

#define CUT_BATCH                                                                                                      \
    "DO $$ BEGIN LOCK TABLE audit.leaf IN SHARE MODE;"                                                                 \
    " WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'strongroom_sequencer'"                           \
    "   AND wait_event_type = 'Lock') LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP;"                \
    " PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'strongroom_sequencer'"            \
    "   AND wait_event_type = 'Lock'; END $$"

static void *cut_batch(void *context)
{
    struct books copy = *(const struct books *)context;
    books_sql(&copy, CUT_BATCH);
    return NULL;
}

/* What a superuser does to the type of the rows stops the trail for as long as it lasts. */
static void stops_while(const char *put, const char *take_away)
{
    struct fault why = {0};
    struct trail_ticket posted;
    books_sql(&books, put);
    struct trail_ticket ticket = stage_event(&stage, "object");
    do {
        stage_await(&stage, SEQUENCER_CONNECTING, &why);
    } while (strstr(why.where, "trail_extend") == NULL);
    posted = stage_post(&stage);
    books_sql(&books, take_away);
    stage_covered(&stage, ticket);
    stage_covered(&stage, posted);
}

Test(post, a_type_of_rows_that_is_another_one_for_a_while_stops_nothing_for_good)
{
    stops_while("ALTER TYPE audit.leaf_row DROP ATTRIBUTE wallet",
                "ALTER TYPE audit.leaf_row ADD ATTRIBUTE wallet text");
    stops_while("ALTER TYPE audit.leaf_row RENAME TO kept; " CUT_SESSION, "ALTER TYPE audit.kept RENAME TO leaf_row");
    stops_while("DROP TYPE audit.leaf_row",
                "CREATE TYPE audit.leaf_row AS (seq bigint, lh bytea, raw bytea, ts timestamptz, actor text, act text,"
                " otype text, oid text, ord bigint, outcome text, corr uuid, amount text, asset text, destination text,"
                " key text, version bigint, wallet text)");
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open + story.unsettled + story.ordinal_gaps, 0);
}

/* Batches that are certain not to have committed: who waits learns it at once, and the numbers are declared void. */
Test(post, what_was_not_written_is_told_at_once_and_declared_void)
{
    struct trail_receipt receipt;
    pthread_t cutter;
    struct fault fault = {0};
    int lost = 0;
    cr_assert_eq(pthread_create(&cutter, NULL, cut_batch, &books), 0);
    while (lost == 0) { /* some are covered before the table is locked */
        struct trail_ticket ticket = stage_post(&stage);
        enum status status = trail_wait(&receipt, stage.trail, &ticket, STAGE_WAIT_MS, &fault);
        if (status == STATUS_OK) {
            bytes_free(&receipt.proof);
            continue;
        }
        cr_assert_eq(status, STATUS_UNAVAILABLE, "%s", fault.detail);
        lost++;
    }
    cr_assert_eq(pthread_join(cutter, NULL), 0);
    stage_covered(&stage, stage_post(&stage));
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open + story.unsettled, 0);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE position('\"void\"'::bytea IN raw) > 0"),
                 1);
}

#define HOLD_BATCHES                                                                                                   \
    "DO $$ BEGIN LOCK TABLE audit.leaf IN SHARE MODE;"                                                                 \
    " WHILE NOT EXISTS (SELECT FROM public.go) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$"
#define BATCH_WAITS                                                                                                    \
    "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'strongroom_sequencer'"                \
    " AND wait_event_type = 'Lock') LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$"

static void *hold_batches(void *context)
{
    struct books copy = *(const struct books *)context;
    books_sql(&copy, HOLD_BATCHES);
    return NULL;
}

/*
 * Rows for many batches lie in pending, which anybody with the application's role can bring about; the first batch is
 * made. A post that comes then is in the next one, not behind them all.
 */
Test(post, a_flood_of_rows_does_not_keep_a_post_waiting)
{
    pthread_t holder;
    books_sql(&books, "CREATE TABLE public.go (x int)");
    cr_assert_eq(pthread_create(&holder, NULL, hold_batches, &books), 0);
    books_sql(&books, "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = 'audit.leaf'::regclass"
                      " AND mode = 'ShareLock' AND granted) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$");
    books_sql(&books, "INSERT INTO audit.pending (evt, mac) SELECT convert_to('junk ' || n, 'UTF8'), ''"
                      " FROM generate_series(1, 8 * 1024) AS n");
    books_sql(&books, BATCH_WAITS);
    struct trail_ticket ticket = stage_post(&stage);
    books_sql(&books, "INSERT INTO public.go VALUES (1)");
    uint64_t seq = stage_covered(&stage, ticket);
    cr_expect_lt(seq, 2 + 3 * 1024, "%llu", (unsigned long long)seq);
    cr_assert_eq(pthread_join(holder, NULL), 0);
}

/* The server has committed, but its reply never comes: the entry is there once, and its receipt too. */
Test(post, a_commit_whose_reply_is_lost_is_not_done_again)
{
    books_sql(&books, "ALTER ROLE postgres SET synchronous_commit = local;"
                      "ALTER ROLE strongroom_app SET synchronous_commit = local");
    books_sync_commit(&books, true);
    struct trail_ticket ticket = stage_post(&stage);
    books_end_waiting(&books, "strongroom_sequencer", BOOKS_CUT);
    books_sync_commit(&books, false);
    cr_expect_eq(stage_covered(&stage, ticket), 2);
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, 4);
    cr_expect_eq(story.open + story.unsettled, 0);
}

/* The server dies at COMMIT before it has committed: who leads again knows that it will not come, and it is void. */
Test(post, a_commit_that_did_not_take_place_is_declared_void_once)
{
    struct trail_receipt receipt;
    books_sql(&books,
              "CREATE SEQUENCE public.cuts; GRANT ALL ON public.cuts TO PUBLIC; GRANT USAGE ON SCHEMA public TO PUBLIC;"
              "CREATE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
              " IF nextval('public.cuts') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
              " END IF; RETURN NULL; END $$;"
              "CREATE CONSTRAINT TRIGGER cut AFTER UPDATE OF size ON audit.head DEFERRABLE INITIALLY DEFERRED"
              " FOR EACH ROW EXECUTE FUNCTION public.cut()");
    struct trail_ticket ticket = stage_post(&stage);
    cr_expect_eq(trail_wait(&receipt, stage.trail, &ticket, STAGE_WAIT_MS, NULL), STATUS_UNAVAILABLE);
    stage_covered(&stage, stage_heartbeat(&stage)); /* declares it */
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open + story.unsettled, 0);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE position('\"void\"'::bytea IN raw) > 0"),
                 1);
}

Test(post, nobody_is_released_without_a_signature)
{
    struct trail_receipt receipt;
    atomic_store(&keeper.away, true);
    struct trail_ticket ticket = stage_post(&stage);
    cr_expect(!trail_is_late(stage.trail));
    cr_expect_eq(trail_wait(&receipt, stage.trail, &ticket, 300, NULL), STATUS_NOT_READY);
    cr_expect(trail_is_late(stage.trail));
    atomic_store(&keeper.away, false);
    cr_expect_eq(stage_covered(&stage, ticket), 2);
    cr_expect(!trail_is_late(stage.trail));
}
