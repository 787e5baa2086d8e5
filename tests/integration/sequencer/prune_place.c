/*
 * The place of the tests about entries that leave.
 */
#include "prune_place.h"

#include <criterion/criterion.h>

#include "sequencer_rebuild.h"

#define EVENTS 820 /* 512 leave, and 256 stay */

/* Partitions as small as bundles, before the first start. */
static void narrow_partitions(const struct books *books)
{
    books_sql(books, "SET ROLE strongroom_owner;"
                     "ALTER TABLE audit.leaf DETACH PARTITION audit.leaf_00000000;"
                     "CREATE TABLE audit.leaf_a (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                     "CREATE TABLE audit.leaf_b (LIKE audit.leaf INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                     "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_a FOR VALUES FROM (0) TO (256);"
                     "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_b FOR VALUES FROM (256) TO (512);"
                     "ALTER TABLE audit.leaf ATTACH PARTITION audit.leaf_00000000 FOR VALUES FROM (512) TO (1048576)");
}

void prune_place_fill(struct prune_place *place)
{
    struct trail_ticket last[2] = {{0}}; /* rows and posts are each in their order, and not among each other */
    stage_await(&place->stage, SEQUENCER_LEADING, NULL); /* before, posts are rows */
    for (int i = 0; i < EVENTS; i++) {
        bool row = i % 50 == 0;
        last[row] = row ? stage_event(&place->stage, i % 100 == 0 ? "one" : "two") : stage_post(&place->stage);
    }
    stage_covered(&place->stage, last[0]);
    stage_covered(&place->stage, last[1]);
}

void prune_place_make(struct prune_place *place)
{
    books_open(&place->books);
    keeper_open(&place->keeper, STAGE_ORIGIN);
    test_folder_make(&place->folder);
    (void)snprintf(place->archive, sizeof(place->archive), "%s/archive", place->folder.path);
    narrow_partitions(&place->books);
}

void prune_place_open(struct prune_place *place)
{
    prune_place_make(place);
    stage_open(&place->stage, &place->books, &place->keeper);
    prune_place_fill(place);
    stage_copy(&place->stage, place->archive);
}

void prune_place_close(struct prune_place *place)
{
    test_folder_remove(&place->folder);
    keeper_close(&place->keeper);
    books_close(&place->books);
}

void prune_place_shortly(struct trail_prune_config *config)
{
    config->wait_ms = 1;
}

enum status prune_place_prune(struct prune_place *place, prune_change_fn *change, struct fault *fault)
{
    struct trail_prune_config config = {.app = books_store(&place->books, "strongroom_app", 1),
                                        .reader = books_store(&place->books, "strongroom_auditor", 1),
                                        .archivist = books_store(&place->books, "strongroom_archivist", 1),
                                        .keys = &place->keeper.log_key,
                                        .key_count = 1,
                                        .archive = place->archive,
                                        .before = PRUNE_PLACE_LEAVE,
                                        .retention_us = 1,
                                        .wait_ms = STAGE_WAIT_MS};
    const struct trail_config trail = {.clock = clock_system(),
                                       .reader = config.reader,
                                       .keys = &place->keeper.log_key,
                                       .key_count = 1,
                                       .pending_key = stage_pending_key()};
    uint64_t first = 0;
    cr_assert_eq(name_parse(&config.person, "olga"), STATUS_OK);
    cr_assert_eq(trail_open(&config.trail, &trail, fault), STATUS_OK);
    if (change != NULL) {
        change(&config);
    }
    enum status status = trail_prune(&first, &config, fault);
    trail_close(config.trail);
    store_close(config.archivist);
    store_close(config.reader);
    store_close(config.app);
    return status;
}

void prune_place_expect_left(struct prune_place *place)
{
    struct fault fault = {0};
    enum status status = STATUS_BUSY;
    while (status == STATUS_BUSY) { /* others had the trail for longer than it waits: who asks comes again */
        fault_clear(&fault);
        status = prune_place_prune(place, NULL, &fault);
    }
    cr_assert_eq(status, STATUS_OK, "%s: %s", fault.where, fault.detail);
    cr_expect_eq(books_number(&place->books, ROWS_BELOW), 0);
    cr_expect_eq(books_number(&place->books, "SELECT count(*) FROM audit.leaf_partition"), 2);
    cr_expect_eq(books_number(&place->books, "SELECT first FROM audit.head"), PRUNE_PLACE_LEAVE);
    cr_expect_eq(books_number(&place->books, TOLD), 1);
}

enum status prune_place_rebuild(uint64_t *out_size, const struct prune_place *place, struct fault *fault)
{
    char conninfo[256];
    const struct sequencer_rebuild_config config = {.conninfo =
                                                        books_conninfo(conninfo, &place->books, "strongroom_sequencer"),
                                                    .copy = place->archive,
                                                    .keys = &place->keeper.log_key,
                                                    .key_count = 1};
    return sequencer_rebuild(out_size, &config, fault);
}

void prune_place_tell_use(struct trail_ticket *out, const struct prune_place *place, struct audit_event *about,
                          const char *transaction)
{
    struct fault fault = {0};
    struct digest digest;
    digest_sha256(&digest, transaction, strlen(transaction));
    cr_assert_eq(name_parse(&about->actor, "custodyd"), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(about, "key", &digest, &fault), STATUS_OK);
    cr_assert_eq(audit_event_ref_add(about, "transaction", &digest, &fault), STATUS_OK);
    cr_assert_eq(audit_event_fact_add(about, "height", "9", &fault), STATUS_OK);
    cr_assert_eq(audit_event_fact_add(about, "key", "K", &fault), STATUS_OK);
    struct store_tx *tx = books_begin(place->stage.app);
    cr_assert_eq(trail_enqueue(out, place->stage.trail, tx, about, &fault), STATUS_OK, "%s", fault.detail);
    books_commit(tx);
    audit_event_wipe(about);
}
