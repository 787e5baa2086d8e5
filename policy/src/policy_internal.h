/*
 * Between the files that make up struct policy. Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_POLICY_INTERNAL_H
#define STRONGROOM_POLICY_SRC_POLICY_INTERNAL_H

#include "document.h"
#include "policy/policy.h"

extern const struct word policy_duty_words[];
extern const struct word policy_tier_words[];
extern const struct word policy_effect_words[];
extern const struct word policy_limit_words[];

/* Reads one rule into the next place of policy.rules. What it names is in the policy already. */
MUST_CHECK enum status policy_rule_decode(struct policy *policy, const json_t *object, const char *path,
                                          struct fault *fault);

/* The least delay of governance (s) in an environment: 1 where things are only shown or tested. */
int64_t policy_delay_least_s(const struct name *environment);

/* The floors of docs/formats.md over a policy whose names are resolved. */
MUST_CHECK enum status policy_check_floors(const struct policy *policy, struct fault *fault);

/* Negative, zero or positive as the text of a stands before, at or after that of b (bytes). */
int policy_name_compare(const struct name *a, const struct name *b);

/* Position of an element in the policy's arrays. */
size_t policy_person_index(const struct policy *policy, const struct person *person);

#endif
