/*
 * Role audit: signs a checkpoint only if it extends the last one it signed (the rule of a C2SP witness, audit/extend.h,
 * applied by the log to itself).
 */
#include "audit/extend.h"
#include "base/crashpoint.h"
#include "log_keys.h"

struct extension {
    const struct signer *signer;
    const struct wire_checkpoint_request *request;
    struct audit_checkpoint checkpoint;
    int64_t at_utc_us;
    struct log_keys_signing signing;
    size_t index[LOG_KEYS_SIGNING_MAX]; /* of these keys in the guard */
    struct guard_key keys[LOG_KEYS_SIGNING_MAX];
};

/* A contradiction between two signed states is latched; a request that does not fit is only refused. */
static enum status extension_check(struct guard_txn *txn, const struct extension *extension, struct fault *fault)
{
    const struct wire_checkpoint_request *request = extension->request;
    const struct audit_remembered last = {.size = txn->state.size, .root = txn->state.root};
    struct audit_proof proof = {.count = request->proof_count};
    memcpy(proof.hashes, request->proof, request->proof_count * sizeof(proof.hashes[0]));
    switch (audit_extend(&last, request->old, &proof, &extension->checkpoint)) {
    case AUDIT_EXTENSION_SAME:
    case AUDIT_EXTENSION_PROVEN:
        return STATUS_OK;
    case AUDIT_EXTENSION_BEHIND:
        return fault_set(fault, STATUS_ROLLBACK, "note.size", "the size signed last is %llu",
                         (unsigned long long)last.size);
    case AUDIT_EXTENSION_FORK:
        return guard_txn_halt(txn, STATUS_FORK, "note.root", "another root was signed for this size", fault);
    case AUDIT_EXTENSION_ELSEWHERE:
        return fault_set(fault, STATUS_PROOF_INVALID, "old", "the size signed last is %llu",
                         (unsigned long long)last.size);
    case AUDIT_EXTENSION_UNPROVEN:
        return guard_txn_halt(txn, STATUS_PROOF_INVALID, "proof", "the checkpoint does not extend the one signed last",
                              fault);
    }
    return fault_set(fault, STATUS_INTERNAL, "note", "%s", "");
}
_Static_assert(WIRE_PROOF_MAX <= AUDIT_PROOF_MAX, "a proof fits");

/* The keys that sign it, all of them: half a checkpoint is none. */
static enum status keys_check(struct guard_txn *txn, struct extension *extension, struct fault *fault)
{
    const struct signer *signer = extension->signer;
    struct log_keys_signing *signing = &extension->signing;
    enum status status = log_keys_signing(signing, &txn->state, extension->checkpoint.size, fault);
    for (size_t i = 0; status == STATUS_OK && i < signing->count; i++) {
        size_t *index = &extension->index[i];
        INVARIANT(guard_txn_key_find(txn, index, &extension->keys[i], &signing->ids[i]) == STATUS_OK);
        status = key_use_check(signer, txn, &extension->keys[i], *index, extension->at_utc_us, fault);
    }
    return status;
}

/* Every key of the log has its origin; that of a log that was ended signs nothing any more. */
static enum status origin_check(const struct guard_state *state, const struct audit_checkpoint *checkpoint,
                                struct fault *fault)
{
    struct audit_key key;
    enum status status = audit_key_parse(&key, state->log, fault);
    return status == STATUS_OK && strcmp(checkpoint->origin, key.name) != 0
               ? fault_set(fault, STATUS_MISMATCH, "note.origin", "this signer is the log's %s", key.name)
               : status;
}

static enum status extension_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    struct extension *extension = context;
    const struct audit_checkpoint *next = &extension->checkpoint;
    struct guard_state *state = &txn->state;
    enum status status = origin_check(state, next, fault);
    status = status == STATUS_OK ? keys_check(txn, extension, fault) : status;
    status = status == STATUS_OK ? extension_check(txn, extension, fault) : status;
    if (status != STATUS_OK) {
        return status;
    }
    state->size = next->size;
    state->root = next->root;
    digest_sha256(&state->note, extension->request->note.data, extension->request->note.len);
    for (size_t i = 0; status == STATUS_OK && i < extension->signing.count; i++) {
        status = key_use_write(txn, extension->index[i], &extension->keys[i], extension->at_utc_us, fault);
    }
    return status;
}

/* Each key over the same note; in the reply each has its own place. */
static enum status extension_sign(struct signer *signer, struct wire_checkpoint_reply *out,
                                  const struct extension *extension, struct fault *fault)
{
    const struct bytes *note = &extension->request->note;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < extension->signing.count; i++) {
        struct signature signature;
        status = keys_sign(signer, &signature, extension->index[i], note->data, note->len, fault);
        if (status == STATUS_OK) {
            memcpy(out->signatures[i], signature.bytes64, SIGNATURE_LEN);
            out->count = i + 1;
        }
    }
    return status;
}

enum status checkpoint_sign(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                            struct fault *fault)
{
    const struct bytes *note = &request->checkpoint.note;
    struct extension extension = {.signer = signer, .request = &request->checkpoint};
    enum status status = audit_checkpoint_parse(&extension.checkpoint, note->data, note->len, fault);
    if (status == STATUS_OK) {
        status = keys_settle(signer, fault);
    }
    if (status == STATUS_OK) {
        status = keys_time(signer, &extension.at_utc_us, fault);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("signer.checked");
        status = guard_commit(signer->guard, extension_apply, &extension, fault);
    }
    return status == STATUS_OK ? extension_sign(signer, &reply->checkpoint, &extension, fault) : status;
}
