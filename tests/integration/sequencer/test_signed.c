/*
 * Rows that a superuser of the database edits, adds and puts back while the service runs: only what was signed counts.
 */
#include <criterion/criterion.h>

#include "stage.h"
#include "trail_doubt.h"
#include "trail_ordinal.h"
#include "trail_scrub.h"
#include "trail_signed.h"

#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */
#define REHASH "UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 3;"
#define PAGE 16   /* of a search */
#define FIRST 300 /* entries at least: a full tile, and one that is not */

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;

static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&stage, &books, &keeper);
    struct trail_ticket ticket = {0};
    stage_await(&stage, SEQUENCER_LEADING, NULL); /* before, posts are rows, which may come behind later ones */
    for (int i = 1; i < FIRST; i++) {
        ticket = stage_post(&stage);
    }
    stage_covered(&stage, ticket);
    books_sql(&books, "CREATE TABLE public.kept AS TABLE audit.leaf");
}

static void teardown(void)
{
    stage_close(&stage);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(signed_rows, .init = setup, .fini = teardown, .timeout = 600);

struct found {
    size_t count;
    size_t left_out;
};

static struct found find(const struct store_leaf_filter *filter)
{
    struct store_leaf_list list = {0};
    struct found found = {0};
    struct fault fault = {0};
    cr_assert_eq(trail_signed_list(&list, &found.left_out, stage.trail, filter, &fault), STATUS_OK, "%s: %s",
                 fault.where, fault.detail);
    found.count = list.count;
    store_leaf_list_free(&list);
    return found;
}

static void expect(uint64_t seq, size_t count, size_t left_out)
{
    struct found found = find(&(struct store_leaf_filter){.from_seq = seq, .to_seq = seq + 1, .limit = 1});
    cr_expect_eq(found.count, count, "%zu rows of entry %llu are believed", found.count, (unsigned long long)seq);
    cr_expect_eq(found.left_out, left_out, "%zu were left out", found.left_out);
}

/* After each edit the true row is put back, and believed again. */
static void left_out_after(uint64_t seq, const char *sql)
{
    char back[256];
    struct trail_doubted doubted;
    books_sql(&books, sql);
    expect(seq, 0, 1);
    cr_expect(trail_doubted(&doubted, stage.trail));
    cr_expect_eq(doubted.seq, seq);
    cr_expect_gt(doubted.at_utc_us, 0);
    (void)snprintf(back, sizeof(back),
                   AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = %llu;"
                                "INSERT INTO audit.leaf SELECT * FROM public.kept WHERE seq = %llu",
                   (unsigned long long)seq, (unsigned long long)seq);
    books_sql(&books, back);
    expect(seq, 1, 0);
}

Test(signed_rows, what_was_signed_is_believed)
{
    struct trail_doubted doubted;
    struct found all = find(&(struct store_leaf_filter){.limit = STORE_LEAVES_MAX});
    cr_expect_geq(all.count, FIRST);
    cr_expect_eq(all.left_out, 0);
    cr_expect(!trail_doubted(&doubted, stage.trail));
}

Test(signed_rows, a_column_that_was_edited)
{
    left_out_after(3, AS_SUPERUSER "UPDATE audit.leaf SET actor = 'mara' WHERE seq = 3");
}

Test(signed_rows, a_row_that_agrees_with_itself_and_with_no_signature)
{
    left_out_after(3,
                   AS_SUPERUSER "UPDATE audit.leaf SET actor = 'mara',"
                                " raw = convert_to(replace(convert_from(raw, 'UTF8'), '\"rita\"', '\"mara\"'), 'UTF8')"
                                " WHERE seq = 3;" REHASH);
}

/* Its tile is not full, so the tree is made of rows there. */
Test(signed_rows, a_row_at_the_end_that_agrees_with_itself)
{
    left_out_after(290, AS_SUPERUSER
                   "UPDATE audit.leaf SET actor = 'mara',"
                   " raw = convert_to(replace(convert_from(raw, 'UTF8'), '\"rita\"', '\"mara\"'), 'UTF8')"
                   " WHERE seq = 290; UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 290");
}

Test(signed_rows, a_row_beyond_the_end_is_nobodys)
{
    struct store_tx *tx = NULL;
    struct store_leaf leaf = {0};
    struct fault fault = {0};
    const struct store_leaf_filter mara = {.actor = "mara", .newest_first = true, .limit = 1};
    books_sql(&books,
              AS_SUPERUSER "INSERT INTO audit.leaf (seq, lh, raw, ts, actor, act, outcome, corr) SELECT 900000,"
                           " sha256('\\x00'::bytea || said), said, ts, 'mara', act, outcome, corr FROM (SELECT *,"
                           " convert_to(replace(replace(convert_from(raw, 'UTF8'), '\"rita\"', '\"mara\"'),"
                           " E'\\n3\\n', E'\\n900000\\n'), 'UTF8') AS said FROM audit.leaf WHERE seq = 3) AS forged");
    cr_assert_eq(store_begin(&tx, stage.reader, STORE_SNAPSHOT, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(store_leaf_get(&leaf, tx, 900000, &fault), STATUS_OK, "%s", fault.detail);
    store_rollback(tx);
    cr_expect_eq(trail_signed_check(stage.trail, &leaf, NULL), STATUS_NOT_READY);
    store_leaf_wipe(&leaf);
    struct found found = find(&mara);
    cr_expect_eq(found.count, 0, "it is found by nobody");
    cr_expect_eq(find(&(struct store_leaf_filter){.actor = "rita", .newest_first = true, .limit = 1}).count, 1,
                 "and hides no other");
}

/* Searches, where rows are edited to look like what is searched for. */

static const struct store_leaf_filter submitted = {.act = "withdrawal.submitted"};

/* As a superuser edits `count` rows from `seq` on. */
static void made_alike(uint64_t seq, uint64_t count)
{
    char sql[256];
    uint64_t end = seq + count;
    (void)snprintf(sql, sizeof(sql),
                   AS_SUPERUSER "UPDATE audit.leaf SET act = 'withdrawal.submitted' WHERE seq >= %llu AND seq < %llu",
                   (unsigned long long)seq, (unsigned long long)end);
    books_sql(&books, sql);
}

/* An entry that is found, with `above` entries above it. */
static uint64_t searched_for(size_t above)
{
    uint64_t seq = stage_covered(&stage, stage_event(&stage, "object"));
    struct trail_ticket ticket = {0};
    for (size_t i = 0; i < above; i++) {
        ticket = stage_post(&stage);
    }
    (void)stage_covered(&stage, ticket);
    return seq;
}

static void expect_newest(uint64_t seq)
{
    struct store_leaf_list list = {0};
    struct fault fault = {0};
    cr_assert_eq(trail_signed_newest(&list, stage.trail, &submitted, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(list.count, 1, "%zu are found", list.count);
    cr_expect_eq(list.rows[0].seq, seq);
    store_leaf_list_free(&list);
}

Test(signed_rows, a_search_goes_on_below_pages_of_edited_rows)
{
    uint64_t seq = searched_for(2 * PAGE);
    expect_newest(seq);
    made_alike(seq + 1, PAGE);
    expect_newest(seq);
    made_alike(seq + 1, 2 * PAGE);
    expect_newest(seq);
}

/* So many are passed over, and one more is no answer: never that there is none. */
Test(signed_rows, a_search_that_meets_too_many_edited_rows_says_so)
{
    struct store_leaf_list list = {0};
    struct fault fault = {0};
    made_alike(5, TRAIL_LEFT_OUT_MAX);
    cr_assert_eq(trail_signed_newest(&list, stage.trail, &submitted, &fault), STATUS_OK, "%s", fault.detail);
    cr_expect_eq(list.count, 0);
    store_leaf_list_free(&list);
    made_alike(5, TRAIL_LEFT_OUT_MAX + 1);
    cr_expect_eq(trail_signed_newest(&list, stage.trail, &submitted, &fault), STATUS_CORRUPT);
    cr_expect_not_null(strstr(fault.detail, "are not the entries that were signed"), "%s", fault.detail);
}

/* Looking at all rows without being asked. */

static enum status count_row(void *context, const struct store_leaf *leaf, struct fault *fault)
{
    size_t *count = context;
    (void)leaf;
    (void)fault;
    (*count)++;
    return STATUS_OK;
}

/* Out: how many rows were handed over. */
static size_t scrub(uint64_t *inout_tile, unsigned tiles)
{
    size_t count = 0;
    struct fault fault = {0};
    cr_assert_eq(trail_scrub(stage.trail, inout_tile, tiles, count_row, &count, &fault), STATUS_OK, "%s: %s",
                 fault.where, fault.detail);
    return count;
}

static void expect_doubted(uint64_t seq)
{
    struct trail_doubted doubted;
    cr_expect(trail_doubted(&doubted, stage.trail), "entry %llu is not found", (unsigned long long)seq);
    cr_expect_eq(doubted.seq, seq, "%llu is told, not %llu", (unsigned long long)doubted.seq, (unsigned long long)seq);
}

static uint64_t expect_news(uint64_t told, uint64_t seq)
{
    struct trail_doubted doubted = {0};
    cr_assert(trail_doubted_after(&doubted, stage.trail, told), "there are no news after %llu",
              (unsigned long long)told);
    cr_expect_eq(doubted.seq, seq, "%llu is told, not %llu", (unsigned long long)doubted.seq, (unsigned long long)seq);
    return doubted.news;
}

static void found_by_scrub(uint64_t seq, const char *sql)
{
    uint64_t tile = 7;
    struct trail_doubted doubted;
    size_t all = scrub(&tile, 9);
    cr_expect_geq(all, FIRST);
    cr_expect(!trail_doubted(&doubted, stage.trail));
    books_sql(&books, sql);
    cr_expect_lt(scrub(&tile, 9), all);
    expect_doubted(seq);
}

/* As somebody reads the entries of an object; the same one twice is no news. */
Test(signed_rows, a_number_that_an_object_had_before_is_noted_once)
{
    struct store_leaf rows[] = {{.seq = 10, .ord = 1},
                                {.seq = 11, .ord = 2},
                                {.seq = 12, .ord = 3},
                                {.seq = 13, .ord = 2},
                                {.seq = 14, .ord = 3}};
    const struct store_leaf_list list = {.rows = rows, .count = 5};
    struct trail_repeated found[TRAIL_REPEATED_MAX];
    struct trail_doubted doubted;
    trail_ordinals_note(stage.trail, &(struct store_leaf_list){.rows = rows, .count = 3});
    cr_expect_eq(trail_repeated_list(found, stage.trail), 0);
    trail_ordinals_note(stage.trail, &list);
    trail_ordinals_note(stage.trail, &list);
    cr_assert_eq(trail_repeated_list(found, stage.trail), 1);
    cr_expect_eq(found[0].seq, 13);
    cr_expect_eq(found[0].ordinal, 2);
    cr_expect(!trail_doubted(&doubted, stage.trail), "it is what was signed");
}

Test(signed_rows, a_column_that_was_edited_is_found_without_a_question)
{
    found_by_scrub(3, AS_SUPERUSER "UPDATE audit.leaf SET actor = 'mara' WHERE seq = 3");
}

/* What no struct has room for is no reason to see nothing. */
static void found_though_unfit(const char *edit)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql), AS_SUPERUSER "UPDATE audit.leaf SET %s WHERE seq = 3", edit);
    found_by_scrub(3, sql);
    expect(3, 0, 1);
}

Test(signed_rows, a_time_that_never_comes_is_found)
{
    found_though_unfit("ts = 'infinity'");
}

Test(signed_rows, a_time_of_no_calendar_is_found)
{
    found_though_unfit("ts = '20000-01-01'");
}

Test(signed_rows, a_text_that_is_too_long_is_found)
{
    found_though_unfit("actor = repeat('x', 5000)");
}

/* The entry has no object: what stands there is not taken for nothing. */
Test(signed_rows, a_text_that_is_too_long_where_there_was_none_is_found)
{
    found_though_unfit("wallet = repeat('x', 5000)");
}

Test(signed_rows, a_number_below_zero_where_there_was_none_is_found)
{
    found_though_unfit("version = -1");
}

/* Each column as wide as it has room for, the times and numbers at their longest. */
Test(signed_rows, a_row_that_is_as_wide_as_can_be_is_found)
{
    found_by_scrub(3, AS_SUPERUSER
                   "ALTER TABLE audit.leaf DROP CONSTRAINT leaf_outcome_check;"
                   "UPDATE audit.leaf SET actor = said, act = said, otype = said, oid = said, outcome = said,"
                   " asset = said, destination = said, key = said, wallet = said, amount = repeat('9', 39)::numeric,"
                   " ord = 9223372036854775807, version = 9223372036854775807, corr = gen_random_uuid(),"
                   " ts = '9999-12-31 23:59:59.999999+00' FROM (SELECT repeat('x', 127) AS said) AS wide"
                   " WHERE seq = 3");
    expect(3, 0, 1);
}

/* Nothing but one column differs, and it is another row. */
Test(signed_rows, each_column_of_a_row_that_is_told_makes_it_another_one)
{
    static const char *edits[] = {"actor = 'mara'",
                                  "act = 'login.ok'",
                                  "otype = 'x', oid = 'y', ord = 1",
                                  "otype = 'x2'",
                                  "oid = 'y2'",
                                  "ord = 2",
                                  "outcome = 'error'",
                                  "asset = 'a'",
                                  "destination = 'a'",
                                  "key = 'a'",
                                  "wallet = 'a'",
                                  "amount = '1'",
                                  "version = 1",
                                  "corr = NULL",
                                  "ts = ts + interval '1 second'",
                                  "raw = raw || '\\x00'",
                                  "lh = sha256('x')"};
    uint64_t told = 0;
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        char sql[256];
        (void)snprintf(sql, sizeof(sql), AS_SUPERUSER "UPDATE audit.leaf SET %s WHERE seq = 3", edits[i]);
        books_sql(&books, sql);
        expect(3, 0, 1);
        told = expect_news(told, 3);
    }
}

Test(signed_rows, a_row_that_is_gone_is_found)
{
    found_by_scrub(140, AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = 140");
}

Test(signed_rows, the_last_row_that_is_gone_is_found)
{
    struct trail_checkpoint newest = {0};
    char sql[128];
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, NULL), STATUS_OK);
    bytes_free(&newest.note);
    (void)snprintf(sql, sizeof(sql), AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = %llu",
                   (unsigned long long)newest.checkpoint.size - 1);
    found_by_scrub(newest.checkpoint.size - 1, sql);
}

