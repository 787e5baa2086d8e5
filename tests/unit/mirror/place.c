/*
 * The log in memory, and the folder.
 */
#include "place.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/leaf.h"
#include "base/file.h"
#include "samples.h"

char folder[PATH_SIZE];
struct audit_log_terms keys;

void keys_of(const char *origin, uint8_t number)
{
    keys = (struct audit_log_terms){.count = 1};
    sample_key(&keys.rows[0].key, origin, AUDIT_KEY_ED25519, number);
}

void keys_rotate(uint8_t number, uint64_t from)
{
    struct audit_log_term *next = &keys.rows[keys.count++];
    *next = (struct audit_log_term){.from = from};
    sample_key(&next->key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, number);
}

void log_make(struct log *log, uint64_t other_from)
{
    *log = (struct log){.entries = calloc(ENTRIES, sizeof(struct entry)),
                        .hashes = calloc(ENTRIES, sizeof(struct digest))};
    for (uint64_t i = 0; i < ENTRIES; i++) {
        (void)snprintf(log->entries[i].text, sizeof(log->entries[i].text), "%s%" PRIu64, i < other_from ? "" : "other-",
                       i);
        audit_leaf_hash(&log->hashes[i], log->entries[i].text, strlen(log->entries[i].text));
    }
}

void log_free(struct log *log)
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

void note_make(struct bytes *out, const struct log *log)
{
    struct audit_checkpoint checkpoint = {.origin = SAMPLE_ORIGIN, .size = log->size};
    audit_tree_root(&checkpoint.root, log->hashes, log->size);
    sample_note(out, &checkpoint, log->signer);
}

enum status log_fetch(void *context, struct bytes *out, const char *name, struct fault *fault)
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
    if (log->pruned != NULL && strcmp(log->pruned, name) == 0) {
        return fault_set(fault, STATUS_NOT_FOUND, "log", "gone for ever");
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

enum status copy_once(struct log *log, struct fault *fault)
{
    struct mirror *mirror = NULL;
    struct mirror_look look = {0};
    const struct mirror_log asked = {.fetch = log_fetch, .context = log};
    enum status status = mirror_open(&mirror, folder, &keys, MIRROR_WRITE, fault);
    log->fetches = 0;
    if (status == STATUS_OK) {
        status = mirror_copy(mirror, &asked, &look, fault);
    }
    mirror_close(mirror);
    return status;
}

void copy_to(struct log *log, uint64_t size)
{
    struct fault fault = {0};
    log->size = size;
    cr_assert_eq(copy_once(log, &fault), STATUS_OK, "%s %s", fault.where, fault.detail);
}

void path_of(char out[PATH_SIZE * 2], const char *name)
{
    (void)snprintf(out, PATH_SIZE * 2, "%s/%s", folder, name);
}

bool is_there(const char *name)
{
    char path[PATH_SIZE * 2];
    struct stat info;
    path_of(path, name);
    return stat(path, &info) == 0;
}

void read_whole(struct bytes *out, const char *name)
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

void spoil(const char *name)
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

void expect_copy(const struct log *log)
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

void digest_folder(struct digest *out)
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

void folder_start(void)
{
    (void)snprintf(folder, sizeof(folder), "%s/mirror-XXXXXX", getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    cr_assert_not_null(mkdtemp(folder));
    keys_of(SAMPLE_ORIGIN, 0);
}

void folder_end(void)
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
