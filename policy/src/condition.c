/*
 * The conditions of a rule, each one yes, no or unknown. Unknown is not no: the rule then matches with a demand that is
 * not met (evaluate.c), so that what cannot be judged lets nothing pass.
 */
#include "condition.h"

#include "matching.h"

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

static enum answer yes_when(bool holds)
{
    return holds ? ANSWER_YES : ANSWER_NO;
}

static int compare_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static bool has_digest(const struct digest *list, size_t count, const struct digest *digest)
{
    return count > 0 && bsearch(digest, list, count, sizeof(*list), compare_digest) != NULL;
}

static int compare_position(const void *a, const void *b)
{
    size_t left = *(const size_t *)a;
    size_t right = *(const size_t *)b;
    return left < right ? -1 : left > right;
}

static bool has_position(const size_t *list, size_t count, size_t position)
{
    return count > 0 && bsearch(&position, list, count, sizeof(*list), compare_position) != NULL;
}

static enum answer judge_amount(const struct when *when, const struct condition_subject *subject)
{
    struct amount amount = subject->request->amount;
    return yes_when((!when->above_given || amount_compare(amount, when->above) > 0) &&
                    (!when->up_to_given || amount_compare(amount, when->up_to) <= 0));
}

static enum answer judge_assets(const struct when *when, const struct condition_subject *subject)
{
    return yes_when(when->asset_count == 0 || has_digest(when->assets, when->asset_count, subject->request->asset));
}

static enum answer judge_destinations(const struct when *when, const struct condition_subject *subject)
{
    if (when->destination_count == 0) {
        return ANSWER_YES;
    }
    return subject->group_known ? yes_when(has_position(when->destinations, when->destination_count, subject->group))
                                : ANSWER_UNKNOWN;
}

static enum answer judge_hours(const struct when *when, const struct condition_subject *subject)
{
    for (size_t i = 0; i < when->hours_count; i++) {
        const struct hours *hours = &when->hours[i];
        if ((hours->days & subject->day) != 0 && hours->from <= subject->minute && subject->minute < hours->until) {
            return ANSWER_YES;
        }
    }
    return yes_when(when->hours_count == 0);
}

static enum answer judge_ledgers(const struct when *when, const struct condition_subject *subject)
{
    return yes_when(when->ledger_count == 0 || has_digest(when->ledgers, when->ledger_count, subject->request->chain));
}

/* Who asks is known by their own signature alone. */
static enum answer judge_requesters(const struct when *when, const struct condition_subject *subject)
{
    if (when->requester_count > 0 && !subject->requester_known) {
        return ANSWER_UNKNOWN;
    }
    for (size_t i = 0; i < when->requester_count; i++) {
        if (people_set_has(&subject->policy->groups[when->requesters[i]].set, subject->requester)) {
            return ANSWER_YES;
        }
    }
    return yes_when(when->requester_count == 0);
}

static enum answer judge_tiers(const struct when *when, const struct condition_subject *subject)
{
    enum wallet_tier tier = subject->policy->wallets[subject->wallet].tier;
    return yes_when(when->tiers == 0 || (when->tiers & 1U << tier) != 0);
}

static enum answer judge_types(const struct when *when, const struct condition_subject *subject)
{
    return yes_when((when->types & 1U << subject->request->type) != 0);
}

static enum answer judge_wallets(const struct when *when, const struct condition_subject *subject)
{
    return yes_when(when->wallet_count == 0 || has_position(when->wallets, when->wallet_count, subject->wallet));
}

static void note(struct evaluation_match *match, enum condition condition, enum answer answer)
{
    match->failed |= (unsigned)(answer == ANSWER_NO) << condition;
    match->unknown |= (unsigned)(answer == ANSWER_UNKNOWN) << condition;
}

/* All of them, so that an explanation is whole. Called by name: each rule of a policy passes here in each evaluation.
 */
