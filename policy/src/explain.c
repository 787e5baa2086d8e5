/*
 * The explanation of an evaluation as JSON. It repeats what the evaluation found and decides nothing.
 */
#include "policy/evaluate.h"
#include "policy_internal.h"

/* What an explanation is made from. */
struct story {
    const struct policy *policy;
    const struct evaluation_request *request;
    const struct evaluation *evaluation;
};

static json_t *explain_members(const struct story *story, const struct evaluation_demand *demand)
{
    json_t *people = json_array();
    for (size_t i = 0; i < demand->member_count; i++) {
        const struct evaluation_member *member = &demand->members[i];
        json_t *person = json_pack("{s:s,s:s}", "id", story->policy->people[member->person].id.text, "standing",
                                   standing_text(member->standing));
        if (json_array_append_new(people, person) != 0) {
            json_decref(people);
            return NULL;
        }
    }
    return people;
}

static json_t *explain_demand(const struct story *story, const struct rule *rule,
                              const struct evaluation_demand *demand)
{
    char amount[AMOUNT_TEXT_SIZE];
    char limit[AMOUNT_TEXT_SIZE];
    switch (demand->kind) {
    case DEMAND_MAX_AMOUNT:
        amount_format(amount, story->request->amount);
        amount_format(limit, rule->max_amount);
        return json_pack("{s:s,s:b,s:s,s:s}", "kind", "max_amount", "met", (int)demand->met, "limit", limit, "amount",
                         amount);
    case DEMAND_DESTINATION:
        return json_pack("{s:s,s:b}", "kind", "destination", "met", (int)demand->met);
    case DEMAND_QUORUM:
        return json_pack("{s:s,s:b,s:s,s:i,s:i,s:i,s:o}", "kind", "quorum", "met", (int)demand->met, "group",
                         story->policy->groups[demand->group].id.text, "need", (int)demand->need, "have",
                         (int)demand->have, "open", (int)demand->open, "people", explain_members(story, demand));
    case DEMAND_RETURN:
        return json_pack("{s:s,s:b,s:i,s:i,s:i}", "kind", "return", "met", (int)demand->met, "need", (int)demand->need,
                         "have", (int)demand->have, "open", (int)demand->open);
    }
    return NULL;
}

static json_t *explain_rule(const struct story *story, const struct evaluation_rule *matched)
{
    const struct rule *rule = &story->policy->rules[matched->rule];
    json_t *demands = json_array();
    for (size_t i = 0; i < matched->demand_count; i++) {
        if (json_array_append_new(demands, explain_demand(story, rule, &matched->demands[i])) != 0) {
            json_decref(demands);
            return NULL;
        }
    }
    return json_pack("{s:s,s:s,s:o}", "id", rule->id.text, "effect", policy_effect_text(rule->effect), "demands",
                     demands);
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

static bool counted_in(const struct evaluation_rule *rule, size_t person)
{
    for (size_t i = 0; i < rule->demand_count; i++) {
        for (size_t k = 0; k < rule->demands[i].member_count; k++) {
            const struct evaluation_member *member = &rule->demands[i].members[k];
            if (member->person == person && member->standing == STANDING_COUNTED) {
                return true;
            }
        }
    }
    return false;
}

/* Why the approval of `name` counts for nothing; NULL when it counts. */
static const char *why_not_counted(const struct story *story, const struct name *name)
{
    const struct person *person = policy_find_person(story->policy, name);
    if (person == NULL) {
        return "not_in_policy";
    }
    for (size_t i = 0; i < story->evaluation->rule_count; i++) {
        if (counted_in(&story->evaluation->rules[i], policy_person_index(story->policy, person))) {
            return NULL;
        }
    }
    if (name_equal(name, story->request->requester)) {
        return "requester";
    }
    return policy_person_valid(person, story->request->at_utc_us) ? "in_no_group_of_a_matching_rule" : "expired";
}

static bool named_before(const struct evaluation_request *request, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (name_equal(&request->approvers[i], &request->approvers[index])) {
            return true;
        }
    }
    return false;
}

static json_t *explain_not_counted(const struct story *story)
{
    json_t *list = json_array();
    for (size_t i = 0; i < story->request->approver_count; i++) {
        const struct name *name = &story->request->approvers[i];
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

enum status policy_explain(json_t **out, const struct policy *policy, const struct evaluation_request *request,
                           const struct evaluation *evaluation, struct fault *fault)
{
    const struct story story = {policy, request, evaluation};
    json_t *object = json_pack("{s:s,s:s,s:s,s:o,s:o}", "decision", decision_text(evaluation->decision), "reason",
                               status_info(evaluation->reason)->code, "text", evaluation->text, "rules",
                               explain_rules(&story), "not_counted", explain_not_counted(&story));
    if (object == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "policy", "could not build the explanation");
    }
    *out = object; /* transferred */
    return STATUS_OK;
}
