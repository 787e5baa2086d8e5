/*
 * A small REST client: one connection per struct, kept open, so that a benchmark measures the service and not its own
 * start.
 */
#ifndef STRONGROOM_BENCH_REST_H
#define STRONGROOM_BENCH_REST_H

#include <curl/curl.h>
#include <jansson.h>

#include "bench.h"

struct rest {
    CURL *curl;
    const char *url; /* of the service, borrowed */
    bool afresh;     /* a new connection, with its TLS handshake, for every request */
    char *reply;
    size_t reply_len;
};

/* Opens; `ca` is the certificate to trust. Out: rest_close. */
void rest_open(struct rest *rest, const char *url, const char *ca);

/* Closes. */
void rest_close(struct rest *rest);

/*
 * Asks. `body` may be NULL for a GET; `key` is the idempotency key or NULL. Any answer outside 2xx ends the program,
 * but for 429 and 503, after which it asks again. Out: owned by the caller.
 */
json_t *rest_ask(struct rest *rest, const char *token, const char *path, const json_t *body, const char *key);

#endif
