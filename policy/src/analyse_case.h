/*
 * Between the two files that work out a case: analyse_case.c and analyse_alternative.c.
 */
#ifndef STRONGROOM_POLICY_SRC_ANALYSE_CASE_H
#define STRONGROOM_POLICY_SRC_ANALYSE_CASE_H

#include "analyse_internal.h"

#define MOMENTS_MAX 64 /* of the week that differ, of one case */
#define NOBODY SIZE_MAX

struct alternative {
    size_t requester; /* class, or NOBODY: whom the service names, outside the set */
    struct rule_set rules;
    int64_t delay_s;
    bool bounded;
};

struct workshop {
    struct analyst *analyst;
    const struct case_key *key;
    struct analysis_case *out;
    struct crowd crowd;
    uint64_t groups_of[ANALYSIS_CLASSES_MAX]; /* of each class, those that matter here */
    uint64_t requesters;                      /* classes */
    struct rule_set moments[MOMENTS_MAX];     /* which rules hold then, by their hours */
    size_t moment_count;
    struct alternative kinds[ALTERNATIVES_MAX];
    struct covers covers[ALTERNATIVES_MAX];
    size_t count;
};

/* The positions of the groups that the rule asks for approvals, and of those that may request; bits. */
uint64_t rule_asked_groups(const struct rule *rule);
uint64_t rule_requester_groups(const struct rule *rule);

/*
 * The alternatives of the case that the whole crowd could meet: with each class of requesters, or (`made_up`) with a
 * requester whom the service makes up. In/out: `shop`, its classes and moments known. STATUS_TOO_LARGE.
 */
MUST_CHECK enum status workshop_alternatives(struct workshop *shop, bool made_up, struct fault *fault);

/* Sets the fault: which rule, and what of it is beyond a bound. Answers STATUS_TOO_LARGE. */
enum status workshop_too_large(const struct workshop *shop, struct fault *fault, const char *what);

#endif
