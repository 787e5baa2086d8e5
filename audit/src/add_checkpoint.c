/* The request of C2SP tlog-witness by which a log asks for a cosignature. */
#include <inttypes.h>

#include "audit/witness.h"
#include "lines.h"

enum status audit_add_checkpoint_encode(struct bytes *out, const struct audit_add_checkpoint *request)
{
    struct buffer buffer;
    INVARIANT(request->proof.count <= AUDIT_PROOF_MAX);
    buffer_init(&buffer);
    buffer_append_format(&buffer, "old %" PRIu64 "\n", request->old);
    for (size_t i = 0; i < request->proof.count; i++) {
        buffer_append_base64(&buffer, request->proof.hashes[i].bytes32, sizeof(request->proof.hashes[i].bytes32));
        buffer_append_text(&buffer, "\n");
    }
    buffer_append_text(&buffer, "\n");
    buffer_append(&buffer, request->note, request->note_len);
    return buffer_finish(out, &buffer);
}

static enum status refuse(struct fault *fault, const char *where, const char *rule)
{
    return fault_set(fault, STATUS_INVALID, where, "%s", rule);
}

/* The lines up to and including the blank one. */
static enum status read_proof(struct audit_proof *out, struct lines *lines, struct fault *fault)
{
    struct line line;
    while (lines_next(&line, lines)) {
        if (line.len == 0) {
            return STATUS_OK;
        }
        if (out->count == AUDIT_PROOF_MAX || line_hash(&out->hashes[out->count], &line) != STATUS_OK) {
            return refuse(fault, "proof", "at most 63 lines, each a hash in strict base64");
        }
        out->count++;
    }
    return refuse(fault, "proof", "a blank line stands before the checkpoint");
}

enum status audit_add_checkpoint_parse(struct audit_add_checkpoint *out, const void *text, size_t len,
                                       struct fault *fault)
{
    if (len > AUDIT_ADD_CHECKPOINT_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "body", "at most %d bytes", AUDIT_ADD_CHECKPOINT_MAX);
    }
    struct audit_add_checkpoint request = {0};
    struct lines lines = {.at = text, .left = len};
    struct line line;
    if (!lines_next(&line, &lines) || !line_drop(&line, "old ") || line_decimal(&request.old, &line) != STATUS_OK) {
        return refuse(fault, "old", "the first line is old, a space and a size without leading zero");
    }
    enum status status = read_proof(&request.proof, &lines, fault);
    if (status == STATUS_OK && request.old == 0 && request.proof.count > 0) {
        status = refuse(fault, "proof", "from size 0 there is nothing to prove");
    }
    if (status != STATUS_OK) {
        return status;
    }
    request.note = (const uint8_t *)lines.at;
    request.note_len = lines.left;
    *out = request;
    return STATUS_OK;
}
