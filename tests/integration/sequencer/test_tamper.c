/*
 * A database superuser between two starts: whatever is cut off, set back or rewritten, the sequencer says so and stops.
 */
#include <criterion/criterion.h>

#include "audit/tree.h"
#include "stage.h"
#include "trail_core.h"
#include "trail_doubt.h"

static struct books books;
static struct checkpoint_keeper keeper;
static struct stage stage;
static int signatures; /* of the entries */

/* Ten signed entries, and a copy of the head row as it was after five. */
static void setup(void)
{
    books_open(&books);
    keeper_open(&keeper, STAGE_ORIGIN);
    stage_open(&stage, &books, &keeper);
    struct trail_ticket ticket = {0};
    for (int i = 1; i < 5; i++) {
        ticket = stage_event(&stage, "");
    }
    stage_covered(&stage, ticket);
    books_sql(&books, "CREATE TABLE public.backup AS SELECT * FROM audit.head");
    for (int i = 5; i < 10; i++) {
        ticket = stage_event(&stage, "");
    }
    stage_covered(&stage, ticket);
    cr_assert_eq(stage_read(&books, &keeper.log_key).size, 10);
    stage_stop(&stage);
    signatures = atomic_load(&keeper.signatures);
    trail_close(stage.trail);
    store_close(stage.reader);
    store_close(stage.app);
}

static void teardown(void)
{
    stage_close(&stage);
    keeper_close(&keeper);
    books_close(&books);
}

TestSuite(tamper, .init = setup, .fini = teardown, .timeout = 600);

#define FOR_EVER_MS 86400000                                   /* longer than a test may last */
#define AS_SUPERUSER "SET session_replication_role = replica;" /* no trigger fires */

/* Starts again after `sql`; the sequencer must halt with `status` and mention `word`. */
static void halts(const char *sql, enum status status, const char *word)
{
    struct fault why = {0};
    struct trail_receipt receipt;
    if (sql != NULL) {
        books_sql(&books, sql);
    }
    stage_open(&stage, &books, &keeper);
    stage_await(&stage, SEQUENCER_HALTED, &why);
    cr_expect_eq(why.status, status, "%s: %s", why.where, why.detail);
    cr_expect(strstr(why.detail, word) != NULL, "%s", why.detail);
    struct trail_ticket ticket = stage_event(&stage, "");
    cr_expect_eq(trail_wait(&receipt, stage.trail, &ticket, FOR_EVER_MS, NULL), STATUS_NOT_READY,
                 "nobody waits in vain");
}

Test(tamper, nothing_was_done)
{
    stage_open(&stage, &books, &keeper);
    cr_expect_eq(stage_covered(&stage, stage_event(&stage, "")), 10);
}

