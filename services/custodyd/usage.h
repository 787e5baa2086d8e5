/*
 * What the signer has counted of the limits of the policy (the answer to transfer.usage), and what that means for an
 * amount. The signer alone judges limits, when it makes its promise.
 */
#ifndef STRONGROOM_CUSTODYD_USAGE_H
#define STRONGROOM_CUSTODYD_USAGE_H

#include "policy/evaluate.h"
#include "wire/client.h"

/* The limit of that version, rule and position (from 0); NULL when the signer said nothing of it. Borrowed. */
const struct wire_usage *usage_find(const struct wire_usage_reply *said, int64_t policy_version, const char *rule,
                                    size_t index);

/* Whether one more of this amount fits now. */
bool usage_has_room(const struct wire_usage *usage, struct amount amount);

/* What is left of it now: 0 when it is full. For a limit without a count, or without a sum, what is not there is 0. */
uint64_t usage_left_count(const struct wire_usage *usage);
struct amount usage_left_sum(const struct wire_usage *usage);

/*
 * Whether every limit of the obligations has room for the amount, as far as the signer said something of it (it may go
 * by other versions, and judges anyway). STATUS_LIMIT_EXCEEDED (`policy.limits`) when one has not: *out_until_utc_us is
 * when all of them will have, 0 for never.
 */
MUST_CHECK enum status usage_judge(int64_t *out_until_utc_us, const struct wire_usage_reply *said,
                                   const struct obligations *obligations, struct amount amount, struct fault *fault);

/* What is asked. Borrowed. */
struct usage_question {
    struct wire_pool *signer; /* role transfer */
    int64_t timeout_ms;
    const struct bytes *intent; /* document bytes */
    const struct obligations *obligations;
    struct amount amount;
};

/*
 * Asks the signer and judges, as usage_judge. STATUS_OK without asking when there is no limit, and when there are more
 * than an answer holds: then the signer judges them when it is asked to sign. So it does of what it promised before,
 * of which it names no limit. Other statuses of wire_transfer_usage.
 */
MUST_CHECK enum status usage_check(int64_t *out_until_utc_us, const struct usage_question *question,
                                   struct fault *fault);

#endif
