/*
 * The sequencer at work: many producers, covered receipts, proofs, a signer that is away or loses its reply, rubbish in
 * pending, and what a superuser can delete before sequencing.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "stage.h"
#include "trail_number.h"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;

static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&stage, &books, &keeper);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
}

static void teardown(void)
{
    stage_close(&stage);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(sequence, .init = setup, .fini = teardown, .timeout = 600);

Test(sequence, the_first_entry_is_the_genesis)
{
    cr_expect_eq(stage_covered(&stage, stage_event(&stage, "")), 1);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE seq = 0 AND act = 'log.genesis'"), 1);
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, 2);
    cr_expect_eq(story.covered, 2);
}

#define THREADS 8
#define EVENTS 150

static void *produce(void *context)
{
    char oid[32];
    struct trail_ticket last = {0};
    int thread = (int)(intptr_t)context;
    for (int i = 0; i < EVENTS; i++) {
        snprintf(oid, sizeof oid, "object-%d", (i + thread) % 5);
        last = stage_event(&stage, oid);
        if (i % 10 == thread) {
            stage_rolled_back(&stage);
        }
        if (i % 50 == 0) {
            stage_covered(&stage, last);
        }
    }
    stage_covered(&stage, last);
    return NULL;
}

Test(sequence, many_producers_leave_no_gap_and_every_receipt_verifies)
{
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, 1 + THREADS * EVENTS + 1);
    cr_expect_eq(story.covered, story.size);
    cr_expect_eq(story.unsettled, 0);
    cr_expect_eq(story.open, 0);
    cr_expect_eq(story.ordinal_gaps, 0);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 0);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.tile"), (1 + THREADS * EVENTS + 1) / 256);
}

Test(sequence, consistency_and_tiles_are_served_for_every_size)
{
    struct trail_checkpoint newest;
    struct audit_proof proof;
    struct digest roots[301];
    struct digest tile[AUDIT_TILE_WIDTH];
    struct trail_ticket ticket = {0};
    struct fault fault = {0};
    for (int i = 0; i < 299; i++) {
        ticket = stage_event(&stage, "");
    }
    stage_covered(&stage, ticket);
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, &fault), STATUS_OK);
    cr_assert_eq(newest.checkpoint.size, 300);
    struct digest hashes[300];
    const struct audit_tile full = {.level = 0, .index = 0, .width = 256};
    const struct audit_tile rest = {.level = 0, .index = 1, .width = 44};
    const struct audit_tile beyond = {.level = 0, .index = 1, .width = 45};
    cr_assert_eq(trail_tile(tile, stage.trail, &full, &fault), STATUS_OK);
    memcpy(hashes, tile, sizeof tile);
    cr_assert_eq(trail_tile(tile, stage.trail, &rest, &fault), STATUS_OK);
    memcpy(hashes + 256, tile, 44 * sizeof *tile);
    cr_expect_eq(trail_tile(tile, stage.trail, &beyond, NULL), STATUS_NOT_FOUND);
    for (size_t n = 0; n <= 300; n++) {
        audit_tree_root(&roots[n], hashes, n);
    }
    cr_expect(digest_equal(&roots[300], &newest.checkpoint.root));
    for (uint64_t from = 1; from <= 300; from += 7) {
        cr_assert_eq(trail_prove_consistency(&proof, stage.trail, from, 300, &fault), STATUS_OK);
        cr_expect_eq(audit_consistency_verify(&proof, from, &roots[from], 300, &roots[300], &fault), STATUS_OK);
    }
    cr_expect_eq(trail_prove_consistency(&proof, stage.trail, 0, 300, NULL), STATUS_INVALID);
    cr_expect_eq(trail_prove_consistency(&proof, stage.trail, 1, 301, NULL), STATUS_INVALID);
    bytes_free(&newest.note);
    for (uint64_t seq = 0; seq < 300; seq += 11) {
        struct bytes text;
        cr_assert_eq(trail_prove(&text, stage.trail, seq, 0, &fault), STATUS_OK, "%s", fault.detail);
        bytes_free(&text);
    }
}

Test(sequence, nobody_is_released_without_a_signature)
{
    struct trail_receipt receipt;
    struct fault fault = {0};
    stage_covered(&stage, stage_event(&stage, ""));
    atomic_store(&keeper.away, true);
    struct trail_ticket ticket = stage_event(&stage, "");
    cr_expect_eq(trail_wait(&receipt, stage.trail, &ticket, 500, &fault), STATUS_NOT_READY);
    stage_await(&stage, SEQUENCER_CONNECTING, &fault);
    cr_expect_eq(stage_read(&books, &keeper.log_key).covered, 2);
    atomic_store(&keeper.away, false);
    cr_expect_eq(stage_covered(&stage, ticket), 2);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
}

static void await_size(long size)
{
    while (books_number(&books, "SELECT size FROM audit.head") < size) {
        books_pause();
    }
}

Test(sequence, a_lost_signature_is_asked_for_again)
{
    stage_covered(&stage, stage_event(&stage, ""));
    atomic_store(&keeper.lose_reply, true);
    struct trail_ticket ticket = stage_event(&stage, "");
    stage_await(&stage, SEQUENCER_CONNECTING, NULL);
    atomic_store(&keeper.away, false);
    cr_expect_eq(stage_covered(&stage, ticket), 2);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
}

/* The guard is ahead of what the sequencer believes, and the trail ahead of both. */
Test(sequence, a_lost_signature_does_not_spoil_the_next_proof)
{
    stage_covered(&stage, stage_event(&stage, ""));
    atomic_store(&keeper.lose_reply, true);
    stage_event(&stage, "");
    stage_await(&stage, SEQUENCER_CONNECTING, NULL);
    struct trail_ticket ticket = stage_event(&stage, "");
    await_size(4);
    atomic_store(&keeper.away, false);
    cr_expect_eq(stage_covered(&stage, ticket), 3);
    cr_expect_eq(stage_read(&books, &keeper.log_key).covered, 4);
}