/* Its tile is not full, so what is stored of the tree there does not lead to the root any more: the row is named. */
Test(signed_rows, a_row_at_the_end_that_agrees_with_itself_is_found)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER
              "UPDATE audit.leaf SET actor = 'mara',"
              " raw = convert_to(replace(convert_from(raw, 'UTF8'), '\"rita\"', '\"mara\"'), 'UTF8')"
              " WHERE seq = 290; UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 290");
    (void)stage_covered(&stage, stage_post(&stage));
    cr_expect_eq(scrub(&tile, 9), 0, "no row is shown to lead to the root");
    expect_doubted(290);
}

/* Of two that do not belong together any more, the one that is gone is named, not the one that is as it was. */
Test(signed_rows, a_row_at_the_end_that_is_gone_is_found)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = 290");
    (void)stage_covered(&stage, stage_post(&stage));
    (void)scrub(&tile, 9);
    expect_doubted(290);
}

Test(signed_rows, a_row_at_the_end_that_says_nothing_is_found)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET raw = '\\x00', lh = sha256('\\x0000') WHERE seq = 290");
    (void)stage_covered(&stage, stage_post(&stage));
    (void)scrub(&tile, 9);
    expect_doubted(290);
}

/*
 * A proof under an older checkpoint says nothing of the hash of a younger entry that was read with those it needs.
 * Nobody remembers that hash against the row that is mended.
 */
