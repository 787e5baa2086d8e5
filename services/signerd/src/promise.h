/*
 * What role transfer remembers before it signs.
 */
#ifndef STRONGROOM_SIGNER_PROMISE_H
#define STRONGROOM_SIGNER_PROMISE_H

#include "policy/withdrawal.h"
#include "role.h"

/* What is to be remembered. */
struct promise {
    struct signer *signer;
    const struct withdrawal *withdrawal;
    size_t key; /* its place in the guard */
    bool swept; /* by a command key.sweep, since the key is out of service */
    struct uuid sweep_nonce;
    struct digest sweep;
    struct audit_checkpoint checkpoint;
    int64_t at_utc_us;
    struct policy_chain chain; /* of the withdrawal, which borrows it */
    size_t version;            /* of the policy in force under which it was judged */
    uint64_t suspensions;      /* changes of who is suspended, as it was judged */
    uint64_t told;             /* promises that the entry of the trail knows of */
    uint64_t ends;             /* the newest one that the service was told of */
    uint64_t promises;         /* out: of the guard, with this one */
    uint64_t due_us;           /* out of an announcement: running time from which it may be signed */
};

/* A guard_apply: `context` is a struct promise. STATUS_OK when it may be signed, now or again. */
MUST_CHECK enum status promise_apply(struct guard_txn *txn, void *context, struct fault *fault);

/*
 * The same for an announcement: nothing is promised, and neither the sequence nor limits are judged. What was promised
 * before is due.
 */
MUST_CHECK enum status announce_apply(struct guard_txn *txn, void *context, struct fault *fault);

#endif
