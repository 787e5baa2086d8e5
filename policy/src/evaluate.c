/*
 * Evaluation of one request. Every matching rule is looked at and every demand is worked out, met or not, so that the
 * answer can be explained; nothing here depends on the order of rules or approvals.
 */
#include "policy/evaluate.h"

#include "evaluator.h"

static const struct word decision_words[] = {
    {"denied", DECISION_DENIED}, {"waiting", DECISION_WAITING}, {"allowed", DECISION_ALLOWED}, {NULL, 0}};
static const struct word standing_words[] = {{"counted", STANDING_COUNTED},
                                             {"may_approve", STANDING_MAY_APPROVE},
                                             {"requester", STANDING_REQUESTER},
                                             {"expired", STANDING_EXPIRED},
                                             {"suspended", STANDING_SUSPENDED},
                                             {"too_early", STANDING_TOO_EARLY},
                                             {NULL, 0}};

const char *decision_text(enum decision decision)
{
    return word_text(decision_words, (int)decision);
}

const char *standing_text(enum standing standing)
{
    return word_text(standing_words, (int)standing);
}

/* People */

static enum standing standing_of(const struct person *person, const struct evaluation_request *request)
{
    if (name_equal(&person->id, request->requester)) {
        return STANDING_REQUESTER;
    }
    if (!policy_person_valid(person, request->at_utc_us)) {
        return STANDING_EXPIRED;
    }
    return condition_person_counts(person, request) ? STANDING_MAY_APPROVE : STANDING_SUSPENDED;
}

void evaluator_count_open(struct evaluator *evaluator)
{
    for (size_t i = 0; i < evaluator->policy->group_count; i++) {
        const struct people_set open = people_set_and(&evaluator->policy->groups[i].set, &evaluator->open);
        evaluator->open_members[i] = (unsigned)people_set_count(&open);
    }
}

void evaluator_place_people(struct evaluator *evaluator)
{
    const struct policy *policy = evaluator->policy;
    const struct evaluation_request *request = evaluator->request;
    enum standing *standings = evaluator->out->standings;
    for (size_t i = 0; i < policy->person_count; i++) {
        standings[i] = standing_of(&policy->people[i], request);
        if (standings[i] == STANDING_MAY_APPROVE) {
            people_set_add(&evaluator->open, i);
        }
    }
    for (size_t i = 0; i < request->approval_count; i++) {
        const struct person *person = policy_find_person(policy, &request->approvals[i].person);
        size_t at = person == NULL ? 0 : policy_person_index(policy, person);
        if (person != NULL && people_set_has(&evaluator->open, at)) {
            standings[at] = STANDING_COUNTED;
            people_set_add(&evaluator->counted, at);
            evaluator->approvals[i].person = at;
            evaluator->counting |= UINT64_C(1) << i;
        }
    }
    evaluator->open = people_set_without(&evaluator->open, &evaluator->counted);
    evaluator_count_open(evaluator);
}

/* Steps. Only rules with several ask who saw what, so it is read when the first of them comes. */

static uint64_t seen_of(const struct evaluation_request *request, size_t index)
{
    const struct evaluation_approval *approval = &request->approvals[index];
    uint64_t seen = 0;
    for (size_t i = 0; i < approval->seen_count; i++) {
        for (size_t k = 0; k < request->approval_count; k++) {
            seen |= (uint64_t)digest_equal(&approval->seen[i], &request->approvals[k].digest) << k;
        }
    }
    return seen;
}

static void read_seen(struct evaluator *evaluator)
{
    for (size_t i = 0; i < evaluator->request->approval_count && !evaluator->seen_read; i++) {
        evaluator->approvals[i].seen = seen_of(evaluator->request, i);
    }
    evaluator->seen_read = true;
}

struct people_set evaluator_people_of(const struct evaluator *evaluator, uint64_t approvals)
{
    struct people_set people = {{0}};
    for (; approvals != 0; approvals &= approvals - 1) {
        people_set_add(&people, evaluator->approvals[__builtin_ctzll(approvals)].person);
    }
    return people;
}