Test(tamper, the_end_was_cut_off)
{
    halts(AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq >= 8", STATUS_ROLLBACK, "cut off");
}

Test(tamper, an_entry_was_taken_out)
{
    halts(AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq = 4", STATUS_CORRUPT, "entry 4 is missing");
}

Test(tamper, everything_was_set_back_to_an_older_state)
{
    halts(AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq >= 5; DELETE FROM audit.checkpoint WHERE size > 5;"
                       "UPDATE audit.head SET (epoch, size, root, last_lh, frontier) ="
                       " (SELECT epoch, size, root, last_lh, frontier FROM public.backup)",
          STATUS_ROLLBACK, "the signer has signed 10 entries, the database has 5");
}

Test(tamper, the_database_was_emptied)
{
    halts(AS_SUPERUSER "DELETE FROM audit.leaf; DELETE FROM audit.checkpoint;"
                       "UPDATE audit.head SET epoch = 0, size = 0, root = sha256(''),"
                       " last_lh = decode(repeat('00', 32), 'hex'), frontier = decode(repeat('00', 8), 'hex')",
          STATUS_ROLLBACK, "the signer has signed 10 entries");
}

Test(tamper, only_the_newer_checkpoints_are_left)
{
    struct digest root;
    uint64_t size = 0;
    keeper_read(&keeper, &size, &root);
    digest_sha256(&root, "", 0);
    keeper_write(&keeper, 0, &root); /* even when the guard was lost as well */
    halts(AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq >= 5;"
                       "UPDATE audit.head SET (epoch, size, root, last_lh, frontier) ="
                       " (SELECT epoch, size, root, last_lh, frontier FROM public.backup)",
          STATUS_ROLLBACK, "a checkpoint of 10 entries is signed");
}

/* Whoever has the database and the signer's guard, and not the ledger. */
Test(tamper, everything_was_set_back_but_what_is_anchored)
{
    struct digest root;
    uint64_t size = 0;
    keeper_read(&keeper, &size, &root);
    keeper.anchored = (struct audit_checkpoint){.origin = STAGE_ORIGIN, .size = size, .root = root};
    digest_sha256(&root, "", 0);
    keeper_write(&keeper, 0, &root);
    halts(AS_SUPERUSER "DELETE FROM audit.leaf WHERE seq >= 5; DELETE FROM audit.checkpoint WHERE size > 5;"
                       "UPDATE audit.head SET (epoch, size, root, last_lh, frontier) ="
                       " (SELECT epoch, size, root, last_lh, frontier FROM public.backup)",
          STATUS_ROLLBACK, "a checkpoint of 10 entries is anchored in the ledger, the trail has 5");
}

Test(tamper, what_is_anchored_is_another_history)
{
    keeper.anchored = (struct audit_checkpoint){.origin = STAGE_ORIGIN, .size = 7};
    halts(NULL, STATUS_FORK, "the first 7 entries are not those that were anchored in the ledger");
}

Test(tamper, what_is_anchored_is_a_beginning)
{
    struct digest root;
    uint64_t size = 0;
    keeper_read(&keeper, &size, &root);
    keeper.anchored = (struct audit_checkpoint){.origin = STAGE_ORIGIN, .size = size, .root = root};
    stage_open(&stage, &books, &keeper);
    cr_expect_eq(stage_covered(&stage, stage_event(&stage, "")), 10);
    stage_stop(&stage);
    stage_start(&stage);
    cr_expect_eq(stage_covered(&stage, stage_event(&stage, "")), 11);
}

Test(tamper, an_entry_was_edited)
{
    halts(AS_SUPERUSER
          "UPDATE audit.leaf SET raw = overlay(raw PLACING 'mara'::bytea FROM position('rita'::bytea IN raw))"
          " WHERE seq = 6",
          STATUS_CORRUPT, "entry 6 was changed");
}

Test(tamper, an_entry_was_edited_with_its_hash)
{
    halts(AS_SUPERUSER
          "UPDATE audit.leaf SET raw = overlay(raw PLACING 'mara'::bytea FROM position('rita'::bytea IN raw))"
          " WHERE seq = 6; UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 6",
          STATUS_CORRUPT, "entry 7 was changed");
}

Test(tamper, an_entry_was_added)
{
    halts(AS_SUPERUSER "INSERT INTO audit.leaf SELECT 10, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr"
                       " FROM audit.leaf WHERE seq = 9",
          STATUS_CORRUPT, "entry 10 was changed");
}

static void hex(char *out, const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", ((const uint8_t *)data)[i]);
    }
}

/* Row and head as they would be after one entry more, which says what the last one says. */
static void forge_next(char sql[4096])
{
    char raw_text[2048];
    char frontier_text[1024];
    char lh_text[DIGEST_HEX_LEN + 1];
    char root_text[DIGEST_HEX_LEN + 1];
    struct store_head head = {0};
    struct store_leaf row = {0};
    struct audit_leaf leaf;
    struct audit_frontier frontier;
    struct bytes raw = {0};
    struct digest lh;
    struct digest root;
    uint8_t encoded[AUDIT_FRONTIER_BYTES_MAX];
    size_t encoded_len = 0;
    struct store *reader = books_store(&books, "strongroom_auditor", 1);
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, reader, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_assert_eq(store_head_get(&head, tx, NULL), STATUS_OK);
    cr_assert_eq(store_leaf_get(&row, tx, head.size - 1, NULL), STATUS_OK);
    store_rollback(tx);
    store_close(reader);
    cr_assert_eq(audit_leaf_parse(&leaf, row.raw.data, row.raw.len, NULL), STATUS_OK);
    leaf.index = head.size;
    leaf.previous = head.last_lh;
    cr_assert_eq(audit_leaf_build(&raw, &leaf, NULL), STATUS_OK);
    audit_leaf_hash(&lh, raw.data, raw.len);
    cr_assert_eq(audit_frontier_decode(&frontier, head.frontier.data, head.frontier.len, NULL), STATUS_OK);
    cr_assert_eq(audit_frontier_append(&frontier, &lh), STATUS_OK);
    audit_frontier_root(&root, &frontier);
    audit_frontier_encode(encoded, &encoded_len, &frontier);
    cr_assert_lt(raw.len, sizeof(raw_text) / 2);
    cr_assert_lt(encoded_len, sizeof(frontier_text) / 2);
    hex(raw_text, raw.data, raw.len);
    hex(frontier_text, encoded, encoded_len);
    digest_format(lh_text, &lh);
    digest_format(root_text, &root);
    (void)snprintf(sql, 4096,
                   AS_SUPERUSER
                   "INSERT INTO audit.leaf (seq, lh, raw, ts, actor, act, otype, oid, ord, outcome, corr)"
                   " SELECT seq + 1, '\\x%s', '\\x%s', ts, actor, act, otype, oid, ord, outcome, corr FROM audit.leaf"
                   " WHERE seq = (SELECT max(seq) FROM audit.leaf);"
                   "UPDATE audit.head SET size = size + 1, last_lh = '\\x%s', root = '\\x%s', frontier = '\\x%s'",
                   lh_text, raw_text, lh_text, root_text, frontier_text);
    bytes_free(&raw);
    bytes_free(&head.frontier);
    store_leaf_wipe(&row);
}

/* While nobody leads, whoever knows the format writes what agrees with all the rest, and would have it signed. */
Test(tamper, an_entry_was_added_with_all_that_belongs_to_it)
{
    char sql[4096];
    forge_next(sql);
    halts(sql, STATUS_CORRUPT, "entries 10 to 10 are under no checkpoint");
    cr_expect_eq(atomic_load(&keeper.signatures), signatures, "it is signed by nobody");
}

/* The same with a head row of before, whose code is good. */
Test(tamper, an_entry_was_added_under_the_code_of_others)
{
    char sql[4096];
    forge_next(sql);
    books_sql(&books, sql);
    halts("UPDATE audit.head SET mac = (SELECT mac FROM public.backup)", STATUS_CORRUPT, "under no checkpoint");
}

Test(tamper, the_head_was_edited)
{
    halts(AS_SUPERUSER "UPDATE audit.head SET root = sha256('x')", STATUS_CORRUPT, "contradict");
}

/* At a start trail_open already refuses; here it vanishes under a leader. */
/* What the next entry would link to. */
Test(tamper, the_last_hash_was_edited)
{
    halts(AS_SUPERUSER "UPDATE audit.head SET last_lh = sha256('x')", STATUS_CORRUPT, "last_lh is not the hash");
}

Test(tamper, the_head_row_is_gone)
{
    struct fault why = {0};
    stage_open(&stage, &books, &keeper);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
    books_sql(&books, AS_SUPERUSER "DELETE FROM audit.head");
    stage_event(&stage, "");
    stage_await(&stage, SEQUENCER_HALTED, &why);
    cr_expect_eq(why.status, STATUS_CORRUPT, "%s", why.detail);
    cr_expect(strstr(why.detail, "head row is missing") != NULL, "%s", why.detail);
}

Test(tamper, the_newest_checkpoint_was_edited)
{
    halts(AS_SUPERUSER "UPDATE audit.checkpoint SET note = overlay(note PLACING"
                       " CASE substr(note, 40, 1) WHEN 'A' THEN 'B'::bytea ELSE 'A' END FROM 40)"
                       " WHERE size = (SELECT max(size) FROM audit.checkpoint)",
          STATUS_CORRUPT, "not what the log key signed");
}

Test(tamper, the_signer_knows_another_history)
{
    struct digest root;
    digest_sha256(&root, "other", 5);
    keeper_write(&keeper, 7, &root);
    halts(NULL, STATUS_FORK, "the first 7 entries are not those that the signer has signed");
}

static enum status show(unsigned level, unsigned width)
{
    const struct audit_tile tile = {.level = level, .index = 0, .width = width};
    struct digest hashes[AUDIT_TILE_WIDTH];
    return trail_tile(hashes, stage.trail, &tile, NULL);
}

/* What is shown under the first sql: not the tile; and under the second again. */
static void hides(unsigned level, unsigned width, const char *edit, const char *mend)
{
    books_sql(&books, edit);
    cr_expect_eq(show(level, width), STATUS_CORRUPT, "tile/%u/000.p/%u after %s", level, width, edit);
    books_sql(&books, mend);
    cr_expect_eq(show(level, width), STATUS_OK, "tile/%u/000.p/%u after %s", level, width, mend);
}

#define FIRST_HASH AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256(lh) WHERE seq = 0"
#define FIRST_HASH_BACK AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 0"

/* A leader that keeps the hashes of its own entries goes on; whoever asks for tiles gets none that the root denies. */
Test(tamper, a_tile_that_was_edited_is_not_shown)
{
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    hides(0, 11, FIRST_HASH, FIRST_HASH_BACK);
    struct trail_ticket ticket = {0};
    for (int i = 11; i < 300; i++) {
        ticket = stage_event(&stage, "");
    }
    stage_covered(&stage, ticket);
    books_sql(&books, "CREATE TABLE public.tiles AS SELECT * FROM audit.tile");
    const char *mend = AS_SUPERUSER "UPDATE audit.tile SET hashes = t.hashes FROM public.tiles t";
    cr_expect_eq(show(0, 256), STATUS_OK);
    for (int at = 0; at < 256 * 32; at += 32 * 85 + 1) { /* the first hash, the last, and some between */
        char edit[160];
        (void)snprintf(edit, sizeof edit,
                       AS_SUPERUSER "UPDATE audit.tile SET hashes = set_byte(hashes, %d, get_byte(hashes, %d) # 1)", at,
                       at);
        stage_stop(&stage); /* what is remembered is right; a service that starts anew reads */
        trail_close(stage.trail);
        store_close(stage.reader);
        store_close(stage.app);
        stage_open(&stage, &books, &keeper);
        stage_covered(&stage, stage_event(&stage, ""));
        hides(0, 256, edit, mend);
        books_sql(&books, edit);
        cr_expect_eq(show(0, 3), STATUS_OK, "what was shown to be right is remembered");
        cr_expect_eq(show(1, 1), STATUS_CORRUPT, "the tile above is made from what is stored");
        books_sql(&books, mend);
        cr_expect_eq(show(1, 1), STATUS_OK);
    }
}

/* The rows of an extract are proven from what is shown: what is stored and false gives no proof, and spoils no receipt.
 */
Test(tamper, an_edited_hash_gives_an_extract_no_proof_and_receipts_go_on)
{
    struct trail_checkpoint newest = {0};
    struct audit_proof proof;
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, NULL), STATUS_OK);
    books_sql(&books, FIRST_HASH);
    trail_view_reset(trail_tree(stage.trail)); /* nothing is left in memory but what is read from now on */
    cr_expect_eq(trail_prove_inclusion(&proof, stage.trail, 3, &newest.checkpoint, NULL), STATUS_CORRUPT);
    books_sql(&books, FIRST_HASH_BACK);
    cr_expect_eq(trail_prove_inclusion(&proof, stage.trail, 3, &newest.checkpoint, NULL), STATUS_OK, "read again");
    stage_covered(&stage, stage_event(&stage, ""));
    bytes_free(&newest.note);
}

