/*
 * What every decoder of documents keeps: bytes that it accepts are written again as the very same bytes.
 */
#ifndef STRONGROOM_FUZZ_ROUND_TRIP_H
#define STRONGROOM_FUZZ_ROUND_TRIP_H

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frees `again`. */
static inline void round_trip_same(struct bytes *again, const uint8_t *data, size_t size)
{
    INVARIANT(again->len == size && memcmp(again->data, data, size) == 0);
    bytes_free(again);
}

/*
 * Defines KIND_round_trip: one decoder, its encoder, and a look at what came out, which ends with freeing it. True when
 * the bytes are such a document. `look`: a function, or (void) when there is nothing to see.
 */
#define ROUND_TRIP(kind, look)                                                                                         \
    static bool kind##_round_trip(const uint8_t *data, size_t size)                                                    \
    {                                                                                                                  \
        struct kind value;                                                                                             \
        if (kind##_decode(&value, data, size, NULL) != STATUS_OK) {                                                    \
            return false;                                                                                              \
        }                                                                                                              \
        struct bytes again = {0};                                                                                      \
        INVARIANT(kind##_encode(&again, &value, NULL) == STATUS_OK);                                                   \
        round_trip_same(&again, data, size);                                                                           \
        look(&value);                                                                                                  \
        return true;                                                                                                   \
    }

#endif
