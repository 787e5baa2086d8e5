/*
 * Hash tables with open addressing. Keys are SHA-256 digests of (type, id) or producer ids, so collisions are nobody's
 * concern.
 *
 * Of a producer, everything below `next` was seen; the few numbers above it that came early wait in a small sorted
 * array.
 */
#include "counters.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define EARLY_MAX 65536

struct slot {
    struct digest key;
    uint64_t next; /* 0: empty slot */
    uint64_t *early;
    size_t early_count;
    size_t early_room;
};

struct table {
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t used;
};

struct counters {
    struct table objects;
    struct table producers;
};

enum status counters_new(struct counters **out)
{
    *out = calloc(1, sizeof(**out));
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->capacity; i++) {
        free(table->slots[i].early);
    }
    free(table->slots);
}

void counters_free(struct counters *counters)
{
    if (counters != NULL) {
        table_free(&counters->objects);
        table_free(&counters->producers);
        free(counters);
    }
}

static struct slot *probe(const struct table *table, const struct digest *key)
{
    uint64_t start = 0;
    memcpy(&start, key->bytes32, sizeof(start));
    for (size_t i = 0; i < table->capacity; i++) {
        struct slot *slot = &table->slots[(start + i) & (table->capacity - 1)];
        if (slot->next == 0 || digest_equal(&slot->key, key)) {
            return slot;
        }
    }
    return NULL;
}

static enum status grow(struct table *table)
{
    struct table larger = {.capacity = table->capacity == 0 ? 1024 : 2 * table->capacity, .used = table->used};
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (larger.slots == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].next != 0) {
            *probe(&larger, &table->slots[i].key) = table->slots[i];
        }
    }
    free(table->slots);
    *table = larger;
    return STATUS_OK;
}

/* The slot of a key, made when it is not there. */
static enum status find(struct slot **out, struct table *table, const struct digest *key)
{
    if (table->used * 2 >= table->capacity) {
        enum status status = grow(table);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *out = probe(table, key);
    if ((*out)->next == 0) {
        (*out)->key = *key;
        (*out)->next = 1;
        table->used++;
    }
    return STATUS_OK;
}

enum status counters_object(struct counters *counters, uint64_t *out_expected, const char *otype, const char *oid,
                            uint64_t on)
{
    struct digest key;
    struct slot *slot = NULL;
    digest_sha256_two(&key, otype, strlen(otype) + 1, oid, strlen(oid));
    enum status status = find(&slot, &counters->objects, &key);
    if (status == STATUS_OK) {
        *out_expected = slot->next;
        slot->next = on + 1;
    }
    return status;
}

static void producer_key(struct digest *out, const struct uuid *producer)
{
    digest_sha256(out, producer->bytes16, sizeof(producer->bytes16));
}

/* Keeps the early numbers sorted; false when the number is there already. */
static enum status insert_early(struct slot *slot, bool *out_fresh, uint64_t number)
{
    size_t at = 0;
    while (at < slot->early_count && slot->early[at] < number) {
        at++;
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
    memmove(slot->early, slot->early + taken, (slot->early_count - taken) * sizeof(*slot->early));
    slot->early_count -= taken;
}

enum status counters_producer(struct counters *counters, bool *out_fresh, const struct uuid *producer, uint64_t number)
{
    struct digest key;
    struct slot *slot = NULL;
    producer_key(&key, producer);
    enum status status = find(&slot, &counters->producers, &key);
    if (status != STATUS_OK) {
        return status;
    }
    if (number < slot->next) {
        *out_fresh = false;
        return STATUS_OK;
    }
    if (number > slot->next) {
        return insert_early(slot, out_fresh, number);
    }
    *out_fresh = true;
    slot->next++;
    if (slot->early_count > 0) {
        absorb_early(slot);
    }
    return STATUS_OK;
}

uint64_t counters_producer_next(const struct counters *counters, const struct uuid *producer)
{
    struct digest key;
    producer_key(&key, producer);
    const struct slot *slot = counters->producers.capacity == 0 ? NULL : probe(&counters->producers, &key);
    return slot == NULL || slot->next == 0 ? 1 : slot->next;
}
