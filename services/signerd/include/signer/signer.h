/*
 * The signer without its process: a request comes in, a reply goes out.
 *
 * One discipline in all roles: check, remember, then sign. Sockets, threads, tokens and sandboxes are the business of
 * signerd around it; the clock and the key are handed in. Calls may come from several threads, each with a session of
 * its own.
 */
#ifndef STRONGROOM_SIGNER_SIGNER_H
#define STRONGROOM_SIGNER_SIGNER_H

#include "base/clock.h"
#include "policy/policy.h"
#include "signer/guard.h"
#include "wire/message.h"

struct signer;

/* Bits of what a connection may do, fixed when it is made. */
enum signer_permit {
    SIGNER_PERMIT_STATUS = 1,
    SIGNER_PERMIT_SIGN = 2,
};

/*
 * The key. `sign` releases a signature only after it verified with `public_key`. `lost` says that it will never sign
 * again in this process; NULL when that cannot be.
 */
struct signer_key {
    struct public_key public_key;
    enum status (*sign)(const void *context, struct signature *out, const void *message, size_t len,
                        struct fault *fault);
    bool (*lost)(const void *context);
    const void *context;
};

/* Everything is borrowed and must live until signer_free. */
struct signer_config {
    enum signer_role role;
    struct guard *guard;
    const struct signer_key *key;
    const struct clock *clock;
    const char *policy_path; /* transfer: file or folder of the signed policy versions; NULL for the other roles */
};

/* One connection. `permit` is of enum signer_permit. */
struct signer_session {
    unsigned permit;
    bool greeted;
};

/*
 * Makes a signer of a guard that is of this role and key (STATUS_MISMATCH). Role transfer: verifies the policies from
 * the first, which must be the guard's, to the newest, which comes into force and is remembered; older ones than the
 * guard remembers are STATUS_ROLLBACK, others of the same version STATUS_FORK. Role audit: the key must be the one of
 * the guard's log. A halted guard is fine: status is answered, nothing is signed. Out: free with signer_free.
 */
MUST_CHECK enum status signer_new(struct signer **out, const struct signer_config *config, struct fault *fault);

/* Frees. NULL is fine. No call may be running. */
void signer_free(struct signer *signer);

/*
 * Answers one packet. Out: `out` is the packet of the reply, owned by the caller; empty when there is none. True when
 * the connection may go on, false when it must be closed after the reply.
 */
bool signer_handle(struct signer *signer, struct bytes *out, struct signer_session *session, const void *packet,
                   size_t len);

#endif
