/*
 * The keys of the log, as the signers of role audit and transfer know them: which sign, which are believed, and the
 * order by which one takes the place of another.
 */
#ifndef STRONGROOM_SIGNER_LOG_KEYS_H
#define STRONGROOM_SIGNER_LOG_KEYS_H

#include "audit/log_keys.h"
#include "audit/proof.h"
#include "keys.h"

#define LOG_KEYS_SIGNING_MAX 2

/* Ids of the keys that sign a checkpoint: first the one that counts, then the one that comes. */
struct log_keys_signing {
    size_t count; /* 1, or 2 while both are in force */
    struct digest ids[LOG_KEYS_SIGNING_MAX];
};

/* At the start: the guard's keys of the log are such, and those of role audit its own. */
MUST_CHECK enum status log_keys_start(const struct signer *signer, struct fault *fault);

/* Which sign a checkpoint of this size, by the state of role audit. */
MUST_CHECK enum status log_keys_signing(struct log_keys_signing *out, const struct guard_state *state, uint64_t size,
                                        struct fault *fault);

/*
 * Role audit: whether every key that signs the next checkpoint is active and on one of the tokens `able` (bits by their
 * place). Out: otherwise why not.
 */
bool log_keys_ready(struct signer *signer, unsigned able, char *reason, size_t reason_size);

/* STATUS_MISMATCH for a further key of role audit whose document does not say that it replaces a key of the log. */
MUST_CHECK enum status log_keys_check_successor(const struct signer *signer, const struct key_document *document,
                                                struct fault *fault);

/*
 * Role transfer: that the entry with these bytes is in the trail, by the key of the log that counts. STATUS_NOT_READY
 * when the checkpoint bears no signature of it: a newer one will.
 */
MUST_CHECK enum status log_keys_verify(const struct signer *signer, struct audit_proven *out,
                                       const struct audit_tlog_proof *proof, const struct bytes *leaf,
                                       struct fault *fault);

/*
 * Carries out log.rotate or log.fork, once; the same order again is answered the same. For both: STATUS_MISMATCH of
 * another log or role, STATUS_REPLAY; and for role audit STATUS_NOT_FOUND or the statuses of a key that may not sign.
 * log.rotate: STATUS_CONFLICT when it retires another key than the log's, or so many entries are signed already.
 * log.fork: this log has ended, the next one begins with nothing, and only it is signed or believed from now on. A
 * guard that the log's own contradictions have halted goes on by it, STATUS_HALTED by something else. STATUS_MISMATCH:
 * the log had another root at that size; STATUS_CONFLICT: it was never so long.
 */
MUST_CHECK enum status log_keys_order(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                                      struct fault *fault);

#endif
