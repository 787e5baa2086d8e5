/*
 * The parts of an evaluation that the effect of one approval asks again: who counts, for which step, in which places.
 * Not for anyone else.
 */
#ifndef STRONGROOM_POLICY_SRC_EVALUATOR_H
#define STRONGROOM_POLICY_SRC_EVALUATOR_H

#include "policy/evaluate.h"

#include "condition.h"
#include "matching.h"

/* An approval by somebody who counts. */
struct approval_place {
    size_t person; /* position in policy.people */
    uint64_t seen; /* those of the approvals (bits, as they are placed here) that it names */
};

/* One request under one policy, with every person's standing worked out once. */
struct evaluator {
    const struct policy *policy;
    const struct evaluation_request *request;
    struct evaluation *out;
    struct condition_subject subject;
    struct people_set counted;
    struct people_set open;
    unsigned open_members[POLICY_GROUPS_MAX];                  /* how many of `open` are in each group */
    struct approval_place approvals[EVALUATION_APPROVALS_MAX]; /* in the order of the request; of those who count */
    uint64_t counting;                                         /* which of them are used */
    bool seen_read;
};

/* Works out `counted`, `open`, their approvals and, in `out`, the standings. From a new evaluator with its first three.
 */
void evaluator_place_people(struct evaluator *evaluator);

/* Counts `open` in each group. */
void evaluator_count_open(struct evaluator *evaluator);

/* Whose approvals (bits) these are. */
struct people_set evaluator_people_of(const struct evaluator *evaluator, uint64_t approvals);

/* Who counts for which step; out: one set for each step of the rule. */
void evaluator_place_steps(struct people_set *out, struct evaluator *evaluator, const struct rule *rule);

/*
 * Puts people into the places of a rule: those of `steps` (by step) and of `more`, who may stand anywhere. Answers the
 * number of slots, at most MATCHING_SLOTS_MAX; the one of a return is the last.
 */
size_t evaluator_fill_rule(struct matching_slot *slots, const struct evaluator *evaluator, const struct rule *rule,
                           const struct people_set *steps, const struct people_set *more);

/* Whether those who may still approve could fill what is open; `places` are all of the rule. */
bool evaluator_reachable(const struct evaluator *evaluator, const struct rule *rule, const struct people_set *steps,
                         unsigned places);

/* Whether a rule (its position) matches or would at another hour. */
bool evaluation_concerned(const struct evaluation *evaluation, size_t rule);

#endif
