/*
 * Fresh attestations: a random challenge, and the answer that the token's key signed over it.
 */
#ifndef STRONGROOM_CUSTODY_ATTEST_H
#define STRONGROOM_CUSTODY_ATTEST_H

#include "papers.h"
#include "policy/attestation.h"

/*
 * Asks the signer of --socket, or the service, for an attestation of the key of these papers under a fresh challenge
 * and verifies that it is one: of this key, for this document, answering this challenge. Whether the document itself is
 * signed is for papers_verify. Out: signed_document_free.
 */
MUST_CHECK enum status attest_fetch(struct signed_document *out, const struct key_papers *papers,
                                    const struct custody_options *options, struct fault *fault);

#endif
