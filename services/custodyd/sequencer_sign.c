/*
 * Having the end of the trail signed, by a thread of its own. The signer judges by its own memory; what it says is
 * believed only when its signatures verify with keys of the log, and then whoever waits is released at once: the row of
 * the checkpoint may be lost, the next leader has the same size signed again.
 */
#include <inttypes.h>

#include "base/crashpoint.h"
#include "sequencer_core.h"

/* What the signer remembers must be a beginning of what was asked. */
static enum status guard_read(struct sequencer *sequencer, struct fault *fault)
{
    struct signing *signing = &sequencer->signing;
    uint64_t size = 0;
    struct digest guard_root;
    struct digest root;
    const struct checkpoint_signer *signer = &sequencer->config.signer;
    enum status status = signer->status(signer->context, &size, &guard_root, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (size > signing->asked.size) {
        return fault_set(fault, STATUS_ROLLBACK, "signer",
                         "the signer has signed %" PRIu64 " entries, the database has %" PRIu64
                         ": a newer backup or copy has the rest",
                         size, signing->asked.size);
    }
    status = trail_view_root(&root, trail_tree(sequencer->config.trail), size, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (!digest_equal(&root, &guard_root)) {
        return fault_set(fault, STATUS_FORK, "signer",
                         "the first %" PRIu64 " entries are not those that the signer has signed", size);
    }
    signing->guard_size = size;
    signing->guard_root = guard_root;
    signing->guard_known = true;
    return STATUS_OK;
}

/*
 * What leads from what was signed last to what is asked. Hashes that were pushed out of memory come from the database
 * again: a signer that is shown a false proof halts for good, so one that was made from an edited row never leaves.
 */
static enum status make_proof(struct audit_proof *out, const struct sequencer *sequencer, struct fault *fault)
{
    const struct signing *signing = &sequencer->signing;
    const struct audit_checkpoint *asked = &signing->asked;
    if (signing->guard_size == 0 || signing->guard_size >= asked->size) {
        return STATUS_OK;
    }
    struct trail_view *tree = trail_tree(sequencer->config.trail);
    for (int attempt = 0; attempt < 2; attempt++) {
        enum status status = trail_view_consistency(out, tree, signing->guard_size, asked->size, fault);
        if (status != STATUS_OK || audit_consistency_verify(out, signing->guard_size, &signing->guard_root, asked->size,
                                                            &asked->root, NULL) == STATUS_OK) {
            return status;
        }
        trail_view_reset(tree); /* it may be of rows that are mended since */
    }
    return fault_set(fault, STATUS_CORRUPT, "audit.tile",
                     "what is stored does not lead from the %" PRIu64 " entries that are signed to %" PRIu64,
                     signing->guard_size, asked->size);
}

/* Asks for the signature over the note body of what is asked. */
static enum status request_signature(struct sequencer *sequencer, struct checkpoint_signatures *out,
                                     const struct bytes *body, struct fault *fault)
{
    const struct checkpoint_signer *signer = &sequencer->config.signer;
    struct signing *signing = &sequencer->signing;
    struct audit_proof proof = {0};
    enum status status = make_proof(&proof, sequencer, fault);
    const struct checkpoint_request request = {
        .old_size = signing->guard_size, .proof = &proof, .note = body->data, .note_len = body->len};
    if (status == STATUS_OK) {
        CRASHPOINT("sequencer.sign-asked");
        signing->guard_known = false; /* whatever comes back, it may have signed */
        status = signer->sign(signer->context, out, &request, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("sequencer.signed");
    }
    return status;
}

static enum status sign_note(struct sequencer *sequencer, struct bytes *out_note, struct fault *fault)
{
    struct checkpoint_signatures signed_by;
    struct bytes body = {0};
    enum status status = audit_checkpoint_build(&body, &sequencer->signing.asked, fault);
    if (status == STATUS_OK) {
        status = request_signature(sequencer, &signed_by, &body, fault);
    }
    if (status == STATUS_OK) {
        status =
            trail_note_make(out_note, sequencer->config.trail, &body, signed_by.signatures, signed_by.count, fault);
    }
    bytes_free(&body);
    return status;
}

/*
 * A signer that hung may carry out a request that was given up long ago after it has said what it remembers, and then
 * refuse the next one, which builds on what it said; so it does when another leader has asked it meanwhile. Neither is
 * a contradiction: what it remembers now decides.
 */
static enum status refusal_judge(struct sequencer *sequencer, enum status refusal, struct fault *fault)
{
    struct signing *signing = &sequencer->signing;
    struct fault why = {0};
    uint64_t before = signing->guard_size;
    if (refusal != STATUS_PROOF_INVALID) {
        return refusal;
    }
    enum status now = guard_read(sequencer, &why);
    if (now == STATUS_OK && signing->guard_size == before) {
        return refusal;
    }
    fault_clear(fault);
    return now == STATUS_OK ? fault_set(fault, STATUS_BUSY, "signer", "it was still at work on an earlier request")
                            : fault_set(fault, now, why.where, "%s", why.detail);
}

/* The work of the thread on one request. */
static enum status signing_work(struct sequencer *sequencer, struct fault *fault)
{
    struct signing *signing = &sequencer->signing;
    struct bytes released = {0};
    enum status status = signing->guard_known ? STATUS_OK : guard_read(sequencer, fault);
    if (status == STATUS_OK) {
        status = sign_note(sequencer, &signing->note, fault);
        status = status == STATUS_OK ? status : refusal_judge(sequencer, status, fault);
    }
    if (status == STATUS_OK) {
        signing->guard_size = signing->asked.size;
        signing->guard_root = signing->asked.root;
        signing->guard_known = true;
        status = bytes_copy(&released, signing->note.data, signing->note.len);
    }
    if (status == STATUS_OK) {
        trail_covered(sequencer->config.trail, &signing->asked, &released);
    }
    return status;
}

static void *signing_run(void *context)
{
    struct sequencer *sequencer = context;
    struct signing *signing = &sequencer->signing;
    pthread_mutex_lock(&signing->mutex);
    for (;;) {
        while (!signing->ending && (!signing->busy || signing->done)) {
            pthread_cond_wait(&signing->changed, &signing->mutex);
        }
        if (signing->ending) {
            break;
        }
        pthread_mutex_unlock(&signing->mutex);
        fault_clear(&signing->fault);
        signing->status = signing_work(sequencer, &signing->fault);
        pthread_mutex_lock(&signing->mutex);
        signing->done = true;
        pthread_cond_broadcast(&signing->changed);
        trail_wake(sequencer->config.trail);
    }
    pthread_mutex_unlock(&signing->mutex);
    return NULL;
}

enum status signing_start(struct sequencer *sequencer, struct fault *fault)
{
    struct signing *signing = &sequencer->signing;
    snprintf(signing->asked.origin, sizeof signing->asked.origin, "%s", trail_origin(sequencer->config.trail));
    pthread_mutex_init(&signing->mutex, NULL);
    pthread_cond_init(&signing->changed, NULL);
    if (pthread_create(&signing->thread, NULL, signing_run, sequencer) != 0) {
        pthread_cond_destroy(&signing->changed);
        pthread_mutex_destroy(&signing->mutex);
        return fault_set(fault, STATUS_NO_MEMORY, "sequencer", "could not start the thread");
    }
    signing->started = true;
    return STATUS_OK;
}

void signing_stop(struct sequencer *sequencer)
{
    struct signing *signing = &sequencer->signing;
    if (!signing->started) {
        return;
    }
    pthread_mutex_lock(&signing->mutex);
    signing->ending = true;
    pthread_cond_broadcast(&signing->changed);
    pthread_mutex_unlock(&signing->mutex);
    pthread_join(signing->thread, NULL);
    pthread_cond_destroy(&signing->changed);
    pthread_mutex_destroy(&signing->mutex);
    bytes_free(&signing->note);
}

enum status sequencer_guard(struct sequencer *sequencer, struct fault *fault)
{
    sequencer->signing.asked.size = sequencer->end.size;
    sequencer->signing.asked.root = sequencer->end.root;
    return guard_read(sequencer, fault);
}

void sequencer_sign(struct sequencer *sequencer)
{
    struct signing *signing = &sequencer->signing;
    pthread_mutex_lock(&signing->mutex);
    if (!signing->busy) {
        signing->asked.size = sequencer->end.size;
        signing->asked.root = sequencer->end.root;
        signing->busy = true;
        pthread_cond_broadcast(&signing->changed);
    }
    pthread_mutex_unlock(&signing->mutex);
}

static enum status keep_checkpoint(struct sequencer *sequencer, struct fault *fault)
{
    struct signing *signing = &sequencer->signing;
    const struct store_checkpoint row = {
        .size = signing->asked.size, .note = signing->note, .signed_at_utc_us = clock_utc_us(sequencer->config.clock)};
    sequencer->covered = signing->asked.size;
    enum status status = store_writer_checkpoint(sequencer->writer, &row, fault);
    CRASHPOINT("sequencer.checkpoint-kept");
    return status;
}

enum status sequencer_signed(bool *out_signed, struct sequencer *sequencer, bool wait, struct fault *fault)
{
    struct signing *signing = &sequencer->signing;
    pthread_mutex_lock(&signing->mutex);
    while (wait && signing->busy && !signing->done) {
        pthread_cond_wait(&signing->changed, &signing->mutex);
    }
    *out_signed = signing->done;
    pthread_mutex_unlock(&signing->mutex);
    if (!*out_signed) {
        return STATUS_OK;
    }
    enum status status = signing->status;
    if (status == STATUS_OK) {
        status = keep_checkpoint(sequencer, fault);
    } else {
        (void)fault_set(fault, status, signing->fault.where, "%s", signing->fault.detail);
    }
    bytes_free(&signing->note);
    pthread_mutex_lock(&signing->mutex);
    signing->busy = false;
    signing->done = false;
    pthread_mutex_unlock(&signing->mutex);
    return status;
}
