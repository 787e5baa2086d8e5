/*
 * Withdrawals by the thousand, each right in every respect, for a signer of role transfer: one trail holds the signing
 * entries of all, and each is proven under the checkpoint of its own entry.
 */
#ifndef STRONGROOM_BENCH_ORDERS_H
#define STRONGROOM_BENCH_ORDERS_H

#include "world.h"

/* The orders of one lane: sequence s stands at orders[s]. */
struct bench_lane {
    size_t length;
    size_t next; /* the first that is not signed yet */
    struct order *orders;
};

/* Makes as many orders as the length of each lane says. Out: free with bench_lanes_wipe. */
void bench_lanes_fill(struct bench_lane *lanes, size_t count, struct world *world);

/* Frees the orders. */
void bench_lanes_wipe(struct bench_lane *lanes, size_t count);

#endif
