/*
 * The explanation of an evaluation as JSON. It repeats what the evaluation found and decides nothing.
 */
#include "policy/evaluate.h"

#include "condition.h"
#include "matching.h"

/* Words after words, cut where the room ends. */
static void append(char out240[EVALUATION_TEXT_SIZE], const char *before, const char *text)
{
    size_t used = strlen(out240);
    (void)snprintf(out240 + used, EVALUATION_TEXT_SIZE - used, "%s%s", before, text);
}

static void append_conditions(char out240[EVALUATION_TEXT_SIZE], unsigned failed)
{
    const char *before = " (";
    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        if ((failed & 1U << i) != 0) {
            append(out240, before, policy_condition_text((enum condition)i));
            before = ", ";
        }
    }
    append(out240, ")", "");
}

void evaluation_describe(char out240[EVALUATION_TEXT_SIZE], const struct evaluation *evaluation,
                         const struct policy *policy)
{
    const char *before = ": ";
    (void)snprintf(out240, EVALUATION_TEXT_SIZE, "%s", evaluation->text);
    if (evaluation->decisive < policy->rule_count) {
        append(out240, ": rule ", policy->rules[evaluation->decisive].id.text);
    } else if (evaluation->reason == STATUS_DENIED && evaluation->matches != NULL) {
        for (size_t i = 0; i < policy->rule_count; i++) {
            if (policy->rules[i].effect == EFFECT_ALLOW) {
                append(out240, before, policy->rules[i].id.text);
                append_conditions(out240, evaluation->matches[i].failed);
                before = ", ";
            }
        }
    }
}

void approval_early_describe(char out240[EVALUATION_TEXT_SIZE], const struct approval_early *early)
{
    const struct rule *rule = &early->policy->rules[early->rule];
    const char *before = " (";
    (void)snprintf(out240, EVALUATION_TEXT_SIZE, "rule %s: step %u", rule->id.text, early->step + 1);
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        if (rule->demand.entries[i].step == early->step) {
            append(out240, before, early->policy->groups[rule->demand.entries[i].quorum.group].id.text);
            before = ", ";
        }
    }
    append(out240, ")", " is not complete in what it names: this approval would not count; approve when it is");
}

/* What an explanation is made from. */
struct story {
    const struct policy *policy;
    const struct evaluation_request *request;
    const struct evaluation *evaluation;
};

static json_t *explain_members(const struct story *story, const struct group *group,
                               const struct evaluation_demand *demand)
{
    json_t *people = json_array();
    for (size_t i = 0; i < group->member_count; i++) {
        size_t at = group->members[i];
        enum standing standing =
            people_set_has(&demand->early, at) ? STANDING_TOO_EARLY : story->evaluation->standings[at];
        json_t *person =
            json_pack("{s:s,s:s}", "id", story->policy->people[at].id.text, "standing", standing_text(standing));
        if (json_array_append_new(people, person) != 0) {
            json_decref(people);
            return NULL;
        }
    }
    return people;
}

