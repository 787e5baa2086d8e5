/*
 * Evaluation: what the policy says about one request, and why.
 *
 * Deny by default and free of order: denied when no allow rule matches, any deny rule matches, or the wallet does not
 * list the asset; otherwise the demands of every matching rule must be met. A condition that cannot be evaluated makes
 * its rule match with a demand that is not met. A return, which sends back what arrived at a key that must not receive,
 * demands of each rule one approver more than its places. The requester never counts, a person counts once however many
 * keys approved, and an expired or suspended person does not count. Used before any approval too: then it says which
 * demands are open and who may approve.
 *
 * People are put into the places of a rule by matching (m places for each entry of each step), so the groups of a rule
 * may overlap and nobody fills two places. For a step an approval counts only when the approvals that it names as seen,
 * taken alone, fill all steps before.
 *
 * Limits over time and delays are not judged here: policy_obligations lists them for the signer, who judges.
 */
#ifndef STRONGROOM_POLICY_EVALUATE_H
#define STRONGROOM_POLICY_EVALUATE_H

#include "policy/policy.h"
#include "policy/transaction.h"

#define POLICY_RETURN_MORE 1        /* approvers that a return needs beyond the places of a rule */
#define EVALUATION_APPROVALS_MAX 64 /* of one request, and seen of one approval */

/* A valid approval. Borrowed. */
struct evaluation_approval {
    struct name person;
    struct digest digest;      /* of the document */
    const struct digest *seen; /* of the approvals that it names, any order */
    size_t seen_count;
};

struct evaluation_request {
    enum transaction_type type;
    const struct digest *chain;
    const struct name *wallet;
    const struct digest *asset;
    struct amount amount;
    bool destination_listed;              /* a valid entry of the allow-list was shown */
    const struct name *destination_group; /* of that entry; NULL when unlisted or not known */
    bool returns;                         /* the intent says that it is a return */
    const struct name *requester;
    bool requester_signed;                       /* by an approval document with the decision `request` */
    const struct evaluation_approval *approvals; /* any order; a person counts once */
    size_t approval_count;                       /* at most EVALUATION_APPROVALS_MAX */
    const struct name *suspended;                /* people who do not count now */
    size_t suspended_count;
    int64_t at_utc_us; /* of judgement: hours, valid_until */
};

/* In the order of strength. */
enum decision {
    DECISION_DENIED = 1,  /* and neither approvals nor time will change it */
    DECISION_WAITING = 2, /* only approvals, the requester's signature or the hour are missing */
    DECISION_ALLOWED = 3,
};

enum demand_kind {
    DEMAND_MAX_AMOUNT = 1,
    DEMAND_DESTINATION = 2,
    DEMAND_QUORUM = 3, /* an entry of a step */
    DEMAND_RETURN = 4, /* of a return only: POLICY_RETURN_MORE people of any group of the rule beyond all places */
    DEMAND_KNOWN = 5,  /* of a rule with a condition that could not be evaluated; never met */
};

/* How a person stands to a request. */
enum standing {
    STANDING_COUNTED = 1, /* has approved */
    STANDING_MAY_APPROVE = 2,
    STANDING_REQUESTER = 3, /* never counts */
    STANDING_EXPIRED = 4,   /* does not count any more */
    STANDING_SUSPENDED = 5, /* does not count until resumed */
    STANDING_TOO_EARLY =
        6, /* of a step, never of the whole: has approved, without having seen the steps before filled */
};

struct evaluation_demand {
    enum demand_kind kind;
    bool met;
    enum condition condition; /* known only */
    size_t entry;             /* quorum only: position in rule.demand.entries */
    unsigned need;            /* this and the next two: quorum and return */
    unsigned have;            /* places that those who approved fill, earlier entries first */
    unsigned open;            /* people who may still approve */
    struct people_set early;  /* quorum only: members who approved, without having seen the steps before filled */
};

/* A matching rule. A deny rule has no demands but `known`. */
struct evaluation_rule {
    size_t rule;                       /* position in policy.rules */
    struct evaluation_demand *demands; /* borrowed from the evaluation */
    size_t demand_count;
    bool reachable; /* people who may still approve could fill what is open */
};

/* How the conditions of a rule hold, matching or not. Bits: 1 << enum condition. */
struct evaluation_match {
    unsigned failed;  /* they do not hold; any keeps the rule from matching */
    unsigned unknown; /* they could not be evaluated */
};

struct evaluation {
    enum decision decision;
    /*
     * Why not allowed: STATUS_DENIED (no allow rule or a deny rule), STATUS_LIMIT_EXCEEDED,
     * STATUS_DESTINATION_UNLISTED, STATUS_QUORUM_MISSING, STATUS_OUTSIDE_HOURS; STATUS_OK when allowed.
     */
    enum status reason;
    const char *text;              /* the reason in words; static */
    size_t decisive;               /* position of the rule that decides, or policy.rule_count: none alone */
    struct evaluation_rule *rules; /* the matching ones, in document order; owned */
    size_t rule_count;
    struct evaluation_demand *demands; /* of all of them; owned */
    struct evaluation_match *matches;  /* one for each rule of the policy; NULL when none was looked at; owned */
    enum standing *standings;          /* one for each person of the policy; NULL as above; owned */
};

/* The word of a decision or standing, as in explanations. Static. */
const char *decision_text(enum decision decision);
const char *standing_text(enum standing standing);

#define EVALUATION_TEXT_SIZE 240

/*
 * The reason in words, with the rule that decides; when no allow rule matches, each of them with the conditions that do
 * not hold, as many as fit: "no allow rule matches: daily (amount, wallets)".
 */
void evaluation_describe(char out240[EVALUATION_TEXT_SIZE], const struct evaluation *evaluation,
                         const struct policy *policy);

