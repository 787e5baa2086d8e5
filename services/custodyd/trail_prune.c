/*
 * What must hold before entries leave the database. The age is that between the newest signed entry and the newest one
 * that leaves, both as the sequencer stamped them: the clock of whoever asks is not looked at.
 */
#include "trail_prune.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "audit/tile_tree.h"
#include "base/crashpoint.h"
#include "mirror/folder.h"
#include "sequencer_rebuild.h"
#include "store/trail_prune.h"
#include "trail_again.h"
#include "trail_leaf.h"
#include "trail_view.h"

#define OBJECT_TYPE "archive"
#define LOOK_AGAIN_MS 50
#define RETOLD_AT_ONCE 16 /* so many events a transaction takes */
#define DAY_US ((int64_t)24 * 3600 * 1000000)
#define TOLD_MAX 64 /* entries that may say the same which are looked at, the newest first */

struct prune {
    const struct trail_prune_config *config;
    uint64_t first;                     /* that stands in the database */
    struct audit_checkpoint checkpoint; /* the newest of the service */
    int64_t newest_utc_us;              /* time of the newest entry under it */
    int64_t leaving_utc_us;             /* of the newest entry that leaves */
    struct digest root;                 /* of the entries below `before` */
    struct digest note;                 /* SHA-256 of the archive's signed checkpoint */
    struct trail_again again;           /* that leave, and must be remembered */
    struct mirror *mirror;
    const struct store_tx *log_tx; /* of log_tiles */
    struct audit_tile_source log_tiles;
    struct audit_tile_source archive_tiles;
    struct audit_tile_tree log;
    struct audit_tile_tree archive;
};

/* The service's side. */

static enum status read_checkpoint(struct prune *prune, const struct store_tx *tx, struct fault *fault)
{
    struct store_checkpoint row = {0};
    struct bytes note = {0};
    enum status status = store_checkpoint_newest(&row, tx, fault);
    if (status == STATUS_OK) {
        status = trail_note_read(&prune->checkpoint, &note, prune->config->trail, &row.note, fault);
    }
    bytes_free(&note);
    bytes_free(&row.note);
    return status;
}

static enum status open_log(struct prune *prune, const struct store_tx *tx, struct fault *fault)
{
    prune->log_tx = tx;
    prune->log_tiles = (struct audit_tile_source){.fetch = trail_tile_fetch, .context = &prune->log_tx};
    return audit_tile_tree_open(&prune->log, &prune->log_tiles, prune->checkpoint.size, &prune->checkpoint.root, fault);
}

/* An entry under the checkpoint is what its bytes say, and they are in the tree. */
static enum status is_signed(bool *out, struct prune *prune, const struct store_leaf *leaf, struct fault *fault)
{
    const struct digest *hashes = NULL;
    unsigned width = 0;
    enum status status = audit_tile_tree_tile(&hashes, &width, &prune->log, 0, leaf->seq / AUDIT_TILE_WIDTH, fault);
    *out = status == STATUS_OK && trail_leaf_is(leaf, &hashes[leaf->seq % AUDIT_TILE_WIDTH]);
    return status;
}

static enum status check_signed(struct prune *prune, const struct store_leaf *leaf, struct fault *fault)
{
    bool is = false;
    enum status status = is_signed(&is, prune, leaf, fault);
    return status == STATUS_OK && !is ? fault_set(fault, STATUS_CORRUPT, "trail",
                                                  "row %" PRIu64 " is not the entry that was signed", leaf->seq)
                                      : status;
}

static enum status read_newest(struct prune *prune, const struct store_tx *tx, struct fault *fault)
{
    struct store_leaf leaf = {0};
    enum status status = store_leaf_get(&leaf, tx, prune->checkpoint.size - 1, fault);
    if (status == STATUS_OK) {
        status = check_signed(prune, &leaf, fault);
    }
    prune->newest_utc_us = leaf.ts_utc_us;
    store_leaf_wipe(&leaf);
    return status;
}

