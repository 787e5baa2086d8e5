/*
 * Receipts kept by whoever got them. What the service answers to an effect carries the proof that the trail holds its
 * entry; kept here, it shows later that a trail was cut or rewritten (custody-verify trail, with the receipts).
 */
#include "receipts.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/proof.h"
#include "base/file.h"

#define PATH_SIZE (TEXT_SIZE + 64)

enum status receipts_ready(const struct custody_options *options, struct fault *fault)
{
    struct stat info;
    if (options->receipts[0] == '\0') {
        return STATUS_OK;
    }
    if (stat(options->receipts, &info) != 0 || !S_ISDIR(info.st_mode) || access(options->receipts, W_OK | X_OK) != 0) {
        return fault_set(fault, STATUS_USAGE, "receipts", "must be a folder that you can write to: %s",
                         options->receipts);
    }
    return STATUS_OK;
}

/* Named by entry and size of the trail. A file that is there is this receipt, or says more than it. */
static enum status write_new(const char *path, const struct bytes *text, struct fault *fault)
{
    struct fault why = {0};
    enum status status = file_create(path, text, "receipts", &why);
    return status == STATUS_OK || status == STATUS_EXISTS ? STATUS_OK
                                                          : fault_set(fault, status, why.where, "%s", why.detail);
}

static enum status read_size(uint64_t *out, const struct audit_tlog_proof *proof, struct fault *fault)
{
    struct audit_note note;
    struct audit_checkpoint checkpoint;
    enum status status = audit_note_parse(&note, proof->note, proof->note_len, fault);
    if (status == STATUS_OK) {
        status = audit_checkpoint_parse(&checkpoint, note.body, note.body_len, fault);
    }
    if (status == STATUS_OK) {
        *out = checkpoint.size;
    }
    return status;
}

static enum status keep(const struct custody_options *options, const struct bytes *text, struct fault *fault)
{
    char path[PATH_SIZE];
    struct audit_tlog_proof proof = {0};
    uint64_t size = 0;
    enum status status = audit_tlog_proof_parse(&proof, text->data, text->len, fault);
    if (status == STATUS_OK) {
        status = read_size(&size, &proof, fault);
    }
    if (status == STATUS_OK) {
        (void)snprintf(path, sizeof(path), "%s/%" PRIu64 "-%" PRIu64 ".tlog-proof", options->receipts, proof.index,
                       size);
        status = write_new(path, text, fault);
    }
    audit_tlog_proof_wipe(&proof);
    return status;
}

enum status receipts_keep(const struct custody_options *options, const json_t *answer, struct fault *fault)
{
    const char *packed = json_string_value(json_object_get(answer, "receipt"));
    struct bytes text = {0};
    if (options->receipts[0] == '\0' || packed == NULL) {
        return STATUS_OK;
    }
    if (base64_decode(&text, packed, strlen(packed)) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "receipt", "what the service sent as a receipt is no base64");
    }
    enum status status = keep(options, &text, fault);
    bytes_free(&text);
    return status;
}