/*
 * Evaluates. Answers STATUS_OK with the decision in `out` (also when it is denied); anything else means that no
 * decision was reached and must be taken as denied. Out: owned by the caller, free with evaluation_free.
 */
MUST_CHECK enum status policy_evaluate(struct evaluation *out, const struct policy *policy,
                                       const struct evaluation_request *request, struct fault *fault);

/* Frees and empties; an empty one is fine. */
void evaluation_free(struct evaluation *evaluation);

/*
 * Whether what the person says about the request counts: a member of a group that a rule asks which matches or
 * would at another hour, neither the requester nor expired or suspended.
 */
bool evaluation_has_voice(const struct evaluation *evaluation, const struct policy *policy, const struct name *person);

/*
 * Whether a request may still come to be allowed under this version, by people who approve, an entry of the allow-list
 * whatever its group, another hour, and time that passes: STATUS_OK. It goes by who asks, as if they had signed. Of the
 * request the fields that these change are not read. Otherwise STATUS_LIMIT_EXCEEDED (`amount`) where it is above the
 * max_amount of a rule that matches at every hour, or of every allow rule that may match; STATUS_DENIED (`policy`)
 * where no allow rule may match, a deny rule does at every hour, or who asks does not count where a rule asks who it
 * is.
 */
MUST_CHECK enum status policy_check_possible(const struct policy *policy, const struct evaluation_request *request,
                                             struct fault *fault);

/* What one approval of a request does for it. */
enum approval_effect {
    APPROVAL_FILLS = 1,    /* a place that is open without it, in a rule that matches or would at another hour */
    APPROVAL_NO_PLACE = 2, /* none is open for that person, or too few people remain */
    APPROVAL_EARLY = 3,    /* fills nothing, and would fill a place had the person waited for the steps before */
};

/* Of an approval that came too early. */
struct approval_early {
    const struct policy *policy; /* borrowed */
    size_t rule;                 /* position in policy.rules, the first that would need it later */
    unsigned step;               /* the first that it does not show filled, from 0 */
};

/*
 * What the approval at position `index` of the request does, with the others as they are. *early is written only for
 * APPROVAL_EARLY. As policy_evaluate.
 */
MUST_CHECK enum status policy_approval_effect(enum approval_effect *out, struct approval_early *early,
                                              const struct policy *policy, const struct evaluation_request *request,
                                              size_t index, struct fault *fault);

/*
 * The same under the version of the intent and the one in force: what fills a place in one of them is not early. One
 * version twice is that version.
 */
MUST_CHECK enum status policy_approval_effect_both(enum approval_effect *out, struct approval_early *early,
                                                   const struct policy *const policies[2],
                                                   const struct evaluation_request *request, size_t index,
                                                   struct fault *fault);

/* "step 1 (screeners) of rule large is not complete by what it names as seen: it would not count; approve ..." */
void approval_early_describe(char out240[EVALUATION_TEXT_SIZE], const struct approval_early *early);

/*
 * When a request that waits for the hour (STATUS_OUTSIDE_HOURS) no longer does: the first moment after `at_utc_us`, in
 * about a week, at which the evaluation has another reason, with everything else as it is. False, and nothing written,
 * when there is none, or hours begin and end too often to look. Pure.
 */
bool policy_hours_until(int64_t *out_utc_us, const struct policy *policy, const struct evaluation_request *request);

/* One limit that applies to a request. */
struct obligation {
    const struct policy *policy; /* whose rule it is; borrowed */
    size_t rule;                 /* position in policy.rules */
    size_t index;                /* in rule.demand.limits */
    const struct limit *limit;   /* borrowed from the policy */
};

/* What the matching allow rules ask over time. */
struct obligations {
    int64_t delay_s;                   /* the longest; 0 when none asks for one */
    const struct policy *delay_policy; /* whose rule that is; NULL when none; borrowed */
    size_t delay_rule;
    struct obligation *limits; /* in document order; owned */
    size_t limit_count;
};

/*
 * The limits and the longest delay that apply to a request under one version: those of every allow rule that matches
 * (also with a condition that could not be evaluated). Whether the request is allowed is not asked. Pure. Out: free
 * with obligations_free. STATUS_NO_MEMORY.
 */
MUST_CHECK enum status policy_obligations(struct obligations *out, const struct policy *policy,
                                          const struct evaluation_request *request, struct fault *fault);

/* Frees and empties; an empty one is fine. */
void obligations_free(struct obligations *obligations);

/*
 * The explanation as JSON for people and programs (not a signed document):
 * {"decision","reason","text","rule"?,"until"?,"policy","version","rules":[{"effect","id","holds":[words of its
 * conditions], "delay_s"?,"limits"?:[{"count"?,"per","sum"?,"window_s"}],"demands":[
 *     {"kind":"max_amount","met","limit","amount"} | {"kind":"destination","met"} |
 *     {"kind":"quorum","met","step"?,"group","need","have","open","people":[{"id","standing"}]} |
 *     {"kind":"return","met","need","have","open"} | {"kind":"known","met","condition"}]}],
 *  "others":[{"effect","id","conditions":[words of those that do not hold]}],
 *  "not_counted":[{"id","why"}]}
 * `rule` is the one that decides, `until` (a time) when it no longer waits for the hour. `step` counts from 1 and
 * stands where a rule has several. `policy` is the digest of the version judged, `others` are the rules that do not
 * match. `not_counted` are the approvers of the request who count for no demand and why. Out: one reference.
 */
MUST_CHECK enum status policy_explain(json_t **out, const struct policy *policy,
                                      const struct evaluation_request *request, const struct evaluation *evaluation,
                                      struct fault *fault);

#endif
