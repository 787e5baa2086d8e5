/*
 * custody-verify trail on trails made with the audit room: each row of the tamper table is found, and the entry named.
 *
 * In one process, through verify_trail; what it prints is read back. The real program runs in test_trail.py.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "test/test_place.h"
#include "trail_maker.h"
#include "verify.h"

#define ENTRIES ((size_t)2000)
#define ROOM 65536

static struct test_folder folder;
static struct trust trust;
static char export[TEST_PATH_SIZE + 32];
static char said[ROOM];

/* With `rotations`, a member of the file or "". */
static void set_trust(const char *rotations)
{
    char path[TEST_PATH_SIZE + 32];
    char zeros[65] = {0};
    memset(zeros, '0', 64);
    (void)snprintf(path, sizeof(path), "%s/trust", folder.path);
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    (void)fprintf(file, "{\"chain\":\"%s\",\"log\":\"%s\",\"policy\":\"%s\"%s}\n", zeros, SAMPLE_VKEY, zeros,
                  rotations);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(trust_read(&trust, path, NULL), STATUS_OK);
}

static void set_up(void)
{
    test_folder_make(&folder);
    (void)snprintf(export, sizeof(export), "%s/trail", folder.path);
    set_trust("");
}

static void tear_down(void)
{
    test_folder_remove(&folder);
}

TestSuite(trail, .init = set_up, .fini = tear_down);

/* Judges the export; what is printed meanwhile is in `said`. */
static enum verdict judge(char *const *held, int held_count)
{
    char *words[8] = {export};
    cr_assert_lt(held_count, (int)(sizeof(words) / sizeof(words[0])));
    for (int i = 0; i < held_count; i++) {
        words[i + 1] = held[i];
    }
    const struct verify_request request = {.rest = words, .rest_count = held_count + 1};
    int before = dup(STDOUT_FILENO);
    int target = memfd_create("said", 0);
    (void)fflush(stdout);
    cr_assert(before >= 0 && target >= 0 && dup2(target, STDOUT_FILENO) == STDOUT_FILENO);
    enum verdict verdict = verify_trail(&trust, &request);
    (void)fflush(stdout);
    ssize_t len = pread(target, said, sizeof(said) - 1, 0);
    cr_assert(dup2(before, STDOUT_FILENO) == STDOUT_FILENO && len >= 0);
    said[len] = '\0';
    (void)close(before);
    (void)close(target);
    return verdict;
}

static void expect(enum verdict verdict, const char *what, const char *words)
{
    cr_assert_eq(judge(NULL, 0), verdict, "%s: %s", what, said);
    cr_assert_not_null(strstr(said, words), "%s: not '%s': %s", what, words, said);
}

static void write_file(char path[TEST_PATH_SIZE + 32], const char *name, const void *data, size_t len)
{
    (void)snprintf(path, TEST_PATH_SIZE + 32, "%s/%s", folder.path, name);
    FILE *file = fopen(path, "we");
    cr_assert(file != NULL && fwrite(data, 1, len, file) == len && fclose(file) == 0);
}

static json_t *row_at(const struct made_trail *trail, size_t i)
{
    return json_array_get(trail->rows, i);
}

static void set_text(struct made_trail *trail, size_t row, const char *column, const char *text)
{
    cr_assert_eq(json_object_set_new(row_at(trail, row), column, json_string(text)), 0);
}

/* Replaces text inside the raw bytes of a row. lh follows when `hashed`. */
static void edit_raw(struct made_trail *trail, size_t row, const char *from, const char *with, bool hashed)
{
    struct bytes raw;
    json_t *lh = json_incref(json_object_get(row_at(trail, row), "lh"));
    trail_raw(&raw, trail, row);
    const char *at = strstr((char *)raw.data, from);
    cr_assert(at != NULL);
    struct bytes edited;
    struct buffer buffer;
    size_t before = (size_t)(at - (const char *)raw.data);
    buffer_init(&buffer);
    buffer_append(&buffer, raw.data, before);
    buffer_append(&buffer, with, strlen(with));
    buffer_append(&buffer, at + strlen(from), raw.len - before - strlen(from));
    cr_assert_eq(buffer_finish(&edited, &buffer), STATUS_OK);
    trail_set_raw(trail, row, edited.data, edited.len);
    bytes_free(&edited);
    if (!hashed) {
        cr_assert_eq(json_object_set(row_at(trail, row), "lh", lh), 0);
    }
    json_decref(lh);
    bytes_free(&raw);
}

/* The first row from `row` on with an object, or with a fact `settled`. */
static size_t row_with(const struct made_trail *trail, size_t row, const char *words)
{
    for (;; row++) {
        struct bytes raw;
        trail_raw(&raw, trail, row);
        bool found = strstr((const char *)raw.data, words) != NULL;
        bytes_free(&raw);
        if (found) {
            return row;
        }
    }
}

static void raw_edited(struct made_trail *t)
{
    edit_raw(t, 700, "approver-1", "approver-2", false);
}

static void raw_and_hash_edited(struct made_trail *t)
{
    edit_raw(t, 700, "approver-1", "approver-2", true);
    set_text(t, 700, "actor", "approver-2");
}

static void hash_edited(struct made_trail *t)
{
    set_text(t, 700, "lh", "0000000000000000000000000000000000000000000000000000000000000000");
}

static void column_act(struct made_trail *t)
{
    set_text(t, 700, "act", "withdrawal.reject");
}

static void column_actor(struct made_trail *t)
{
    set_text(t, 700, "actor", "approver-2");
}

static void column_corr(struct made_trail *t)
{
    set_text(t, 700, "corr", "019b0000-0001-7000-8000-0000000000ff");
    set_text(t, 701, "corr", "019b0000-0001-7000-9000-000000000000");
}

static void column_corr_absent(struct made_trail *t)
{
    cr_assert_eq(json_object_del(row_at(t, 700), "corr"), 0);
}

static void column_oid(struct made_trail *t)
{
    set_text(t, 700, "oid", "w-0-99");
}

static void column_otype(struct made_trail *t)
{
    set_text(t, 700, "otype", "key");
}

static void column_ord(struct made_trail *t)
{
    cr_assert_eq(json_object_set_new(row_at(t, 700), "ord", json_integer(77)), 0);
}

static void column_outcome(struct made_trail *t)
{
    set_text(t, 700, "outcome", "ok");
}