Test(signed_rows, a_mended_row_is_believed_at_the_first_look)
{
    const struct audit_tile first = {.index = 0, .width = 1};
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct trail_checkpoint older = {0};
    struct audit_proof proof;
    char sql[160];
    struct trail_doubted doubted;
    cr_assert_eq(trail_checkpoint_newest(&older, stage.trail, NULL), STATUS_OK);
    bytes_free(&older.note);
    uint64_t seq = stage_covered(&stage, stage_post(&stage));
    (void)snprintf(sql, sizeof(sql), AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256('x') WHERE seq = %llu",
                   (unsigned long long)seq);
    books_sql(&books, sql);
    cr_assert_eq(trail_tile(hashes, stage.trail, &first, NULL), STATUS_CORRUPT);
    cr_assert_eq(trail_prove_inclusion(&proof, stage.trail, 290, &older.checkpoint, NULL), STATUS_OK);
    (void)snprintf(sql, sizeof(sql),
                   AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = %llu",
                   (unsigned long long)seq);
    books_sql(&books, sql);
    expect(seq, 1, 0);
    cr_expect(!trail_doubted(&doubted, stage.trail), "entry %llu is told", (unsigned long long)doubted.seq);
}

/* Entries that left for an archive are named by one of those that stay. */
Test(signed_rows, that_entries_have_left_is_not_believed_of_the_head_row)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq < 256; UPDATE audit.head SET first = 256");
    (void)scrub(&tile, 9);
    expect_doubted(255);
}

