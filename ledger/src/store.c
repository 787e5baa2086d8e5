/*
 * Rows of the store. Keys and values are fixed-size and big-endian, documents are kept verbatim.
 */
#include "store.h"

#include "balance.h"

#define MAP_SIZE ((size_t)64 << 30) /* address space, not disk */
#define GENESIS_KEY "genesis"
#define KEY_LEN 64
#define LANE_KEY_LEN 40
#define PLACE_LEN 12

static const char *const table_names[STORE_TABLE_COUNT] = {
    [STORE_META] = "meta",         [STORE_HEADERS] = "headers",           [STORE_BATCHES] = "batches",
    [STORE_RECEIPTS] = "receipts", [STORE_CERTIFICATES] = "certificates", [STORE_BALANCES] = "balances",
    [STORE_LANES] = "lanes",       [STORE_TRANSACTIONS] = "transactions", [STORE_BEFORE] = "before",
    [STORE_ANCHORS] = "anchors",
};

/* What replay builds again. */
static const struct {
    enum ledger_store_table table;
    const char *shadow;
} state_tables[] = {
    {STORE_BALANCES, "shadow-balances"}, {STORE_LANES, "shadow-lanes"},     {STORE_TRANSACTIONS, "shadow-transactions"},
    {STORE_BEFORE, "shadow-before"},     {STORE_ANCHORS, "shadow-anchors"},
};

#define STATE_TABLE_COUNT (sizeof(state_tables) / sizeof(state_tables[0]))

static struct table table_of(const struct view *view, enum ledger_store_table table)
{
    return (struct table){.txn = view->txn, .dbi = view->tables[table]};
}

static MDB_val value_of(void *data, size_t len)
{
    return (MDB_val){.mv_size = len, .mv_data = data};
}

static enum status bind_genesis(const struct view *view, const struct bytes *genesis, struct fault *fault)
{
    struct table meta = table_of(view, STORE_META);
    MDB_val stored;
    char name[] = GENESIS_KEY;
    enum status status = table_get(&stored, &meta, name, sizeof(name) - 1, fault);
    if (status == STATUS_NOT_FOUND) {
        MDB_val key = value_of(name, sizeof(name) - 1);
        MDB_val value = value_of(genesis->data, genesis->len);
        return table_put(&meta, &key, &value, fault);
    }
    if (status == STATUS_OK &&
        (stored.mv_size != genesis->len || memcmp(stored.mv_data, genesis->data, genesis->len) != 0)) {
        return fault_set(fault, STATUS_MISMATCH, "genesis", "the folder holds another ledger");
    }
    return status;
}

static enum status open_tables(struct store *store, const struct bytes *genesis, struct fault *fault)
{
    struct view view = {0};
    enum status status = database_begin(&view.txn, &store->database, true, fault);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < STORE_TABLE_COUNT && status == STATUS_OK; i++) {
        status = database_table(&view.tables[i], view.txn, table_names[i], true, fault);
    }
    if (status == STATUS_OK) {
        status = bind_genesis(&view, genesis, fault);
    }
    if (status != STATUS_OK) {
        view_abort(&view);
        return status;
    }
    memcpy(store->tables, view.tables, sizeof(store->tables));
    return view_commit(&view, fault);
}

enum status ledger_store_open(struct store *out, const char *path, const struct bytes *genesis, struct fault *fault)
{
    struct store store = {0};
    enum status status = database_open(&store.database, path, MAP_SIZE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = open_tables(&store, genesis, fault);
    if (status != STATUS_OK) {
        ledger_store_close(&store);
        return status;
    }
    *out = store; /* transferred */
    return STATUS_OK;
}

void ledger_store_close(struct store *store)
{
    database_close(&store->database);
}

enum status view_begin(struct view *out, const struct store *store, bool write, struct fault *fault)
{
    struct view view;
    memcpy(view.tables, store->tables, sizeof(view.tables));
    enum status status = database_begin(&view.txn, &store->database, write, fault);
    if (status == STATUS_OK) {
        *out = view;
    }
    return status;
}

enum status view_commit(struct view *view, struct fault *fault)
{
    MDB_txn *txn = view->txn;
    view->txn = NULL;
    return database_commit(txn, fault);
}

void view_abort(struct view *view)
{
    if (view->txn != NULL) {
        mdb_txn_abort(view->txn);
        view->txn = NULL;
    }
}

enum status view_shadow(struct view *view, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < STATE_TABLE_COUNT && status == STATUS_OK; i++) {
        status = database_table(&view->tables[state_tables[i].table], view->txn, state_tables[i].shadow, true, fault);
    }
    return status;
}

