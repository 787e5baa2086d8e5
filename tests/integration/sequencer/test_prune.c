/*
 * Old entries leave the database for their archive: only what the archive has, only after the trail says so under a
 * signed checkpoint, all or nothing; and the trail goes on.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prune_place.h"
#include "store/trail_read.h"
#include "trail_core.h"
#include "trail_kept.h"

#define YEAR_US (365LL * 24 * 3600 * 1000000)
#define LOSE                                                                                                           \
    AS_SUPERUSER "TRUNCATE audit.leaf, audit.tile, audit.checkpoint, audit.pending;"                                   \
                 "UPDATE audit.head SET epoch = 0, size = 0, first = 0, root = sha256(''),"                            \
                 " last_lh = decode(repeat('00', 32), 'hex'), frontier = decode(repeat('00', 8), 'hex')"

static struct prune_place place;

static void setup(void)
{
    prune_place_open(&place);
}

static void make_places(void)
{
    prune_place_make(&place);
}

static void teardown(void)
{
    prune_place_close(&place);
}

TestSuite(prune, .init = setup, .fini = teardown, .timeout = 600);

/* A receipt of an entry that has left, from the tiles that stay. */
static void expect_proven(uint64_t seq)
{
    struct fault fault = {0};
    struct bytes proof = {0};
    cr_expect_eq(trail_prove(&proof, place.stage.trail, seq, STAGE_WAIT_MS, &fault), STATUS_OK, "%s", fault.detail);
    bytes_free(&proof);
}

static void within(struct trail_prune_config *config)
{
    config->before = 600;
}

Test(prune, they_leave_when_the_trail_says_so_and_it_goes_on)
{
    struct fault fault = {0};
    uint64_t first = 77;
    long tiles = books_number(&place.books, "SELECT count(*) FROM audit.tile");
    cr_assert_eq(trail_kept_from(&first, place.stage.reader, &fault), STATUS_OK);
    cr_expect_eq(first, 0);
    prune_place_expect_left(&place);
    cr_expect_geq(books_number(&place.books, "SELECT count(*) FROM audit.tile"), tiles);
    cr_expect_eq(books_number(&place.books,
                              "SELECT count(*) FROM audit.leaf WHERE act = 'retention.prune' AND actor = 'olga'"
                              " AND outcome = 'intent' AND seq >= 820"
                              " AND position('\"first\":\"0\",\"size\":\"512\"'::bytea IN raw) > 0"),
                 1);
    expect_proven(3);
    stage_covered(&place.stage, stage_event(&place.stage, "one"));
    stage_close(&place.stage);
    stage_open(&place.stage, &place.books, &place.keeper); /* another one leads, and remembers nothing */
    stage_covered(&place.stage, stage_event(&place.stage, "two"));
    expect_proven(3);
    cr_assert_eq(trail_kept_from(&first, place.stage.reader, &fault), STATUS_OK);
    cr_expect_eq(first, PRUNE_PLACE_LEAVE);
    cr_expect_eq(prune_place_prune(&place, NULL, &fault), STATUS_EXISTS, "%s", fault.detail);
    fault_clear(&fault);
    cr_expect_eq(prune_place_prune(&place, within, &fault), STATUS_INVALID);
    cr_expect(strstr(fault.detail, "at each multiple of 1048576, and none may leave yet: of ") != NULL, "%s",
              fault.detail);
    cr_expect_eq(books_number(&place.books, TOLD), 1);
    stage_copy(&place.stage, place.archive); /* the archive goes on, too */
    stage_close(&place.stage);
}

/* An event of an earlier start of which only what has left could say that it is an entry. */
Test(prune, what_was_made_before_entries_that_have_left_becomes_none)
{
    stage_stop(&place.stage);
    stage_event(&place.stage, "");
    books_sql(&place.books, "CREATE TABLE public.kept AS SELECT evt FROM audit.pending; DELETE FROM audit.pending");
    stage_start(&place.stage);
    prune_place_expect_left(&place);
    stage_close(&place.stage);
    stage_open(&place.stage, &place.books, &place.keeper);
    stage_put_back(&place.stage, PRUNE_PLACE_LEAVE - 1);
    stage_covered(&place.stage, stage_event(&place.stage, ""));
    cr_expect_eq(books_number(&place.books, "SELECT count(*) FROM audit.leaf WHERE act = 'trail.refuse'"), 1);
    stage_put_back(&place.stage, PRUNE_PLACE_LEAVE);
    stage_covered(&place.stage, stage_event(&place.stage, ""));
    cr_expect_eq(books_number(&place.books, "SELECT count(*) FROM audit.leaf WHERE act = 'trail.refuse'"), 1,
                 "one that was made later and waits still");
    stage_close(&place.stage);
}

