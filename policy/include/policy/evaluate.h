/*
 * Evaluation: what the policy says about one request, and why.
 *
 * Deny by default and free of order: denied when no allow rule matches, any deny rule matches, or the wallet does not
 * list the asset; otherwise the demands
 * of every matching rule must be met. A return, which sends back what arrived at a key that must not receive, demands
 * of each rule one approver more than its quorums do together. The requester never counts, a person counts once however
 * many keys approved, an expired person does not count. Used before any approval too: then it says which demands are
 * open and who may approve.
 */
#ifndef STRONGROOM_POLICY_EVALUATE_H
#define STRONGROOM_POLICY_EVALUATE_H

#include "policy/policy.h"

#define POLICY_RETURN_MORE 1 /* approvers that a return needs beyond the quorums of a rule */

struct evaluation_request {
    const struct name *wallet;
    const struct digest *asset;
    struct amount amount;
    bool destination_listed; /* a valid entry of the allow-list was shown */
    bool returns;            /* the intent says that it is a return */
    const struct name *requester;
    const struct name *approvers; /* whose valid approvals were shown, any order, duplicates count once */
    size_t approver_count;
    int64_t at_utc_us;
};

/* In the order of strength. */
enum decision {
    DECISION_DENIED = 1,  /* and more approvals will not change it */
    DECISION_WAITING = 2, /* only approvals are missing, and there are people who may give them */
    DECISION_ALLOWED = 3,
};

enum demand_kind {
    DEMAND_MAX_AMOUNT = 1,
    DEMAND_DESTINATION = 2,
    DEMAND_QUORUM = 3,
    DEMAND_RETURN = 4, /* of a return only: POLICY_RETURN_MORE people beyond all quorums of the rule */
};

/* How a member of a quorum's group stands. */
enum standing {
    STANDING_COUNTED = 1,
    STANDING_MAY_APPROVE = 2,
    STANDING_REQUESTER = 3, /* never counts */
    STANDING_EXPIRED = 4,   /* does not count any more */
};

struct evaluation_member {
    size_t person; /* position in policy.people */
    enum standing standing;
};

struct evaluation_demand {
    enum demand_kind kind;
    bool met;
    size_t group;  /* quorum only: position in policy.groups */
    unsigned need; /* this and the next two: quorum and return */
    unsigned have;
    unsigned open;                     /* people who may still approve */
    struct evaluation_member *members; /* quorum only, every member of the group; owned */
    size_t member_count;
};

/* A matching rule. A deny rule has no demands. */
struct evaluation_rule {
    size_t rule; /* position in policy.rules */
    struct evaluation_demand demands[3 + POLICY_QUORUM_MAX];
    size_t demand_count;
};

struct evaluation {
    enum decision decision;
    /*
     * Why not allowed: STATUS_DENIED (no allow rule or a deny rule), STATUS_LIMIT_EXCEEDED,
     * STATUS_DESTINATION_UNLISTED, STATUS_QUORUM_MISSING; STATUS_OK when allowed. The first that applies, in this
     * order.
     */
    enum status reason;
    const char *text;              /* the reason in words; static */
    struct evaluation_rule *rules; /* the matching ones, in document order; owned */
    size_t rule_count;
};

/* The word of a decision or standing, as in explanations. Static. */
const char *decision_text(enum decision decision);
const char *standing_text(enum standing standing);

/*
 * Evaluates. Answers STATUS_OK with the decision in `out` (also when it is denied); anything else means that no
 * decision was reached and must be taken as denied. Out: owned by the caller, free with evaluation_free.
 */
MUST_CHECK enum status policy_evaluate(struct evaluation *out, const struct policy *policy,
                                       const struct evaluation_request *request, struct fault *fault);

/* Frees and empties; an empty one is fine. */
void evaluation_free(struct evaluation *evaluation);

/*
 * The explanation as JSON for people and programs (not a signed document):
 * {"decision","reason","text","rules":[{"effect","id","demands":[
 *     {"kind":"max_amount","met","limit","amount"} | {"kind":"destination","met"} |
 *     {"kind":"quorum","met","group","need","have","open","people":[{"id","standing"}]} |
 *     {"kind":"return","met","need","have","open"}]}],
 *  "not_counted":[{"id","why"}]}
 * `not_counted` are the approvers of the request who count for no demand and why. Out: one reference.
 */
MUST_CHECK enum status policy_explain(json_t **out, const struct policy *policy,
                                      const struct evaluation_request *request, const struct evaluation *evaluation,
                                      struct fault *fault);

#endif
