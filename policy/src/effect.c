/*
 * What one approval does for a request: whether it fills a place, or came before its step and would be in the way of
 * the same person's later one. It decides about no request; evaluate.c does.
 */
#include "evaluator.h"

static unsigned filled_of(const struct evaluator *evaluator, const struct rule *rule, const struct people_set *steps,
                          const struct people_set *more)
{
    struct matching_slot slots[MATCHING_SLOTS_MAX];
    unsigned filled = 0;
    for (size_t count = evaluator_fill_rule(slots, evaluator, rule, steps, more); count > 0; count--) {
        filled += slots[count - 1].filled;
    }
    return filled;
}

static unsigned places_of(const struct evaluator *evaluator, const struct rule *rule)
{
    unsigned places = evaluator->request->returns ? POLICY_RETURN_MORE : 0;
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        places += rule->demand.entries[i].quorum.m;
    }
    return places;
}

static struct evaluator without_approval(const struct evaluator *all, size_t index)
{
    struct evaluator rest = *all;
    rest.counting &= ~(UINT64_C(1) << index);
    rest.counted = evaluator_people_of(&rest, rest.counting);
    const struct people_set free_again = people_set_without(&all->counted, &rest.counted);
    rest.open = people_set_or(&all->open, &free_again);
    evaluator_count_open(&rest);
    return rest;
}

/* `rest` is `all` without the approval. */
static enum approval_effect effect_in(struct approval_early *early, struct evaluator *all, struct evaluator *rest,
                                      const struct rule *rule)
{
    static const struct people_set nobody = {{0}};
    const struct people_set person = people_set_without(&all->counted, &rest->counted);
    struct people_set with[POLICY_STEPS_MAX];
    struct people_set steps[POLICY_STEPS_MAX];
    evaluator_place_steps(with, all, rule);
    evaluator_place_steps(steps, rest, rule);
    unsigned before = filled_of(rest, rule, steps, &nobody);
    if (filled_of(all, rule, with, &nobody) > before) {
        return APPROVAL_FILLS;
    }
    if (filled_of(rest, rule, steps, &person) == before ||
        !evaluator_reachable(rest, rule, steps, places_of(rest, rule))) {
        return APPROVAL_NO_PLACE;
    }
    unsigned step = 0;
    while (step + 1 < rule->demand.step_count &&
           people_set_count(&with[step + 1]) > people_set_count(&steps[step + 1])) {
        step++;
    }
    *early = (struct approval_early){rest->policy, (size_t)(rule - rest->policy->rules), step};
    return APPROVAL_EARLY;
}

static enum approval_effect effect_of(struct approval_early *early, struct evaluator *all, size_t index)
{
    struct evaluator rest = without_approval(all, index);
    enum approval_effect effect = APPROVAL_NO_PLACE;
    for (size_t i = 0; i < all->policy->rule_count && effect != APPROVAL_FILLS; i++) {
        struct approval_early found;
        if (!evaluation_concerned(all->out, i) || all->policy->rules[i].effect == EFFECT_DENY) {
            continue;
        }
        enum approval_effect here = effect_in(&found, all, &rest, &all->policy->rules[i]);
        if (here == APPROVAL_EARLY && effect == APPROVAL_NO_PLACE) {
            *early = found;
        }
        effect = here == APPROVAL_NO_PLACE || (effect == APPROVAL_EARLY && here == APPROVAL_EARLY) ? effect : here;
    }
    return effect;
}

enum status policy_approval_effect(enum approval_effect *out, struct approval_early *early, const struct policy *policy,
                                   const struct evaluation_request *request, size_t index, struct fault *fault)
{
    struct evaluation evaluation = {0};
    enum status status = policy_evaluate(&evaluation, policy, request, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct evaluator all = {.policy = policy, .request = request, .out = &evaluation};
    *out = APPROVAL_NO_PLACE;
    if (evaluation.matches != NULL) { /* else the wallet keeps it out */
        evaluator_place_people(&all);
        *out = effect_of(early, &all, index);
    }
    evaluation_free(&evaluation);
    return STATUS_OK;
}
