/*
 * A copy at rest: what was deleted or edited since is found by the copier, which fetches again what is missing and
 * touches nothing that was altered, and by whoever has the folder and the keys alone.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "place.h"
#include "samples.h"

/* 257 full bundles, a full tile of level 1, and one partial tile at each of 3 levels. */
#define SIZE ((uint64_t)66000)

static const char *const full[] = {"tile/entries/000", "tile/entries/256", "tile/0/001", "tile/0/256", "tile/1/000"};
static const char *const partial[] = {"tile/entries/257.p/208", "tile/0/257.p/208", "tile/1/001.p/1", "tile/2/000.p/1"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a look told. */
struct told {
    unsigned count;
    struct fault last;
    uint64_t end_at; /* the look ends at so many entries; 0: it does not */
    uint64_t looked;
};

static void note_found(void *context, const struct fault *what)
{
    struct told *told = context;
    told->count++;
    told->last = *what;
}

static enum status note_progress(void *context, uint64_t entries, uint64_t of, struct fault *fault)
{
    struct told *told = context;
    cr_assert_leq(entries, of);
    told->looked += AUDIT_TILE_WIDTH;
    return entries == told->end_at ? fault_set(fault, STATUS_UNAVAILABLE, "test", "enough") : STATUS_OK;
}

static struct mirror_look look_for(struct told *told)
{
    *told = (struct told){0};
    return (struct mirror_look){.progress = note_progress, .found = note_found, .context = told};
}

/* A copier that starts, makes a step and ends. */
static enum status copy_and_tell(struct told *told, struct log *log, struct fault *fault)
{
    struct mirror *mirror = NULL;
    struct mirror_look look = look_for(told);
    const struct mirror_log asked = {.fetch = log_fetch, .context = log};
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_WRITE, NULL), STATUS_OK);
    enum status status = mirror_copy(mirror, &asked, &look, fault);
    mirror_close(mirror);
    return status;
}

/* Somebody who has the folder alone. */
static enum status look_and_tell(struct told *told, const struct audit_witnesses *witnesses, struct fault *fault)
{
    struct mirror *mirror = NULL;
    struct mirror_look look = look_for(told);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_READ, NULL), STATUS_OK);
    enum status status = mirror_look_through(mirror, &look, witnesses, fault);
    mirror_close(mirror);
    return status;
}

static void take_away(const char *name)
{
    char path[PATH_SIZE * 2];
    path_of(path, name);
    cr_assert_eq(unlink(path), 0, "%s", name);
}

/* Takes the last byte, or puts it there again. */
static void shorten(struct bytes *out, const char *name)
{
    char path[PATH_SIZE * 2];
    read_whole(out, name);
    path_of(path, name);
    cr_assert_eq(truncate(path, (off_t)out->len - 1), 0, "%s", name);
}

static void put_back(struct bytes *bytes, const char *name)
{
    char path[PATH_SIZE * 2];
    path_of(path, name);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "%s", name);
    cr_assert_eq(fwrite(bytes->data, 1, bytes->len, file), bytes->len);
    cr_assert_eq(fclose(file), 0);
    bytes_free(bytes);
}

TestSuite(look, .init = folder_start, .fini = folder_end);

Test(look, a_copier_that_starts_fetches_what_is_missing_and_says_so)
{
    struct log log;
    struct told told;
    struct fault fault = {0};
    log_make(&log, ENTRIES);
    copy_to(&log, SIZE - 10);
    for (size_t i = 0; i < COUNT(full); i++) {
        take_away(full[i]);
    }
    take_away("tile/0/257.p/198"); /* not needed any more */
    log.size = SIZE;
    cr_assert_eq(copy_and_tell(&told, &log, NULL), STATUS_OK);
    cr_assert_eq(told.count, COUNT(full));
    expect_copy(&log);
    for (size_t i = 0; i < COUNT(partial); i++) {
        take_away(partial[i]);
        cr_assert_eq(copy_and_tell(&told, &log, NULL), STATUS_OK, "%s", partial[i]);
        cr_assert(told.count == 1 && told.last.status == STATUS_NOT_FOUND, "%s: %u", partial[i], told.count);
        cr_assert_str_eq(told.last.where, partial[i]);
    }
    expect_copy(&log);
    cr_assert_eq(copy_and_tell(&told, &log, NULL), STATUS_OK);
    cr_assert_eq(told.count, 0);
    take_away("tile/entries/000");
    log.pruned = "tile/entries/000";
    cr_assert_eq(copy_and_tell(&told, &log, &fault), STATUS_NOT_FOUND);
    cr_assert_str_eq(fault.where, "tile/entries/000");
    log_free(&log);
}