/* It says what it remembers, carries out the request that was given up, and refuses the next one. */
Test(sequence, a_signer_that_hung_and_went_on_halts_nothing)
{
    stage_covered(&stage, stage_event(&stage, ""));
    atomic_store(&keeper.hangs, true);
    stage_event(&stage, "");
    stage_await(&stage, SEQUENCER_CONNECTING, NULL);
    struct trail_ticket ticket = stage_event(&stage, "");
    await_size(4);
    atomic_store(&keeper.away, false);
    cr_expect_eq(stage_covered(&stage, ticket), 3);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
    cr_expect_eq(stage_read(&books, &keeper.log_key).covered, 4);
}

Test(sequence, what_is_no_event_is_named_and_stops_nothing)
{
    char sqlstate[6];
    books_sqlstate(sqlstate, &books, "strongroom_app", "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')");
    cr_assert_str_eq(sqlstate, "");
    stage_covered(&stage, stage_event(&stage, ""));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, 3);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE act = 'trail.refuse' AND position("
                                      "encode(sha256('{}'), 'hex')::bytea IN raw) > 0"),
                 1);
}

Test(sequence, a_pending_row_deleted_by_a_superuser_is_missed)
{
    stage_covered(&stage, stage_event(&stage, ""));
    stage_stop(&stage);
    stage_event(&stage, "");
    stage_rolled_back(&stage);
    books_sql(&books, "DELETE FROM audit.pending");
    stage_start(&stage);
    stage_covered(&stage, stage_event(&stage, ""));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open, 1);
    cr_expect_eq(story.unsettled, 0);
    stage_covered(&stage, stage_heartbeat(&stage));
    story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.unsettled, 1);
}

/* A superuser's trigger, which also fires where session_replication_role says otherwise. */
static void trigger_make(const char *body)
{
    char sql[1024];
    (void)snprintf(sql, sizeof(sql),
                   "CREATE FUNCTION public.lie() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                   " $$ BEGIN %s RETURN NEW; END $$;"
                   "CREATE TRIGGER lie BEFORE INSERT ON audit.pending FOR EACH ROW EXECUTE FUNCTION public.lie();"
                   "ALTER TABLE audit.pending ENABLE ALWAYS TRIGGER lie",
                   body);
    books_sql(&books, sql);
}

static void trigger_drop(void)
{
    books_sql(&books, "DROP TRIGGER lie ON audit.pending");
}

#define WITH_MARA "overlay(NEW.evt PLACING 'mara'::bytea FROM position('rita'::bytea IN NEW.evt))"
#define REFUSED "SELECT count(*) FROM audit.leaf WHERE act = 'trail.refuse'"
#define BY_MARA "SELECT count(*) FROM audit.leaf WHERE position('mara'::bytea IN raw) > 0"

