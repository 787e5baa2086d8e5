/*
 * One batch: read from pending, stamped, linked in memory, and written by one fenced statement, which is a transaction.
 * The state in memory moves only when its commit was plainly confirmed.
 */
#include <inttypes.h>

#include "base/crashpoint.h"
#include "base/log.h"
#include "sequencer_core.h"
#include "trail_leaf.h"

#define SEQUENCER_ACTOR "sequencer"
#define WAITS_LONG_US (60 * INT64_C(1000000)) /* no statement of the service takes so long */

/* What is known of an entry of the batch after it is linked. */
struct linked {
    struct uuid producer;
    uint64_t number;
};

struct batch {
    struct sequencer *sequencer;
    struct post *posts; /* taken from the queue of this process; owned */
    struct store_pending_batch pending;
    size_t taken;          /* of its rows, the first ones: they are entries, or refused */
    struct held_row waits; /* the one behind them, number 0: it need not */
    size_t count;
    size_t tile_count;
    struct store_leaf leaves[STORE_BATCH_MAX];
    struct linked linked[STORE_BATCH_MAX];
    struct digest hashes[STORE_BATCH_MAX];
    struct store_tile tiles[STORE_TILES_MAX];
};

static void batch_free(struct batch *batch)
{
    if (batch != NULL) {
        for (size_t i = 0; i < batch->count; i++) {
            bytes_free(&batch->leaves[i].raw);
        }
        posts_free(batch->posts);
        store_pending_batch_free(&batch->pending);
        free(batch);
    }
}

static enum status batch_tile(void *context, const struct audit_tile *tile,
                              const struct digest hashes[AUDIT_TILE_WIDTH], struct fault *fault)
{
    struct batch *batch = context;
    (void)fault;
    INVARIANT(batch->tile_count < STORE_TILES_MAX);
    struct store_tile *full = &batch->tiles[batch->tile_count++];
    full->level = tile->level;
    full->index = tile->index;
    memcpy(full->hashes, hashes, sizeof(full->hashes));
    return STATUS_OK;
}

/* What is linked: E, its columns, and whose event it is. */
struct entry {
    struct bytes document;
    const struct store_leaf *columns;
    struct linked linked;
    int64_t at_utc_us;
};

/* Links E after the end of the trail as it stands in sequencer->next. */
static enum status batch_link(struct batch *batch, const struct entry *entry, struct fault *fault)
{
    struct trail_end *end = &batch->sequencer->next;
    const struct audit_tile_sink sink = {.full = batch_tile, .context = batch};
    struct audit_leaf leaf = {
        .index = end->size, .previous = end->last_lh, .event = entry->document.data, .event_len = entry->document.len};
    snprintf(leaf.origin, sizeof leaf.origin, "%s", trail_origin(batch->sequencer->config.trail));
    struct store_leaf *row = &batch->leaves[batch->count];
    *row = *entry->columns;
    row->seq = end->size;
    row->ts_utc_us = entry->at_utc_us;
    enum status status = audit_leaf_build(&row->raw, &leaf, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_leaf_hash(&row->lh, row->raw.data, row->raw.len);
    batch->linked[batch->count] = entry->linked;
    batch->hashes[batch->count] = row->lh;
    batch->count++;
    end->size++;
    end->last_lh = row->lh;
    end->last_utc_us = entry->at_utc_us;
    status = audit_frontier_append(&end->frontier, &row->lh);
    return status == STATUS_OK ? audit_edge_append(&end->edge, &row->lh, &sink, fault) : status;
}

/* What becomes of a row of audit.pending. */
enum row_fate {
    ROW_FITS,
    ROW_REFUSED,
    ROW_WAITS, /* it is there, but its transaction has not ended, as far as this process knows */
};

/* Between its transaction and this batch a row lay in the database, where a superuser may have edited it. */
static enum row_fate producer_judge(const struct sequencer *sequencer, const struct audit_event *event,
                                    const struct store_pending *row)
{
    struct digest digest;
    digest_sha256(&digest, row->event.data, row->event.len);
    bool mine = uuid_equal(&event->producer, &sequencer->boot); /* own events never lie in pending */
    if (mine || !trail_wrote(sequencer->config.trail, row->since, &digest, &row->mac)) {
        return ROW_REFUSED;
    }
    enum status status = trail_expects(sequencer->config.trail, &event->producer, event->producer_counter, &digest);
    return status == STATUS_OK ? ROW_FITS : status == STATUS_NOT_READY ? ROW_WAITS : ROW_REFUSED;
}

static bool batch_has(const struct batch *batch, const struct audit_event *event)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct linked *linked = &batch->linked[i];
        if (linked->number == event->producer_counter && uuid_equal(&linked->producer, &event->producer)) {
            return true;
        }
    }
    return false;
}

