/*
 * Random transactions, most of them wrong in some way: value is never made or lost, and a ledger is a function of what
 * was ordered.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"
#include "random.h"

#define BLOCKS 12
#define ROWS 20
#define LANES 3

static struct world first;
static struct world second;

/* Two nodes of one ledger: the same keys, folders of their own. */
static void setup(void)
{
    random_open();
    world_begin(&first);
    world_begin(&second);
    world_close(&second);
    struct bytes own = second.genesis;
    second.genesis = (struct bytes){0};
    cr_assert_eq(bytes_copy(&second.genesis, first.genesis.data, first.genesis.len), STATUS_OK);
    bytes_free(&own);
    const char *const remove[] = {
        "find", second.folder.path, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-exec", "rm", "-r", "{}", "+",
        NULL};
    cr_assert_eq(test_run(remove), 0);
    second.chain = first.chain;
    struct test_key *validator = second.validator;
    second.validator = first.validator;
    test_key_free(validator);
    cr_assert_eq(world_open(&second, NULL), STATUS_OK);
}

static void teardown(void)
{
    second.validator = NULL;
    world_remove(&second);
    world_remove(&first);
}

TestSuite(ledger_property, .init = setup, .fini = teardown);

static struct amount random_amount(void)
{
    /* Raw: of every size up to 128 bits. */
    amount_raw raw = (amount_raw)random_u64() << 64 | random_u64();
    raw >>= random_below(128);
    return (struct amount){.raw = raw == 0 ? 1 : raw};
}

/* Well-formed; whether its rules hold is left to chance. */
static struct transaction random_transaction(enum world_person from)
{
    enum world_person to = (from + 1 + (enum world_person)random_below(WORLD_PEOPLE - 1)) % WORLD_PEOPLE;
    uint64_t next = 0;
    struct transaction transaction =
        random_below(3) == 0 ? world_issue(&first, to, "1", 0) : world_transfer(&first, from, to, "1", 0);
    transaction.from = first.accounts[from];
    transaction.legs[0].account = first.accounts[from];
    transaction.legs[1].account = first.accounts[to];
    transaction.lane = random_below(LANES);
    cr_assert_eq(ledger_node_lane_next(first.node, &next, &transaction.from, transaction.lane, NULL), STATUS_OK);
    transaction.seq = next + random_below(3);
    transaction.valid_from = 1 + random_below(4);
    transaction.valid_until = transaction.valid_from + random_below(2 * BLOCKS);
    transaction.legs[0].asset = random_below(4) == 0 ? first.second_asset : first.asset;
    transaction.legs[1].asset = transaction.legs[0].asset;
    transaction.legs[0].amount = random_amount();
    transaction.legs[1].amount = transaction.legs[0].amount;
    return transaction;
}

static void random_row(struct ledger_batch_row *out)
{
    enum world_person from = (enum world_person)random_below(WORLD_PEOPLE);
    enum world_person signer = random_below(10) == 0 ? (enum world_person)random_below(WORLD_PEOPLE) : from;
    struct transaction transaction = random_transaction(from);
    world_sign(&out->transaction, &first, &transaction, signer);
    out->key = *test_key_public(first.keys[signer]);
    if (random_below(10) == 0) {
        out->transaction.signatures[0].bytes64[random_below(SIGNATURE_LEN)] ^= (uint8_t)(1 + random_below(255));
    }
}

/* An issuance in a lane of its own that every rule allows, so that no run is empty. */
static void sure_row(struct ledger_batch_row *out)
{
    struct transaction transaction = world_issue(&first, BOB, "1", 0);
    transaction.lane = LANES;
    cr_assert_eq(ledger_node_lane_next(first.node, &transaction.seq, &transaction.from, LANES, NULL), STATUS_OK);
    world_sign(&out->transaction, &first, &transaction, ISSUER);
    out->key = *test_key_public(first.keys[ISSUER]);
}

/* Orders one random batch in both ledgers. */
static void order_random(void)
{
    struct ledger_batch_row rows[ROWS];
    struct ledger_batch batch = {.rows = rows, .count = 1 + random_below(ROWS)};
    sure_row(&rows[0]);
    for (size_t i = 1; i < batch.count; i++) {
        random_row(&rows[i]);
    }
    second.utc_us = first.utc_us;
    world_order(&first, &batch);
    world_order(&second, &batch);
    for (size_t i = 0; i < batch.count; i++) {
        signed_document_free(&rows[i].transaction);
    }
    cr_assert_eq(world_settle(&first), STATUS_OK);
    cr_assert_eq(world_settle(&second), STATUS_OK);
}

static void expect_conserved(const struct digest *asset, enum world_person issuer)
{
    struct amount supply = amount_from_u64(0);
    struct ledger_balance balance;
    for (int i = 0; i < WORLD_PEOPLE; i++) {
        cr_assert_eq(ledger_node_balance(first.node, &balance, &first.accounts[i], asset, NULL), STATUS_OK);
        cr_expect(!balance.negative || i == (int)issuer, "only the issuer is below zero");
        if (i != (int)issuer) {
            cr_expect_eq(amount_add(&supply, supply, balance.amount), STATUS_OK);
        }
    }
    cr_assert_eq(ledger_node_balance(first.node, &balance, &first.accounts[issuer], asset, NULL), STATUS_OK);
    cr_expect(balance.negative || amount_is_zero(balance.amount));
    cr_expect_eq(amount_compare(supply, balance.amount), 0);
}

Test(ledger_property, all_balances_of_an_asset_sum_to_zero)
{
    size_t executed = 0;
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        struct ledger_block block = {0};
        order_random();
        expect_conserved(&first.asset, ISSUER);
        expect_conserved(&first.second_asset, BOB);
        cr_assert_eq(ledger_node_block(first.node, &block, height, NULL), STATUS_OK);
        for (size_t i = 0; i < block.count; i++) {
            executed += strstr((const char *)block.receipts[i].data, "\"code\":\"ok\"") != NULL;
        }
        ledger_block_free(&block);
    }
    cr_expect_geq(executed, BLOCKS, "a valid issuance was not executed");
}

/* The certificates differ (ECDSA is randomised) and with them last_certificate and prev from height 2 on. */
static void expect_same_results(uint64_t height)
{
    struct ledger_block a = {0};
    struct ledger_block b = {0};
    struct ledger_header one;
    struct ledger_header two;
    cr_assert_eq(ledger_node_block(first.node, &a, height, NULL), STATUS_OK);
    cr_assert_eq(ledger_node_block(second.node, &b, height, NULL), STATUS_OK);
    cr_assert_eq(ledger_header_decode(&one, a.header.data, a.header.len, NULL), STATUS_OK);
    cr_assert_eq(ledger_header_decode(&two, b.header.data, b.header.len, NULL), STATUS_OK);
    cr_expect(digest_equal(&one.receipts_root, &two.receipts_root));
    cr_expect(digest_equal(&one.tx_root, &two.tx_root));
    cr_expect(digest_equal(&one.batch, &two.batch));
    cr_expect_eq(one.time_utc_us, two.time_utc_us);
    if (height == 1) {
        cr_expect_str_eq((const char *)a.header.data, (const char *)b.header.data);
    }
    ledger_block_free(&a);
    ledger_block_free(&b);
}

Test(ledger_property, the_same_batches_make_the_same_ledger)
{
    for (uint64_t height = 1; height <= BLOCKS; height++) {
        order_random();
        expect_same_results(height);
        if (height % 4 == 0) {
            world_close(&second);
            cr_assert_eq(world_open(&second, NULL), STATUS_OK, "a restart changes nothing");
        }
    }
}