static void expect_refused(struct log *log, const char *name)
{
    struct told told;
    struct fault fault = {0};
    cr_assert_eq(copy_and_tell(&told, log, &fault), STATUS_CORRUPT, "%s", name);
    cr_assert_str_eq(fault.where, name);
    cr_assert_eq(told.count, 0, "nothing is fetched");
}

static void expect_altered_refused(struct log *log, const char *name)
{
    struct bytes content = {0};
    spoil(name);
    expect_refused(log, name);
    spoil(name);
    shorten(&content, name);
    expect_refused(log, name);
    put_back(&content, name);
}

Test(look, a_copier_that_starts_refuses_what_was_altered)
{
    struct log log;
    struct digest before;
    struct digest after;
    log_make(&log, ENTRIES);
    copy_to(&log, SIZE - 1);
    digest_folder(&before);
    log.size = SIZE; /* nothing new is taken into such a folder */
    for (size_t i = 0; i < COUNT(full); i++) {
        expect_altered_refused(&log, full[i]);
    }
    digest_folder(&after);
    cr_assert(digest_equal(&before, &after), "nothing was touched");
    copy_to(&log, SIZE);
    digest_folder(&before);
    for (size_t i = 0; i < COUNT(partial); i++) {
        expect_altered_refused(&log, partial[i]);
    }
    digest_folder(&after);
    cr_assert(digest_equal(&before, &after), "nothing was touched");
    spoil(full[2]);
    expect_refused(&log, full[2]);
    take_away(full[2]); /* set aside */
    copy_to(&log, SIZE);
    expect_copy(&log);
    log_free(&log);
}

/* They are not part of the greater tree any more, and would be gone when their tile is full. */
Test(look, what_was_altered_is_refused_before_it_is_taken_the_place_of)
{
    static const char *const names[] = {"tile/entries/257.p/207", "tile/0/257.p/207", "tile/1/001.p/1"};
    struct log log;
    struct digest before;
    struct digest after;
    struct fault fault = {0};
    log_make(&log, ENTRIES);
    copy_to(&log, SIZE - 1);
    log.size = SIZE;
    for (size_t i = 0; i < COUNT(names); i++) {
        spoil(names[i]);
        digest_folder(&before);
        cr_expect_eq(copy_once(&log, &fault), STATUS_CORRUPT, "%s", names[i]);
        cr_expect(strcmp(fault.where, names[i]) == 0 || strstr(fault.detail, names[i]) != NULL, "%s: %s", fault.where,
                  fault.detail);
        digest_folder(&after);
        cr_expect(digest_equal(&before, &after), "nothing was touched");
        fault_clear(&fault);
        spoil(names[i]);
    }
    take_away(names[0]); /* what is missing is of no use any more */
    copy_to(&log, SIZE);
    expect_copy(&log);
    log_free(&log);
}

/* 257 full bundles: the first step looks at all, each later one at 256 or what is left of the round. */
Test(look, a_copier_that_goes_on_looks_at_a_slice)
{
    struct log log;
    struct told told;
    struct mirror *mirror = NULL;
    struct fault fault = {0};
    struct mirror_look look = look_for(&told);
    const struct mirror_log asked = {.fetch = log_fetch, .context = &log};
    log_make(&log, ENTRIES);
    copy_to(&log, SIZE);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_WRITE, NULL), STATUS_OK);
    told.end_at = 512;
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_UNAVAILABLE, "it can be broken off");
    cr_assert_eq(told.looked, 512);
    told.end_at = 0;
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_OK);
    cr_assert_eq(told.looked, 257 * 256, "and goes on from there");
    spoil("tile/entries/256");
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_OK);
    cr_assert_eq(told.looked, (257 + 256) * 256);
    cr_assert_eq(mirror_copy(mirror, &asked, &look, &fault), STATUS_CORRUPT);
    cr_assert_str_eq(fault.where, "tile/entries/256");
    spoil("tile/entries/256");
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_OK);
    spoil("tile/0/000");
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_CORRUPT, "round and round");
    mirror_close(mirror);
    log_free(&log);
}

/* Files that are there, altered or from a step that was broken off, must not make another history look like them. */
Test(look, another_history_is_told_from_an_altered_file)
{
    struct log log;
    struct log other;
    struct told told;
    log_make(&log, ENTRIES);
    log_make(&other, 300);
    copy_to(&log, 1000);
    log.size = 1200;
    log.fail_at = 7; /* checkpoint, two tiles of the edge, tile 3 twice, bundles 3 and 4 */
    cr_assert_eq(copy_once(&log, NULL), STATUS_UNAVAILABLE);
    cr_assert(is_there("tile/0/003") && !is_there("tile/0/004.p/176"));
    log.fail_at = 0;
    spoil("tile/0/001");
    other.size = 1300;
    cr_assert_eq(copy_and_tell(&told, &other, NULL), STATUS_FORK);
    cr_assert_eq(copy_and_tell(&told, &log, NULL), STATUS_CORRUPT);
    log_free(&log);
    log_free(&other);
}