/*
 * A number becomes an entry once, whoever doubles rows, also of another boot, whose row a superuser has put back; and
 * what the trail says will never come does not come, whoever kept it when its transaction was rolled back.
 */
static enum status is_settled(bool *out, struct batch *batch, const struct audit_event *event,
                              const struct store_pending *row, struct fault *fault)
{
    bool known = false;
    struct sequencer *sequencer = batch->sequencer;
    *out = batch_has(batch, event);
    if (*out || trail_remembers(sequencer->config.trail, &event->producer, event->producer_counter)) {
        return STATUS_OK; /* what is remembered was expected, and is in no batch before this one */
    }
    enum status status = heard_read(&known, &sequencer->heard, sequencer->writer, row->since, fault);
    if (status == STATUS_OK) {
        *out = !known || heard_settles(&sequencer->heard, &event->producer, event->producer_counter);
    }
    return status;
}

/* STATUS_MISMATCH: it is refused. Another failure is not the row's, and says nothing about it. */
static enum status row_check(enum row_fate *out, struct batch *batch, const struct audit_event *event,
                             const struct store_pending *row, struct fault *fault)
{
    bool settled = false;
    *out = producer_judge(batch->sequencer, event, row);
    if (*out == ROW_REFUSED) {
        return fault_set(fault, STATUS_MISMATCH, "audit.pending", "the row is not what its producer put there");
    }
    enum status status = *out == ROW_FITS ? is_settled(&settled, batch, event, row, fault) : STATUS_OK;
    if (status != STATUS_OK || !settled) {
        return status;
    }
    *out = ROW_REFUSED;
    return fault_set(fault, STATUS_MISMATCH, "audit.pending", "the row is an entry already, or will never be one");
}

/* Time never goes back in the trail. */
static struct audit_stamp batch_stamp(const struct sequencer *sequencer)
{
    int64_t now_us = clock_utc_us(sequencer->config.clock);
    int64_t last_us = sequencer->next.last_utc_us;
    return (struct audit_stamp){
        .at_utc_us = now_us > last_us ? now_us : last_us, .boot = sequencer->boot, .epoch = sequencer->epoch};
}

/*
 * `row`: where in audit.pending the event lay, NULL for one of the sequencer itself. Out: ROW_REFUSED when the failure
 * is the event's own; of one that waits nothing is linked.
 */
static enum status stamp_and_link(enum row_fate *out, struct batch *batch, const struct bytes *pending,
                                  const struct store_pending *row, struct fault *fault)
{
    const struct audit_stamp stamp = batch_stamp(batch->sequencer);
    struct store_leaf columns = {0};
    struct entry entry = {.columns = &columns, .at_utc_us = stamp.at_utc_us};
    struct audit_event event;
    enum status status = audit_event_stamp(&entry.document, &event, pending->data, pending->len, &stamp, fault);
    *out = status != STATUS_OK && status != STATUS_NO_MEMORY ? ROW_REFUSED : ROW_FITS;
    if (status == STATUS_OK) {
        status = row == NULL ? STATUS_OK : row_check(out, batch, &event, row, fault);
        bool links = status == STATUS_OK && *out == ROW_FITS;
        if (status == STATUS_OK && *out == ROW_WAITS) {
            batch->waits = (struct held_row){.number = event.producer_counter, .correlation = event.correlation};
        }
        if (links) {
            trail_leaf_project(&columns, &event);
            entry.linked = (struct linked){event.producer, event.producer_counter};
            status = batch_link(batch, &entry, fault);
        }
        if (links && status == STATUS_OK) {
            status = heard_event(&batch->sequencer->heard, &event, fault);
        }
        audit_event_wipe(&event);
        bytes_free(&entry.document);
    }
    return status;
}