enum status view_compare(const struct view *a, const struct view *b, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < STATE_TABLE_COUNT && status == STATUS_OK; i++) {
        struct table first = table_of(a, state_tables[i].table);
        struct table second = table_of(b, state_tables[i].table);
        status = table_compare(&first, &second, table_names[state_tables[i].table], fault);
    }
    return status;
}

enum status view_height(uint64_t *out, const struct view *view, struct fault *fault)
{
    struct table table = table_of(view, STORE_HEADERS);
    return table_last_height(out, &table, fault);
}

enum status view_confirmed_height(uint64_t *out, const struct view *view, struct fault *fault)
{
    struct table table = table_of(view, STORE_CERTIFICATES);
    return table_last_height(out, &table, fault);
}

enum status view_record(MDB_val *out, const struct view *view, enum ledger_store_table table, uint64_t height,
                        struct fault *fault)
{
    uint8_t key[DATABASE_HEIGHT_LEN];
    struct table records = table_of(view, table);
    height_encode(key, height);
    return table_get(out, &records, key, sizeof(key), fault);
}

enum status view_record_put(const struct view *view, enum ledger_store_table table, uint64_t height,
                            const struct bytes *bytes, struct fault *fault)
{
    uint8_t key[DATABASE_HEIGHT_LEN];
    struct table records = table_of(view, table);
    height_encode(key, height);
    MDB_val name = value_of(key, sizeof(key));
    MDB_val value = value_of(bytes->data, bytes->len);
    return table_put(&records, &name, &value, fault);
}

static void balance_key(uint8_t out64[KEY_LEN], const struct account_id *account, const struct digest *asset)
{
    memcpy(out64, account->digest.bytes32, 32);
    memcpy(out64 + 32, asset->bytes32, 32);
}

/* STATUS_NOT_FOUND when there is no row. */
static enum status balance_row(struct ledger_balance *out, const struct table *table, const uint8_t key64[KEY_LEN],
                               struct fault *fault)
{
    MDB_val value;
    enum status status = table_get(&value, table, key64, KEY_LEN, fault);
    return status == STATUS_OK ? balance_decode(out, value.mv_data, value.mv_size, fault) : status;
}

enum status view_balance(struct ledger_balance *out, const struct view *view, const struct account_id *account,
                         const struct digest *asset, struct fault *fault)
{
    uint8_t key[KEY_LEN];
    struct table table = table_of(view, STORE_BALANCES);
    balance_key(key, account, asset);
    enum status status = balance_row(out, &table, key, fault);
    if (status == STATUS_NOT_FOUND) {
        *out = (struct ledger_balance){0};
        status = STATUS_OK;
    }
    return status;
}

enum status view_balance_confirmed(struct ledger_balance *out, const struct view *view,
                                   const struct account_id *account, const struct digest *asset, struct fault *fault)
{
    uint8_t key[KEY_LEN];
    struct table table = table_of(view, STORE_BEFORE);
    balance_key(key, account, asset);
    enum status status = balance_row(out, &table, key, fault);
    return status == STATUS_NOT_FOUND ? view_balance(out, view, account, asset, fault) : status;
}

static enum status balance_write(const struct table *table, uint8_t key64[KEY_LEN],
                                 const struct ledger_balance *balance, struct fault *fault)
{
    uint8_t bytes[BALANCE_VALUE_LEN];
    balance_encode(bytes, balance);
    MDB_val key = value_of(key64, KEY_LEN);
    MDB_val value = value_of(bytes, sizeof(bytes));
    return table_put(table, &key, &value, fault);
}

