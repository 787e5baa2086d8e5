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

#include "sequencer_rebuild.h"
#include "stage.h"
#include "store/trail_read.h"
#include "trail_kept.h"
#include "trail_prune.h"

#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */
#define EVENTS 820                                             /* 512 leave, and 256 stay */
#define LEAVE 512
#define YEAR_US (365LL * 24 * 3600 * 1000000)
#define ROWS_BELOW "SELECT count(*) FROM audit.leaf WHERE seq < 512"
#define TOLD "SELECT count(*) FROM audit.leaf WHERE act = 'retention.prune'"
#define PARTITIONS "SELECT count(*) FROM audit.leaf_partition"
#define LOSE                                                                                                           \
    AS_SUPERUSER "TRUNCATE audit.leaf, audit.tile, audit.checkpoint, audit.pending;"                                   \
                 "UPDATE audit.head SET epoch = 0, size = 0, first = 0, root = sha256(''),"                            \
                 " last_lh = decode(repeat('00', 32), 'hex'), frontier = decode(repeat('00', 8), 'hex')"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;
static struct test_folder folder;
static char archive[TEST_PATH_SIZE * 2];

/* Partitions as small as bundles, before the first start. */
static void narrow_partitions(void)
{
    books_sql(&books, "SET ROLE strongroom_owner;"
                      "ALTER TABLE audit.leaf DETACH PARTITION audit.leaf_00000000;"
                      "CREATE TABLE audit.leaf_a (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                      "CREATE TABLE audit.leaf_b (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                      "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_a FOR VALUES FROM (0) TO (256);"
                      "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_b FOR VALUES FROM (256) TO (512);"
                      "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_00000000 FOR VALUES FROM (512) TO (1048576)");
}

static void fill_trail(void)
{
    struct trail_ticket ticket = {0};
    for (int i = 0; i < EVENTS; i++) {
        ticket = i % 50 == 0 ? stage_event(&stage, i % 100 == 0 ? "one" : "two") : stage_post(&stage);
    }
    stage_covered(&stage, ticket);
}

static void make_places(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    test_folder_make(&folder);
    (void)snprintf(archive, sizeof(archive), "%s/archive", folder.path);
    narrow_partitions();
}

static void setup(void)
{
    make_places();
    stage_open(&stage, &books, &keeper);
    fill_trail();
    stage_copy(&stage, archive);
}

static void teardown(void)
{
    test_folder_remove(&folder);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(prune, .init = setup, .fini = teardown, .timeout = 240);

/* As custodyd prune does it: a process of its own, which leads nothing. `change` makes the request another one. */
static enum status prune_as(void (*change)(struct trail_prune_config *config), struct fault *fault)
{
    struct trail_prune_config config = {.app = books_store(&books, "strongroom_app", 1),
                                        .reader = books_store(&books, "strongroom_auditor", 1),
                                        .archivist = books_store(&books, "strongroom_archivist", 1),
                                        .keys = &keeper.log_key,
                                        .key_count = 1,
                                        .archive = archive,
                                        .before = LEAVE,
                                        .retention_us = 1,
                                        .wait_ms = STAGE_WAIT_MS};
    const struct trail_config trail = {
        .clock = clock_system(), .reader = config.reader, .keys = &keeper.log_key, .key_count = 1};
    uint64_t first = 0;
    cr_assert_eq(name_parse(&config.person, "olga"), STATUS_OK);
    cr_assert_eq(trail_open(&config.trail, &trail, fault), STATUS_OK);
    if (change != NULL) {
        change(&config);
    }
    enum status status = trail_prune(&first, &config, fault);
    trail_close(config.trail);
    store_close(config.archivist);
    store_close(config.reader);
    store_close(config.app);
    return status;
}

static void expect_left(void)
{
    struct fault fault = {0};
    cr_assert_eq(prune_as(NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), 0);
    cr_expect_eq(books_number(&books, PARTITIONS), 2);
    cr_expect_eq(books_number(&books, "SELECT first FROM audit.head"), LEAVE);
    cr_expect_eq(books_number(&books, TOLD), 1);
}

/* A receipt of an entry that has left, from the tiles that stay. */
static void expect_proven(uint64_t seq)
{
    struct fault fault = {0};
    struct bytes proof = {0};
    cr_expect_eq(trail_prove(&proof, stage.trail, seq, STAGE_WAIT_MS, &fault), STATUS_OK, "%s", fault.detail);
    bytes_free(&proof);
}

Test(prune, they_leave_when_the_trail_says_so_and_it_goes_on)
{
    struct fault fault = {0};
    uint64_t first = 77;
    long tiles = books_number(&books, "SELECT count(*) FROM audit.tile");
    cr_assert_eq(trail_kept_from(&first, stage.reader, &fault), STATUS_OK);
    cr_expect_eq(first, 0);
    expect_left();
    cr_expect_geq(books_number(&books, "SELECT count(*) FROM audit.tile"), tiles);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf WHERE act = 'retention.prune' AND actor = 'olga'"
                                      " AND outcome = 'intent' AND seq >= 820"
                                      " AND position('\"first\":\"0\",\"size\":\"512\"'::bytea IN raw) > 0"),
                 1);
    expect_proven(3);
    stage_covered(&stage, stage_event(&stage, "one"));
    stage_close(&stage);
    stage_open(&stage, &books, &keeper); /* another one leads, and remembers nothing */
    stage_covered(&stage, stage_event(&stage, "two"));
    expect_proven(3);
    cr_assert_eq(trail_kept_from(&first, stage.reader, &fault), STATUS_OK);
    cr_expect_eq(first, LEAVE);
    cr_expect_eq(prune_as(NULL, &fault), STATUS_EXISTS, "%s", fault.detail);
    cr_expect_eq(books_number(&books, TOLD), 1);
    stage_copy(&stage, archive); /* the archive goes on, too */
    stage_close(&stage);
}