static enum status post_hear(struct sequencer *sequencer, const struct post *post, const struct bytes *document,
                             struct fault *fault)
{
    struct audit_event event;
    if (!post->voids) {
        const struct uuid boot = trail_boot(sequencer->config.trail);
        return heard_number(&sequencer->heard, &boot, post->number, fault);
    }
    enum status status = audit_event_decode(&event, document->data, document->len, fault);
    if (status == STATUS_OK) {
        status = heard_event(&sequencer->heard, &event, fault);
        audit_event_wipe(&event);
    }
    return status;
}

/* An event that this process encoded and kept in its memory is not read again, unless it speaks of other numbers. */
static enum status post_link(struct batch *batch, const struct post *post, struct fault *fault)
{
    const struct audit_stamp stamp = batch_stamp(batch->sequencer);
    struct entry entry = {.columns = &post->leaf,
                          .at_utc_us = stamp.at_utc_us,
                          .linked = {trail_boot(batch->sequencer->config.trail), post->number}};
    enum status status = audit_event_splice(&entry.document, post->document.data, post->document.len, &stamp, fault);
    if (status == STATUS_OK) {
        status = batch_link(batch, &entry, fault);
        if (status == STATUS_OK) {
            status = post_hear(batch->sequencer, post, &entry.document, fault);
        }
        bytes_free(&entry.document);
    }
    return status;
}

static enum status say_follows(struct audit_event *event, const struct sequencer_follows *follows, struct fault *fault)
{
    char size[24];
    (void)snprintf(size, sizeof(size), "%" PRIu64, follows->size);
    enum status status = audit_event_ref_add(event, "command", &follows->order, fault);
    status = status == STATUS_OK ? audit_event_ref_add(event, "root", &follows->root, fault) : status;
    return status == STATUS_OK ? audit_event_fact_add(event, "size", size, fault) : status;
}

/* An event of the sequencer itself, which is a producer with the id of its boot. */
static enum status own_link(struct batch *batch, enum audit_action action, const struct digest *pending,
                            struct fault *fault)
{
    struct sequencer *sequencer = batch->sequencer;
    struct audit_event event = {.action = action,
                                .outcome = pending == NULL ? AUDIT_OUTCOME_OK : AUDIT_OUTCOME_ERROR,
                                .producer = sequencer->boot,
                                .producer_counter = ++sequencer->next_number};
    INVARIANT(name_parse(&event.actor, SEQUENCER_ACTOR) == STATUS_OK);
    struct bytes document = {0};
    enum status status = uuid_generate(&event.correlation, sequencer->config.clock);
    if (status == STATUS_OK && pending != NULL) {
        status = audit_event_ref_add(&event, "pending", pending, fault);
    }
    if (status == STATUS_OK && action == AUDIT_LOG_FORK) {
        status = say_follows(&event, sequencer->config.follows, fault);
    }
    if (status == STATUS_OK) {
        status = audit_event_encode(&document, &event, fault);
    }
    if (status == STATUS_OK) {
        enum row_fate fate = ROW_FITS;
        status = stamp_and_link(&fate, batch, &document, NULL, fault);
    }
    bytes_free(&document);
    audit_event_wipe(&event);
    return status;
}

/*
 * Whoever has the application's role can put anything into pending. What is no event, or not one that the service
 * enqueued, must neither stop the trail nor vanish: an entry names its hash.
 */
static enum status batch_entry(struct batch *batch, const struct store_pending *row, struct fault *fault)
{
    struct fault why = {0};
    enum row_fate fate = ROW_FITS;
    enum status status = stamp_and_link(&fate, batch, &row->event, row, &why);
    if (status == STATUS_OK) {
        return status;
    }
    if (fate != ROW_REFUSED) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    log_event(LOG_LEVEL_ERROR, "sequencer.refused", "where", why.where, "detail", why.detail, NULL);
    struct digest digest;
    digest_sha256(&digest, row->event.data, row->event.len);
    return own_link(batch, AUDIT_TRAIL_REFUSE, &digest, fault);
}

