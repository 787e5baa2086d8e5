/*
 * Anchors as their readers meet them: a log's own signature counts and nobody else's, they only grow, each log for
 * itself, and a node that starts again knows them from its blocks.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"

#define ORIGIN "custody.example/audit/v1"

static struct world world;
static struct test_key *stranger;

static void setup(void)
{
    world_begin(&world);
    stranger = test_key_new(ALGORITHM_ED25519);
}

static void teardown(void)
{
    test_key_free(stranger);
    world_remove(&world);
}

TestSuite(ledger_anchor, .init = setup, .fini = teardown);

/* ALICE's key is ed25519: here it is a log's. Submits the checkpoint of a log, and lets the node work. */
static enum status anchor(const char *origin, const struct test_key *key, uint64_t size)
{
    struct ledger_transaction_status found = {.state = LEDGER_PENDING};
    struct audit_key log = world_log(origin, key);
    struct bytes note = world_note(origin, key, size, (uint8_t)size);
    enum status status = ledger_node_anchor(world.node, &found, &note, &log, NULL);
    bytes_free(&note);
    cr_assert_eq(world_settle(&world), STATUS_OK);
    return status;
}

/* The size that is anchored of a log, 0 for none; what is said about it is about that size. */
static uint64_t anchored(const char *origin, const struct test_key *key)
{
    struct ledger_anchored found;
    struct digest digest;
    struct audit_key log = world_log(origin, key);
    enum status status = ledger_node_anchored(world.node, &found, &log, NULL);
    if (status == STATUS_NOT_FOUND) {
        return 0;
    }
    cr_assert_eq(status, STATUS_OK);
    struct bytes note = world_note(origin, key, found.checkpoint.size, (uint8_t)found.checkpoint.size);
    digest_sha256(&digest, note.data, note.len);
    bytes_free(&note);
    cr_expect(digest_equal(&digest, &found.note));
    cr_expect_eq(found.checkpoint.root.bytes32[0], (uint8_t)found.checkpoint.size);
    cr_expect_eq(found.transaction.state, LEDGER_CONFIRMED);
    return found.checkpoint.size;
}

Test(ledger_anchor, grows_and_never_shrinks)
{
    const struct test_key *key = world.keys[ALICE];
    cr_expect_eq(anchored(ORIGIN, key), 0);
    cr_expect_eq(anchor(ORIGIN, key, 5), STATUS_OK);
    cr_expect_eq(anchored(ORIGIN, key), 5);
    cr_expect_eq(anchor(ORIGIN, key, 5), STATUS_OK, "the same bytes, as often as one likes");
    cr_expect_eq(anchor(ORIGIN, key, 4), STATUS_REPLAY);
    cr_expect_eq(anchored(ORIGIN, key), 5);
    cr_expect_eq(anchor(ORIGIN, key, 9), STATUS_OK);
    cr_expect_eq(anchored(ORIGIN, key), 9);
    cr_expect_eq(anchor(ORIGIN, key, 5), STATUS_OK, "it stands in its block for ever");
    cr_expect_eq(anchored(ORIGIN, key), 9);
}

Test(ledger_anchor, another_root_of_a_size_is_not_taken)
{
    struct ledger_transaction_status found;
    struct audit_key log = world_log(ORIGIN, world.keys[ALICE]);
    struct bytes other = world_note(ORIGIN, world.keys[ALICE], 5, 77);
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 5), STATUS_OK);
    cr_expect_eq(ledger_node_anchor(world.node, &found, &other, &log, NULL), STATUS_REPLAY);
    cr_expect_eq(anchored(ORIGIN, world.keys[ALICE]), 5);
    bytes_free(&other);
}

Test(ledger_anchor, each_log_for_itself)
{
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 5), STATUS_OK);
    cr_expect_eq(anchor(ORIGIN, stranger, 1000), STATUS_OK, "whoever has a key may keep a log of his own");
    cr_expect_eq(anchor("custody.example/audit/v1/e2", world.keys[ALICE], 2000), STATUS_OK);
    cr_expect_eq(anchored(ORIGIN, world.keys[ALICE]), 5);
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 6), STATUS_OK);
    cr_expect_eq(anchored(ORIGIN, world.keys[ALICE]), 6);
    cr_expect_eq(anchored(ORIGIN, stranger), 1000);
}

Test(ledger_anchor, is_known_after_a_start)
{
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 5), STATUS_OK);
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 9), STATUS_OK);
    world_close(&world);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_expect_eq(anchored(ORIGIN, world.keys[ALICE]), 9);
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 8), STATUS_REPLAY);
}

Test(ledger_anchor, moves_nothing)
{
    struct transaction transaction = world_issue(&world, BOB, "10", 0);
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 5), STATUS_OK);
    transaction = world_transfer(&world, BOB, ALICE, "4", 0);
    cr_expect_eq(world_run(&world, &transaction, BOB), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, BOB), "6");
    cr_expect_str_eq(world_balance(&world, ALICE), "4");
    uint64_t next = 0;
    cr_assert_eq(ledger_node_lane_next(world.node, &next, &world.accounts[ALICE], 0, NULL), STATUS_OK);
    cr_expect_eq(next, 0, "no sequence of the key's account was used");
}

