/*
 * The numbers of this boot's events, from taken to sequenced. Internal to the trail; the caller holds the trail's lock.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_NUMBER_H
#define STRONGROOM_CUSTODYD_TRAIL_NUMBER_H

#include <stddef.h>

#include "audit/event.h"

/* How many numbers are remembered; older ones must be settled. */
#define TRAIL_NUMBERS ((uint64_t)1 << 17)

enum number_state {
    NUMBER_OPEN,      /* its transaction is running */
    NUMBER_COMMITTED, /* waits in audit.pending */
    NUMBER_SEQUENCED, /* is entry `seq` of the trail */
    NUMBER_LOST,      /* did not commit, or nobody knows; to be declared void */
    NUMBER_CARRIED,   /* in the void list of an open event */
    NUMBER_VOID,      /* in the void list of a committed event */
};

struct number {
    uint64_t number;
    uint64_t seq;
    enum number_state state;
};

struct numbers {
    uint64_t next;    /* the next number to be taken, from 1 */
    uint64_t settled; /* every number below it is committed, sequenced or void */
    size_t lost;      /* how many are NUMBER_LOST */
    struct number ring[TRAIL_NUMBERS];
};

/* Starts the count. */
void numbers_init(struct numbers *numbers);

/* Takes the next number. STATUS_BUSY when too many are unsettled. */
MUST_CHECK enum status numbers_take(uint64_t *out, struct numbers *numbers, struct fault *fault);

/* Hands over up to `capacity` lost numbers below `below`, in ascending order; they are then carried. */
size_t numbers_carry(uint64_t *out, size_t capacity, struct numbers *numbers, uint64_t below);

/* Ends a number or those that were carried. A number that was sequenced meanwhile stays so. */
void numbers_end(struct numbers *numbers, uint64_t number, enum number_state state);

/* Notes the entry that a number became. */
void numbers_sequenced(struct numbers *numbers, uint64_t number, uint64_t seq);

/* The row of a number, NULL when it was never taken or is forgotten. */
const struct number *numbers_find(const struct numbers *numbers, uint64_t number);

/* Every number below the result is committed, sequenced, void, or one of the `carried` (ascending). */
uint64_t numbers_settled(struct numbers *numbers, const uint64_t *carried, size_t count);

#endif
