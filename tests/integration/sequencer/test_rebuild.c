/*
 * A trail that was lost and comes back from a copy: the same rows, and new entries after them, or a reason why not.
 * What the signer remembers decides as ever.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sequencer_rebuild.h"
#include "stage.h"
#include "store/trail_write.h"

#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */
#define EVENTS 300                                             /* more than a bundle */
#define LOSE                                                                                                           \
    AS_SUPERUSER "TRUNCATE audit.leaf, audit.tile, audit.checkpoint, audit.pending;"                                   \
                 "UPDATE audit.head SET epoch = 0, size = 0, root = sha256(''),"                                       \
                 " last_lh = decode(repeat('00', 32), 'hex'), frontier = decode(repeat('00', 8), 'hex');"              \
                 "UPDATE custody.object_ordinal SET last = 77"
#define IS_EMPTY                                                                                                       \
    "SELECT (SELECT count(*) FROM audit.leaf) + (SELECT count(*) FROM audit.tile)"                                     \
    " + (SELECT count(*) FROM audit.checkpoint) + (SELECT size FROM audit.head)"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;
static struct test_folder folder;
static char copy[TEST_PATH_SIZE * 2];
static char conninfo[256];

static void leave(void)
{
    stage_stop(&stage);
    trail_close(stage.trail);
    store_close(stage.reader);
    store_close(stage.app);
}

/* A trail of more than a bundle, about two objects, and its copy; the service has ended. */
static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    test_folder_make(&folder);
    (void)snprintf(copy, sizeof(copy), "%s/copy", folder.path);
    (void)books_conninfo(conninfo, &books, "strongroom_sequencer");
    stage_open(&stage, &books, &keeper);
    struct trail_ticket tickets[EVENTS];
    for (int i = 0; i < EVENTS; i++) {
        tickets[i] = i % 50 == 0 ? stage_event(&stage, i % 100 == 0 ? "one" : "two") : stage_post(&stage);
    }
    for (int i = 0; i < EVENTS; i++) { /* the last one posted need not be the last entry */
        stage_covered(&stage, tickets[i]);
    }
    stage_copy(&stage, copy);
    leave();
}

