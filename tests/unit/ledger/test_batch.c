/*
 * Batches: what is ordered comes back as it was.
 */
#include <criterion/criterion.h>

#include "ledger_world.h"

static struct world world;

static void setup(void)
{
    world_make(&world);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_batch, .init = setup, .fini = teardown);

Test(ledger_batch, round_trips)
{
    struct ledger_batch_row rows[WORLD_PEOPLE];
    struct ledger_batch batch = {.rows = rows, .count = WORLD_PEOPLE};
    struct ledger_batch back = {0};
    struct bytes bytes = {0};
    struct bytes again = {0};
    for (int i = 0; i < WORLD_PEOPLE; i++) {
        struct transaction transaction = world_transfer(&world, i, (i + 1) % WORLD_PEOPLE, "1", 0);
        world_sign(&rows[i].transaction, &world, &transaction, i);
        rows[i].key = *test_key_public(world.keys[i]);
    }
    cr_assert_eq(ledger_batch_encode(&bytes, &batch, NULL), STATUS_OK);
    cr_assert_eq(ledger_batch_decode(&back, bytes.data, bytes.len, NULL), STATUS_OK);
    cr_assert_eq(back.count, WORLD_PEOPLE);
    cr_expect(public_key_equal(&back.rows[2].key, &rows[2].key));
    cr_expect_str_eq((const char *)back.rows[1].transaction.document.data,
                     (const char *)rows[1].transaction.document.data);
    cr_assert_eq(ledger_batch_encode(&again, &back, NULL), STATUS_OK);
    cr_expect_str_eq((const char *)again.data, (const char *)bytes.data);
    for (int i = 0; i < WORLD_PEOPLE; i++) {
        signed_document_free(&rows[i].transaction);
    }
    ledger_batch_free(&back);
    bytes_free(&again);
    bytes_free(&bytes);
}

Test(ledger_batch, other_forms_are_refused)
{
    static const char *const texts[] = {"",
                                        "{}",
                                        "{\"transactions\":[]}",
                                        "{\"transactions\":[{}]}",
                                        "{\"transactions\":[1]}",
                                        "{\"transactions\":{}}",
                                        "{\"transactions\":[{\"account\":{},\"transaction\":{}}]}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct ledger_batch batch;
        cr_expect_neq(ledger_batch_decode(&batch, texts[i], strlen(texts[i]), NULL), STATUS_OK, "%s", texts[i]);
    }
}

Test(ledger_batch, more_than_a_mebibyte_is_refused)
{
    struct ledger_batch batch;
    char *text = malloc(LEDGER_BATCH_MAX + 1);
    memset(text, ' ', LEDGER_BATCH_MAX + 1);
    cr_expect_eq(ledger_batch_decode(&batch, text, LEDGER_BATCH_MAX + 1, NULL), STATUS_TOO_LARGE);
    free(text);
}
