/*
 * The rules of the ledger as its users meet them: what moves, what does not, and what is said about it.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"

#define MOST "340282366920938463463374607431768211455"

static struct world world;

static void setup(void)
{
    world_begin(&world);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_execute, .init = setup, .fini = teardown);

static enum status issue(enum world_person to, const char *amount, uint64_t seq)
{
    struct transaction transaction = world_issue(&world, to, amount, seq);
    return world_run(&world, &transaction, ISSUER);
}

static enum status transfer(enum world_person from, enum world_person to, const char *amount, uint64_t seq)
{
    struct transaction transaction = world_transfer(&world, from, to, amount, seq);
    return world_run(&world, &transaction, from);
}

static uint64_t lane_next(enum world_person person, uint64_t lane)
{
    uint64_t next = 0;
    cr_assert_eq(ledger_node_lane_next(world.node, &next, &world.accounts[person], lane, NULL), STATUS_OK);
    return next;
}

Test(ledger_execute, issue_and_transfer)
{
    cr_expect_eq(issue(ALICE, "1000", 0), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ISSUER), "-1000");
    cr_expect_str_eq(world_balance(&world, ALICE), "1000");
    cr_expect_eq(transfer(ALICE, BOB, "400", 0), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ALICE), "600");
    cr_expect_str_eq(world_balance(&world, BOB), "400");
    cr_expect_eq(transfer(BOB, ISSUER, "400", 0), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ISSUER), "-600");
    cr_expect_str_eq(world_balance(&world, BOB), "0");
}

Test(ledger_execute, insufficient_funds_leave_a_receipt_and_no_effect)
{
    cr_expect_eq(issue(ALICE, "10", 0), STATUS_OK);
    cr_expect_eq(transfer(ALICE, BOB, "11", 0), STATUS_INSUFFICIENT_FUNDS);
    cr_expect_str_eq(world_balance(&world, ALICE), "10");
    cr_expect_str_eq(world_balance(&world, BOB), "0");
    cr_expect_eq(lane_next(ALICE, 0), 1, "the sequence is used up: the lane does not stall");
    cr_expect_eq(transfer(ALICE, BOB, "10", 1), STATUS_OK);
}

Test(ledger_execute, a_rejected_transaction_stays_rejected_when_money_comes)
{
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction poor = world_transfer(&world, ALICE, BOB, "5", 0);
    cr_expect_eq(world_run(&world, &poor, ALICE), STATUS_INSUFFICIENT_FUNDS);
    cr_expect_eq(issue(ALICE, "10", 0), STATUS_OK);
    cr_expect_eq(world_submit(&id, &world, &poor, ALICE), STATUS_OK);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_assert_eq(ledger_node_transaction(world.node, &found, &id, NULL), STATUS_OK);
    cr_expect_eq(found.state, LEDGER_REJECTED);
    cr_expect_str_eq(world_balance(&world, BOB), "0");
}

Test(ledger_execute, only_issue_by_the_issuer_makes_money)
{
    struct transaction transaction = world_transfer(&world, ISSUER, ALICE, "1", 0);
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_INSUFFICIENT_FUNDS);
    transaction = world_transfer(&world, ALICE, BOB, "1", 0);
    transaction.type = TRANSACTION_ISSUE;
    cr_expect_eq(world_run(&world, &transaction, ALICE), STATUS_DENIED);
    transaction = world_issue(&world, ALICE, "1", 1);
    transaction.legs[0].asset = world.second_asset; /* of another issuer */
    transaction.legs[1].asset = world.second_asset;
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_DENIED);
    cr_expect_str_eq(world_balance(&world, ALICE), "0");
}

Test(ledger_execute, an_unknown_asset)
{
    struct transaction transaction = world_issue(&world, ALICE, "1", 0);
    transaction.legs[0].asset = world.chain;
    transaction.legs[1].asset = world.chain;
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_NOT_FOUND);
}

Test(ledger_execute, supply_ends_below_2_to_128)
{
    cr_expect_eq(issue(ALICE, MOST, 0), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ISSUER), "-" MOST);
    cr_expect_eq(issue(BOB, "1", 1), STATUS_OVERFLOW);
    cr_expect_str_eq(world_balance(&world, BOB), "0");
    cr_expect_eq(transfer(ALICE, BOB, MOST, 0), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, BOB), MOST);
    cr_expect_eq(transfer(BOB, ISSUER, "1", 0), STATUS_OK);
    cr_expect_eq(issue(ALICE, "1", 2), STATUS_OK);
}

