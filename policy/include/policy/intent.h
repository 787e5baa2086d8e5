/*
 * Intents: what is asked for and what approvers approve. See docs/formats.md.
 *
 * The intent binds the unsigned transaction by its digest; transaction_from_intent (policy/transaction.h) rebuilds it.
 */
#ifndef STRONGROOM_POLICY_INTENT_H
#define STRONGROOM_POLICY_INTENT_H

#include "base/amount.h"
#include "base/id.h"
#include "policy/account.h"

#define INTENT_KIND "intent"
#define SHORT_CODE_SIZE 10 /* "ABCD-EFGH" and a NUL */

/* Of intents and transactions, and there are no others. Numbers may be stored; never renumber. */
enum transaction_type {
    TRANSACTION_TRANSFER = 1,
    TRANSACTION_ISSUE = 2,
};

struct intent {
    struct amount amount; /* above zero */
    struct digest asset;
    struct digest chain;
    struct account_id destination;
    struct name environment;
    int64_t expires_at;    /* microseconds UTC; after requested_at */
    struct amount fee_cap; /* 0: this ledger has no fees */
    uint64_t lane;
    struct digest memo; /* a commitment, zero for none */
    struct digest policy;
    int64_t policy_version; /* from 1 */
    int64_t requested_at;   /* microseconds UTC */
    struct name requester;
    struct digest returns; /* the transaction whose receipt it sends back; zero: it is no return */
    uint64_t seq;
    struct digest transaction; /* id of the unsigned transaction */
    enum transaction_type type;
    uint64_t valid_from; /* block heights, inclusive, from <= until */
    uint64_t valid_until;
    struct name wallet;
    struct uuid withdrawal;
};

/*
 * Reads the document strictly: canonical, exactly its fields, every rule of one document alone. The fault names the
 * field. Statuses of canon_parse and canon_decode, STATUS_INVALID.
 */
MUST_CHECK enum status intent_decode(struct intent *out, const void *document, size_t len, struct fault *fault);

/* The canonical bytes; refuses what intent_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status intent_encode(struct bytes *out, const struct intent *intent, struct fault *fault);

/* The type that a word of documents and requests stands for; empty for a transfer, which has none. STATUS_INVALID. */
MUST_CHECK enum status intent_type_read(enum transaction_type *out, const char *word, struct fault *fault);

/* The digest of the document bytes, which approvals name. */
void intent_digest(struct digest *out, const void *document, size_t len);

/* The short code of an intent digest: its first five bytes in base32 (RFC 4648), "ABCD-EFGH". */
void intent_short_code(char out10[SHORT_CODE_SIZE], const struct digest *digest);

#endif
