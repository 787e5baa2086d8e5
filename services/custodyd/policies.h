/*
 * The versions of the policy that this service knows: a tree that grows from the file of the first one, each a verified
 * successor. Nothing is ever taken out, so a version that was found stays valid until policies_free. Thread-safe.
 *
 * Which version is in force is what the signer of role transfer said last (policies_enter), never this service's clock.
 * Older ones are needed for as long as documents name them.
 */
#ifndef STRONGROOM_CUSTODYD_POLICIES_H
#define STRONGROOM_CUSTODYD_POLICIES_H

#include <stdatomic.h>

#include "base/clock.h"
#include "base/signed.h"
#include "policy/chain.h"
#include "store/store.h"

#define POLICIES_SUBJECT "policy/" /* of marks: and the digest; their value is policies_state */

/* One version. But for the time it never changes once it can be found. */
struct policy_version {
    struct policy policy;
    struct signed_document document;
    _Atomic int64_t in_force_at_utc_us; /* as the signer said; before it has: the earliest that can be */
    const struct policy_version *prev;  /* NULL for the first */
    struct policy_version *older;       /* the one that became known before it; NULL for the first */
};

struct policies;

/* Knows the first version, from a file, and takes it to be in force. Out: policies_free. The fault names the option. */
MUST_CHECK enum status policies_new(struct policies **out, const char *path, struct fault *fault);

/* NULL is fine. Nobody may hold a version. */
void policies_free(struct policies *policies);

/* The version in force, never NULL. Borrowed. Who asks twice may get two answers. */
const struct policy_version *policies_in_force(const struct policies *policies);

/*
 * The versions that are or were in force, first to newest, with their times; up to the version `last` (NULL: the one in
 * force). Out: free(), the array alone is owned.
 */
MUST_CHECK enum status policies_chain(struct policy_chain_version **out, struct policy_chain *out_chain,
                                      const struct policies *policies, const struct policy_version *last,
                                      struct fault *fault);

/* The version with this digest; NULL when it is not known. Of two with the same, the one with more signatures. */
const struct policy_version *policies_find(const struct policies *policies, const struct digest *digest);

/* The version known last; the others by `older`. Borrowed. */
const struct policy_version *policies_newest(const struct policies *policies);

/*
 * Verifies a signed successor of a version that is known, and knows it from now on. One that is known already is known
 * with the more signatures; it is not in force by this. STATUS_MISMATCH when nothing is known of which it is the
 * successor; statuses of policy_open_next. Out (unless NULL): borrowed.
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

/* How a version stands, as the signer said. */
struct policies_state {
    char word[16]; /* "waiting", "in_force", "dropped"; "past" of one before that in force; "" when it never had it */
    int64_t received_at_utc_us; /* 0: not known */
    int64_t in_force_at_utc_us; /* 0: not known, or of the first */
};

/* A state as the value of a mark, and a mark's value as a state; the zero state for anything else. */
void policies_state_format(char *out, size_t size, const struct policies_state *state);
void policies_state_parse(struct policies_state *out, const char *value);

/*
 * The signer says that this version is in force, since when (0: it has no say). STATUS_NOT_FOUND when it is not known:
 * then the one before stays for reading, and policies_current refuses.
 */
MUST_CHECK enum status policies_enter(struct policies *policies, const struct digest *digest,
                                      int64_t in_force_at_utc_us, struct fault *fault);

/* STATUS_NOT_READY while the signer goes by a version that is not known here: nothing may be decided then. */
MUST_CHECK enum status policies_current(const struct policies *policies, struct fault *fault);

/*
 * True when the signer has been heard and goes by a version that is known here: then a version that is not known was
 * never in force.
 */
bool policies_complete(const struct policies *policies);

#endif
