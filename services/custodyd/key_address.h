/*
 * Whether people may be told to send something to a key's address (C-06, C-12, C-56): only when its token attested it,
 * for a key document of the quorum, not too long ago, the key may receive, and a wallet of the policy has it.
 */
#ifndef STRONGROOM_CUSTODYD_KEY_ADDRESS_H
#define STRONGROOM_CUSTODYD_KEY_ADDRESS_H

#include "key_board.h"
#include "key_papers.h"
#include "news.h"
#include "policy/key_proof.h"

/* Why an address is not shown. The words stand in replies (docs/openapi.yaml). */
#define KEY_ADDRESS_REASON_TABLE(X)                                                                                    \
    X(SHOWN, "")                                                                                                       \
    X(UNKNOWN_STATE, "unknown_state") /* no signer has said yet what it may do with this key */                        \
    X(NOT_ADMITTED, "not_admitted")   /* generated, or without its key document */                                     \
    X(NOT_RECEIVING, "not_receiving") /* suspended, retained, compromised or destroyed */                              \
    X(NOT_ATTESTED, "not_attested")   /* the token has not shown yet that it holds the key */                          \
    X(PROOF_OVERDUE, "proof_overdue") /* it has not shown so for too long */                                           \
    X(NO_WALLET, "no_wallet")         /* of the policy has this key: nothing that it holds could be moved */           \
    X(CRYPTOPERIOD_OVER, "cryptoperiod_over")                                                                          \
    X(FORGED, "forged") /* what is stored does not verify */

enum key_address_reason {
#define KEY_ADDRESS_REASON_ENUM(name, text) KEY_ADDRESS_##name,
    KEY_ADDRESS_REASON_TABLE(KEY_ADDRESS_REASON_ENUM)
#undef KEY_ADDRESS_REASON_ENUM
};

/* The word of a reason. Static. */
const char *key_address_reason_text(enum key_address_reason reason);

/* What is known about the address of a key. */
struct key_address {
    enum key_address_reason reason;
    struct account_id account; /* of the attestation, when shown */
    bool attested;             /* there is a good attestation, of `attested_at_utc_us` */
    int64_t attested_at_utc_us;
    bool documented; /* there is a good key document: `document` */
    struct key_document document;
    struct key_proof proof; /* of control; with `documented` */
    struct digest forged;   /* when forged: of the bytes that do not verify */
    char fault[384];        /* what does not */
};

/*
 * What the trail is told of papers of a key that do not verify; an alarm as long as they stand there. `out->value`
 * points into `out`.
 */
void key_address_forged_news(struct news *out, const struct digest *key, const struct digest *bytes);

/* How long this key may go without a proof of control. */
int64_t key_address_interval_us(const struct service *service, const struct key_document *document);

/*
 * Judges the address of a key from the stored papers and from what its signer said last. Only a failure of the database
 * is a failure here; forged papers are no news yet (key_address_refuse; the watch tells of all that it sees).
 */
MUST_CHECK enum status key_address_judge(struct key_address *out, const struct service *service,
                                         const struct store_tx *tx, const struct digest *key, struct fault *fault);

/* STATUS_CORRUPT about `where`, for an address that is KEY_ADDRESS_FORGED, once the trail has been told. */
MUST_CHECK enum status key_address_refuse(struct service *service, const struct digest *key,
                                          const struct key_address *address, const char *where, struct fault *fault);

#endif
