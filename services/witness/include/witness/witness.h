/*
 * A witness of transparency logs (C2SP tlog-witness): cosigns a checkpoint only when it extends the last one that it
 * cosigned, and remembers it on disk before the cosignature leaves.
 *
 * The state is a folder that is made once, by witness_initialise, and never defaults to anything: one that is missing,
 * short, corrupt or a copy refuses. What shows that a log has two histories is kept beside it.
 */
#ifndef STRONGROOM_WITNESS_WITNESS_H
#define STRONGROOM_WITNESS_WITNESS_H

#include <jansson.h>

#include "audit/witness.h"
#include "base/clock.h"

#define WITNESS_LOGS_MAX 8
#define WITNESS_CONTRADICTIONS_MAX 16 /* of a kind that are kept */

struct witness;

/* Everything is borrowed and outlives the witness. */
struct witness_config {
    const struct clock *clock;
    const char *state;           /* folder */
    const struct audit_key *key; /* its own, of type AUDIT_KEY_COSIGNATURE */
    /* Signs the message of a cosignature over `body` (audit_cosignature_message). */
    enum status (*cosign)(void *context, uint8_t out64[SIGNATURE_LEN], uint64_t time_s, const void *body, size_t len,
                          struct fault *fault);
    void *context;
};

/* What is answered over HTTP. */
struct witness_reply {
    unsigned http;
    const char *content_type; /* static */
    struct bytes body;        /* owned */
};

/*
 * Makes the state of a new witness for these logs (their verifier keys, 1 .. WITNESS_LOGS_MAX, no two of one origin):
 * the folder, which must not be there. STATUS_EXISTS, STATUS_INVALID, STATUS_IO.
 */
MUST_CHECK enum status witness_initialise(const char *state, const struct audit_key *key, const struct audit_key *logs,
                                          size_t count, struct fault *fault);

/*
 * From now on the log of that origin may be signed by its next key, too, or by it alone: which of the two counts at a
 * size is not the witness's to know, and what extends what stands without it. The witness is stopped. STATUS_NOT_FOUND,
 * STATUS_EXISTS (the key is its already), STATUS_INVALID; statuses of witness_open.
 */
MUST_CHECK enum status witness_rotate(const char *state, const struct audit_key *next, struct fault *fault);

/*
 * Opens the state; one process has it at a time. STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_CONFLICT (another process has
 * it, or it is a copy), STATUS_MISMATCH (another witness's), STATUS_HALTED. Out: witness_close.
 */
MUST_CHECK enum status witness_open(struct witness **out, const struct witness_config *config, struct fault *fault);

/* NULL is fine. */
void witness_close(struct witness *witness);

/*
 * Answers a request add-checkpoint. 200 with the cosignature line; 400 for bytes that are no request; 403 without a
 * good signature of the log; 404 for another log; 409 with the size that is remembered when the request begins at
 * another one, or for another root of the same size; 422 for a proof that does not hold; 503 when it could not be
 * remembered, and for ever once a note shows that this witness has cosigned more than it remembers. One call at a time.
 * Out: bytes_free(&out->body).
 */
void witness_add_checkpoint(struct witness *witness, struct witness_reply *out, const void *body, size_t len);

/*
 * The newest checkpoint of a log, cosigned anew: 200, or 404 for another log or before the first. `origin_hex`: SHA-256
 * of the origin. One call at a time.
 */
void witness_newest(struct witness *witness, struct witness_reply *out, const char *origin_hex);

/*
 * What a state says, also that of a witness which runs: {"contradictions":[...],"halted","logs":[...],"name"}. Out: one
 * reference. STATUS_NOT_FOUND, STATUS_CORRUPT.
 */
MUST_CHECK enum status witness_describe(json_t **out, const char *state, struct fault *fault);

#endif
