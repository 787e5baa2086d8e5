/*
 * The trust file, and reading files.
 */
#include "trust.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "documents.h"

enum status trust_read(struct trust *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    struct verify_trust file;
    json_t *object = NULL;
    enum status status = file_read_document(&text, path, CANON_DOCUMENT_MAX, "trust", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = canon_parse(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = document_decode(&file, DOCUMENT_TRUST, object, fault);
    }
    if (status == STATUS_OK && !log_key_read(&out->log, file.log)) {
        status = fault_set(fault, STATUS_INVALID, "log", "must be a vkey");
    }
    json_decref(object);
    bytes_free(&text);
    if (status == STATUS_OK) {
        out->chain = file.chain;
        out->first_policy = file.policy;
    }
    return status;
}
