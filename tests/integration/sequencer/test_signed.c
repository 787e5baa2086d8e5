/*
 * Rows that a superuser of the database edits, adds and puts back while the service runs: only what was signed counts.
 */
#include <criterion/criterion.h>

#include "stage.h"
#include "trail_signed.h"

#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */
#define REHASH "UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 3;"
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
    uint64_t doubted = 0;
    int64_t doubted_at_utc_us = 0;
    books_sql(&books, sql);
    expect(seq, 0, 1);
    cr_expect(trail_doubted(&doubted, &doubted_at_utc_us, stage.trail));
    cr_expect_eq(doubted, seq);
    cr_expect_gt(doubted_at_utc_us, 0);
    (void)snprintf(back, sizeof(back),
                   AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = %llu;"
                                "INSERT INTO audit.leaf SELECT * FROM public.kept WHERE seq = %llu",
                   (unsigned long long)seq, (unsigned long long)seq);
    books_sql(&books, back);
    expect(seq, 1, 0);
}

Test(signed_rows, what_was_signed_is_believed)
{
    uint64_t doubted = 0;
    int64_t doubted_at_utc_us = 0;
    struct found all = find(&(struct store_leaf_filter){.limit = STORE_LEAVES_MAX});
    cr_expect_geq(all.count, FIRST);
    cr_expect_eq(all.left_out, 0);
    cr_expect(!trail_doubted(&doubted, &doubted_at_utc_us, stage.trail));
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