/*
 * Up to the first row whose transaction this process has not seen end: mostly the reply to a COMMIT is on its way, but
 * a superuser can show a row before, and let the transaction fail. Those behind it wait, too: they keep their order.
 */
static enum status batch_rows(struct batch *batch, struct fault *fault)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && batch->waits.number == 0 && batch->taken < batch->pending.count) {
        status = batch_entry(batch, &batch->pending.rows[batch->taken], fault);
        batch->taken += status == STATUS_OK && batch->waits.number == 0;
    }
    return status;
}

/* Mostly it is a reply on its way. What stays for long is told once, and when it is over. */
static void waits_note(struct sequencer *sequencer, const struct held_row *row)
{
    struct held_row *held = &sequencer->held;
    int64_t now_us = clock_monotonic_us(sequencer->config.clock);
    char number[24];
    char correlation[UUID_TEXT_SIZE];
    if (row->number != held->number) {
        if (held->told) {
            (void)snprintf(number, sizeof(number), "%" PRIu64, held->number);
            log_event(LOG_LEVEL_INFO, "sequencer.goes_on", "number", number, NULL);
        }
        *held = *row;
        held->since_us = now_us;
    }
    if (held->number == 0 || held->told || now_us - held->since_us < WAITS_LONG_US) {
        return;
    }
    held->told = true;
    (void)snprintf(number, sizeof(number), "%" PRIu64, held->number);
    uuid_format(correlation, &held->correlation);
    log_event(LOG_LEVEL_WARNING, "sequencer.waits", "number", number, "correlation", correlation, "detail",
              "the transaction of the first event that waits has not ended here; no event behind it becomes an entry",
              NULL);
}

/* Half of a batch is the posts' when they are so many: a flood of rows does not keep them waiting, nor they rows. */
static enum status batch_fill(struct batch *batch, struct fault *fault)
{
    struct sequencer *sequencer = batch->sequencer;
    struct trail *trail = sequencer->config.trail;
    size_t posts = trail_posts_take(&batch->posts, trail, STORE_BATCH_MAX / 2);
    enum status status =
        store_pending_first(&batch->pending, sequencer->writer, (unsigned)(STORE_BATCH_MAX - posts), fault);
    if (status == STATUS_OK) {
        status = batch_rows(batch, fault);
    }
    struct post **end = &batch->posts;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    if (status == STATUS_OK) {
        (void)trail_posts_take(end, trail, STORE_BATCH_MAX - posts - batch->count);
    }
    for (const struct post *post = batch->posts; status == STATUS_OK && post != NULL; post = post->next) {
        status = post_link(batch, post, fault);
    }
    return status;
}

/* What becomes of the posts of a batch that is not known to have committed. `unknown`: on which session; else NULL. */
static void batch_posts_end(struct batch *batch, const struct store_backend *unknown)
{
    struct post *posts = batch->posts;
    batch->posts = NULL;
    if (unknown == NULL) {
        trail_posts_return(batch->sequencer->config.trail, posts);
    } else {
        trail_posts_unknown(batch->sequencer->config.trail, posts, unknown);
    }
}

/* Before the entries that need them; that partitions are there early harms nothing. */
static enum status batch_partitions(const struct sequencer *sequencer, struct fault *fault)
{
    struct store_tx *tx = NULL;
    if (sequencer->next.size <= sequencer->partition_end) {
        return STATUS_OK;
    }
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_READ_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_leaf_partitions(tx, sequencer->next.size, fault);
    if (status != STATUS_OK) {
        store_rollback(tx);
        return status;
    }
    return store_commit(tx, fault);
}

