/*
 * The places for HTTP connections: who may stay when there are more than places.
 *
 * A connection whose next request is not all there holds its place only until a newcomer needs it. One goes of whoever
 * waits with the most connections: the oldest that has not sent a byte, and if there is none the oldest. Whose a
 * connection is tells its address, and the token once it has shown one. A request that is being served is never
 * interrupted. So however many are silent or slow, a newcomer is let in; and it is not cut as long as somebody else
 * waits with more.
 */
#ifndef STRONGROOM_CUSTODYD_PLACES_H
#define STRONGROOM_CUSTODYD_PLACES_H

#include <stddef.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/status.h"

struct places;
struct place;

struct places_config {
    const struct clock *clock;  /* borrowed */
    unsigned count;             /* so many at once */
    int64_t request_ms;         /* until a whole request is there: its head, and then once more its body */
    void (*cut)(int fd);        /* ends a connection, from any thread, without closing the descriptor */
    bool (*has_spoken)(int fd); /* a byte has come */
};

/* Makes the places and starts the thread that ends what is overdue. Out: places_free. */
MUST_CHECK enum status places_new(struct places **out, const struct places_config *config, struct fault *fault);

/* Every place must have been left. NULL is fine. */
void places_free(struct places *places);

/*
 * A connection has come from this address, which may cut another one. `fd` stays open until place_leave. NULL when
 * every place is being served, or out of memory: the newcomer is to be cut. Out: place_leave.
 */
struct place *place_enter(struct places *places, int fd, const struct digest *address);

/* The connection is closed. NULL is fine, also below. */
void place_leave(struct place *place);

/* The head of a request is there; from now on its body is awaited. */
void place_begun(struct place *place);

/* The whole request is there: it is being served. False when the connection was cut: then nothing may be done for it.
 */
MUST_CHECK bool place_arrived(struct place *place);

/* Whoever is being served has shown a token that is valid; this is its SHA-256. */
void place_known(struct place *place, const struct digest *token);

/* The reply is sent; the next request is awaited. */
void place_answered(struct place *place);

/* The digest of the address that the connection came from. */
const struct digest *place_address(const struct place *place);

#endif