/* Rows as a hostile orderer puts them, past the door. */

static struct ledger_batch_row row_of(const struct digest *chain, struct bytes *note, const struct test_key *key)
{
    struct ledger_batch_row row = {.key = *test_key_public(key)};
    cr_assert_eq(ledger_anchor_encode(&row.transaction.document, chain, note, NULL), STATUS_OK);
    bytes_free(note);
    return row;
}

static struct ledger_batch_row text_row(const char *document)
{
    struct ledger_batch_row row = {.key = *test_key_public(world.keys[ALICE])};
    cr_assert_eq(bytes_copy(&row.transaction.document, document, strlen(document)), STATUS_OK);
    return row;
}

Test(ledger_anchor, what_the_log_did_not_sign_stands_without_effect)
{
    static const enum status codes[] = {
        STATUS_UNKNOWN_KEY, STATUS_SIGNATURE_INVALID, STATUS_UNKNOWN_KEY, STATUS_MISMATCH, STATUS_UNKNOWN_KEY,
        STATUS_INVALID,     STATUS_INVALID,           STATUS_OK,          STATUS_REPLAY,   STATUS_REPLAY};
    struct ledger_batch_row rows[10];
    struct ledger_transaction_status found;
    struct ledger_block block = {0};
    const struct test_key *key = world.keys[ALICE];
    struct bytes note = world_note(ORIGIN, stranger, 50, 1); /* signed by another key */
    rows[0] = row_of(&world.chain, &note, key);
    note = world_note(ORIGIN, key, 50, 1); /* never signed: the size was edited */
    memcpy(strstr((char *)note.data, "\n50\n"), "\n51\n", 4);
    rows[1] = row_of(&world.chain, &note, key);
    note = world_note(ORIGIN, key, 50, 1);
    rows[2] = row_of(&world.chain, &note, world.keys[BOB]); /* handed in as somebody else's */
    note = world_note(ORIGIN, key, 50, 1);
    rows[3] = row_of(&world.asset, &note, key); /* on another ledger */
    note = world_note(ORIGIN, key, 50, 1);
    rows[4] = row_of(&world.chain, &note, key);
    test_key_sign_document(&rows[4].transaction, TRANSACTION_KIND, key);
    rows[5] = text_row("{\"note\":\"AAAA\",\"type\":\"anchor\"}");
    rows[6] =
        text_row("{\"chain\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"note\":\"AAAA\","
                 "\"type\":\"anchor\"}");
    note = world_note(ORIGIN, key, 7, 7);
    rows[7] = row_of(&world.chain, &note, key);
    note = world_note(ORIGIN, key, 7, 1);
    rows[8] = row_of(&world.chain, &note, key);
    note = world_note(ORIGIN, key, 6, 6);
    rows[9] = row_of(&world.chain, &note, key);
    for (size_t i = 0; i < 7; i++) { /* nor does the door take them */
        cr_expect_eq(ledger_node_submit(world.node, &found, &rows[i].transaction, &rows[i].key, NULL), codes[i],
                     "row %zu", i);
    }
    const struct ledger_batch batch = {.rows = rows, .count = 10};
    world_order(&world, &batch);
    cr_assert_eq(world_settle(&world), STATUS_OK);
    cr_assert_eq(ledger_node_block(world.node, &block, 1, NULL), STATUS_OK);
    cr_assert_eq(block.count, 10);
    for (size_t i = 0; i < 10; i++) {
        struct ledger_receipt receipt;
        cr_assert_eq(ledger_receipt_decode(&receipt, block.receipts[i].data, block.receipts[i].len, NULL), STATUS_OK);
        cr_expect_eq(receipt.code, codes[i], "row %zu: %s", i, status_info(receipt.code)->code);
        signed_document_free(&rows[i].transaction);
    }
    ledger_block_free(&block);
    cr_expect_eq(anchored(ORIGIN, key), 7);
    world_close(&world);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK, "executed again, it comes to the same");
    cr_expect_eq(anchored(ORIGIN, key), 7);
}

/* An outsider needs the block and nothing else: the note in it is a checkpoint as the log gave it. */
Test(ledger_anchor, has_evidence)
{
    struct ledger_anchored found;
    struct ledger_evidence evidence = {0};
    struct ledger_anchor shown = {.note = {0}};
    struct audit_checkpoint checkpoint;
    struct audit_key log = world_log(ORIGIN, world.keys[ALICE]);
    cr_expect_eq(anchor(ORIGIN, world.keys[ALICE], 5), STATUS_OK);
    cr_assert_eq(ledger_node_anchored(world.node, &found, &log, NULL), STATUS_OK);
    cr_assert_eq(ledger_node_evidence(world.node, &evidence, &found.transaction.id, NULL), STATUS_OK);
    const struct bytes *document = &evidence.transaction.document;
    cr_assert_eq(ledger_anchor_decode(&shown, document->data, document->len, NULL), STATUS_OK);
    cr_expect_eq(audit_checkpoint_open(&checkpoint, shown.note.data, shown.note.len, &log, NULL), STATUS_OK);
    cr_expect_eq(checkpoint.size, 5);
    ledger_anchor_wipe(&shown);
    ledger_evidence_free(&evidence);
}
