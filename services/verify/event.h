/*
 * The event of an entry, as far as a verifier needs it. Written from docs/formats.md section 3.
 */
#ifndef STRONGROOM_VERIFY_EVENT_H
#define STRONGROOM_VERIFY_EVENT_H

#include "scan.h"

/* The fields as they are spelt, borrowed from the bytes that were read. */
struct event {
    struct span act;
    struct span actor;
    struct span auth;
    struct span bt;
    struct span corr;
    struct span facts;
    struct span oid;
    struct span on;
    struct span otype;
    struct span outcome;
    struct span pii;
    struct span pn;
    struct span policy;
    struct span pr;
    struct span reason;
    struct span refs;
    struct span ts;
    struct span voided;
    uint64_t ordinal; /* of `on`; 0: no object */
    uint64_t number;  /* of `pn` */
    struct uuid producer;
    int64_t at_utc_us;
};

/* Reads E strictly. */
MUST_CHECK enum status event_read(struct event *out, struct span document, struct fault *fault);

#endif
