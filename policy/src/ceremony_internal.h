/*
 * Between the files that make up the ceremony. Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_CEREMONY_INTERNAL_H
#define STRONGROOM_POLICY_SRC_CEREMONY_INTERNAL_H

#include "document.h"
#include "policy/ceremony.h"

/* The actors of one transcript: sorted, roles once each, people and keys apart, seals with custodians only. */
MUST_CHECK enum status ceremony_check_actors(const struct ceremony *ceremony, struct fault *fault);

/* The digest (kind CEREMONY_HEAD_KIND) that the first step names. */
MUST_CHECK enum status ceremony_head_digest(struct digest *out, const struct ceremony *ceremony, struct fault *fault);

/* What the actor of `step` signs: its document with the id of the ceremony. Out: owned by the caller. */
MUST_CHECK enum status ceremony_step_encode(struct bytes *out, const struct ceremony *ceremony,
                                            const struct ceremony_step *step, struct fault *fault);

/*
 * Reads such a document as the step `row` of this ceremony, without its signature. `path` prefixes fields in faults.
 * Out: ceremony_step_wipe.
 */
MUST_CHECK enum status ceremony_step_decode(struct ceremony_step *out, const struct ceremony *ceremony,
                                            const struct ceremony_script_step *row, const void *document, size_t len,
                                            struct fault *fault);

/* Frees the values and empties. */
void ceremony_step_wipe(struct ceremony_step *step);

/* The value that one step states under this name, NULL when it does not. Borrowed. */
const char *ceremony_step_fact(const struct ceremony_step *step, const char *name);

/* What a step says in itself, for those that say something to verify: `generate` and `backup`. */
MUST_CHECK enum status ceremony_check_statement(const struct ceremony_step *step, const char *path,
                                                struct fault *fault);

#endif