static void column_ts(struct made_trail *t)
{
    set_text(t, 700, "ts", "2026-01-02T03:04:05.000000Z");
}

static void column_amount(struct made_trail *t)
{
    set_text(t, 704, "amount", "1");
}

static void column_asset(struct made_trail *t)
{
    set_text(t, 704, "asset", "0000000000000000000000000000000000000000000000000000000000000000");
}

static void column_destination(struct made_trail *t)
{
    set_text(t, 704, "destination", "sr1mallory");
}

static void column_key(struct made_trail *t)
{
    set_text(t, 704, "key", "0000000000000000000000000000000000000000000000000000000000000000");
}

static void column_wallet(struct made_trail *t)
{
    set_text(t, 704, "wallet", "cold");
}

static void column_amount_told(struct made_trail *t)
{
    set_text(t, 701, "amount", "1");
}

static void column_destination_absent(struct made_trail *t)
{
    cr_assert_eq(json_object_del(row_at(t, 704), "destination"), 0);
}

static void column_version(struct made_trail *t)
{
    cr_assert_eq(json_object_set_new(row_at(t, 704), "version", json_integer(8)), 0);
}

static void column_version_absent(struct made_trail *t)
{
    cr_assert_eq(json_object_del(row_at(t, 704), "version"), 0);
}

static void column_proof(struct made_trail *t)
{
    cr_assert_eq(json_object_set_new(row_at(t, 700), "proof", json_array()), 0);
}

static void column_unknown(struct made_trail *t)
{
    set_text(t, 700, "note", "x");
}

static void first_deleted(struct made_trail *t)
{
    cr_assert_eq(json_array_remove(t->rows, 0), 0);
}

static void middle_deleted(struct made_trail *t)
{
    cr_assert_eq(json_array_remove(t->rows, 700), 0);
}

static void last_deleted(struct made_trail *t)
{
    cr_assert_eq(json_array_remove(t->rows, ENTRIES - 1), 0);
}

static void many_deleted(struct made_trail *t)
{
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(json_array_remove(t->rows, 700), 0);
    }
}

static void middle_inserted(struct made_trail *t)
{
    json_t *copy = json_deep_copy(row_at(t, 700));
    cr_assert_eq(json_array_insert_new(t->rows, 700, copy), 0);
}

static void end_inserted(struct made_trail *t)
{
    json_t *copy = json_deep_copy(row_at(t, ENTRIES - 1));
    cr_assert_eq(json_array_append_new(t->rows, copy), 0);
    json_int_t size = t->size;
    trail_relink(t, ENTRIES);
    t->size = size;
}

static void end_inserted_and_counted(struct made_trail *t)
{
    json_t *copy = json_deep_copy(row_at(t, ENTRIES - 1));
    cr_assert_eq(json_array_append_new(t->rows, copy), 0);
    trail_relink(t, ENTRIES);
}

static void two_swapped(struct made_trail *t)
{
    json_t *first = json_incref(row_at(t, 700));
    cr_assert_eq(json_array_remove(t->rows, 700), 0);
    cr_assert_eq(json_array_insert_new(t->rows, 701, first), 0);
}

static void two_swapped_with_numbers(struct made_trail *t)
{
    two_swapped(t);
    cr_assert_eq(json_object_set_new(row_at(t, 700), "seq", json_integer(700)), 0);
    cr_assert_eq(json_object_set_new(row_at(t, 701), "seq", json_integer(701)), 0);
}

static void edited_and_recomputed(struct made_trail *t)
{
    raw_and_hash_edited(t);
    trail_relink(t, 701);
}

static void deleted_and_recomputed(struct made_trail *t)
{
    cr_assert_eq(json_array_remove(t->rows, 700), 0);
    trail_relink(t, 700);
}

static void tail_cut(struct made_trail *t)
{
    for (size_t i = 0; i < 10; i++) {
        cr_assert_eq(json_array_remove(t->rows, ENTRIES - 10), 0);
    }
    t->size = (json_int_t)ENTRIES - 10;
}

static void head_of_more(struct made_trail *t)
{
    t->size++;
}

static void everything_deleted(struct made_trail *t)
{
    cr_assert_eq(json_array_clear(t->rows), 0);
}

static const struct {
    const char *what;
    void (*tamper)(struct made_trail *trail);
    const char *words;
} tampers[] = {
    {"raw", raw_edited, "entry 700: the column actor was changed"},
    {"raw without its hash", raw_edited, "entry 700: the column lh is not the hash"},
    {"raw, its link", raw_edited, "entry 701: does not link to entry 700"},
    {"raw, columns and lh", raw_and_hash_edited, "entry 701: does not link to entry 700"},
    {"lh", hash_edited, "entry 700: the column lh is not the hash"},
    {"act", column_act, "entry 700: the column act was changed"},
    {"actor", column_actor, "entry 700: the column actor was changed"},
    {"corr", column_corr, "entry 701: the column corr was changed"},
    {"no corr", column_corr_absent, "entry 700: the column corr was changed"},
    {"oid", column_oid, "entry 700: the column oid was changed"},
    {"otype", column_otype, "entry 700: the column otype was changed"},
    {"ord", column_ord, "entry 700: the column ord was changed"},
    {"outcome", column_outcome, "entry 700: the column outcome was changed"},
    {"ts", column_ts, "entry 700: the column ts was changed"},
    {"amount", column_amount, "entry 704: the column amount was changed"},
    {"an amount that nobody told", column_amount_told, "entry 701: the column amount was changed"},
    {"asset", column_asset, "entry 704: the column asset was changed"},
    {"destination", column_destination, "entry 704: the column destination was changed"},
    {"no destination", column_destination_absent, "entry 704: the column destination was changed"},
    {"key", column_key, "entry 704: the column key was changed"},
    {"version", column_version, "entry 704: the column version was changed"},
    {"no version", column_version_absent, "entry 704: the column version was changed"},
    {"wallet", column_wallet, "entry 704: the column wallet was changed"},
    {"a proof", column_proof, "(entry 700): proof: stands in filtered exports"},
    {"a column more", column_unknown, "(entry 700): note"},
    {"first deleted", first_deleted, "entry 0: is missing"},
    {"middle deleted", middle_deleted, "entry 700: is missing"},
    {"last deleted", last_deleted, "entry 1999: is missing"},
    {"many deleted", many_deleted, "entry 700: is missing"},
    {"inserted in the middle", middle_inserted, "entry 700: stands twice or out of order"},
    {"inserted at the end", end_inserted, "entry 2000: was inserted, the signed trail ends at 1999"},
    {"inserted at the end, head edited", end_inserted_and_counted, "line 1: says 2001 entries, the checkpoint 2000"},
    {"swapped", two_swapped, "entry 700: is missing"},
    {"swapped and numbered", two_swapped_with_numbers, "entry 700: its bytes are those of entry 701"},
    {"edited and recomputed", edited_and_recomputed, "the entries do not have the root that the checkpoint signs"},
    {"deleted and recomputed", deleted_and_recomputed, "line 1: says 1999 entries, the checkpoint 2000"},
    {"tail cut", tail_cut, "line 1: says 1990 entries, the checkpoint 2000"},
    {"head of more", head_of_more, "line 1: says 2001 entries, the checkpoint 2000"},
    {"everything deleted", everything_deleted, "entry 0: is missing"},
};

