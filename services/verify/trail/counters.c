/*
 * Objects and producers stand in one flat table with open addressing, by half of the SHA-256 of (type, id) or of the
 * id, which is no text: that two share those 128 bits is out of reach. Nothing is ever taken out of it.
 *
 * One of the last producers to come is mostly the one that is asked for. Of each, everything below `next` was seen; the
 * few numbers above it that came early are marked in a ring.
 */
#include "counters.h"

#include <stdlib.h>
#include <string.h>

#define EARLY_MAX 65536
#define LAST_ONES 8     /* producers */
#define FIRST_ROOM 1024 /* slots; a power of two */
#define MINUTE_US 60000000
#define NEXT_MAX (UINT64_MAX >> EVENT_END_BITS)

struct slot {
    uint64_t key[2];
    uint64_t next : 64 - EVENT_END_BITS; /* of a producer: its place, from 1; 0: free */
    uint64_t said : EVENT_END_BITS;      /* event_end */
};

struct producer {
    struct uuid id;
    uint64_t next;
    int64_t heard_utc_us, beat_utc_us, busy_us; /* its last entry; last heartbeat or first entry; at work since then */
    bool late;                                  /* what is missing below the first `settled` is not known */
    size_t marks;                               /* that are set in: */
    uint8_t *early; /* a ring of EARLY_MAX bits from `next` on; NULL: none ever came early */
};

struct counters {
    struct slot *slots;
    size_t room;
    size_t used;
    struct producer *producers;
    size_t producer_count;
    bool late;
    int64_t first_utc_us; /* the first entry, when late */
};

enum status counters_new(struct counters **out)
{
    struct counters *counters = calloc(1, sizeof(*counters));
    struct slot *slots = calloc(FIRST_ROOM, sizeof(*slots));
    if (counters == NULL || slots == NULL) {
        free(counters);
        free(slots);
        return STATUS_NO_MEMORY;
    }
    *counters = (struct counters){.slots = slots, .room = FIRST_ROOM};
    *out = counters;
    return STATUS_OK;
}

void counters_free(struct counters *counters)
{
    for (size_t i = 0; counters != NULL && i < counters->producer_count; i++) {
        free(counters->producers[i].early);
    }
    if (counters != NULL) {
        free(counters->producers);
        free(counters->slots);
        free(counters);
    }
}

void counters_begin_late(struct counters *counters)
{
    counters->late = true;
}

/* The slot of a key, or the free one where it belongs. */
static struct slot *slot_of(struct slot *slots, size_t room, const uint64_t key[2])
{
    size_t at = key[0] & (room - 1);
    while (slots[at].next != 0 && (slots[at].key[0] != key[0] || slots[at].key[1] != key[1])) {
        at = (at + 1) & (room - 1);
    }
    return &slots[at];
}

static enum status grow(struct counters *counters)
{
    size_t room = 2 * counters->room;
    struct slot *slots = calloc(room, sizeof(*slots));
    if (slots == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < counters->room; i++) {
        if (counters->slots[i].next != 0) {
            *slot_of(slots, room, counters->slots[i].key) = counters->slots[i];
        }
    }
    free(counters->slots);
    counters->slots = slots;
    counters->room = room;
    return STATUS_OK;
}

/* The slot of what has these bytes, or the free one where it belongs. NULL: no memory. */
static struct slot *slot_find(struct counters *counters, const void *bytes, size_t len)
{
    struct digest digest;
    uint64_t key[2];
    digest_sha256(&digest, bytes, len);
    memcpy(key, digest.bytes32, sizeof(key));
    if (counters->used >= counters->room / 4 * 3 && grow(counters) != STATUS_OK) {
        return NULL;
    }
    struct slot *slot = slot_of(counters->slots, counters->room, key);
    memcpy(slot->key, key, sizeof(key));
    return slot;
}

enum status counters_object(struct counters *counters, uint64_t *out_expected, const char **out_before,
                            const struct event *event)
{
    char name[256];
    uint64_t on = event->ordinal < NEXT_MAX ? event->ordinal : NEXT_MAX - 1;
    const struct span otype = event->otype;
    const struct span oid = event->oid;
    INVARIANT(otype.len + 1 + oid.len <= sizeof(name)); /* as the fields of an event allow */
    memcpy(name, otype.at, otype.len);
    name[otype.len] = '\0';
    memcpy(name + otype.len + 1, oid.at, oid.len);
    struct slot *slot = slot_find(counters, name, otype.len + 1 + oid.len);
    if (slot == NULL) {
        return STATUS_NO_MEMORY;
    }
    counters->used += slot->next == 0 ? 1 : 0;
    *out_expected = slot->next != 0 ? slot->next : counters->late ? on : 1;
    unsigned said = slot->said;
    *out_before = event_end(&said, event);
    slot->said = said & ((1U << EVENT_END_BITS) - 1);
    slot->next = (on + 1) & NEXT_MAX;
    return STATUS_OK;
}

