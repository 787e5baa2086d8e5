/*
 * The versions of the policy. Readers take no lock: a list that only grows at its head, and one pointer to the version
 * in force. Believes no row of the database: each version is opened with the one before.
 */
#include "policies.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/canon.h"
#include "base/file.h"
#include "base/log.h"
#include "store/document.h"
#include "store/mark.h"

#define FILE_MAX (2 * CANON_POLICY_MAX)
#define PAGE 64

struct policies {
    pthread_mutex_t mutex; /* of who adds */
    _Atomic(struct policy_version *) newest;
    _Atomic(const struct policy_version *) in_force;
    atomic_bool unknown; /* the signer goes by a version that is not here */
    atomic_bool heard;   /* it has said by which */
};

static void version_free(struct policy_version *version)
{
    if (version != NULL) {
        policy_free(&version->policy);
        signed_document_free(&version->document);
        free(version);
    }
}

static enum status read_document(struct signed_document *out, const void *text, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse_relaxed(&object, text, len, FILE_MAX, fault);
    if (status == STATUS_OK) {
        status = signed_document_decode(out, object, CANON_POLICY_MAX, "", fault);
    }
    json_decref(object);
    return status;
}

/* A fault within the file, as one of the option that names it. */
static enum status name_path(struct fault *fault, const struct fault *inner, const char *path)
{
    if (strcmp(inner->where, "policy") == 0) {
        return fault_set(fault, inner->status, "policy", "%s", inner->detail);
    }
    bool further = inner->where[0] != '\0' && strcmp(inner->where, path) != 0;
    return fault_set(fault, inner->status, "policy", "%s: %s%s%s", path, further ? inner->where : "",
                     further ? ": " : "", inner->detail);
}

static enum status read_first(struct policy_version *out, const char *path, struct fault *fault)
{
    struct bytes text = {0};
    struct fault inner = {0};
    enum status status = file_read_document(&text, path, FILE_MAX, "policy", &inner);
    if (status == STATUS_OK) {
        status = read_document(&out->document, text.data, text.len, &inner);
    }
    if (status == STATUS_OK) {
        status = policy_open_first(&out->policy, &out->document, &inner);
    }
    bytes_free(&text);
    inner.status = status;
    return status == STATUS_OK ? STATUS_OK : name_path(fault, &inner, path);
}

enum status policies_new(struct policies **out, const char *path, struct fault *fault)
{
    struct policies *policies = calloc(1, sizeof(*policies));
    struct policy_version *first = calloc(1, sizeof(*first));
    enum status status = policies == NULL || first == NULL ? fault_set(fault, STATUS_NO_MEMORY, "policy", "%s", "")
                                                           : read_first(first, path, fault);
    if (status != STATUS_OK) {
        version_free(first);
        free(policies);
        return status;
    }
    (void)pthread_mutex_init(&policies->mutex, NULL);
    atomic_init(&policies->newest, first);
    atomic_init(&policies->in_force, first);
    *out = policies;
    return STATUS_OK;
}

void policies_free(struct policies *policies)
{
    if (policies == NULL) {
        return;
    }
    struct policy_version *version = atomic_load(&policies->newest);
    while (version != NULL) {
        struct policy_version *older = version->older;
        version_free(version);
        version = older;
    }
    (void)pthread_mutex_destroy(&policies->mutex);
    free(policies);
}

const struct policy_version *policies_in_force(const struct policies *policies)
{
    return atomic_load(&policies->in_force);
}

const struct policy_version *policies_newest(const struct policies *policies)
{
    return atomic_load(&policies->newest);
}

static struct policy_version *find_version(const struct policies *policies, const struct digest *digest)
{
    struct policy_version *version = atomic_load(&policies->newest);
    while (version != NULL && !digest_equal(&version->policy.digest, digest)) {
        version = version->older;
    }
    return version;
}

const struct policy_version *policies_find(const struct policies *policies, const struct digest *digest)
{
    return find_version(policies, digest);
}

/* The version of which the document says it is the successor. */
static enum status find_prev(const struct policy_version **out, const struct policies *policies,
                             const struct signed_document *document, struct fault *fault)
{
    struct digest prev;
    enum status status = policy_prev_decode(&prev, document->document.data, document->document.len, fault);
    if (status != STATUS_OK) {
        return status;
    }
    *out = policies_find(policies, &prev);
    return *out != NULL ? STATUS_OK
                        : fault_set(fault, STATUS_MISMATCH, "prev", "the version before it is not known here");
}

