/*
 * What the signer has counted of the limits of the policy (the answer to transfer.usage), and what that means for an
 * amount. Pure; the signer alone judges limits, when it makes its promise.
 */
#ifndef STRONGROOM_CUSTODYD_USAGE_H
#define STRONGROOM_CUSTODYD_USAGE_H

#include "policy/evaluate.h"
#include "wire/message.h"

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

#endif
