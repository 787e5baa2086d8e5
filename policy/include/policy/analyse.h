/*
 * Analysis: who together can move funds under a policy, who together can stop it, and whether one person can.
 *
 * A case is one way in which requests are decided: the rules that are about them. Wallets, assets, amounts and groups
 * of destinations that the same rules are about share a case. People who are interchangeable in a case form a class,
 * and sets are counted over classes, so the answer is complete and still short; a policy for which it would not be
 * within the bounds below gets none (STATUS_TOO_LARGE), never a part of one.
 *
 * A set of a case that moves funds includes the one who requests. A program (duty automated) is no person: it is
 * counted apart, and whoever steals its key has its vote, so what is compared and refused are people alone.
 *
 * A pure function of the policy and the time it is asked for; the default time is the policy's own issued_at, so
 * everybody who has the bytes of the document has the same analysis of it.
 */
#ifndef STRONGROOM_POLICY_ANALYSE_H
#define STRONGROOM_POLICY_ANALYSE_H

#include "policy/policy.h"

#include <jansson.h>
#include <limits.h>

#define ANALYSIS_CLASSES_MAX 64     /* of people in one case */
#define ANALYSIS_SETS_MAX 100000    /* of one case and kind */
#define ANALYSIS_CASES_MAX 4096     /* of one policy */
#define ANALYSIS_BANDS_MAX 65536    /* of one policy, all wallets, assets and groups of destinations */
#define ANALYSIS_EFFORT 1000000000U /* steps of the searches together; some seconds */
#define ANALYSIS_SHOWN_MAX 32       /* sets of one case in a report, the smallest; their number is always there */

#define ANALYSIS_PEOPLE_MIN 2    /* fewer must not be able to move funds */
#define ANALYSIS_NOBODY UINT_MAX /* no set of people can */

/* What is asked of the signer. */
enum analysis_act {
    ANALYSIS_GOVERNANCE = 1, /* a new version of the policy, and all else that the governance quorum signs */
    ANALYSIS_TRANSFER = 2,
    ANALYSIS_RETURN = 3,
    ANALYSIS_ISSUE = 4,
};

/* Positions in policy.rules, one bit each. */
struct rule_set {
    uint64_t words[POLICY_RULES_MAX / 64];
};

struct analysis_class {
    struct people_set people;
    unsigned size;
    bool automated;
};

/* Sets of people: `width` numbers each, how many of each class. Ordered: fewer people first, then fewer programs. */
struct analysis_sets {
    uint16_t *counts; /* owned */
    size_t count;
    size_t room;
    size_t width;
};

struct analysis_case {
    enum analysis_act act;
    struct rule_set rules;          /* that are about it, at some hour and by some requester */
    struct rule_set exceeded;       /* of them, those whose max_amount it exceeds */
    struct analysis_class *classes; /* in the order of their first member; owned */
    size_t class_count;
    struct analysis_sets moves; /* none: nobody can */
    struct analysis_sets stops;
    unsigned people;         /* in the smallest of `moves`, programs not counted; ANALYSIS_NOBODY */
    unsigned signing;        /* the same when the service lies about who requests: whose signatures it takes at least */
    struct people_set alone; /* when `people` or `signing` is below two: each of whom suffices, with programs */
    int64_t delay_s;         /* the shortest */
    int64_t until;           /* from this time on nobody can, because people expire; INT64_MAX for never */
    bool bounded;            /* by a limit over time of the wallet or the asset, whoever does it */
};

/* above < amount <= up_to, to destinations of the groups whose bit is set. */
struct analysis_band {
    struct amount above;
    struct amount up_to;
    uint64_t destinations; /* bits: positions in policy.destination_groups */
    size_t at;             /* position in analysis.cases */
};

struct analysis_place {
    size_t wallet; /* position in policy.wallets */
    struct digest asset;
    enum analysis_act act;
    struct analysis_band *bands; /* ascending by `above`, then `destinations`; what is not there is denied; owned */
    size_t band_count;
};

struct analysis {
    const struct policy *policy; /* borrowed */
    int64_t at;
    struct analysis_case governance;
    struct analysis_case *cases; /* owned */
    size_t case_count;
    struct analysis_place *places; /* by wallet, then asset, then act; owned */
    size_t place_count;
    struct people_set guards; /* who alone can stop: freeze, suspend, veto, revoke */
};

/*
 * Analyses a policy that was decoded; `at_utc_us` is when people must be valid. Out: free with analysis_free, before
 * the policy. STATUS_TOO_LARGE (the fault names what exceeds which bound), STATUS_NO_MEMORY. That one person can move
 * funds is an analysis like any other: ask analysis_verdict.
 */
MUST_CHECK enum status policy_analyse(struct analysis *out, const struct policy *policy, int64_t at_utc_us,
                                      struct fault *fault);

/* Frees and empties; an empty one is fine. */
void analysis_free(struct analysis *analysis);

/*
 * STATUS_OK, or STATUS_INVALID when fewer than two people can move funds on some path, also with every program's key
 * stolen and a service that lies about who requests. The fault names the path and the person.
 */
MUST_CHECK enum status analysis_verdict(const struct analysis *analysis, struct fault *fault);

/* The report as JSON, described in docs/policy.md. The same analysis gives the same report. Out: one reference. */
MUST_CHECK enum status analysis_report(json_t **out, const struct analysis *analysis, struct fault *fault);

/* The word of an act in reports. Static. */
const char *analysis_act_text(enum analysis_act act);

#endif