Test(signed_rows, a_tile_is_looked_at_after_the_other)
{
    uint64_t tile = 0;
    cr_expect_eq(scrub(&tile, 1), 256);
    cr_expect_eq(tile, 1);
    cr_expect_geq(scrub(&tile, 1), FIRST - 256);
    cr_expect_eq(tile, 0);
}

static void expect_no_news(uint64_t told)
{
    struct trail_doubted doubted;
    uint64_t tile = 0;
    (void)scrub(&tile, 9);
    cr_expect(!trail_doubted_after(&doubted, stage.trail, told));
}

/* Two of them are two in their order, and each is news once; and again when it is another one, or was mended. */
Test(signed_rows, each_row_is_news_once_until_it_is_another_one)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET actor = 'mara' WHERE seq IN (3, 5)");
    (void)scrub(&tile, 9);
    expect_doubted(5);
    uint64_t told = expect_news(expect_news(0, 3), 5);
    expect(3, 0, 1);
    expect_no_news(told);
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET act = 'login.ok' WHERE seq = 3");
    (void)scrub(&tile, 9);
    expect_doubted(3);
    told = expect_news(told, 3);
    expect_no_news(told);
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET actor = 'rita' WHERE seq = 5");
    expect_no_news(told);
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET actor = 'mara' WHERE seq = 5");
    (void)scrub(&tile, 9);
    told = expect_news(told, 5);
    books_sql(&books, AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = 5");
    (void)scrub(&tile, 9);
    expect_no_news(expect_news(told, 5));
}