Test(trail, every_tampering_is_found_and_named)
{
    struct made_trail honest;
    trail_make(&honest, ENTRIES, 1);
    trail_write(&honest, export);
    expect(VERDICT_PROVEN, "control", "proven: 2000 entries");
    for (size_t i = 0; i < sizeof(tampers) / sizeof(tampers[0]); i++) {
        struct made_trail trail = {.rows = json_deep_copy(honest.rows), .size = honest.size};
        cr_assert_eq(bytes_copy(&trail.note, honest.note.data, honest.note.len), STATUS_OK);
        tampers[i].tamper(&trail);
        trail_write(&trail, export);
        expect(VERDICT_TAMPERED, tampers[i].what, tampers[i].words);
        trail_free(&trail);
    }
    trail_free(&honest);
}

/* The sequencer and the log's key together lie: the chain and the signature are right, what the entries say is not. */
static void signed_anew(struct made_trail *trail, size_t from, const char *what, const char *words)
{
    trail_relink(trail, from);
    trail_sign(trail, 0);
    trail_write(trail, export);
    expect(VERDICT_TAMPERED, what, words);
}

Test(trail, an_ordinal_that_is_left_out)
{
    struct made_trail trail;
    trail_make(&trail, ENTRIES, 2);
    size_t row = row_with(&trail, 500, "\"on\":\"5\"");
    cr_assert_eq(json_array_remove(trail.rows, row), 0);
    signed_anew(&trail, row, "ordinal", "ordinal 6 of withdrawal");
    trail_free(&trail);
    trail_make(&trail, ENTRIES, 2);
    row = row_with(&trail, 0, "\"on\":\"1\"");
    cr_assert_eq(json_array_remove(trail.rows, row), 0);
    signed_anew(&trail, row, "the first one", ", but 1 is due");
    trail_free(&trail);
}

Test(trail, a_producer_number_that_is_left_out)
{
    struct made_trail trail;
    trail_make(&trail, ENTRIES, 3);
    size_t row = 500;
    for (bool without = false; !without; row++) { /* an entry that no ordinal gives away */
        without = json_object_get(row_at(&trail, row), "oid") == NULL;
    }
    cr_assert_eq(json_array_remove(trail.rows, row - 1), 0);
    signed_anew(&trail, row - 1, "producer number", "is missing: an entry was deleted before it");
    trail_free(&trail);
}

/* Makes another producer of that of an entry: one that began at a time, of which nothing else is known. */
static void producer_born(struct made_trail *trail, size_t row, int64_t at_ms)
{
    char born[64];
    (void)snprintf(born, sizeof(born), "\"pr\":\"%08llx-%04llx-7000-8000-", (unsigned long long)at_ms >> 16,
                   (unsigned long long)at_ms & 0xffff);
    edit_raw(trail, row, "\"pr\":\"019b0000-0001-7000-8000-", born, true);
}

/* Who may have one entry made must not fill what is printed. */
Test(trail, much_that_is_missing_hides_nothing)
{
    struct made_trail trail;
    trail_make(&trail, ENTRIES, 3);
    size_t row = row_with(&trail, 500, "\"settled\":\"");
    producer_born(&trail, row, 1767323045000);
    edit_raw(&trail, row, "\"settled\":\"", "\"settled\":\"1000000", true);
    trail_relink(&trail, row);
    trail_sign(&trail, 0);
    many_deleted(&trail);
    set_text(&trail, 990, "actor", "approver-2");
    trail_write(&trail, export);
    expect(VERDICT_TAMPERED, "edited", "entry 1990: the column actor was changed");
    char words[64];
    (void)snprintf(words, sizeof(words), "entry %zu: its producer's number 1 is missing", row);
    cr_expect_not_null(strstr(said, words), "%s", said);
    cr_expect_not_null(strstr(said, "entry 700: is missing, it was deleted (1000 in a row)"), "%s", said);
    for (size_t i = 800; i < 900; i++) {
        set_text(&trail, i, "actor", "approver-2");
    }
    trail_write(&trail, export);
    expect(VERDICT_TAMPERED, "many", "findings, the first 20 are above");
    trail_free(&trail);
}

Test(trail, a_producer_number_that_stands_twice)
{
    struct made_trail trail;
    trail_make(&trail, 300, 4);
    size_t row = 100;
    while (json_object_get(row_at(&trail, row), "oid") != NULL) {
        row++;
    }
    cr_assert_eq(json_array_insert_new(trail.rows, row + 1, json_deep_copy(row_at(&trail, row))), 0);
    char words[64];
    (void)snprintf(words, sizeof(words), "entry %zu: producer number", row + 1);
    signed_anew(&trail, row + 1, "twice", words);
    trail_free(&trail);
}

Test(trail, a_time_that_goes_back)
{
    struct made_trail trail;
    trail_make(&trail, 300, 5);
    edit_raw(&trail, 200, "\"ts\":\"2026", "\"ts\":\"2025", true);
    char ts[32];
    (void)snprintf(ts, sizeof(ts), "2025%s", json_string_value(json_object_get(row_at(&trail, 200), "ts")) + 4);
    set_text(&trail, 200, "ts", ts);
    signed_anew(&trail, 201, "time", "entry 200: its time is before that of the entry before it");
    trail_free(&trail);
}

