/*
 * The rules of one case, turned into covers (cover.h).
 *
 * The places of a rule are filled by matching, one person one place. By Hall's theorem that is possible exactly when
 * for every choice of its entries the groups of the chosen ones hold together at least as many people as they ask for:
 * each choice is a cover. Hours and requesters decide which of the rules match, so each moment of the week that
 * differs, with each class of requesters, is an alternative of its own. The requester is one more person, and of those
 * who request he does not count: every cover that he would serve needs one more.
 */
#include "analyse_case.h"

#include <string.h>

uint64_t rule_asked_groups(const struct rule *rule)
{
    uint64_t groups = 0;
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        groups |= (uint64_t)1 << rule->demand.entries[i].quorum.group;
    }
    return groups;
}

uint64_t rule_requester_groups(const struct rule *rule)
{
    uint64_t groups = 0;
    for (size_t i = 0; i < rule->when.requester_count; i++) {
        groups |= (uint64_t)1 << rule->when.requesters[i];
    }
    return groups;
}

/* Covers of a rule */

struct entries {
    uint64_t classes[POLICY_ENTRIES_MAX + 1];
    unsigned need[POLICY_ENTRIES_MAX + 1];
    size_t count;
};

static uint64_t classes_of_groups(const struct workshop *shop, uint64_t groups)
{
    uint64_t classes = 0;
    for (size_t i = 0; i < shop->crowd.class_count; i++) {
        classes |= (uint64_t)((shop->groups_of[i] & groups) != 0) << i;
    }
    return classes;
}

/* Steps say in which order people approve, not who; whoever works together finds the order (check_order). */
static void collect_entries(struct entries *out, const struct workshop *shop, const struct rule *rule)
{
    *out = (struct entries){.count = 0};
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        const struct quorum *quorum = &rule->demand.entries[i].quorum;
        const uint64_t classes = classes_of_groups(shop, (uint64_t)1 << quorum->group);
        size_t at = 0;
        while (at < out->count && out->classes[at] != classes) {
            at++;
        }
        out->classes[at] = classes;
        out->need[at] += quorum->m;
        out->count += at == out->count;
    }
    if (shop->key->act == ANALYSIS_RETURN) {
        out->classes[out->count] = classes_of_groups(shop, rule_asked_groups(rule));
        out->need[out->count++] = 1;
    }
}

/* The classes of the chosen entries when they hang together; else 0: the cover follows from those of the parts. */
static uint64_t chosen_classes(const struct entries *entries, unsigned chosen)
{
    uint64_t classes = 0;
    unsigned rest = chosen;
    bool grown = true;
    while (rest != 0 && grown) {
        grown = false;
        for (size_t i = 0; i < entries->count; i++) {
            if ((rest >> i & 1) != 0 && (classes == 0 || (entries->classes[i] & classes) != 0)) {
                classes |= entries->classes[i];
                rest &= ~(1U << i);
                grown = true;
            }
        }
    }
    return rest == 0 ? classes : 0;
}

static unsigned chosen_need(const struct entries *entries, unsigned chosen)
{
    unsigned need = 0;
    for (size_t i = 0; i < entries->count; i++) {
        need += (chosen >> i & 1) != 0 ? entries->need[i] : 0;
    }
    return need;
}

/* An entry that nobody can fill has no classes; its cover is the one that is never met. */
static bool entries_empty(const struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        if (entries->classes[i] == 0) {
            return true;
        }
    }
    return false;
}

static enum status add_rule(struct workshop *shop, struct covers *covers, const struct rule *rule, size_t requester)
{
    struct entries entries;
    enum status status = STATUS_OK;
    collect_entries(&entries, shop, rule);
    if (entries_empty(&entries)) {
        return covers_add(covers, 0, 1);
    }
    for (unsigned chosen = 1; chosen < 1U << entries.count && status == STATUS_OK; chosen++) {
        const uint64_t classes = chosen_classes(&entries, chosen);
        if (classes != 0) {
            const bool serves = requester != NOBODY && (classes >> requester & 1) != 0;
            status = covers_add(covers, classes, chosen_need(&entries, chosen) + serves);
        }
    }
    return status;
}

/* Order of steps: two rules with steps must not be able to want one class both before and after another. */

static void add_before(uint64_t before[ANALYSIS_CLASSES_MAX], const struct workshop *shop, const struct rule *rule)
{
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        const struct step_entry *early = &rule->demand.entries[i];
        const uint64_t from = classes_of_groups(shop, (uint64_t)1 << early->quorum.group);
        uint64_t to = 0;
        for (size_t k = i + 1; k < rule->demand.entry_count; k++) {
            const struct step_entry *late = &rule->demand.entries[k];
            to |= late->step > early->step ? classes_of_groups(shop, (uint64_t)1 << late->quorum.group) : 0;
        }
        for (size_t c = 0; c < shop->crowd.class_count; c++) {
            before[c] |= (from >> c & 1) != 0 ? to : 0;
        }
    }
}

static bool has_cycle(const uint64_t before[ANALYSIS_CLASSES_MAX], size_t count)
{
    uint64_t left = count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
    bool shrunk = true;
    while (shrunk) {
        shrunk = false;
        for (size_t i = 0; i < count; i++) {
            if ((left >> i & 1) != 0 && (before[i] & left) == 0) { /* nobody is after: goes last */
                left &= ~((uint64_t)1 << i);
                shrunk = true;
            }
        }
    }
    return left != 0;
}

