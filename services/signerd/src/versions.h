/*
 * The versions of the policy that a signer holds: those that are or were in force, and the one that waits.
 *
 * A version comes in by policy.adopt alone. It takes force when its time has come and somebody looks, if enough people
 * signed it for those who spoke against it; otherwise it is dropped for good.
 */
#ifndef STRONGROOM_SIGNER_VERSIONS_H
#define STRONGROOM_SIGNER_VERSIONS_H

#include <pthread.h>
#include <stdatomic.h>

#include "policy/chain.h"
#include "signer/guard.h"

#define VERSIONS_MAX 4096

struct versions {
    struct policy_chain_version list[VERSIONS_MAX]; /* each written once, before the count says so; owned */
    atomic_size_t count;
    atomic_uint_fast64_t look_at_running_us; /* when the waiting one has to be looked at; UINT64_MAX for none */
    pthread_mutex_t change;                  /* one change at a time, its write to the guard included */
    bool has_next; /* with change, as what follows: there is one that waits or was dropped last */
    struct guard_policy next;
    struct policy *next_policy;
};

struct signer;

/*
 * At the start: verifies what the guard holds, from the first version on, which must be the one in the file `path`
 * (STATUS_MISMATCH; a folder is STATUS_INVALID: later versions come by policy.adopt).
 */
MUST_CHECK enum status versions_start(struct signer *signer, const char *path, struct fault *fault);

/* At the start, when the time is known: by when what waits will be in force, if nothing stops the signer. */
void versions_estimate(struct signer *signer);

/* Frees. */
void versions_finish(struct signer *signer);

/* The version in force. Borrowed until versions_finish, as is all of the next. Any thread. */
const struct policy *versions_in_force(const struct signer *signer);

/* All that are or were in force. Any thread. */
struct policy_chain versions_chain(const struct signer *signer);

/* Lets a version whose time has come take force, or drops it. Before anything is decided. A halted guard stays. */
MUST_CHECK enum status versions_settle(struct signer *signer, struct fault *fault);

/* What status tells of versions. */
struct wire_status_reply;
void versions_tell(struct signer *signer, struct wire_status_reply *out);

#endif