static void teardown(void)
{
    test_folder_remove(&folder);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(rebuild, .init = setup, .fini = teardown, .timeout = 600);

static enum status rebuild_by(const struct audit_key *keys, size_t key_count, struct fault *fault)
{
    uint64_t size = 0;
    const struct sequencer_rebuild_config config = {
        .conninfo = conninfo, .copy = copy, .keys = keys, .key_count = key_count};
    enum status status = sequencer_rebuild(&size, &config, fault);
    cr_assert(status != STATUS_OK || (long)size == books_number(&books, "SELECT count(*) FROM audit.leaf"));
    return status;
}

static enum status rebuild(struct fault *fault)
{
    return rebuild_by(&keeper.log_key, 1, fault);
}

static void expect_back(void)
{
    struct fault fault = {0};
    cr_assert_eq(rebuild(&fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    stage_open(&stage, &books, &keeper);
    uint64_t seq = stage_covered(&stage, stage_event(&stage, "one"));
    cr_expect_geq(seq, EVENTS);
    struct story story = stage_read(&books, &keeper.log_key);
    cr_expect_eq(story.size, story.covered);
    cr_expect_eq(story.unsettled + story.ordinal_gaps, 0);
    stage_close(&stage);
}

Test(rebuild, every_row_is_as_it_was_and_the_trail_goes_on)
{
    struct fault fault = {0};
    books_sql(&books, "CREATE TABLE public.leaf AS TABLE audit.leaf; CREATE TABLE public.tile AS TABLE audit.tile;"
                      "CREATE TABLE public.head AS TABLE audit.head;"
                      "CREATE TABLE public.checkpoint AS SELECT size, note FROM audit.checkpoint"
                      " ORDER BY size DESC LIMIT 1;"
                      "CREATE TABLE public.ordinal AS TABLE custody.object_ordinal");
    cr_assert_gt(books_number(&books, "SELECT count(*) FROM public.tile"), 0);
    books_sql(&books, LOSE);
    cr_assert_eq(rebuild(&fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    static const char *const pairs[][2] = {
        {"TABLE public.leaf", "TABLE audit.leaf"},
        {"TABLE public.tile", "TABLE audit.tile"},
        {"SELECT size, root, last_lh, frontier FROM public.head",
         "SELECT size, root, last_lh, frontier FROM audit.head"},
        {"TABLE public.checkpoint", "SELECT size, note FROM audit.checkpoint"},
        {"TABLE public.ordinal", "TABLE custody.object_ordinal"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char sql[512];
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM ((%s EXCEPT %s) UNION ALL (%s EXCEPT %s)) AS d",
                       pairs[i][0], pairs[i][1], pairs[i][1], pairs[i][0]);
        cr_expect_eq(books_number(&books, sql), 0, "%s", pairs[i][1]);
    }
    books_sql(&books, LOSE);
    expect_back();
}

Test(rebuild, a_copy_behind_the_signer_halts)
{
    struct fault why = {0};
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_post(&stage));
    leave();
    books_sql(&books, LOSE);
    cr_assert_eq(rebuild(&why), STATUS_OK, "%s: %s", why.where, why.detail);
    stage_open(&stage, &books, &keeper);
    stage_await(&stage, SEQUENCER_HALTED, &why);
    cr_expect_eq(why.status, STATUS_ROLLBACK);
    cr_expect(strstr(why.detail, "a newer backup or copy has the rest") != NULL, "%s", why.detail);
    stage_close(&stage);
}

Test(rebuild, nothing_is_filled_that_is_not_empty_or_led)
{
    struct fault fault = {0};
    long size = books_number(&books, "SELECT count(*) FROM audit.leaf");
    cr_expect_eq(rebuild(NULL), STATUS_EXISTS);
    cr_expect_eq(books_number(&books, "SELECT count(*) FROM audit.leaf"), size);
    books_sql(&books, LOSE);
    books_sql(&books, "INSERT INTO audit.pending (evt, mac) VALUES ('xx', '')");
    cr_expect_eq(rebuild(NULL), STATUS_EXISTS);
    books_sql(&books, LOSE);
    struct store_writer *other = NULL;
    cr_assert_eq(store_writer_open(&other, conninfo, 10000, NULL), STATUS_OK);
    cr_assert_eq(store_writer_lock_alone(other, NULL), STATUS_OK);
    cr_expect_eq(rebuild(&fault), STATUS_BUSY);
    store_writer_close(other);
    cr_expect_eq(books_number(&books, IS_EMPTY), 0);
    expect_back();
}

static void spoil(const char *name)
{
    char path[sizeof(copy) + 64];
    uint8_t byte = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", copy, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pread(fd, &byte, 1, 40), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 40), 1);
    (void)close(fd);
}

Test(rebuild, a_changed_byte_of_the_copy_is_named)
{
    static const char *const names[] = {"tile/entries/000", "tile/0/000", "checkpoint"};
    books_sql(&books, LOSE);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct fault fault = {0};
        spoil(names[i]);
        cr_expect_eq(rebuild(&fault), STATUS_CORRUPT, "%s", names[i]);
        cr_expect_str_eq(fault.where, names[i], "%s: %s", fault.where, fault.detail);
        cr_expect_eq(books_number(&books, IS_EMPTY), 0);
        spoil(names[i]);
    }
    keeper.log_key.id4[0] ^= 1;
    cr_expect_eq(rebuild(NULL), STATUS_MISMATCH);
    keeper.log_key.id4[0] ^= 1;
    expect_back();
}

/* A line of `key` that does not verify, under the note of the copy. */
static void add_bad_line(const struct audit_key *key)
{
    char path[sizeof(copy) + 64];
    const uint8_t signature[SIGNATURE_LEN] = {1};
    struct bytes line = {0};
    (void)snprintf(path, sizeof(path), "%s/checkpoint", copy);
    cr_assert_eq(audit_note_line(&line, key, signature, NULL), STATUS_OK);
    FILE *file = fopen(path, "ae");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(line.data, 1, line.len, file), line.len);
    cr_assert_eq(fclose(file), 0);
    bytes_free(&line);
}

/* While the key is rotated the service names two; the copy may have been made under either. */
Test(rebuild, any_key_of_the_log_may_have_signed_the_copy)
{
    static struct checkpoint_keeper other;
    struct fault fault = {0};
    keeper_open(&other, STAGE_ORIGIN);
    const struct audit_key pairs[][2] = {{keeper.log_key, other.log_key}, {other.log_key, keeper.log_key}};
    for (size_t i = 0; i < 2; i++) {
        books_sql(&books, LOSE);
        cr_assert_eq(rebuild_by(pairs[i], 2, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    }
    books_sql(&books, LOSE);
    cr_expect_eq(rebuild_by(&other.log_key, 1, NULL), STATUS_MISMATCH);
    add_bad_line(&other.log_key);
    cr_expect_eq(rebuild_by(pairs[0], 2, &fault), STATUS_CORRUPT);
    cr_expect_str_eq(fault.where, "checkpoint");
    cr_expect_eq(books_number(&books, IS_EMPTY), 0);
    keeper_close(&other);
    expect_back();
}

/* It has written every entry when it is killed: another holds the place of the checkpoint, at which it waits. */
Test(rebuild, killed_on_its_way_it_has_changed_nothing)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    uint8_t letter = 'x';
    struct store_checkpoint place = {.size = (uint64_t)books_number(&books, "SELECT size FROM audit.head"),
                                     .signed_at_utc_us = 1,
                                     .note = {&letter, 1}};
    struct store_writer *other = NULL;
    struct store_tx *tx = NULL;
    books_sql(&books, LOSE);
    cr_assert_eq(store_writer_open(&other, conninfo, 10000, NULL), STATUS_OK);
    cr_assert_eq(store_writer_begin(&tx, other, STORE_READ_WRITE, NULL), STATUS_OK);
    cr_assert_eq(store_checkpoint_put(tx, &place, NULL), STATUS_OK);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)!rebuild(NULL);
        _exit(0);
    }
    while (books_number(&books, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
        (void)nanosleep(&pause, NULL);
    }
    cr_assert_eq(kill(child, SIGKILL), 0);
    int how = 0;
    cr_assert_eq(waitpid(child, &how, 0), child);
    cr_assert(WIFSIGNALED(how), "it was on its way");
    store_rollback(tx);
    store_writer_close(other);
    cr_expect_eq(books_number(&books, IS_EMPTY), 0);
    expect_back(); /* though the server may not have seen yet that it is gone */
}