Test(sequence, what_was_enqueued_is_not_replaced_by_something_else)
{
    struct trail_receipt receipt;
    trigger_make("NEW.evt = " WITH_MARA ";");
    struct trail_ticket ticket = stage_event(&stage, "");
    trigger_drop();
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(trail_wait(&receipt, stage.trail, &ticket, 200, NULL), STATUS_NOT_READY);
    cr_expect_eq(books_number(&books, BY_MARA), 0);
    cr_expect_eq(books_number(&books, REFUSED), 1);
    stage_covered(&stage, stage_heartbeat(&stage));
    cr_expect_eq(stage_read(&books, &keeper.log_key).unsettled, 1);
}

Test(sequence, what_is_an_entry_does_not_become_another_one)
{
    stage_covered(&stage, stage_event(&stage, ""));
    stage_stop(&stage);
    stage_event(&stage, "");
    books_sql(&books, "CREATE TABLE public.kept AS SELECT evt, mac, since FROM audit.pending;"
                      "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept");
    stage_start(&stage);
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 1, "two rows of one batch");
    books_sql(&books, "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept");
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 2, "a row that was put back");
    stage_read(&books, &keeper.log_key); /* asserts that no number stands twice */
}

/* Who leads then remembers nothing of what is an entry now. */
static void start_again(void)
{
    stage_close(&stage);
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
}

/* Nobody remembers what it wrote: it is looked up. The row of the same event twice is one entry, too. */
Test(sequence, what_is_an_entry_of_an_earlier_start_does_not_become_another_one)
{
    stage_stop(&stage);
    for (int i = 0; i < 3; i++) {
        stage_event(&stage, "");
    }
    books_sql(&books, "CREATE TABLE public.kept AS SELECT evt, mac, since FROM audit.pending");
    stage_close(&stage);
    books_sql(&books, "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept LIMIT 1");
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 1, "two rows of one batch");
    books_sql(&books, "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept");
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 4, "rows that were put back");
    start_again();
    books_sql(&books, "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept");
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 7, "the same, under who did not make the entries");
    books_sql(&books, "REVOKE SELECT ON audit.leaf FROM strongroom_sequencer");
    books_sql(&books, "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept");
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 10, "what was read once is not read again");
    struct story story = stage_read(&books, &keeper.log_key); /* asserts that no number stands twice */
    cr_expect_eq(story.open + story.unsettled, 0);
}

/* What a superuser keeps of a row, whatever becomes of its transaction. */
#define KEEP_OUTSIDE                                                                                                   \
    "EXECUTE format('COPY (SELECT %L, %L, %s) TO %L', NEW.evt, NEW.mac, NEW.since,"                                    \
    " current_setting('data_directory') || '/kept');"
#define KEPT "CREATE TABLE public.kept (evt bytea, mac bytea, since bigint);"
#define KEPT_OUTSIDE                                                                                                   \
    KEPT "DO $$ BEGIN EXECUTE format('COPY public.kept FROM %L', current_setting('data_directory') || '/kept'); END "  \
         "$$"
#define PUT_BACK(since) "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, " since " FROM public.kept"

/* The next row of audit.pending is there for all at once, whatever becomes of its transaction. */
static void show_next_row(void)
{
    char conninfo[256];
    char body[1024];
    books_sql(&books, "CREATE EXTENSION dblink SCHEMA public; CREATE SEQUENCE public.rows");
    (void)snprintf(body, sizeof(body),
                   "IF nextval('public.rows') = 1 THEN PERFORM public.dblink_exec('%s', format("
                   "'INSERT INTO audit.pending (evt, mac, since) VALUES (%%L, %%L, %%s)',"
                   " NEW.evt, NEW.mac, NEW.since)); END IF;",
                   books_conninfo(conninfo, &books, "postgres"));
    trigger_make(body);
}