static struct audit_checkpoint newest_checkpoint(void)
{
    struct trail_checkpoint newest = {0};
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, NULL), STATUS_OK);
    bytes_free(&newest.note);
    return newest.checkpoint;
}

static void root_of_first(struct digest *out, uint64_t size)
{
    struct bytes run = {0};
    struct store_tx *tx = books_begin(stage.reader);
    cr_assert_eq(store_leaf_hashes(&run, tx, 0, size, NULL), STATUS_OK);
    store_rollback(tx);
    cr_assert_eq(run.len, size * sizeof(struct digest));
    audit_tree_root(out, (const struct digest *)run.data, size);
    bytes_free(&run);
}

/* Asks for what is proven with the first entries. */
static void proves(enum status expected, const char *when)
{
    struct bytes receipt = {0};
    struct audit_proof proof;
    struct digest roots[2];
    const struct audit_checkpoint newest = newest_checkpoint();
    cr_expect_eq(trail_prove(&receipt, stage.trail, 5, 0, NULL), expected, "a receipt, %s", when);
    bytes_free(&receipt);
    cr_expect_eq(trail_prove_consistency(&proof, stage.trail, 5, newest.size, NULL), expected, "to the end, %s", when);
    if (expected == STATUS_OK) {
        root_of_first(&roots[0], 5);
        cr_expect_eq(audit_consistency_verify(&proof, 5, &roots[0], newest.size, &newest.root, NULL), STATUS_OK);
    }
    cr_expect_eq(trail_prove_consistency(&proof, stage.trail, 5, 7, NULL), expected, "between, %s", when);
    if (expected == STATUS_OK) {
        root_of_first(&roots[1], 7);
        cr_expect_eq(audit_consistency_verify(&proof, 5, &roots[0], 7, &roots[1], NULL), STATUS_OK);
    }
}