/* Whether the approvals `shown`, taken alone, fill all steps of the rule before `step`; `levels` as below. */
static bool fills(const struct evaluator *evaluator, const struct rule *rule, const uint64_t *levels, uint64_t shown,
                  unsigned step)
{
    struct matching_slot slots[MATCHING_SLOTS_MAX];
    struct people_set may[POLICY_STEPS_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < step; i++) {
        may[i] = evaluator_people_of(evaluator, levels[i] & shown);
    }
    for (; count < rule->demand.entry_count && rule->demand.entries[count].step < step; count++) {
        const struct step_entry *entry = &rule->demand.entries[count];
        slots[count].may = people_set_and(&evaluator->policy->groups[entry->quorum.group].set, &may[entry->step]);
        slots[count].need = entry->quorum.m;
    }
    matching_fill(slots, count);
    return matching_full(slots, count);
}

/* levels[k]: the approvals that saw all steps before k filled, each by approvals that count for their own steps. What
 * they name cannot name them, so going up step by step settles it.
 */
void evaluator_place_steps(struct people_set *out, struct evaluator *evaluator, const struct rule *rule)
{
    uint64_t levels[POLICY_STEPS_MAX] = {evaluator->counting};
    out[0] = evaluator->counted;
    if (rule->demand.step_count > 1) {
        read_seen(evaluator);
    }
    for (unsigned step = 1; step < rule->demand.step_count; step++) {
        for (uint64_t rest = levels[step - 1]; rest != 0; rest &= rest - 1) {
            unsigned index = (unsigned)__builtin_ctzll(rest);
            bool after = fills(evaluator, rule, levels, evaluator->approvals[index].seen, step);
            levels[step] |= (uint64_t)after << index;
        }
        out[step] = evaluator_people_of(evaluator, levels[step]);
    }
}

/* Demands */

size_t evaluator_fill_rule(struct matching_slot *slots, const struct evaluator *evaluator, const struct rule *rule,
                           const struct people_set *steps, const struct people_set *more)
{
    struct people_set all = {{0}};
    size_t count = rule->demand.entry_count;
    for (size_t i = 0; i < count; i++) {
        const struct step_entry *entry = &rule->demand.entries[i];
        const struct people_set *group = &evaluator->policy->groups[entry->quorum.group].set;
        const struct people_set who = people_set_or(&steps[entry->step], more);
        slots[i].may = people_set_and(group, &who);
        slots[i].need = entry->quorum.m;
        all = people_set_or(&all, group);
    }
    if (evaluator->request->returns) {
        const struct people_set who = people_set_or(&steps[0], more);
        slots[count].may = people_set_and(&all, &who);
        slots[count].need = POLICY_RETURN_MORE;
        count++;
    }
    matching_fill(slots, count);
    return count;
}

static struct evaluation_demand *add_demand(struct evaluation_rule *rule, enum demand_kind kind, bool met)
{
    struct evaluation_demand *demand = &rule->demands[rule->demand_count++];
    *demand = (struct evaluation_demand){.kind = kind, .met = met};
    return demand;
}

/* When every group alone has as many of them as there are places, none of its places can be left over, whoever stands
 * in the others. */
bool evaluator_reachable(const struct evaluator *evaluator, const struct rule *rule, const struct people_set *steps,
                         unsigned places)
{
    struct matching_slot slots[MATCHING_SLOTS_MAX];
    bool enough = rule->demand.entry_count > 0;
    for (size_t i = 0; i < rule->demand.entry_count && enough; i++) {
        enough = evaluator->open_members[rule->demand.entries[i].quorum.group] >= places;
    }
    if (enough) {
        return true;
    }
    size_t count = evaluator_fill_rule(slots, evaluator, rule, steps, &evaluator->open);
    return matching_full(slots, count);
}

/* The people of all groups of the rule who may still approve. */
static unsigned open_of(const struct evaluator *evaluator, const struct rule *rule)
{
    struct people_set all = {{0}};
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        all = people_set_or(&all, &evaluator->policy->groups[rule->demand.entries[i].quorum.group].set);
    }
    all = people_set_and(&all, &evaluator->open);
    return (unsigned)people_set_count(&all);
}

static struct people_set early_for(const struct evaluator *evaluator, const struct step_entry *entry,
                                   const struct people_set *steps)
{
    const struct people_set approved =
        people_set_and(&evaluator->policy->groups[entry->quorum.group].set, &evaluator->counted);
    return people_set_without(&approved, &steps[entry->step]);
}

