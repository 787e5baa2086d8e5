/*
 * Copying a log into a folder: what ends up there, what is refused, and going on after being broken off anywhere. The
 * log is one in memory, under the sample key; what a reader would see in the folder is computed apart from the copier.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/leaf.h"
#include "audit/tile_tree.h"
#include "base/file.h"
#include "mirror/copy.h"
#include "samples.h"

#define ENTRIES ((uint64_t)66000)
#define PATH_SIZE 512

struct entry {
    char text[24];
};

/* A log; `other` has another history from an entry on. */
struct log {
    uint64_t size;
    struct entry *entries;
    struct digest *hashes;
    uint64_t fetches;
    uint64_t fail_at;    /* the fetch that fails; 0: none */
    bool kill;           /* it ends the process instead */
    const char *spoiled; /* the file that has one byte changed */
    uint8_t signer;      /* number of the key */
};

static char folder[PATH_SIZE];
static struct audit_log_terms keys;

static void keys_of(const char *origin, uint8_t number)
{
    keys = (struct audit_log_terms){.count = 1};
    sample_key(&keys.rows[0].key, origin, AUDIT_KEY_ED25519, number);
}

/* The log's key is followed by that one from a size on. */
static void keys_rotate(uint8_t number, uint64_t from)
{
    struct audit_log_term *next = &keys.rows[keys.count++];
    *next = (struct audit_log_term){.from = from};
    sample_key(&next->key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, number);
}

static void log_make(struct log *log, uint64_t other_from)
{
    *log = (struct log){.entries = calloc(ENTRIES, sizeof(struct entry)),
                        .hashes = calloc(ENTRIES, sizeof(struct digest))};
    for (uint64_t i = 0; i < ENTRIES; i++) {
        (void)snprintf(log->entries[i].text, sizeof(log->entries[i].text), "%s%" PRIu64, i < other_from ? "" : "other-",
                       i);
        audit_leaf_hash(&log->hashes[i], log->entries[i].text, strlen(log->entries[i].text));
    }
}

static void log_free(struct log *log)
{
    free(log->entries);
    free(log->hashes);
}

/* The bytes of a tile or bundle of these entries, straight from the definition. */
static void file_make(struct buffer *buffer, const struct log *log, const struct audit_tile *tile, bool entries)
{
    for (uint64_t i = tile->index * 256; i < tile->index * 256 + tile->width; i++) {
        struct digest hash;
        if (entries) {
            size_t len = strlen(log->entries[i].text);
            const uint8_t prefix[2] = {(uint8_t)(len >> 8), (uint8_t)len};
            buffer_append(buffer, prefix, sizeof(prefix));
            buffer_append(buffer, log->entries[i].text, len);
        } else {
            uint64_t span = (uint64_t)1 << (8 * tile->level);
            audit_tree_root(&hash, log->hashes + i * span, span);
            buffer_append(buffer, &hash, sizeof(hash));
        }
    }
}

static void note_make(struct bytes *out, const struct log *log)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = log->size};
    audit_tree_root(&checkpoint.root, log->hashes, log->size);
    sample_note(out, &checkpoint, log->signer);
}

static enum status log_fetch(void *context, struct bytes *out, const char *name, struct fault *fault)
{
    struct log *log = context;
    struct audit_tile tile;
    bool entries = false;
    struct buffer buffer;
    log->fetches++;
    if (log->fetches == log->fail_at) {
        if (log->kill) {
            (void)raise(SIGKILL);
        }
        return fault_set(fault, STATUS_UNAVAILABLE, "log", "gone");
    }
    if (strcmp(name, "checkpoint") == 0) {
        note_make(out, log);
        return STATUS_OK;
    }
    cr_assert_eq(audit_tile_path_parse(&tile, &entries, name + strlen("tile/"), NULL), STATUS_OK, "%s", name);
    cr_assert_leq(tile.width, audit_tile_width(tile.level, tile.index, log->size), "%s", name);
    buffer_init(&buffer);
    file_make(&buffer, log, &tile, entries);
    cr_assert_eq(buffer_finish(out, &buffer), STATUS_OK);
    if (log->spoiled != NULL && strcmp(log->spoiled, name) == 0) {
        out->data[out->len - 1] ^= 1; /* of a bundle: a character of its last entry */
    }
    return STATUS_OK;
}

static enum status copy_once(struct log *log, struct fault *fault)
{
    struct mirror *mirror = NULL;
    const struct mirror_log asked = {.fetch = log_fetch, .context = log};
    enum status status = mirror_open(&mirror, folder, &keys, MIRROR_WRITE, fault);
    log->fetches = 0;
    if (status == STATUS_OK) {
        status = mirror_copy(mirror, &asked, fault);
    }
    mirror_close(mirror);
    return status;
}

static void copy_to(struct log *log, uint64_t size)
{
    struct fault fault = {0};
    log->size = size;
    cr_assert_eq(copy_once(log, &fault), STATUS_OK, "%s %s", fault.where, fault.detail);
}

