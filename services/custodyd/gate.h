/*
 * The gate: how often and how many at once one token, and one address without a token, is served.
 *
 * Who comes too often waits here for a while, which costs nobody else anything, and is then refused as busy. What stops
 * (freezes, suspensions) is counted apart and does not wait behind other requests.
 */
#ifndef STRONGROOM_CUSTODYD_GATE_H
#define STRONGROOM_CUSTODYD_GATE_H

#include <stddef.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/status.h"

struct gate;
struct gate_guest; /* a token with a request inside */

struct gate_config {
    const struct clock *clock;  /* borrowed */
    int64_t token_rate;         /* requests of one token in a second; twice as many at once */
    int64_t told_rate;          /* of them reads that are told in the trail; at once what a minute brings */
    int64_t address_rate;       /* requests without a known token of one address, likewise */
    unsigned served;            /* requests of one token being worked on at once; the others wait */
    unsigned inside;            /* requests of one token at once, waiting ones too */
    unsigned addresses, tokens; /* how many are remembered */
};

enum gate_kind {
    GATE_ORDINARY,
    GATE_TOLD,   /* a read that becomes an entry of the trail */
    GATE_URGENT, /* a request that may stop something */
};

/* Out: gate_free. */
MUST_CHECK enum status gate_new(struct gate **out, const struct gate_config *config, struct fault *fault);

/* Nobody may be inside. NULL is fine. */
void gate_free(struct gate *gate);

/* From now on this token counts for itself and no longer for its address. */
void gate_know(struct gate *gate, const struct digest *token);

/*
 * Lets a request in, now or within a second; one beyond `told_rate` not at all. `token`: the SHA-256 of the one that is
 * shown, NULL for none. STATUS_BUSY. Out: first gate_worked, then gate_leave; NULL for one that is not counted while it
 * is inside.
 */
MUST_CHECK enum status gate_enter(struct gate *gate, struct gate_guest **out, const struct digest *token,
                                  const struct digest *address, enum gate_kind kind, struct fault *fault);

/* The request has been worked on: another one of this token may be. NULL is fine, also below. */
void gate_worked(struct gate *gate, struct gate_guest *guest);

/* The reply has been sent, or nobody is there any more to read it. */
void gate_leave(struct gate *gate, struct gate_guest *guest);

/* How many were refused since the last call. */
uint64_t gate_take_refused(struct gate *gate);

#endif
