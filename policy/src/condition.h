/*
 * Conditions of rules: whether a rule is about a request. Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_CONDITION_H
#define STRONGROOM_POLICY_SRC_CONDITION_H

#include "policy/evaluate.h"
#include "policy_internal.h"

/* What the conditions are held against, worked out once for a request. */
struct condition_subject {
    const struct policy *policy;
    const struct evaluation_request *request;
    size_t wallet; /* position in policy.wallets */
    bool group_known;
    size_t group; /* of the destination: position in policy.destination_groups */
    bool requester_known;
    size_t requester; /* position in policy.people; of a known one */
    unsigned day;     /* bit, as in struct hours */
    unsigned minute;  /* of the day, UTC */
};

/* The subject of a request about the wallet at `wallet`. */
struct condition_subject condition_subject_of(const struct policy *policy, const struct evaluation_request *request,
                                              size_t wallet);

/* How each condition of the rule holds. It matches when none failed. */
struct evaluation_match condition_judge(const struct rule *rule, const struct condition_subject *subject);

/* The conditions that the rule has; bits as in struct evaluation_match. */
unsigned condition_given(const struct rule *rule);

/* Whether the person (not NULL) counts at the time of the request: valid and not suspended. */
bool condition_person_counts(const struct person *person, const struct evaluation_request *request);

/* The wallet of the request when it lists the asset; NULL otherwise, and *out_text says why, static. */
const struct wallet *condition_wallet(const char **out_text, const struct policy *policy,
                                      const struct evaluation_request *request);

#endif
