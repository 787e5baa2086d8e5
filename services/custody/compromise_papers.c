/*
 * What is known of our keys: papers from a folder and from the service, each verified before it counts. First the key
 * documents, then what is bound to them by digest or by key.
 */
#include <fts.h>
#include <stdlib.h>

#include "base/file.h"
#include "client.h"
#include "commands.h"
#include "compromise.h"
#include "policy/attestation.h"

#define PAPERS_MAX 8192

/* A file or a part of an answer: a signed document, or the bytes of a transcript. */
struct paper {
    struct signed_document signed_paper; /* owned */
    struct bytes plain;                  /* owned */
    char from[TEXT_SIZE];
};

struct collection {
    struct paper *papers; /* owned */
    size_t count;
    const struct chain *chain;
    struct known_keys keys;
    FILE *told;
};

static enum status paper_add(struct collection *collection, struct paper *paper, struct fault *fault)
{
    struct paper *grown = realloc(collection->papers, (collection->count + 1) * sizeof(*grown));
    if (grown == NULL || collection->count == PAPERS_MAX) {
        collection->papers = grown == NULL ? collection->papers : grown;
        return fault_set(fault, grown == NULL ? STATUS_NO_MEMORY : STATUS_TOO_LARGE, "papers", "too many files");
    }
    collection->papers = grown;
    collection->papers[collection->count++] = *paper; /* transferred */
    *paper = (struct paper){0};
    return STATUS_OK;
}

static void paper_wipe(struct paper *paper)
{
    signed_document_free(&paper->signed_paper);
    bytes_free(&paper->plain);
}

/* A file that is no paper of a key is none of our business. */
static enum status read_file(struct collection *collection, const char *path, struct fault *fault)
{
    struct paper paper = {0};
    struct fault none = {0};
    struct bytes text = {0};
    json_t *object = NULL;
    enum status status = STATUS_OK;
    (void)snprintf(paper.from, sizeof(paper.from), "%s", path);
    if (file_read_document(&text, path, 4 * CANON_DOCUMENT_MAX, "papers", &none) != STATUS_OK) {
        (void)fprintf(collection->told, "not read: %s: %s\n", path, none.detail);
        return STATUS_OK;
    }
    bool json = canon_parse_relaxed(&object, text.data, text.len, 4 * CANON_DOCUMENT_MAX, &none) == STATUS_OK;
    if (json && json_object_get(object, "signatures") != NULL) {
        json = signed_document_decode(&paper.signed_paper, object, CANON_DOCUMENT_MAX, "", &none) == STATUS_OK;
    } else if (json) {
        json = json_object_get(object, "steps") != NULL;
        paper.plain = text; /* transferred */
        text = (struct bytes){0};
    }
    status = json ? paper_add(collection, &paper, fault) : STATUS_OK;
    paper_wipe(&paper);
    bytes_free(&text);
    json_decref(object);
    return status;
}

static bool is_json(const FTSENT *entry)
{
    const char *ending = strrchr(entry->fts_name, '.');
    return entry->fts_info == FTS_F && ending != NULL && strcmp(ending, ".json") == 0;
}

static enum status read_folder(struct collection *collection, const char *path, struct fault *fault)
{
    char copy[TEXT_SIZE];
    enum status status = STATUS_OK;
    (void)snprintf(copy, sizeof(copy), "%s", path);
    char *const roots[] = {copy, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry = tree == NULL ? NULL : fts_read(tree);
    if (entry == NULL || entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR) {
        status = fault_set(fault, STATUS_INVALID, "papers", "could not read the folder %s", path);
    }
    for (; status == STATUS_OK && entry != NULL; entry = fts_read(tree)) {
        status = is_json(entry) ? read_file(collection, entry->fts_accpath, fault) : STATUS_OK;
    }
    if (tree != NULL) {
        (void)fts_close(tree);
    }
    return status;
}

/* What the service has of one key. */
static enum status read_served_key(struct collection *collection, const char *id, const struct custody_options *options,
                                   struct fault *fault)
{
    char path[160];
    json_t *answer = NULL;
    struct digest parsed;
    if (digest_parse(&parsed, id) != STATUS_OK) {
        return STATUS_OK;
    }
    (void)snprintf(path, sizeof(path), "/v1/keys/%s", id);
    const struct client_call call = {.method = "GET", .path = path};
    struct fault none = {0};
    if (client_json(&answer, options, &call, &none) != STATUS_OK) {
        (void)fprintf(collection->told, "not served: the papers of %s: %s\n", id, none.detail);
        return STATUS_OK;
    }
    const json_t *key = json_object_get(answer, "key");
    const json_t *transcript = json_object_get(key, "ceremony");
    struct paper paper = {0};
    enum status status = STATUS_OK;
    (void)snprintf(paper.from, sizeof(paper.from), "the service, %s", id);
    struct paper other = paper;
    if (signed_document_decode(&paper.signed_paper, json_object_get(key, "document"), CANON_DOCUMENT_MAX, "", &none) ==
        STATUS_OK) {
        status = paper_add(collection, &paper, fault);
    }
    if (status == STATUS_OK && json_is_string(transcript)) {
        status = bytes_copy(&other.plain, json_string_value(transcript), json_string_length(transcript));
        status = status == STATUS_OK ? paper_add(collection, &other, fault) : status;
    }
    paper_wipe(&paper);
    paper_wipe(&other);
    json_decref(answer);
    return status;
}

static enum status read_served(struct collection *collection, json_t **out_rows, const struct custody_options *options,
                               struct fault *fault)
{
    const struct client_call call = {.method = "GET", .path = "/v1/keys"};
    json_t *answer = NULL;
    json_t *row = NULL;
    size_t i = 0;
    struct fault why = {0};
    enum status status = client_json(&answer, options, &call, &why);
    if (status != STATUS_OK) {
        (void)fprintf(collection->told, "the service does not say which keys there are: %s\n", why.detail);
        return options->papers[0] == '\0' ? fault_set(fault, status, why.where, "%s", why.detail) : STATUS_OK;
    }
    collection->keys.served = true;
    json_array_foreach(json_object_get(answer, "keys"), i, row)
    {
        char id[SERVICE_TEXT_SIZE];
        status = status == STATUS_OK
                     ? read_served_key(collection, command_service_text(id, row, "key_id"), options, fault)
                     : status;
    }
    *out_rows = json_incref(json_object_get(answer, "keys"));
    json_decref(answer);
    return status;
}

/* Key documents. */

static struct known_key *find_key(const struct known_keys *keys, const struct digest *id)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (digest_equal(&keys->list[i].papers.key.key_id, id)) {
            return &keys->list[i];
        }
    }
    return NULL;
}