/* The entries that have left have the tree that their checkpoint had. */
Test(prune, the_tree_of_what_has_left_leads_to_the_signed_root)
{
    struct fault fault = {0};
    struct audit_frontier frontier;
    struct trail_checkpoint newest = {0};
    struct digest root;
    struct bytes hashes = {0};
    prune_place_expect_left(&place);
    stage_covered(&place.stage, stage_post(&place.stage));
    cr_assert_eq(trail_kept_tree(&frontier, place.stage.reader, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(frontier.size, PRUNE_PLACE_LEAVE);
    cr_assert_eq(trail_checkpoint_newest(&newest, place.stage.trail, &fault), STATUS_OK);
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, place.stage.reader, STORE_SNAPSHOT, &fault), STATUS_OK);
    cr_assert_eq(store_leaf_hashes(&hashes, tx, PRUNE_PLACE_LEAVE, newest.checkpoint.size, &fault), STATUS_OK, "%s",
                 fault.detail);
    store_rollback(tx);
    for (size_t i = 0; i < hashes.len / sizeof(root); i++) {
        memcpy(root.bytes32, hashes.data + i * sizeof(root), sizeof(root));
        cr_assert_eq(audit_frontier_append(&frontier, &root), STATUS_OK);
    }
    audit_frontier_root(&root, &frontier);
    cr_expect(digest_equal(&root, &newest.checkpoint.root));
    bytes_free(&hashes);
    bytes_free(&newest.note);
    stage_close(&place.stage);
}

