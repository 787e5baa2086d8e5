/*
 * Whether people can fill places when each fills one at most: the largest matching of a bipartite graph.
 */
#ifndef STRONGROOM_VERIFY_MATCHING_H
#define STRONGROOM_VERIFY_MATCHING_H

#include <stdbool.h>
#include <stddef.h>

#define MATCHING_PLACES_MAX 64
#define MATCHING_PEOPLE_MAX 256

struct matching {
    bool fits[MATCHING_PLACES_MAX][MATCHING_PEOPLE_MAX]; /* place, person */
    size_t places;
    size_t people;
};

/* How many of the places can be filled at once. */
size_t matching_size(const struct matching *matching);

#endif
