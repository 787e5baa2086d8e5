/*
 * Attestations: the token's key says itself which address it computes, for which key document, and that it is there.
 * See docs/formats.md.
 *
 * An attestation stands only together with its key document: the document makes the key ours, the attestation shows
 * that the token holds it, as of issued_at.
 */
#ifndef STRONGROOM_POLICY_ATTESTATION_H
#define STRONGROOM_POLICY_ATTESTATION_H

#include "policy/key.h"
#include "policy/key_state.h"

#define ATTESTATION_KIND "attestation"

struct attestation {
    struct account_id address; /* of `key` */
    struct digest chain;
    struct digest challenge; /* chosen by who asked */
    struct digest document;  /* digest of the key document */
    struct name environment;
    int64_t issued_at;     /* microseconds UTC */
    struct public_key key; /* fields alg and key */
    enum key_state state;  /* one in which keys attest: key_state_attests */
};

/*
 * Fills in what follows from a key: address, chain, environment and key of its document. Challenge, document (digest),
 * state and time are the caller's.
 */
MUST_CHECK enum status attestation_fill(struct attestation *inout, const struct key_document *key, struct fault *fault);

/* Reads the document strictly, that `address` is the one of `key` included; no signature is looked at. */
MUST_CHECK enum status attestation_decode(struct attestation *out, const void *document, size_t len,
                                          struct fault *fault);

/* The canonical bytes; refuses what attestation_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status attestation_encode(struct bytes *out, const struct attestation *attestation,
                                          struct fault *fault);

/*
 * Decodes and verifies an attestation for a key document (verified before, key_document_verify) with the digest
 * `document_digest`: key, chain, environment and document are the document's (STATUS_MISMATCH); exactly one signature,
 * valid, by that key (STATUS_SIGNATURE_INVALID, STATUS_UNKNOWN_KEY). The challenge and the age are the caller's to
 * compare.
 */
MUST_CHECK enum status attestation_verify(struct attestation *out, const struct signed_document *document,
                                          const struct key_document *key, const struct digest *document_digest,
                                          struct fault *fault);

#endif