static void add_quorums(struct evaluation_rule *out, struct evaluator *evaluator, const struct rule *rule)
{
    static const struct people_set nobody = {{0}};
    struct people_set steps[POLICY_STEPS_MAX];
    struct matching_slot slots[MATCHING_SLOTS_MAX];
    unsigned need = 0;
    unsigned have = 0;
    evaluator_place_steps(steps, evaluator, rule);
    size_t count = evaluator_fill_rule(slots, evaluator, rule, steps, &nobody);
    for (size_t i = 0; i < count; i++) {
        need += slots[i].need;
        have += slots[i].filled;
    }
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        struct evaluation_demand *demand = add_demand(out, DEMAND_QUORUM, slots[i].filled == slots[i].need);
        demand->entry = i;
        demand->need = slots[i].need;
        demand->have = slots[i].filled;
        demand->open = evaluator->open_members[rule->demand.entries[i].quorum.group];
        demand->early = early_for(evaluator, &rule->demand.entries[i], steps);
    }
    if (evaluator->request->returns) {
        struct evaluation_demand *demand = add_demand(out, DEMAND_RETURN, have == need);
        demand->need = need;
        demand->have = have;
        demand->open = open_of(evaluator, rule);
    }
    out->reachable = have == need || evaluator_reachable(evaluator, rule, steps, need);
}

static void add_unknown(struct evaluation_rule *out, unsigned unknown)
{
    for (; unknown != 0; unknown &= unknown - 1) {
        add_demand(out, DEMAND_KNOWN, false)->condition = (enum condition)__builtin_ctz(unknown);
    }
}

static void evaluate_rule(struct evaluation_rule *out, struct evaluator *evaluator)
{
    const struct rule *rule = &evaluator->policy->rules[out->rule];
    out->reachable = true;
    add_unknown(out, evaluator->out->matches[out->rule].unknown);
    if (rule->effect == EFFECT_DENY) {
        return;
    }
    (void)add_demand(out, DEMAND_MAX_AMOUNT, amount_compare(evaluator->request->amount, rule->demand.max_amount) <= 0);
    (void)add_demand(out, DEMAND_DESTINATION, evaluator->request->destination_listed);
    add_quorums(out, evaluator, rule);
}

/* Beside its entries: max_amount, destination, return, and each condition that is unknown. */
static size_t demands_at_most(const struct rule *rule, const struct evaluation_match *match)
{
    return rule->demand.entry_count + 3 + (size_t)__builtin_popcount(match->unknown);
}

static enum status make_room(struct evaluation *out, const struct policy *policy)
{
    size_t rules = 0;
    size_t demands = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (out->matches[i].failed == 0) {
            rules++;
            demands += demands_at_most(&policy->rules[i], &out->matches[i]);
        }
    }
    out->rules = calloc(rules == 0 ? 1 : rules, sizeof(*out->rules));
    out->demands = calloc(demands == 0 ? 1 : demands, sizeof(*out->demands));
    return out->rules == NULL || out->demands == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status evaluate_rules(struct evaluator *evaluator)
{
    const struct policy *policy = evaluator->policy;
    struct evaluation *out = evaluator->out;
    for (size_t i = 0; i < policy->rule_count; i++) {
        out->matches[i] = condition_judge(&policy->rules[i], &evaluator->subject);
    }
    enum status status = make_room(out, policy);
    size_t used = 0;
    for (size_t i = 0; i < policy->rule_count && status == STATUS_OK; i++) {
        if (out->matches[i].failed == 0) {
            struct evaluation_rule *rule = &out->rules[out->rule_count++];
            *rule = (struct evaluation_rule){.rule = i, .demands = &out->demands[used]};
            evaluate_rule(rule, evaluator);
            used += rule->demand_count;
        }
    }
    return status;
}

/* The decision */

enum { DEMAND_KINDS = DEMAND_KNOWN + 1 };

