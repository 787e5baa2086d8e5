/*
 * The report of a compromise, or of the drill of one: what was lost, what it reached, what was done and when. Signed by
 * the person who did it. See docs/formats.md (compromise).
 */
#ifndef STRONGROOM_POLICY_COMPROMISE_H
#define STRONGROOM_POLICY_COMPROMISE_H

#include "policy/policy.h"

#define COMPROMISE_KIND "compromise"
#define COMPROMISE_STEPS_MAX 16
#define COMPROMISE_LOST_SIZE 65 /* 1 to 64 printable characters and a NUL */

/* Numbers may be stored; never renumber. */
enum compromise_what {
    COMPROMISE_KEY = 1,
    COMPROMISE_TOKEN = 2,
    COMPROMISE_CUSTODIAN = 3,
    COMPROMISE_SIGNER = 4,
    COMPROMISE_SITE = 5,
};

struct compromise_step {
    int64_t at; /* microseconds UTC */
    struct name step;
};

struct compromise {
    struct name by;
    struct digest chain;
    bool drill;
    struct name environment;
    int64_t failed; /* keys that could not be suspended; in a drill: that did not answer */
    int64_t finished_at;
    int64_t hindrances; /* what would keep sweeps from going */
    int64_t keys;       /* in the blast radius */
    char lost[COMPROMISE_LOST_SIZE];
    struct digest plan; /* SHA-256 of the plan that was written with it */
    struct digest policy;
    int64_t started_at;
    struct compromise_step steps[COMPROMISE_STEPS_MAX];
    size_t step_count; /* from 1 */
    int64_t suspended;
    int64_t sweeps; /* prepared */
    enum compromise_what what;
};

/* The word in documents, NULL for a number that is none; and back: STATUS_INVALID. */
const char *compromise_what_text(enum compromise_what what);
MUST_CHECK enum status compromise_what_parse(enum compromise_what *out, const char *text);

/* Reads the document strictly, its times in order included; no signature is looked at. */
MUST_CHECK enum status compromise_decode(struct compromise *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what compromise_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status compromise_encode(struct bytes *out, const struct compromise *compromise, struct fault *fault);

/* The digest of the document bytes, which the trail names. */
void compromise_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes and verifies: chain, environment and policy are those of `policy` (STATUS_MISMATCH); exactly one signature
 * (STATUS_SIGNATURE_INVALID), by a key of `by` (STATUS_UNKNOWN_KEY), a person who may suspend keys (STATUS_FORBIDDEN),
 * valid at finished_at (STATUS_EXPIRED).
 */
MUST_CHECK enum status compromise_verify(struct compromise *out, const struct signed_document *document,
                                         const struct policy *policy, struct fault *fault);

#endif
