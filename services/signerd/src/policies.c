/*
 * Files of signed documents, and the chain of the policy's versions in them. The files are from outside: nothing in
 * them is believed before its signatures and its place in the chain are verified.
 */
#include "signer/policies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/canon.h"
#include "base/file.h"

enum status signer_signed_read(struct signed_document *out, const char *path, size_t max, struct fault *fault)
{
    struct bytes text = {0};
    enum status status = file_read(&text, path, POLICIES_FILE_MAX, "file", fault);
    if (status != STATUS_OK) {
        return status;
    }
    json_t *object = NULL;
    status = canon_parse_relaxed(&object, text.data, text.len, POLICIES_FILE_MAX, fault);
    bytes_free(&text);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, max, "", fault);
        json_decref(object);
    }
    return status;
}

/* A fault within a document, as one of the file that holds it. */
static enum status file_fault(struct fault *fault, enum status status, const struct fault *inner, const char *path)
{
    return fault_set(fault, status, "policy", "%s: %s%s%s", path, inner->where, inner->where[0] == '\0' ? "" : ": ",
                     inner->detail);
}

static enum status first_open(struct policy *out, const char *path, const struct digest *first, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = signer_signed_read(&document, path, CANON_POLICY_MAX, &inner);
    if (status == STATUS_OK) {
        status = policy_open_first(out, &document, &inner);
        signed_document_free(&document);
    }
    if (status != STATUS_OK) {
        return file_fault(fault, status, &inner, path);
    }
    if (first != NULL && !digest_equal(&out->digest, first)) {
        policy_free(out);
        status = fault_set(fault, STATUS_MISMATCH, "policy", "%s is not the first policy of the guard", path);
    }
    return status;
}

/* Replaces the policy by its successor. */
static enum status next_open(struct policy *in_out, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct policy next = {0};
    struct fault inner = {0};
    enum status status = signer_signed_read(&document, path, CANON_POLICY_MAX, &inner);
    if (status == STATUS_OK) {
        status = policy_open_next(&next, &document, in_out, &inner);
        signed_document_free(&document);
    }
    if (status != STATUS_OK) {
        return file_fault(fault, status, &inner, path);
    }
    policy_free(in_out);
    *in_out = next; /* transferred */
    return STATUS_OK;
}

static int is_version(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static enum status folder_walk(struct policy *out, const char *path, const struct digest *first,
                               struct dirent **entries, int count, struct fault *fault)
{
    struct policy policy = {0};
    enum status status = STATUS_NOT_FOUND;
    for (int i = 0; i < count; i++) {
        char file[4096 + 256];
        (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        status = i == 0 ? first_open(&policy, file, first, fault) : next_open(&policy, file, fault);
        if (status != STATUS_OK) {
            policy_free(&policy);
            return status;
        }
    }
    *out = policy; /* transferred */
    return status == STATUS_OK ? status : fault_set(fault, status, "policy", "no *.json in %s", path);
}

static enum status folder_open(struct policy *out, const char *path, const struct digest *first, struct fault *fault)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_version, versionsort);
    if (count < 0) {
        return fault_set(fault, STATUS_IO, "policy", "could not read %s: errno %d", path, errno);
    }
    enum status status = folder_walk(out, path, first, entries, count, fault);
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum status signer_policies_open(struct policy *out, const char *path, const struct digest *first, struct fault *fault)
{
    struct stat there;
    if (stat(path, &there) != 0) {
        return fault_set(fault, STATUS_IO, "policy", "could not find %s: errno %d", path, errno);
    }
    return S_ISDIR(there.st_mode) ? folder_open(out, path, first, fault) : first_open(out, path, first, fault);
}