/* It was an entry of what did not happen; made again, its object had the same ordinal twice. */
Test(sequence, what_has_not_ended_is_no_entry_whoever_shows_it)
{
    stage_covered(&stage, stage_event(&stage, "object"));
    show_next_row();
    struct store_tx *tx = stage_open_event(&stage, "object");
    cr_assert_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 1, "it is there for all");
    struct trail_ticket behind = stage_event(&stage, "");
    for (int i = 0; i < 5; i++) {
        stage_covered(&stage, stage_post(&stage)); /* what waits does not stop the others */
    }
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 2, "those behind it keep their place");
    store_rollback(tx);
    stage_covered(&stage, behind);
    stage_covered(&stage, stage_event(&stage, "object"));
    stage_covered(&stage, stage_heartbeat(&stage));
    cr_expect_eq(books_number(&books, REFUSED), 1);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE oid = 'object'"), 2);
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open + story.unsettled + story.ordinal_gaps, 0);
}

static _Atomic int64_t ahead_us;

static int64_t machine_utc_us(void *context)
{
    (void)context;
    return clock_utc_us(clock_system());
}

static int64_t moved_us(void *context)
{
    (void)context;
    return clock_monotonic_us(clock_system()) + ahead_us;
}

/* How often a text stands in a log. */
static int times(FILE *file, const char *text)
{
    static char log[1 << 20];
    int count = 0;
    memset(log, 0, sizeof(log));
    cr_assert_geq(pread(fileno(file), log, sizeof(log) - 1, 0), 0);
    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

/* The others are not kept waiting by it, and whoever runs the service learns why those behind it are. */
Test(sequence, a_transaction_that_stays_open_is_told_once_and_when_it_is_over)
{
    const struct clock moved = {.utc_us = machine_utc_us, .monotonic_us = moved_us};
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    stage_stop(&stage);
    stage.clock = &moved;
    stage_start(&stage);
    stage_covered(&stage, stage_event(&stage, ""));
    show_next_row();
    cr_assert(file != NULL && kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    struct store_tx *tx = stage_open_event(&stage, "object");
    struct trail_ticket behind = stage_event(&stage, "");
    stage_covered(&stage, stage_post(&stage));
    cr_expect_eq(times(file, "event=sequencer.waits"), 0, "not at once");
    for (int i = 0; i < 3; i++) {
        ahead_us += 100000000;
        stage_covered(&stage, stage_post(&stage));
        cr_expect_eq(times(file, "level=warning program=strongroom event=sequencer.waits number=2 "), 1);
    }
    cr_expect_eq(times(file, "event=sequencer.goes_on"), 0);
    store_rollback(tx);
    stage_covered(&stage, behind);
    cr_assert(dup2(kept, STDERR_FILENO) >= 0);
    cr_expect_eq(times(file, "event=sequencer.goes_on number=2"), 1);
    cr_expect_eq(times(file, "event=sequencer.waits"), 1);
    (void)fclose(file);
    (void)close(kept);
    stage_stop(&stage);
}

/* The row and the copy of one that did commit are one entry. */
Test(sequence, what_is_shown_before_it_commits_is_one_entry)
{
    show_next_row();
    struct store_tx *tx = stage_open_event(&stage, "object");
    books_commit(tx);
    stage_covered(&stage, stage_event(&stage, "object"));
    cr_expect_eq(books_number(&books, REFUSED), 1);
    cr_expect_eq(stage_read(&books, &keeper.log_key).ordinal_gaps, 0);
}

static bool follows_to(struct stage *follower, uint64_t size)
{
    struct trail_checkpoint newest = {0};
    bool known = trail_checkpoint_newest(&newest, follower->trail, NULL) == STATUS_OK;
    bytes_free(&newest.note);
    return known && newest.checkpoint.size >= size;
}

static bool has_line(FILE *file, const char *words)
{
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    rewind(file);
    while (!found && getline(&line, &size, file) >= 0) {
        found = strstr(line, words) != NULL;
    }
    free(line);
    return found;
}

/* Who leads cannot know how transactions of another process end; that one does. */
Test(sequence, what_another_leader_was_shown_is_told_by_who_made_it)
{
    struct stage follower;
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    cr_assert(file != NULL && kept >= 0);
    stage_open(&follower, &books, &keeper);
    stage_await(&follower, SEQUENCER_FOLLOWING, NULL);
    show_next_row();
    struct store_tx *tx = stage_open_event(&follower, "object");
    cr_expect_eq(stage_covered(&stage, stage_event(&stage, "")), 2, "it is entry 1");
    while (!follows_to(&follower, 3)) {
        books_pause();
    }
    cr_assert(dup2(fileno(file), STDERR_FILENO) >= 0);
    store_rollback(tx);
    cr_assert(dup2(kept, STDERR_FILENO) >= 0);
    cr_expect(has_line(file, "event=trail.falsified entry=1"));
    (void)fclose(file);
    (void)close(kept);
    stage_close(&follower);
}

/* The service that knew is gone; the trail says that the number is void. */
Test(sequence, what_was_rolled_back_does_not_happen_after_a_restart)
{
    stage_covered(&stage, stage_event(&stage, ""));
    trigger_make(KEEP_OUTSIDE);
    stage_rolled_back(&stage);
    trigger_drop();
    stage_covered(&stage, stage_event(&stage, ""));
    books_sql(&books, KEPT_OUTSIDE);
    start_again();
    stage_put_back(&stage, -1);
    stage_put_back(&stage, 1000);
    stage_covered(&stage, stage_event(&stage, ""));
    books_sql(&books, PUT_BACK("since + 2")); /* as if it had been made after the trail said so */
    stage_covered(&stage, stage_event(&stage, ""));
    books_sql(&books, PUT_BACK("since"));
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 4);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE oid = 'never'"), 0);
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open + story.unsettled, 0);
}

