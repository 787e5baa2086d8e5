/*
 * The parts of a service on a test database.
 */
#include "stage.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#include "mirror/copy.h"
#include "store/trail_read.h"
#include "trail_core.h"

void stage_start(struct stage *stage)
{
    char conninfo[256];
    struct fault fault = {0};
    const struct sequencer_config config = {
        .clock = stage->clock == NULL ? clock_system() : stage->clock,
        .conninfo = books_conninfo(conninfo, stage->books, "strongroom_sequencer"),
        .trail = stage->trail,
        .signer = keeper_signer(stage->keeper),
        .anchors = keeper_anchors(stage->keeper),
        .follows = stage->keeper->follows,
        .statement_timeout_ms = 60000,
    };
    cr_assert_eq(sequencer_start(&stage->sequencer, &config, &fault), STATUS_OK, "%s", fault.detail);
}

void stage_stop(struct stage *stage)
{
    sequencer_stop(stage->sequencer);
    stage->sequencer = NULL;
}

const struct secret *stage_pending_key(void)
{
    static struct secret key;
    if (key.data == NULL) {
        cr_assert_eq(secret_heap_open(NULL), STATUS_OK);
        cr_assert_eq(secret_new(&key, TRAIL_PENDING_KEY_LEN), STATUS_OK);
        memset(key.data, 7, key.len); /* which an emptied one is not */
    }
    return &key;
}

void stage_open(struct stage *stage, const struct books *books, struct checkpoint_keeper *keeper)
{
    struct fault fault = {0};
    *stage = (struct stage){.books = books, .keeper = keeper};
    stage->app = books_store(books, "strongroom_app", 8);
    stage->reader = books_store(books, "strongroom_auditor", 4);
    const struct trail_config config = {.clock = clock_system(),
                                        .reader = stage->reader,
                                        .keys = &keeper->log_key,
                                        .key_count = 1,
                                        .pending_key = stage_pending_key()};
    cr_assert_eq(trail_open(&stage->trail, &config, &fault), STATUS_OK, "%s", fault.detail);
    stage_start(stage);
}

void stage_close(struct stage *stage)
{
    stage_stop(stage);
    trail_close(stage->trail);
    store_close(stage->reader);
    store_close(stage->app);
}

void stage_await(struct stage *stage, enum sequencer_state state, struct fault *out_why)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    struct fault why = {0};
    for (int i = 0; i < STAGE_WAIT_MS / 5; i++) {
        if (sequencer_state(stage->sequencer, &why) == state) {
            if (out_why != NULL) {
                *out_why = why;
            }
            return;
        }
        nanosleep(&pause, NULL);
    }
    cr_assert_fail("the sequencer did not reach state %d: %s %s", (int)state, why.where, why.detail);
}

static struct store_tx *stage_begin(struct stage *stage)
{
    struct store_tx *tx = NULL;
    struct fault fault = {0};
    cr_assert_eq(store_begin(&tx, stage->app, STORE_READ_WRITE, &fault), STATUS_OK, "%s", fault.detail);
    return tx;
}

static struct trail_ticket stage_put(struct stage *stage, struct store_tx *tx, const char *oid)
{
    struct trail_ticket ticket = {0};
    struct fault fault = {0};
    static const char asset[] = "9f3832b56acfeb210fd7b285dafa05491b66eaa6a11635f75b1a4e56de279f9b";
    struct audit_event event = {.action = AUDIT_LOGIN_OK, .outcome = AUDIT_OUTCOME_OK};
    cr_assert_eq(name_parse(&event.actor, "rita"), STATUS_OK);
    if (oid[0] != 0) {
        event.action = AUDIT_WITHDRAWAL_SUBMITTED;
        snprintf(event.object_type, sizeof event.object_type, "withdrawal");
        snprintf(event.object_id, sizeof event.object_id, "%s", oid);
        cr_assert_eq(audit_event_fact_add(&event, "amount", "340282366920938463463374607431768211455", &fault),
                     STATUS_OK);
        cr_assert_eq(audit_event_fact_add(&event, "asset", asset, &fault), STATUS_OK);
        cr_assert_eq(audit_event_fact_add(&event, "destination", "sr1payee", &fault), STATUS_OK);
        cr_assert_eq(audit_event_fact_add(&event, "version", "7", &fault), STATUS_OK);
        cr_assert_eq(audit_event_fact_add(&event, "wallet", "hot", &fault), STATUS_OK);
    }
    cr_assert_eq(trail_enqueue(&ticket, stage->trail, tx, &event, &fault), STATUS_OK, "%s %s", fault.where,
                 fault.detail);
    audit_event_wipe(&event);
    return ticket;
}

