/*
 * Having the end of the trail signed. The signer judges by its own memory; what it says is believed only when its
 * signature verifies with the log key.
 */
#include <inttypes.h>

#include "base/crashpoint.h"
#include "sequencer_core.h"

enum status sequencer_guard(struct sequencer *sequencer, struct fault *fault)
{
    uint64_t size = 0;
    struct digest guard_root;
    struct digest root;
    const struct checkpoint_signer *signer = &sequencer->config.signer;
    enum status status = signer->status(signer->context, &size, &guard_root, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (size > sequencer->end.size) {
        return fault_set(fault, STATUS_ROLLBACK, "signer",
                         "the signer has signed %" PRIu64 " entries, the database has %" PRIu64
                         ": it was set back, or its end was cut off",
                         size, sequencer->end.size);
    }
    status = trail_view_root(&root, trail_tree(sequencer->config.trail), size, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&root, &guard_root)) {
        return fault_set(fault, STATUS_FORK, "signer",
                         "the first %" PRIu64 " entries are not those that the signer has signed", size);
    }
    sequencer->guard_size = size;
    sequencer->guard_root = guard_root;
    sequencer->guard_known = true;
    return STATUS_OK;
}

/* Asks for the signature over the note body of the end of the trail. */
static enum status request_signature(struct sequencer *sequencer, uint8_t out64[SIGNATURE_LEN],
                                     const struct bytes *body, struct fault *fault)
{
    const struct checkpoint_signer *signer = &sequencer->config.signer;
    struct audit_proof proof = {0};
    enum status status = STATUS_OK;
    if (sequencer->guard_size > 0 && sequencer->guard_size < sequencer->end.size) {
        status = trail_view_consistency(&proof, trail_tree(sequencer->config.trail), sequencer->guard_size,
                                        sequencer->end.size, fault);
    }
    const struct checkpoint_request request = {
        .old_size = sequencer->guard_size, .proof = &proof, .note = body->data, .note_len = body->len};
    if (status == STATUS_OK) {
        CRASHPOINT("sequencer.sign-asked");
        sequencer->guard_known = false; /* whatever comes back, it may have signed */
        status = signer->sign(signer->context, out64, &request, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("sequencer.signed");
        status = signature_verify(&trail_key(sequencer->config.trail)->public_key, out64, body->data, body->len, fault);
    }
    return status;
}

static enum status keep_checkpoint(struct sequencer *sequencer, const struct bytes *note, struct fault *fault)
{
    const struct store_checkpoint row = {
        .size = sequencer->end.size, .note = *note, .signed_at_utc_us = clock_utc_us(sequencer->config.clock)};
    struct store_tx *tx = NULL;
    enum status status = store_writer_begin(&tx, sequencer->writer, STORE_READ_WRITE, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_checkpoint_put(tx, &row, fault);
    if (status != STATUS_OK) {
        store_rollback(tx);
        return status;
    }
    status = store_commit(tx, fault);
    CRASHPOINT("sequencer.checkpoint-kept");
    return status == STATUS_OK ? store_writer_notify_covered(sequencer->writer, fault) : status;
}

static enum status sign_note(struct sequencer *sequencer, struct bytes *out_note, struct fault *fault)
{
    const struct audit_key *key = trail_key(sequencer->config.trail);
    struct audit_checkpoint checkpoint = {.size = sequencer->end.size, .root = sequencer->end.root};
    snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", key->name);
    uint8_t sig64[SIGNATURE_LEN];
    struct bytes body = {0};
    enum status status = audit_checkpoint_build(&body, &checkpoint, fault);
    if (status == STATUS_OK) {
        status = request_signature(sequencer, sig64, &body, fault);
    }
    if (status == STATUS_OK) {
        status = audit_note_assemble(out_note, body.data, body.len, key, sig64, fault);
    }
    bytes_free(&body);
    return status;
}

enum status sequencer_sign(struct sequencer *sequencer, struct fault *fault)
{
    struct bytes note = {0};
    enum status status = sequencer->guard_known ? STATUS_OK : sequencer_guard(sequencer, fault);
    if (status == STATUS_OK) {
        status = sign_note(sequencer, &note, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    sequencer->guard_size = sequencer->end.size;
    sequencer->guard_root = sequencer->end.root;
    sequencer->guard_known = true;
    status = keep_checkpoint(sequencer, &note, fault);
    if (status == STATUS_OK) {
        struct audit_checkpoint checkpoint = {.size = sequencer->end.size, .root = sequencer->end.root};
        snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", trail_key(sequencer->config.trail)->name);
        sequencer->covered = sequencer->end.size;
        trail_covered(sequencer->config.trail, &checkpoint, &note);
    }
    bytes_free(&note);
    return status;
}