/* The entries that have left have the tree that their checkpoint had. */
Test(prune, the_tree_of_what_has_left_leads_to_the_signed_root)
{
    struct fault fault = {0};
    struct audit_frontier frontier;
    struct trail_checkpoint newest = {0};
    struct digest root;
    struct bytes hashes = {0};
    expect_left();
    stage_covered(&stage, stage_post(&stage));
    cr_assert_eq(trail_kept_tree(&frontier, stage.reader, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(frontier.size, LEAVE);
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, &fault), STATUS_OK);
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, stage.reader, STORE_SNAPSHOT, &fault), STATUS_OK);
    cr_assert_eq(store_leaf_hashes(&hashes, tx, LEAVE, newest.checkpoint.size, &fault), STATUS_OK, "%s", fault.detail);
    store_rollback(tx);
    for (size_t i = 0; i < hashes.len / sizeof(root); i++) {
        memcpy(root.bytes32, hashes.data + i * sizeof(root), sizeof(root));
        cr_assert_eq(audit_frontier_append(&frontier, &root), STATUS_OK);
    }
    audit_frontier_root(&root, &frontier);
    cr_expect(digest_equal(&root, &newest.checkpoint.root));
    bytes_free(&hashes);
    bytes_free(&newest.note);
    stage_close(&stage);
}

