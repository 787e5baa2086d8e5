/*
 * splitmix64: small, well mixed, and the same on every machine. It is no source of secrets.
 */
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t state;

void random_open(void)
{
    const char *given = getenv("STRONGROOM_SEED");
    if (given != NULL) {
        state = strtoull(given, NULL, 0);
    } else if (getrandom(&state, sizeof(state), 0) != (ssize_t)sizeof(state)) {
        abort();
    }
    (void)fprintf(stderr, "STRONGROOM_SEED=0x%016" PRIx64 "\n", state);
}

uint64_t random_u64(void)
{
    state += 0x9e3779b97f4a7c15u;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    return mixed ^ (mixed >> 31);
}

uint64_t random_below(uint64_t bound)
{
    return random_u64() % bound;
}

void random_fill(void *out, size_t len)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)random_u64();
    }
}
