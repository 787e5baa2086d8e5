/*
 * The one way of the client to a signer, beneath the typed calls.
 */
#ifndef STRONGROOM_WIRE_CALL_H
#define STRONGROOM_WIRE_CALL_H

#include "wire/client.h"

/*
 * Sends a request and waits for its reply: errors as wire_status. Out: on success what the reply owns is the caller's;
 * of a refusal, `promised` is set.
 */
MUST_CHECK enum status wire_call(struct wire_pool *pool, struct wire_reply *out, struct wire_request *request,
                                 int64_t timeout_ms, struct fault *fault);

#endif
