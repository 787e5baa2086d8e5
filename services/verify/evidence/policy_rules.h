/*
 * What the rules of a policy say about one withdrawal. Written from docs/formats.md section 2 for this program alone.
 *
 * Limits over time are counted by the signer, whose count no file holds: they are named, not judged.
 */
#ifndef STRONGROOM_VERIFY_POLICY_RULES_H
#define STRONGROOM_VERIFY_POLICY_RULES_H

#include "documents.h"

#define RULES_VOTES_MAX 64

/* The approval of one person who counts. */
struct rules_vote {
    struct name person;
    struct digest digest; /* of the approval document */
    const json_t *seen;   /* the digests that it names, as texts; borrowed; NULL for none */
};

/* What is judged. Borrowed. */
struct rules_request {
    const struct verify_intent *intent;
    const char *group;              /* of the destination's entry; NULL when it is not known */
    bool requester_signed;          /* by a key of the requester */
    const struct rules_vote *votes; /* one for each person, the requester not among them */
    size_t vote_count;              /* at most RULES_VOTES_MAX */
    int64_t at_utc_us;              /* of judgement */
    int64_t waited_us;              /* since it was announced; below 0 when it was not */
    bool compromised;               /* an emergency sweep: neither delays nor limits hold */
    json_t *lines;                  /* NULL, or gets a text for each rule that matches and each place of it */
};

/* What else came out. */
struct rules_finding {
    char rule[64];   /* that speaks against it; empty when none does alone */
    unsigned limits; /* of the matching rules together */
    int64_t delay_s; /* the longest that a matching rule demands */
};

/*
 * Answers NULL when a rule allows the request, none denies it and all that the matching ones demand is met; otherwise
 * what is wrong. A policy of which a rule says what is not known here allows nothing.
 */
const char *rules_judge(struct rules_finding *out, const struct verify_policy *policy,
                        const struct rules_request *request);

#endif
