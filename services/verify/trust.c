/*
 * The trust file, and reading files.
 */
#include "trust.h"

#include <stdio.h>
#include <string.h>

#include "base/canon.h"
#include "base/file.h"

struct trust_file {
    struct digest chain;
    char log[512];
    struct digest policy;
};

static const struct canon_field fields[] = {
    CANON_FIELD(struct trust_file, chain, CANON_HASH),
    CANON_FIELD(struct trust_file, log, CANON_TEXT),
    CANON_FIELD(struct trust_file, policy, CANON_HASH),
};

enum status trust_read(struct trust *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    struct trust_file file;
    json_t *object = NULL;
    enum status status = file_read_document(&text, path, CANON_DOCUMENT_MAX, "trust", fault);
    if (status != STATUS_OK) {
        return status;
    }
    status = canon_parse(&object, text.data, text.len, CANON_DOCUMENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(&file, sizeof(file), object, fields, sizeof(fields) / sizeof(fields[0]), "", fault);
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
