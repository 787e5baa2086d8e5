/*
 * What the step `open` of a ceremony refused: a PKCS #11 module or a signerd that is not the pinned one, as the person
 * saw it who tried. See docs/formats.md (ceremony_refusal).
 */
#ifndef STRONGROOM_POLICY_CEREMONY_REFUSAL_H
#define STRONGROOM_POLICY_CEREMONY_REFUSAL_H

#include "policy/ceremony.h"
#include "policy/policy.h"

#define CEREMONY_REFUSAL_KIND "ceremony_refusal"

/* SHA-256 of the two files, as they were found and as they are pinned. */
struct ceremony_hashes {
    struct digest module;
    struct digest module_pinned;
    struct digest program;
    struct digest program_pinned;
};

struct ceremony_refusal {
    struct name actor;
    int64_t at;           /* microseconds UTC */
    struct uuid ceremony; /* the id of the transcript */
    struct name environment;
    struct ceremony_hashes hashes; /* those of one file differ at least */
};

/* Whether both files are the pinned ones. */
bool ceremony_hashes_agree(const struct ceremony_hashes *hashes);

/* Reads the document strictly; no signature is looked at. */
MUST_CHECK enum status ceremony_refusal_decode(struct ceremony_refusal *out, const void *document, size_t len,
                                               struct fault *fault);

/* The canonical bytes; refuses what ceremony_refusal_decode would refuse. Out: owned by the caller. */
MUST_CHECK enum status ceremony_refusal_encode(struct bytes *out, const struct ceremony_refusal *refusal,
                                               struct fault *fault);

/* The digest of the document bytes, which the trail names. */
void ceremony_refusal_digest(struct digest *out, const void *document, size_t len);

/*
 * Decodes and verifies: the environment is that of `policy` (STATUS_MISMATCH; neither chain nor policy is named, since
 * the first keys are made before either is there); exactly one signature (STATUS_SIGNATURE_INVALID), by a key of the
 * actor (STATUS_UNKNOWN_KEY), an administrator (STATUS_FORBIDDEN), valid at `at` (STATUS_EXPIRED).
 */
MUST_CHECK enum status ceremony_refusal_verify(struct ceremony_refusal *out, const struct signed_document *document,
                                               const struct policy *policy, struct fault *fault);

#endif