static void tell(struct made_trail *trail, size_t row, const char *act, bool refused)
{
    char with[80];
    (void)snprintf(with, sizeof(with), "\"act\":\"%s\"", act);
    edit_raw(trail, row, "\"act\":\"withdrawal.approve\"", with, true);
    set_text(trail, row, "act", act);
    if (!refused) {
        edit_raw(trail, row, "\"outcome\":\"deny\"", "\"outcome\":\"ok\"", true);
        set_text(trail, row, "outcome", "ok");
    }
}

/* Two entries of one withdrawal, one after the other; `refused`: the first ended nothing. */
static void expect_end(const char *first, bool refused, const char *then, const char *words)
{
    struct made_trail trail;
    char what[128];
    (void)snprintf(what, sizeof(what), "%s%s, then %s", first, refused ? " refused" : "", then);
    trail_make(&trail, 300, 5);
    size_t row = row_with(&trail, 100, "\"on\":\"2\"");
    size_t next = row_with(&trail, row + 1, json_string_value(json_object_get(row_at(&trail, row), "oid")));
    tell(&trail, row, first, refused);
    tell(&trail, next, then, false);
    trail_relink(&trail, row);
    trail_sign(&trail, 0);
    trail_write(&trail, export);
    char told[256];
    (void)snprintf(told, sizeof(told), "tampered: entry %zu: %s of the withdrawal %s, which %s before it", next, then,
                   json_string_value(json_object_get(row_at(&trail, next), "oid")), words);
    expect(words[0] == '\0' ? VERDICT_PROVEN : VERDICT_TAMPERED, what, words[0] == '\0' ? "proven: 300 entries" : told);
    trail_free(&trail);
}

Test(trail, what_goes_on_after_its_end)
{
    static const char *const ends[] = {"withdrawal.cancel", "withdrawal.expire", "withdrawal.reject",
                                       "withdrawal.failed"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        bool by_ledger = i == 3; /* that refuses what was signed */
        expect_end(ends[i], false, "withdrawal.signed", "had ended");
        expect_end(ends[i], false, "withdrawal.confirmed", "had ended");
        expect_end(ends[i], true, "withdrawal.confirmed", "");
        expect_end("withdrawal.signed", false, ends[i], by_ledger ? "" : "was signed or paid");
        expect_end("withdrawal.confirmed", false, ends[i], "was signed or paid");
        expect_end(ends[i], false, "withdrawal.veto", "");
    }
    expect_end("withdrawal.signed", false, "withdrawal.confirmed", "");
}

/* An entry before a signature knows of more promises than there were entries before signatures, or of no number. */
Test(trail, promises_that_nobody_recorded)
{
    struct made_trail trail;
    trail_make(&trail, 300, 8);
    edit_raw(&trail, 200, "withdrawal.approve", "withdrawal.signing", true);
    set_text(&trail, 200, "act", "withdrawal.signing");
    signed_anew(&trail, 201, "no number", "entry 200: it does not say how many promises were seen");
    trail_free(&trail);
    trail_make(&trail, 300, 8);
    size_t row = row_with(&trail, 100, "\"settled\":\"");
    edit_raw(&trail, row, "service.heartbeat", "withdrawal.signing", true);
    edit_raw(&trail, row, "\"settled\":\"", "\"promises\":\"", true);
    set_text(&trail, row, "act", "withdrawal.signing");
    signed_anew(&trail, row + 1, "too many", "promises, but 0 entries withdrawal.signing stand before it");
    trail_free(&trail);
}

/* A log that follows another: sample key 5 signed the one before, which the quorum ended at 9 entries. */
Test(trail, promises_of_the_log_before)
{
    static const char root[] = "925cb52dfba05fd4925cb52dfba05fd4925cb52dfba05fd4925cb52dfba05fd4";
    struct made_trail trail;
    struct audit_key before;
    char vkey[AUDIT_VKEY_SIZE];
    char path[TEST_PATH_SIZE + 32];
    char text[1024];
    sample_key(&before, "before.example/audit/v1", AUDIT_KEY_ED25519, 5);
    audit_key_format(vkey, &before);
    int len = snprintf(text, sizeof(text),
                       "{\"chain\":\"%064d\",\"forks\":[\"9 %s %s %s\"],\"log\":\"%s\",\"policy\":\"%064d\"}", 0, root,
                       root, SAMPLE_VKEY, vkey, 0);
    write_file(path, "trust", text, (size_t)len);
    cr_assert_eq(trust_read(&trust, path, NULL), STATUS_OK);
    trail_make(&trail, 300, 8);
    trail_write(&trail, export);
    expect(VERDICT_TAMPERED, "no order", "entry 0: does not name the order of the trust file");
    (void)snprintf(text, sizeof(text), "\"refs\":{\"command\":\"%s\",\"root\":\"%s\"},\"ts\":", root, root);
    edit_raw(&trail, 0, "service.heartbeat", "log.fork", true); /* with this seed */
    set_text(&trail, 0, "act", "log.fork");
    edit_raw(&trail, 0, "\"settled\":\"1\"", "\"settled\":\"1\",\"size\":\"9\"", true);
    edit_raw(&trail, 0, "\"ts\":", text, true);
    size_t row = row_with(&trail, 100, "\"settled\":\"");
    size_t later = row_with(&trail, row + 1, "\"settled\":\"");
    for (size_t i = row; i <= later; i += later - row) {
        edit_raw(&trail, i, "service.heartbeat", "withdrawal.signing", true);
        edit_raw(&trail, i, "\"settled\":\"", i == row ? "\"promises\":\"" : "\"promises\":\"9", true);
        set_text(&trail, i, "act", "withdrawal.signing");
    }
    trail_relink(&trail, 0);
    trail_sign(&trail, 0);
    trail_write(&trail, export);
    expect(VERDICT_TAMPERED, "more than were made", " entries withdrawal.signing stand before it");
    (void)snprintf(text, sizeof(text), "checked: entry %zu: the signer had made ", row);
    cr_expect_not_null(strstr(said, text), "%s", said);
    cr_expect_null(strstr(said, "entry 0:"), "%s", said);
    trail_free(&trail);
}

/* A checkpoint that came into a block had more entries than stand before the entry that tells of it, or no number. */
static void anchor_at(struct made_trail *trail, size_t row, const char *told)
{
    char members[128];
    (void)snprintf(members, sizeof(members), "%s\"oid\":", told);
    edit_raw(trail, row, "withdrawal.approve", "trail.anchor", true);
    edit_raw(trail, row, "\"oid\":", members, true);
    set_text(trail, row, "act", "trail.anchor");
}

