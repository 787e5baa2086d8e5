/*
 * The genesis document: what a ledger may be born with.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"

static struct world world;
static struct ledger_genesis genesis;

static void setup(void)
{
    world_make(&world);
    cr_assert_eq(ledger_genesis_decode(&genesis, world.genesis.data, world.genesis.len, NULL), STATUS_OK);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_genesis, .init = setup, .fini = teardown);

/* The document with one piece of text exchanged. */
static enum status decode_with(const char *find, const char *replace, struct fault *fault)
{
    struct ledger_genesis out;
    const char *text = (const char *)world.genesis.data;
    const char *at = strstr(text, find);
    struct buffer buffer;
    struct bytes bytes = {0};
    cr_assert_not_null(at, "%s", find);
    buffer_init(&buffer);
    buffer_append(&buffer, text, (size_t)(at - text));
    buffer_append_text(&buffer, replace);
    buffer_append_text(&buffer, at + strlen(find));
    cr_assert_eq(buffer_finish(&bytes, &buffer), STATUS_OK);
    enum status status = ledger_genesis_decode(&out, bytes.data, bytes.len, fault);
    bytes_free(&bytes);
    return status;
}

Test(ledger_genesis, round_trips)
{
    struct bytes again = {0};
    cr_assert_eq(ledger_genesis_encode(&again, &genesis, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)again.data, (const char *)world.genesis.data);
    cr_expect_eq(genesis.asset_count, 2);
    cr_expect_not_null(ledger_genesis_asset(&genesis, &world.asset));
    cr_expect_null(ledger_genesis_asset(&genesis, &world.chain));
    bytes_free(&again);
}

Test(ledger_genesis, other_forms_are_refused)
{
    static const struct {
        const char *find;
        const char *replace;
        enum status status;
        const char *where;
    } rows[] = {
        {"\"rules\":1", "\"rules\":2", STATUS_VERSION, "rules"},
        {"\"quorum\":1", "\"quorum\":2", STATUS_INVALID, "quorum"},
        {"\"quorum\":1", "\"quorum\":0", STATUS_INVALID, "quorum"},
        {"\"environment\":\"test\"", "\"environment\":\"Test\"", STATUS_INVALID, "environment"},
        {"\"environment\":\"test\",", "", STATUS_MISSING_FIELD, "environment"},
        {"\"rules\":1", "\"rules\":1,\"rulez\":1", STATUS_UNKNOWN_FIELD, "rulez"},
        {"\"code\":\"EUR\"", "\"code\":\"eur\"", STATUS_INVALID, "assets[0].code"},
        {"\"decimals\":2", "\"decimals\":39", STATUS_INVALID, "assets[0].decimals"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault fault = {0};
        cr_expect_eq(decode_with(rows[i].find, rows[i].replace, &fault), rows[i].status, "row %zu", i);
        cr_expect_str_eq(fault.where, rows[i].where, "row %zu: %s", i, fault.detail);
    }
}

Test(ledger_genesis, an_asset_twice_is_refused)
{
    struct bytes bytes = {0};
    genesis.assets[1] = genesis.assets[0];
    cr_expect_eq(ledger_genesis_encode(&bytes, &genesis, NULL), STATUS_INVALID);
    genesis.assets[1].decimals = 3; /* the same code with other decimals is another asset */
    cr_expect_eq(ledger_genesis_encode(&bytes, &genesis, NULL), STATUS_OK);
    bytes_free(&bytes);
}