/* A post declared it void. After as many further numbers as are remembered, what the trail said alone is against it. */
Test(sequence, what_a_post_declared_void_does_not_happen_when_its_number_is_forgotten)
{
    stage_covered(&stage, stage_event(&stage, ""));
    trigger_make(KEEP_OUTSIDE);
    stage_rolled_back(&stage);
    trigger_drop();
    books_sql(&books, KEPT_OUTSIDE);
    for (uint64_t i = 0; i <= TRAIL_NUMBERS; i++) {
        struct trail_ticket ticket = stage_post(&stage);
        if (i % 4096 == 0) { /* not more than may wait */
            stage_covered(&stage, ticket);
        }
    }
    books_sql(&books, PUT_BACK("since"));
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 1);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE oid = 'never'"), 0);
}

/* A number below the last `settled` that is no entry: it was deleted, and what is deleted stays so. */
Test(sequence, what_was_deleted_does_not_come_back_after_the_trail_has_settled)
{
    stage_stop(&stage);
    stage_event(&stage, "");
    books_sql(&books, "CREATE TABLE public.kept AS SELECT evt, mac, since FROM audit.pending;"
                      "DELETE FROM audit.pending");
    stage_start(&stage);
    stage_covered(&stage, stage_heartbeat(&stage));
    start_again();
    books_sql(&books, PUT_BACK("since"));
    stage_covered(&stage, stage_event(&stage, ""));
    cr_expect_eq(books_number(&books, REFUSED), 1);
    cr_expect_eq(stage_read(&books, &keeper.log_key).unsettled, 1);
}

#define SET_BYTES "UPDATE audit.leaf SET raw = convert_to(replace(convert_from(raw, 'UTF8'), 'rita', 'mara'), 'UTF8')"
#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */

