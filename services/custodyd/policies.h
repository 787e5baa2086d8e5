/*
 * The versions of the policy that this service knows: a tree that grows from the file of the first one, each a verified
 * successor. Nothing is ever taken out, so a version that was found stays valid until policies_free. Thread-safe.
 *
 * Which version is in force is what the signer of role transfer said last (policies_enter), never this service's clock.
 * Older ones are needed for as long as documents name them.
 */
#ifndef STRONGROOM_CUSTODYD_POLICIES_H
#define STRONGROOM_CUSTODYD_POLICIES_H

#include "base/signed.h"
#include "policy/policy.h"
#include "store/store.h"

/* One version. Never changes once it can be found. */
struct policy_version {
    struct policy policy;
    struct signed_document document;
    const struct policy_version *prev; /* NULL for the first */
    struct policy_version *older;      /* the one that became known before it; NULL for the first */
};

struct policies;

/* Knows the first version, from a file, and takes it to be in force. Out: policies_free. The fault names the option. */
MUST_CHECK enum status policies_new(struct policies **out, const char *path, struct fault *fault);

/* NULL is fine. Nobody may hold a version. */
void policies_free(struct policies *policies);

/* The version in force, never NULL. Borrowed. Who asks twice may get two answers. */
const struct policy_version *policies_in_force(const struct policies *policies);

/* The version with this digest; NULL when it is not known. Borrowed. */
const struct policy_version *policies_find(const struct policies *policies, const struct digest *digest);

/* The version known last; the others by `older`. Borrowed. */
const struct policy_version *policies_newest(const struct policies *policies);

/*
 * Verifies a signed successor of a version that is known, and knows it from now on. Fine when it is known already; it
 * is not in force by this. STATUS_MISMATCH when nothing is known of which it is the successor; statuses of
 * policy_open_next. Out (unless NULL): borrowed.
 */
MUST_CHECK enum status policies_add(const struct policy_version **out, struct policies *policies,
                                    const struct signed_document *document, struct fault *fault);

/*
 * Adds what the database keeps (kind "policy"). A row that is no verified successor of anything is left out and told in
 * the log, because somebody edited it.
 */
MUST_CHECK enum status policies_read(struct policies *policies, struct store *store, struct fault *fault);

/* Keeps a version in the database. */
MUST_CHECK enum status policies_keep(struct store_tx *tx, const struct policy_version *version, struct fault *fault);

/*
 * The signer says that this version is in force. STATUS_NOT_FOUND when it is not known: then the one before stays for
 * reading, and policies_current refuses. True in *out_changed when it was another one before.
 */
MUST_CHECK enum status policies_enter(bool *out_changed, struct policies *policies, const struct digest *digest,
                                      struct fault *fault);

/* STATUS_NOT_READY while the signer goes by a version that is not known here: nothing may be decided then. */
MUST_CHECK enum status policies_current(const struct policies *policies, struct fault *fault);

#endif