Test(trail, an_anchor_of_what_is_not_there)
{
    static const struct {
        const char *fact;
        const char *words;
    } cases[] = {
        {"\"facts\":{\"size\":\"202\"},", "entry 201: it knows of 202 entries, but 201 entries stand before it"},
        {"\"facts\":{\"height\":\"3\"},", "entry 201: it does not say its size"},
        {"", "entry 201: it does not say its size"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made_trail trail;
        trail_make(&trail, 300, 8);
        anchor_at(&trail, 201, cases[i].fact);
        signed_anew(&trail, 202, "anchor", cases[i].words);
        trail_free(&trail);
    }
    struct made_trail trail;
    trail_make(&trail, 300, 8);
    anchor_at(&trail, 201, "\"facts\":{\"size\":\"201\"},");
    trail_relink(&trail, 202);
    trail_sign(&trail, 0);
    trail_write(&trail, export);
    expect(VERDICT_PROVEN, "all that stands before it", "proven: 300 entries");
    trail_free(&trail);
}

/*
 * A trail of about 2 s from one entry to the next: without a pause or heartbeat, but for those. 500 entries; free it.
 */
static void pace(struct made_trail *out, size_t paused_at, size_t mute_from)
{
    struct trail_source source = {.chance = {.state = 11}, .pace_us = 4000000};
    *out = (struct made_trail){.rows = json_array(), .size = 500};
    for (size_t i = 0; i < 500; i++) {
        source.mute = i >= mute_from;
        source.at_utc_us += i == paused_at ? 900000000 : 0;
        cr_assert_eq(json_array_append_new(out->rows, trail_source_next(&source)), 0);
    }
    trail_source_note(&out->note, &source);
    trail_write(out, export);
}

/* Who takes an entry out before it is sequenced takes the heartbeats, too, which would tell that it is missing. */
Test(trail, heartbeats_that_do_not_come)
{
    struct made_trail trail;
    pace(&trail, 500, 500);
    expect(VERDICT_PROVEN, "control", "proven: 500 entries");
    cr_assert_null(strstr(said, "heartbeat"), "%s", said);
    trail_free(&trail);
    pace(&trail, 200, 500);
    expect(VERDICT_PROVEN, "a pause", "checked: entry 2");
    cr_assert_not_null(strstr(said, ": the first heartbeat in 9"), "%s", said);
    trail_free(&trail);
    pace(&trail, 500, 100);
    size_t row = 150;
    while (json_object_get(row_at(&trail, row), "oid") != NULL) {
        row++;
    }
    cr_assert_eq(json_array_remove(trail.rows, row), 0);
    trail_relink(&trail, row);
    trail_sign(&trail, 0);
    trail_write(&trail, export);
    expect(VERDICT_INCOMPLETE, "none", "its producer goes on for 30");
    trail_free(&trail);
    pace(&trail, 500, 0);
    expect(VERDICT_INCOMPLETE, "not even a first one", "its producer goes on for 30");
    trail_free(&trail);
}

/* Numbers of a producer that are none would leave nothing to count. */
static void expect_no_number(const char *found, const char *instead, const char *words)
{
    struct made_trail trail;
    trail_make(&trail, ENTRIES, 3);
    size_t row = row_with(&trail, 100, found);
    edit_raw(&trail, row, found, instead, true);
    signed_anew(&trail, row + 1, found, words);
    trail_free(&trail);
}

Test(trail, numbers_that_are_none)
{
    expect_no_number("\"settled\":\"", "\"settled\":\"x", "settled is not a number");
    expect_no_number("\"void\":[\"", "\"void\":[\"x", "void is not a list of numbers");
}

Test(trail, an_event_out_of_form)
{
    struct made_trail trail;
    trail_make(&trail, 300, 6);
    edit_raw(&trail, 200, "\"outcome\":", "\"outcomf\":", true);
    signed_anew(&trail, 201, "form", "entry 200: its event does not follow the form: outcom");
    trail_free(&trail);
}

/* A key that this trust file does not name may be a later one: no proof, and no verdict about what it signed. What can
 * be told without it is. */
Test(trail, of_another_log)
{
    struct made_trail trail;
    struct audit_key key;
    trail_make(&trail, 30, 7);
    trail_sign(&trail, 7);
    trail_write(&trail, export);
    expect(VERDICT_INCOMPLETE, "a stranger's", "but by one that a later trust file may name (custody log trust)");
    set_text(&trail, 20, "actor", "approver-2");
    trail_write(&trail, export);
    expect(VERDICT_TAMPERED, "and a column", "entry 20: the column actor was changed");
    set_text(&trail, 20, "actor", "approver-1");
    trail_sign(&trail, 0);
    trail_write(&trail, export);
    sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, 9);
    char vkey[AUDIT_VKEY_SIZE];
    audit_key_format(vkey, &key);
    cr_assert(note_key_read(&trust.log, vkey, NOTE_KEY_LOG));
    expect(VERDICT_INCOMPLETE, "another key", "the checkpoint: is not signed by the log key, but by one that a later");
    sample_key(&key, "other.example/audit/v1", AUDIT_KEY_ED25519, 0);
    audit_key_format(vkey, &key);
    cr_assert(note_key_read(&trust.log, vkey, NOTE_KEY_LOG));
    expect(VERDICT_INCOMPLETE, "another origin", "is of the log " SAMPLE_ORIGIN ", which the trust file does not name");
    trail_free(&trail);
}

/* A trust file whose later keys are those of the orders. */
static void trust_orders(const struct made_order *orders)
{
    char member[2 * AUDIT_VKEY_SIZE + 64] = ",\"rotations\":[";
    for (size_t i = 0; orders[i].at > 0; i++) {
        struct audit_key key;
        char vkey[AUDIT_VKEY_SIZE];
        size_t len = strlen(member);
        sample_key(&key, SAMPLE_ORIGIN, AUDIT_KEY_ED25519, orders[i].key);
        audit_key_format(vkey, &key);
        (void)snprintf(member + len, sizeof(member) - len, "%s\"%llu %s\"", i == 0 ? "" : ",",
                       (unsigned long long)orders[i].from, vkey);
    }
    (void)snprintf(member + strlen(member), sizeof(member) - strlen(member), "]");
    set_trust(orders[0].at == 0 ? "" : member);
}