/* What an operator may give instead. */
static enum status refuse_bound(const char *why, const struct store_tx *tx, const struct store_head *head,
                                struct fault *fault)
{
    uint64_t last = 0;
    uint64_t most = head->size < STORE_TRAIL_KEPT ? 0 : head->size - STORE_TRAIL_KEPT;
    enum status status = store_leaf_bound_last(&last, tx, most, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (last <= head->first) {
        return fault_set(fault, STATUS_INVALID, "before",
                         "%s; a partition ends at each multiple of %" PRIu64 ", and none may leave yet: of %" PRIu64
                         " entries the last %d stay",
                         why, STORE_TRAIL_PARTITION, head->size, STORE_TRAIL_KEPT);
    }
    return fault_set(fault, STATUS_INVALID, "before",
                     "%s; a partition ends at each multiple of %" PRIu64 ", the last that may leave of %" PRIu64
                     " entries at %" PRIu64,
                     why, STORE_TRAIL_PARTITION, head->size, last);
}

static enum status check_bound(struct prune *prune, const struct store_tx *tx, struct fault *fault)
{
    uint64_t before = prune->config->before;
    struct store_head head = {0};
    uint64_t bound = 0;
    enum status status = store_head_get(&head, tx, fault);
    bytes_free(&head.frontier);
    prune->first = head.first;
    if (status == STATUS_OK && before <= head.first) {
        return fault_set(fault, STATUS_EXISTS, "before", "the entries below %" PRIu64 " have left already", head.first);
    }
    if (status == STATUS_OK) {
        status = store_leaf_bound_last(&bound, tx, before, fault);
    }
    if (status == STATUS_OK && (bound != before || before % AUDIT_TILE_WIDTH != 0)) {
        return refuse_bound("no partition of the trail ends there", tx, &head, fault);
    }
    if (status == STATUS_OK && head.size < before + STORE_TRAIL_KEPT) {
        return refuse_bound("too few entries would stay", tx, &head, fault);
    }
    return status;
}

/* The archive's side. */

static enum status open_archive(struct prune *prune, struct fault *fault)
{
    const struct trail_prune_config *config = prune->config;
    enum status status = sequencer_copy_open(&prune->mirror, config->archive, config->keys, config->key_count, fault);
    if (status != STATUS_OK) {
        return status;
    }
    const struct audit_checkpoint *checkpoint = mirror_checkpoint(prune->mirror);
    const struct bytes *note = mirror_note(prune->mirror);
    if (checkpoint->size < config->before) {
        return fault_set(fault, STATUS_NOT_FOUND, "archive", "it has %" PRIu64 " entries, not %" PRIu64,
                         checkpoint->size, config->before);
    }
    digest_sha256(&prune->note, note->data, note->len);
    prune->archive_tiles = mirror_tiles(prune->mirror);
    return audit_tile_tree_open(&prune->archive, &prune->archive_tiles, checkpoint->size, &checkpoint->root, fault);
}

static enum status read_time(int64_t *out_utc_us, const struct mirror_entry *entry, struct fault *fault)
{
    struct audit_leaf leaf;
    struct audit_event event;
    enum status status = audit_leaf_parse(&leaf, entry->raw, entry->len, fault);
    if (status == STATUS_OK) {
        status = audit_event_decode(&event, leaf.event, leaf.event_len, fault);
    }
    if (status == STATUS_OK) {
        *out_utc_us = event.at_utc_us;
        audit_event_wipe(&event);
    }
    return status;
}

/* A bundle of the archive has the entries that the service's own tree has, and the archive's tree has them too. */
static enum status check_bundle(struct prune *prune, uint64_t index, struct fault *fault)
{
    struct audit_tile tile = {.index = index};
    const struct digest *ours = NULL;
    const struct digest *theirs = NULL;
    unsigned width = 0;
    struct mirror_entry entries[AUDIT_TILE_WIDTH];
    struct bytes bundle = {0};
    enum status status = audit_tile_tree_tile(&ours, &tile.width, &prune->log, 0, index, fault);
    if (status == STATUS_OK) {
        status = audit_tile_tree_tile(&theirs, &width, &prune->archive, 0, index, fault);
    }
    if (status == STATUS_OK && (width != tile.width || memcmp(ours, theirs, width * sizeof(*ours)) != 0)) {
        return fault_set(fault, STATUS_FORK, "archive", "entries %" PRIu64 " to %" PRIu64 " are others than the log's",
                         index * AUDIT_TILE_WIDTH, (index + 1) * AUDIT_TILE_WIDTH - 1);
    }
    if (status == STATUS_OK) {
        status = mirror_bundle(entries, &bundle, prune->mirror, &tile, ours, fault);
    }
    for (uint64_t i = 0; status == STATUS_OK && i < AUDIT_TILE_WIDTH; i++) {
        uint64_t seq = index * AUDIT_TILE_WIDTH + i;
        status = seq < prune->first ? STATUS_OK
                                    : trail_again_note(&prune->again, seq, entries[i].raw, entries[i].len, fault);
    }
    if (status == STATUS_OK && (index + 1) * AUDIT_TILE_WIDTH == prune->config->before) {
        status = read_time(&prune->leaving_utc_us, &entries[AUDIT_TILE_WIDTH - 1], fault);
    }
    bytes_free(&bundle);
    return status;
}

static enum status check_archive(struct prune *prune, struct fault *fault)
{
    uint64_t before = prune->config->before;
    enum status status = open_archive(prune, fault);
    for (uint64_t i = 0; status == STATUS_OK && i < before / AUDIT_TILE_WIDTH; i++) {
        status = check_bundle(prune, i, fault);
    }
    return status == STATUS_OK ? audit_tile_tree_root(&prune->root, &prune->log, before, fault) : status;
}

/* Whether they may leave. */

static enum status check_age(const struct prune *prune, struct fault *fault)
{
    char last[TIME_TEXT_SIZE];
    char from[TIME_TEXT_SIZE];
    int64_t from_utc_us = prune->leaving_utc_us + prune->config->retention_us;
    if (prune->newest_utc_us >= from_utc_us) {
        return STATUS_OK;
    }
    time_format(last, prune->leaving_utc_us);
    time_format(from, from_utc_us);
    return fault_set(fault, STATUS_CONFLICT, "before",
                     "entry %" PRIu64 ", the newest that would leave, is of %s; with retention-days %" PRId64
                     " it may when the trail has an entry of %s or later",
                     prune->config->before - 1, last, prune->config->retention_us / DAY_US, from);
}

static enum status check_withdrawals(const struct prune *prune, const struct store_tx *tx, struct fault *fault)
{
    struct uuid id;
    char text[UUID_TEXT_SIZE];
    struct fault why = {0};
    enum status status = store_withdrawal_unended(&id, tx, prune->leaving_utc_us, &why);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    uuid_format(text, &id);
    return fault_set(fault, STATUS_CONFLICT, "before", "withdrawal %s began in that time and has not ended", text);
}

static enum status check_in(struct prune *prune, const struct store_tx *tx, struct fault *fault)
{
    enum status status = check_bound(prune, tx, fault);
    if (status == STATUS_OK) {
        status = read_checkpoint(prune, tx, fault);
    }
    if (status == STATUS_OK && prune->checkpoint.size <= prune->config->before) {
        status = fault_set(fault, STATUS_NOT_READY, "checkpoint", "the newest does not cover them");
    }
    if (status == STATUS_OK) {
        status = open_log(prune, tx, fault);
    }
    if (status == STATUS_OK) {
        status = read_newest(prune, tx, fault);
    }
    if (status == STATUS_OK) {
        status = check_archive(prune, fault);
    }
    if (status == STATUS_OK) {
        status = check_age(prune, fault);
    }
    return status == STATUS_OK ? check_withdrawals(prune, tx, fault) : status;
}

static enum status check(struct prune *prune, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_begin(&tx, prune->config->reader, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = check_in(prune, tx, fault);
        store_rollback(tx);
    }
    return status;
}

/* The entry. */

static enum status make_event(struct audit_event *out, const struct prune *prune, struct fault *fault)
{
    char first[24];
    *out = (struct audit_event){.action = AUDIT_RETENTION_PRUNE,
                                .outcome = AUDIT_OUTCOME_INTENT,
                                .actor = prune->config->person,
                                .object_type = OBJECT_TYPE};
    (void)snprintf(first, sizeof(first), "%" PRIu64, prune->first);
    (void)snprintf(out->object_id, sizeof(out->object_id), "%" PRIu64, prune->config->before);
    enum status status = audit_event_fact_add(out, "first", first, fault);
    if (status == STATUS_OK) {
        status = audit_event_fact_add(out, "size", out->object_id, fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_ref_add(out, "root", &prune->root, fault);
    }
    return status == STATUS_OK ? audit_event_ref_add(out, "checkpoint", &prune->note, fault) : status;
}

static enum status tell_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct prune *prune = context;
    struct trail_ticket ticket;
    struct audit_event event;
    enum status status = make_event(&event, prune, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, prune->config->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* What the trail says of these entries so far. */
struct told {
    struct prune *prune;
    bool there;
    bool covered;
};

/*
 * Whether an entry says what this prune would: by whom, of which entries, with which root, in which archive. Whether it
 * was signed is asked when it should be (check_signed); until then nothing leaves.
 */
static bool says(const struct store_leaf *row, const struct audit_event *wanted)
{
    struct audit_event event;
    if (trail_leaf_event(&event, row, NULL) != STATUS_OK) {
        return false;
    }
    bool same = strcmp(event.actor.text, wanted->actor.text) == 0 && json_equal(event.facts, wanted->facts) == 1 &&
                json_equal(event.refs, wanted->refs) == 1;
    audit_event_wipe(&event);
    return same;
}

/* Others about the same bound may stand there, of another time or by who writes to the database: they are not it. */
static enum status find_told(struct told *told, const struct store_leaf_list *list, struct fault *fault)
{
    struct audit_event wanted;
    enum status status = make_event(&wanted, told->prune, fault);
    size_t i = 0;
    while (status == STATUS_OK && i < list->count && !says(&list->rows[i], &wanted)) {
        i++;
    }
    audit_event_wipe(&wanted);
    told->there = status == STATUS_OK && i < list->count;
    told->covered = told->there && list->rows[i].seq < told->prune->checkpoint.size;
    return told->covered ? check_signed(told->prune, &list->rows[i], fault) : status;
}

static enum status told_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct told *told = context;
    struct store_leaf_list list = {0};
    char oid[24];
    (void)snprintf(oid, sizeof(oid), "%" PRIu64, told->prune->config->before);
    const struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_RETENTION_PRUNE),
                                             .otype = OBJECT_TYPE,
                                             .oid = oid,
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_INTENT),
                                             .newest_first = true,
                                             .limit = TOLD_MAX};
    enum status status = store_leaf_list(&list, tx, &filter, fault);
    if (status == STATUS_OK) {
        status = read_checkpoint(told->prune, tx, fault);
    }
    if (status == STATUS_OK) {
        status = open_log(told->prune, tx, fault);
    }
    if (status == STATUS_OK) {
        status = find_told(told, &list, fault);
    }
    store_leaf_list_free(&list);
    return status;
}