static json_t *explain_quorum(const struct story *story, const struct rule *rule,
                              const struct evaluation_demand *demand)
{
    const struct step_entry *entry = &rule->demand.entries[demand->entry];
    const struct group *group = &story->policy->groups[entry->quorum.group];
    json_t *object = json_pack("{s:s,s:b,s:s,s:i,s:i,s:i,s:o}", "kind", "quorum", "met", (int)demand->met, "group",
                               group->id.text, "need", (int)demand->need, "have", (int)demand->have, "open",
                               (int)demand->open, "people", explain_members(story, group, demand));
    if (object != NULL && rule->demand.step_count > 1 &&
        json_object_set_new(object, "step", json_integer((json_int_t)entry->step + 1)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *explain_demand(const struct story *story, const struct rule *rule,
                              const struct evaluation_demand *demand)
{
    char amount[AMOUNT_TEXT_SIZE];
    char limit[AMOUNT_TEXT_SIZE];
    switch (demand->kind) {
    case DEMAND_MAX_AMOUNT:
        amount_format(amount, story->request->amount);
        amount_format(limit, rule->demand.max_amount);
        return json_pack("{s:s,s:b,s:s,s:s}", "kind", "max_amount", "met", (int)demand->met, "limit", limit, "amount",
                         amount);
    case DEMAND_DESTINATION:
        return json_pack("{s:s,s:b}", "kind", "destination", "met", (int)demand->met);
    case DEMAND_QUORUM:
        return explain_quorum(story, rule, demand);
    case DEMAND_RETURN:
        return json_pack("{s:s,s:b,s:i,s:i,s:i}", "kind", "return", "met", (int)demand->met, "need", (int)demand->need,
                         "have", (int)demand->have, "open", (int)demand->open);
    case DEMAND_KNOWN:
        return json_pack("{s:s,s:b,s:s}", "kind", "known", "met", (int)demand->met, "condition",
                         policy_condition_text(demand->condition));
    }
    return NULL;
}

static json_t *explain_conditions(unsigned failed)
{
    json_t *words = json_array();
    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        if ((failed & 1U << i) != 0 &&
            json_array_append_new(words, json_string(policy_condition_text((enum condition)i))) != 0) {
            json_decref(words);
            return NULL;
        }
    }
    return words;
}

static json_t *explain_demands(const struct story *story, const struct evaluation_rule *matched)
{
    json_t *demands = json_array();
    for (size_t i = 0; i < matched->demand_count; i++) {
        const struct rule *rule = &story->policy->rules[matched->rule];
        if (json_array_append_new(demands, explain_demand(story, rule, &matched->demands[i])) != 0) {
            json_decref(demands);
            return NULL;
        }
    }
    return demands;
}

static json_t *explain_limits(const struct demand *demand)
{
    json_t *limits = json_array();
    for (size_t i = 0; i < demand->limit_count; i++) {
        const struct limit *limit = &demand->limits[i];
        char sum[AMOUNT_TEXT_SIZE];
        amount_format(sum, limit->sum);
        json_t *object = json_pack("{s:s,s:I,s:s*,s:o*}", "per", policy_limit_text(limit->per), "window_s",
                                   (json_int_t)limit->window_s, "sum", amount_is_zero(limit->sum) ? NULL : sum, "count",
                                   limit->count == 0 ? NULL : json_integer((json_int_t)limit->count));
        if (json_array_append_new(limits, object) != 0) {
            json_decref(limits);
            return NULL;
        }
    }
    return limits;
}

static json_t *explain_rule(const struct story *story, const struct evaluation_rule *matched)
{
    const struct rule *rule = &story->policy->rules[matched->rule];
    const struct demand *demand = &rule->demand;
    unsigned holds = condition_given(rule) & ~story->evaluation->matches[matched->rule].unknown;
    return json_pack("{s:s,s:s,s:o,s:o,s:o*,s:o*}", "id", rule->id.text, "effect", policy_effect_text(rule->effect),
                     "holds", explain_conditions(holds), "demands", explain_demands(story, matched), "limits",
                     demand->limit_count == 0 ? NULL : explain_limits(demand), "delay_s",
                     demand->delay_s == 0 ? NULL : json_integer((json_int_t)demand->delay_s));
}

/* The rules that do not match, and why. None was looked at when the wallet already kept the request out. */
static json_t *explain_others(const struct story *story)
{
    json_t *others = json_array();
    for (size_t i = 0; i < story->policy->rule_count && story->evaluation->matches != NULL; i++) {
        const struct rule *rule = &story->policy->rules[i];
        unsigned failed = story->evaluation->matches[i].failed;
        if (failed != 0 && json_array_append_new(others, json_pack("{s:s,s:s,s:o}", "id", rule->id.text, "effect",
                                                                   policy_effect_text(rule->effect), "conditions",
                                                                   explain_conditions(failed))) != 0) {
            json_decref(others);
            return NULL;
        }
    }
    return others;
}

static json_t *explain_rules(const struct story *story)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < story->evaluation->rule_count; i++) {
        if (json_array_append_new(rules, explain_rule(story, &story->evaluation->rules[i])) != 0) {
            json_decref(rules);
            return NULL;
        }
    }
    return rules;
}

/* Why the approval of `name` counts for nothing; NULL when it counts. */
static const char *why_not_counted(const struct story *story, const struct name *name)
{
    const struct evaluation *evaluation = story->evaluation;
    const struct person *person = policy_find_person(story->policy, name);
    size_t at = person == NULL ? 0 : policy_person_index(story->policy, person);
    if (person == NULL) {
        return "not_in_policy";
    }
    if (evaluation->standings != NULL && evaluation->standings[at] != STANDING_COUNTED) {
        return standing_text(evaluation->standings[at]);
    }
    return evaluation_has_voice(evaluation, story->policy, name) ? NULL : "in_no_group_of_a_matching_rule";
}

static bool named_before(const struct evaluation_request *request, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (name_equal(&request->approvals[i].person, &request->approvals[index].person)) {
            return true;
        }
    }
    return false;
}

static json_t *explain_not_counted(const struct story *story)
{
    json_t *list = json_array();
    for (size_t i = 0; i < story->request->approval_count; i++) {
        const struct name *name = &story->request->approvals[i].person;
        const char *why = named_before(story->request, i) ? NULL : why_not_counted(story, name);
        if (why == NULL) {
            continue;
        }
        if (json_array_append_new(list, json_pack("{s:s,s:s}", "id", name->text, "why", why)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Out: false without memory. */
static bool put_until(json_t *object, const struct story *story)
{
    int64_t until_utc_us = 0;
    char text[TIME_TEXT_SIZE];
    if (story->evaluation->reason != STATUS_OUTSIDE_HOURS ||
        !policy_hours_until(&until_utc_us, story->policy, story->request)) {
        return true;
    }
    time_format(text, until_utc_us);
    return json_object_set_new(object, "until", json_string(text)) == 0;
}

enum status policy_explain(json_t **out, const struct policy *policy, const struct evaluation_request *request,
                           const struct evaluation *evaluation, struct fault *fault)
{
    const struct story story = {policy, request, evaluation};
    char digest[65];
    digest_format(digest, &policy->digest);
    json_t *object = json_pack("{s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:o}", "decision", decision_text(evaluation->decision),
                               "reason", status_info(evaluation->reason)->code, "text", evaluation->text, "policy",
                               digest, "version", (json_int_t)policy->version, "rules", explain_rules(&story), "others",
                               explain_others(&story), "not_counted", explain_not_counted(&story));
    bool decided = object != NULL && evaluation->decisive < policy->rule_count;
    if ((decided &&
         json_object_set_new(object, "rule", json_string(policy->rules[evaluation->decisive].id.text)) != 0) ||
        (object != NULL && !put_until(object, &story))) {
        json_decref(object);
        object = NULL;
    }
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "could not build the explanation");
    }
    *out = object; /* transferred */
    return STATUS_OK;
}
