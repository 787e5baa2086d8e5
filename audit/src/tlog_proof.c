/*
 * Receipts: a proof and the checkpoint it leads to, in one text that can be kept in a file and checked by others'
 * tools.
 */
#include <inttypes.h>

#include "audit/proof.h"
#include "lines.h"

#define TLOG_PROOF_MAGIC "c2sp.org/tlog-proof@v1"

static enum status refuse(struct fault *fault, const char *rule)
{
    return fault_set(fault, STATUS_INVALID, "receipt", "%s", rule);
}

static enum status check_parts(const struct audit_tlog_proof *proof, struct fault *fault)
{
    if (proof->index >= AUDIT_TREE_SIZE_MAX) {
        return refuse(fault, "the index is at most 2^63-2");
    }
    if (proof->extra.len > AUDIT_TLOG_PROOF_EXTRA_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "extra", "at most %d bytes", AUDIT_TLOG_PROOF_EXTRA_MAX);
    }
    struct audit_note note;
    struct audit_checkpoint checkpoint;
    enum status status = audit_note_parse(&note, proof->note, proof->note_len, fault);
    return status == STATUS_OK ? audit_checkpoint_parse(&checkpoint, note.body, note.body_len, fault) : status;
}

enum status audit_tlog_proof_encode(struct bytes *out, const struct audit_tlog_proof *proof, struct fault *fault)
{
    INVARIANT(proof->proof.count <= AUDIT_PROOF_MAX);
    enum status status = check_parts(proof, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_text(&buffer, TLOG_PROOF_MAGIC "\n");
    if (proof->extra.len > 0) {
        buffer_append_text(&buffer, "extra ");
        buffer_append_base64(&buffer, proof->extra.data, proof->extra.len);
        buffer_append_text(&buffer, "\n");
    }
    buffer_append_format(&buffer, "index %" PRIu64 "\n", proof->index);
    for (size_t i = 0; i < proof->proof.count; i++) {
        buffer_append_base64(&buffer, proof->proof.hashes[i].bytes32, sizeof(proof->proof.hashes[i].bytes32));
        buffer_append_text(&buffer, "\n");
    }
    buffer_append_text(&buffer, "\n");
    buffer_append(&buffer, proof->note, proof->note_len);
    status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "receipt", "building");
}

/* Reads the hashes up to and including the blank line. */
static enum status read_hashes(struct audit_proof *out, struct lines *lines, struct fault *fault)
{
    struct line line;
    while (lines_next(&line, lines)) {
        if (line.len == 0) {
            return STATUS_OK;
        }
        if (out->count == AUDIT_PROOF_MAX || line_hash(&out->hashes[out->count], &line) != STATUS_OK) {
            return refuse(fault, "at most 63 hashes, each 44 characters of strict base64");
        }
        out->count++;
    }
    return refuse(fault, "a blank line stands before the checkpoint");
}

static enum status read_extra(struct bytes *out, const struct line *line, struct fault *fault)
{
    enum status status = line->len == 0 ? STATUS_INVALID : base64_decode(out, line->text, line->len);
    if (status == STATUS_OK && out->len > AUDIT_TLOG_PROOF_EXTRA_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "extra", "at most %d bytes", AUDIT_TLOG_PROOF_EXTRA_MAX);
    }
    return status == STATUS_OK ? status : fault_set(fault, status, "extra", "strict base64, not empty");
}

static enum status read_receipt(struct audit_tlog_proof *proof, struct lines *lines, struct fault *fault)
{
    struct line line;
    if (!lines_next(&line, lines) || !line_is(&line, TLOG_PROOF_MAGIC)) {
        return refuse(fault, "the first line is " TLOG_PROOF_MAGIC);
    }
    bool more = lines_next(&line, lines);
    if (more && line_drop(&line, "extra ")) {
        enum status status = read_extra(&proof->extra, &line, fault);
        if (status != STATUS_OK) {
            return status;
        }
        more = lines_next(&line, lines);
    }
    if (!more || !line_drop(&line, "index ") || line_decimal(&proof->index, &line) != STATUS_OK) {
        return refuse(fault, "an index line with a decimal without leading zero");
    }
    enum status status = read_hashes(&proof->proof, lines, fault);
    if (status != STATUS_OK) {
        return status;
    }
    proof->note = (const uint8_t *)lines->at;
    proof->note_len = lines->left;
    return check_parts(proof, fault);
}

enum status audit_tlog_proof_parse(struct audit_tlog_proof *out, const void *text, size_t len, struct fault *fault)
{
    if (len > AUDIT_TLOG_PROOF_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "receipt", "%zu bytes, at most %d", len, AUDIT_TLOG_PROOF_MAX);
    }
    struct audit_tlog_proof proof = {0};
    struct lines lines = {.at = text, .left = len};
    enum status status = read_receipt(&proof, &lines, fault);
    if (status != STATUS_OK) {
        audit_tlog_proof_wipe(&proof);
        return status;
    }
    *out = proof; /* transferred */
    return STATUS_OK;
}

void audit_tlog_proof_wipe(struct audit_tlog_proof *proof)
{
    bytes_free(&proof->extra);
    *proof = (struct audit_tlog_proof){0};
}

enum status audit_tlog_proof_verify(struct audit_proven *out, const struct audit_tlog_proof *proof,
                                    const struct audit_key *key, const void *raw, size_t raw_len, struct fault *fault)
{
    struct audit_proven proven;
    enum status status = audit_checkpoint_open(&proven.checkpoint, proof->note, proof->note_len, key, fault);
    if (status == STATUS_OK) {
        status = audit_leaf_parse(&proven.leaf, raw, raw_len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (proven.leaf.index != proof->index || strcmp(proven.leaf.origin, proven.checkpoint.origin) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "receipt", "the leaf names another index or log");
    }
    struct digest leaf_hash;
    audit_leaf_hash(&leaf_hash, raw, raw_len);
    status = audit_inclusion_verify(&proof->proof, proof->index, proven.checkpoint.size, &leaf_hash,
                                    &proven.checkpoint.root, fault);
    if (status == STATUS_OK) {
        *out = proven;
    }
    return status;
}