Test(ledger_execute, a_window_that_has_passed)
{
    struct transaction transaction = world_issue(&world, ALICE, "1", 1);
    transaction.valid_until = 1;
    cr_expect_eq(issue(ALICE, "1", 0), STATUS_OK);
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_EXPIRED);
    cr_expect_str_eq(world_balance(&world, ALICE), "1");
    transaction = world_issue(&world, ALICE, "1", 2);
    transaction.valid_from = 3;
    transaction.valid_until = 3;
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_OK, "both ends are inclusive");
}

Test(ledger_execute, lanes_do_not_wait_for_each_other)
{
    struct transaction transaction = world_issue(&world, ALICE, "1", 0);
    transaction.lane = 7;
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
    cr_expect_eq(lane_next(ISSUER, 7), 1);
    cr_expect_eq(lane_next(ISSUER, 0), 0);
    cr_expect_eq(issue(ALICE, "1", 0), STATUS_OK);
    cr_expect_eq(lane_next(ISSUER, 0), 1);
    cr_expect_eq(lane_next(ALICE, 7), 0);
}

/* What a hostile orderer can put into a batch. */
struct forged {
    struct ledger_batch_row rows[8];
    size_t count;
};

static struct ledger_batch_row *forge(struct forged *forged, const struct transaction *transaction,
                                      enum world_person signer)
{
    struct ledger_batch_row *row = &forged->rows[forged->count++];
    world_sign(&row->transaction, &world, transaction, signer);
    row->key = *test_key_public(world.keys[signer]);
    return row;
}

static void order(struct forged *forged)
{
    const struct ledger_batch batch = {.rows = forged->rows, .count = forged->count};
    world_order(&world, &batch);
    cr_assert_eq(world_settle(&world), STATUS_OK);
    for (size_t i = 0; i < forged->count; i++) {
        signed_document_free(&forged->rows[i].transaction);
    }
    forged->count = 0;
}

static void expect_codes(uint64_t height, const enum status *codes, size_t count)
{
    struct ledger_block block = {0};
    cr_assert_eq(ledger_node_block(world.node, &block, height, NULL), STATUS_OK);
    cr_assert_eq(block.count, count);
    for (size_t i = 0; i < count; i++) {
        struct ledger_receipt receipt;
        cr_assert_eq(ledger_receipt_decode(&receipt, block.receipts[i].data, block.receipts[i].len, NULL), STATUS_OK);
        cr_expect_eq(receipt.code, codes[i], "row %zu: %s", i, status_info(receipt.code)->code);
        cr_expect_eq(receipt.height, height);
        cr_expect_eq(receipt.index, (int64_t)i);
    }
    ledger_block_free(&block);
}

Test(ledger_execute, a_hostile_orderer_moves_nothing)
{
    static const enum status codes[] = {STATUS_SIGNATURE_INVALID, STATUS_UNKNOWN_KEY,      STATUS_UNKNOWN_KEY,
                                        STATUS_MISMATCH,          STATUS_INVALID,          STATUS_NOT_READY,
                                        STATUS_NOT_READY,         STATUS_SIGNATURE_INVALID};
    struct forged forged = {0};
    struct transaction transaction = world_issue(&world, ALICE, "1", 0);
    forge(&forged, &transaction, ISSUER)->transaction.signatures[0].bytes64[5] ^= 1;
    (void)forge(&forged, &transaction, ALICE); /* not the sender's key */
    test_key_sign_document(&forge(&forged, &transaction, ISSUER)->transaction, TRANSACTION_KIND, world.keys[ALICE]);
    transaction.chain = world.asset;
    (void)forge(&forged, &transaction, ISSUER);
    struct ledger_batch_row *row = forge(&forged, &transaction, ISSUER);
    bytes_free(&row->transaction.document);
    cr_assert_eq(bytes_copy(&row->transaction.document, "{\"pay\":\"me\"}", 12), STATUS_OK);
    transaction = world_issue(&world, ALICE, "1", 1);
    (void)forge(&forged, &transaction, ISSUER); /* sequence 0 has not been */
    transaction = world_issue(&world, ALICE, "1", 0);
    transaction.valid_from = 2;
    (void)forge(&forged, &transaction, ISSUER);
    transaction = world_issue(&world, ALICE, "1", 0);
    row = forge(&forged, &transaction, ISSUER);
    test_key_make_high_s(row->transaction.signatures[0].bytes64, ALGORITHM_P256);
    order(&forged);
    expect_codes(1, codes, sizeof(codes) / sizeof(codes[0]));
    cr_expect_str_eq(world_balance(&world, ALICE), "0");
    cr_expect_eq(lane_next(ISSUER, 0), 0);
}

