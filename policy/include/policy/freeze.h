/*
 * What a freeze stops: an asset, a wallet, or everything that a signer of role transfer signs. See docs/formats.md,
 * freeze.
 */
#ifndef STRONGROOM_POLICY_FREEZE_H
#define STRONGROOM_POLICY_FREEZE_H

#include "policy/policy.h"

#define FREEZE_SUBJECT_SIZE (DIGEST_HEX_LEN + 1) /* an asset id; a name is shorter */

/* Numbers may be stored; never renumber. */
enum freeze_scope {
    FREEZE_ASSET = 1,      /* on the ledger of the guard; the subject is its id */
    FREEZE_WALLET = 2,     /* the subject is its name */
    FREEZE_EVERYTHING = 3, /* no subject */
};

struct freeze_target {
    enum freeze_scope scope;
    char subject[FREEZE_SUBJECT_SIZE]; /* empty for everything */
};

/* The word of a scope in documents and messages. Static; NULL for a number that is none. */
const char *freeze_scope_text(enum freeze_scope scope);

/* Reads scope and subject as documents have them. STATUS_INVALID with `scope` or `subject` in the fault. */
MUST_CHECK enum status freeze_target_parse(struct freeze_target *out, const char *scope, const char *subject,
                                           struct fault *fault);

/* The target that is this asset, this wallet. */
void freeze_target_asset(struct freeze_target *out, const struct digest *asset);
void freeze_target_wallet(struct freeze_target *out, const struct name *wallet);

/* True when both stop the same. */
bool freeze_target_equal(const struct freeze_target *a, const struct freeze_target *b);

/* STATUS_NOT_FOUND when no wallet of the policy has this asset, or there is no such wallet: nothing to stop. */
MUST_CHECK enum status freeze_target_check(const struct freeze_target *target, const struct policy *policy,
                                           struct fault *fault);

#endif
