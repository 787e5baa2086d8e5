/*
 * The signers as the other parts see them. Only translates: what is signed is judged by signerd.
 */
#include "signers.h"

#include <inttypes.h>

static enum status checkpoint_status(void *context, uint64_t *out_size, struct digest *out_root, struct fault *fault)
{
    struct service *service = context;
    struct wire_status_reply reply = {0};
    enum status status =
        wire_status(service->signers[WIRE_ROLE_AUDIT], &reply, service->options.signer_timeout_ms, fault);
    if (status == STATUS_OK) {
        *out_size = reply.size;
        *out_root = reply.root;
    }
    return status;
}

static enum status checkpoint_sign(void *context, struct checkpoint_signatures *out,
                                   const struct checkpoint_request *request, struct fault *fault)
{
    struct service *service = context;
    struct wire_checkpoint_reply reply = {0};
    struct wire_checkpoint_request asked = {.old = request->old_size, .proof_count = request->proof->count};
    enum status status = bytes_copy(&asked.note, request->note, request->note_len);
    memcpy(asked.proof, request->proof->hashes, request->proof->count * sizeof(struct digest));
    if (status == STATUS_OK) {
        status = wire_checkpoint_sign(service->signers[WIRE_ROLE_AUDIT], &reply, &asked,
                                      service->options.signer_timeout_ms, fault);
    }
    if (status == STATUS_OK) {
        out->count = reply.count;
        memcpy(out->signatures, reply.signatures, sizeof(out->signatures));
    }
    bytes_free(&asked.note);
    return status;
}

struct checkpoint_signer signers_checkpoint(struct service *service)
{
    return (struct checkpoint_signer){.status = checkpoint_status, .sign = checkpoint_sign, .context = service};
}

enum status signers_anchored(struct service *service, struct ledger_anchored *out, struct fault *fault)
{
    bool found = false;
    for (size_t i = 0; i < service->options.log_keys.count; i++) {
        struct ledger_anchored anchored;
        struct fault why = {0};
        enum status status = ledger_node_anchored(service->node, &anchored, &service->log_keys[i], &why);
        if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
        if (status == STATUS_OK && (!found || anchored.checkpoint.size > out->checkpoint.size)) {
            *out = anchored;
            found = true;
        }
    }
    return found ? STATUS_OK : fault_set(fault, STATUS_NOT_FOUND, "anchors", "none of this log");
}

static enum status anchored(void *context, struct audit_checkpoint *out, struct fault *fault)
{
    struct service *service = context;
    struct ledger_anchored newest;
    enum status status = signers_anchored(service, &newest, fault);
    if (status == STATUS_OK) {
        *out = newest.checkpoint;
    }
    return status;
}

struct checkpoint_anchors signers_anchors(struct service *service)
{
    return (struct checkpoint_anchors){.newest = anchored, .context = service};
}

static enum status sign_header(void *context, struct signature *out, const struct public_key *key, const void *header,
                               size_t len, struct fault *fault)
{
    struct service *service = context;
    struct wire_header_request request = {0};
    struct wire_header_reply reply = {0};
    struct digest key_id;
    enum status status = bytes_copy(&request.header, header, len);
    if (status == STATUS_OK) {
        status = wire_header_sign(service->signers[WIRE_ROLE_VALIDATOR], &reply, &request,
                                  service->options.signer_timeout_ms, fault);
    }
    bytes_free(&request.header);
    if (status != STATUS_OK) {
        return status;
    }
    public_key_id(&key_id, key);
    if (!digest_equal(&key_id, &reply.signature.key_id)) {
        return fault_set(fault, STATUS_UNKNOWN_KEY, "signer validator", "holds another key than the genesis names");
    }
    *out = reply.signature;
    return STATUS_OK;
}

/* The node has executed a block before the validator sees its header, so it can never be behind. */
enum status signers_check_height(struct service *service, struct fault *fault)
{
    struct wire_status_reply validator = {0};
    struct ledger_node_status node;
    struct fault why = {0};
    if (wire_status(service->signers[WIRE_ROLE_VALIDATOR], &validator, service->options.signer_timeout_ms, &why) !=
        STATUS_OK) {
        return STATUS_OK; /* without it there is no block, and when it is back it signs none that it has signed before
                           */
    }
    ledger_node_status(service->node, &node);
    if (validator.height > node.height) {
        return fault_set(fault, STATUS_ROLLBACK, "data",
                         "%s ends at height %" PRIu64 ", but the validator has signed height %" PRIu64
                         "; the folder of the ledger is lost, another one or an old copy",
                         service->options.data, node.height, validator.height);
    }
    return STATUS_OK;
}

static void audit_head(void *context, struct digest *out)
{
    const struct service *service = context;
    struct trail_checkpoint newest = {0};
    *out = (struct digest){{0}};
    if (trail_checkpoint_newest(&newest, service->trail, NULL) == STATUS_OK) {
        digest_sha256(out, newest.note.data, newest.note.len);
        bytes_free(&newest.note);
    }
}

const struct ledger_node_host *signers_node_host(struct service *service)
{
    service->node_host = (struct ledger_node_host){
        .clock = service->clock, .sign_header = sign_header, .audit_head = audit_head, .context = service};
    return &service->node_host;
}
