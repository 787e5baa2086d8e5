/*
 * People who are suspended: whose word lets nothing pass any more, at every role.
 */
#ifndef STRONGROOM_SIGNER_PEOPLE_H
#define STRONGROOM_SIGNER_PEOPLE_H

#include "keys.h"
#include "policy/withdrawal.h"

/* Who does not count now, and as of which change of the guard. */
struct people {
    struct name names[GUARD_PEOPLE_MAX];
    size_t count;
    uint64_t changes;
};

/* Reads them. Any thread. */
void people_read(struct people *out, const struct signer *signer);

/*
 * Carries out person.suspend or person.resume.
 * STATUS_NOT_FOUND when the policy in force has no such person (a resumption: nor the guard), STATUS_FORBIDDEN when who
 * suspends may not, STATUS_CONFLICT when a resumption is not of this suspension, STATUS_REPLAY when a suspension is
 * from before the resumption, or when its nonce was of another order, STATUS_BUSY when this person has given too many
 * orders that need one signature, STATUS_TOO_LARGE when the guard holds no more people. The same order again changes
 * nothing, and is answered with what the person is now; so it may be carried to a signer that had it.
 */
MUST_CHECK enum status person_command(struct signer *signer, struct wire_reply *reply, const struct given_order *given,
                                      struct fault *fault);

/*
 * How many people of the governance group who are not suspended signed a verified document of the governance quorum
 * (`where` is `signatures`). STATUS_QUORUM_MISSING when they are too few.
 */
MUST_CHECK enum status people_count_quorum(const struct signer *signer, unsigned *out,
                                           const struct signed_document *document, int64_t at_utc_us,
                                           struct fault *fault);

/* The same for who does not need the number. */
MUST_CHECK enum status people_check_quorum(const struct signer *signer, const struct signed_document *document,
                                           int64_t at_utc_us, struct fault *fault);

/* Whether nobody who is suspended signed a verified document (`where` is `signatures`). STATUS_FORBIDDEN. */
MUST_CHECK enum status people_check_none(const struct signer *signer, const struct signed_document *document,
                                         struct fault *fault);

/* What status tells: people of the policy in force who are suspended. Returns how many. */
size_t people_list(const struct signer *signer, struct wire_suspended out[WIRE_SUSPENDED_MAX]);

#endif