/* From the archive everything comes back, and leaves again by an entry of its own. */
Test(prune, the_archive_brings_them_back)
{
    struct fault fault = {0};
    uint64_t size = 0;
    prune_place_expect_left(&place);
    stage_covered(&place.stage, stage_post(&place.stage));
    stage_copy(&place.stage, place.archive);
    stage_close(&place.stage);
    books_sql(&place.books, LOSE);
    books_sql(&place.books, "SET ROLE strongroom_owner;"
                            "CREATE TABLE audit.leaf_c (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                            "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_c FOR VALUES FROM (0) TO (512)");
    cr_assert_eq(prune_place_rebuild(&size, &place, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    stage_open(&place.stage, &place.books, &place.keeper);
    stage_covered(&place.stage, stage_event(&place.stage, "one"));
    struct story story = stage_read(&place.books, &place.keeper.log_key); /* the whole trail, by an oracle */
    cr_expect_eq(story.unsettled + story.ordinal_gaps, 0);
    cr_assert_eq(prune_place_prune(&place, NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), 0);
    cr_expect_eq(books_number(&place.books, TOLD), 2, "the archive is a newer one, and so is the entry");
    stage_close(&place.stage);
}

/*
 * A log that follows one whose first partition has left begins in a partition of its own, and what is kept of the one
 * before is the whole of it: archive and rest are one copy.
 */
Test(prune, the_next_log_begins_and_the_old_one_is_whole)
{
    static struct checkpoint_keeper next;
    struct fault fault = {0};
    uint64_t size = 0;
    struct sequencer_follows follows = {0};
    const struct digest event = {{1}};
    struct digest macs[4];
    prune_place_expect_left(&place);
    trail_pending_mac(&macs[0], place.stage.trail, 9, &event);
    trail_head_mac(&macs[1], place.stage.trail, 9, &event, &event);
    stage_covered(&place.stage, stage_post(&place.stage));
    stage_copy(&place.stage, place.archive);
    stage_close(&place.stage);
    keeper_read(&place.keeper, &follows.size, &follows.root);
    books_sql(&place.books, LOSE "; DROP TABLE audit.leaf_00000000"); /* as 2^20 entries have left */
    books_sql(&place.books, "DELETE FROM custody.object_ordinal");
    keeper_open(&next, STAGE_ORIGIN "/e2");
    next.follows = &follows;
    stage_open(&place.stage, &place.books, &next);
    trail_pending_mac(&macs[2], place.stage.trail, 9, &event);
    trail_head_mac(&macs[3], place.stage.trail, 9, &event, &event);
    cr_expect(!digest_equal(&macs[0], &macs[2]), "what waited for one log does not wait for the other");
    cr_expect(!digest_equal(&macs[1], &macs[3]));
    stage_covered(&place.stage, stage_event(&place.stage, "one"));
    struct story story = stage_read(&place.books, &next.log_key);
    cr_expect_eq(story.unsettled + story.ordinal_gaps, 0);
    cr_expect_eq(books_number(&place.books, "SELECT count(*) FROM audit.leaf WHERE seq = 0 AND act = 'log.fork'"), 1);
    stage_close(&place.stage);
    keeper_close(&next);
    books_sql(&place.books, LOSE);
    cr_assert_eq(prune_place_rebuild(&size, &place, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(size, follows.size);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
}

/* What must not leave. */

static void no_bound(struct trail_prune_config *config)
{
    config->before = 300;
}

static void beyond(struct trail_prune_config *config)
{
    config->before = 1 << 20;
}

static void too_young(struct trail_prune_config *config)
{
    config->retention_us = YEAR_US;
}

/* The newest entry that would leave, and from when on it may. */
static const char *too_young_words(void)
{
    static char words[200];
    char last[TIME_TEXT_SIZE];
    char from[TIME_TEXT_SIZE];
    int64_t last_utc_us =
        books_number(&place.books, "SELECT (extract(epoch FROM ts) * 1000000)::bigint FROM audit.leaf WHERE seq = 511");
    time_format(last, last_utc_us);
    time_format(from, last_utc_us + YEAR_US);
    (void)snprintf(words, sizeof(words),
                   "entry 511, the newest that would leave, is of %s; with retention-days 365 it may when the trail "
                   "has an entry of %s or later",
                   last, from);
    return words;
}

/* What can be given instead; the partitions of this place are smaller. */
static const char *may_leave(const char *why)
{
    static char words[200];
    (void)snprintf(words, sizeof(words),
                   "%s; a partition ends at each multiple of 1048576, the last that may leave of %ld"
                   " entries at 512",
                   why, books_number(&place.books, "SELECT size FROM audit.head"));
    return words;
}

static void refused(prune_change_fn *change, enum status status, const char *words)
{
    struct fault fault = {0};
    cr_expect_eq(prune_place_prune(&place, change, &fault), status, "%s: %s: %s", words, fault.where, fault.detail);
    cr_expect(strstr(fault.detail, words) != NULL || strstr(fault.where, words) != NULL, "not '%s': %s: %s", words,
              fault.where, fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE, "%s", words);
    cr_expect_eq(books_number(&place.books, TOLD) + books_number(&place.books, "SELECT count(*) FROM audit.pending"), 0,
                 "%s", words);
}

Test(prune, nothing_leaves_against_the_rules)
{
    refused(no_bound, STATUS_INVALID, may_leave("no partition of the trail ends there"));
    refused(beyond, STATUS_INVALID, may_leave("too few entries would stay"));
    refused(too_young, STATUS_CONFLICT, too_young_words());
    struct store_withdrawal row = books_withdrawal("one");
    row.requested_at_utc_us -= YEAR_US;
    row.expires_at_utc_us -= YEAR_US;
    books_insert(place.stage.app, &row);
    refused(NULL, STATUS_CONFLICT, "began in that time and has not ended");
    stage_close(&place.stage);
}

static void spoil(const char *name)
{
    char path[sizeof(place.archive) + 64];
    uint8_t byte = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", place.archive, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pread(fd, &byte, 1, 40), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 40), 1);
    (void)close(fd);
}

static void lacking(const char *name)
{
    char path[sizeof(place.archive) + 64];
    char aside[sizeof(place.archive) + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", place.archive, name);
    (void)snprintf(aside, sizeof(aside), "%s/aside", place.archive);
    cr_assert_eq(rename(path, aside), 0, "%s", path);
    refused(NULL, STATUS_NOT_FOUND, name);
    cr_assert_eq(rename(aside, path), 0);
}

Test(prune, nothing_leaves_that_the_archive_does_not_have)
{
    spoil("tile/entries/001");
    refused(NULL, STATUS_CORRUPT, "tile/entries/001");
    spoil("tile/entries/001");
    spoil("tile/0/001");
    refused(NULL, STATUS_CORRUPT, "tile/0/001");
    spoil("tile/0/001");
    lacking("tile/entries/000");
    place.keeper.log_key.id4[0] ^= 1;
    cr_expect_eq(prune_place_prune(&place, NULL, NULL),
                 STATUS_UNKNOWN_KEY); /* neither the service's notes nor the archive's are its */
    place.keeper.log_key.id4[0] ^= 1;
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    stage_close(&place.stage);
}

/* The same key signed another history before: an archive of that one is none of this. */
Test(prune, an_archive_of_another_history)
{
    const struct digest empty = {{0}};
    struct digest root = empty;
    stage_close(&place.stage);
    digest_sha256(&root, "", 0);
    books_sql(&place.books, LOSE);
    books_sql(&place.books, "DELETE FROM custody.object_ordinal");
    keeper_write(&place.keeper, 0, &root);
    stage_open(&place.stage, &place.books, &place.keeper);
    prune_place_fill(&place);
    refused(NULL, STATUS_FORK, "entries 0 to 255 are others than the log's");
    stage_close(&place.stage);
}

/* The copy ends where it was made; what came since is in the service alone. */
Test(prune, an_archive_that_ends_before)
{
    struct digest root;
    (void)snprintf(place.archive, sizeof(place.archive), "%s/early", place.folder.path);
    stage_close(&place.stage);
    digest_sha256(&root, "", 0);
    books_sql(&place.books, LOSE);
    books_sql(&place.books, "DELETE FROM custody.object_ordinal");
    keeper_write(&place.keeper, 0, &root);
    stage_open(&place.stage, &place.books, &place.keeper);
    stage_covered(&place.stage, stage_post(&place.stage));
    stage_copy(&place.stage, place.archive);
    prune_place_fill(&place);
    refused(NULL, STATUS_NOT_FOUND, "entries, not 512");
    stage_close(&place.stage);
}

Test(prune, who_may_drop_may_do_nothing_else_and_not_without_the_entry)
{
    char state[6];
    static const char *const others[] = {"strongroom_app", "strongroom_sequencer", "strongroom_auditor"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_expect_str_eq(books_sqlstate(state, &place.books, others[i], "SELECT audit.leaf_prune(512)"), "42501");
    }
    cr_expect_str_eq(books_sqlstate(state, &place.books, "strongroom_archivist", "SELECT audit.leaf_prune(512)"),
                     "23001");
    static const char *const denied[] = {
        "SELECT count(*) FROM audit.leaf", "UPDATE audit.head SET first = 512", "DROP TABLE audit.leaf_a",
        "INSERT INTO audit.pending (evt, mac) VALUES ('{}', '')", "SELECT count(*) FROM custody.withdrawal"};
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        cr_expect_str_eq(books_sqlstate(state, &place.books, "strongroom_archivist", denied[i]), "42501", "%s",
                         denied[i]);
    }
    cr_expect_str_eq(books_sqlstate(state, &place.books, "strongroom_sequencer", "UPDATE audit.head SET first = 512"),
                     "42501");
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    stage_close(&place.stage);
}

/* The transaction that waits for the whole trail, as a number; 0 for none. */
#define WAITING                                                                                                        \
    "SELECT coalesce(max(split_part(virtualtransaction, '/', 2)::bigint), 0) FROM pg_locks WHERE NOT granted"          \
    " AND mode = 'AccessExclusiveLock' AND relation = 'audit.leaf'::regclass"                                          \
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"

static atomic_bool has_ended; /* whoever asked for the trail */

/* Lets go of the trail when the first transaction that was seen to wait for it waits no more, or all is over. */
static void *let_go(void *context)
{
    long waiting = 0;
    while (waiting == 0 && !atomic_load(&has_ended)) {
        waiting = books_number(&place.books, WAITING);
    }
    while (waiting != 0 && books_number(&place.books, WAITING) == waiting) {
        /* it waits */
    }
    store_rollback(context);
    return NULL;
}

/* Everybody who comes after it waits with it, so it does not come again by itself. */
Test(prune, who_does_not_get_the_trail_lets_the_others_go_on)
{
    struct store *reader = books_store(&place.books, "strongroom_auditor", 1);
    struct store_tx *tx = NULL;
    struct store_leaf leaf = {0};
    struct fault fault = {0};
    pthread_t thread;
    cr_assert_eq(store_begin(&tx, reader, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_assert_eq(store_leaf_get(&leaf, tx, 0, NULL), STATUS_OK);
    store_leaf_wipe(&leaf);
    cr_assert_eq(pthread_create(&thread, NULL, let_go, tx), 0);
    cr_expect_eq(prune_place_prune(&place, NULL, &fault), STATUS_BUSY, "%s: %s", fault.where, fault.detail);
    atomic_store(&has_ended, true);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    store_close(reader);
    prune_place_expect_left(&place);
    stage_close(&place.stage);
}

/* Nobody sequences: the entry waits, nothing leaves; the same call goes on from there. */
Test(prune, nothing_leaves_before_the_entry_is_sequenced)
{
    struct fault fault = {0};
    stage_close(&place.stage);
    cr_expect_eq(prune_place_prune(&place, prune_place_shortly, &fault), STATUS_NOT_READY, "%s", fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    cr_expect_eq(books_number(&place.books, "SELECT count(*) FROM audit.pending"), 1);
    stage_open(&place.stage, &place.books, &place.keeper);
    while (books_number(&place.books, TOLD) == 0) {
        /* it is on its way */
    }
    prune_place_expect_left(&place);
    stage_close(&place.stage);
}

Test(prune, nothing_leaves_before_a_checkpoint_covers_the_entry)
{
    struct fault fault = {0};
    atomic_store(&place.keeper.away, true);
    cr_expect_eq(prune_place_prune(&place, prune_place_shortly, &fault), STATUS_NOT_READY, "%s", fault.detail);
    while (books_number(&place.books, TOLD) == 0) {
        /* sequenced, and not signed */
    }
    cr_expect_eq(prune_place_prune(&place, prune_place_shortly, &fault), STATUS_NOT_READY, "%s", fault.detail);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE);
    atomic_store(&place.keeper.away, false);
    prune_place_expect_left(&place);
    stage_close(&place.stage);
}

/* Events keep coming while the partitions go. */
static atomic_bool enough;

static void *write_on(void *context)
{
    atomic_int *written = context;
    while (!atomic_load(&enough)) {
        stage_covered(&place.stage, stage_event(&place.stage, "one"));
        atomic_fetch_add(written, 1);
    }
    return NULL;
}

Test(prune, while_the_service_writes)
{
    pthread_t writer;
    atomic_int written = 0;
    atomic_store(&enough, false);
    cr_assert_eq(pthread_create(&writer, NULL, write_on, &written), 0);
    while (atomic_load(&written) < 5) {
        /* it is at work */
    }
    prune_place_expect_left(&place);
    int before = atomic_load(&written);
    while (atomic_load(&written) < before + 5) {
        /* and goes on */
    }
    atomic_store(&enough, true);
    cr_assert_eq(pthread_join(writer, NULL), 0);
    stage_close(&place.stage);
}

#ifdef STRONGROOM_CRASHPOINTS
/* Machines that die with everything on them. The crash points of this process are never armed. */
TestSuite(killed, .init = make_places, .fini = teardown, .timeout = 600);

static int in_child(void (*work)(void), const char *crashpoint)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        cr_assert_eq(setenv("STRONGROOM_CRASHPOINT", crashpoint, 1), 0);
        stage_open(&place.stage, &place.books, &place.keeper);
        work();
        stage_close(&place.stage);
        _exit(0);
    }
    int how = 0;
    cr_assert_eq(waitpid(child, &how, 0), child);
    return how;
}

static void make_archive(void)
{
    prune_place_fill(&place);
    stage_copy(&place.stage, place.archive);
}

static void prune_once(void)
{
    (void)prune_place_prune(&place, NULL, NULL);
}

static void expect_left(void)
{
    prune_place_expect_left(&place);
}

static void look_whole(void)
{
    stage_covered(&place.stage, stage_event(&place.stage, "one")); /* what waited stands before it */
    (void)stage_read(&place.books, &place.keeper.log_key);
}

Test(killed, at_every_step_all_is_there_and_it_goes_on)
{
    static const char *const points[] = {"prune.told:1", "prune.covered:1", "prune.dropped:1"};
    cr_assert_eq(in_child(make_archive, ""), 0);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        int how = in_child(prune_once, points[i]);
        cr_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL, "%s was not reached", points[i]);
        cr_expect_eq(books_number(&place.books, ROWS_BELOW), PRUNE_PLACE_LEAVE, "%s", points[i]);
        cr_expect_eq(books_number(&place.books, "SELECT first FROM audit.head"), 0, "%s", points[i]);
        cr_assert_eq(in_child(look_whole, ""), 0, "%s", points[i]);
        cr_expect_eq(books_number(&place.books, TOLD), 1, "%s", points[i]);
    }
    cr_assert_eq(in_child(expect_left, ""), 0);
    cr_expect_eq(books_number(&place.books, ROWS_BELOW), 0);
}
#endif