static void path_of(char out[PATH_SIZE * 2], const char *name)
{
    (void)snprintf(out, PATH_SIZE * 2, "%s/%s", folder, name);
}

static bool is_there(const char *name)
{
    char path[PATH_SIZE * 2];
    struct stat info;
    path_of(path, name);
    return stat(path, &info) == 0;
}

static void read_whole(struct bytes *out, const char *name)
{
    char path[PATH_SIZE * 2];
    static char content[1 << 20];
    path_of(path, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", name);
    size_t len = fread(content, 1, sizeof(content), file);
    (void)fclose(file);
    cr_assert_eq(bytes_copy(out, content, len), STATUS_OK);
}

static void spoil(const char *name)
{
    char path[PATH_SIZE * 2];
    path_of(path, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    uint8_t byte = 0;
    cr_assert_eq(pread(fd, &byte, 1, 4), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 4), 1);
    (void)close(fd);
}

/* Every file that a reader of this size asks for is there with the bytes of the log, and the note is the log's. */
static void expect_copy(const struct log *log)
{
    struct bytes wanted = {0};
    struct bytes found = {0};
    note_make(&wanted, log);
    read_whole(&found, "checkpoint");
    cr_assert(wanted.len == found.len && memcmp(wanted.data, found.data, found.len) == 0);
    bytes_free(&wanted);
    bytes_free(&found);
    for (unsigned level = 0; level < 3; level++) {
        for (uint64_t index = 0; audit_tile_width(level, index, log->size) > 0; index++) {
            struct audit_tile tile = {level, index, audit_tile_width(level, index, log->size)};
            for (int entries = 0; entries < (level == 0 ? 2 : 1); entries++) {
                char name[AUDIT_TILE_PATH_SIZE];
                char partial[AUDIT_TILE_PATH_SIZE + 4];
                struct buffer buffer;
                entries == 0 ? audit_tile_path(name, &tile) : audit_tile_entries_path(name, &tile);
                buffer_init(&buffer);
                file_make(&buffer, log, &tile, entries == 1);
                cr_assert_eq(buffer_finish(&wanted, &buffer), STATUS_OK);
                read_whole(&found, name);
                cr_assert(wanted.len == found.len && memcmp(wanted.data, found.data, found.len) == 0, "%s", name);
                bytes_free(&wanted);
                bytes_free(&found);
                (void)snprintf(partial, sizeof(partial), "%s.p", name);
                cr_assert(!is_there(partial), "%s has gone", partial);
            }
        }
    }
}

static struct digest seen;

/* Names and contents, in whatever order they come. */
static int see_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)where;
    if (type == FTW_F) {
        struct bytes content = {0};
        struct buffer both;
        struct digest digest;
        cr_assert_eq(file_read(&content, path, (size_t)info->st_size, "test", NULL), STATUS_OK);
        buffer_init(&both);
        buffer_append_text(&both, path);
        buffer_append(&both, content.data, content.len);
        digest_sha256(&digest, both.content.data, both.content.len);
        for (size_t i = 0; i < sizeof(seen.bytes32); i++) {
            seen.bytes32[i] ^= digest.bytes32[i];
        }
        buffer_free(&both);
        bytes_free(&content);
    }
    return 0;
}

static void digest_folder(struct digest *out)
{
    seen = (struct digest){0};
    cr_assert_eq(nftw(folder, see_file, 8, FTW_PHYS), 0);
    *out = seen;
}

static int remove_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static void start(void)
{
    (void)snprintf(folder, sizeof(folder), "%s/mirror-XXXXXX", getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    cr_assert_not_null(mkdtemp(folder));
    keys_of(SAMPLE_ORIGIN, 0);
}

static void end(void)
{
    char pattern[PATH_SIZE * 2];
    glob_t beside;
    cr_assert_eq(nftw(folder, remove_file, 8, FTW_DEPTH | FTW_PHYS), 0);
    (void)snprintf(pattern, sizeof(pattern), "%s.refused-*", folder);
    if (glob(pattern, 0, NULL, &beside) == 0) {
        for (size_t i = 0; i < beside.gl_pathc; i++) {
            cr_assert_eq(remove(beside.gl_pathv[i]), 0);
        }
        globfree(&beside);
    }
}

TestSuite(copy, .init = start, .fini = end);

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
    cr_assert_eq(log.fetches, 1, "a log that has not grown is asked for its checkpoint");
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
        end();
        start();
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
        end();
        start();
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
    struct audit_witnesses witnesses = {.quorum = 1, .count = 1};
    const struct mirror_log asked = {.fetch = log_fetch, .context = &log, .witnesses = &witnesses};
    log_make(&log, ENTRIES);
    log.size = 5;
    log.signer = 1; /* not the key of the name */
    cr_assert_neq(copy_once(&log, NULL), STATUS_OK);
    log.signer = 0;
    sample_key(&witnesses.rows[0].key, "witness.example/w1", AUDIT_KEY_COSIGNATURE, 2);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_WRITE, NULL), STATUS_OK);
    cr_assert_eq(mirror_copy(mirror, &asked, NULL), STATUS_QUORUM_MISSING);
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