static enum status key_add(struct collection *collection, struct key_papers *papers, struct fault *fault)
{
    struct known_keys *keys = &collection->keys;
    struct known_key *known = find_key(keys, &papers->key.key_id);
    if (known != NULL) { /* of two documents of one key the later one counts */
        if (papers->key.issued_at > known->papers.key.issued_at) {
            papers_wipe(&known->papers);
            known->papers = *papers; /* transferred */
            *papers = (struct key_papers){0};
        }
        return STATUS_OK;
    }
    struct known_key *grown = realloc(keys->list, (keys->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "papers", "keys");
    }
    keys->list = grown;
    known = &grown[keys->count++];
    *known = (struct known_key){.papers = *papers, .token_count = 1, .tokens = {papers->key.token}}; /* transferred */
    *papers = (struct key_papers){0};
    return STATUS_OK;
}

static enum status take_key(struct collection *collection, const struct paper *paper, struct fault *fault)
{
    const struct bytes *document = &paper->signed_paper.document;
    struct key_papers papers = {0};
    struct fault why = {0};
    if (key_document_decode(&papers.key, document->data, document->len, NULL) != STATUS_OK) {
        return STATUS_OK; /* another kind of paper */
    }
    key_document_digest(&papers.digest, document->data, document->len);
    enum status status = signed_document_copy(&papers.document, &paper->signed_paper);
    if (status == STATUS_OK && papers_verify(&papers, collection->chain, &why) != STATUS_OK) {
        (void)fprintf(collection->told, "left out: %s: %s: %s\n", paper->from, why.where, why.detail);
    } else if (status == STATUS_OK) {
        status = key_add(collection, &papers, fault);
    }
    papers_wipe(&papers);
    return status;
}

/* What is bound to a key. */

static void take_ceremony(struct known_key *key, const struct collection *collection, const struct paper *paper)
{
    struct digest digest;
    struct fault why = {0};
    ceremony_digest(&digest, paper->plain.data, paper->plain.len);
    if (key->has_ceremony || !digest_equal(&digest, &key->papers.key.ceremony)) {
        return;
    }
    const struct policy *policy = chain_find(collection->chain, &key->papers.key.policy);
    if (ceremony_verify(&key->ceremony, paper->plain.data, paper->plain.len, policy, &why) == STATUS_OK) {
        key->has_ceremony = true;
    } else {
        (void)fprintf(collection->told, "left out: %s: %s: %s\n", paper->from, why.where, why.detail);
    }
}

static void take_backup(struct known_key *key, const struct paper *paper)
{
    const struct signed_document *document = &paper->signed_paper;
    struct digest digest;
    backup_digest(&digest, document->document.data, document->document.len);
    if (!key->has_backup && digest_equal(&digest, &key->papers.key.backup_document)) {
        key->has_backup = backup_verify(&key->backup, document, NULL) == STATUS_OK;
    }
}

