/* The HTTP server of a witness: POST /add-checkpoint and GET /<SHA-256 of the origin>/checkpoint, nothing else. */
#ifndef STRONGROOM_WITNESS_SERVER_H
#define STRONGROOM_WITNESS_SERVER_H

#include "witness/witness.h"

struct witness_server;

/*
 * Listens at "address:port" or "[address]:port"; port 0 takes a free one. Requests are answered one after the other in
 * a thread of its own. STATUS_INVALID, STATUS_UNAVAILABLE. Out: witness_server_stop.
 */
MUST_CHECK enum status witness_server_start(struct witness_server **out, struct witness *witness, const char *listen,
                                            struct fault *fault);

/* The port that was taken. */
uint16_t witness_server_port(const struct witness_server *server);

/* Ends the request at hand and stops. NULL is fine. */
void witness_server_stop(struct witness_server *server);

#endif