static enum status batch_write(struct batch *batch, struct fault *fault)
{
    struct sequencer *sequencer = batch->sequencer;
    struct trail_end *next = &sequencer->next;
    uint8_t frontier[AUDIT_FRONTIER_BYTES_MAX];
    size_t frontier_len = 0;
    audit_frontier_root(&next->root, &next->frontier);
    audit_frontier_encode(frontier, &frontier_len, &next->frontier);
    struct store_head head = {
        .epoch = sequencer->epoch,
        .size = next->size,
        .root = next->root,
        .last_lh = next->last_lh,
        .frontier = {.data = frontier, .len = frontier_len},
    };
    trail_head_mac(&head.mac, sequencer->config.trail, head.size, &head.root, &head.last_lh);
    const struct store_extension extension = {
        .head = &head,
        .size = sequencer->end.size,
        .leaves = batch->leaves,
        .leaf_count = batch->count,
        .tiles = batch->tiles,
        .tile_count = batch->tile_count,
        .pending = batch->pending.rows,
        .pending_count = batch->taken,
    };
    return store_writer_extend(sequencer->writer, &extension, fault);
}

/* The COMMIT was confirmed: now it is so in memory too, and the trail of this process learns where its events went. */
static void batch_adopt(struct batch *batch)
{
    struct sequencer *sequencer = batch->sequencer;
    struct trail *trail = sequencer->config.trail;
    uint64_t first = sequencer->end.size;
    sequencer->end = sequencer->next;
    sequencer->own_number = sequencer->next_number;
    if (sequencer->end.size > sequencer->partition_end) {
        sequencer->partition_end = (sequencer->end.size / STORE_TRAIL_PARTITION + 2) * STORE_TRAIL_PARTITION;
    }
    trail_view_append(trail_tree(trail), first, batch->hashes, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        trail_sequenced(trail, &batch->linked[i].producer, batch->linked[i].number, first + i);
    }
    sequencer->told = sequencer->end.size;
    heard_extend(&sequencer->heard, sequencer->end.size, &sequencer->end.last_lh);
}

/* Writes and commits what was linked. */
static enum status batch_commit(struct batch *batch, struct fault *fault)
{
    struct sequencer *sequencer = batch->sequencer;
    CRASHPOINT("sequencer.taken");
    const struct store_backend backend = store_writer_backend(sequencer->writer);
    enum status status = batch_partitions(sequencer, fault);
    if (status != STATUS_OK) {
        batch_posts_end(batch, NULL);
        return status == STATUS_OUTCOME_UNKNOWN
                   ? fault_set(fault, STATUS_UNAVAILABLE, "audit.leaf", "could not make a partition")
                   : status;
    }
    status = batch_write(batch, fault);
    sequencer->intended = status == STATUS_OUTCOME_UNKNOWN;
    if (status == STATUS_OK) {
        CRASHPOINT("sequencer.committed");
        batch_adopt(batch);
    } else {
        batch_posts_end(batch, status == STATUS_OUTCOME_UNKNOWN ? &backend : NULL);
    }
    return status;
}

/* Starts a batch at the end of the trail. */
static enum status batch_begin(struct batch **out, struct sequencer *sequencer, struct fault *fault)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "sequencer", "%s", "");
    }
    batch->sequencer = sequencer;
    sequencer->next = sequencer->end;
    sequencer->next_number = sequencer->own_number;
    *out = batch;
    return STATUS_OK;
}

enum status sequencer_batch(size_t *out_count, struct sequencer *sequencer, struct fault *fault)
{
    struct batch *batch = NULL;
    enum status status = batch_begin(&batch, sequencer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = batch_fill(batch, fault);
    if (status == STATUS_OK) {
        waits_note(sequencer, &batch->waits);
    }
    if (status != STATUS_OK) {
        batch_posts_end(batch, NULL);
    } else if (batch->count > 0) {
        status = batch_commit(batch, fault);
    }
    if (status == STATUS_OK) {
        *out_count = batch->count;
    }
    batch_free(batch);
    return status;
}

enum status sequencer_genesis(struct sequencer *sequencer, struct fault *fault)
{
    struct batch *batch = NULL;
    enum status status = batch_begin(&batch, sequencer, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = own_link(batch, sequencer->config.follows == NULL ? AUDIT_LOG_GENESIS : AUDIT_LOG_FORK, NULL, fault);
    if (status == STATUS_OK) {
        status = batch_commit(batch, fault);
    }
    batch_free(batch);
    return status;
}
