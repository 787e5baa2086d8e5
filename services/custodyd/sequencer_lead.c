/*
 * Becoming leader, and following one. A new leader believes nothing: the head row is compared with the rows, the tree,
 * the newest checkpoint, what this process knew before, and what the signer remembers.
 */
#include <inttypes.h>

#include "base/crashpoint.h"
#include "base/log.h"
#include "sequencer_core.h"
#include "trail_leaf.h"

#define TAIL 256

/* Walks the last rows: index, link and hash of each, and when it was, by its bytes. */
struct tail {
    const char *origin;
    uint64_t from;
    uint64_t next;
    struct digest last_lh;
    int64_t last_utc_us;
};

static enum status tail_row(void *context, const struct store_leaf *row, struct fault *fault)
{
    struct tail *tail = context;
    struct audit_leaf leaf;
    struct digest hash;
    if (row->seq != tail->next) {
        return fault_set(fault, STATUS_CORRUPT, "audit.leaf", "entry %" PRIu64 " is missing", tail->next);
    }
    audit_leaf_hash(&hash, row->raw.data, row->raw.len);
    bool good = audit_leaf_parse(&leaf, row->raw.data, row->raw.len, NULL) == STATUS_OK && leaf.index == row->seq &&
                strcmp(leaf.origin, tail->origin) == 0 && digest_equal(&hash, &row->lh);
    bool linked = good && (row->seq == tail->from || digest_equal(&leaf.previous, &tail->last_lh));
    struct audit_event event = {0};
    if (!linked || audit_event_decode(&event, leaf.event, leaf.event_len, NULL) != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "audit.leaf",
                         "entry %" PRIu64 " was changed: its bytes do not have its hash, place, origin or link",
                         row->seq);
    }
    tail->next++;
    tail->last_lh = hash;
    tail->last_utc_us = event.at_utc_us;
    audit_event_wipe(&event);
    return STATUS_OK;
}