/* From the archive everything comes back, and leaves again by an entry of its own. */
Test(prune, the_archive_brings_them_back)
{
    struct fault fault = {0};
    char conninfo[256];
    uint64_t size = 0;
    const struct sequencer_rebuild_config config = {.conninfo =
                                                        books_conninfo(conninfo, &books, "strongroom_sequencer"),
                                                    .copy = archive,
                                                    .keys = &keeper.log_key,
                                                    .key_count = 1};
    expect_left();
    stage_covered(&stage, stage_post(&stage));
    stage_copy(&stage, archive);
    stage_close(&stage);
    books_sql(&books, LOSE);
    books_sql(&books, "SET ROLE strongroom_owner;"
                      "CREATE TABLE audit.leaf_c (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                      "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_c FOR VALUES FROM (0) TO (512)");
    cr_assert_eq(sequencer_rebuild(&size, &config, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE);
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, "one"));
    struct story story = stage_read(&books, &keeper.log_key); /* the whole trail, by an oracle */
    cr_expect_eq(story.unsettled + story.ordinal_gaps, 0);
    cr_assert_eq(prune_as(NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), 0);
    cr_expect_eq(books_number(&books, TOLD), 2, "the archive is a newer one, and so is the entry");
    stage_close(&stage);
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

static void no_retention(struct trail_prune_config *config)
{
    config->retention_us = 0;
}

static void refused(void (*change)(struct trail_prune_config *config), enum status status, const char *words)
{
    struct fault fault = {0};
    cr_expect_eq(prune_as(change, &fault), status, "%s: %s: %s", words, fault.where, fault.detail);
    cr_expect(strstr(fault.detail, words) != NULL || strstr(fault.where, words) != NULL, "not '%s': %s: %s", words,
              fault.where, fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE, "%s", words);
    cr_expect_eq(books_number(&books, TOLD) + books_number(&books, "SELECT count(*) FROM audit.pending"), 0, "%s",
                 words);
}

Test(prune, nothing_leaves_against_the_rules)
{
    refused(no_bound, STATUS_INVALID, "no partition of the trail ends there");
    refused(beyond, STATUS_INVALID, "the last 256 stay");
    refused(too_young, STATUS_NOT_PERMITTED, "the newest entry that would leave is of ");
    refused(no_retention, STATUS_NOT_PERMITTED, "retention-days");
    struct store_withdrawal row = books_withdrawal("one");
    row.requested_at_utc_us -= YEAR_US;
    row.expires_at_utc_us -= YEAR_US;
    books_insert(stage.app, &row);
    refused(NULL, STATUS_CONFLICT, "began in that time and has not ended");
    stage_close(&stage);
}

static void spoil(const char *name)
{
    char path[sizeof(archive) + 64];
    uint8_t byte = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", archive, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pread(fd, &byte, 1, 40), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 40), 1);
    (void)close(fd);
}

static void lacking(const char *name)
{
    char path[sizeof(archive) + 64];
    char aside[sizeof(archive) + 64];
    (void)snprintf(path, sizeof(path), "%s/%s", archive, name);
    (void)snprintf(aside, sizeof(aside), "%s/aside", archive);
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
    refused(NULL, STATUS_CORRUPT, "tile 0/1");
    spoil("tile/0/001");
    lacking("tile/entries/000");
    keeper.log_key.id4[0] ^= 1;
    cr_expect_eq(prune_as(NULL, NULL), STATUS_UNKNOWN_KEY); /* neither the service's notes nor the archive's are its */
    keeper.log_key.id4[0] ^= 1;
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE);
    stage_close(&stage);
}

/* The same key signed another history before: an archive of that one is none of this. */
Test(prune, an_archive_of_another_history)
{
    const struct digest empty = {{0}};
    struct digest root = empty;
    stage_close(&stage);
    digest_sha256(&root, "", 0);
    books_sql(&books, LOSE);
    books_sql(&books, "DELETE FROM custody.object_ordinal");
    keeper_write(&keeper, 0, &root);
    stage_open(&stage, &books, &keeper);
    fill_trail();
    refused(NULL, STATUS_FORK, "entries 0 to 255 are others than the log's");
    stage_close(&stage);
}

/* The copy ends where it was made; what came since is in the service alone. */
Test(prune, an_archive_that_ends_before)
{
    struct digest root;
    (void)snprintf(archive, sizeof(archive), "%s/early", folder.path);
    stage_close(&stage);
    digest_sha256(&root, "", 0);
    books_sql(&books, LOSE);
    books_sql(&books, "DELETE FROM custody.object_ordinal");
    keeper_write(&keeper, 0, &root);
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_post(&stage));
    stage_copy(&stage, archive);
    fill_trail();
    refused(NULL, STATUS_NOT_FOUND, "entries, not 512");
    stage_close(&stage);
}

Test(prune, who_may_drop_may_do_nothing_else_and_not_without_the_entry)
{
    char state[6];
    static const char *const others[] = {"strongroom_app", "strongroom_sequencer", "strongroom_auditor"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        cr_expect_str_eq(books_sqlstate(state, &books, others[i], "SELECT audit.leaf_prune(512)"), "42501");
    }
    cr_expect_str_eq(books_sqlstate(state, &books, "strongroom_archivist", "SELECT audit.leaf_prune(512)"), "23001");
    static const char *const denied[] = {
        "SELECT count(*) FROM audit.leaf", "UPDATE audit.head SET first = 512", "DROP TABLE audit.leaf_a",
        "INSERT INTO audit.pending (cls, evt) VALUES (0, '{}')", "SELECT count(*) FROM custody.withdrawal"};
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        cr_expect_str_eq(books_sqlstate(state, &books, "strongroom_archivist", denied[i]), "42501", "%s", denied[i]);
    }
    cr_expect_str_eq(books_sqlstate(state, &books, "strongroom_sequencer", "UPDATE audit.head SET first = 512"),
                     "42501");
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE);
    stage_close(&stage);
}

