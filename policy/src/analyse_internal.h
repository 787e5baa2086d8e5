/*
 * Between the files of the analysis. Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_ANALYSE_INTERNAL_H
#define STRONGROOM_POLICY_SRC_ANALYSE_INTERNAL_H

#include "cover.h"
#include "policy/analyse.h"

_Static_assert(POLICY_GROUPS_MAX <= 64 && POLICY_DESTINATIONS_MAX <= 64, "groups fit into one word");

/* One analysis under way. */
struct analyst {
    const struct policy *policy;
    int64_t at;
    uint64_t groups_of[POLICY_PEOPLE_MAX]; /* of each person: bits, positions in policy.groups */
    struct effort effort;
};

/* The rules that are about a request, whatever the hour and whoever requests. */
struct case_key {
    enum analysis_act act;
    struct rule_set rules;
    struct rule_set exceeded;
};

static inline bool bit_in(const uint64_t *words, size_t at)
{
    return (words[at / 64] >> (at % 64) & 1) != 0;
}

static inline void bit_add(uint64_t *words, size_t at)
{
    words[at / 64] |= (uint64_t)1 << (at % 64);
}

/* Works out one case. Out: free with analysis_case_free. STATUS_TOO_LARGE, STATUS_NO_MEMORY. */
MUST_CHECK enum status analysis_case_build(struct analysis_case *out, struct analyst *analyst,
                                           const struct case_key *key, struct fault *fault);

/* The governance quorum as a case. As above. */
MUST_CHECK enum status analysis_governance_build(struct analysis_case *out, struct analyst *analyst,
                                                 struct fault *fault);

void analysis_case_free(struct analysis_case *one);

/* How many people, or programs, are in a set of a case. */
unsigned analysis_set_count(const struct analysis_case *one, const uint16_t *set, bool automated);

/* The id of the first rule of the set, for faults. Borrowed. */
const char *analysis_first_rule(const struct policy *policy, const struct rule_set *rules);

/* Whether the rule is about a request at every hour and whoever requests, once its other conditions hold. */
bool analysis_rule_always(const struct rule *rule);

/* Parts of the report: names of people; whom losing stops what; warnings. One reference, NULL without memory. */
json_t *analysis_names(const struct policy *policy, const struct people_set *people);
json_t *analysis_losses(const struct analysis *analysis);
json_t *analysis_warnings(const struct analysis *analysis);

#endif