static enum status tell(struct prune *prune, struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    struct told told = {.prune = prune};
    enum status status = store_read(prune->config->reader, told_in, &told, fault);
    if (status == STATUS_OK && !told.there) {
        status = store_transact(prune->config->app, tell_in, prune, fault);
        CRASHPOINT("prune.told");
    }
    for (int64_t left = prune->config->wait_ms; status == STATUS_OK && !told.covered; left -= LOOK_AGAIN_MS) {
        if (left <= 0) {
            return fault_set(fault, STATUS_NOT_READY, "trail",
                             "the entry that says so is under no checkpoint yet; custodyd run must be at work");
        }
        (void)nanosleep(&pause, NULL);
        status = store_read(prune->config->reader, told_in, &told, fault);
    }
    return status;
}

/* What must be remembered is told again, in parts. */
struct retelling {
    struct prune *prune;
    size_t from; /* the next one to look at */
    size_t count;
    struct store_leaf rows[RETOLD_AT_ONCE];
    bool needed[RETOLD_AT_ONCE]; /* nothing that was signed later says it */
};

static void forget_rows(struct retelling *retelling)
{
    for (size_t i = 0; i < retelling->count; i++) {
        store_leaf_wipe(&retelling->rows[i]);
    }
    retelling->count = 0;
}