static enum status keep_before(const struct view *view, uint8_t key64[KEY_LEN], const struct account_id *account,
                               const struct digest *asset, struct fault *fault)
{
    struct ledger_balance balance;
    struct table table = table_of(view, STORE_BEFORE);
    enum status status = balance_row(&balance, &table, key64, fault);
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    status = view_balance(&balance, view, account, asset, fault);
    return status == STATUS_OK ? balance_write(&table, key64, &balance, fault) : status;
}

enum status view_balance_put(const struct view *view, const struct account_id *account, const struct digest *asset,
                             const struct ledger_balance *balance, struct fault *fault)
{
    uint8_t key[KEY_LEN];
    struct table table = table_of(view, STORE_BALANCES);
    balance_key(key, account, asset);
    enum status status = keep_before(view, key, account, asset, fault);
    return status == STATUS_OK ? balance_write(&table, key, balance, fault) : status;
}

enum status view_before_clear(const struct view *view, struct fault *fault)
{
    struct table table = table_of(view, STORE_BEFORE);
    return table_clear(&table, fault);
}

static void lane_key(uint8_t out40[LANE_KEY_LEN], const struct account_id *account, uint64_t lane)
{
    memcpy(out40, account->digest.bytes32, 32);
    height_encode(out40 + 32, lane);
}

enum status view_lane_next(uint64_t *out, const struct view *view, const struct account_id *account, uint64_t lane,
                           struct fault *fault)
{
    uint8_t key[LANE_KEY_LEN];
    MDB_val value;
    struct table table = table_of(view, STORE_LANES);
    lane_key(key, account, lane);
    enum status status = table_get(&value, &table, key, sizeof(key), fault);
    if (status == STATUS_NOT_FOUND) {
        *out = 0;
        return STATUS_OK;
    }
    if (status == STATUS_OK && value.mv_size != DATABASE_HEIGHT_LEN) {
        return fault_set(fault, STATUS_CORRUPT, "lanes", "a row of %zu bytes", value.mv_size);
    }
    if (status == STATUS_OK) {
        *out = height_decode(value.mv_data);
    }
    return status;
}

enum status view_lane_put(const struct view *view, const struct account_id *account, uint64_t lane, uint64_t next,
                          struct fault *fault)
{
    uint8_t key[LANE_KEY_LEN];
    uint8_t bytes[DATABASE_HEIGHT_LEN];
    struct table table = table_of(view, STORE_LANES);
    lane_key(key, account, lane);
    height_encode(bytes, next);
    MDB_val name = value_of(key, sizeof(key));
    MDB_val value = value_of(bytes, sizeof(bytes));
    return table_put(&table, &name, &value, fault);
}

/* The first of all keys behind those of the account; false when there is none. */
static bool key_behind(uint8_t inout32[32])
{
    int at = 31;
    while (at >= 0 && ++inout32[at] == 0) {
        at--;
    }
    return at >= 0;
}

/* Accounts with the same first characters stand together. */
enum status view_sender_alike(struct account_id *out, const struct view *view, const struct account_id *account,
                              struct fault *fault)
{
    uint8_t from[32] = {account->digest.bytes32[0], account->digest.bytes32[1]};
    struct table table = table_of(view, STORE_LANES);
    bool more = true;
    while (more) {
        struct account_id other;
        MDB_val key;
        enum status status = table_seek(&key, &table, from, sizeof(from), fault);
        if (status == STATUS_OK && key.mv_size != LANE_KEY_LEN) {
            status = fault_set(fault, STATUS_CORRUPT, "lanes", "a key of %zu bytes", key.mv_size);
        }
        if (status != STATUS_OK) {
            return status;
        }
        memcpy(other.digest.bytes32, key.mv_data, sizeof(from));
        if (account_id_alike(&other, account)) {
            *out = other;
            return STATUS_OK;
        }
        more = memcmp(other.digest.bytes32, account->digest.bytes32, 2) == 0;
        memcpy(from, other.digest.bytes32, sizeof(from));
        more = more && key_behind(from);
    }
    return STATUS_NOT_FOUND;
}