/* What a writer to the database has sequenced: a root that no archive has, under somebody's name. */
static void plant(const char *person, const char *digit, const char *first)
{
    struct trail_ticket ticket;
    struct fault fault = {0};
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    struct audit_event event = {
        .action = AUDIT_RETENTION_PRUNE, .outcome = AUDIT_OUTCOME_INTENT, .object_type = "archive", .object_id = "512"};
    memset(hex, digit[0], DIGEST_HEX_LEN);
    hex[DIGEST_HEX_LEN] = '\0';
    cr_assert_eq(digest_parse(&digest, hex), STATUS_OK);
    cr_assert_eq(name_parse(&event.actor, person), STATUS_OK);
    cr_assert_eq(audit_event_fact_add(&event, "first", first, &fault), STATUS_OK);
    cr_assert_eq(audit_event_fact_add(&event, "size", "512", &fault), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(&event, "root", &digest, &fault), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(&event, "checkpoint", &digest, &fault), STATUS_OK);
    struct store_tx *tx = books_begin(stage.app);
    cr_assert_eq(trail_enqueue(&ticket, stage.trail, tx, &event, &fault), STATUS_OK, "%s", fault.detail);
    books_commit(tx);
    audit_event_wipe(&event);
    stage_covered(&stage, ticket);
}

/* Whether an entry tells the root by which a verifier computes those that have left. */
static long told_truly(void)
{
    char sql[512];
    char hex[DIGEST_HEX_LEN + 1];
    struct audit_frontier frontier;
    struct digest root;
    struct fault fault = {0};
    cr_assert_eq(trail_kept_tree(&frontier, stage.reader, &fault), STATUS_OK, "%s", fault.detail);
    audit_frontier_root(&root, &frontier);
    digest_format(hex, &root);
    (void)snprintf(sql, sizeof(sql),
                   TOLD " AND actor = 'olga' AND position('\"root\":\"%s\"'::bytea IN raw) > 0"
                        " AND position('\"first\":\"0\"'::bytea IN raw) > 0",
                   hex);
    return books_number(&books, sql);
}

/* One that is wrong is not taken for this prune's own: the right one is told beside it, and exports are proven by it.
 */
Test(prune, a_planted_entry_is_not_taken_for_its_own)
{
    struct fault fault = {0};
    plant("olga", "a", "0");
    cr_assert_eq(prune_as(NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), 0);
    cr_expect_eq(books_number(&books, TOLD), 2);
    cr_expect_eq(told_truly(), 1);
    stage_close(&stage);
}

static void shortly(struct trail_prune_config *config)
{
    config->wait_ms = 1;
}

static void by_otto(struct trail_prune_config *config)
{
    cr_assert_eq(name_parse(&config->person, "otto"), STATUS_OK);
    config->wait_ms = 1;
}

/* The entry is told and covered, and nothing has left. */
static void tell_only(void (*change)(struct trail_prune_config *config))
{
    struct fault fault = {0};
    stage_close(&stage);
    cr_assert_eq(prune_as(change, &fault), STATUS_NOT_READY, "%s", fault.detail);
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, "one")); /* what waited stands before it */
    cr_assert_eq(books_number(&books, TOLD), 1);
    cr_assert_eq(books_number(&books, ROWS_BELOW), LEAVE);
}

Test(prune, what_another_asked_for_is_not_said_of_who_asks)
{
    struct fault fault = {0};
    tell_only(by_otto);
    cr_assert_eq(prune_as(NULL, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&books, TOLD), 2);
    cr_expect_eq(told_truly(), 1);
    stage_close(&stage);
}

