/*
 * Role audit: signs a checkpoint only if it extends the last one it signed (the rule of a C2SP witness, applied by the
 * log to itself).
 */
#include "audit/proof.h"
#include "base/crashpoint.h"
#include "role.h"

struct extension {
    const struct wire_checkpoint_request *request;
    struct audit_checkpoint checkpoint;
};

static enum status consistency_check(struct guard_txn *txn, const struct extension *extension, struct fault *fault)
{
    const struct wire_checkpoint_request *request = extension->request;
    if (request->old != txn->state.size) {
        return fault_set(fault, STATUS_PROOF_INVALID, "old", "the size signed last is %llu",
                         (unsigned long long)txn->state.size);
    }
    struct audit_proof proof = {.count = request->proof_count};
    memcpy(proof.hashes, request->proof, request->proof_count * sizeof(proof.hashes[0]));
    const struct audit_checkpoint *next = &extension->checkpoint;
    if (audit_consistency_verify(&proof, txn->state.size, &txn->state.root, next->size, &next->root, NULL) !=
        STATUS_OK) {
        return guard_txn_halt(txn, STATUS_PROOF_INVALID, "proof", "the checkpoint does not extend the one signed last",
                              fault);
    }
    return STATUS_OK;
}
_Static_assert(WIRE_PROOF_MAX <= AUDIT_PROOF_MAX, "a proof fits");

static enum status extension_apply(struct guard_txn *txn, void *context, struct fault *fault)
{
    const struct extension *extension = context;
    const struct audit_checkpoint *next = &extension->checkpoint;
    struct guard_state *state = &txn->state;
    if (next->size < state->size) {
        return fault_set(fault, STATUS_ROLLBACK, "note.size", "the size signed last is %llu",
                         (unsigned long long)state->size);
    }
    if (next->size == state->size) {
        bool same = digest_equal(&next->root, &state->root);
        if (!same) {
            return guard_txn_halt(txn, STATUS_FORK, "note.root", "another root was signed for this size", fault);
        }
    } else {
        enum status status = consistency_check(txn, extension, fault);
        if (status != STATUS_OK) {
            return status;
        }
    }
    state->size = next->size;
    state->root = next->root;
    digest_sha256(&state->note, extension->request->note.data, extension->request->note.len);
    return STATUS_OK;
}

static enum status note_sign(const struct signer *signer, uint8_t out64[SIGNATURE_LEN], const struct bytes *note,
                             struct fault *fault)
{
    struct signature signature;
    CRASHPOINT("signer.remembered");
    enum status status = signer->key->sign(signer->key->context, &signature, note->data, note->len, fault);
    CRASHPOINT("signer.signed");
    if (status == STATUS_OK) {
        memcpy(out64, signature.bytes64, SIGNATURE_LEN);
    }
    return status;
}

enum status checkpoint_sign(struct signer *signer, struct wire_reply *reply, const struct wire_request *request,
                            struct fault *fault)
{
    const struct bytes *note = &request->checkpoint.note;
    struct extension extension = {.request = &request->checkpoint};
    enum status status = audit_checkpoint_parse(&extension.checkpoint, note->data, note->len, fault);
    if (status == STATUS_OK && strcmp(extension.checkpoint.origin, signer->log_key.name) != 0) {
        status = fault_set(fault, STATUS_MISMATCH, "note.origin", "this signer is the log's %s", signer->log_key.name);
    }
    if (status == STATUS_OK) {
        CRASHPOINT("signer.checked");
        status = guard_commit(signer->guard, extension_apply, &extension, fault);
    }
    return status == STATUS_OK ? note_sign(signer, reply->checkpoint.signature64, note, fault) : status;
}