enum status view_place(struct place *out, const struct view *view, const struct digest *id, struct fault *fault)
{
    MDB_val value;
    struct table table = table_of(view, STORE_TRANSACTIONS);
    enum status status = table_get(&value, &table, id->bytes32, sizeof(id->bytes32), fault);
    if (status == STATUS_OK && value.mv_size != PLACE_LEN) {
        return fault_set(fault, STATUS_CORRUPT, "transactions", "a row of %zu bytes", value.mv_size);
    }
    if (status == STATUS_OK) {
        const uint8_t *bytes = value.mv_data;
        out->height = height_decode(bytes);
        out->index = (uint32_t)bytes[8] << 24 | (uint32_t)bytes[9] << 16 | (uint32_t)bytes[10] << 8 | bytes[11];
    }
    return status;
}

enum status view_place_put(const struct view *view, const struct digest *id, const struct place *place,
                           struct fault *fault)
{
    struct digest name = *id;
    uint8_t bytes[PLACE_LEN];
    struct table table = table_of(view, STORE_TRANSACTIONS);
    height_encode(bytes, place->height);
    for (int i = 0; i < 4; i++) {
        bytes[8 + i] = (uint8_t)(place->index >> (24 - 8 * i));
    }
    MDB_val key = value_of(name.bytes32, sizeof(name.bytes32));
    MDB_val value = value_of(bytes, sizeof(bytes));
    return table_put(&table, &key, &value, fault);
}

enum status view_anchor(MDB_val *out, const struct view *view, const struct digest *log, struct fault *fault)
{
    struct table table = table_of(view, STORE_ANCHORS);
    return table_get(out, &table, log->bytes32, sizeof(log->bytes32), fault);
}

enum status view_anchor_put(const struct view *view, const struct digest *log, const struct bytes *note,
                            struct fault *fault)
{
    struct digest name = *log;
    struct table table = table_of(view, STORE_ANCHORS);
    MDB_val key = value_of(name.bytes32, sizeof(name.bytes32));
    MDB_val value = value_of(note->data, note->len);
    return table_put(&table, &key, &value, fault);
}

enum status receipts_join(struct bytes *out, const struct bytes *receipts, size_t count)
{
    struct buffer buffer;
    buffer_init(&buffer);
    for (size_t i = 0; i < count; i++) {
        buffer_append(&buffer, receipts[i].data, receipts[i].len);
        buffer_append(&buffer, "\n", 1);
    }
    return buffer_finish(out, &buffer);
}

static enum status split_lines(struct bytes *receipts, size_t count, const MDB_val *lines, struct fault *fault)
{
    const char *at = lines->mv_data;
    const char *end = at + lines->mv_size;
    for (size_t i = 0; i < count; i++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL) {
            return fault_set(fault, STATUS_CORRUPT, "receipts", "%zu instead of %zu", i, count);
        }
        enum status status = bytes_copy(&receipts[i], at, (size_t)(line_end - at));
        if (status != STATUS_OK) {
            return fault_set(fault, status, "receipts", "copying a receipt");
        }
        at = line_end + 1;
    }
    return at == end ? STATUS_OK : fault_set(fault, STATUS_CORRUPT, "receipts", "more than %zu", count);
}

enum status receipts_split(struct bytes **out, size_t count, const MDB_val *lines, struct fault *fault)
{
    struct bytes *receipts = calloc(count + 1, sizeof(receipts[0]));
    if (receipts == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "receipts", "%zu receipts", count);
    }
    enum status status = split_lines(receipts, count, lines, fault);
    if (status != STATUS_OK) {
        receipts_free(receipts, count);
        return status;
    }
    *out = receipts; /* transferred */
    return STATUS_OK;
}

void receipts_free(struct bytes *receipts, size_t count)
{
    for (size_t i = 0; receipts != NULL && i < count; i++) {
        bytes_free(&receipts[i]);
    }
    free(receipts);
}
