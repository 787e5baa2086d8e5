/*
 * Two kinds of numbers that must have no gaps: ordinals of objects, and numbers of producers. An object takes 24 bytes
 * of a table that is at least three eighths full, 96 bytes at the worst while that doubles; a producer (one start of a
 * service) takes 56 and as much of that table, and 8 KiB once numbers of it came early.
 */
#ifndef STRONGROOM_VERIFY_COUNTERS_H
#define STRONGROOM_VERIFY_COUNTERS_H

#include "event.h"

struct counters;

/* Out: counters_free. */
MUST_CHECK enum status counters_new(struct counters **out);

/* Frees. NULL is fine. */
void counters_free(struct counters *counters);

/*
 * What comes has a part before it that is not seen, so nothing is known to be missing before the first number of an
 * object, or below the first `settled` of a producer that may have begun there: by the time in its id.
 */
void counters_begin_late(struct counters *counters);

/* Takes note of the ordinal of an object, and of its end. Out: *out_expected is the ordinal that should have come;
 * *out_before is the answer of event_end. */
MUST_CHECK enum status counters_object(struct counters *counters, uint64_t *out_expected, const char **out_before,
                                       const struct event *event);

/* Takes note of a number of the producer of an entry, in the trail or declared void. False in *out_fresh: it was there
 * before. */
MUST_CHECK enum status counters_producer(struct counters *counters, bool *out_fresh, const struct event *event,
                                         uint64_t number);

/* How many numbers of its producer below `settled` did not come, as far as that is known, and the first one. They count
 * as seen from then on. */
uint64_t counters_settle(struct counters *counters, uint64_t *out_first, const struct event *event, uint64_t settled);

/*
 * Takes note of the time of an entry. Answers for how long its producer had no heartbeat, from its first entry on.
 * While none comes, what lies between two entries is a minute at most: the database may have been away. The sequencer
 * has none: its own entries wait nowhere.
 */
int64_t counters_silence(struct counters *counters, const struct event *event, bool heartbeat);

#endif
