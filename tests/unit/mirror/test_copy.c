/*
 * Copying a log into a folder: what ends up there, what is refused, and going on after being broken off anywhere.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/tile_tree.h"
#include "base/file.h"
#include "place.h"
#include "samples.h"

TestSuite(copy, .init = folder_start, .fini = folder_end);

Test(copy, grows_with_the_log_and_has_what_a_reader_asks_for)
{
    static const uint64_t sizes[] = {1, 2, 255, 256, 257, 511, 512, 700, 65535, 65536, 65537, 66000};
    struct log log;
    log_make(&log, ENTRIES);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        copy_to(&log, sizes[i]);
        expect_copy(&log);
    }
    copy_to(&log, 66000);
    cr_assert_eq(log.fetches, 4, "a log that has not grown is asked for its checkpoint and its right edge");
    log_free(&log);
}

Test(copy, of_an_empty_log_is_empty)
{
    struct log log;
    log_make(&log, ENTRIES);
    copy_to(&log, 0);
    copy_to(&log, 3);
    expect_copy(&log);
    log_free(&log);
}

/* Killed at every fetch in turn, the same folder all the time. */
Test(copy, goes_on_after_being_killed_anywhere, .timeout = 600)
{
    struct log log;
    log_make(&log, ENTRIES);
    copy_to(&log, 300);
    log.size = 1100;
    uint64_t kills = 0;
    for (log.fail_at = 1, log.kill = true;; log.fail_at++, kills++) {
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            _exit(copy_once(&log, NULL) == STATUS_OK ? 0 : 1);
        }
        int how = 0;
        cr_assert_eq(waitpid(child, &how, 0), child);
        if (WIFEXITED(how)) {
            cr_assert_eq(WEXITSTATUS(how), 0);
            break;
        }
        log.size = 300;
        struct bytes wanted = {0};
        struct bytes found = {0};
        note_make(&wanted, &log);
        read_whole(&found, "checkpoint");
        cr_assert(wanted.len == found.len && memcmp(wanted.data, found.data, found.len) == 0, "the old one stands");
        bytes_free(&wanted);
        bytes_free(&found);
        log.size = 1100;
    }
    cr_assert_gt(kills, 3);
    expect_copy(&log);
    log_free(&log);
}

Test(copy, what_the_log_did_not_sign_is_not_written)
{
    static const char *const spoiled[] = {"tile/entries/000", "tile/entries/001", "tile/entries/003.p/232",
                                          "tile/0/000",       "tile/0/003.p/232", "tile/1/000.p/3"};
    struct log log;
    log_make(&log, ENTRIES);
    log.size = 1000;
    for (size_t i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++) {
        log.spoiled = spoiled[i];
        cr_assert_eq(copy_once(&log, NULL), STATUS_CORRUPT, "%s", spoiled[i]);
        cr_assert(!is_there("checkpoint") && !is_there(spoiled[i]), "%s", spoiled[i]);
        folder_end();
        folder_start();
    }
    log.spoiled = NULL;
    copy_to(&log, 1000);
    expect_copy(&log);
    log_free(&log);
}

static void expect_refused(struct log *log, enum status why)
{
    struct digest before;
    struct digest after;
    struct bytes note = {0};
    struct bytes kept = {0};
    char hex[DIGEST_HEX_LEN + 1];
    char name[PATH_SIZE * 2];
    digest_folder(&before);
    cr_assert_eq(copy_once(log, NULL), why);
    digest_folder(&after);
    cr_assert(digest_equal(&before, &after), "the folder is as it was");
    note_make(&note, log);
    digest_sha256(&after, note.data, note.len);
    digest_format(hex, &after);
    (void)snprintf(name, sizeof(name), "%s.refused-%" PRIu64 "-%.16s", folder, log->size, hex);
    cr_assert_eq(file_read(&kept, name, AUDIT_NOTE_MAX, "test", NULL), STATUS_OK, "the note is kept beside it");
    cr_assert(kept.len == note.len && memcmp(kept.data, note.data, note.len) == 0);
    bytes_free(&kept);
    bytes_free(&note);
}

Test(copy, a_log_that_goes_back_or_forks_is_refused)
{
    struct log log;
    struct log other;
    log_make(&log, ENTRIES);
    log_make(&other, 400);
    copy_to(&log, 700);
    log.size = 699;
    expect_refused(&log, STATUS_ROLLBACK);
    other.size = 700;
    expect_refused(&other, STATUS_FORK);
    other.size = 1200;
    expect_refused(&other, STATUS_FORK);
    copy_to(&log, 1200);
    expect_copy(&log);
    log_free(&log);
    log_free(&other);
}

Test(copy, a_file_that_is_there_with_other_bytes_is_named_and_left)
{
    static const char *const files[] = {"tile/0/001", "tile/entries/001"};
    for (size_t i = 0; i < 2; i++) {
        struct log log;
        struct fault fault = {0};
        struct digest before;
        struct digest after;
        log_make(&log, ENTRIES);
        log.size = 700;
        log.fail_at = 8; /* checkpoint, two tiles of the edge, tile and bundle 0, tile and bundle 1 */
        cr_assert_eq(copy_once(&log, NULL), STATUS_UNAVAILABLE);
        cr_assert(is_there(files[i]) && !is_there("checkpoint"));
        spoil(files[i]);
        log.fail_at = 0;
        digest_folder(&before);
        cr_assert_eq(copy_once(&log, &fault), STATUS_CORRUPT);
        cr_assert_str_eq(fault.where, files[i]);
        digest_folder(&after);
        cr_assert(digest_equal(&before, &after));
        log_free(&log);
        folder_end();
        folder_start();
    }
}

