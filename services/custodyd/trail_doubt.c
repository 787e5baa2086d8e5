/*
 * A row against the tree that was signed, and against itself.
 */
#include "trail_doubt.h"

#include <inttypes.h>

#include "audit/leaf.h"
#include "trail_kept.h"
#include "trail_leaf.h"
#include "trail_signed.h"
#include "trail_state.h"

static const char doubt_bytes[] = "bytes";
static const char doubt_proof[] = "proof";

/* A trail that was really set back halts: then what is left is shown, and every answer says that it has halted. */
static enum status head_size_check(struct trail *trail, uint64_t head_size, uint64_t signed_size, struct fault *fault)
{
    if (head_size >= signed_size) {
        trail_mended_note(trail, TRAIL_HEAD);
        return STATUS_OK;
    }
    if (trail_is_halted(trail)) {
        return STATUS_OK;
    }
    trail_corrupt_note(trail, TRAIL_HEAD, NULL);
    return fault_set(fault, STATUS_CORRUPT, "trail", "%" PRIu64 " entries are signed, the head row says %" PRIu64,
                     signed_size, head_size);
}

enum status trail_extent_begin(struct store_tx **out, uint64_t *out_head_size, struct trail *trail, struct fault *fault)
{
    struct store_tx *tx = NULL;
    struct store_head head = {0};
    uint64_t signed_size = trail_signed_size(trail); /* before the snapshot, which may be older than the next one */
    enum status status = store_begin(&tx, trail->reader, STORE_SNAPSHOT, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_head_get(&head, tx, fault);
    bytes_free(&head.frontier);
    status = status == STATUS_OK ? head_size_check(trail, head.size, signed_size, fault) : status;
    if (status != STATUS_OK) {
        store_rollback(tx);
        return status;
    }
    *out = tx;
    *out_head_size = head.size;
    return STATUS_OK;
}

/* The bytes as those of the entry under the signed root. */
static enum status doubt_signed(const char **out, struct trail *trail, const struct audit_checkpoint *checkpoint,
                                const struct store_leaf *row, struct fault *fault)
{
    struct audit_proof proof;
    struct digest hash;
    struct fault why = {0};
    enum status status = trail_prove_inclusion(&proof, trail, row->seq, checkpoint, &why);
    if (status == STATUS_CORRUPT) {
        *out = doubt_proof;
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    audit_leaf_hash(&hash, row->raw.data, row->raw.len);
    bool same = audit_inclusion_verify(&proof, row->seq, checkpoint->size, &hash, &checkpoint->root, NULL) == STATUS_OK;
    *out = same ? "" : doubt_bytes;
    return STATUS_OK;
}

enum status trail_doubt(const char **out, struct trail *trail, const struct trail_extent *extent,
                        const struct store_leaf *row, struct fault *fault)
{
    const char *doubt = "";
    enum status status = STATUS_OK;
    if (extent->signed_to.size == 0) {
        doubt = doubt_proof;
    } else if (row->seq < extent->signed_to.size) {
        status = doubt_signed(&doubt, trail, &extent->signed_to, row, fault);
    } else if (row->seq >= extent->head_size) {
        doubt = doubt_bytes;
    }
    if (status == STATUS_OK) {
        *out = doubt[0] != '\0' || trail_leaf_is(row, &row->lh) ? doubt : "columns";
    }
    return status;
}

void trail_doubt_note(struct trail *trail, const struct store_leaf *row, const char *doubt)
{
    struct trail_doubted known;
    if (doubt != doubt_proof) {
        trail_corrupt_note(trail, row->seq, row);
        return;
    }
    enum status status =
        trail_doubted(&known, trail) ? STATUS_OK : trail_corrupt_tile(trail, row->seq / AUDIT_TILE_WIDTH, NULL);
    (void)status;
}

/* Bounds of time. */

struct beside {
    uint64_t seq;
    struct store_leaf row;
};

static enum status beside_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct beside *beside = context;
    return store_leaf_get(&beside->row, tx, beside->seq, fault);
}

/* Row `seq` is an entry from before the time, or not. */
static enum status check_side(struct trail *trail, const struct trail_extent *extent, uint64_t seq, bool early,
                              int64_t at_utc_us, struct fault *fault)
{
    struct beside beside = {.seq = seq};
    struct fault why = {0};
    const char *doubt = "";
    enum status status = store_read(trail->reader, beside_in, &beside, &why);
    if (status == STATUS_NOT_FOUND) {
        return trail_missing_check(trail, seq, fault);
    }
    status = status == STATUS_OK ? trail_doubt(&doubt, trail, extent, &beside.row, &why) : status;
    bool right = doubt[0] == '\0' && (beside.row.ts_utc_us < at_utc_us) == early;
    store_leaf_wipe(&beside.row);
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    if (doubt == doubt_proof) { /* some other row may be why */
        return trail_corrupt_tile(trail, seq / AUDIT_TILE_WIDTH, fault);
    }
    return right ? STATUS_OK : trail_corrupt_row(trail, seq, NULL, fault);
}

enum status trail_bounds_check(struct trail *trail, const struct trail_extent *extent,
                               const struct store_trail_query *query, const struct store_trail_page *page,
                               struct fault *fault)
{
    const uint64_t seqs[] = {page->from_seq, page->to_seq};
    const int64_t times[] = {query->from_utc_us, query->to_utc_us};
    uint64_t first = 0;
    if ((times[0] == 0 && times[1] == 0) || extent->signed_to.size == 0) {
        return STATUS_OK;
    }
    enum status status = trail_kept_from(&first, trail->reader, fault);
    for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
        uint64_t seq = seqs[i] > first ? seqs[i] : first;
        if (times[i] != 0 && seq > first) {
            status = check_side(trail, extent, seq - 1, true, times[i], fault);
        }
        if (status == STATUS_OK && times[i] != 0 && seq < query->before_seq) {
            status = check_side(trail, extent, seq, false, times[i], fault);
        }
    }
    return status;
}
