/*
 * Block headers, the validator set, and the certificate that makes a block confirmed. See docs/formats.md.
 *
 * Pure functions over bytes: the validator's signer and tests use them without a node.
 */
#ifndef STRONGROOM_LEDGER_HEADER_H
#define STRONGROOM_LEDGER_HEADER_H

#include "base/algorithm.h"
#include "base/canon.h"

#define LEDGER_HEADER_KIND "header"
#define LEDGER_VALIDATORS_KIND "validators"
#define LEDGER_VALIDATORS_MAX 16
#define LEDGER_RULES 1 /* the rules of execution this program knows */

/* Field by field as in docs/formats.md; times in microseconds UTC. */
struct ledger_header {
    struct digest audit; /* SHA-256 of the newest signed checkpoint known, zero for none */
    struct digest batch; /* SHA-256 of the ordered bytes */
    struct digest chain;
    int64_t count;   /* transactions in the block */
    uint64_t height; /* from 1 */
    struct digest history_root;
    struct digest last_certificate; /* zero at height 1 */
    struct digest prev;             /* the chain id at height 1 */
    struct digest receipts_root;
    int64_t rules;
    int64_t time_utc_us;
    struct digest tx_root;
    struct digest validators;
};

/* The set in its order; keys are distinct, 1 <= quorum <= count, 2 * quorum > count. */
struct ledger_validators {
    int64_t quorum;
    size_t count;
    struct public_key keys[LEDGER_VALIDATORS_MAX];
};

/* Signatures over the message of one header, in validator order. */
struct ledger_certificate {
    size_t count;
    struct signature signatures[LEDGER_VALIDATORS_MAX];
};

/*
 * Reads a header document strictly. The statuses of canon_decode; STATUS_VERSION for rules this program does not know;
 * STATUS_INVALID for height 0. Nothing is said about its truth.
 */
MUST_CHECK enum status ledger_header_decode(struct ledger_header *out, const void *document, size_t len,
                                            struct fault *fault);

/* The canonical bytes. Out: owned by the caller. */
MUST_CHECK enum status ledger_header_encode(struct bytes *out, const struct ledger_header *header, struct fault *fault);

/* The digest of the header's document bytes: what `prev` names and the leaf of the history tree. */
void ledger_header_digest(struct digest *out, const void *document, size_t len);

/* The rules of a set as the struct says. STATUS_INVALID naming the field. */
MUST_CHECK enum status ledger_validators_check(const struct ledger_validators *validators, struct fault *fault);

/* Reads {"quorum","validators"} from members of an object: the array of keys and the quorum beside it. Applies the
 * check. */
MUST_CHECK enum status ledger_validators_decode(struct ledger_validators *out, const json_t *keys, int64_t quorum,
                                                struct fault *fault);

/* The array of keys as it stands in the genesis and in the validators document. Out: one reference. */
MUST_CHECK enum status ledger_validators_encode_keys(json_t **out, const struct ledger_validators *validators,
                                                     struct fault *fault);

/* The digest of the document {"quorum","validators"}, as in the header. */
MUST_CHECK enum status ledger_validators_digest(struct digest *out, const struct ledger_validators *validators,
                                                struct fault *fault);

/* Reads a certificate strictly: {"signatures":[{"alg","key","sig"}]}, at least one, no key twice. */
MUST_CHECK enum status ledger_certificate_decode(struct ledger_certificate *out, const void *document, size_t len,
                                                 struct fault *fault);

/* The canonical bytes. Out: owned by the caller. */
MUST_CHECK enum status ledger_certificate_encode(struct bytes *out, const struct ledger_certificate *certificate,
                                                 struct fault *fault);

/* SHA-256 of the canonical bytes of a certificate, as in the next header (it has no kind: nobody signs it). */
void ledger_certificate_digest(struct digest *out, const void *document, size_t len);

/*
 * Verifies that the certificate confirms the header: every signature is by a validator of the set, in the set's order,
 * none twice, every one verifies, and there are at least `quorum`. STATUS_UNKNOWN_KEY, STATUS_INVALID (order or
 * duplicate), STATUS_SIGNATURE_INVALID, STATUS_QUORUM_MISSING. One bad signature refuses the whole.
 */
MUST_CHECK enum status ledger_certificate_verify(const struct ledger_certificate *certificate,
                                                 const struct ledger_validators *validators, const void *header,
                                                 size_t header_len, struct fault *fault);

#endif
