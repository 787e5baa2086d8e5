/*
 * What the end of the trail says of the numbers of producers: which became an entry, are declared void, or lie below a
 * `settled`. Whatever is said of a number is said after its event was made, and an event in audit.pending comes with
 * how long the trail was then, under the code of its producer. So the entries from there on are all that has to be
 * read; no column is believed, the chain up to the hash of the last entry shows that they are the trail's and that none
 * is missing. Internal to the sequencer.
 */
#ifndef STRONGROOM_CUSTODYD_SEQUENCER_HEARD_H
#define STRONGROOM_CUSTODYD_SEQUENCER_HEARD_H

#include <stdatomic.h>

#include "audit/event.h"
#include "store/trail_write.h"

/* No honest event waits while so many entries are made: at full speed its transaction would be open for minutes. */
#define HEARD_MAX ((uint64_t)1 << 20)

/* More ranges are forgotten when a batch has ended: what is asked of them is read again. */
#define HEARD_RANGES_MAX ((size_t)1 << 16)

/* Numbers from..to-1 of a producer: nothing becomes an entry under one of them any more. */
struct heard_numbers {
    struct uuid producer;
    uint64_t from;
    uint64_t to;
};

/* What the entries from one on say: of those before a leadership, as far as they were read, and all that it made. */
struct heard {
    const atomic_bool *stopping;
    uint64_t size;              /* of the trail */
    uint64_t from;              /* the entries from this one to there are known */
    struct digest previous;     /* the hash of the entry before `from` */
    struct heard_numbers *rows; /* by producer and number; no two of a producer touch */
    size_t count;
    size_t room;
};

/*
 * Nothing is known yet of a trail of `size` entries, the last of which has this hash; what was, is freed. `stopping`,
 * borrowed, ends a reading between two pages. Out: heard_free.
 */
void heard_begin(struct heard *inout, uint64_t size, const struct digest *last_lh, const atomic_bool *stopping);

/* Frees and empties. */
void heard_free(struct heard *heard);

/* Notes what an event says that is or becomes an entry. When it does not become one, this is begun anew. */
MUST_CHECK enum status heard_event(struct heard *inout, const struct audit_event *event, struct fault *fault);

/* The same of an event that speaks of no number but its own. */
MUST_CHECK enum status heard_number(struct heard *inout, const struct uuid *producer, uint64_t number,
                                    struct fault *fault);

/* The trail has `size` entries now, the last of which has this hash; what the new ones say was noted. */
void heard_extend(struct heard *inout, uint64_t size, const struct digest *last_lh);

/*
 * Reads the entries from `since` on that are not known yet. Between transactions only. Out: false when nothing can be
 * said of an event of then: it is more than HEARD_MAX entries ago, entries of then have left for an archive, or the
 * trail was never so long. STATUS_CORRUPT: what is stored is not the trail. STATUS_UNAVAILABLE: also when the service
 * stops.
 */
MUST_CHECK enum status heard_read(bool *out_known, struct heard *inout, struct store_writer *writer, int64_t since,
                                  struct fault *fault);

/* Whether something that was noted settles a number of a producer. */
bool heard_settles(const struct heard *heard, const struct uuid *producer, uint64_t number);

#endif
