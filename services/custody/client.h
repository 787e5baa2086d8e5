/*
 * The REST client: one call, one JSON answer. What the service says is material to check, never text to obey.
 */
#ifndef STRONGROOM_CUSTODY_CLIENT_H
#define STRONGROOM_CUSTODY_CLIENT_H

#include <jansson.h>

#include "base/bytes.h"
#include "options.h"

struct client_call {
    const char *method; /* "GET" or "POST" */
    const char *path;   /* "/v1/..." */
    const json_t *body; /* NULL: none */
    const char *idempotency_key;
    bool unready_too; /* the body of a 503 is an answer, as that of /healthz */
};

/*
 * Calls the service and parses the JSON it answers. A problem document becomes the fault of its code, with field and
 * detail. STATUS_UNAVAILABLE when it could not be reached. Out: one reference.
 */
MUST_CHECK enum status client_json(json_t **out, const struct custody_options *options, const struct client_call *call,
                                   struct fault *fault);

/*
 * What the service said of its trail in the newest answer to somebody it knows (header Trail-Halted): what has halted
 * it, since when and where, as printable ASCII; "" when it goes on. Valid until the next call.
 */
const char *client_halted(void);

/* GET of a list: prints each row of `member`, or the whole answer as JSON with --json. */
MUST_CHECK enum status client_list(const struct custody_options *options, const char *path, const char *member,
                                   void (*print)(const json_t *row), struct fault *fault);

/* GET of a body of any kind, at most 64 MiB, with nothing said of it but its bytes. Out: owned by the caller. */
MUST_CHECK enum status client_bytes(struct bytes *out, const struct custody_options *options, const char *path,
                                    struct fault *fault);

/* Who sees the bytes of a body as they pass. */
struct client_look {
    void (*see)(void *context, const char *data, size_t len);
    void (*tell)(void *context, const char *value); /* NULL, or who hears the value of `header`, if the answer has it */
    const char *header;
    void *context;
};

/* GET of a body that is written to `stream` as it arrives, and seen by `look` (NULL: nobody). */
MUST_CHECK enum status client_stream(FILE *stream, const struct custody_options *options, const char *path,
                                     const struct client_look *look, struct fault *fault);

#endif
