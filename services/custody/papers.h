/*
 * The key document that a command line names, verified under the version of the policy that it names itself.
 */
#ifndef STRONGROOM_CUSTODY_PAPERS_H
#define STRONGROOM_CUSTODY_PAPERS_H

#include "chain.h"
#include "policy/key.h"

struct key_papers {
    struct signed_document document; /* owned */
    struct digest digest;
    struct key_document key;
};

/* Reads --document and decodes it; no signature is looked at. Out: papers_wipe. */
MUST_CHECK enum status papers_read(struct key_papers *out, const struct custody_options *options, struct fault *fault);

/* The same from the JSON object of a signed document. */
MUST_CHECK enum status papers_decode(struct key_papers *out, const json_t *object, struct fault *fault);

/*
 * Verifies the document read: STATUS_MISMATCH when the policy that it names is not in the chain, otherwise the statuses
 * of key_document_verify, people judged as of its issued_at.
 */
MUST_CHECK enum status papers_verify(const struct key_papers *papers, const struct chain *chain, struct fault *fault);

/* Frees what it owns and empties; an empty one is fine. */
void papers_wipe(struct key_papers *papers);

#endif
