/*
 * The node as its host uses it: the door, blocks, proofs, and starting again.
 */
#include <criterion/criterion.h>

#include "audit/leaf.h"
#include "audit/proof.h"
#include "ledger_world.h"

static struct world world;

static void setup(void)
{
    world_begin(&world);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_node, .init = setup, .fini = teardown);

static enum status submit_with(struct signed_document *document, const struct public_key *key, struct fault *fault)
{
    struct ledger_transaction_status found;
    return ledger_node_submit(world.node, &found, document, key, fault);
}

Test(ledger_node, the_same_bytes_again_are_one_transaction)
{
    struct digest id;
    struct ledger_transaction_status found;
    struct ledger_node_status node;
    struct transaction transaction = world_issue(&world, ALICE, "5", 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
    }
    ledger_node_status(world.node, &node);
    cr_expect_eq(node.mempool, 1);
    cr_assert_eq(ledger_node_transaction(world.node, &found, &id, NULL), STATUS_OK);
    cr_expect_eq(found.state, LEDGER_PENDING);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
    ledger_node_status(world.node, &node);
    cr_expect_eq(node.mempool, 0);
    cr_assert_eq(ledger_node_transaction(world.node, &found, &id, NULL), STATUS_OK);
    cr_expect_eq(found.state, LEDGER_CONFIRMED);
    cr_expect_eq(found.height, 1);
    cr_expect_str_eq(world_balance(&world, ALICE), "5");
}

Test(ledger_node, a_sequence_is_for_one_transaction)
{
    struct digest id;
    struct transaction first = world_issue(&world, ALICE, "5", 0);
    struct transaction other = world_issue(&world, BOB, "5", 0);
    struct transaction gap = world_issue(&world, BOB, "5", 2);
    cr_expect_eq(world_submit(&id, &world, &first, ISSUER), STATUS_OK);
    cr_expect_eq(world_submit(&id, &world, &other, ISSUER), STATUS_REPLAY, "while the first waits");
    cr_expect_eq(world_submit(&id, &world, &gap, ISSUER), STATUS_NOT_READY);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_eq(world_submit(&id, &world, &other, ISSUER), STATUS_REPLAY, "and when it is in a block");
    cr_expect_str_eq(world_balance(&world, BOB), "0");
}

Test(ledger_node, out_of_order_within_a_lane_succeeds_when_its_turn_has_come)
{
    struct digest id;
    struct transaction second = world_issue(&world, ALICE, "2", 1);
    struct transaction first = world_issue(&world, ALICE, "1", 0);
    cr_expect_eq(world_submit(&id, &world, &second, ISSUER), STATUS_NOT_READY);
    cr_expect_eq(world_submit(&id, &world, &first, ISSUER), STATUS_OK);
    cr_expect_eq(world_submit(&id, &world, &second, ISSUER), STATUS_OK);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ALICE), "3");
}

Test(ledger_node, the_door_refuses_what_is_not_the_senders)
{
    struct fault fault = {0};
    struct signed_document document;
    struct transaction transaction = world_issue(&world, ALICE, "5", 0);
    const struct public_key *key = test_key_public(world.keys[ISSUER]);
    world_sign(&document, &world, &transaction, ISSUER);
    cr_expect_eq(submit_with(&document, test_key_public(world.keys[BOB]), NULL), STATUS_UNKNOWN_KEY);
    document.signatures[0].bytes64[0] ^= 1;
    cr_expect_eq(submit_with(&document, key, NULL), STATUS_SIGNATURE_INVALID);
    document.signature_count = 0;
    cr_expect_eq(submit_with(&document, key, NULL), STATUS_UNKNOWN_KEY);
    signed_document_free(&document);
    transaction.chain = world.asset;
    world_sign(&document, &world, &transaction, ISSUER);
    cr_expect_eq(submit_with(&document, key, &fault), STATUS_MISMATCH);
    cr_expect_str_eq(fault.where, "chain");
    document.document.len--;
    cr_expect_eq(submit_with(&document, key, NULL), STATUS_INVALID);
    signed_document_free(&document);
    transaction = world_issue(&world, ALICE, "5", 0);
    transaction.valid_from = 2;
    struct digest id;
    cr_expect_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_NOT_READY);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, ALICE), "0");
}

static void fill(uint64_t count)
{
    for (uint64_t seq = 0; seq < count; seq++) {
        struct digest id;
        struct transaction transaction = world_issue(&world, ALICE, "1", seq);
        cr_assert_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
    }
}