static void expect_told(enum status why, unsigned count, const char *where, const char *detail)
{
    struct told told;
    struct fault fault = {0};
    cr_assert_eq(look_and_tell(&told, NULL, &fault), STATUS_CORRUPT, "%s", where);
    cr_assert_eq(told.last.status, why, "%s", where);
    cr_assert_eq(told.count, count, "%s: %u", where, told.count);
    cr_assert_str_eq(told.last.where, where);
    cr_assert_not_null(strstr(told.last.detail, detail), "%s", told.last.detail);
    cr_assert_str_eq(fault.where, folder);
}

Test(look, who_has_the_folder_and_the_keys_finds_every_file_that_is_amiss)
{
    struct log log;
    struct told told;
    struct digest before;
    struct digest after;
    log_make(&log, ENTRIES);
    copy_to(&log, 0);
    cr_assert_eq(look_and_tell(&told, NULL, NULL), STATUS_NOT_FOUND, "there is no checkpoint");
    copy_to(&log, SIZE);
    cr_assert_eq(look_and_tell(&told, NULL, NULL), STATUS_OK);
    cr_assert(told.count == 0 && told.looked == 258 * 256);
    digest_folder(&before);
    for (size_t i = 0; i < COUNT(full) + COUNT(partial); i++) {
        const char *name = i < COUNT(full) ? full[i] : partial[i - COUNT(full)];
        bool edge = i > COUNT(full); /* a partial tile, not the bundle beside it */
        struct bytes content = {0};
        spoil(name);
        expect_told(STATUS_CORRUPT, 1, edge ? "tile" : name, edge ? name : "");
        spoil(name);
        shorten(&content, name);
        expect_told(STATUS_CORRUPT, 1, name, "");
        take_away(name);
        expect_told(STATUS_NOT_FOUND, 1, name, "");
        put_back(&content, name);
    }
    digest_folder(&after);
    cr_assert(digest_equal(&before, &after), "nothing was touched");
    take_away("tile/entries/003");
    spoil("tile/entries/100");
    take_away("tile/0/200");
    expect_told(STATUS_NOT_FOUND, 3, "tile/0/200", "");
    log_free(&log);
}

Test(look, a_copy_is_held_against_what_somebody_kept)
{
    struct log log;
    struct log other;
    struct told told;
    struct mirror *mirror = NULL;
    struct audit_witnesses witnesses = {.quorum = 1, .count = 1};
    struct audit_checkpoint kept = {.origin = SAMPLE_ORIGIN, .size = 700};
    log_make(&log, ENTRIES);
    log_make(&other, 400);
    copy_to(&log, 1000);
    sample_key(&witnesses.rows[0].key, "witness.example/w1", AUDIT_KEY_COSIGNATURE, 2);
    cr_assert_eq(look_and_tell(&told, &witnesses, NULL), STATUS_QUORUM_MISSING);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_READ, NULL), STATUS_OK);
    audit_tree_root(&kept.root, log.hashes, 700);
    cr_assert_eq(mirror_look_for(mirror, &kept, NULL), STATUS_OK);
    audit_tree_root(&kept.root, other.hashes, 700);
    cr_assert_eq(mirror_look_for(mirror, &kept, NULL), STATUS_FORK);
    kept.size = 1001;
    audit_tree_root(&kept.root, log.hashes, 1001);
    cr_assert_eq(mirror_look_for(mirror, &kept, NULL), STATUS_ROLLBACK);
    mirror_close(mirror);
    log_free(&log);
    log_free(&other);
}

Test(look, later_keys_are_taken_while_the_folder_is_open)
{
    struct log log;
    struct mirror *mirror = NULL;
    struct mirror_look look = {0};
    const struct mirror_log asked = {.fetch = log_fetch, .context = &log};
    log_make(&log, ENTRIES);
    copy_to(&log, 300);
    cr_assert_eq(mirror_open(&mirror, folder, &keys, MIRROR_WRITE, NULL), STATUS_OK);
    log.size = 600;
    log.signer = 1;
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_UNKNOWN_KEY);
    keys_of(SAMPLE_ORIGIN, 1);
    cr_assert_eq(mirror_take_keys(mirror, &keys, NULL), STATUS_MISMATCH, "by them the copy is nobody's");
    keys_of(SAMPLE_ORIGIN, 0);
    keys_rotate(1, 600);
    cr_assert_eq(mirror_take_keys(mirror, &keys, NULL), STATUS_OK);
    cr_assert_eq(mirror_copy(mirror, &asked, &look, NULL), STATUS_OK);
    mirror_close(mirror);
    expect_copy(&log);
    log_free(&log);
}