/* By kind of demand the first rule of which one is not met; `rule_count` when there is none. */
static void find_unmet(size_t out[DEMAND_KINDS], const struct evaluation *evaluation, const struct policy *policy)
{
    for (size_t i = 0; i < DEMAND_KINDS; i++) {
        out[i] = policy->rule_count;
    }
    for (size_t i = evaluation->rule_count; i > 0; i--) {
        const struct evaluation_rule *rule = &evaluation->rules[i - 1];
        for (size_t k = 0; k < rule->demand_count; k++) {
            if (!rule->demands[k].met) {
                out[rule->demands[k].kind] = rule->rule;
            }
        }
    }
}

/* The first rule with a condition that could not be evaluated. */
static size_t first_unknown(const struct evaluation *evaluation, const struct policy *policy, enum condition condition)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (evaluation->matches[i].failed == 0 && (evaluation->matches[i].unknown & 1U << condition) != 0) {
            return i;
        }
    }
    return policy->rule_count;
}

/* The first deny rule that matches for certain, one with hours or one without. */
static size_t first_deny(const struct evaluation *evaluation, const struct policy *policy, bool with_hours)
{
    for (size_t i = 0; i < evaluation->rule_count; i++) {
        const struct rule *rule = &policy->rules[evaluation->rules[i].rule];
        if (rule->effect == EFFECT_DENY && evaluation->matches[evaluation->rules[i].rule].unknown == 0 &&
            (rule->when.hours_count > 0) == with_hours) {
            return evaluation->rules[i].rule;
        }
    }
    return policy->rule_count;
}

/* The first allow rule of which only these conditions fail. */
static size_t first_allow(const struct evaluation *evaluation, const struct policy *policy, unsigned failed)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (policy->rules[i].effect == EFFECT_ALLOW && evaluation->matches[i].failed == failed) {
            return i;
        }
    }
    return policy->rule_count;
}

static size_t first_unreachable(const struct evaluation *evaluation, const struct policy *policy)
{
    for (size_t i = 0; i < evaluation->rule_count; i++) {
        if (!evaluation->rules[i].reachable) {
            return evaluation->rules[i].rule;
        }
    }
    return policy->rule_count;
}

static void decide(struct evaluation *out, enum decision decision, enum status reason, const char *text)
{
    out->decision = decision;
    out->reason = reason;
    out->text = text;
}

/* Looks at one thing that may stand against the request: the rule that it is about, rule_count when none. */
struct objection {
    size_t rule;
    enum decision decision;
    enum status reason;
    const char *text;
};

static void decide_on_rules(struct evaluation *out, const struct evaluator *evaluator)
{
    const struct policy *policy = evaluator->policy;
    const size_t none = policy->rule_count;
    size_t unmet[DEMAND_KINDS];
    find_unmet(unmet, out, policy);
    const bool allowed = first_allow(out, policy, 0) != none;
    const size_t at_other_hours = allowed ? none : first_allow(out, policy, 1U << CONDITION_HOURS);
    const size_t unsigned_requester = first_unknown(out, policy, CONDITION_REQUESTERS);
    const bool may_sign = !evaluator->request->requester_signed;
    const struct objection objections[] = {
        {first_deny(out, policy, false), DECISION_DENIED, STATUS_DENIED, "a deny rule matches"},
        {allowed || at_other_hours != none ? none : none + 1, DECISION_DENIED, STATUS_DENIED, "no allow rule matches"},
        {unmet[DEMAND_MAX_AMOUNT], DECISION_DENIED, STATUS_LIMIT_EXCEEDED, "the amount exceeds the limit of a rule"},
        {unmet[DEMAND_DESTINATION], DECISION_DENIED, STATUS_DESTINATION_UNLISTED, "the destination is not on the list"},
        {first_unknown(out, policy, CONDITION_DESTINATIONS), DECISION_DENIED, STATUS_DESTINATION_UNLISTED,
         "the group of the destination is not known"},
        {may_sign ? none : unsigned_requester, DECISION_DENIED, STATUS_DENIED,
         "the requester is not in the policy or does not count now"},
        {first_unreachable(out, policy), DECISION_DENIED, STATUS_QUORUM_MISSING,
         "too few people remain who may approve"},
        {first_deny(out, policy, true), DECISION_WAITING, STATUS_OUTSIDE_HOURS, "a deny rule matches at this hour"},
        {at_other_hours, DECISION_WAITING, STATUS_OUTSIDE_HOURS, "allow rules match at other hours only"},
        {unsigned_requester, DECISION_WAITING, STATUS_QUORUM_MISSING, "the signature of the requester is missing"},
        {unsigned_requester != none ? none : unmet[DEMAND_KNOWN], DECISION_DENIED, STATUS_DENIED,
         "a condition of a rule could not be evaluated"},
        {unmet[DEMAND_QUORUM], DECISION_WAITING, STATUS_QUORUM_MISSING, "approvals are missing"},
        {unmet[DEMAND_RETURN], DECISION_WAITING, STATUS_QUORUM_MISSING, "approvals are missing"},
    };
    for (size_t i = 0; i < sizeof(objections) / sizeof(objections[0]); i++) {
        if (objections[i].rule != none) {
            out->decisive = objections[i].rule < none ? objections[i].rule : none;
            decide(out, objections[i].decision, objections[i].reason, objections[i].text);
            return;
        }
    }
    out->decisive = none;
    decide(out, DECISION_ALLOWED, STATUS_OK, "every demand of every matching rule is met");
}