static enum status check_order(const struct workshop *shop, const struct rule_set *rules, struct fault *fault)
{
    const struct policy *policy = shop->analyst->policy;
    uint64_t before[ANALYSIS_CLASSES_MAX] = {0};
    size_t ordered = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        if (bit_in(rules->words, i) && policy->rules[i].demand.step_count > 1) {
            add_before(before, shop, &policy->rules[i]);
            ordered++;
        }
    }
    return ordered > 1 && has_cycle(before, shop->crowd.class_count)
               ? workshop_too_large(shop, fault, "steps of several rules can ask for the same people in another order")
               : STATUS_OK;
}

/* Alternatives */

bool analysis_rule_always(const struct rule *rule)
{
    return rule->when.hours_count == 0 && rule->when.requester_count == 0;
}

/* The rules that match then, for that requester. False: nothing passes. */
static bool matching(struct rule_set *out, const struct workshop *shop, const struct rule_set *held, size_t requester)
{
    const struct policy *policy = shop->analyst->policy;
    bool allowed = false;
    *out = (struct rule_set){{0}};
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct rule *rule = &policy->rules[i];
        const uint64_t asks = bit_in(held->words, i) ? rule_requester_groups(rule) : 0;
        if (!bit_in(held->words, i) || (asks != 0 && requester != NOBODY && (asks & shop->groups_of[requester]) == 0)) {
            continue;
        }
        if ((asks != 0 && requester == NOBODY) || rule->effect == EFFECT_DENY || bit_in(shop->key->exceeded.words, i)) {
            return false;
        }
        bit_add(out->words, i);
        allowed = true;
    }
    return allowed;
}

static bool rule_bounded(const struct rule *rule)
{
    for (size_t i = 0; i < rule->demand.limit_count; i++) {
        const enum limit_per per = rule->demand.limits[i].per;
        if (per == LIMIT_PER_WALLET || per == LIMIT_PER_ASSET) {
            return true;
        }
    }
    return false;
}

static bool same_demand(const struct rule *a, const struct rule *b)
{
    for (size_t i = 0; i < a->demand.entry_count && i < b->demand.entry_count; i++) {
        const struct step_entry *left = &a->demand.entries[i];
        const struct step_entry *right = &b->demand.entries[i];
        if (left->quorum.group != right->quorum.group || left->quorum.m != right->quorum.m) {
            return false;
        }
    }
    return a->demand.entry_count == b->demand.entry_count;
}

/* Adds what each of the rules asks for; what asks the same as one before asks nothing more. */
static enum status add_rules(struct workshop *shop, struct covers *covers, struct alternative *kind,
                             struct fault *fault)
{
    const struct policy *policy = shop->analyst->policy;
    const struct rule *last = NULL;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < policy->rule_count && status == STATUS_OK; i++) {
        const struct rule *rule = &policy->rules[i];
        if (!bit_in(kind->rules.words, i)) {
            continue;
        }
        kind->delay_s = rule->demand.delay_s > kind->delay_s ? rule->demand.delay_s : kind->delay_s;
        kind->bounded = kind->bounded || rule_bounded(rule);
        if (last == NULL || !same_demand(last, rule)) {
            status = add_rule(shop, covers, rule, kind->requester);
        }
        last = rule;
    }
    return status == STATUS_TOO_LARGE ? workshop_too_large(shop, fault, "more than 256 conditions on who must be there")
                                      : status;
}

static bool known(const struct workshop *shop, const struct alternative *kind)
{
    for (size_t i = 0; i < shop->count; i++) {
        if (shop->kinds[i].requester == kind->requester &&
            memcmp(&shop->kinds[i].rules, &kind->rules, sizeof(kind->rules)) == 0) {
            return true;
        }
    }
    return false;
}

static enum status add_alternative(struct workshop *shop, const struct rule_set *held, size_t requester,
                                   struct fault *fault)
{
    struct alternative kind = {.requester = requester};
    if (!matching(&kind.rules, shop, held, requester) || known(shop, &kind)) {
        return STATUS_OK;
    }
    if (shop->count == ALTERNATIVES_MAX) {
        return workshop_too_large(shop, fault, "more than 256 kinds of requesters and hours");
    }
    struct covers *covers = &shop->covers[shop->count];
    *covers = (struct covers){.count = 0};
    enum status status = check_order(shop, &kind.rules, fault);
    if (status == STATUS_OK && requester != NOBODY) {
        status = covers_add(covers, (uint64_t)1 << requester, 1);
    }
    if (status == STATUS_OK) {
        status = add_rules(shop, covers, &kind, fault);
    }
    if (status == STATUS_OK && covers_possible(covers, &shop->crowd)) {
        shop->kinds[shop->count++] = kind;
    }
    return status;
}

enum status workshop_alternatives(struct workshop *shop, bool made_up, struct fault *fault)
{
    enum status status = STATUS_OK;
    shop->count = 0;
    for (size_t m = 0; m < shop->moment_count && status == STATUS_OK; m++) {
        if (made_up) {
            status = add_alternative(shop, &shop->moments[m], NOBODY, fault);
        }
        for (size_t c = 0; c < shop->crowd.class_count && status == STATUS_OK && !made_up; c++) {
            if ((shop->requesters >> c & 1) != 0) {
                status = add_alternative(shop, &shop->moments[m], c, fault);
            }
        }
    }
    return status;
}