/*
 * Rows that were not signed say nothing; when so many stand there, it is told once more than it must be. Of those that
 * leave with it the last one that can be is told again.
 */
static enum status is_needed(bool *out, struct prune *prune, const struct store_tx *tx, const struct store_leaf *row,
                             struct fault *fault)
{
    struct store_leaf_list later = {0};
    const struct store_leaf_filter filter = {.act = row->act,
                                             .otype = row->otype,
                                             .oid = row->oid,
                                             .outcome = row->outcome,
                                             .from_seq = row->seq + 1,
                                             .to_seq = prune->checkpoint.size,
                                             .newest_first = true,
                                             .limit = TOLD_MAX};
    enum status status = store_leaf_list(&later, tx, &filter, fault);
    bool said = false;
    for (size_t i = 0; status == STATUS_OK && i < later.count && !said; i++) {
        bool stays = later.rows[i].seq >= prune->config->before || trail_again_can(&later.rows[i]);
        status = stays ? is_signed(&said, prune, &later.rows[i], fault) : STATUS_OK;
    }
    *out = !said;
    store_leaf_list_free(&later);
    return status;
}

static enum status find_retold_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct retelling *retelling = context;
    struct prune *prune = retelling->prune;
    const struct trail_again *again = &prune->again;
    forget_rows(retelling);
    enum status status = open_log(prune, tx, fault);
    while (status == STATUS_OK && retelling->count < RETOLD_AT_ONCE &&
           retelling->from + retelling->count < again->count) {
        size_t i = retelling->count;
        status = store_leaf_get(&retelling->rows[i], tx, again->seqs[retelling->from + i], fault);
        if (status == STATUS_OK) {
            retelling->count++;
            status = check_signed(prune, &retelling->rows[i], fault);
        }
        if (status == STATUS_OK) {
            status = is_needed(&retelling->needed[i], prune, tx, &retelling->rows[i], fault);
        }
    }
    return status;
}

