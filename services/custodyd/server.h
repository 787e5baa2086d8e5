/*
 * The HTTP server: sockets, TLS and limits. A thread for each connection, so that a handler may wait for the trail.
 */
#ifndef STRONGROOM_CUSTODYD_SERVER_H
#define STRONGROOM_CUSTODYD_SERVER_H

#include "http.h"

struct server;

struct server_options {
    const char *option;      /* what a fault of `listen` is called */
    const char *listen;      /* "127.0.0.1:8443", "[::1]:8443", or port 0 to let the kernel choose */
    const char *certificate; /* PEM file with the chain; empty: no TLS, loopback addresses only */
    const char *private_key; /* PEM file, nobody else may read it */
    unsigned connections;    /* at most so many at once */
    unsigned idle_s;         /* a connection on which nothing moves is closed after so many seconds */
    int64_t request_ms;      /* as in places.h */
    bool only_urgent;        /* routes that may stop something, and no others */
};

/*
 * Listens, with certificate and key loaded; until server_serve every request is answered 503. STATUS_INVALID for an
 * address that is not loopback without TLS, unusable files, or a key that is not the certificate's; STATUS_IO when the
 * address cannot be bound. Out: owned by the caller, server_stop.
 */
MUST_CHECK enum status server_open(struct server **out, const struct server_options *options, struct fault *fault);

/* From now on requests are served by this service, which must outlive the server. */
void server_serve(struct server *server, struct service *service);

/* The port that is bound. */
unsigned server_port(const struct server *server);

/* Stops accepting, lets running handlers end, frees. NULL is fine. */
void server_stop(struct server *server);

#endif