Test(copy, one_folder_has_one_log_and_one_writer)
{
    struct log log;
    struct mirror *mirror = NULL;
    struct fault fault = {0};
    log_make(&log, ENTRIES);
    copy_to(&log, 5);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_WRITE, NULL), STATUS_OK);
    cr_assert_eq(copy_once(&log, NULL), STATUS_BUSY);
    mirror_close(mirror);
    keys_of(SAMPLE_ORIGIN, 1);
    log.signer = 1;
    cr_assert_eq(copy_once(&log, &fault), STATUS_MISMATCH);
    cr_assert_not_null(strstr(fault.detail, folder));
    keys_of("another.example/log", 0);
    cr_assert_eq(copy_once(&log, NULL), STATUS_MISMATCH);
    log_free(&log);
}

Test(copy, goes_on_when_another_key_has_taken_over)
{
    struct log log;
    struct fault fault = {0};
    log_make(&log, ENTRIES);
    copy_to(&log, 300);
    log.size = 600;
    log.signer = 1;
    cr_assert_eq(copy_once(&log, NULL), STATUS_UNKNOWN_KEY, "nobody has said that this key is the log's");
    keys_rotate(1, 600);
    copy_to(&log, 600);
    expect_copy(&log);
    log.size = 601;
    log.signer = 0;
    cr_assert_eq(copy_once(&log, NULL), STATUS_UNKNOWN_KEY, "its time is over");
    log.size = 600;
    log.signer = 1;
    expect_copy(&log);
    copy_to(&log, 900);
    expect_copy(&log);
    keys_of(SAMPLE_ORIGIN, 0);
    cr_assert_eq(copy_once(&log, &fault), STATUS_MISMATCH, "whoever does not know the key cannot tell the copy");
    cr_assert_not_null(strstr(fault.detail, "by another key of it"));
    log_free(&log);
}

Test(copy, only_what_the_log_and_its_witnesses_have_signed_counts)
{
    struct log log;
    struct mirror *mirror = NULL;
    struct mirror_look look = {0};
    struct audit_witnesses witnesses = {.quorum = 1, .count = 1};
    const struct mirror_log asked = {.fetch = log_fetch, .context = &log, .witnesses = &witnesses};
    log_make(&log, ENTRIES);
    log.size = 5;
    log.signer = 1; /* not the key of the name */
    cr_assert_neq(copy_once(&log, NULL), STATUS_OK);
    log.signer = 0;
    sample_key(&witnesses.rows[0].key, "witness.example/w1", AUDIT_KEY_COSIGNATURE, 2);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_WRITE, NULL), STATUS_OK);
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_QUORUM_MISSING);
    mirror_close(mirror);
    cr_assert(!is_there("checkpoint") && !is_there("tile"));
    log_free(&log);
}

/* The folder as a source of a tree, with a partial tile that has made way for the full one. */
Test(copy, is_read_back_under_the_note_of_any_size_it_had)
{
    static struct audit_tile_tree tree;
    struct log log;
    struct mirror *mirror = NULL;
    struct digest root;
    log_make(&log, ENTRIES);
    copy_to(&log, 700);
    audit_tree_root(&root, log.hashes, 700);
    copy_to(&log, 1500);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_READ, NULL), STATUS_OK);
    const struct audit_tile_source source = mirror_tiles(mirror);
    cr_assert_eq(audit_tile_tree_open(&tree, &source, 700, &root, NULL), STATUS_OK);
    for (uint64_t index = 0; index < 3; index++) {
        struct audit_tile tile = {.index = index};
        const struct digest *hashes = NULL;
        struct mirror_entry entries[AUDIT_TILE_WIDTH];
        struct bytes bundle = {0};
        cr_assert_eq(audit_tile_tree_tile(&hashes, &tile.width, &tree, 0, index, NULL), STATUS_OK);
        cr_assert_eq(mirror_bundle(entries, &bundle, mirror, &tile, hashes, NULL), STATUS_OK);
        for (unsigned i = 0; i < tile.width; i++) {
            const char *text = log.entries[index * 256 + i].text;
            cr_assert(entries[i].len == strlen(text) && memcmp(entries[i].raw, text, entries[i].len) == 0);
        }
        bytes_free(&bundle);
    }
    spoil("tile/0/001");
    cr_assert_eq(audit_tile_tree_open(&tree, &source, 700, &root, NULL), STATUS_OK);
    const struct digest *hashes = NULL;
    unsigned width = 0;
    cr_assert_eq(audit_tile_tree_tile(&hashes, &width, &tree, 0, 0, NULL), STATUS_OK);
    cr_assert_eq(audit_tile_tree_tile(&hashes, &width, &tree, 0, 1, NULL), STATUS_CORRUPT);
    cr_assert_eq(audit_tile_tree_tile(&hashes, &width, &tree, 0, 3, NULL), STATUS_NOT_FOUND);
    spoil("tile/0/005.p/220");
    audit_tree_root(&root, log.hashes, 1500);
    cr_assert_eq(audit_tile_tree_open(&tree, &source, 1500, &root, NULL), STATUS_CORRUPT);
    mirror_close(mirror);
    log_free(&log);
}
