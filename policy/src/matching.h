/*
 * Sets of people, and who can fill which places: a maximum matching of people to places, decided in full and never
 * greedily. Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_MATCHING_H
#define STRONGROOM_POLICY_SRC_MATCHING_H

#include "policy/policy.h"

#define MATCHING_SLOTS_MAX (POLICY_ENTRIES_MAX + 1) /* all entries of a rule, and the one more of a return */

/* Places of one kind. */
struct matching_slot {
    struct people_set may;   /* who could fill them */
    unsigned need;           /* how many there are */
    unsigned filled;         /* out: how many are */
    struct people_set taken; /* out: by whom; nobody is in two slots */
};

/* Here, and not behind a call: each evaluation asks them for every rule. */
#define PEOPLE_SET_WORDS (POLICY_PEOPLE_MAX / 64)

static inline void people_set_add(struct people_set *set, size_t person)
{
    set->words[person / 64] |= UINT64_C(1) << (person % 64);
}

static inline void people_set_remove(struct people_set *set, size_t person)
{
    set->words[person / 64] &= ~(UINT64_C(1) << (person % 64));
}

static inline bool people_set_has(const struct people_set *set, size_t person)
{
    return (set->words[person / 64] >> (person % 64) & 1) != 0;
}

static inline size_t people_set_count(const struct people_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < PEOPLE_SET_WORDS; i++) {
        count += (size_t)__builtin_popcountll(set->words[i]);
    }
    return count;
}

static inline struct people_set people_set_and(const struct people_set *a, const struct people_set *b)
{
    struct people_set both;
    for (size_t i = 0; i < PEOPLE_SET_WORDS; i++) {
        both.words[i] = a->words[i] & b->words[i];
    }
    return both;
}

static inline struct people_set people_set_or(const struct people_set *a, const struct people_set *b)
{
    struct people_set either;
    for (size_t i = 0; i < PEOPLE_SET_WORDS; i++) {
        either.words[i] = a->words[i] | b->words[i];
    }
    return either;
}

/* Those of `a` who are not in `b`. */
static inline struct people_set people_set_without(const struct people_set *a, const struct people_set *b)
{
    struct people_set rest;
    for (size_t i = 0; i < PEOPLE_SET_WORDS; i++) {
        rest.words[i] = a->words[i] & ~b->words[i];
    }
    return rest;
}

/*
 * Fills as many places as can be filled at once, at most MATCHING_SLOTS_MAX slots, each person one place. Earlier slots
 * come first: no slot has fewer than it could have beside those before it. How many each has does not depend on the
 * order of people.
 */
void matching_fill(struct matching_slot *slots, size_t count);

/* Whether every place is filled. */
bool matching_full(const struct matching_slot *slots, size_t count);

#endif