/* Hashes that were read while they were edited are not kept: no false proof is given, and true ones are again. */
Test(tamper, an_edited_hash_spoils_no_proof_once_it_is_mended)
{
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    trail_view_reset(trail_tree(stage.trail));
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256(lh) WHERE seq = 4");
    proves(STATUS_CORRUPT, "edited");
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET lh = sha256('\\x00'::bytea || raw) WHERE seq = 4");
    proves(STATUS_OK, "mended");
    stage_covered(&stage, stage_event(&stage, ""));
    proves(STATUS_OK, "after another entry");
}

/* What is said against the row of an entry as it stands now. */
static void expect_doubt(uint64_t seq, const struct trail_extent *extent, const char *expected)
{
    const char *doubt = NULL;
    struct store_leaf row = {0};
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, stage.reader, STORE_SNAPSHOT, NULL), STATUS_OK);
    cr_assert_eq(store_leaf_get(&row, tx, seq, NULL), STATUS_OK);
    store_rollback(tx);
    cr_assert_eq(trail_doubt(&doubt, stage.trail, extent, &row, NULL), STATUS_OK);
    cr_expect_str_eq(doubt, expected, "entry %d", (int)seq);
    store_leaf_wipe(&row);
}

#define OTHER_BYTES "convert_to(replace(convert_from(raw, 'UTF8'), '\"ok\"', '\"no\"'), 'UTF8')"
#define FOURTH_HASH "lh = sha256('\\x00'::bytea || raw) WHERE seq = 4"

