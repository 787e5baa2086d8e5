/*
 * The keys of a log, and how one takes the place of another. Up to a size that people named, the old key is the log's
 * and the new one signs beside it; from that size on the new one alone (docs/formats.md, log keys).
 */
#ifndef STRONGROOM_AUDIT_LOG_KEYS_H
#define STRONGROOM_AUDIT_LOG_KEYS_H

#include "audit/checkpoint.h"

/* Of one origin. */
struct audit_log_keys {
    struct audit_key key;
    bool rotates;          /* there is a next one */
    struct audit_key next; /* signs checkpoints below `from` beside `key`, and those from there on alone */
    uint64_t from;         /* entries; from 1 */
};

/*
 * Reads them from vkeys; `next` "" for none. STATUS_INVALID, STATUS_ALGORITHM_REFUSED when one is no log key,
 * STATUS_MISMATCH when they are of two origins or one key.
 */
MUST_CHECK enum status audit_log_keys_parse(struct audit_log_keys *out, const char *key, const char *next,
                                            uint64_t from, struct fault *fault);

/* The key without whose signature a checkpoint of this size counts for nothing. Borrowed from `keys`. */
const struct audit_key *audit_log_keys_at(const struct audit_log_keys *keys, uint64_t size);

/*
 * The key that a signed note must be verified with, by somebody who has seen the log at size `seen` already: then the
 * old key is never believed again once its time was over, not even about smaller sizes. Every line of the other key
 * must verify, too (STATUS_SIGNATURE_INVALID), and there is none of a key whose time is over (STATUS_UNKNOWN_KEY); the
 * signature of the key itself is the caller's to verify. Out: borrowed from `keys`.
 */
MUST_CHECK enum status audit_log_keys_judge(const struct audit_key **out, const struct audit_log_keys *keys,
                                            uint64_t seen, const void *note, size_t len, struct fault *fault);

/*
 * audit_checkpoint_open with several keys of one log, by somebody who does not know when each has its time: at least
 * one has signed, and no line of any is bad. `count` from 1.
 */
MUST_CHECK enum status audit_checkpoint_open_any(struct audit_checkpoint *out, const void *note, size_t len,
                                                 const struct audit_key *keys, size_t count, struct fault *fault);

#define AUDIT_LOG_TERMS_MAX 17

/* All keys of one log, oldest first: each counts from `from` entries on, until the next one does. */
struct audit_log_terms {
    size_t count;
    struct audit_log_term {
        struct audit_key key;
        uint64_t from; /* of the first: 0 */
    } rows[AUDIT_LOG_TERMS_MAX];
};

/*
 * Adds the key with this vkey; the first to terms of count 0, from 0. STATUS_INVALID: no vkey, or `from` is not above
 * the one before; STATUS_ALGORITHM_REFUSED: no log key; STATUS_MISMATCH: of another origin, or there already;
 * STATUS_TOO_LARGE.
 */
MUST_CHECK enum status audit_log_terms_add(struct audit_log_terms *inout, const char *vkey, uint64_t from,
                                           struct fault *fault);

/*
 * audit_checkpoint_open by whoever knows all keys of the log: the one that counts at the size of the note has signed
 * it, no line of any is bad, and there is none of a key whose time was over (STATUS_UNKNOWN_KEY).
 */
MUST_CHECK enum status audit_log_terms_open(struct audit_checkpoint *out, const struct audit_log_terms *terms,
                                            const void *note, size_t len, struct fault *fault);

/*
 * The origin under which a log goes on that ended in an incident: "X" is followed by "X/e2", "X/e3" and so on, so no
 * origin ever comes back. STATUS_TOO_LARGE: it would not fit.
 */
MUST_CHECK enum status audit_origin_next(char out[AUDIT_ORIGIN_SIZE], const char *origin, struct fault *fault);

/* How many logs it is of: 1 for "X", n for "X/en". */
uint64_t audit_origin_epoch(const char *origin);

/* Whether logs that follow each other came from `than` to `origin`: "X/e3" is later than "X" and than "X/e2". */
bool audit_origin_is_later(const char *origin, const char *than);

#endif