static enum status verify_tail(struct trail_end *end, const struct store_tx *tx, const struct store_head *head,
                               const char *origin, struct fault *fault)
{
    uint64_t from = head->size > TAIL ? head->size - TAIL : 0;
    struct tail tail = {.origin = origin, .from = from, .next = from};
    enum status status = store_leaf_each(tx, from, tail_row, &tail, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (tail.next < head->size) {
        return fault_set(fault, STATUS_ROLLBACK, "audit.leaf",
                         "the trail ends at %" PRIu64 " entries, the head row says %" PRIu64 ": its end was cut off",
                         tail.next, head->size);
    }
    if (tail.next > head->size) {
        return fault_set(fault, STATUS_CORRUPT, "audit.head",
                         "%" PRIu64 " entries stand beyond the head row, which says %" PRIu64, tail.next - head->size,
                         head->size);
    }
    if (!digest_equal(&tail.last_lh, &head->last_lh)) {
        return fault_set(fault, STATUS_CORRUPT, "audit.head", "last_lh is not the hash of the last entry");
    }
    end->last_utc_us = tail.last_utc_us;
    return STATUS_OK;
}

/* The root from the tiles and from the frontier must both be the one of the head row. */
static enum status verify_tree(struct trail_end *end, const struct store_tx *tx, const struct store_head *head,
                               struct fault *fault)
{
    const struct audit_tile_source source = {.fetch = trail_tile_fetch, .context = &tx};
    struct digest root;
    enum status status = audit_frontier_decode(&end->frontier, head->frontier.data, head->frontier.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    audit_frontier_root(&root, &end->frontier);
    if (end->frontier.size != head->size || !digest_equal(&root, &head->root)) {
        return fault_set(fault, STATUS_CORRUPT, "audit.head", "size, root and frontier contradict each other");
    }
    status = audit_edge_load(&end->edge, head->size, &source, fault);
    struct audit_tile_reader *reader = status == STATUS_OK ? malloc(sizeof *reader) : NULL;
    if (reader == NULL) {
        return status == STATUS_OK ? fault_set(fault, STATUS_NO_MEMORY, "sequencer", "%s", "") : status;
    }
    audit_tile_reader_init(reader, &source, head->size);
    const struct audit_hash_reader hashes = audit_tile_reader_hashes(reader);
    status = audit_tree_root_read(&root, &hashes, head->size, fault);
    free(reader);
    if (status == STATUS_OK && !digest_equal(&root, &head->root)) {
        status =
            fault_set(fault, STATUS_CORRUPT, "audit.tile", "tiles and entries do not have the root of the head row");
    }
    return status;
}

static enum status verify_end(struct sequencer *sequencer, const struct store_head *head, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct trail_end *end = &sequencer->next;
    *end = (struct trail_end){.size = head->size, .root = head->root, .last_lh = head->last_lh};
    status = verify_tail(end, tx, head, trail_origin(sequencer->config.trail), fault);
    if (status == STATUS_OK) {
        status = verify_tree(end, tx, head, fault);
    }
    store_rollback(tx);
    if (status == STATUS_OK) {
        sequencer->end = *end;
    }
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

/*
 * What this process saw committed must still be so. After an unknown outcome the head is the old or the intended one;
 * when another has led since, it must at least not be shorter.
 */
static enum status compare_known(struct sequencer *sequencer, const struct store_head *head, uint64_t my_epoch,
                                 struct fault *fault)
{
    if (my_epoch == 0) {
        return STATUS_OK;
    }
    bool stayed = head->size == sequencer->end.size && digest_equal(&head->root, &sequencer->end.root);
    bool moved =
        sequencer->intended && head->size == sequencer->next.size && digest_equal(&head->root, &sequencer->next.root);
    bool mine = head->epoch == my_epoch + 1;
    if (head->epoch <= my_epoch || head->size < sequencer->end.size) {
        return fault_set(fault, STATUS_ROLLBACK, "audit.head", "the head row is older than what was committed");
    }
    if (mine && !stayed && !moved) {
        return fault_set(fault, STATUS_CORRUPT, "audit.head", "the head row was changed by somebody else");
    }
    if (sequencer->intended &&
        !stayed) { /* its numbers are used, or may be: a gap proves nothing, a number twice does */
        sequencer->own_number = sequencer->next_number;
    }
    return STATUS_OK;
}

/* Raises the epoch; its COMMIT also shows that a standby has whatever was committed before with a warning. */
static enum status take_epoch(struct sequencer *sequencer, struct store_head *out, struct fault *fault)
{
    struct store_tx *tx = NULL;
    struct store_head head = {0};
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_READ_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_head_lead(&head, tx, fault);
    if (status == STATUS_OK) {
        status = store_leaf_partitions(tx, head.size, fault);
    }
    if (status == STATUS_OK) {
        status = store_commit(tx, fault);
    } else {
        store_rollback(tx);
    }
    if (status != STATUS_OK) {
        bytes_free(&head.frontier);
        return status;
    }
    *out = head;
    return STATUS_OK;
}

/* Of what stands in the row nothing goes on but what the log's keys signed: a superuser may have added lines. */
static enum status open_row(struct audit_checkpoint *out, struct bytes *out_note, const struct store_checkpoint *row,
                            const struct trail *trail, struct fault *fault)
{
    enum status status = trail_note_read(out, out_note, trail, &row->note, fault);
    if (status == STATUS_OK && out->size != row->size) {
        bytes_free(out_note);
        return fault_set(fault, STATUS_MISMATCH, "size", "its row is of another size");
    }
    return status;
}

/* The newest checkpoint row, opened with the log key. STATUS_NOT_FOUND before the first. */
static enum status read_checkpoint(struct sequencer *sequencer, struct audit_checkpoint *out, struct bytes *out_note,
                                   struct fault *fault)
{
    struct store_tx *tx = NULL;
    struct store_checkpoint row = {0};
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct fault why = {0};
    status = store_checkpoint_newest(&row, tx, &why);
    store_rollback(tx);
    if (status == STATUS_NOT_FOUND) {
        return status;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = open_row(out, out_note, &row, sequencer->config.trail, &why);
    bytes_free(&row.note);
    if (status == STATUS_NO_MEMORY) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    return status == STATUS_OK
               ? status
               : fault_set(fault, STATUS_CORRUPT, "audit.checkpoint",
                           "the newest checkpoint, of size %" PRIu64 ", is not what the log key signed: %s", row.size,
                           why.detail);
}

/* A checkpoint that is `held`, signed by the log, must be of a beginning of this trail. */
static enum status verify_held(struct sequencer *sequencer, const struct audit_checkpoint *checkpoint,
                               const char *where, const char *held, struct fault *fault)
{
    struct digest root;
    if (checkpoint->size > sequencer->end.size) {
        return fault_set(fault, STATUS_ROLLBACK, where,
                         "a checkpoint of %" PRIu64 " entries is %s, the trail has %" PRIu64, checkpoint->size, held,
                         sequencer->end.size);
    }
    enum status status = trail_view_root(&root, trail_tree(sequencer->config.trail), checkpoint->size, fault);
    if (status == STATUS_OK && !digest_equal(&root, &checkpoint->root)) {
        status = fault_set(fault, STATUS_FORK, where, "the first %" PRIu64 " entries are not those that were %s",
                           checkpoint->size, held);
    }
    return status;
}

/* Whoever sets the database back does not set the ledger back with it. */
static enum status verify_anchor(struct sequencer *sequencer, struct fault *fault)
{
    const struct checkpoint_anchors *anchors = &sequencer->config.anchors;
    struct audit_checkpoint anchored;
    struct fault why = {0};
    if (anchors->newest == NULL) {
        return STATUS_OK;
    }
    enum status status = anchors->newest(anchors->context, &anchored, &why);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    return status == STATUS_OK ? verify_held(sequencer, &anchored, "anchor", "anchored in the ledger", fault)
                               : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Whether the lock was ours all the time. Only a COMMIT says so: a session may be cut, and a server replaced,
 * unnoticed. */
static enum status still_leads(struct sequencer *sequencer, struct fault *fault)
{
    struct store_head head = {0};
    enum status status = take_epoch(sequencer, &head, fault);
    bytes_free(&head.frontier);
    if (status == STATUS_OK && head.epoch != sequencer->epoch + 1) {
        status = fault_set(fault, STATUS_CONFLICT, "epoch", "another has led meanwhile");
    }
    return status;
}

/* Signer and ledger must not know more than the database; what they know of a leader after this one is no rollback. */
static enum status verify_outside(struct sequencer *sequencer, struct fault *fault)
{
    struct fault why = {0};
    enum status status = sequencer_guard(sequencer, &why);
    if (status == STATUS_OK) {
        status = verify_anchor(sequencer, &why);
    }
    enum status leads = status == STATUS_ROLLBACK ? still_leads(sequencer, fault) : STATUS_OK;
    if (leads != STATUS_OK || status == STATUS_OK) {
        return leads;
    }
    return fault_set(fault, status, why.where, "%s", why.detail);
}

/* The newest checkpoint must be one of this trail. */
static enum status verify_checkpoint(struct sequencer *sequencer, struct fault *fault)
{
    struct audit_checkpoint checkpoint;
    struct bytes note = {0};
    enum status status = read_checkpoint(sequencer, &checkpoint, &note, fault);
    if (status != STATUS_OK) {
        sequencer->covered = 0;
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    status = verify_held(sequencer, &checkpoint, "audit.checkpoint", "signed", fault);
    if (status == STATUS_OK) {
        sequencer->covered = checkpoint.size;
        trail_covered(sequencer->config.trail, &checkpoint, &note);
    }
    bytes_free(&note);
    return status;
}

/* Entries that agree with one another, with tiles and head, anybody can make who may write to the database. */
static enum status verify_uncovered(const struct sequencer *sequencer, const struct store_head *head,
                                    struct fault *fault)
{
    struct digest mac;
    trail_head_mac(&mac, sequencer->config.trail, head->size, &head->root, &head->last_lh);
    return head->size == sequencer->covered || digest_hmac_is(&mac, head->mac.bytes32, sizeof(head->mac.bytes32))
               ? STATUS_OK
               : fault_set(fault, STATUS_CORRUPT, "audit.head",
                           "entries %" PRIu64 " to %" PRIu64
                           " are under no checkpoint, and the head row does not bear the code under pending-key",
                           sequencer->covered, head->size - 1);
}

enum status sequencer_lead(struct sequencer *sequencer, struct fault *fault)
{
    struct store_head head = {0};
    uint64_t my_epoch = sequencer->epoch;
    enum status status = take_epoch(sequencer, &head, fault);
    if (status != STATUS_OK) {
        return status;
    }
    CRASHPOINT("sequencer.epoch-taken");
    status = compare_known(sequencer, &head, my_epoch, fault);
    if (status == STATUS_OK) {
        sequencer->intended = false;
        sequencer->epoch = head.epoch;
        sequencer->end.size = head.size; /* known from now on, also when this process is cut off before it leads */
        sequencer->end.root = head.root;
        sequencer->partition_end = (head.size / STORE_TRAIL_PARTITION + 2) * STORE_TRAIL_PARTITION;
        status = verify_end(sequencer, &head, fault);
    }
    bytes_free(&head.frontier);
    if (status == STATUS_OK) {
        trail_view_reset(trail_tree(sequencer->config.trail));
        trail_view_grow(trail_tree(sequencer->config.trail), sequencer->end.size);
        status = verify_checkpoint(sequencer, fault);
    }
    if (status == STATUS_OK) {
        status = verify_outside(sequencer, fault);
    }
    if (status == STATUS_OK) {
        status = verify_uncovered(sequencer, &head, fault);
    }
    if (status == STATUS_OK) {
        status = sequencer_tell(sequencer, fault);
    }
    if (status == STATUS_OK) {
        trail_posts_settle(sequencer->config.trail);
        heard_begin(&sequencer->heard, sequencer->end.size, &sequencer->end.last_lh, &sequencer->stopping);
    }
    if (status == STATUS_OK && sequencer->end.size == 0) {
        status = sequencer_genesis(sequencer, fault);
    }
    return status;
}

/*
 * An entry of this boot that another process sequenced counts only when it is what was enqueued. Of others nothing is
 * known here, and they may say what the list of this program does not declare.
 */
static enum status tell_event(struct sequencer *sequencer, const struct audit_event *event, uint64_t seq,
                              struct fault *fault)
{
    struct bytes pending = {0};
    struct digest digest = {{0}};
    struct fault why = {0};
    const struct uuid boot = trail_boot(sequencer->config.trail);
    if (!uuid_equal(&event->producer, &boot)) {
        return STATUS_OK;
    }
    enum status status = audit_event_encode(&pending, event, &why);
    if (status == STATUS_NO_MEMORY) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    if (status == STATUS_OK) {
        digest_sha256(&digest, pending.data, pending.len);
        bytes_free(&pending);
    }
    if (status == STATUS_OK) {
        status = trail_expects(sequencer->config.trail, &event->producer, event->producer_counter, &digest);
    }
    if (status == STATUS_OK || status == STATUS_NOT_READY) { /* the reply to its COMMIT may still be on the way */
        trail_sequenced(sequencer->config.trail, &event->producer, event->producer_counter, seq);
    } else {
        trail_falsified(seq);
    }
    return STATUS_OK;
}

static enum status tell_row(void *context, const struct store_leaf *row, struct fault *fault)
{
    struct sequencer *sequencer = context;
    struct audit_event event;
    struct fault why = {0};
    enum status status = trail_leaf_event(&event, row, &why);
    if (status != STATUS_OK) {
        return fault_set(fault, STATUS_CORRUPT, "audit.leaf", "entry %" PRIu64 " cannot be read: %s", row->seq,
                         why.detail);
    }
    status = tell_event(sequencer, &event, row->seq, fault);
    audit_event_wipe(&event);
    if (status == STATUS_OK) {
        sequencer->told = row->seq + 1;
    }
    return status;
}

enum status sequencer_tell(struct sequencer *sequencer, struct fault *fault)
{
    struct store_tx *tx = NULL;
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_SNAPSHOT, fault);
    if (status == STATUS_OK) {
        status = store_leaf_each(tx, sequencer->told, tell_row, sequencer, fault);
        store_rollback(tx);
    }
    return status;
}

/* The row of a checkpoint may be lost, entries may not: only a head behind the checkpoint was set back. */
static enum status head_check(struct sequencer *sequencer, struct fault *fault)
{
    struct store_tx *tx = NULL;
    struct store_head head = {0};
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_head_get(&head, tx, fault);
    store_rollback(tx);
    bytes_free(&head.frontier);
    if (status == STATUS_OK && head.size < sequencer->covered) {
        return fault_set(fault, STATUS_ROLLBACK, "audit.head",
                         "a checkpoint of %" PRIu64 " entries is signed, the head row says %" PRIu64,
                         sequencer->covered, head.size);
    }
    return status;
}

enum status sequencer_follow(struct sequencer *sequencer, struct fault *fault)
{
    struct audit_checkpoint checkpoint;
    struct bytes note = {0};
    enum status status = read_checkpoint(sequencer, &checkpoint, &note, fault);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && checkpoint.size <= sequencer->covered)) {
        bytes_free(&note);
        return head_check(sequencer, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = sequencer_tell(sequencer, fault);
    if (status == STATUS_OK) {
        sequencer->covered = checkpoint.size;
        trail_covered(sequencer->config.trail, &checkpoint, &note);
    }
    bytes_free(&note);
    return status;
}
