/*
 * Role audit: signs a checkpoint only if it extends the last one it signed (the rule of a C2SP witness, audit/extend.h,
 * applied by the log to itself).
 */
#include "audit/extend.h"
#include "base/crashpoint.h"
#include "keys.h"

struct extension {
    const struct signer *signer;
    const struct wire_checkpoint_request *request;
    struct audit_checkpoint checkpoint;
    int64_t at_utc_us;
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

static enum status extension_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct extension *extension = context;
    const struct audit_checkpoint *next = &extension->checkpoint;
    struct guard_state *state = &txn->state;
    struct guard_key key;
    enum status status = key_use_check(extension->signer, txn, &key, KEY_FOUNDING, extension->at_utc_us, fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = extension_check(txn, extension, fault);
    if (status != STATUS_OK) {
        return status;
    }
    state->size = next->size;
    state->root = next->root;
    digest_sha256(&state->note, extension->request->note.data, extension->request->note.len);
    return key_use_write(txn, KEY_FOUNDING, &key, extension->at_utc_us, fault);
}

enum status checkpoint_sign(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                            struct fault *fault)
{
    const struct bytes *note = &request->checkpoint.note;
    struct extension extension = {.signer = signer, .request = &request->checkpoint};
    enum status status = audit_checkpoint_parse(&extension.checkpoint, note->data, note->len, fault);
    if (status == STATUS_OK && strcmp(extension.checkpoint.origin, signer->log_key.name) != 0) {
        status = fault_set(fault, STATUS_MISMATCH, "note.origin", "this signer is the log's %s", signer->log_key.name);
    }
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
    struct signature signature;
    if (status == STATUS_OK) {
        status = keys_sign(signer, &signature, KEY_FOUNDING, note->data, note->len, fault);
    }
    if (status == STATUS_OK) {
        memcpy(reply->checkpoint.signature64, signature.bytes64, SIGNATURE_LEN);
    }
    return status;
}