static enum status retell_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct retelling *retelling = context;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < retelling->count; i++) {
        if (retelling->needed[i]) {
            status = trail_again_tell(retelling->prune->config->trail, tx, &retelling->rows[i], fault);
        }
    }
    return status;
}

static enum status retell_all(struct prune *prune, struct fault *fault)
{
    struct retelling retelling = {.prune = prune};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && retelling.from < prune->again.count) {
        status = store_read(prune->config->reader, find_retold_in, &retelling, fault);
        if (status == STATUS_OK) {
            status = store_transact(prune->config->app, retell_in, &retelling, fault);
        }
        retelling.from += retelling.count;
        forget_rows(&retelling);
    }
    return status;
}

/* Once: whoever comes after it waits as long as it waits for its lock, the sequencer too. */
static enum status drop(const struct prune *prune, struct fault *fault)
{
    struct store_tx *tx = NULL;
    struct fault why = {0};
    enum status status = store_begin(&tx, prune->config->archivist, STORE_READ_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_leaf_prune(tx, prune->config->before, &why);
    CRASHPOINT("prune.dropped");
    if (status == STATUS_OK) {
        return store_commit(tx, fault);
    }
    store_rollback(tx);
    return status == STATUS_BUSY
               ? fault_set(fault, STATUS_BUSY, "trail", "somebody reads it without a pause; the same call goes on")
               : fault_set(fault, status, why.where, "%s", why.detail);
}

enum status trail_prune(uint64_t *out_first, const struct trail_prune_config *config, struct fault *fault)
{
    struct prune *prune = calloc(1, sizeof(*prune));
    if (prune == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "prune", "%s", "");
    }
    prune->config = config;
    enum status status = check(prune, fault);
    if (status == STATUS_OK) {
        status = retell_all(prune, fault);
    }
    if (status == STATUS_OK) {
        status = tell(prune, fault);
    }
    CRASHPOINT("prune.covered");
    if (status == STATUS_OK) {
        status = drop(prune, fault);
    }
    if (status == STATUS_OK) {
        *out_first = prune->first;
    }
    trail_again_free(&prune->again);
    mirror_close(prune->mirror);
    free(prune);
    return status;
}
