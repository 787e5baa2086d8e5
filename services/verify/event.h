/*
 * The event of an entry, as far as a verifier needs it. Written from docs/formats.md section 3.
 */
#ifndef STRONGROOM_VERIFY_EVENT_H
#define STRONGROOM_VERIFY_EVENT_H

#include "scan.h"

/* clang-format off */
#define EVENT(F, O, S)                                                                                                 \
    F(S, act, TEXT, 63) F(S, actor, NAME, 0) O(S, auth, HASH, 0) F(S, bt, TEXT, 95) F(S, corr, UUID, 0)                \
    O(S, facts, FACTS, 0) O(S, oid, TEXT, 80) O(S, on, COUNTER, 0) O(S, otype, TEXT, 32) F(S, outcome, TEXT, 15)       \
    O(S, pii, STRINGS, 0) F(S, pn, COUNTER, 0) O(S, policy, HASH, 0) F(S, pr, TEXT, 36) O(S, reason, TEXT, 64)          \
    O(S, refs, OBJECT, 0) F(S, ts, TEXT, 27)
/* clang-format on */

/* The fields as they are spelt, borrowed from the bytes that were read. */
struct event {
    EVENT(SCAN_MEMBER, SCAN_MEMBER, )
    struct span voided; /* of `void` */
    uint64_t ordinal;   /* of `on`; 0: no object */
    uint64_t number;    /* of `pn` */
    struct uuid producer;
    int64_t at_utc_us;
};

/* Reads E strictly. */
MUST_CHECK enum status event_read(struct event *out, struct span document, struct fault *fault);

/*
 * Takes note of what an entry says of the end of its withdrawal, in EVENT_END_BITS bits that are 0 before the first.
 * NULL, or what was said of it before that no honest service goes on from like this: it pays nothing that ended, and
 * ends nothing that was signed but by the refusal of the ledger.
 */
#define EVENT_END_BITS 3
const char *event_end(unsigned *inout_said, const struct event *event);

#endif