/* A row that is true for itself, made of an older one by who edits the heap, is not what was signed in its place. */
Test(prune, a_row_that_was_made_to_say_so)
{
    struct fault fault = {0};
    tell_only(shortly);
    books_sql(&books, AS_SUPERUSER
              "CREATE TEMPORARY TABLE said AS SELECT * FROM audit.leaf WHERE act = 'retention.prune';"
              "UPDATE audit.leaf SET act = 'trail.copied' WHERE act = 'retention.prune';"
              "UPDATE said SET raw = overlay(raw PLACING '600'::bytea"
              " FROM position(convert_to(E'\n' || seq || E'\n', 'UTF8') IN raw) + 1 FOR length(seq::text)), seq = 600;"
              "UPDATE said SET lh = sha256('\\x00'::bytea || raw);"
              "DELETE FROM audit.leaf WHERE seq = 600; INSERT INTO audit.leaf SELECT * FROM said");
    cr_expect_eq(prune_as(NULL, &fault), STATUS_CORRUPT, "%s", fault.detail);
    cr_expect_str_eq(fault.detail, "row 600 is not the entry that was signed");
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE);
    stage_close(&stage);
}

/* Nobody sequences: the entry waits, nothing leaves; the same call goes on from there. */
Test(prune, nothing_leaves_before_the_entry_is_sequenced)
{
    struct fault fault = {0};
    stage_close(&stage);
    cr_expect_eq(prune_as(shortly, &fault), STATUS_NOT_READY, "%s", fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.pending"), 1);
    stage_open(&stage, &books, &keeper);
    while (books_number(&books, TOLD) == 0) {
        /* it is on its way */
    }
    expect_left();
    stage_close(&stage);
}

Test(prune, nothing_leaves_before_a_checkpoint_covers_the_entry)
{
    struct fault fault = {0};
    atomic_store(&keeper.away, true);
    cr_expect_eq(prune_as(shortly, &fault), STATUS_NOT_READY, "%s", fault.detail);
    while (books_number(&books, TOLD) == 0) {
        /* sequenced, and not signed */
    }
    cr_expect_eq(prune_as(shortly, &fault), STATUS_NOT_READY, "%s", fault.detail);
    cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE);
    atomic_store(&keeper.away, false);
    expect_left();
    stage_close(&stage);
}

/* Events keep coming while the partitions go. */
static atomic_bool enough;

static void *write_on(void *context)
{
    atomic_int *written = context;
    while (!atomic_load(&enough)) {
        stage_covered(&stage, stage_event(&stage, "one"));
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
    expect_left();
    int before = atomic_load(&written);
    while (atomic_load(&written) < before + 5) {
        /* and goes on */
    }
    atomic_store(&enough, true);
    cr_assert_eq(pthread_join(writer, NULL), 0);
    stage_close(&stage);
}

#ifdef STRONGROOM_CRASHPOINTS
/* Machines that die with everything on them. The crash points of this process are never armed. */
TestSuite(killed, .init = make_places, .fini = teardown, .timeout = 240);

static int in_child(void (*work)(void), const char *crashpoint)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        cr_assert_eq(setenv("STRONGROOM_CRASHPOINT", crashpoint, 1), 0);
        stage_open(&stage, &books, &keeper);
        work();
        stage_close(&stage);
        _exit(0);
    }
    int how = 0;
    cr_assert_eq(waitpid(child, &how, 0), child);
    return how;
}

static void make_archive(void)
{
    fill_trail();
    stage_copy(&stage, archive);
}

static void prune_once(void)
{
    (void)prune_as(NULL, NULL);
}

static void look_whole(void)
{
    stage_covered(&stage, stage_event(&stage, "one")); /* what waited stands before it */
    (void)stage_read(&books, &keeper.log_key);
}

Test(killed, at_every_step_all_is_there_and_it_goes_on)
{
    static const char *const points[] = {"prune.told:1", "prune.covered:1", "prune.dropped:1"};
    cr_assert_eq(in_child(make_archive, ""), 0);
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        int how = in_child(prune_once, points[i]);
        cr_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL, "%s was not reached", points[i]);
        cr_expect_eq(books_number(&books, ROWS_BELOW), LEAVE, "%s", points[i]);
        cr_expect_eq(books_number(&books, "SELECT first FROM audit.head"), 0, "%s", points[i]);
        cr_assert_eq(in_child(look_whole, ""), 0, "%s", points[i]);
        cr_expect_eq(books_number(&books, TOLD), 1, "%s", points[i]);
    }
    cr_assert_eq(in_child(expect_left, ""), 0);
    cr_expect_eq(books_number(&books, ROWS_BELOW), 0);
}
#endif
