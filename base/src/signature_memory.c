/*
 * Sets of a few digests each, chosen by the digest itself; the one found or added last stands first in its set, and the
 * last one falls out.
 */
#include "base/signature_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SETS (SIGNATURE_MEMORY_MAX / WAYS)

_Static_assert(SETS == 256, "one byte of a digest chooses the set");

struct signature_memory {
    pthread_mutex_t mutex;
    uint64_t found;
    struct digest sets[SETS][WAYS]; /* zero: empty */
};

enum status signature_memory_new(struct signature_memory **out)
{
    struct signature_memory *memory = calloc(1, sizeof(*memory));
    if (memory == NULL) {
        return STATUS_NO_MEMORY;
    }
    INVARIANT(pthread_mutex_init(&memory->mutex, NULL) == 0);
    *out = memory; /* transferred */
    return STATUS_OK;
}

void signature_memory_free(struct signature_memory *memory)
{
    if (memory != NULL) {
        (void)pthread_mutex_destroy(&memory->mutex);
        free(memory);
    }
}

static void memory_lock(struct signature_memory *memory)
{
    INVARIANT(pthread_mutex_lock(&memory->mutex) == 0);
}

static void memory_unlock(struct signature_memory *memory)
{
    INVARIANT(pthread_mutex_unlock(&memory->mutex) == 0);
}

uint64_t signature_memory_found(struct signature_memory *memory)
{
    memory_lock(memory);
    uint64_t found = memory->found;
    memory_unlock(memory);
    return found;
}

/* Three parts of fixed length, so none can trade bytes with another: id of the key itself, message, signature. */
static void entry_digest(struct digest *out, const struct signed_document *document, const char *kind, size_t index,
                         const struct digest *key_id)
{
    struct {
        struct digest key_id;
        struct digest message;
        uint8_t bytes64[SIGNATURE_LEN];
    } parts;
    _Static_assert(sizeof(parts) == 128, "no padding");
    parts.key_id = *key_id;
    digest_document(&parts.message, kind, document->document.data, document->document.len);
    memcpy(parts.bytes64, document->signatures[index].bytes64, SIGNATURE_LEN);
    digest_sha256(out, &parts, sizeof(parts));
}

/* With the mutex: the place in the set, WAYS when it is not there. */
static size_t way_find(const struct digest set[WAYS], const struct digest *entry)
{
    size_t way = 0;
    while (way < WAYS && !digest_equal(&set[way], entry)) {
        way++;
    }
    return way;
}

/* With the mutex: moves the ways before `way` back by one and puts the entry first. */
static void way_first(struct digest set[WAYS], size_t way, const struct digest *entry)
{
    memmove(&set[1], &set[0], way * sizeof(set[0]));
    set[0] = *entry;
}

static bool entry_known(struct signature_memory *memory, const struct digest *entry)
{
    memory_lock(memory);
    struct digest *set = memory->sets[entry->bytes32[0]];
    size_t way = way_find(set, entry);
    if (way < WAYS) {
        way_first(set, way, entry);
        memory->found++;
    }
    memory_unlock(memory);
    return way < WAYS;
}

static void entry_remember(struct signature_memory *memory, const struct digest *entry)
{
    memory_lock(memory);
    struct digest *set = memory->sets[entry->bytes32[0]];
    size_t way = way_find(set, entry); /* another thread may have been faster */
    way_first(set, way < WAYS ? way : WAYS - 1, entry);
    memory_unlock(memory);
}

enum status signature_memory_verify(struct signature_memory *memory, const struct signed_document *document,
                                    const char *kind, size_t index, const struct public_key *key, struct fault *fault)
{
    INVARIANT(index < document->signature_count);
    if (memory == NULL) {
        return signed_document_verify(document, kind, index, key, fault);
    }
    struct digest entry;
    const struct signature *signature = &document->signatures[index];
    struct digest key_id;
    public_key_id(&key_id, key);
    bool named = signature->algorithm == key->algorithm && digest_equal(&signature->key_id, &key_id);
    entry_digest(&entry, document, kind, index, &key_id);
    if (named && entry_known(memory, &entry)) {
        return STATUS_OK;
    }
    enum status status = signed_document_verify(document, kind, index, key, fault);
    if (status == STATUS_OK) {
        entry_remember(memory, &entry);
    }
    return status;
}