/* Each follows from entries of the trail and a trust file, both as lists of orders. The key of the last one signs. */
Test(trail, a_key_that_follows_is_the_one_that_was_ordered)
{
    static const struct {
        const char *what;
        struct made_order told[4];
        struct made_order trusted[3];
        enum verdict verdict;
        const char *words;
    } cases[] = {
        {"two", {{50, 100, 3}, {150, 250, 4}}, {{1, 100, 3}, {1, 250, 4}}, VERDICT_PROVEN, "proven: 300 entries"},
        {"handed in again", {{50, 100, 3}, {60, 100, 3}, {110, 100, 3}}, {{1, 100, 3}}, VERDICT_PROVEN, "proven: 300"},
        {"one in the place of another", {{50, 100, 2}, {60, 200, 3}}, {{1, 200, 3}}, VERDICT_PROVEN, "proven: 300"},
        {"the same size", {{50, 51, 2}, {60, 51, 3}}, {{1, 51, 3}}, VERDICT_PROVEN, "proven: 300"},
        {"later than it is long",
         {{50, 900, 3}},
         {{0}},
         VERDICT_PROVEN,
         "it names a key that signs from 900 entries on, the trust file does not"},
        {"unknown",
         {{50, 100, 3}},
         {{0}},
         VERDICT_TAMPERED,
         "entry 50: it names a key that signs from 100 entries on, the trust file does not"},
        {"another key",
         {{50, 100, 2}},
         {{1, 100, 3}},
         VERDICT_TAMPERED,
         "entry 50: it names a key that signs from 100 entries on, the trust file does not"},
        {"another size",
         {{50, 100, 3}},
         {{1, 120, 3}},
         VERDICT_TAMPERED,
         "entry 50: it names a key that signs from 100 entries on, the trust file does not"},
        {"unknown before another",
         {{50, 100, 2}, {150, 200, 3}},
         {{1, 200, 3}},
         VERDICT_TAMPERED,
         "entry 50: it names a key that signs from 100 entries on, the trust file does not"},
        {"none",
         {{0}},
         {{1, 100, 3}},
         VERDICT_TAMPERED,
         "the key of the log from 100 entries on: no entry log.key names it"},
        {"none of the second",
         {{50, 100, 3}},
         {{1, 100, 3}, {1, 250, 4}},
         VERDICT_TAMPERED,
         "the key of the log from 250 entries on: no entry log.key names it"},
        {"none of a later one", {{50, 100, 3}}, {{1, 100, 3}, {1, 900, 4}}, VERDICT_PROVEN, "proven: 300"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made_trail trail;
        uint8_t key = 0;
        for (size_t k = 0; cases[i].trusted[k].at > 0; k++) {
            key = cases[i].trusted[k].from <= 300 ? cases[i].trusted[k].key : key;
        }
        trail_make_ordered(&trail, 300, cases[i].told, key);
        trail_write(&trail, export);
        trust_orders(cases[i].trusted);
        expect(cases[i].verdict, cases[i].what, cases[i].words);
        trail_free(&trail);
    }
}

/* Who has the trust file from before, and an export from after. */
Test(trail, a_trust_file_from_before_a_key_followed)
{
    struct made_trail trail;
    const struct made_order told[] = {{50, 100, 3}, {150, 250, 4}, {0}};
    trail_make_ordered(&trail, 300, told, 4);
    trail_write(&trail, export);
    for (size_t known = 0; known < 2; known++) {
        const struct made_order trusted[] = {{known, 100, 3}, {0}};
        trust_orders(trusted);
        expect(VERDICT_INCOMPLETE, "before", "but by one that a later trust file may name (custody log trust)");
        cr_expect_null(strstr(said, "tampered"), "%s", said);
    }
    trail_free(&trail);
}

Test(trail, against_what_somebody_kept)
{
    struct made_trail old;
    struct made_trail trail;
    char kept[2][TEST_PATH_SIZE + 32];
    trail_make(&old, 200, 8);
    trail_make(&trail, 500, 8); /* the same beginning */
    write_file(kept[0], "kept", old.note.data, old.note.len);
    write_file(kept[1], "receipt", trail.note.data, trail.note.len);
    char *const held[] = {kept[0], kept[1]};
    trail_write(&trail, export);
    cr_assert_eq(judge(held, 2), VERDICT_PROVEN, "%s", said);
    cr_assert_not_null(strstr(said, "2 held checkpoints extended"));

    trail_write(&old, export); /* an old backup against a newer receipt */
    cr_assert_eq(judge(held, 1), VERDICT_PROVEN, "%s", said);
    cr_assert_eq(judge(held, 2), VERDICT_INCOMPLETE, "%s", said);
    cr_assert_not_null(strstr(said, "receipt was signed for 500: the tail was cut, or the export is older"), "%s",
                       said);

    edit_raw(&trail, 100, "approver-1", "approver-2", true); /* rewritten together with the log's key */
    set_text(&trail, 100, "actor", "approver-2");
    trail_relink(&trail, 101);
    trail_sign(&trail, 0);
    trail_write(&trail, export);
    cr_assert_eq(judge(NULL, 0), VERDICT_PROVEN, "control: without anything kept it cannot be seen: %s", said);
    cr_assert_eq(judge(held, 1), VERDICT_TAMPERED, "%s", said);
    cr_assert_not_null(strstr(said, "the first 200 entries are not those"), "%s", said);
    cr_assert_eq(judge(held + 1, 1), VERDICT_TAMPERED, "%s", said);

    trail_sign(&old, 7); /* what is kept is itself no checkpoint of this log */
    write_file(kept[0], "kept", old.note.data, old.note.len);
    cr_assert_eq(judge(held, 1), VERDICT_INCOMPLETE, "%s", said);
    write_file(kept[0], "kept", "", 0);
    cr_assert_eq(judge(held, 1), VERDICT_INCOMPLETE, "%s", said);
    write_file(kept[0], "kept", "c2sp.org/tlog-proof@v1\nindex 3\n", 31);
    cr_assert_eq(judge(held, 1), VERDICT_INCOMPLETE, "%s", said);
    trail_free(&old);
    trail_free(&trail);
}

static void cut_file(size_t lines)
{
    FILE *file = fopen(export, "r+e");
    cr_assert_not_null(file);
    for (int byte = 0; lines > 0; lines -= byte == '\n' ? 1 : 0) {
        byte = fgetc(file);
        cr_assert_neq(byte, EOF);
    }
    cr_assert_eq(ftruncate(fileno(file), ftell(file)), 0);
    cr_assert_eq(fclose(file), 0);
}

Test(trail, a_file_that_ends_early)
{
    static const size_t lines[] = {301, 300, 150, 2, 1, 0}; /* 301: all but the checkpoint */
    struct made_trail trail;
    trail_make(&trail, 300, 9);
    trail_write(&trail, export);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        cut_file(lines[i]);
        expect(VERDICT_INCOMPLETE, "cut", "the export ends before its checkpoint");
    }
    trail_free(&trail);
}

