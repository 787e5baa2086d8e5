/*
 * The event of an entry, as far as a verifier needs it. Written from docs/formats.md section 3.
 */
#ifndef STRONGROOM_VERIFY_EVENT_H
#define STRONGROOM_VERIFY_EVENT_H

#include "base/canon.h"
#include "base/digest.h"
#include "base/id.h"

struct event {
    char act[64];
    struct name actor;
    struct digest auth;
    char bt[96];
    struct uuid corr;
    json_t *facts; /* borrowed from `document` */
    char oid[81];
    uint64_t on; /* 0: no object */
    char otype[33];
    char outcome[16];
    json_t *pii;
    uint64_t pn;
    struct uuid pr;
    struct digest policy;
    char reason[65];
    json_t *refs;
    int64_t ts;
    json_t *voided;
    json_t *document; /* owned */
};

/* Reads E strictly. Out: event_free. */
MUST_CHECK enum status event_read(struct event *out, const void *document, size_t len, struct fault *fault);

/* Frees and empties. */
void event_free(struct event *event);

#endif
