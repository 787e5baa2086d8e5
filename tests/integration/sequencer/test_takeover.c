/*
 * Two sequencers and lost connections: one leads, the other takes over, and an unknown COMMIT is neither lost nor done
 * twice.
 */
#include <criterion/criterion.h>

#include "stage.h"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage first;
static struct stage second;

static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&first, &books, &keeper);
    stage_await(&first, SEQUENCER_LEADING, NULL);
}

static void teardown(void)
{
    stage_close(&first);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(takeover, .init = setup, .fini = teardown, .timeout = 600);

static void check_story(uint64_t size)
{
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, size);
    cr_expect_eq(story.covered, size);
    cr_expect_eq(story.open + story.unsettled + story.ordinal_gaps, 0);
}

Test(takeover, the_follower_serves_its_own_waiters_and_takes_over)
{
    stage_covered(&first, stage_event(&first, ""));
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    stage_covered(&first, stage_event(&first, ""));
    stage_stop(&first);
    stage_await(&second, SEQUENCER_LEADING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    stage_start(&first);
    stage_await(&first, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&first, stage_event(&first, ""));
    stage_close(&second);
    check_story(6);
}

#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */
#define CUT_SEQUENCER                                                                                                  \
    "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.granted"          \
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"

Test(takeover, a_leader_that_was_cut_off_does_not_write_beside_the_new_one)
{
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    for (int i = 0; i < 6; i++) {
        struct trail_ticket one = stage_event(&first, "shared");
        books_sql(&books, CUT_SEQUENCER);
        struct trail_ticket two = stage_event(&second, "shared");
        stage_covered(&first, one);
        stage_covered(&second, two);
    }
    stage_close(&second);
    check_story(1 + 12);
}

/* Its request reaches the signer when another has led and had more signed: it was late, nothing was set back. */
Test(takeover, a_leader_that_was_cut_off_while_the_signer_was_slow_does_not_halt)
{
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    atomic_store(&keeper.hold, KEEPER_NEXT);
    struct trail_ticket one = stage_event(&first, "");
    keeper_await(&keeper.hold, KEEPER_HELD);
    books_sql(&books, CUT_SEQUENCER);
    stage_await(&second, SEQUENCER_LEADING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    atomic_store(&keeper.hold, 0);
    stage_covered(&first, one);
    stage_await(&first, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&first, stage_event(&first, ""));
    stage_close(&second);
    check_story(4);
}

/* It had the lock and asked what the signer remembers; when the answer came, another had led and had more signed. */
Test(takeover, a_new_leader_that_was_cut_off_while_the_signer_was_slow_does_not_halt)
{
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    atomic_store(&keeper.hold_status, KEEPER_NEXT);
    stage_stop(&first);
    keeper_await(&keeper.hold_status, KEEPER_HELD);
    books_sql(&books, CUT_SEQUENCER);
    stage_start(&first);
    stage_covered(&first, stage_event(&first, ""));
    atomic_store(&keeper.hold_status, 0);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    stage_close(&second);
    check_story(4);
}

#define AT_LEAF "FROM pg_locks WHERE relation = 'audit.leaf'::regclass AND "

static void *cut_who_reads_leaf(void *context)
{
    books_sql(context, "DO $$ BEGIN LOCK TABLE audit.leaf IN ACCESS EXCLUSIVE MODE;"
                       " WHILE NOT EXISTS (SELECT " AT_LEAF "NOT granted) LOOP PERFORM pg_sleep(0.01); END LOOP;"
                       " PERFORM pg_terminate_backend(pid, 5000) " AT_LEAF "NOT granted; END $$");
    return NULL;
}

/* It led once, another led, and it was cut off while it looked at what that one had written. */
Test(takeover, a_new_leader_that_was_cut_off_while_it_read_the_trail_does_not_halt)
{
    pthread_t cutter;
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    atomic_store(&keeper.hold, KEEPER_NEXT);
    stage_event(&first, "");
    keeper_await(&keeper.hold, KEEPER_HELD);
    books_sql(&books, CUT_SEQUENCER);
    stage_covered(&second, stage_event(&second, ""));
    atomic_store(&keeper.hold, 0);
    stage_covered(&first, stage_event(&first, ""));
    cr_assert_eq(pthread_create(&cutter, NULL, cut_who_reads_leaf, &books), 0);
    while (books_number(&books, "SELECT count(*) " AT_LEAF "granted AND mode = 'AccessExclusiveLock'") == 0) {
        books_pause();
    }
    stage_stop(&second);
    cr_assert_eq(pthread_join(cutter, NULL), 0);
    stage_await(&first, SEQUENCER_LEADING, NULL);
    stage_covered(&first, stage_event(&first, ""));
    stage_close(&second);
    check_story(5);
}

/* The row of a checkpoint may be lost: the entries are there, and a follower goes on. */
Test(takeover, a_checkpoint_row_that_was_lost_does_not_halt_a_follower)
{
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    atomic_store(&keeper.away, true);
    books_sql(&books, AS_SUPERUSER "DELETE FROM audit.checkpoint WHERE size > 1");
    struct trail_ticket one = stage_event(&second, "");
    stage_await(&first, SEQUENCER_CONNECTING, NULL);
    atomic_store(&keeper.away, false);
    stage_covered(&second, one);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    stage_close(&second);
    check_story(3);
}

Test(takeover, a_head_row_that_was_set_back_halts_a_follower)
{
    struct fault why = {0};
    stage_open(&second, &books, &keeper);
    stage_await(&second, SEQUENCER_FOLLOWING, NULL);
    stage_covered(&second, stage_event(&second, ""));
    books_sql(&books, "UPDATE audit.head SET size = 1");
    stage_await(&second, SEQUENCER_HALTED, &why);
    cr_expect_eq(why.status, STATUS_ROLLBACK, "%s", why.detail);
    cr_expect_not_null(strstr(why.detail, "is signed, the head row says 1"), "%s", why.detail);
    stage_close(&second);
}

Test(takeover, an_epoch_raised_by_another_fences_the_leader)
{
    stage_covered(&first, stage_event(&first, ""));
    books_sql(&books, "UPDATE audit.head SET epoch = epoch + 5");
    stage_covered(&first, stage_event(&first, ""));
    check_story(3);
    cr_expect_geq(books_number(&books, "SELECT epoch FROM audit.head"), 7);
}

/* The server dies at COMMIT before it has committed: the first time the head is moved. */
Test(takeover, a_commit_that_did_not_take_place_is_done_once)
{
    stage_covered(&first, stage_event(&first, ""));
    books_sql(&books,
              "CREATE TABLE public.cut (times int); GRANT ALL ON public.cut TO PUBLIC; GRANT USAGE ON SCHEMA public TO "
              "PUBLIC; CREATE SEQUENCE public.cuts; GRANT ALL ON public.cuts TO PUBLIC;"
              "CREATE FUNCTION public.cut() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
              " IF nextval('public.cuts') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
              " END IF; RETURN NULL; END $$;"
              "CREATE CONSTRAINT TRIGGER cut AFTER UPDATE OF size ON audit.head DEFERRABLE INITIALLY DEFERRED"
              " FOR EACH ROW EXECUTE FUNCTION public.cut()");
    stage_covered(&first, stage_event(&first, ""));
    cr_expect_geq(books_number(&books, "SELECT last_value FROM public.cuts"), 2);
    check_story(3);
}

/* The server has committed, but its reply never comes: it waits for a standby and is cut there. */
Test(takeover, a_commit_whose_reply_is_lost_is_not_done_again)
{
    stage_covered(&first, stage_event(&first, ""));
    books_sql(&books, "ALTER ROLE postgres SET synchronous_commit = local;"
                      "ALTER ROLE strongroom_app SET synchronous_commit = local");
    books_sync_commit(&books, true);
    books_sql(&books, "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')");
    books_end_waiting(&books, "strongroom_sequencer", BOOKS_CUT);
    cr_expect_eq(books_number(&books, "SELECT size FROM audit.head"), 3);
    books_sync_commit(&books, false);
    books_sql(&books,
              "ALTER ROLE postgres RESET synchronous_commit; ALTER ROLE strongroom_app RESET synchronous_commit");
    stage_covered(&first, stage_event(&first, ""));
    check_story(4);
}

#define PUT_NO_EVENT "INSERT INTO audit.pending (evt, mac) VALUES ('\\x7b7d', '')"
#define OWN_NUMBER "substring(convert_from(raw, 'UTF8') FROM '\"pn\":\"([0-9]+)\"')"

/* A batch with an entry of the sequencer's own, and the epoch after it: both are there, and neither reply came. */
Test(takeover, a_sequencer_that_lost_two_replies_gives_no_number_twice)
{
    stage_covered(&first, stage_event(&first, ""));
    books_sql(&books, "ALTER ROLE postgres SET synchronous_commit = local");
    books_sync_commit(&books, true);
    books_sql(&books, PUT_NO_EVENT);
    books_end_waiting(&books, "strongroom_sequencer", BOOKS_CUT);
    books_end_waiting(&books, "strongroom_sequencer", BOOKS_CUT);
    books_sync_commit(&books, false);
    books_sql(&books, "ALTER ROLE postgres RESET synchronous_commit");
    stage_await(&first, SEQUENCER_LEADING, NULL);
    books_sql(&books, PUT_NO_EVENT);
    stage_covered(&first, stage_event(&first, ""));
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE act = 'trail.refuse'"), 2);
    cr_expect_eq(
        books_number(&books, "SELECT count(DISTINCT " OWN_NUMBER ") FROM audit.leaf WHERE act = 'trail.refuse'"), 2);
    check_story(5);
}

Test(takeover, the_database_goes_away_and_comes_back)
{
    stage_covered(&first, stage_event(&first, ""));
    books_sql(&books, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                      " AND pid <> pg_backend_pid()");
    stage_covered(&first, stage_event(&first, ""));
    check_story(3);
}

/* While nobody else led, the head row may only be what this process has written. */
Test(takeover, a_head_row_that_changed_under_the_leader_halts_it)
{
    struct fault why = {0};
    stage_covered(&first, stage_event(&first, ""));
    stage_covered(&first, stage_event(&first, ""));
    books_sql(&books, "UPDATE audit.head SET size = 2");
    stage_event(&first, "");
    stage_await(&first, SEQUENCER_HALTED, &why);
    cr_expect_eq(why.status, STATUS_ROLLBACK, "%s", why.detail);
}
