/*
 * The check of everything that a withdrawal stands on, as docs/signer-protocol.md orders it (steps 1 to 7 of
 * transfer.sign). The signer decides with it; custodyd runs the same before asking, so that both give the same reason.
 */
#ifndef STRONGROOM_POLICY_WITHDRAWAL_H
#define STRONGROOM_POLICY_WITHDRAWAL_H

#include "policy/chain.h"
#include "policy/key.h"
#include "policy/transaction.h"

#define WITHDRAWAL_APPROVALS_MAX 64
#define WITHDRAWAL_CLOCK_BACK_MAX_US 60000000LL /* how far the clock may stand behind the highest time seen */

/* What is handed over. Borrowed. */
struct withdrawal_documents {
    const void *intent; /* document bytes */
    size_t intent_len;
    const struct signed_document *destination;
    const struct signed_document *approvals;
    size_t approval_count;               /* at most WITHDRAWAL_APPROVALS_MAX */
    const struct signed_document *sweep; /* a command key.sweep, NULL for none */
};

/* A key of a guard. Borrowed. */
struct withdrawal_key {
    const struct key_document *document;
    enum key_state state;
};

/*
 * What the checker knows itself. Borrowed. The state of a key may change while documents are judged: the guard looks
 * at it (and at the box) once more when it remembers.
 */
struct withdrawal_context {
    const struct policy *policy;      /* in force, opened with policy_open_* */
    const struct policy_chain *chain; /* of which it is the last; NULL: nothing made under an older version is judged */
    const struct withdrawal_key *keys; /* of the signer's guard; a wallet with another key is refused */
    size_t key_count;
    bool keys_elsewhere; /* the caller has no guard and leaves the key to the signer (custodyd); `keys` is not read */
    bool destinations_held; /* the caller holds the allow-list and compares the entry with it: no signature is verified
                             */
    const struct name *suspended; /* people who do not count now; borrowed */
    size_t suspended_count;
    int64_t at_utc_us;      /* the clock */
    int64_t highest_utc_us; /* the highest time ever seen, 0 when none is remembered */
};

/* What a withdrawal that passed comes to. */
struct withdrawal {
    struct intent intent;
    struct digest intent_digest;
    const struct wallet *wallet;    /* of the policy in force; borrowed */
    const struct key_document *key; /* of the wallet's key; borrowed; NULL with keys_elsewhere */
    enum key_state key_state;       /* in which it was judged; 0 with keys_elsewhere */
    char short_code[SHORT_CODE_SIZE];
    struct transaction transaction;
    struct bytes transaction_document; /* the canonical bytes to sign; owned */
    struct digest transaction_id;
    struct destination destination;
    struct digest destination_digest;
    struct digest policy;                                     /* under which it was proposed */
    struct digest in_force;                                   /* under which it was checked, too */
    const struct policy_chain *chain;                         /* of the context; borrowed */
    struct digest approval_digests[WITHDRAWAL_APPROVALS_MAX]; /* ascending, as the trail names them */
    size_t approval_count;
    struct obligations obligations; /* limits and delay of both versions, which nobody has judged yet; owned */
};

/*
 * A withdrawal that was proposed under an older version is judged under that one and the one in force: both must allow
 * it, counting those approvals alone whose approver and key are in both, and its wallet must have one key in both
 * (STATUS_CONFLICT, `wallet`). Steps 1 to 7 in order; the first that fails is the answer, its `where` begins with the
 * part concerned ("intent", "wallet", "sweep", "clock", "transaction", "destination", "approvals[i]", "policy"). Steps
 * 8 (trail) and 9 (guard) are not done here. Out: owned by the caller, free with withdrawal_free.
 */
MUST_CHECK enum status policy_check_withdrawal(struct withdrawal *out, const struct withdrawal_documents *documents,
                                               const struct withdrawal_context *context, struct fault *fault);

/* Frees and empties; an empty one is fine. */
void withdrawal_free(struct withdrawal *withdrawal);

#endif
