/*
 * Somebody with the disk edits what the node has stored, with LMDB's own means so that every page is fine. The node
 * refuses to start, whatever it is, and says where.
 */
#include <criterion/criterion.h>
#include <lmdb.h>

#include "ledger_world.h"

#define BLOCKS 3

static struct world world;

/* Three confirmed blocks; the second has a rejected transfer. */
static void setup(void)
{
    world_begin(&world);
    struct transaction transaction = world_issue(&world, ALICE, "100", 0);
    cr_assert_eq(world_run(&world, &transaction, ISSUER), STATUS_OK);
    transaction = world_transfer(&world, ALICE, BOB, "101", 0);
    cr_assert_eq(world_run(&world, &transaction, ALICE), STATUS_INSUFFICIENT_FUNDS);
    transaction = world_transfer(&world, ALICE, BOB, "10", 1);
    cr_assert_eq(world_run(&world, &transaction, ALICE), STATUS_OK);
    world_close(&world);
}

static void teardown(void)
{
    world_remove(&world);
}

TestSuite(ledger_tamper, .init = setup, .fini = teardown);

/* An open table of the node's or the ordering engine's database. */
struct file {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
};

static void file_open(struct file *out, const char *folder, const char *table)
{
    char path[WORLD_PATH_SIZE];
    world_path(path, &world, folder);
    cr_assert_eq(mdb_env_create(&out->env), 0);
    cr_assert_eq(mdb_env_set_maxdbs(out->env, 16), 0);
    cr_assert_eq(mdb_env_set_mapsize(out->env, (size_t)1 << 30), 0);
    cr_assert_eq(mdb_env_open(out->env, path, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(out->env, NULL, 0, &out->txn), 0);
    cr_assert_eq(mdb_dbi_open(out->txn, table, 0, &out->table), 0);
}

static void file_close(struct file *file)
{
    cr_assert_eq(mdb_txn_commit(file->txn), 0);
    mdb_env_close(file->env);
}

/* A copy of row number `index` of the table. */
static void row_read(const struct file *file, size_t index, struct bytes *key, struct bytes *value)
{
    MDB_cursor *cursor = NULL;
    MDB_val name;
    MDB_val content;
    cr_assert_eq(mdb_cursor_open(file->txn, file->table, &cursor), 0);
    for (size_t i = 0; i <= index; i++) {
        cr_assert_eq(mdb_cursor_get(cursor, &name, &content, MDB_NEXT), 0);
    }
    cr_assert_eq(bytes_copy(key, name.mv_data, name.mv_size), STATUS_OK);
    cr_assert_eq(bytes_copy(value, content.mv_data, content.mv_size), STATUS_OK);
    mdb_cursor_close(cursor);
}

static void row_write(const struct file *file, const struct bytes *key, const struct bytes *value)
{
    MDB_val name = {.mv_size = key->len, .mv_data = key->data};
    MDB_val content = {.mv_size = value->len, .mv_data = value->data};
    cr_assert_eq(mdb_put(file->txn, file->table, &name, &content, 0), 0);
}

static void row_delete(const struct file *file, const struct bytes *key)
{
    MDB_val name = {.mv_size = key->len, .mv_data = key->data};
    cr_assert_eq(mdb_del(file->txn, file->table, &name, NULL), 0);
}

typedef void edit_fn(const struct file *file, struct bytes *key, struct bytes *value);

static void edit(const char *folder, const char *table, size_t index, edit_fn *change)
{
    struct file file;
    struct bytes key = {0};
    struct bytes value = {0};
    file_open(&file, folder, table);
    row_read(&file, index, &key, &value);
    change(&file, &key, &value);
    file_close(&file);
    bytes_free(&key);
    bytes_free(&value);
}

static void flip_middle(const struct file *file, struct bytes *key, struct bytes *value)
{
    value->data[value->len / 2] ^= 1;
    row_write(file, key, value);
}

static void flip_last(const struct file *file, struct bytes *key, struct bytes *value)
{
    value->data[value->len - 1] ^= 1;
    row_write(file, key, value);
}

static void cut(const struct file *file, struct bytes *key, struct bytes *value)
{
    value->len--;
    row_write(file, key, value);
}

static void drop(const struct file *file, struct bytes *key, struct bytes *value)
{
    (void)value;
    row_delete(file, key);
}

static void rename_row(const struct file *file, struct bytes *key, struct bytes *value)
{
    row_delete(file, key);
    key->data[0] ^= 0x80;
    row_write(file, key, value);
}

static void append(const struct file *file, struct bytes *key, struct bytes *value)
{
    key->data[key->len - 1]++;
    row_write(file, key, value);
}

static void expect_refused(const char *what, const char *where)
{
    struct fault fault = {0};
    enum status status = world_open(&world, &fault);
    cr_expect(status == STATUS_CORRUPT || status == STATUS_ROLLBACK, "%s: %s %s %s", what, status_info(status)->code,
              fault.where, fault.detail);
    cr_expect(where == NULL || strstr(fault.where, where) != NULL, "%s: %s: %s", what, fault.where, fault.detail);
    world_close(&world);
}

Test(ledger_tamper, untouched_it_starts)
{
    cr_expect_eq(world_open(&world, NULL), STATUS_OK);
}

Test(ledger_tamper, any_edit_of_a_block_names_the_height)
{
    static const char *const tables[] = {"headers", "batches", "receipts", "certificates"};
    static edit_fn *const changes[] = {flip_middle, flip_last, cut};
    static const char *const heights[] = {"height 1", "height 2", "height 3"};
    for (size_t row = 0; row < BLOCKS * 12; row++) {
        size_t block = row % BLOCKS;
        const char *table = tables[row / BLOCKS % 4];
        edit_fn *change = changes[row / BLOCKS / 4];
        edit("node", table, block, change);
        expect_refused(table, heights[block]);
        teardown();
        setup();
    }
}

Test(ledger_tamper, any_edit_of_the_state_names_the_table)
{
    static const struct {
        const char *table;
        edit_fn *change;
        size_t row;
    } rows[] = {
        {"balances", flip_last, 0},     {"balances", flip_middle, 1}, {"balances", drop, 2},
        {"balances", rename_row, 0},    {"balances", cut, 1},         {"balances", append, 2},
        {"lanes", flip_last, 0},        {"lanes", drop, 1},           {"lanes", append, 0},
        {"transactions", flip_last, 0}, {"transactions", drop, 1},    {"transactions", append, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        edit("node", rows[i].table, rows[i].row, rows[i].change);
        expect_refused(rows[i].table, rows[i].table);
        teardown();
        setup();
    }
}

Test(ledger_tamper, an_edited_anchor_is_not_believed)
{
    static edit_fn *const changes[] = {flip_last, cut, drop, rename_row};
    struct ledger_transaction_status found;
    struct audit_key log = world_log("custody.example/audit/v1", world.keys[ALICE]);
    struct bytes note = world_note(log.name, world.keys[ALICE], 5, 5);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_assert_eq(ledger_node_anchor(world.node, &found, &note, &log, NULL), STATUS_OK);
    cr_assert_eq(world_settle(&world), STATUS_OK);
    world_close(&world);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct file file;
        struct bytes key = {0};
        struct bytes value = {0};
        file_open(&file, "node", "anchors");
        row_read(&file, 0, &key, &value);
        file_close(&file);
        edit("node", "anchors", 0, changes[i]);
        expect_refused("anchors", "anchors");
        file_open(&file, "node", "anchors");
        cr_assert_eq(mdb_drop(file.txn, file.table, 0), 0);
        row_write(&file, &key, &value);
        file_close(&file);
        bytes_free(&key);
        bytes_free(&value);
    }
    cr_expect_eq(world_open(&world, NULL), STATUS_OK, "as it was, it starts");
    bytes_free(&note);
}

Test(ledger_tamper, a_block_or_a_certificate_is_missing)
{
    static const struct {
        const char *table;
        size_t row;
    } rows[] = {{"headers", 0}, {"headers", 1},      {"headers", 2},      {"batches", 1},     {"receipts", 2},
                {"batches", 2}, {"certificates", 0}, {"certificates", 1}, {"certificates", 2}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        edit("node", rows[i].table, rows[i].row, drop);
        expect_refused(rows[i].table, NULL);
        teardown();
        setup();
    }
}

Test(ledger_tamper, a_certificate_without_its_block)
{
    edit("node", "certificates", 2, append);
    expect_refused("certificates", "certificates");
}

Test(ledger_tamper, what_was_ordered_differs_from_what_was_executed)
{
    edit("ordering", "proposals", 1, flip_last);
    expect_refused("proposals", "height 2");
}

/* Whoever edits both is stopped by the header. */
Test(ledger_tamper, a_batch_is_exchanged_everywhere)
{
    struct fault fault = {0};
    edit("ordering", "proposals", 1, flip_last);
    edit("node", "batches", 1, flip_last);
    cr_expect_eq(world_open(&world, &fault), STATUS_CORRUPT);
    cr_expect_str_eq(fault.where, "height 2");
    cr_expect_not_null(strstr(fault.detail, "batch"), "%s", fault.detail);
}

/* The newest block has no certificate yet that would protect its header. */
Test(ledger_tamper, the_header_of_an_unconfirmed_block)
{
    static const struct {
        const char *find;
        const char *replace;
    } rows[] = {{"\"count\":1", "\"count\":2"}, {"\"prev\":\"", NULL}, {"\"tx_root\":\"", NULL}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct file file;
        struct bytes key = {0};
        struct bytes value = {0};
        cr_assert_eq(world_open(&world, NULL), STATUS_OK);
        world.validator_status = STATUS_UNAVAILABLE;
        struct digest id;
        struct transaction transaction = world_transfer(&world, ALICE, BOB, "1", 2);
        cr_assert_eq(world_submit(&id, &world, &transaction, ALICE), STATUS_OK);
        cr_assert_eq(world_settle(&world), STATUS_OK);
        world_close(&world);
        file_open(&file, "node", "headers");
        row_read(&file, BLOCKS, &key, &value);
        char *at = strstr((char *)value.data, rows[i].find);
        cr_assert_not_null(at);
        at += strlen(rows[i].find);
        if (rows[i].replace != NULL) {
            memcpy(at - strlen(rows[i].find), rows[i].replace, strlen(rows[i].replace));
        } else {
            *at = *at == '0' ? '1' : '0';
        }
        row_write(&file, &key, &value);
        file_close(&file);
        bytes_free(&key);
        bytes_free(&value);
        expect_refused(rows[i].find, "height 4");
        teardown();
        setup();
    }
}

/* Well-formed certificates that do not confirm: another's signature, the validator's under another header. */
static void forge_certificate(const struct file *file, struct bytes *key, struct bytes *value, bool stranger)
{
    struct ledger_certificate certificate;
    struct bytes forged = {0};
    cr_assert_eq(ledger_certificate_decode(&certificate, value->data, value->len, NULL), STATUS_OK);
    struct digest name = certificate.signatures[0].key_id;
    test_key_sign(&certificate.signatures[0], stranger ? world.keys[ISSUER] : world.validator, LEDGER_HEADER_KIND,
                  "another", stranger ? 7 : 6);
    certificate.signatures[0].key_id = name;
    cr_assert_eq(ledger_certificate_encode(&forged, &certificate, NULL), STATUS_OK);
    row_write(file, key, &forged);
    bytes_free(&forged);
}

static void forge_by_stranger(const struct file *file, struct bytes *key, struct bytes *value)
{
    forge_certificate(file, key, value, true);
}

static void forge_over_another_header(const struct file *file, struct bytes *key, struct bytes *value)
{
    forge_certificate(file, key, value, false);
}

Test(ledger_tamper, a_well_formed_certificate_that_confirms_nothing)
{
    edit("node", "certificates", BLOCKS - 1, forge_by_stranger);
    expect_refused("stranger", "height 3");
    teardown();
    setup();
    edit("node", "certificates", BLOCKS - 1, forge_over_another_header);
    expect_refused("another header", "height 3");
}

Test(ledger_tamper, the_ordering_engine_is_older_than_the_node)
{
    struct fault fault = {0};
    edit("ordering", "proposals", 2, drop);
    cr_expect_eq(world_open(&world, &fault), STATUS_ROLLBACK);
    cr_expect_str_eq(fault.where, "ordering");
}

/* An older copy of the node's folder executes again what was ordered since, but the validator knows better. */
Test(ledger_tamper, an_older_node_meets_the_guard)
{
    struct world other;
    world_make(&other);
    char from[WORLD_PATH_SIZE];
    char copy[WORLD_PATH_SIZE];
    world_path(from, &world, "node");
    world_path(copy, &other, "copy");
    const char *const save[] = {"cp", "-r", from, copy, NULL};
    const char *const remove[] = {"rm", "-r", from, NULL};
    const char *const restore[] = {"cp", "-r", copy, from, NULL};
    cr_assert_eq(test_run(save), 0);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    struct transaction transaction = world_transfer(&world, ALICE, BOB, "1", 2);
    cr_assert_eq(world_run(&world, &transaction, ALICE), STATUS_OK);
    transaction = world_transfer(&world, ALICE, BOB, "1", 3);
    cr_assert_eq(world_run(&world, &transaction, ALICE), STATUS_OK);
    world_close(&world);
    cr_assert_eq(test_run(remove), 0);
    cr_assert_eq(test_run(restore), 0);
    cr_assert_eq(world_open(&world, NULL), STATUS_OK);
    cr_expect_eq(world_settle(&world), STATUS_HALTED, "its blocks are signed already, and it would sign others");
    struct ledger_node_status node;
    ledger_node_status(world.node, &node);
    cr_expect_eq(node.confirmed_height, BLOCKS);
    world_remove(&other);
}

/*
 * A validator signs the header that it is asked for, so whoever has its socket has a certificate for a block of his
 * own. Here it is the newest block, whose payment is not signed by its sender any more: nothing else differs, since
 * neither the id of a transaction nor its receipt has to do with its signature.
 */
static void spoil_signature(const struct file *file, struct bytes *key, struct bytes *value)
{
    static const char before[] = "\"sig\":\"";
    uint8_t *at = memmem(value->data, value->len, before, sizeof(before) - 1);
    cr_assert_not_null(at);
    at += sizeof(before) - 1;
    *at = *at == 'A' ? 'B' : 'A';
    row_write(file, key, value);
}

static struct bytes below; /* the row that the next one to be edited names */

static void take(const struct file *file, struct bytes *key, struct bytes *value)
{
    (void)file;
    (void)key;
    bytes_free(&below);
    below = *value; /* transferred */
    *value = (struct bytes){0};
}

static void name_batch(const struct file *file, struct bytes *key, struct bytes *value)
{
    struct ledger_header header;
    struct bytes changed = {0};
    cr_assert_eq(ledger_header_decode(&header, value->data, value->len, NULL), STATUS_OK);
    ledger_batch_digest(&header.batch, below.data, below.len);
    cr_assert_eq(ledger_header_encode(&changed, &header, NULL), STATUS_OK);
    row_write(file, key, &changed);
    bytes_free(&changed);
}

static void certify(const struct file *file, struct bytes *key, struct bytes *value)
{
    struct ledger_certificate certificate;
    struct bytes signed_anew = {0};
    cr_assert_eq(ledger_certificate_decode(&certificate, value->data, value->len, NULL), STATUS_OK);
    test_key_sign(&certificate.signatures[0], world.validator, LEDGER_HEADER_KIND, below.data, below.len);
    cr_assert_eq(ledger_certificate_encode(&signed_anew, &certificate, NULL), STATUS_OK);
    row_write(file, key, &signed_anew);
    bytes_free(&signed_anew);
}

Test(ledger_tamper, a_certified_block_with_a_payment_that_nobody_signed)
{
    struct fault fault = {0};
    edit("ordering", "proposals", BLOCKS - 1, spoil_signature);
    edit("node", "batches", BLOCKS - 1, spoil_signature);
    edit("node", "batches", BLOCKS - 1, take);
    edit("node", "headers", BLOCKS - 1, name_batch);
    edit("node", "headers", BLOCKS - 1, take);
    edit("node", "certificates", BLOCKS - 1, certify);
    bytes_free(&below);
    cr_expect_eq(world_open(&world, &fault), STATUS_CORRUPT, "%s", fault.detail);
    cr_expect_str_eq(fault.where, "height 3");
    cr_expect_not_null(strstr(fault.detail, "receipts_root"), "%s", fault.detail);
}