/* None of these used up the sequence, so the honest bytes are not poisoned by what came before in their name. */
Test(ledger_execute, a_transaction_ordered_too_early_or_with_a_broken_signature_is_executed_later)
{
    struct forged forged = {0};
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction transaction = world_issue(&world, ALICE, "5", 0);
    forge(&forged, &transaction, ISSUER)->transaction.signatures[0].bytes64[5] ^= 1;
    transaction_id(&id, forged.rows[0].transaction.document.data, forged.rows[0].transaction.document.len);
    order(&forged);
    cr_expect_eq(ledger_node_transaction(world.node, &found, &id, NULL), STATUS_NOT_FOUND);
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ALICE), "5");
}

Test(ledger_execute, the_same_bytes_ordered_twice_move_once)
{
    static const enum status codes[] = {STATUS_OK, STATUS_REPLAY};
    struct forged forged = {0};
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction transaction = world_issue(&world, ALICE, "5", 0);
    (void)forge(&forged, &transaction, ISSUER);
    (void)forge(&forged, &transaction, ISSUER);
    transaction_id(&id, forged.rows[0].transaction.document.data, forged.rows[0].transaction.document.len);
    order(&forged);
    expect_codes(1, codes, 2);
    (void)forge(&forged, &transaction, ISSUER);
    order(&forged);
    expect_codes(2, &codes[1], 1);
    cr_expect_str_eq(world_balance(&world, ALICE), "5");
    cr_assert_eq(ledger_node_transaction(world.node, &found, &id, NULL), STATUS_OK);
    cr_expect_eq(found.state, LEDGER_CONFIRMED);
    cr_expect_eq(found.height, 1, "the first is the one that counts");
    cr_expect_eq(found.index, 0);
}

Test(ledger_execute, what_is_no_batch_is_an_empty_block)
{
    struct ledger_node_status node;
    struct ledger_proposal proposal = {.time_utc_us = world.utc_us};
    cr_assert_eq(bytes_copy(&proposal.batch, "rubbish", 7), STATUS_OK);
    cr_assert_eq(world.ordering.calls->submit(world.ordering.self, 1, &proposal, NULL), STATUS_OK);
    ledger_proposal_free(&proposal);
    cr_expect_eq(issue(ALICE, "5", 0), STATUS_OK);
    ledger_node_status(world.node, &node);
    cr_expect_eq(node.confirmed_height, 2);
    world_close(&world);
    cr_expect_eq(world_open(&world, NULL), STATUS_OK);
    expect_codes(1, NULL, 0);
}

/* Another account that has its ends. */
static struct account_id alike(const struct account_id *account)
{
    struct account_id other = {.digest = {{account->digest.bytes32[0], account->digest.bytes32[1]}}};
    for (uint32_t number = 0; !account_id_alike(&other, account); number++) {
        memcpy(other.digest.bytes32 + 4, &number, sizeof(number));
    }
    return other;
}

Test(ledger_execute, who_has_sent_is_found_by_who_looks_alike)
{
    struct account_id found;
    struct account_id like_alice = alike(&world.accounts[ALICE]);
    cr_expect_eq(issue(ALICE, "10", 0), STATUS_OK);
    cr_expect_eq(ledger_node_sender_alike(world.node, &found, &like_alice, NULL), STATUS_NOT_FOUND, "only received");
    cr_expect_eq(transfer(ALICE, BOB, "1", 0), STATUS_OK);
    cr_expect_eq(ledger_node_sender_alike(world.node, &found, &like_alice, NULL), STATUS_OK);
    cr_expect(account_id_equal(&found, &world.accounts[ALICE]));
    cr_expect_eq(ledger_node_sender_alike(world.node, &found, &world.accounts[ALICE], NULL), STATUS_NOT_FOUND);
    like_alice.digest.bytes32[1] ^= 1;
    cr_expect_eq(ledger_node_sender_alike(world.node, &found, &like_alice, NULL), STATUS_NOT_FOUND);
}
