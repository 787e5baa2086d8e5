/*
 * The whole language against a brute-force oracle: every condition, steps that must have seen the steps before, groups
 * that overlap. And the promises that hold for every policy of it.
 *
 * The oracle reads the text of docs/formats.md as it stands: it tries every way to put people into places, and asks of
 * each approval again and again what it has seen.
 */
#include "random.h"
#include "toy.h"

#include <criterion/criterion.h>

enum { ROUNDS = 10000 };

/* Conditions */

enum truth { NO, YES, UNKNOWN };

static bool in_group(const struct toy *toy, size_t group, size_t person)
{
    for (size_t i = 0; i < toy->groups[group].member_count; i++) {
        if (toy->groups[group].members[i] == person) {
            return true;
        }
    }
    return false;
}

static bool valid(const struct toy *toy, size_t person)
{
    return toy->people[person].valid_until > toy->request.at_utc_us;
}

static enum truth whether(bool holds)
{
    return holds ? YES : NO;
}

static enum truth about_requester(const struct toy *toy, const struct when *when)
{
    size_t person = (size_t)(toy->request.requester->text[1] - '0');
    bool member = when->requester_count == 0;
    for (size_t i = 0; i < when->requester_count; i++) {
        member = member || in_group(toy, when->requesters[i], person);
    }
    bool known = when->requester_count == 0 || (toy->request.requester_signed && valid(toy, person));
    return known ? whether(member) : UNKNOWN;
}

static enum truth about_destination(const struct toy *toy, const struct when *when)
{
    const struct name *group = toy->request.destination_group;
    bool listed = when->destination_count == 0;
    for (size_t i = 0; i < when->destination_count; i++) {
        listed = listed || (group != NULL && name_equal(group, &toy->destination_groups[when->destinations[i]]));
    }
    return when->destination_count > 0 && group == NULL ? UNKNOWN : whether(listed);
}

/* All that is plainly yes or no. The time is the first minute of a Thursday. */
static bool plain(const struct toy *toy, const struct when *when)
{
    size_t wallet = (size_t)(toy->request.wallet->text[1] - '0');
    struct amount amount = toy->request.amount;
    bool asset = when->asset_count == 0;
    bool source = when->wallet_count == 0;
    for (size_t i = 0; i < when->asset_count; i++) {
        asset = asset || digest_equal(&when->assets[i], toy->request.asset);
    }
    for (size_t i = 0; i < when->wallet_count; i++) {
        source = source || when->wallets[i] == wallet;
    }
    return asset && source && (!when->above_given || amount_compare(amount, when->above) > 0) &&
           (!when->up_to_given || amount_compare(amount, when->up_to) <= 0) &&
           (when->hours_count == 0 || ((when->hours->days & 8) != 0 && when->hours->from == 0)) &&
           (when->ledger_count == 0 || toy->ledger.bytes32[0] == 0) &&
           (when->tiers == 0 || (when->tiers >> toy->wallets[wallet].tier & 1) != 0) &&
           (when->types >> toy->request.type & 1) != 0;
}

static enum truth matches(const struct toy *toy, const struct rule *rule)
{
    enum truth requester = about_requester(toy, &rule->when);
    enum truth destination = about_destination(toy, &rule->when);
    if (!plain(toy, &rule->when) || requester == NO || destination == NO) {
        return NO;
    }
    return requester == UNKNOWN || destination == UNKNOWN ? UNKNOWN : YES;
}

/* Places */

static bool counts(const struct toy *toy, size_t approval)
{
    size_t person = (size_t)(toy->approvals[approval].person.text[1] - '0');
    return valid(toy, person) && !name_equal(&toy->approvals[approval].person, toy->request.requester);
}

/* One place of a rule to be filled; the group GROUPS: anyone of the rule's, in no step. */
struct place {
    size_t group;
    unsigned step;
};

struct places {
    const struct toy *toy;
    const struct rule *rule;
    struct place list[32];
    size_t count;
};

static bool fill(const struct places *places, size_t from, unsigned approvals);

static struct places places_before(const struct toy *toy, const struct rule *rule, unsigned step)
{
    struct places places = {.toy = toy, .rule = rule};
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        const struct step_entry *entry = &rule->demand.entries[i];
        for (unsigned k = 0; entry->step < step && k < entry->quorum.m; k++) {
            places.list[places.count++] = (struct place){entry->quorum.group, entry->step};
        }
    }
    return places;
}