Test(ledger_node, batches_are_cut_at_64_kilobytes)
{
    struct ledger_node_status node;
    fill(120);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    ledger_node_status(world.node, &node);
    cr_expect_gt(node.confirmed_height, 1);
    for (uint64_t height = 1; height <= node.confirmed_height; height++) {
        struct ledger_block block = {0};
        cr_assert_eq(ledger_node_block(world.node, &block, height, NULL), STATUS_OK);
        cr_expect_lt(block.batch.len, 80 * 1024);
        ledger_block_free(&block);
    }
    cr_expect_str_eq(world_balance(&world, ALICE), "120");
}

/* What an outsider knows after the blocks so far. */
struct outsider {
    struct audit_frontier history;
    struct digest prev;
    struct digest certificate;
    int64_t time_utc_us;
};

static void expect_follows(struct outsider *outsider, const struct ledger_block *block)
{
    struct ledger_header header;
    struct digest expected;
    struct digest leaf;
    cr_assert_eq(ledger_header_decode(&header, block->header.data, block->header.len, NULL), STATUS_OK);
    cr_expect(digest_equal(&header.chain, &world.chain));
    cr_expect(digest_equal(&header.prev, &outsider->prev));
    cr_expect(digest_equal(&header.last_certificate, &outsider->certificate));
    audit_frontier_root(&expected, &outsider->history);
    cr_expect(digest_equal(&header.history_root, &expected));
    digest_sha256(&expected, block->batch.data, block->batch.len);
    cr_expect(digest_equal(&header.batch, &expected));
    cr_assert_eq(ledger_validators_digest(&expected, &ledger_node_genesis(world.node)->validators, NULL), STATUS_OK);
    cr_expect(digest_equal(&header.validators, &expected));
    cr_expect(digest_equal(&header.audit, &world.audit_head));
    cr_expect(block->height == 1 || header.time_utc_us == outsider->time_utc_us + 1000, "a clock set back gives 1 ms");
    outsider->time_utc_us = header.time_utc_us;
    digest_sha256(&outsider->certificate, block->certificate.data, block->certificate.len);
    ledger_header_digest(&outsider->prev, block->header.data, block->header.len);
    audit_leaf_hash(&leaf, outsider->prev.bytes32, 32);
    cr_assert_eq(audit_frontier_append(&outsider->history, &leaf), STATUS_OK);
}

Test(ledger_node, headers_follow_from_one_another_and_time_only_grows)
{
    struct outsider outsider = {.prev = world.chain};
    for (uint64_t height = 1; height <= 5; height++) {
        struct ledger_block block = {0};
        struct transaction transaction = world_issue(&world, ALICE, "1", height - 1);
        memset(world.audit_head.bytes32, (int)height, 32);
        cr_assert_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
        cr_assert_eq(ledger_node_block(world.node, &block, height, NULL), STATUS_OK);
        expect_follows(&outsider, &block);
        ledger_block_free(&block);
        world.utc_us = WORLD_START_UTC_US - 3600000000;
    }
}

static void verify_evidence(const struct ledger_evidence *evidence, const struct digest *id)
{
    struct ledger_header header;
    struct ledger_receipt receipt;
    struct digest digest;
    struct digest leaf;
    uint64_t index = (uint64_t)evidence->index;
    cr_assert_eq(ledger_header_decode(&header, evidence->header.data, evidence->header.len, NULL), STATUS_OK);
    cr_expect_eq(header.count, evidence->count);
    cr_expect_eq(ledger_certificate_verify(&evidence->certificate, &ledger_node_genesis(world.node)->validators,
                                           evidence->header.data, evidence->header.len, NULL),
                 STATUS_OK);
    audit_leaf_hash(&leaf, id->bytes32, 32);
    cr_expect_eq(
        audit_inclusion_verify(&evidence->tx_proof, index, (uint64_t)evidence->count, &leaf, &header.tx_root, NULL),
        STATUS_OK);
    ledger_receipt_digest(&digest, evidence->receipt.data, evidence->receipt.len);
    audit_leaf_hash(&leaf, digest.bytes32, 32);
    cr_expect_eq(audit_inclusion_verify(&evidence->receipt_proof, index, (uint64_t)evidence->count, &leaf,
                                        &header.receipts_root, NULL),
                 STATUS_OK);
    cr_assert_eq(ledger_receipt_decode(&receipt, evidence->receipt.data, evidence->receipt.len, NULL), STATUS_OK);
    cr_expect(digest_equal(&receipt.transaction, id));
    transaction_id(&digest, evidence->transaction.document.data, evidence->transaction.document.len);
    cr_expect(digest_equal(&digest, id));
}