Test(tamper, an_answer_says_which_rows_are_not_what_was_signed)
{
    struct trail_checkpoint newest = {0};
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    stage_stop(&stage); /* which would see what is beyond its head */
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, NULL), STATUS_OK);
    const struct trail_extent none = {.head_size = 11};
    const struct trail_extent extent = {.signed_to = newest.checkpoint, .head_size = 11};
    books_sql(&books, "CREATE TABLE public.rows AS SELECT * FROM audit.leaf");
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET raw = " OTHER_BYTES " WHERE seq = 4;"
                                   "UPDATE audit.leaf SET " FOURTH_HASH);
    expect_doubt(4, &extent, "proof");
    expect_doubt(5, &extent, "proof"); /* of its neighbours nothing can be said either */
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf l SET (raw, lh) = (r.raw, r.lh) FROM public.rows r"
                                   " WHERE r.seq = l.seq");
    for (uint64_t seq = 0; seq < 11; seq++) {
        expect_doubt(seq, &extent, "");
    }
    expect_doubt(3, &none, "proof");
    books_sql(&books, AS_SUPERUSER "UPDATE audit.leaf SET raw = " OTHER_BYTES " WHERE seq = 4;"
                                   "UPDATE audit.leaf SET actor = 'approver-3' WHERE seq = 5;"
                                   "UPDATE audit.leaf SET outcome = 'deny' WHERE seq = 6;"
                                   "INSERT INTO audit.leaf SELECT (jsonb_populate_record(r, '{\"seq\": 11}')).*"
                                   " FROM public.rows p, audit.leaf r WHERE p.seq = 10 AND r.seq = 10");
    expect_doubt(4, &extent, "bytes");
    expect_doubt(5, &extent, "columns");
    expect_doubt(6, &extent, "columns");
    expect_doubt(11, &extent, "bytes"); /* beyond the head row it is nobody's */
    expect_doubt(10, &(struct trail_extent){extent.signed_to, 12}, "");
    bytes_free(&newest.note);
}