struct trail_ticket stage_event(struct stage *stage, const char *oid)
{
    struct fault fault = {0};
    struct store_tx *tx = stage_begin(stage);
    struct trail_ticket ticket = stage_put(stage, tx, oid);
    cr_assert_eq(store_commit(tx, &fault), STATUS_OK, "%s", fault.detail);
    return ticket;
}

struct trail_ticket stage_post(struct stage *stage)
{
    struct trail_ticket ticket = {0};
    struct fault fault = {0};
    struct audit_event event = {.action = AUDIT_LOGIN_DENY, .outcome = AUDIT_OUTCOME_DENY};
    cr_assert_eq(name_parse(&event.actor, "rita"), STATUS_OK);
    cr_assert_eq(trail_post(&ticket, stage->trail, stage->app, &event, &fault), STATUS_OK, "%s %s", fault.where,
                 fault.detail);
    audit_event_wipe(&event);
    return ticket;
}

struct trail_ticket stage_heartbeat(struct stage *stage)
{
    struct trail_ticket ticket = {0};
    struct fault fault = {0};
    struct store_tx *tx = stage_begin(stage);
    cr_assert_eq(trail_enqueue_state(&ticket, stage->trail, tx, AUDIT_SERVICE_HEARTBEAT, NULL, &fault), STATUS_OK, "%s",
                 fault.detail);
    cr_assert_eq(store_commit(tx, &fault), STATUS_OK, "%s", fault.detail);
    return ticket;
}

struct store_tx *stage_open_event(struct stage *stage, const char *oid)
{
    struct store_tx *tx = stage_begin(stage);
    stage_put(stage, tx, oid);
    return tx;
}

void stage_rolled_back(struct stage *stage)
{
    struct store_tx *tx = stage_begin(stage);
    stage_put(stage, tx, "never");
    store_rollback(tx);
}

void stage_put_back(const struct stage *stage, int64_t since)
{
    char sql[256];
    char hex[65] = "";
    struct digest event;
    struct digest mac;
    for (size_t i = 0; i < 64; i += 16) {
        (void)snprintf(sql, sizeof(sql),
                       "SELECT ('x' || substr(encode(sha256(evt), 'hex'), %zu, 16))::bit(64)::bigint FROM public.kept",
                       i + 1);
        (void)snprintf(hex + i, sizeof(hex) - i, "%016" PRIx64, (uint64_t)books_number(stage->books, sql));
    }
    cr_assert_eq(digest_parse(&event, hex), STATUS_OK);
    trail_pending_mac(&mac, stage->trail, (uint64_t)since, &event);
    digest_format(hex, &mac);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO audit.pending (evt, mac, since) SELECT evt, decode('%s', 'hex'), %" PRId64
                   " FROM public.kept",
                   hex, since);
    books_sql(stage->books, sql);
}

static bool row_kept(struct stage *stage, uint64_t size)
{
    struct store_tx *tx = NULL;
    struct store_checkpoint row = {0};
    struct fault fault = {0};
    cr_assert_eq(store_begin(&tx, stage->reader, STORE_SNAPSHOT, &fault), STATUS_OK, "%s", fault.detail);
    enum status status = store_checkpoint_newest(&row, tx, &fault);
    store_rollback(tx);
    cr_assert(status == STATUS_OK || status == STATUS_NOT_FOUND, "%s", fault.detail);
    bytes_free(&row.note);
    return row.size >= size;
}

/* Who waits is released as soon as a checkpoint is signed; its row comes a moment later, and the oracle reads rows. */
static void await_row(struct stage *stage, uint64_t size)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int i = 0; i < STAGE_WAIT_MS / 2; i++) {
        if (row_kept(stage, size)) {
            return;
        }
        nanosleep(&pause, NULL);
    }
    cr_assert_fail("no checkpoint of %" PRIu64 " entries was kept", size);
}