/* What hides the hashes of a tile hides none of its rows. */
Test(signed_rows, each_row_of_a_tile_that_does_not_lead_to_the_root_is_told)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256('x') WHERE seq = 290");
    (void)scrub(&tile, 9);
    uint64_t told = expect_news(0, 290); /* also why the other tile does not lead to it */
    expect_no_news(told);
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET actor = 'mara' WHERE seq = 295");
    (void)scrub(&tile, 9);
    expect_no_news(expect_news(told, 295));
}

/* A full tile is not made of rows: one that was told says nothing of it, nor one that is mended. */
Test(signed_rows, a_tile_that_was_rewritten_is_told_after_rows)
{
    uint64_t tile = 0;
    books_sql(&books, AS_SUPERUSER "UPDATE audit.tile SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1)"
                                   " WHERE level = 0 AND idx = 0");
    trail_corrupt_note(stage.trail, 290, NULL);
    (void)scrub(&tile, 9);
    uint64_t told = expect_news(0, 290); /* which may be why */
    expect_no_news(told);
    trail_mended_note(stage.trail, 290);
    trail_corrupt_note(stage.trail, 3, NULL);
    (void)scrub(&tile, 9);
    expect_no_news(expect_news(expect_news(told, 3), TRAIL_TREE));
}

/* The head row, which nobody signed: no entry is accused of what it says. */

static void expect_head(enum status wanted)
{
    struct store_tx *tx = NULL;
    uint64_t size = 0;
    enum status status = trail_extent_begin(&tx, &size, stage.trail, NULL);
    cr_expect_eq(status, wanted, "%s", status_info(status)->code);
    if (status == STATUS_OK) {
        store_rollback(tx);
    }
}