Test(ledger_node, evidence_of_every_place_in_a_block)
{
    struct digest ids[7];
    for (uint64_t seq = 0; seq < 7; seq++) {
        struct transaction transaction = world_issue(&world, ALICE, "1", seq);
        cr_assert_eq(world_submit(&ids[seq], &world, &transaction, ISSUER), STATUS_OK);
    }
    struct ledger_evidence evidence = {0};
    cr_expect_eq(ledger_node_evidence(world.node, &evidence, &ids[0], NULL), STATUS_NOT_READY);
    cr_expect_eq(world_settle(&world), STATUS_OK);
    for (size_t i = 0; i < 7; i++) {
        cr_assert_eq(ledger_node_evidence(world.node, &evidence, &ids[i], NULL), STATUS_OK);
        cr_expect_eq(evidence.index, (int64_t)i);
        verify_evidence(&evidence, &ids[i]);
        ledger_evidence_free(&evidence);
    }
    cr_expect_eq(ledger_node_evidence(world.node, &evidence, &world.chain, NULL), STATUS_NOT_FOUND);
}

Test(ledger_node, restart_replays_to_the_same_header_and_goes_on)
{
    struct ledger_block before = {0};
    struct ledger_block after = {0};
    struct transaction transaction = world_issue(&world, ALICE, "10", 0);
    cr_assert_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
    transaction = world_transfer(&world, ALICE, BOB, "11", 0);
    cr_assert_eq(world_run(&world, &transaction, ALICE), STATUS_INSUFFICIENT_FUNDS);
    cr_assert_eq(ledger_node_block(world.node, &before, 2, NULL), STATUS_OK);
    world_close(&world);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_assert_eq(ledger_node_block(world.node, &after, 2, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)after.header.data, (const char *)before.header.data);
    cr_expect_str_eq(world_balance(&world, ALICE), "10");
    transaction = world_transfer(&world, ALICE, BOB, "4", 1);
    cr_expect_eq(world_run(&world, &transaction, ALICE), STATUS_OK);
    cr_expect_str_eq(world_balance(&world, BOB), "4");
    ledger_block_free(&before);
    ledger_block_free(&after);
}

Test(ledger_node, what_waited_is_submitted_again_after_a_restart)
{
    struct digest id;
    struct ledger_transaction_status found;
    struct transaction transaction = world_issue(&world, ALICE, "5", 0);
    cr_assert_eq(world_submit(&id, &world, &transaction, ISSUER), STATUS_OK);
    world_close(&world);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_expect_eq(ledger_node_transaction(world.node, &found, &id, NULL), STATUS_NOT_FOUND);
    cr_expect_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
}

Test(ledger_node, the_folder_belongs_to_one_ledger_and_one_process)
{
    struct fault fault = {0};
    struct ledger_node *second = NULL;
    char path[WORLD_PATH_SIZE];
    world_path(path, &world, "node");
    cr_expect_eq(ledger_node_open(&second, path, &world.genesis, &world.ordering, &world.host, &fault), STATUS_BUSY);
    world_close(&world);
    struct bytes own = world.genesis;
    struct world other;
    world_make(&other);
    world.genesis = other.genesis;
    fault_clear(&fault);
    cr_expect_eq(world_open(&world, &fault), STATUS_MISMATCH);
    world.genesis = own;
    world_remove(&other);
}

Test(ledger_node, several_validators_are_refused_openly)
{
    struct fault fault = {0};
    struct bytes own = world.genesis;
    struct ledger_genesis genesis = *ledger_node_genesis(world.node);
    genesis.validators.count = 2;
    genesis.validators.quorum = 2;
    genesis.validators.keys[1] = *test_key_public(world.keys[ALICE]);
    world_close(&world);
    cr_assert_eq(ledger_genesis_encode(&world.genesis, &genesis, NULL), STATUS_OK);
    cr_expect_eq(world_open(&world, &fault), STATUS_VERSION);
    cr_expect_str_eq(fault.where, "validators");
    bytes_free(&world.genesis);
    world.genesis = own;
}
