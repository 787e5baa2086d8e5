/*
 * Transactions: the one form of a change to the ledger, double-entry legs that sum to zero per asset. See
 * docs/formats.md.
 *
 * Here are the bytes and the rules that need no ledger (context-free). Whether a balance suffices, a sequence is the
 * next, or an issuer is the issuer of an asset is the ledger's to say. The approver's own tool uses this too.
 */
#ifndef STRONGROOM_POLICY_TRANSACTION_H
#define STRONGROOM_POLICY_TRANSACTION_H

#include "policy/intent.h"

#define TRANSACTION_KIND "transaction"
#define TRANSACTION_LEGS_MIN 2
#define TRANSACTION_LEGS_MAX 16

enum leg_side {
    LEG_DEBIT = 1,  /* lowers the account's balance */
    LEG_CREDIT = 2, /* raises it */
};

struct leg {
    struct account_id account;
    struct amount amount; /* above zero */
    struct digest asset;
    enum leg_side side;
};

struct transaction {
    struct digest chain;
    enum transaction_type type;
    struct account_id from; /* whose key signs */
    uint64_t lane;
    uint64_t seq;
    uint64_t valid_from; /* block heights, inclusive, from <= until */
    uint64_t valid_until;
    struct leg legs[TRANSACTION_LEGS_MAX];
    size_t leg_count;
    struct digest memo;   /* a commitment, zero for none */
    struct digest policy; /* under which it was approved, zero for none */
};

/*
 * The context-free rules: 2 to 16 legs, amounts above zero, debits and credits of each asset equal, no (account, asset)
 * pair twice, every debit on `from`, valid_from <= valid_until. STATUS_INVALID or STATUS_OVERFLOW; the fault names the
 * field.
 */
MUST_CHECK enum status transaction_check(const struct transaction *transaction, struct fault *fault);

/* Reads the document strictly and applies transaction_check. */
MUST_CHECK enum status transaction_decode(struct transaction *out, const void *document, size_t len,
                                          struct fault *fault);

/* The canonical bytes of a transaction that passes transaction_check. Out: owned by the caller. */
MUST_CHECK enum status transaction_encode(struct bytes *out, const struct transaction *transaction,
                                          struct fault *fault);

/* The transaction id: digest of the document bytes, which signatures cannot change. */
void transaction_id(struct digest *out, const void *document, size_t len);

/*
 * Rebuilds the transaction of an intent for the account of its wallet: one of its type with the legs [debit of the
 * wallet, credit of the destination]. `intent->transaction` is not read, so this also makes it. STATUS_INVALID when no
 * valid transaction can come of it (destination is the wallet itself, amount 0).
 */
MUST_CHECK enum status transaction_from_intent(struct transaction *out, const struct intent *intent,
                                               const struct account_id *wallet, struct fault *fault);

#endif