Test(trail, lines_out_of_place)
{
    struct made_trail trail;
    trail_make(&trail, 20, 10);
    FILE *file = fopen(export, "we");
    trail_write_head(file, 20);
    trail_write_tail(file, &trail.note);
    trail_write_row(file, row_at(&trail, 0));
    cr_assert_eq(fclose(file), 0);
    expect(VERDICT_TAMPERED, "behind", "line 3: stands behind the checkpoint");
    file = fopen(export, "we");
    trail_write_row(file, row_at(&trail, 0));
    trail_write_tail(file, &trail.note);
    cr_assert_eq(fclose(file), 0);
    expect(VERDICT_TAMPERED, "no head", "line 1: is not the head of an export");
    file = fopen(export, "we");
    trail_write_head(file, 0);
    trail_free(&trail);
    trail_make(&trail, 0, 10);
    trail_write_tail(file, &trail.note);
    cr_assert_eq(fclose(file), 0);
    expect(VERDICT_INCOMPLETE, "empty", "the trail is empty");
    trail_free(&trail);
}

/* Entries that have left the database for an archive. */

#define LEFT MAKER_PARTITION
#define STAYED ((size_t)720)

TestSuite(late, .init = set_up, .fini = tear_down);

static void expect_late(const struct made_trail *trail, size_t first, enum verdict verdict, const char *what,
                        const char *words)
{
    trail_write_late(trail, export, first);
    expect(verdict, what, words);
}

Test(late, what_is_there_is_proven_and_what_is_not_is_said)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct made_trail trail;
        trail_make_left(&trail, STAYED, seed, LEFT, LEFT);
        expect_late(&trail, LEFT, VERDICT_PROVEN, "late", "proven: entries 1048576 to 1049295 of ");
        cr_expect_not_null(strstr(said, "not looked at: entries 0 to 1048575, which are in an archive as entry 1048"),
                           "%s", said);
        trail_free(&trail);
    }
    struct made_trail trail;
    trail_make_left(&trail, ENTRIES, 1, 1024, 0); /* those that leave are still there, or there again */
    trail_write(&trail, export);
    expect(VERDICT_PROVEN, "whole", "proven: 2000 entries");
    cr_expect_null(strstr(said, "not looked at"), "%s", said);
    trail_free(&trail);
}

/* Of a log that follows another the first entry says so, where it is shown. */
Test(late, a_log_that_follows_another)
{
    struct made_trail trail;
    trail_make_left(&trail, STAYED, 1, LEFT, LEFT);
    trust.follows.size = 900;
    expect_late(&trail, LEFT, VERDICT_PROVEN, "late", "proven: entries 1048576 to 1049295 of ");
    trail_free(&trail);
    trail_make(&trail, ENTRIES, 1);
    trail_write(&trail, export);
    expect(VERDICT_TAMPERED, "whole", "entry 0: does not name the order of the trust file");
    trail_free(&trail);
}

/* Whoever holds the key of the log states another value of a member, in the column too, and signs everything anew. */
static void retell(struct made_trail *trail, size_t row, const char *member, const char *from, const char *to)
{
    char old_text[64];
    char new_text[64];
    (void)snprintf(old_text, sizeof(old_text), "\"%s\":\"%s\"", member, from);
    (void)snprintf(new_text, sizeof(new_text), "\"%s\":\"%s\"", member, to);
    edit_raw(trail, row, old_text, new_text, true);
    set_text(trail, row, member, to);
    trail_relink(trail, row + 1);
    trail_sign(trail, 0);
}

/* A superuser drops a partition, or more than the trail tells, or tells it of other entries. */
Test(late, entries_that_nobody_said_would_leave)
{
    struct made_trail trail;
    trail_make_left(&trail, STAYED, 1, 0, LEFT);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "not told",
                "entries 0 to 1048575: are missing, and no entry retention.prune says that they left");
    expect_late(&trail, LEFT + STAYED, VERDICT_TAMPERED, "all of them", "entries 0 to 1049295: are missing");
    trail_free(&trail);
    trail_make_left(&trail, ENTRIES, 1, 1024, 0); /* no partition ends there: the service lets none leave */
    expect_late(&trail, 1024, VERDICT_TAMPERED, "where none ends", "entries 0 to 1023: are missing");
    trail_free(&trail);
    trail_make_left(&trail, STAYED, 1, LEFT, LEFT);
    expect_late(&trail, LEFT + 256, VERDICT_TAMPERED, "more than told", "entries 0 to 1048831: are missing");
    size_t row = row_with(&trail, 0, "retention.prune");
    retell(&trail, row, "outcome", "intent", "error");
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "refused", "entries 0 to 1048575: are missing");
    retell(&trail, row, "outcome", "error", "intent");
    expect_late(&trail, LEFT, VERDICT_PROVEN, "control", "proven: entries 1048576 to 1049295 of ");
    retell(&trail, row, "oid", "1048576", "1048577");
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "another object", "entries 0 to 1048575: are missing");
    edit_raw(&trail, row, "\"oid\":\"1048577", "\"oid\":\"1048576", true);
    set_text(&trail, row, "oid", "1048576");
    char root[] = "\"root\":\"0";
    struct bytes raw;
    trail_raw(&raw, &trail, row);
    root[sizeof(root) - 2] = strstr((const char *)raw.data, "\"root\":\"")[sizeof(root) - 2];
    bytes_free(&raw);
    edit_raw(&trail, row, root, root[sizeof(root) - 2] == '0' ? "\"root\":\"1" : "\"root\":\"0", true);
    trail_relink(&trail, row + 1);
    trail_sign(&trail, 0);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "of other entries", "entries 0 to 1048575: are missing");
    trail_free(&trail);
}