static enum status open_version(struct policy_version **out, const struct policies *policies,
                                const struct signed_document *document, struct fault *fault)
{
    struct policy_version *version = calloc(1, sizeof(*version));
    if (version == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "%s", "");
    }
    enum status status = find_prev(&version->prev, policies, document, fault);
    if (status == STATUS_OK) {
        status = signed_document_copy(&version->document, document);
    }
    if (status == STATUS_OK) {
        status = policy_open_next(&version->policy, &version->document, &version->prev->policy, fault);
    }
    if (status != STATUS_OK) {
        version_free(version);
        return status;
    }
    *out = version;
    return STATUS_OK;
}

/* What the signer says comes later, if ever: no sooner than the version before it allows. */
static int64_t earliest(const struct policy_version *version)
{
    return version->policy.issued_at + version->prev->policy.delay_s * 1000000;
}

enum status policies_add(const struct policy_version **out, struct policies *policies,
                         const struct signed_document *document, struct fault *fault)
{
    struct digest digest;
    struct policy_version *version = NULL;
    digest_document(&digest, POLICY_KIND, document->document.data, document->document.len);
    (void)pthread_mutex_lock(&policies->mutex);
    const struct policy_version *known = policies_find(policies, &digest);
    bool enough =
        known != NULL && (known->prev == NULL || known->document.signature_count >= document->signature_count);
    enum status status = enough ? STATUS_OK : open_version(&version, policies, document, fault);
    if (version != NULL) {
        atomic_init(&version->in_force_at_utc_us,
                    known == NULL ? earliest(version) : atomic_load(&known->in_force_at_utc_us));
        version->older = atomic_load(&policies->newest);
        atomic_store(&policies->newest, version);
        known = version; /* transferred */
    }
    (void)pthread_mutex_unlock(&policies->mutex);
    if (status == STATUS_OK && out != NULL) {
        *out = known;
    }
    return status;
}

enum status policies_chain(struct policy_chain_version **out, struct policy_chain *out_chain,
                           const struct policies *policies, const struct policy_version *last, struct fault *fault)
{
    last = last == NULL ? policies_in_force(policies) : last;
    size_t count = (size_t)last->policy.version;
    struct policy_chain_version *versions = calloc(count, sizeof(*versions));
    if (versions == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "%s", "");
    }
    for (const struct policy_version *at = last; at != NULL; at = at->prev) {
        versions[at->policy.version - 1] =
            (struct policy_chain_version){.policy = &at->policy, .in_force_at = atomic_load(&at->in_force_at_utc_us)};
    }
    *out = versions;
    *out_chain = (struct policy_chain){.versions = versions, .count = count};
    return STATUS_OK;
}

/* The database. */

/* One page of rows that are read; what became known of them. */
struct reading {
    struct policies *policies;
    struct store_document_list rows;
    struct store_document_place after;
    size_t added;
    bool telling; /* nothing is added any more: say what is left over */
};

static enum status page_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct reading *reading = context;
    store_document_list_free(&reading->rows);
    return store_document_list(&reading->rows, tx, POLICY_KIND, &reading->after, PAGE, fault);
}

static size_t count_versions(const struct policies *policies)
{
    size_t count = 0;
    for (const struct policy_version *at = policies_newest(policies); at != NULL; at = at->older) {
        count++;
    }
    return count;
}

static void add_row(struct reading *reading, const struct store_document *row)
{
    struct signed_document document = {0};
    struct fault why = {0};
    size_t before = count_versions(reading->policies);
    enum status status = read_document(&document, row->bytes.data, row->bytes.len, &why);
    if (status == STATUS_OK) {
        status = policies_add(NULL, reading->policies, &document, &why);
    }
    signed_document_free(&document);
    reading->added += count_versions(reading->policies) - before;
    if (status != STATUS_OK && reading->telling) {
        log_fault("policy.unfit", &why);
    }
}

static enum status read_pages(struct reading *reading, struct store *store, struct fault *fault)
{
    enum status status = STATUS_OK;
    size_t got = PAGE;
    reading->after = (struct store_document_place){{{0}}};
    reading->added = 0;
    while (status == STATUS_OK && got == PAGE) {
        status = store_read(store, page_in, reading, fault);
        got = reading->rows.count;
        for (size_t i = 0; status == STATUS_OK && i < got; i++) {
            add_row(reading, &reading->rows.rows[i]);
            reading->after = store_document_place_of(&reading->rows.rows[i]);
        }
        store_document_list_free(&reading->rows);
    }
    return status;
}