Test(signed_rows, a_head_row_that_is_set_back_is_told_each_time)
{
    uint64_t told = 0;
    stage_stop(&stage); /* who would halt */
    for (int i = 0; i < 2; i++) {
        expect_head(STATUS_OK);
        books_sql(&books, "UPDATE audit.head SET size = size - 20");
        expect_head(STATUS_CORRUPT);
        told = expect_news(told, TRAIL_HEAD);
        expect_head(STATUS_CORRUPT);
        expect_no_news(told);
        books_sql(&books, "UPDATE audit.head SET size = size + 20");
    }
}

/* Bounds of time. */

static int64_t time_of(uint64_t seq)
{
    struct store_tx *tx = NULL;
    struct store_leaf leaf = {0};
    cr_assert_eq(store_begin(&tx, stage.reader, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_assert_eq(store_leaf_get(&leaf, tx, seq, NULL), STATUS_OK);
    store_rollback(tx);
    int64_t at_utc_us = leaf.ts_utc_us;
    store_leaf_wipe(&leaf);
    return at_utc_us;
}

/* How many entries are of [from, to), 0 for open; or why that is not answered. */
static enum status count_between(size_t *out, int64_t from_utc_us, int64_t to_utc_us)
{
    struct trail_checkpoint newest = {0};
    struct store_trail_page page = {0};
    struct store_tx *tx = NULL;
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, NULL), STATUS_OK);
    bytes_free(&newest.note);
    const struct trail_extent extent = {.signed_to = newest.checkpoint, .head_size = newest.checkpoint.size};
    const struct store_trail_query query = {.from_utc_us = from_utc_us,
                                            .to_utc_us = to_utc_us,
                                            .before_seq = newest.checkpoint.size,
                                            .limit = STORE_LEAVES_MAX};
    cr_assert_eq(store_begin(&tx, stage.reader, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_assert_eq(store_trail_count(&page, tx, &query, NULL), STATUS_OK);
    store_rollback(tx);
    *out = page.count;
    return trail_bounds_check(stage.trail, &extent, &query, &page, NULL);
}

Test(signed_rows, the_times_of_a_question_cut_where_the_entries_do)
{
    size_t count = 0;
    size_t all = 0;
    int64_t middle = time_of(FIRST / 2);
    cr_expect_eq(count_between(&all, 1, middle + 86400000000), STATUS_OK);
    cr_expect_geq(all, FIRST);
    cr_expect_eq(count_between(&count, middle, 0), STATUS_OK);
    size_t later = count;
    cr_expect_eq(count_between(&count, 0, middle), STATUS_OK);
    cr_expect_eq(count + later, all);
    cr_expect_eq(count_between(&count, middle + 86400000000, 0), STATUS_OK);
    cr_expect_eq(count, 0);
}

/* Whichever row has another time now: the answer is the true one, or none. */
Test(signed_rows, no_edited_time_hides_entries)
{
    size_t before = 0;
    size_t refused = 0;
    int64_t middle = time_of(FIRST / 2);
    cr_assert_eq(count_between(&before, middle, 0), STATUS_OK);
    for (unsigned seq = 0; seq < FIRST; seq += seq + 15 < FIRST / 2 || seq > FIRST / 2 + 5 ? 15 : 1) {
        char sql[256];
        size_t count = 0;
        (void)snprintf(sql, sizeof(sql),
                       AS_SUPERUSER "UPDATE audit.leaf SET ts = ts %s interval '1 day' WHERE seq = %u",
                       seq < FIRST / 2 ? "+" : "-", seq);
        books_sql(&books, sql);
        enum status status = count_between(&count, middle, 0);
        cr_expect(status == STATUS_CORRUPT || (status == STATUS_OK && count == before),
                  "with the time of entry %u edited, %zu entries are found, not %zu", seq, count, before);
        refused += status == STATUS_CORRUPT;
        books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf AS l SET ts = k.ts FROM public.kept AS k"
                                       " WHERE l.seq = k.seq AND l.ts <> k.ts");
    }
    cr_expect_gt(refused, 0, "no edit was in the way");
}
