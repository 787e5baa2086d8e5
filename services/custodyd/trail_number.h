/*
 * The numbers of this boot's events, from taken to sequenced. Internal to the trail; the caller holds the trail's lock.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_NUMBER_H
#define STRONGROOM_CUSTODYD_TRAIL_NUMBER_H

#include <stddef.h>

#include "audit/event.h"
#include "store/store.h"

/* How many numbers are remembered; older ones must be settled. */
#define TRAIL_NUMBERS ((uint64_t)1 << 17)

/*
 * How far numbers may run ahead of the first that is not settled: a verifier notes so many that come early
 * (docs/formats.md 3). The last of them are for state events alone, which find out what became of an unknown one.
 */
#define TRAIL_UNSETTLED_MAX ((uint64_t)1 << 16)
#define TRAIL_UNSETTLED_STATE ((uint64_t)1 << 12)

enum number_state {
    NUMBER_OPEN,      /* its transaction is running */
    NUMBER_COMMITTED, /* waits in audit.pending */
    NUMBER_SEQUENCED, /* is entry `seq` of the trail */
    NUMBER_UNKNOWN,   /* the reply to its COMMIT did not arrive */
    NUMBER_LOST,      /* did not commit; to be declared void */
    NUMBER_CARRIED,   /* in the void list of `carrier`, whose transaction has not ended or is unknown */
    NUMBER_VOID,      /* in the void list of a committed event */
};

struct number {
    uint64_t number;
    uint64_t seq;
    enum number_state state;
    bool posted;      /* no transaction of its own: whoever waits for it is the first to learn that it is lost */
    bool carries;     /* its event has a void list */
    bool proves;      /* it is the `proof` of another */
    uint64_t carrier; /* NUMBER_CARRIED: whose */
    struct store_backend backend; /* NUMBER_UNKNOWN: the session that was committing it */
    uint64_t proof; /* NUMBER_UNKNOWN: once that number is sequenced and this one is not, it never will be; 0: none */
    struct digest event; /* SHA-256 of its document in audit.pending */
};

struct numbers {
    uint64_t next;    /* the next number to be taken, from 1 */
    uint64_t settled; /* every number below it is committed, sequenced or void */
    size_t lost;      /* how many are NUMBER_LOST */
    size_t unknown;   /* how many are NUMBER_UNKNOWN */
    struct number ring[TRAIL_NUMBERS];
};

/* Starts the count. */
void numbers_init(struct numbers *numbers);

/* Takes the next number, for a state event or another. STATUS_BUSY when too many are unsettled. */
MUST_CHECK enum status numbers_take(uint64_t *out, struct numbers *numbers, bool state, struct fault *fault);

/* Whether half of what other events may have unsettled is: a state event is due. */
bool numbers_crowd(const struct numbers *numbers);

/* Hands over up to `capacity` lost numbers, in ascending order, for the void list of `carrier`. */
size_t numbers_carry(uint64_t *out, size_t capacity, struct numbers *numbers, uint64_t carrier);

/* Marks a number as posted. */
void numbers_post(struct numbers *numbers, uint64_t number);

/* Notes the document that goes to audit.pending under a number. */
void numbers_bind(struct numbers *numbers, uint64_t number, const struct digest *event);

/*
 * Whether a document may become the entry of a number: it is the one bound to it, and the number waits for an entry.
 * STATUS_NOT_READY: its transaction has not ended, as far as it is known here. Else STATUS_MISMATCH. A number that is
 * forgotten is not judged (STATUS_OK); one that was never taken is refused.
 */
MUST_CHECK enum status numbers_expect(const struct numbers *numbers, uint64_t number, const struct digest *event);

/* The transaction of a number has ended: NUMBER_COMMITTED, NUMBER_LOST or NUMBER_UNKNOWN, on `backend`. */
void numbers_end(struct numbers *numbers, uint64_t number, enum number_state state,
                 const struct store_backend *backend);

/* Notes the entry that a number became. */
void numbers_sequenced(struct numbers *numbers, uint64_t number, uint64_t seq);

/* The row of a number, NULL when it was never taken or is forgotten. */
const struct number *numbers_find(const struct numbers *numbers, uint64_t number);

/* Whether it will never be an entry. */
bool number_is_gone(const struct number *number);

/* The first unknown number above `after`, 0 when there is none. */
uint64_t numbers_unknown_after(const struct numbers *numbers, uint64_t after);

/* The server process of an unknown number is gone; `by` is enqueued after that was seen. */
void numbers_prove(struct numbers *numbers, uint64_t number, uint64_t by);

/* Posts whose outcome is unknown are lost: it is certain that they will not come any more. */
void numbers_posts_lost(struct numbers *numbers);

/* Every number below the result is committed, sequenced, void, or in the void list of `carrier`. */
uint64_t numbers_settled(struct numbers *numbers, uint64_t carrier);

#endif
