/*
 * What our keys do on the ledger: a transaction of one of our addresses that nobody here asked to be signed means that
 * the key exists somewhere else; it is stopped with its siblings, and each asset that moved is frozen (C-14); what
 * arrives at an address that must not receive is told (C-20). Every block is looked at again after each start: the
 * database is not asked how far we were.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_SPENDING_H
#define STRONGROOM_CUSTODYD_KEY_SPENDING_H

#include "alarms.h"
#include "policy/key.h"
#include "policy/transaction.h"
#include "service.h"
#include "store/withdrawal.h"

/* How often the key had changed is not known. */
#define KEY_SPENDING_ON_UNKNOWN INT64_MAX

struct key_spending;

/* One of our keys, for comparison. */
struct key_spending_owner {
    struct digest key;
    struct account_id account;
    const struct key_document *document; /* NULL: not known */
};

struct key_spending_owners {
    const struct key_spending_owner *rows;
    size_t count;
};

/* A use of a key that no withdrawal of ours asked for. */
struct key_spending_use {
    struct digest transaction;
    struct digest key;
    uint64_t height; /* of the block, 0 for none */
    struct digest assets[TRANSACTION_LEGS_MAX];
    size_t asset_count;
};

/* The use of this transaction with this id: the assets that leave the address of `key`. */
void key_spending_use_of(struct key_spending_use *out, const struct transaction *transaction, const struct digest *id,
                         const struct digest *key);

/* Starts below the newest confirmed block and above it at once. Out: key_spending_free. */
MUST_CHECK enum status key_spending_new(struct key_spending **out, struct service *service, struct fault *fault);

/* NULL is fine. */
void key_spending_free(struct key_spending *spending);

/*
 * Looks at the blocks that are new and at some of the old ones. `owners` are borrowed for the call. A block of which
 * something cannot be judged keeps no other from being looked at: it is looked at again, and until then this fails.
 */
MUST_CHECK enum status key_spending_follow(struct key_spending *spending, const struct key_spending_owners *owners,
                                           struct fault *fault);

/* Writes down how far the blocks were followed, for what is told once only. */
MUST_CHECK enum status key_spending_remember(struct key_spending *spending, struct fault *fault);

/* Whether there is a block that should have been looked at by now and could not be, or none can be. */
bool key_spending_is_behind(const struct key_spending *spending);

/*
 * The next use (*inout_at: 0 first) that the trail should have been told of by now and does not tell yet: its key, and
 * since when it is known; false when there are no more.
 */
bool key_spending_untold(struct digest *out_key, int64_t *out_since_utc_us, const struct key_spending *spending,
                         size_t *inout_at);

/*
 * A transaction with a good signature of one of our keys was seen elsewhere than in a block: dealt with at the next
 * call of key_spending_follow. STATUS_BUSY when too many wait.
 */
MUST_CHECK enum status key_spending_report(struct key_spending *spending, const struct key_spending_use *use,
                                           struct fault *fault);

/*
 * Whether this transaction (document bytes, of this lane and sequence) is that of a withdrawal of ours: approved, and
 * promised by its signer, who is asked.
 */
MUST_CHECK enum status key_spending_judge(bool *out_ours, struct service *service,
                                          const struct store_withdrawal_place *place, struct fault *fault);

#endif
