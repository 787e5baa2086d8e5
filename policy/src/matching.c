/*
 * Maximum matching by augmenting paths. People are bits and a path leads over slots, so that one step looks at all
 * people of a slot at once. Nothing here knows rules.
 */
#include "matching.h"

#define WORDS (sizeof(((struct people_set *)0)->words) / sizeof(uint64_t))

void people_set_add(struct people_set *set, size_t person)
{
    set->words[person / 64] |= UINT64_C(1) << (person % 64);
}

static void people_set_remove(struct people_set *set, size_t person)
{
    set->words[person / 64] &= ~(UINT64_C(1) << (person % 64));
}

bool people_set_has(const struct people_set *set, size_t person)
{
    return (set->words[person / 64] >> (person % 64) & 1) != 0;
}

size_t people_set_count(const struct people_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < WORDS; i++) {
        count += (size_t)__builtin_popcountll(set->words[i]);
    }
    return count;
}

struct people_set people_set_and(const struct people_set *a, const struct people_set *b)
{
    struct people_set both;
    for (size_t i = 0; i < WORDS; i++) {
        both.words[i] = a->words[i] & b->words[i];
    }
    return both;
}

struct people_set people_set_or(const struct people_set *a, const struct people_set *b)
{
    struct people_set either;
    for (size_t i = 0; i < WORDS; i++) {
        either.words[i] = a->words[i] | b->words[i];
    }
    return either;
}

struct people_set people_set_without(const struct people_set *a, const struct people_set *b)
{
    struct people_set rest;
    for (size_t i = 0; i < WORDS; i++) {
        rest.words[i] = a->words[i] & ~b->words[i];
    }
    return rest;
}

/* The first person who is in `a` and, as `in` says, in or not in `b`; POLICY_PEOPLE_MAX when there is none. */
static size_t first_of(const struct people_set *a, const struct people_set *b, bool in)
{
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = a->words[i] & (in ? b->words[i] : ~b->words[i]);
        if (word != 0) {
            return i * 64 + (size_t)__builtin_ctzll(word);
        }
    }
    return POLICY_PEOPLE_MAX;
}

/* The search of one path: slots reached, and from which. */
struct search {
    struct matching_slot *slots;
    size_t count;
    size_t queue[MATCHING_SLOTS_MAX];
    size_t queued;
    size_t from[MATCHING_SLOTS_MAX];
    bool reached[MATCHING_SLOTS_MAX];
};

static void reach(struct search *search, size_t slot, size_t from)
{
    search->reached[slot] = true;
    search->from[slot] = from;
    search->queue[search->queued++] = slot;
}

/* Slots whose people could stand in `slot` instead. */
static void reach_further(struct search *search, size_t slot)
{
    for (size_t i = 0; i < search->count; i++) {
        if (!search->reached[i] &&
            first_of(&search->slots[i].taken, &search->slots[slot].may, true) != POLICY_PEOPLE_MAX) {
            reach(search, i, slot);
        }
    }
}

/* A free person takes a place of `slot`, whose person moves to the slot from which it was reached, and so on. */
static void shift(struct search *search, size_t slot, size_t person)
{
    for (;;) {
        size_t to = search->from[slot];
        size_t moves =
            to == slot ? POLICY_PEOPLE_MAX : first_of(&search->slots[slot].taken, &search->slots[to].may, true);
        people_set_add(&search->slots[slot].taken, person);
        if (to == slot) {
            return;
        }
        people_set_remove(&search->slots[slot].taken, moves);
        person = moves;
        slot = to;
    }
}

/* By moving others; false when there is no way. */
static bool fill_by_moving(struct matching_slot *slots, size_t count, size_t slot, struct people_set *used)
{
    struct search search = {.slots = slots, .count = count, .queued = 0};
    reach(&search, slot, slot);
    for (size_t i = 0; i < search.queued; i++) {
        size_t at = search.queue[i];
        size_t person = first_of(&slots[at].may, used, false);
        if (person != POLICY_PEOPLE_MAX) {
            people_set_add(used, person);
            shift(&search, at, person);
            return true;
        }
        reach_further(&search, at);
    }
    return false;
}

/* One more place of `slot`, without taking any from another. Mostly somebody is free, and nothing has to be searched.
 */
static bool fill_one(struct matching_slot *slots, size_t count, size_t slot, struct people_set *used)
{
    size_t person = first_of(&slots[slot].may, used, false);
    if (person == POLICY_PEOPLE_MAX) {
        return count > 1 && fill_by_moving(slots, count, slot, used);
    }
    people_set_add(used, person);
    people_set_add(&slots[slot].taken, person);
    return true;
}

void matching_fill(struct matching_slot *slots, size_t count)
{
    struct people_set used = {{0}};
    INVARIANT(count <= MATCHING_SLOTS_MAX);
    for (size_t i = 0; i < count; i++) {
        slots[i].filled = 0;
        slots[i].taken = (struct people_set){{0}};
    }
    for (size_t i = 0; i < count; i++) {
        while (slots[i].filled < slots[i].need && fill_one(slots, count, i, &used)) {
            slots[i].filled++;
        }
    }
}

bool matching_full(const struct matching_slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slots[i].filled < slots[i].need) {
            return false;
        }
    }
    return true;
}