static void take_restore(struct known_key *key, const struct collection *collection, const struct paper *paper)
{
    const struct bytes *document = &paper->signed_paper.document;
    struct restore restore;
    struct fault why = {0};
    if (restore_decode(&restore, document->data, document->len, NULL) != STATUS_OK ||
        !digest_equal(&restore.key, &key->papers.key.key_id) || key->token_count == COMPROMISE_TOKENS_MAX) {
        return;
    }
    const struct policy *policy = chain_find(collection->chain, &restore.policy);
    const struct restore_context context = {.policy = policy,
                                            .key = &key->papers.key.key,
                                            .token = &key->papers.key.token,
                                            .backup = key->has_backup ? &key->backup : NULL,
                                            .backup_digest = &key->papers.key.backup_document};
    if (policy == NULL || restore_verify(&restore, &paper->signed_paper, &context, &why) != STATUS_OK) {
        (void)fprintf(collection->told, "left out: %s: %s: %s\n", paper->from, why.where, why.detail);
        return;
    }
    key->tokens[key->token_count++] = restore.token;
}

/* The PIN of the token where the founding key of the set was born opens every key on it. */
static void take_pin(struct collection *collection, const struct paper *paper)
{
    const struct policy *policy = chain_newest(collection->chain);
    struct share_set set;
    struct known_keys *keys = &collection->keys;
    if (share_set_verify(&set, &paper->signed_paper, policy, policy->issued_at, NULL) != STATUS_OK) {
        return;
    }
    const struct known_key *founding = find_key(keys, &set.key);
    for (size_t i = 0; founding != NULL && i < keys->count; i++) {
        struct known_key *key = &keys->list[i];
        if (token_identity_same_device(&key->papers.key.token, &founding->papers.key.token) &&
            (!key->has_pin || key->pin.version < set.version)) {
            key->pin = set;
            key->has_pin = true;
        }
    }
}

typedef void bind_paper(struct known_key *key, const struct collection *collection, const struct paper *paper);

static void bind_backup(struct known_key *key, const struct collection *collection, const struct paper *paper)
{
    (void)collection;
    take_backup(key, paper);
}

/* Backups before restore proofs, which are held against them. */
static void bind_all(struct collection *collection)
{
    static const struct {
        bool plain;
        bind_paper *bind;
    } kinds[] = {{true, take_ceremony}, {false, bind_backup}, {false, take_restore}};
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (size_t i = 0; i < collection->count; i++) {
            const struct paper *paper = &collection->papers[i];
            for (size_t k = 0; k < collection->keys.count && kinds[kind].plain == (paper->plain.len > 0); k++) {
                kinds[kind].bind(&collection->keys.list[k], collection, paper);
            }
        }
    }
    for (size_t i = 0; i < collection->count; i++) {
        take_pin(collection, &collection->papers[i]);
    }
}

static void take_states(struct collection *collection, const json_t *rows)
{
    json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        char text[SERVICE_TEXT_SIZE];
        struct digest id;
        struct known_key *key = digest_parse(&id, command_service_text(text, row, "key_id")) == STATUS_OK
                                    ? find_key(&collection->keys, &id)
                                    : NULL;
        if (key != NULL && key_state_parse(&key->state, command_service_text(text, row, "state")) != STATUS_OK) {
            key->state = (enum key_state)0;
        } else if (key != NULL) {
            key->on = (uint64_t)json_integer_value(json_object_get(row, "transitions"));
        } else if (key == NULL && text[0] != '\0') {
            (void)fprintf(collection->told, "NO KEY DOCUMENT of the key %s: judge it by hand\n", text);
        }
    }
}

static int by_id(const void *a, const void *b)
{
    const struct known_key *left = a;
    const struct known_key *right = b;
    return memcmp(left->papers.key.key_id.bytes32, right->papers.key.key_id.bytes32,
                  sizeof(left->papers.key.key_id.bytes32));
}

enum status known_keys_open(struct known_keys *out, const struct custody_options *options, const struct chain *chain,
                            FILE *told, struct fault *fault)
{
    struct collection collection = {.chain = chain, .told = told};
    json_t *rows = NULL;
    enum status status = options->papers[0] == '\0' ? STATUS_OK : read_folder(&collection, options->papers, fault);
    if (status == STATUS_OK) {
        status = read_served(&collection, &rows, options, fault);
    }
    for (size_t i = 0; status == STATUS_OK && i < collection.count; i++) {
        status = take_key(&collection, &collection.papers[i], fault);
    }
    if (status == STATUS_OK) {
        bind_all(&collection);
        take_states(&collection, rows);
        qsort(collection.keys.list, collection.keys.count, sizeof(*collection.keys.list), by_id);
    }
    for (size_t i = 0; i < collection.count; i++) {
        paper_wipe(&collection.papers[i]);
    }
    free(collection.papers);
    json_decref(rows);
    if (status != STATUS_OK) {
        known_keys_wipe(&collection.keys);
        return status;
    }
    *out = collection.keys; /* transferred */
    return STATUS_OK;
}

void known_keys_wipe(struct known_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        papers_wipe(&keys->list[i].papers);
        ceremony_free(&keys->list[i].ceremony);
    }
    free(keys->list);
    *keys = (struct known_keys){0};
}