/* The last one first. NULL: there is no such producer. */
static struct producer *producer_find(struct counters *counters, const struct uuid *id)
{
    size_t i = counters->producer_count;
    size_t end = i > LAST_ONES ? i - LAST_ONES : 0;
    while (i > end && !uuid_equal(&counters->producers[i - 1].id, id)) {
        i--;
    }
    const struct slot *slot = i > end || end == 0 ? NULL : slot_find(counters, id->bytes16, sizeof(id->bytes16));
    i = i > end ? i : slot == NULL ? 0 : slot->next;
    return i == 0 ? NULL : &counters->producers[i - 1];
}

/*
 * Whether a producer can have begun before the first entry. The time in its id is the service's, as that of the entry
 * is; where the clock was ahead of that, it tells nothing.
 */
static bool began_before(const struct counters *counters, const struct event *event)
{
    int64_t born_ms = 0;
    for (size_t i = 0; i < 6; i++) {
        born_ms = born_ms << 8 | event->producer.bytes16[i];
    }
    return born_ms <= counters->first_utc_us / 1000 || born_ms > event->at_utc_us / 1000;
}

/* Numbers that are a little below the first one to come may come after it. */
static struct producer *producer_add(struct counters *counters, const struct event *event, uint64_t number)
{
    size_t count = counters->producer_count + 1;
    struct producer *larger = realloc(counters->producers, count * sizeof(*larger));
    counters->producers = larger == NULL ? counters->producers : larger;
    struct slot *slot = slot_find(counters, event->producer.bytes16, sizeof(event->producer.bytes16));
    if (larger == NULL || slot == NULL) {
        return NULL;
    }
    slot->next = count & NEXT_MAX;
    counters->used++;
    counters->first_utc_us = counters->producer_count == 0 ? event->at_utc_us : counters->first_utc_us;
    bool late = counters->late && began_before(counters, event);
    larger[count - 1] = (struct producer){.id = event->producer,
                                          .next = late && number > EARLY_MAX / 2 ? number - EARLY_MAX / 2 : 1,
                                          .late = late,
                                          .heard_utc_us = event->at_utc_us,
                                          .beat_utc_us = event->at_utc_us};
    counters->producer_count = count;
    return &larger[count - 1];
}

/* Whether the place of a number in the ring is marked; marks it so. */
static bool mark(struct producer *producer, uint64_t number, bool there)
{
    uint8_t *byte = &producer->early[number % EARLY_MAX / 8];
    uint8_t bit = (uint8_t)(1U << number % 8);
    bool was = (*byte & bit) != 0;
    producer->marks += there && !was ? 1 : 0;
    producer->marks -= was && !there ? 1 : 0;
    *byte = there ? *byte | bit : *byte & (uint8_t)~bit;
    return was;
}

/* Goes on over the numbers below `end`, and those behind them that came early. Answers how many of them did not. */
static uint64_t advance(struct producer *producer, uint64_t end)
{
    uint64_t missing = 0;
    for (;; producer->next++) {
        bool early = producer->marks > 0 && mark(producer, producer->next, false);
        if (!early && producer->next >= end) {
            return missing;
        }
        uint64_t run = early ? 0 : producer->marks > 0 ? 1 : end - producer->next; /* that may be very long */
        missing += run;
        producer->next += run > 0 ? run - 1 : 0;
    }
}

enum status counters_producer(struct counters *counters, bool *out_fresh, const struct event *event, uint64_t number)
{
    struct producer *known = producer_find(counters, &event->producer);
    known = known == NULL ? producer_add(counters, event, number) : known;
    if (known == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (number <= known->next) {
        *out_fresh = number == known->next;
        (void)advance(known, *out_fresh ? number + 1 : 0);
        return STATUS_OK;
    }
    if (known->early == NULL) {
        known->early = calloc(EARLY_MAX / 8, 1);
    }
    if (known->early == NULL || number - known->next >= EARLY_MAX) {
        return STATUS_NO_MEMORY;
    }
    *out_fresh = !mark(known, number, true);
    return STATUS_OK;
}

uint64_t counters_settle(struct counters *counters, uint64_t *out_first, const struct event *event, uint64_t settled)
{
    struct producer *known = producer_find(counters, &event->producer);
    if (known == NULL) {
        return 0;
    }
    bool late = known->late;
    known->late = false;
    *out_first = known->next;
    uint64_t missing = advance(known, settled);
    return late ? 0 : missing;
}

int64_t counters_silence(struct counters *counters, const struct event *event, bool heartbeat)
{
    struct producer *known = producer_find(counters, &event->producer);
    bool sequencer = event->bt.len > event->pr.len && memcmp(event->bt.at, event->pr.at, event->pr.len) == 0;
    if (known == NULL || sequencer) {
        return 0;
    }
    int64_t since_us = event->at_utc_us - known->heard_utc_us;
    int64_t busy_us = known->busy_us + (since_us < MINUTE_US ? since_us : MINUTE_US);
    int64_t silence_us = heartbeat ? event->at_utc_us - known->beat_utc_us : busy_us;
    known->heard_utc_us = event->at_utc_us;
    known->beat_utc_us = heartbeat ? event->at_utc_us : known->beat_utc_us;
    known->busy_us = heartbeat ? 0 : busy_us;
    return silence_us;
}
