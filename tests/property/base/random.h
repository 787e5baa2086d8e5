/*
 * The random source of property tests: reproducible, seeded from STRONGROOM_SEED or freshly, and printed on failure.
 */
#ifndef STRONGROOM_TESTS_PROPERTY_RANDOM_H
#define STRONGROOM_TESTS_PROPERTY_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Seeds the source from the environment or the kernel and prints the seed to standard error. Call it first. */
void random_open(void);

/* The next 64 bits (splitmix64). */
uint64_t random_u64(void);

/* A number from 0 to `bound` - 1; `bound` is not 0. */
uint64_t random_below(uint64_t bound);

/* Fills memory. */
void random_fill(void *out, size_t len);

#endif
