/*
 * The keys of a log while one takes the place of another. Up to a size that people named, the old key is the log's and
 * the new one signs beside it; from that size on the new one alone (docs/formats.md, log keys).
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

#endif