/* A line of a witness that does not verify would make every receipt worthless, though the log and the quorum signed. */
Test(tamper, a_line_that_was_added_to_the_newest_checkpoint_goes_no_further)
{
    static const uint8_t no_signature[SIGNATURE_LEN];
    struct trail_checkpoint newest = {0};
    struct audit_note note;
    struct audit_key witness;
    struct bytes line = {0};
    char sql[1024];
    char hex[512];
    size_t len = 0;
    const uint8_t *point = public_key_point(&keeper.log_key.public_key, &len);
    cr_assert_eq(audit_key_make(&witness, "witness.example/w1", AUDIT_KEY_COSIGNATURE, point, NULL), STATUS_OK);
    cr_assert_eq(audit_cosignature_line(&line, &witness, 1, no_signature, NULL), STATUS_OK);
    hex_encode(hex, line.data, line.len);
    (void)snprintf(sql, sizeof sql,
                   AS_SUPERUSER "UPDATE audit.checkpoint SET note = note || decode('%s', 'hex')"
                                " WHERE size = (SELECT max(size) FROM audit.checkpoint)",
                   hex);
    bytes_free(&line);
    books_sql(&books, sql);
    stage_open(&stage, &books, &keeper);
    stage_await(&stage, SEQUENCER_LEADING, NULL);
    cr_assert_eq(trail_checkpoint_newest(&newest, stage.trail, NULL), STATUS_OK);
    cr_expect_eq(newest.checkpoint.size, 10);
    cr_assert_eq(audit_note_parse(&note, newest.note.data, newest.note.len, NULL), STATUS_OK);
    cr_expect_eq(note.line_count, 1);
    cr_expect_eq(audit_note_verify(NULL, &note, &keeper.log_key, NULL), STATUS_OK);
    cr_expect_eq(audit_note_verify(NULL, &note, &witness, NULL), STATUS_UNKNOWN_KEY);
    bytes_free(&newest.note);
}

/* Hashes that were forgotten since are read again: a false proof would halt the signer for ever. */
Test(tamper, a_hash_that_was_edited_is_not_made_into_a_proof_for_the_signer)
{
    struct fault why = {0};
    stage_open(&stage, &books, &keeper);
    stage_covered(&stage, stage_event(&stage, ""));
    trail_view_reset(trail_tree(stage.trail));
    books_sql(&books, FIRST_HASH);
    stage_event(&stage, "");
    stage_await(&stage, SEQUENCER_HALTED, &why);
    cr_expect_eq(why.status, STATUS_CORRUPT, "the signer was shown it: %s: %s", why.where, why.detail);
}
