/*
 * The body of a checkpoint note, and opening a signed one.
 *
 * Exactly three lines. Extension lines are refused although C2SP allows them: not every cosigner's signature covers
 * them.
 */
#include "audit/checkpoint.h"

#include <inttypes.h>

#include "lines.h"

enum status audit_checkpoint_build(struct bytes *out, const struct audit_checkpoint *checkpoint, struct fault *fault)
{
    enum status status = audit_origin_check(checkpoint->origin, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (checkpoint->size > AUDIT_TREE_SIZE_MAX) {
        return fault_set(fault, STATUS_INVALID, "size", "at most 2^63-1");
    }
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append_format(&buffer, "%s\n%" PRIu64 "\n", checkpoint->origin, checkpoint->size);
    buffer_append_base64(&buffer, checkpoint->root.bytes32, sizeof(checkpoint->root.bytes32));
    buffer_append_text(&buffer, "\n");
    status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "checkpoint", "building");
}

enum status audit_checkpoint_parse(struct audit_checkpoint *out, const void *body, size_t len, struct fault *fault)
{
    struct lines lines = {.at = body, .left = len};
    struct line line[3];
    for (size_t i = 0; i < 3; i++) {
        if (!lines_next(&line[i], &lines)) {
            return fault_set(fault, STATUS_INVALID, "checkpoint", "three lines, each ended by LF");
        }
    }
    if (lines.left != 0) {
        return fault_set(fault, STATUS_INVALID, "checkpoint", "no lines after the root");
    }
    struct audit_checkpoint checkpoint = {0};
    if (line[0].len > AUDIT_ORIGIN_MAX || memchr(line[0].text, '\0', line[0].len) != NULL) {
        return fault_set(fault, STATUS_INVALID, "origin", "1 to 255 printable ASCII characters without space and +");
    }
    memcpy(checkpoint.origin, line[0].text, line[0].len);
    enum status status = audit_origin_check(checkpoint.origin, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (line_decimal(&checkpoint.size, &line[1]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "size", "decimal without leading zero, at most 2^63-1");
    }
    if (line_hash(&checkpoint.root, &line[2]) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "root", "44 characters of strict base64");
    }
    *out = checkpoint;
    return STATUS_OK;
}

enum status audit_checkpoint_open(struct audit_checkpoint *out, const void *note, size_t len,
                                  const struct audit_key *key, struct fault *fault)
{
    struct audit_note parsed;
    enum status status = audit_note_parse(&parsed, note, len, fault);
    if (status == STATUS_OK) {
        status = audit_note_verify(NULL, &parsed, key, fault);
    }
    struct audit_checkpoint checkpoint;
    if (status == STATUS_OK) {
        status = audit_checkpoint_parse(&checkpoint, parsed.body, parsed.body_len, fault);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (strcmp(checkpoint.origin, key->name) != 0) {
        return fault_set(fault, STATUS_MISMATCH, "origin", "the checkpoint is of another log than the key");
    }
    *out = checkpoint;
    return STATUS_OK;
}
