/*
 * Maximum matching by augmenting paths. People are bits and a path leads over slots, so that one step looks at all
 * people of a slot at once. Nothing here knows rules.
 */
#include "matching.h"

/* The first person who is in `a` and, as `in` says, in or not in `b`; POLICY_PEOPLE_MAX when there is none. */
static size_t first_of(const struct people_set *a, const struct people_set *b, bool in)
{
    for (size_t i = 0; i < PEOPLE_SET_WORDS; i++) {
        uint64_t word = a->words[i] & (in ? b->words[i] : ~b->words[i]);
        if (word != 0) {
            return i * 64 + (size_t)__builtin_ctzll(word);
        }
    }
    return POLICY_PEOPLE_MAX;
}

/* The search of one path: slots reached, and from which. Of the arrays nothing is read that was not written. */
struct search {
    struct matching_slot *slots;
    size_t count;
    size_t queued;
    unsigned reached; /* bits */
    size_t queue[MATCHING_SLOTS_MAX];
    size_t from[MATCHING_SLOTS_MAX];
};

static void reach(struct search *search, size_t slot, size_t from)
{
    search->reached |= 1U << slot;
    search->from[slot] = from;
    search->queue[search->queued++] = slot;
}

/* Slots whose people could stand in `slot` instead. */
static void reach_further(struct search *search, size_t slot)
{
    for (size_t i = 0; i < search->count; i++) {
        if ((search->reached & 1U << i) == 0 &&
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
    struct search search;
    search.slots = slots;
    search.count = count;
    search.queued = 0;
    search.reached = 0;
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

/* Whoever is free takes the places of `slot`, the first ones first. Mostly that is enough, and nothing is searched. */
static void fill_by_free(struct matching_slot *slot, struct people_set *used)
{
    for (size_t i = 0; i < PEOPLE_SET_WORDS; i++) {
        uint64_t rest = slot->may.words[i] & ~used->words[i];
        uint64_t left = rest;
        for (; left != 0 && slot->filled < slot->need; left &= left - 1) {
            slot->filled++;
        }
        slot->taken.words[i] = rest & ~left;
        used->words[i] |= rest & ~left;
    }
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
        fill_by_free(&slots[i], &used);
        while (slots[i].filled < slots[i].need && i > 0 && fill_by_moving(slots, count, i, &used)) {
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
