/*
 * What stands between a withdrawal that was approved and its signature: the delay that its rules ask for, and a veto.
 */
#ifndef STRONGROOM_SIGNER_DELAY_H
#define STRONGROOM_SIGNER_DELAY_H

#include "policy/withdrawal.h"
#include "role.h"

/* An announcement as the guard has it; zero for none. */
struct delay {
    bool noted;
    bool fresh;      /* noted in this change */
    uint64_t due_us; /* running time; now when nothing has to be waited for */
};

/* In a change: STATUS_DENIED when a person spoke against this intent. */
MUST_CHECK enum status veto_check(struct guard_txn *txn, const struct digest *intent, struct fault *fault);

/*
 * In a change: what is noted of a withdrawal, by what its rules ask for now, or asked for when it was announced if that
 * was more. A sweep of a compromised key waits for nothing.
 */
MUST_CHECK enum status delay_read(const struct signer *signer, struct guard_txn *txn, struct delay *out,
                                  const struct withdrawal *withdrawal, struct fault *fault);

/* In a change: notes it, if it has to wait and is not noted. In/out: as delay_read left it. */
MUST_CHECK enum status delay_note(const struct signer *signer, struct guard_txn *txn, struct delay *delay,
                                  const struct withdrawal *withdrawal, struct fault *fault);

/* In a change: STATUS_NOT_READY at `policy.delay` unless it was announced and is due, or has nothing to wait for. */
MUST_CHECK enum status delay_check(const struct signer *signer, struct guard_txn *txn, struct delay *out,
                                   const struct withdrawal *withdrawal, struct fault *fault);

/* In a change: what was noted is signed now. */
MUST_CHECK enum status delay_end(struct guard_txn *txn, const struct delay *delay, const struct withdrawal *withdrawal,
                                 struct fault *fault);

#endif