/* What is tampered with behind the beginning is found as ever. */
Test(late, every_tampering_behind_the_beginning_is_found)
{
    struct made_trail trail;
    trail_make_left(&trail, STAYED, 1, LEFT, LEFT);
    set_text(&trail, 0, "actor", "approver-2");
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "column", "entry 1048576: the column actor was changed");
    set_text(&trail, 0, "actor", "approver-1");
    trail.before.bytes32[0] ^= 1;
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "tree", "the entries do not have the root that the checkpoint signs");
    trail.before.bytes32[0] ^= 1;
    cr_assert_eq(json_array_remove(trail.rows, 0), 0);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "first row", "entry 1048576: is missing, it was deleted");
    trail_free(&trail);
    trail_make_left(&trail, STAYED, 2, LEFT, LEFT);
    size_t row = row_with(&trail, MAKER_LATER + 50, "\"on\":\"5\"");
    cr_assert_eq(json_array_remove(trail.rows, row), 0);
    trail_relink(&trail, row);
    trail_sign(&trail, 0);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "ordinal", "ordinal 6 of withdrawal");
    trail_free(&trail);
    trail_make_left(&trail, STAYED, 3, LEFT, LEFT);
    row = MAKER_LATER + 50;
    while (json_object_get(row_at(&trail, row), "oid") != NULL) {
        row++;
    }
    cr_assert_eq(json_array_remove(trail.rows, row), 0);
    trail_relink(&trail, row);
    trail_sign(&trail, 0);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "number", "is missing: an entry was deleted before it");
    trail_free(&trail);
}

static int64_t time_ms(const struct made_trail *trail, size_t row)
{
    int64_t at_utc_us = 0;
    cr_assert_eq(time_parse(&at_utc_us, json_string_value(json_object_get(row_at(trail, row), "ts"))), STATUS_OK);
    return at_utc_us / 1000;
}

/* One that began after the first entry had no numbers before: all of its own are due. */
Test(late, the_first_numbers_of_a_producer_that_began_later)
{
    struct made_trail trail;
    trail_make_left(&trail, STAYED, 3, LEFT, LEFT);
    size_t row = row_with(&trail, MAKER_LATER + 50, "\"settled\":\"");
    cr_assert_gt(time_ms(&trail, row), time_ms(&trail, 0));
    producer_born(&trail, row, time_ms(&trail, row));
    trail_relink(&trail, row);
    trail_sign(&trail, 0);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "later", "its producer's number 1 is missing");
    trail_free(&trail);
}

/* Promises may have stood among those that have left; what an anchor knows of is known by the numbers of the entries.
 */
Test(late, what_an_entry_knows_of)
{
    struct made_trail trail;
    trail_make_left(&trail, STAYED, 4, LEFT, LEFT);
    size_t row = row_with(&trail, MAKER_LATER, "\"settled\":\"");
    edit_raw(&trail, row, "service.heartbeat", "withdrawal.signing", true);
    edit_raw(&trail, row, "\"settled\":\"", "\"promises\":\"", true);
    set_text(&trail, row, "act", "withdrawal.signing");
    trail_relink(&trail, row + 1);
    trail_sign(&trail, 0);
    expect_late(&trail, LEFT, VERDICT_PROVEN, "promises", "proven: entries 1048576 to 1049295 of ");
    trail_free(&trail);
    trail_make_left(&trail, STAYED, 4, LEFT, LEFT);
    row = row_with(&trail, MAKER_LATER, "withdrawal.approve");
    anchor_at(&trail, row, "\"facts\":{\"size\":\"1049296\"},");
    trail_relink(&trail, row + 1);
    trail_sign(&trail, 0);
    expect_late(&trail, LEFT, VERDICT_TAMPERED, "anchor", "it knows of 1049296 entries, but ");
    trail_free(&trail);
}

/* What somebody kept of the part that is not here is not compared, and that is no proof. */
Test(late, what_was_kept_of_the_part_before_is_not_passed_over)
{
    static const struct {
        size_t count, begins;
        enum verdict verdict;
        const char *words;
    } cases[] = {{700, 0, VERDICT_INCOMPLETE, "is of entries below 1048576, which are not here"},
                 {500, LEFT, VERDICT_PROVEN, "1 held checkpoint extended"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct made_trail trail;
        struct made_trail older;
        char kept[TEST_PATH_SIZE + 32];
        char *const held[] = {kept};
        trail_make_left(&trail, STAYED, 1, LEFT, LEFT);
        trail_write_late(&trail, export, LEFT);
        trail_make_left(&older, cases[i].count, 1, LEFT, cases[i].begins);
        write_file(kept, "kept", older.note.data, older.note.len);
        cr_expect_eq(judge(held, 1), cases[i].verdict, "%s", said);
        cr_expect_not_null(strstr(said, cases[i].words), "%s", said);
        trail_free(&older);
        trail_free(&trail);
    }
}

/* Each is wrong in one way alone: it begins nowhere, behind the end, with a hash too few, with one too many, without
 * any. */
Test(late, a_head_that_tells_no_tree)
{
    static const struct {
        const char *first;
        int hashes;
        const char *what;
    } heads[] = {
        {"\"first\":0,", 0, "nowhere"},      {"\"first\":32,", 1, "behind the end"},
        {"\"first\":24,", 1, "one too few"}, {"\"first\":16,", 2, "one too many"},
        {"\"first\":16,", 0, "none"},        {"", 1, "a tree alone"},
    };
    struct made_trail trail;
    trail_make(&trail, 30, 1);
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        FILE *file = fopen(export, "we");
        cr_assert_not_null(file);
        (void)fprintf(file, "{%s\"format\":\"strongroom-trail/v1\",\"origin\":\"%s\",\"size\":30,\"tree\":[",
                      heads[i].first, SAMPLE_ORIGIN);
        for (int k = 0; k < heads[i].hashes; k++) {
            (void)fprintf(file, "%s\"%064d\"", k == 0 ? "" : ",", 0);
        }
        (void)fprintf(file, "]}\n");
        trail_write_tail(file, &trail.note);
        cr_assert_eq(fclose(file), 0);
        expect(VERDICT_TAMPERED, heads[i].what, "line 1: first and tree are not those of a beginning of the trail");
    }
    trail_free(&trail);
}