uint64_t stage_covered(struct stage *stage, struct trail_ticket ticket)
{
    struct fault fault = {0};
    struct trail_receipt receipt;
    struct store_leaf leaf;
    struct audit_tlog_proof proof;
    struct audit_proven proven;
    cr_assert_eq(trail_wait(&receipt, stage->trail, &ticket, STAGE_WAIT_MS, &fault), STATUS_OK, "%s %s", fault.where,
                 fault.detail);
    struct store_tx *tx = NULL;
    cr_assert_eq(store_begin(&tx, stage->reader, STORE_SNAPSHOT, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(store_leaf_get(&leaf, tx, receipt.seq, &fault), STATUS_OK, "%s", fault.detail);
    store_rollback(tx);
    cr_assert_eq(audit_tlog_proof_parse(&proof, receipt.proof.data, receipt.proof.len, &fault), STATUS_OK);
    cr_assert_eq(audit_tlog_proof_verify(&proven, &proof, &stage->keeper->log_key, leaf.raw.data, leaf.raw.len, &fault),
                 STATUS_OK, "%s %s", fault.where, fault.detail);
    cr_assert_eq(proven.checkpoint.size, receipt.size);
    struct audit_event event;
    struct uuid boot = trail_boot(stage->trail);
    cr_assert_eq(audit_event_decode(&event, proven.leaf.event, proven.leaf.event_len, &fault), STATUS_OK);
    cr_assert(uuid_equal(&event.producer, &boot));
    cr_assert_eq(event.producer_counter, ticket.number);
    audit_event_wipe(&event);
    audit_tlog_proof_wipe(&proof);
    store_leaf_wipe(&leaf);
    bytes_free(&receipt.proof);
    await_row(stage, receipt.size);
    return receipt.seq;
}

struct reading {
    const struct audit_tile *tile;
    struct buffer buffer;
};

static enum status bundle_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    struct store_leaf_list list = {0};
    uint64_t first = reading->tile->index * AUDIT_TILE_WIDTH;
    const struct store_leaf_filter filter = {
        .from_seq = first, .to_seq = first + reading->tile->width, .limit = reading->tile->width};
    enum status status = store_leaf_list(&list, tx, &filter, fault);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        const struct bytes *raw = &list.rows[i].raw;
        const uint8_t len[2] = {(uint8_t)(raw->len >> 8), (uint8_t)raw->len};
        buffer_append(&reading->buffer, len, sizeof(len));
        buffer_append(&reading->buffer, raw->data, raw->len);
    }
    store_leaf_list_free(&list);
    return status;
}

/* The log as the service shows it, without HTTP. */
static enum status fetch(void *context, struct bytes *out, const char *name, struct fault *fault)
{
    struct audit_tile tile;
    struct digest hashes[AUDIT_TILE_WIDTH];
    struct reading reading = {.tile = &tile};
    struct stage *stage = context;
    bool entries = false;
    if (strcmp(name, "checkpoint") == 0) {
        struct trail_checkpoint newest = {0};
        enum status status = trail_checkpoint_newest(&newest, stage->trail, fault);
        *out = newest.note;
        return status;
    }
    cr_assert_eq(audit_tile_path_parse(&tile, &entries, name + strlen("tile/"), fault), STATUS_OK);
    if (!entries) {
        enum status status = trail_tile(hashes, stage->trail, &tile, fault);
        return status == STATUS_OK ? bytes_copy(out, hashes, tile.width * sizeof(hashes[0])) : status;
    }
    buffer_init(&reading.buffer);
    cr_assert_eq(store_transact(stage->reader, bundle_in, &reading, fault), STATUS_OK);
    return buffer_finish(out, &reading.buffer);
}

void stage_copy(struct stage *stage, const char *path)
{
    struct mirror *mirror = NULL;
    struct fault fault = {0};
    struct mirror_look look = {0};
    const struct mirror_log log = {.fetch = fetch, .context = stage};
    const struct audit_log_terms keys = {.count = 1, .rows = {{.key = stage->keeper->log_key}}};
    cr_assert_eq(mirror_open(&mirror, path, &keys, MIRROR_WRITE, &fault), STATUS_OK, "%s", fault.detail);
    cr_assert_eq(mirror_copy(mirror, &log, &look, &fault), STATUS_OK, "%s: %s", fault.where, fault.detail);
    mirror_close(mirror);
}
