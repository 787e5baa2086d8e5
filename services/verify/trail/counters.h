/*
 * Two kinds of numbers that must have no gaps: ordinals of objects, and numbers of producers. An object takes 24 bytes
 * of a table that is at least three eighths full, 96 bytes at the worst while that doubles; a producer (one start of a
 * service) takes 56, and 8 KiB once numbers of it came early.
 */
#ifndef STRONGROOM_VERIFY_COUNTERS_H
#define STRONGROOM_VERIFY_COUNTERS_H

#include "scan.h"

struct counters;

/* Out: counters_free. */
MUST_CHECK enum status counters_new(struct counters **out);

/* Frees. NULL is fine. */
void counters_free(struct counters *counters);

/*
 * What comes has a part before it that is not seen, so nothing is known to be missing before the first number of an
 * object, or below the first `settled` of a producer.
 */
void counters_begin_late(struct counters *counters);

/* Takes note of ordinal `on` of an object. Out: *out_expected is the ordinal that should have come. */
MUST_CHECK enum status counters_object(struct counters *counters, uint64_t *out_expected, struct span otype,
                                       struct span oid, uint64_t on);

/* Takes note of a number of a producer that is in the trail or declared void. False in *out_fresh: it was there before.
 */
MUST_CHECK enum status counters_producer(struct counters *counters, bool *out_fresh, const struct uuid *producer,
                                         uint64_t number);

/* When the first `settled` of a producer that began late is read: the numbers below are none of those that are missing.
 */
void counters_producer_begin(const struct counters *counters, const struct uuid *producer, uint64_t settled);

/* The first number of a producer, from 1, of which there is no note. */
uint64_t counters_producer_next(const struct counters *counters, const struct uuid *producer);

/*
 * Takes note of the time of an entry. Answers for how long its producer had no heartbeat, 0 before the first. While
 * none comes, what lies between two entries is a minute at most: the database may have been away.
 */
int64_t counters_silence(struct counters *counters, const struct uuid *producer, int64_t at_utc_us, bool heartbeat);

#endif