static enum status evaluate_wallet(struct evaluation *out, const struct wallet *wallet, const struct policy *policy,
                                   const struct evaluation_request *request)
{
    struct evaluator evaluator = {.policy = policy, .request = request, .out = out};
    evaluator.subject = condition_subject_of(policy, request, (size_t)(wallet - policy->wallets));
    out->matches = calloc(policy->rule_count == 0 ? 1 : policy->rule_count, sizeof(*out->matches));
    out->standings = calloc(policy->person_count, sizeof(*out->standings));
    if (out->matches == NULL || out->standings == NULL) {
        return STATUS_NO_MEMORY;
    }
    evaluator_place_people(&evaluator);
    enum status status = evaluate_rules(&evaluator);
    if (status == STATUS_OK) {
        decide_on_rules(out, &evaluator);
    }
    return status;
}

enum status policy_evaluate(struct evaluation *out, const struct policy *policy,
                            const struct evaluation_request *request, struct fault *fault)
{
    struct evaluation evaluation = {
        .decision = DECISION_DENIED, .reason = STATUS_DENIED, .text = "", .decisive = policy->rule_count};
    enum status status = STATUS_OK;
    if (request->approval_count > EVALUATION_APPROVALS_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "approvals", "at most %d", EVALUATION_APPROVALS_MAX);
    }
    const struct wallet *wallet = condition_wallet(&evaluation.text, policy, request);
    if (wallet != NULL) {
        status = evaluate_wallet(&evaluation, wallet, policy, request);
    }
    if (status != STATUS_OK) {
        evaluation_free(&evaluation);
        return fault_set(fault, status, "policy", "could not evaluate, which denies");
    }
    INVARIANT((evaluation.decision == DECISION_ALLOWED) == (evaluation.reason == STATUS_OK));
    *out = evaluation; /* transferred */
    return STATUS_OK;
}

bool evaluation_concerned(const struct evaluation *evaluation, size_t rule)
{
    return (evaluation->matches[rule].failed & ~(1U << CONDITION_HOURS)) == 0;
}

/* A member of a group that a rule asks. */
static bool asked(const struct evaluation *evaluation, const struct policy *policy, size_t person)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct demand *demand = &policy->rules[i].demand;
        for (size_t k = 0; k < demand->entry_count && evaluation_concerned(evaluation, i); k++) {
            if (people_set_has(&policy->groups[demand->entries[k].quorum.group].set, person)) {
                return true;
            }
        }
    }
    return false;
}

bool evaluation_has_voice(const struct evaluation *evaluation, const struct policy *policy, const struct name *person)
{
    const struct person *found = policy_find_person(policy, person);
    if (found == NULL || evaluation->matches == NULL) {
        return false;
    }
    size_t at = policy_person_index(policy, found);
    enum standing standing = evaluation->standings[at];
    return (standing == STANDING_COUNTED || standing == STANDING_MAY_APPROVE) && asked(evaluation, policy, at);
}

void evaluation_free(struct evaluation *evaluation)
{
    free(evaluation->rules);
    free(evaluation->demands);
    free(evaluation->matches);
    free(evaluation->standings);
    *evaluation = (struct evaluation){0};
}
