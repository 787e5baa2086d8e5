/*
 * Proofs of what is in the trail. None leaves that does not lead to the signed root: receipts are made from what the
 * sequencer keeps in memory, what outsiders are shown from a tree of its own.
 */
#include "trail.h"

#include <inttypes.h>

#include "trail_state.h"

/* STATUS_PROOF_INVALID: what `view` remembers, or what is stored, does not lead to the signed root. */
static enum status inclusion(struct audit_proof *out, struct trail_view *view, uint64_t seq,
                             const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    struct digest leaf;
    enum status status = trail_view_inclusion(out, &leaf, view, seq, checkpoint->size, fault);
    return status == STATUS_OK ? audit_inclusion_verify(out, seq, checkpoint->size, &leaf, &checkpoint->root, NULL)
                               : status;
}

/*
 * What is remembered may be of rows that were edited. It is forgotten as soon as what is stored is right again, and not
 * before: then it serves the others.
 */
enum status trail_prove_under(struct bytes *out, struct trail *trail, uint64_t seq,
                              const struct trail_checkpoint *checkpoint, struct fault *fault)
{
    struct audit_tlog_proof text = {.index = seq, .note = checkpoint->note.data, .note_len = checkpoint->note.len};
    if (seq >= checkpoint->checkpoint.size) {
        return fault_set(fault, STATUS_NOT_READY, "checkpoint", "it does not cover the entry");
    }
    enum status status = inclusion(&text.proof, trail->view, seq, &checkpoint->checkpoint, fault);
    if (status == STATUS_PROOF_INVALID) {
        status = trail_prove_inclusion(&text.proof, trail, seq, &checkpoint->checkpoint, fault);
        if (status == STATUS_OK) {
            trail_view_reset(trail->view);
        }
    }
    return status == STATUS_OK ? audit_tlog_proof_encode(out, &text, fault) : status;
}

struct audit_checkpoint trail_shown(struct trail *trail)
{
    pthread_mutex_lock(&trail->mutex);
    const struct audit_checkpoint checkpoint = trail->newest.checkpoint;
    pthread_mutex_unlock(&trail->mutex);
    return checkpoint;
}

/* What is remembered of the shown tree may be of rows that were edited, and are mended since: then it is read again. */
enum status trail_prove_inclusion(struct audit_proof *out, struct trail *trail, uint64_t seq,
                                  const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    trail_view_grow(trail->shown, checkpoint->size);
    for (int attempt = 0; attempt < 2; attempt++) {
        enum status status = inclusion(out, trail->shown, seq, checkpoint, fault);
        if (status != STATUS_PROOF_INVALID) {
            return status;
        }
        trail_view_reset(trail->shown);
    }
    return fault_set(fault, STATUS_CORRUPT, "trail", "what is stored does not lead to the signed root");
}

/*
 * Both roots are made of the same hashes as the proof. When the larger one leads to the signed root, and the proof from
 * the smaller one to it, all are those of the signed tree.
 */
static enum status consistency(struct audit_proof *out, struct trail_view *view, const uint64_t sizes[2],
                               const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    struct digest roots[2];
    struct audit_proof rest;
    enum status status = trail_view_consistency(out, view, sizes[0], sizes[1], fault);
    for (size_t i = 0; status == STATUS_OK && i < 2; i++) {
        status = trail_view_root(&roots[i], view, sizes[i], fault);
    }
    if (status == STATUS_OK) {
        status = trail_view_consistency(&rest, view, sizes[1], checkpoint->size, fault);
    }
    if (status == STATUS_OK) {
        status = audit_consistency_verify(&rest, sizes[1], &roots[1], checkpoint->size, &checkpoint->root, NULL);
    }
    return status == STATUS_OK ? audit_consistency_verify(out, sizes[0], &roots[0], sizes[1], &roots[1], NULL) : status;
}

enum status trail_prove_consistency(struct audit_proof *out, struct trail *trail, uint64_t from, uint64_t to,
                                    struct fault *fault)
{
    const uint64_t sizes[2] = {from, to};
    const struct audit_checkpoint newest = trail_shown(trail);
    if (newest.size == 0) {
        return fault_set(fault, STATUS_NOT_READY, "checkpoint", "none is known yet");
    }
    if (from < 1 || from > to) {
        return fault_set(fault, STATUS_INVALID, from < 1 ? "from" : "to", "must be a size of the log from %s on",
                         from < 1 ? "1" : "that of `from`");
    }
    if (to > newest.size) {
        return fault_set(fault, STATUS_INVALID, "to",
                         "must be a size of the log up to %" PRIu64 ", that of the newest checkpoint", newest.size);
    }
    trail_view_grow(trail->shown, newest.size);
    for (int attempt = 0; attempt < 2; attempt++) {
        enum status status = consistency(out, trail->shown, sizes, &newest, fault);
        if (status != STATUS_PROOF_INVALID) {
            return status;
        }
        trail_view_reset(trail->shown);
    }
    return fault_set(fault, STATUS_CORRUPT, "trail", "what is stored does not lead to the signed root");
}

enum status trail_tile(struct digest hashes[AUDIT_TILE_WIDTH], struct trail *trail, const struct audit_tile *tile,
                       struct fault *fault)
{
    const struct audit_checkpoint checkpoint = trail_shown(trail);
    struct fault why = {0};
    enum status status = trail_view_tile(hashes, trail->shown, tile, &checkpoint, &why);
    if (status == STATUS_CORRUPT) { /* what is remembered may be of rows that are mended since; it is forgotten now */
        fault_clear(&why);
        status = trail_view_tile(hashes, trail->shown, tile, &checkpoint, &why);
    }
    return status == STATUS_OK ? status : fault_set(fault, status, why.where, "%s", why.detail);
}
