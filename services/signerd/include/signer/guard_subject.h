/*
 * Personal data in the guard of role privacy: whose it is, until when it must be kept, and the wrapped key of each
 * subject, which is destroyed when the subject is erased.
 *
 * LMDB never writes in place: what is taken away stays in pages that are free, and in every copy of the file. So the
 * wrapped keys are in a file of their own beside it, in slots of fixed size that are overwritten where they lie. The
 * records of the guard hold the digest of each, and say which subject is erased before its slot is overwritten; what a
 * crash left there is overwritten at the next start.
 */
#ifndef STRONGROOM_SIGNER_GUARD_SUBJECT_H
#define STRONGROOM_SIGNER_GUARD_SUBJECT_H

#include "signer/guard.h"
#include "signer/tokens.h"

#define GUARD_REVEALS_AN_HOUR 20 /* of one person */
#define GUARD_HOUR_US (3600ULL * 1000000)

/* A subject: somebody whose personal data is kept. */
struct guard_subject {
    uint64_t slot;
    int64_t erase_after_utc_us; /* not to be erased before; only ever moved on */
    int64_t erased_utc_us;      /* 0 for not */
    struct digest wrapped;      /* of the wrapped key */
};

/* In a change: the subject of this id. STATUS_NOT_FOUND, STATUS_CORRUPT, STATUS_IO. */
MUST_CHECK enum status guard_txn_subject_get(struct guard_txn *txn, struct guard_subject *out, const struct uuid *id,
                                             struct fault *fault);

/*
 * In a change: a subject that is not there yet, with its wrapped key, which is on the disk before this returns.
 * STATUS_IO: the whole batch fails.
 */
MUST_CHECK enum status guard_txn_subject_add(struct guard_txn *txn, const struct uuid *id,
                                             const uint8_t wrapped60[SIGNER_WRAPPED_LEN], int64_t erase_after_utc_us,
                                             struct fault *fault);

/* In a change: the subject as it is from now on. One that becomes erased is counted. STATUS_IO. */
MUST_CHECK enum status guard_txn_subject_write(struct guard_txn *txn, const struct uuid *id,
                                               const struct guard_subject *subject, struct fault *fault);

/*
 * In a change: counts a reveal by this person, by the running time of the signer. STATUS_LIMIT_EXCEEDED, naming when
 * the next one may come, after GUARD_REVEALS_AN_HOUR within the hour before. Out: how many are left.
 */
MUST_CHECK enum status guard_txn_reveal_count(struct guard_txn *txn, uint64_t *out_left, const struct name *person,
                                              uint64_t running_us, struct fault *fault);

/* In a change: how many are left to this person now; nothing is counted. STATUS_IO. */
MUST_CHECK enum status guard_txn_reveals_left(struct guard_txn *txn, uint64_t *out_left, const struct name *person,
                                              uint64_t running_us, struct fault *fault);

/* The wrapped key of a subject that is not erased. STATUS_CORRUPT when it is not the one remembered. Any thread. */
MUST_CHECK enum status guard_subject_key(struct guard *guard, uint8_t out60[SIGNER_WRAPPED_LEN],
                                         const struct guard_subject *subject, struct fault *fault);

/*
 * Overwrites the wrapped key of a subject with zeros where it lies, syncs, and reads back. After the change that says
 * that it is erased. STATUS_IO. Any thread; again is fine.
 */
MUST_CHECK enum status guard_subject_destroy(struct guard *guard, const struct guard_subject *subject,
                                             struct fault *fault);

#endif
