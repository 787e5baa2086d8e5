/*
 * The chain of policies in files. The files are from outside: nothing in them is believed before its signatures and its
 * place in the chain are verified.
 */
#include "chain.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "commands.h"
#include "trust.h"

#define CHAIN_PATH_SIZE (TEXT_SIZE + 256)

const struct policy *chain_newest(const struct chain *chain)
{
    INVARIANT(chain->count > 0);
    return &chain->versions[chain->count - 1];
}

const struct policy *chain_find(const struct chain *chain, const struct digest *digest)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (digest_equal(&chain->versions[i].digest, digest)) {
            return &chain->versions[i];
        }
    }
    return NULL;
}

void chain_wipe(struct chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        policy_free(&chain->versions[i]);
        bytes_free(&chain->documents[i]);
    }
    free(chain->versions);
    free(chain->documents);
    *chain = (struct chain){0};
}

enum status chain_add(struct chain *chain, const struct signed_document *document, struct fault *fault)
{
    if (chain->count == CHAIN_VERSIONS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "policy", "more than %d versions", CHAIN_VERSIONS_MAX);
    }
    if (chain->versions == NULL) {
        chain->versions = calloc(CHAIN_VERSIONS_MAX, sizeof(struct policy));
    }
    if (chain->documents == NULL) {
        chain->documents = calloc(CHAIN_VERSIONS_MAX, sizeof(struct bytes));
    }
    if (chain->versions == NULL || chain->documents == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "%s", "");
    }
    struct policy *slot = &chain->versions[chain->count];
    struct bytes *bytes = &chain->documents[chain->count];
    enum status status = chain->count == 0 ? policy_open_first(slot, document, fault)
                                           : policy_open_next(slot, document, chain_newest(chain), fault);
    if (status == STATUS_OK) {
        status = bytes_copy(bytes, document->document.data, document->document.len);
        if (status != STATUS_OK) {
            policy_free(slot);
            return fault_set(fault, status, "policy", "%s", "");
        }
        chain->count++;
    }
    return status;
}

enum status chain_document(const struct chain *chain, const struct policy *version, json_t **out, struct fault *fault)
{
    INVARIANT(version >= chain->versions && version < chain->versions + chain->count);
    const struct bytes *bytes = &chain->documents[version - chain->versions];
    return canon_parse(out, bytes->data, bytes->len, CANON_POLICY_MAX, fault);
}

static enum status add_version(struct chain *chain, const char *path, struct fault *fault)
{
    struct signed_document document = {0};
    struct fault inner = {0};
    enum status status = command_read_signed(&document, path, CANON_POLICY_MAX, "policy", &inner);
    if (status == STATUS_OK) {
        status = chain_add(chain, &document, &inner);
        signed_document_free(&document);
    }
    return status == STATUS_OK ? STATUS_OK
                               : fault_set(fault, status, "policy", "%s: %s%s%s", path, inner.where,
                                           inner.where[0] == '\0' ? "" : ": ", inner.detail);
}

static int is_version(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static enum status add_folder(struct chain *chain, const char *path, struct fault *fault)
{
    struct dirent **entries = NULL;
    char file[CHAIN_PATH_SIZE];
    int count = scandir(path, &entries, is_version, versionsort);
    if (count < 0) {
        return fault_set(fault, STATUS_IO, "policy", "could not read %s: %s", path, strerror(errno));
    }
    enum status status = STATUS_OK;
    if (count == 0 || count > CHAIN_VERSIONS_MAX) {
        status = fault_set(fault, STATUS_INVALID, "policy", "must be a folder of 1 to %d *.json", CHAIN_VERSIONS_MAX);
    }
    for (int i = 0; i < count; i++) {
        if (status == STATUS_OK) {
            (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
            status = add_version(chain, file, fault);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

static enum status check_trust(const struct chain *chain, const struct custody_options *options, bool must_trust,
                               struct fault *fault)
{
    struct trust_file file;
    if (options->trust[0] == '\0' && !must_trust) {
        return STATUS_OK;
    }
    enum status status = trust_file_read(&file, options, fault);
    const struct policy *first = &chain->versions[0];
    if (status == STATUS_OK &&
        (!digest_equal(&first->digest, &file.policy) || !digest_equal(&first->chain, &file.chain))) {
        status = fault_set(fault, STATUS_MISMATCH, "policy", "the first version is not the one of the trust file");
    }
    return status;
}

enum status chain_open(struct chain *out, const struct custody_options *options, bool must_trust, struct fault *fault)
{
    struct stat there;
    struct chain chain = {0};
    enum status status = STATUS_OK;
    if (options->policy[0] == '\0' || stat(options->policy, &there) != 0) {
        status = fault_set(fault, STATUS_USAGE, "policy", "name the signed policy, or the folder of its versions");
    }
    if (status == STATUS_OK) {
        status = S_ISDIR(there.st_mode) ? add_folder(&chain, options->policy, fault)
                                        : add_version(&chain, options->policy, fault);
    }
    if (status == STATUS_OK) {
        status = check_trust(&chain, options, must_trust, fault);
    }
    if (status != STATUS_OK) {
        chain_wipe(&chain);
        return status;
    }
    *out = chain; /* transferred */
    return STATUS_OK;
}
