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

/* What a walk has come to. */
struct walk {
    signer_policies_visit *visit; /* NULL for none */
    void *context;
    struct policy policy; /* the newest so far; owned */
    bool begun;
};

static enum status version_open(struct walk *walk, const struct signed_document *document, struct fault *fault)
{
    struct policy next = {0};
    enum status status = walk->begun ? policy_open_next(&next, document, &walk->policy, fault)
                                     : policy_open_first(&next, document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    policy_free(&walk->policy);
    walk->policy = next; /* transferred */
    walk->begun = true;
    return walk->visit == NULL ? STATUS_OK : walk->visit(walk->context, &walk->policy, document, fault);
}

static enum status file_open(struct walk *walk, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = signer_signed_read(&document, path, CANON_POLICY_MAX, &inner);
    if (status == STATUS_OK) {
        status = version_open(walk, &document, &inner);
        signed_document_free(&document);
    }
    return status == STATUS_OK ? status : file_fault(fault, status, &inner, path);
}

static int is_version(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static enum status folder_open(struct walk *walk, const char *path, struct fault *fault)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_version, versionsort);
    if (count < 0) {
        return fault_set(fault, STATUS_IO, "policy", "could not read %s: errno %d", path, errno);
    }
    enum status status = count > 0 ? STATUS_OK : fault_set(fault, STATUS_NOT_FOUND, "policy", "no *.json in %s", path);
    for (int i = 0; i < count; i++) {
        char file[4096 + 256];
        (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        status = status == STATUS_OK ? file_open(walk, file, fault) : status;
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum status signer_policies_walk(struct policy *out, const char *path, signer_policies_visit *visit, void *context,
                                 struct fault *fault)
{
    struct stat there;
    struct walk walk = {.visit = visit, .context = context};
    if (stat(path, &there) != 0) {
        return fault_set(fault, STATUS_IO, "policy", "could not find %s: errno %d", path, errno);
    }
    enum status status = S_ISDIR(there.st_mode) ? folder_open(&walk, path, fault) : file_open(&walk, path, fault);
    if (status != STATUS_OK) {
        policy_free(&walk.policy);
        return status;
    }
    *out = walk.policy; /* transferred */
    return STATUS_OK;
}

/* The digest that the first one must have. */
static enum status first_check(void *context, const struct policy *policy, const struct signed_document *document,
                               struct fault *fault)
{
    (void)document;
    const struct digest *first = context;
    return first == NULL || policy->version != 1 || digest_equal(&policy->digest, first)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "", "it is not the first policy of the guard");
}

enum status signer_policies_open(struct policy *out, const char *path, const struct digest *first, struct fault *fault)
{
    struct digest expected;
    if (first != NULL) {
        expected = *first;
    }
    return signer_policies_walk(out, path, first_check, first == NULL ? NULL : &expected, fault);
}