/* The approvals (bits) that this one has seen. */
static unsigned seen_by(const struct toy *toy, size_t approval)
{
    unsigned seen = 0;
    for (size_t i = 0; i < toy->approvals[approval].seen_count; i++) {
        for (size_t k = 0; k < toy->request.approval_count; k++) {
            seen |= (unsigned)digest_equal(&toy->approvals[approval].seen[i], &toy->approvals[k].digest) << k;
        }
    }
    return seen;
}

static bool may_stand(const struct places *places, const struct place *place, size_t approval)
{
    const struct toy *toy = places->toy;
    size_t person = (size_t)(toy->approvals[approval].person.text[1] - '0');
    if (!counts(toy, approval)) {
        return false;
    }
    if (place->group == GROUPS) {
        for (size_t i = 0; i < places->rule->demand.entry_count; i++) {
            if (in_group(toy, places->rule->demand.entries[i].quorum.group, person)) {
                return true;
            }
        }
        return false;
    }
    if (!in_group(toy, place->group, person)) {
        return false;
    }
    const struct places before = places_before(toy, places->rule, place->step);
    return place->step == 0 || fill(&before, 0, seen_by(toy, approval));
}

static bool fill(const struct places *places, size_t from, unsigned approvals)
{
    if (from == places->count) {
        return true;
    }
    for (size_t i = 0; i < places->toy->request.approval_count; i++) {
        if ((approvals >> i & 1) != 0 && may_stand(places, &places->list[from], i) &&
            fill(places, from + 1, approvals & ~(1u << i))) {
            return true;
        }
    }
    return false;
}

static bool rule_met(const struct toy *toy, const struct rule *rule)
{
    struct places places = places_before(toy, rule, POLICY_STEPS_MAX);
    if (toy->request.returns) {
        places.list[places.count++] = (struct place){GROUPS, 0};
    }
    return rule->effect == EFFECT_ALLOW && toy->request.destination_listed &&
           amount_compare(toy->request.amount, rule->demand.max_amount) <= 0 &&
           fill(&places, 0, (1u << toy->request.approval_count) - 1);
}

static bool wallet_holds(const struct toy *toy)
{
    const struct wallet *wallet = &toy->wallets[toy->request.wallet->text[1] - '0'];
    bool holds = false;
    for (size_t i = 0; i < wallet->asset_count; i++) {
        holds = holds || digest_equal(&wallet->assets[i], toy->request.asset);
    }
    return holds;
}

static bool oracle_allows(const struct toy *toy)
{
    bool any = false;
    for (size_t i = 0; i < toy->policy.rule_count; i++) {
        enum truth truth = matches(toy, &toy->rules[i]);
        any = any || truth == YES;
        if (truth == UNKNOWN || (truth == YES && !rule_met(toy, &toy->rules[i]))) {
            return false;
        }
    }
    return any && wallet_holds(toy);
}

/* The properties */

Test(language_property, allows_exactly_what_brute_force_allows)
{
    unsigned allowed = 0;
    unsigned in_steps = 0;
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random_whole(&toy);
        bool allows = toy_decide(&toy, &reason) == DECISION_ALLOWED;
        cr_assert(allows == oracle_allows(&toy), "round %d: %s", round, status_info(reason)->code);
        allowed += allows;
        for (size_t i = 0; allows && i < toy.policy.rule_count; i++) {
            in_steps += toy.rules[i].demand.step_count > 1 && matches(&toy, &toy.rules[i]) == YES;
        }
    }
    cr_assert(allowed > ROUNDS / 100 && in_steps > ROUNDS / 1000, "%u allowed, %u in steps", allowed, in_steps);
}

/* Everybody else approves, one after the other, each having seen all before. */
static void all_approve(struct toy *toy, struct digest seen[PEOPLE][2 * PEOPLE])
{
    for (size_t i = 0, turn = random_below(PEOPLE); i < PEOPLE; i++, turn = (turn + 1) % PEOPLE) {
        bool there = false;
        size_t at = toy->request.approval_count;
        for (size_t k = 0; k < at; k++) {
            seen[i][k] = toy->approvals[k].digest;
            there = there || name_equal(&toy->approvals[k].person, &toy->people[turn].id);
        }
        if (!there) {
            toy->approvals[at] = (struct evaluation_approval){.person = toy->people[turn].id,
                                                              .digest = {.bytes32 = {(uint8_t)(turn + 1)}},
                                                              .seen = seen[i],
                                                              .seen_count = at};
            toy->request.approval_count++;
        }
    }
}

