/*
 * The signer without its process: a request comes in, a reply goes out.
 *
 * One discipline in all roles: check, remember, then sign. Sockets, threads, tokens and sandboxes are the business of
 * signerd around it; the clock and the key are handed in. Calls may come from several threads, each with a session of
 * its own.
 */
#ifndef STRONGROOM_SIGNER_SIGNER_H
#define STRONGROOM_SIGNER_SIGNER_H

#include "audit/witness.h"
#include "base/clock.h"
#include "policy/policy.h"
#include "signer/guard.h"
#include "signer/tokens.h"
#include "wire/message.h"

struct signer;

/* Bits of what a connection may do, fixed when it is made. */
enum signer_permit {
    SIGNER_PERMIT_STATUS = 1, /* hello, status, key.list */
    SIGNER_PERMIT_SIGN = 2,   /* transfer.sign, checkpoint.sign, header.sign */
    SIGNER_PERMIT_KEYS = 4,   /* key.*, activation.*, policy.adopt */
};

/* Everything is borrowed and must live until signer_free. */
struct signer_config {
    enum signer_role role;
    struct guard *guard;
    const struct signer_tokens *tokens;
    const struct clock *clock;
    struct digest program;       /* SHA-256 of its file and of its options, for whoever asks for the status */
    struct digest configuration; /* (base/option.h: option_digest) */
    const char *policy_path;     /* file of the first version of the policy */
    const char *share_set_path;  /* attended: the signed share set of the PIN; NULL for unattended */
    /* Transfer: wallets of this tier and colder are signed for under a checkpoint that these have cosigned; NULL, and
     * 0: none are. */
    const struct audit_witnesses *witnesses;
    enum wallet_tier witness_tier;
    int64_t accept_utc_us; /* about the time it is, say people, for a clock far ahead of the guard; 0 for none */
};

/* One connection. `permit` is of enum signer_permit. */
struct signer_session {
    unsigned permit;
    bool greeted;
};

/*
 * Makes a signer of a guard that is of this role (STATUS_MISMATCH), whose founding key the tokens hold unless they are
 * attended and not open yet. Verifies the policies of the guard from the first, which must be the one in the file;
 * later ones come by policy.adopt. Role audit: the founding key must be the one of the guard's log. A share set that
 * the guard has not seen is verified under the policy in force. Attended keys that were active become inactive. A
 * halted guard is fine: status is answered, nothing is signed. With a clock far ahead of the guard it starts too, and
 * decides nothing by that clock; STATUS_NOT_READY when accept_utc_us names another day than it shows. Out: free with
 * signer_free.
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