struct evaluation_match condition_judge(const struct rule *rule, const struct condition_subject *subject)
{
    struct evaluation_match match = {0, 0};
    const struct when *when = &rule->when;
    note(&match, CONDITION_AMOUNT, judge_amount(when, subject));
    note(&match, CONDITION_ASSETS, judge_assets(when, subject));
    note(&match, CONDITION_DESTINATIONS, judge_destinations(when, subject));
    note(&match, CONDITION_HOURS, judge_hours(when, subject));
    note(&match, CONDITION_LEDGERS, judge_ledgers(when, subject));
    note(&match, CONDITION_REQUESTERS, judge_requesters(when, subject));
    note(&match, CONDITION_TIERS, judge_tiers(when, subject));
    note(&match, CONDITION_TYPES, judge_types(when, subject));
    note(&match, CONDITION_WALLETS, judge_wallets(when, subject));
    return match;
}

unsigned condition_given(const struct rule *rule)
{
    const struct when *when = &rule->when;
    const bool given[CONDITION_COUNT] = {
        [CONDITION_AMOUNT] = when->above_given || when->up_to_given,
        [CONDITION_ASSETS] = when->asset_count > 0,
        [CONDITION_DESTINATIONS] = when->destination_count > 0,
        [CONDITION_HOURS] = when->hours_count > 0,
        [CONDITION_LEDGERS] = when->ledger_count > 0,
        [CONDITION_REQUESTERS] = when->requester_count > 0,
        [CONDITION_TIERS] = when->tiers != 0,
        [CONDITION_TYPES] = when->types != 1U << TRANSACTION_TRANSFER,
        [CONDITION_WALLETS] = when->wallet_count > 0,
    };
    unsigned bits = 0;
    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        bits |= (unsigned)given[i] << i;
    }
    return bits;
}

bool condition_person_counts(const struct person *person, const struct evaluation_request *request)
{
    for (size_t i = 0; i < request->suspended_count; i++) {
        if (name_equal(&person->id, &request->suspended[i])) {
            return false;
        }
    }
    return policy_person_valid(person, request->at_utc_us);
}

static void set_group(struct condition_subject *subject, const struct policy *policy, const struct name *group)
{
    for (size_t i = 0; group != NULL && i < policy->destination_group_count; i++) {
        if (name_equal(&policy->destination_groups[i], group)) {
            subject->group_known = true;
            subject->group = i;
        }
    }
}

static void set_requester(struct condition_subject *subject, const struct policy *policy,
                          const struct evaluation_request *request)
{
    const struct person *person = policy_find_person(policy, request->requester);
    subject->requester_known = request->requester_signed && person != NULL && condition_person_counts(person, request);
    subject->requester = person == NULL ? 0 : policy_person_index(policy, person);
}

/* The epoch began on a Thursday; a time before it is on no day at all. */
static void set_time(struct condition_subject *subject, int64_t at_utc_us)
{
    if (at_utc_us >= 0) {
        int64_t minutes = at_utc_us / 60000000;
        subject->day = 1U << ((minutes / 1440 + 3) % 7);
        subject->minute = (unsigned)(minutes % 1440);
    }
}

struct condition_subject condition_subject_of(const struct policy *policy, const struct evaluation_request *request,
                                              size_t wallet)
{
    struct condition_subject subject = {.policy = policy, .request = request, .wallet = wallet};
    set_group(&subject, policy, request->destination_group);
    set_requester(&subject, policy, request);
    set_time(&subject, request->at_utc_us);
    return subject;
}

const struct wallet *condition_wallet(const char **out_text, const struct policy *policy,
                                      const struct evaluation_request *request)
{
    const struct wallet *wallet = policy_find_wallet(policy, request->wallet);
    if (wallet == NULL) {
        *out_text = "the wallet is not in the policy";
        return NULL;
    }
    if (!has_digest(wallet->assets, wallet->asset_count, request->asset)) {
        *out_text = "the policy does not list the asset for the wallet";
        return NULL;
    }
    return wallet;
}
