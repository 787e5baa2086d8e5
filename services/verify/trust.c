/*
 * The trust file, and reading files.
 */
#include "trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/canon.h"

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

enum status file_read(struct bytes *out, const char *path, size_t max, struct fault *fault)
{
    char block[8192];
    struct buffer buffer;
    size_t len = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fault_set(fault, STATUS_IO, path, "%s", strerror(errno));
    }
    buffer_init(&buffer);
    while ((len = fread(block, 1, sizeof(block), file)) > 0 && buffer.content.len <= max) {
        buffer_append(&buffer, block, len);
    }
    bool bad = ferror(file) != 0;
    (void)fclose(file);
    enum status status = buffer_finish(out, &buffer);
    if (status == STATUS_OK && (bad || out->len > max)) {
        bytes_free(out);
        status = fault_set(fault, bad ? STATUS_IO : STATUS_TOO_LARGE, path, "at most %zu bytes are read", max);
    }
    return status;
}

enum status trust_read(struct trust *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    struct trust_file file;
    json_t *object = NULL;
    enum status status = file_read(&text, path, CANON_DOCUMENT_MAX, fault);
    if (status != STATUS_OK) {
        return status;
    }
    text.len -= text.len > 0 && text.data[text.len - 1] == '\n' ? 1 : 0;
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
