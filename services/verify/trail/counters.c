/*
 * Search trees of the C library, keyed by SHA-256 of (type, id) or of the producer's id.
 *
 * Of a producer, everything below `next` was seen; the few numbers above it that came early wait in a small sorted
 * array.
 */
#include "counters.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define EARLY_MAX 65536

struct slot {
    struct digest key;
    uint64_t next;
    uint64_t *early;
    size_t early_count;
    size_t early_room;
};

struct counters {
    void *objects;
    void *producers;
};

enum status counters_new(struct counters **out)
{
    *out = calloc(1, sizeof(**out));
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static void slot_free(void *at)
{
    struct slot *slot = at;
    free(slot->early);
    free(slot);
}

void counters_free(struct counters *counters)
{
    if (counters != NULL) {
        tdestroy(counters->objects, slot_free);
        tdestroy(counters->producers, slot_free);
        free(counters);
    }
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest)); /* a slot begins with its key */
}

/* The slot of a key, made when it is not there; NULL without memory. */
static struct slot *find(void **root, const struct digest *key)
{
    struct slot *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL) {
        return NULL;
    }
    fresh->key = *key;
    fresh->next = 1;
    struct slot **node = tsearch(fresh, root, compare);
    struct slot *found = node == NULL ? NULL : *node;
    if (found != fresh) {
        free(fresh);
    }
    return found;
}

enum status counters_object(struct counters *counters, uint64_t *out_expected, const char *otype, const char *oid,
                            uint64_t on)
{
    struct digest key;
    digest_sha256_two(&key, otype, strlen(otype) + 1, oid, strlen(oid));
    struct slot *slot = find(&counters->objects, &key);
    if (slot == NULL) {
        return STATUS_NO_MEMORY;
    }
    *out_expected = slot->next;
    slot->next = on + 1;
    return STATUS_OK;
}

static void producer_key(struct digest *out, const struct uuid *producer)
{
    digest_sha256(out, producer->bytes16, sizeof(producer->bytes16));
}

/* Keeps the early numbers sorted. Out: false when the number is there already. */
static enum status insert_early(struct slot *slot, bool *out_fresh, uint64_t number)
{
    size_t at = slot->early_count;
    while (at > 0 && slot->early[at - 1] >= number) {
        at--;
    }
    *out_fresh = at == slot->early_count || slot->early[at] != number;
    if (!*out_fresh) {
        return STATUS_OK;
    }
    if (slot->early_count == slot->early_room) {
        size_t room = slot->early_room == 0 ? 16 : 2 * slot->early_room;
        uint64_t *larger = room > EARLY_MAX ? NULL : realloc(slot->early, room * sizeof(*larger));
        if (larger == NULL) {
            return STATUS_NO_MEMORY;
        }
        slot->early = larger;
        slot->early_room = room;
    }
    memmove(&slot->early[at + 1], &slot->early[at], (slot->early_count - at) * sizeof(*slot->early));
    slot->early[at] = number;
    slot->early_count++;
    return STATUS_OK;
}

static void absorb_early(struct slot *slot)
{
    size_t taken = 0;
    while (taken < slot->early_count && slot->early[taken] == slot->next) {
        slot->next++;
        taken++;
    }
    if (taken > 0) {
        slot->early_count -= taken;
        memmove(slot->early, slot->early + taken, slot->early_count * sizeof(*slot->early));
    }
}

enum status counters_producer(struct counters *counters, bool *out_fresh, const struct uuid *producer, uint64_t number)
{
    struct digest key;
    producer_key(&key, producer);
    struct slot *slot = find(&counters->producers, &key);
    if (slot == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (number > slot->next) {
        return insert_early(slot, out_fresh, number);
    }
    *out_fresh = number == slot->next;
    if (*out_fresh) {
        slot->next++;
        absorb_early(slot);
    }
    return STATUS_OK;
}

uint64_t counters_producer_next(const struct counters *counters, const struct uuid *producer)
{
    struct digest key;
    producer_key(&key, producer);
    struct slot *const *node = tfind(&key, &counters->producers, compare);
    return node == NULL ? 1 : (*node)->next;
}