/* Two events of an earlier start, one of which waits still, and a row that says both are entries. */
Test(sequence, rows_that_a_superuser_wrote_neither_refuse_nor_admit_an_event)
{
    stage_stop(&stage);
    stage_event(&stage, "");
    stage_event(&stage, "");
    books_sql(&books, "CREATE TABLE public.kept AS SELECT evt, mac, since FROM audit.pending;"
                      "DELETE FROM audit.pending WHERE pid = (SELECT max(pid) FROM audit.pending)");
    start_again();
    start_again();
    uint64_t last = stage_covered(&stage, stage_event(&stage, ""));
    books_sql(&books,
              "INSERT INTO audit.leaf (seq, lh, raw, ts, actor, act, outcome, corr) SELECT 9000, lh,"
              " convert_to(replace(convert_from(raw, 'UTF8'), '\"pn\":\"1\"', '\"pn\":\"2\"'), 'UTF8'), ts, actor,"
              " act, outcome, (convert_from(evt, 'UTF8')::json->>'corr')::uuid FROM audit.leaf, public.kept"
              " WHERE seq = 1 AND position('\"pn\":\"2\"'::bytea IN evt) > 0;" AS_SUPERUSER
              "UPDATE audit.leaf SET corr = gen_random_uuid() WHERE seq = 1");
    books_sql(&books, PUT_BACK("since"));
    cr_expect_eq(stage_covered(&stage, stage_event(&stage, "")), last + 3);
    cr_expect_eq(books_number(&books, REFUSED), 1, "the one that is an entry");
    books_sql(&books, AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = 9000");
    start_again();
    books_sql(&books, AS_SUPERUSER SET_BYTES " WHERE seq = 1");
    books_sql(&books, PUT_BACK("since"));
    stage_await(&stage, SEQUENCER_HALTED, NULL);
    cr_expect_eq(books_number(&books, "SELECT size FROM audit.head"), (long)last + 5, "nothing was admitted by it");
}

/* That it cannot be looked up says nothing against it. */
Test(sequence, what_cannot_be_looked_up_is_not_refused)
{
    stage_stop(&stage);
    stage_event(&stage, "");
    books_sql(&books,
              "CREATE TABLE public.kept AS SELECT evt, mac, since FROM audit.pending; DELETE FROM audit.pending");
    start_again();
    start_again();
    uint64_t last = stage_covered(&stage, stage_event(&stage, ""));
    books_sql(&books, "REVOKE SELECT ON audit.leaf FROM strongroom_sequencer");
    books_sql(&books, "INSERT INTO audit.pending (evt, mac, since) SELECT evt, mac, since FROM public.kept");
    struct trail_ticket ticket = stage_event(&stage, "");
    stage_await(&stage, SEQUENCER_CONNECTING, NULL);
    books_sql(&books, "GRANT SELECT ON audit.leaf TO strongroom_sequencer");
    cr_expect_eq(stage_covered(&stage, ticket), last + 2, "both are entries");
    cr_expect_eq(books_number(&books, REFUSED), 0);
}

Test(sequence, what_another_process_did_not_write_becomes_no_entry)
{
    struct stage follower;
    struct trail_receipt receipt;
    stage_open(&follower, &books, &keeper);
    stage_await(&follower, SEQUENCER_FOLLOWING, NULL);
    trigger_make("NEW.evt = " WITH_MARA ";");
    struct trail_ticket ticket = stage_event(&follower, "");
    trigger_drop();
    stage_covered(&follower, stage_event(&follower, ""));
    cr_expect_eq(trail_wait(&receipt, follower.trail, &ticket, 200, NULL), STATUS_NOT_READY);
    cr_expect_eq(books_number(&books, BY_MARA), 0);
    cr_expect_eq(books_number(&books, REFUSED), 1);
    stage_close(&follower);
}

#define CUT_APP                                                                                                        \
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'strongroom_app'"                    \
    " AND datname = current_database() AND state = 'idle in transaction'"

/* The session ends before COMMIT arrives: nobody can know from the reply, but the number never comes. */
Test(sequence, an_unknown_commit_that_was_none_is_declared_void_once)
{
    for (int i = 0; i < 3; i++) {
        struct store_tx *tx = stage_open_event(&stage, "");
        books_sql(&books, CUT_APP);
        cr_assert_eq(store_commit(tx, NULL), STATUS_OUTCOME_UNKNOWN);
    }
    stage_covered(&stage, stage_heartbeat(&stage)); /* proves that they will not come */
    stage_covered(&stage, stage_heartbeat(&stage)); /* declares them */
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.open + story.unsettled, 0);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE position('\"void\"'::bytea IN raw) > 0"),
                 1);
}

/* The same reply is lost although the COMMIT took place: the number comes and is never declared void. */
Test(sequence, an_unknown_commit_that_took_place_is_not_declared_void)
{
    books_sql(&books, "ALTER ROLE postgres SET synchronous_commit = local");
    stage_stop(&stage);
    struct store_tx *tx = stage_open_event(&stage, "");
    books_sync_commit(&books, true);
    cr_assert_eq(books_cut_waiting_commit(&books, tx), STATUS_OUTCOME_UNKNOWN);
    books_sync_commit(&books, false);
    struct trail_ticket ticket = stage_heartbeat(&stage); /* while the trail has not yet told */
    stage_start(&stage);
    stage_covered(&stage, ticket);
    stage_covered(&stage, stage_heartbeat(&stage));
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, 4);
    cr_expect_eq(story.open + story.unsettled, 0);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE position('\"void\"'::bytea IN raw) > 0"),
                 0);
}
