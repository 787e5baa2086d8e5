/*
 * The signed versions of a policy on disk, verified one by one from the first. For what is done beside a running signer
 * (a new guard, ceremonies); a signer itself holds its versions in the guard (versions.h).
 */
#ifndef STRONGROOM_SIGNER_POLICIES_H
#define STRONGROOM_SIGNER_POLICIES_H

#include "policy/policy.h"

#define POLICIES_FILE_MAX (4 * 1024 * 1024)

/*
 * Reads a signed document from a file; white space around and within the JSON is allowed, the document inside is
 * canonical and at most `max` bytes. Out: owned by the caller. The statuses of signed_document_decode, STATUS_IO.
 */
MUST_CHECK enum status signer_signed_read(struct signed_document *out, const char *path, size_t max,
                                          struct fault *fault);

/*
 * Opens the newest version: `path` is the file of the first one, or a folder in which every `*.json` is one version,
 * in the order of versionsort(3). The first must have the digest `first` (STATUS_MISMATCH; NULL: whoever names the
 * file answers for it), each further one must be the successor of the one before. Out: free with policy_free. The
 * statuses of policy_open_first and policy_open_next.
 */
MUST_CHECK enum status signer_policies_open(struct policy *out, const char *path, const struct digest *first,
                                            struct fault *fault);

/* Is shown each version with its document as it is verified, the first one first. */
typedef enum status signer_policies_visit(void *context, const struct policy *policy,
                                          const struct signed_document *document, struct fault *fault);

/* The same, showing every version. The first one is the caller's to compare. */
MUST_CHECK enum status signer_policies_walk(struct policy *out, const char *path, signer_policies_visit *visit,
                                            void *context, struct fault *fault);

#endif