static enum status read_times_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    const struct policies *policies = context;
    enum status status = STATUS_OK;
    for (struct policy_version *at = atomic_load(&policies->newest); at != NULL && status == STATUS_OK;
         at = at->older) {
        char subject[sizeof(POLICIES_SUBJECT) + DIGEST_HEX_LEN] = POLICIES_SUBJECT;
        char value[STORE_MARK_VALUE_SIZE];
        struct policies_state state;
        struct fault why = {0};
        digest_format(subject + strlen(POLICIES_SUBJECT), &at->policy.digest);
        status = store_mark_get(value, tx, subject, &why);
        if (status == STATUS_OK) {
            policies_state_parse(&state, value);
            if (strcmp(state.word, "in_force") == 0 && state.in_force_at_utc_us != 0) {
                atomic_store(&at->in_force_at_utc_us, state.in_force_at_utc_us);
            }
        }
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
        if (status != STATUS_OK) {
            return fault_set(fault, status, why.where, "%s", why.detail);
        }
    }
    return status;
}

/* Rows come in no order of versions: as long as one more is found, others may follow from it. */
enum status policies_read(struct policies *policies, struct store *store, struct fault *fault)
{
    struct reading reading = {.policies = policies};
    enum status status = STATUS_OK;
    do {
        status = read_pages(&reading, store, fault);
    } while (status == STATUS_OK && reading.added > 0);
    if (status == STATUS_OK) {
        reading.telling = true;
        status = read_pages(&reading, store, fault);
    }
    return status == STATUS_OK ? store_read(store, read_times_in, policies, fault) : status;
}

enum status policies_keep(struct store_tx *tx, const struct policy_version *version, struct fault *fault)
{
    struct store_document row = {.digest = version->policy.digest};
    json_t *object = NULL;
    struct digest bytes;
    char hex[DIGEST_HEX_LEN + 1];
    enum status status = name_parse(&row.kind, POLICY_KIND);
    if (status == STATUS_OK) {
        status = signed_document_encode(&object, &version->document, fault);
    }
    if (status == STATUS_OK) {
        status = canon_emit(&row.bytes, object, FILE_MAX, fault);
    }
    if (status == STATUS_OK) { /* of the row, since the same document may come with more signatures */
        digest_sha256(&bytes, row.bytes.data, row.bytes.len);
        digest_format(hex, &bytes);
        memcpy(row.id.text, hex, NAME_SIZE - 1); /* 252 bits of it: a name has 63 characters */
        status = store_document_keep(tx, &row, fault);
    }
    json_decref(object);
    store_document_wipe(&row);
    return status;
}

/* In force. */

void policies_state_format(char *out, size_t size, const struct policies_state *state)
{
    char received[TIME_TEXT_SIZE];
    char in_force[TIME_TEXT_SIZE];
    time_format(received, state->received_at_utc_us);
    time_format(in_force, state->in_force_at_utc_us);
    (void)snprintf(out, size, "%s/%s/%s", state->word, received, in_force);
}

void policies_state_parse(struct policies_state *out, const char *value)
{
    struct policies_state state = {0};
    const char *first = strchr(value, '/');
    const char *second = first == NULL ? NULL : strchr(first + 1, '/');
    char received[TIME_TEXT_SIZE] = "";
    *out = state;
    if (second == NULL || first - value >= (ptrdiff_t)sizeof(state.word) || second - first != TIME_TEXT_SIZE) {
        return;
    }
    memcpy(state.word, value, (size_t)(first - value));
    memcpy(received, first + 1, TIME_TEXT_SIZE - 1);
    if (time_parse(&state.received_at_utc_us, received) == STATUS_OK &&
        time_parse(&state.in_force_at_utc_us, second + 1) == STATUS_OK) {
        *out = state;
    }
}

enum status policies_enter(struct policies *policies, const struct digest *digest, int64_t in_force_at_utc_us,
                           struct fault *fault)
{
    struct policy_version *version = find_version(policies, digest);
    atomic_store(&policies->unknown, version == NULL);
    atomic_store(&policies->heard, true);
    if (version == NULL) {
        return fault_set(fault, STATUS_NOT_FOUND, "policy", "the signer goes by a version that is not known here");
    }
    if (in_force_at_utc_us != 0) {
        atomic_store(&version->in_force_at_utc_us, in_force_at_utc_us);
    }
    if (!digest_equal(&policies_in_force(policies)->policy.digest, digest)) {
        atomic_store(&policies->in_force, version);
    }
    return STATUS_OK;
}

enum status policies_current(const struct policies *policies, struct fault *fault)
{
    return atomic_load(&policies->unknown)
               ? fault_set(fault, STATUS_NOT_READY, "policy", "the signer goes by a version that is not known here")
               : STATUS_OK;
}

bool policies_complete(const struct policies *policies)
{
    return atomic_load(&policies->heard) && !atomic_load(&policies->unknown);
}