Test(language_property, what_is_denied_no_approval_changes)
{
    unsigned changed = 0;
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        struct digest seen[PEOPLE][2 * PEOPLE];
        enum status reason;
        toy_random_whole(&toy);
        enum decision before = toy_decide(&toy, &reason);
        all_approve(&toy, seen);
        enum decision after = toy_decide(&toy, &reason);
        cr_assert(before != DECISION_DENIED || after == DECISION_DENIED, "round %d", round);
        changed += before == DECISION_WAITING && after == DECISION_ALLOWED;
    }
    cr_assert(changed > ROUNDS / 100);
}

static bool any_allow_matches(const struct toy *toy)
{
    for (size_t i = 0; i < toy->policy.rule_count; i++) {
        if (toy->rules[i].effect == EFFECT_ALLOW && matches(toy, &toy->rules[i]) != NO) {
            return true;
        }
    }
    return false;
}

Test(language_property, adding_a_rule_never_loosens)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random_whole(&toy);
        bool matched = any_allow_matches(&toy);
        enum decision before = toy_decide(&toy, &reason);
        toy.rules[toy.policy.rule_count] = toy.rules[RULES];
        toy.policy.rule_count++;
        cr_assert(!matched || toy_decide(&toy, &reason) <= before, "round %d", round);
    }
}

Test(language_property, taking_an_approval_or_a_sight_away_never_lets_pass)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random_whole(&toy);
        while (toy.request.approval_count > 0) {
            enum decision before = toy_decide(&toy, &reason);
            struct evaluation_approval *approval = &toy.approvals[random_below(toy.request.approval_count)];
            if (toy_coin() && approval->seen_count > 0) {
                approval->seen_count--;
            } else {
                *approval = toy.approvals[--toy.request.approval_count];
            }
            cr_assert(toy_decide(&toy, &reason) != DECISION_ALLOWED || before == DECISION_ALLOWED, "round %d", round);
        }
    }
}

Test(language_property, suspending_a_person_never_lets_pass)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random_whole(&toy);
        bool before = toy_decide(&toy, &reason) == DECISION_ALLOWED;
        toy.request.suspended = &toy.people[random_below(PEOPLE)].id;
        toy.request.suspended_count = 1;
        cr_assert(before || toy_decide(&toy, &reason) != DECISION_ALLOWED, "round %d", round);
    }
}

Test(language_property, order_and_repetition_never_matter)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        enum status other;
        toy_random_whole(&toy);
        enum decision before = toy_decide(&toy, &reason);
        size_t count = toy.request.approval_count;
        for (size_t i = 0; i < count; i++) {
            toy.approvals[toy.request.approval_count++] = toy.approvals[random_below(count)];
        }
        for (size_t i = toy.request.approval_count; i > 1; i--) {
            toy_swap(&toy.approvals[i - 1], &toy.approvals[random_below(i)], sizeof(struct evaluation_approval));
        }
        for (size_t i = toy.policy.rule_count; i > 1; i--) {
            toy_swap(&toy.rules[i - 1], &toy.rules[random_below(i)], sizeof(struct rule));
        }
        cr_assert(toy_decide(&toy, &other) == before && other == reason, "round %d", round);
    }
}

/* What applies over time is what the matching allow rules say, each limit once, and the longest delay. */
Test(language_property, obligations_are_those_of_the_matching_rules)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        struct limit limits[RULES + 1] = {{0}};
        struct obligations obligations;
        size_t expected = 0;
        int64_t delay_s = 0;
        toy_random_whole(&toy);
        for (size_t i = 0; i < toy.policy.rule_count; i++) {
            struct rule *rule = &toy.rules[i];
            bool binds = rule->effect == EFFECT_ALLOW && wallet_holds(&toy) && matches(&toy, rule) != NO;
            rule->demand.limits = &limits[i];
            rule->demand.limit_count = rule->effect == EFFECT_ALLOW ? 1 : 0;
            rule->demand.delay_s = rule->effect == EFFECT_ALLOW ? (int64_t)random_below(9) : 0;
            expected += binds;
            delay_s = binds && rule->demand.delay_s > delay_s ? rule->demand.delay_s : delay_s;
        }
        cr_assert(policy_obligations(&obligations, &toy.policy, &toy.request, NULL) == STATUS_OK);
        cr_assert(obligations.limit_count == expected && obligations.delay_s == delay_s, "round %d", round);
        for (size_t i = 0; i < obligations.limit_count; i++) {
            cr_assert(obligations.limits[i].limit == &limits[obligations.limits[i].rule]);
        }
        obligations_free(&obligations);
    }
}
