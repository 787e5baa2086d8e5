/*
 * Limits over time and delays: what the matching rules of a withdrawal ask of the past.
 */
#ifndef STRONGROOM_SIGNER_LIMITS_H
#define STRONGROOM_SIGNER_LIMITS_H

#include "policy/withdrawal.h"
#include "role.h"

/*
 * In a change: whether what is to be promised now keeps every limit, with all that was promised before. Neither does a
 * sweep of a compromised key have to. STATUS_LIMIT_EXCEEDED at `policy.<rule>.limits[i]`, saying what is used and when
 * enough is free.
 */
MUST_CHECK enum status limits_check(const struct signer *signer, const struct guard_txn *txn,
                                    const struct withdrawal *withdrawal, const struct guard_promise *made,
                                    struct fault *fault);

/* What would be promised for an intent now with the key at this place. */
struct guard_promise limits_promise(const struct signer *signer, const struct guard_txn *txn,
                                    const struct intent *intent, size_t key);

#endif
