/*
 * Evaluation against a brute-force oracle, and the promises that hold for every policy: adding a rule never loosens
 * what matched, taking an approver away never helps, order and repetition never matter, nor does more time or money
 * help.
 *
 * The oracle knows one question, "does every demand hold for this set of people?", and finds out whether approvals may
 * still come by asking it for every set.
 */
#include "policy/chain.h"

#include "random.h"
#include "toy.h"

#include <criterion/criterion.h>

enum { ROUNDS = 4000 };

/* The oracle */

static bool oracle_has_asset(const struct digest *assets, size_t count, uint8_t asset)
{
    for (size_t i = 0; i < count; i++) {
        if (assets[i].bytes32[0] == asset) {
            return true;
        }
    }
    return false;
}

static bool oracle_matches(const struct toy *toy, const struct rule *rule)
{
    bool wallet = rule->when.wallet_count == 0;
    for (size_t i = 0; i < rule->when.wallet_count; i++) {
        wallet = wallet || name_equal(&toy->wallets[rule->when.wallets[i]].id, toy->request.wallet);
    }
    return wallet && (rule->when.asset_count == 0 ||
                      oracle_has_asset(rule->when.assets, rule->when.asset_count, toy->asset.bytes32[0]));
}

static bool oracle_counts(const struct toy *toy, size_t person)
{
    return toy->people[person].valid_until > toy->request.at_utc_us &&
           !name_equal(&toy->people[person].id, toy->request.requester);
}

/* Which groups a place may be filled from: one, or for the one more of a return all of the rule. */
struct oracle_places {
    unsigned groups[2 * GROUPS + 1]; /* bits */
    size_t count;
};

static bool oracle_in(const struct toy *toy, unsigned groups, size_t person)
{
    for (size_t i = 0; i < GROUPS; i++) {
        for (size_t k = 0; (groups >> i & 1) != 0 && k < toy->groups[i].member_count; k++) {
            if (toy->groups[i].members[k] == person) {
                return true;
            }
        }
    }
    return false;
}

/* Tries every way to put these people (bits) into the places from `from` on. */
static bool oracle_fill(const struct toy *toy, const struct oracle_places *places, size_t from, unsigned people)
{
    if (from == places->count) {
        return true;
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        if ((people >> i & 1) != 0 && oracle_in(toy, places->groups[from], i) &&
            oracle_fill(toy, places, from + 1, people & ~(1u << i))) {
            return true;
        }
    }
    return false;
}

static bool oracle_rule(const struct toy *toy, const struct rule *rule, unsigned people)
{
    struct oracle_places places = {{0}, 0};
    unsigned counting = 0;
    unsigned all = 0;
    if (rule->effect == EFFECT_DENY || !toy->request.destination_listed ||
        amount_compare(toy->request.amount, rule->demand.max_amount) > 0) {
        return false;
    }
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        const struct quorum *quorum = &rule->demand.entries[i].quorum;
        all |= 1u << quorum->group;
        for (unsigned k = 0; k < quorum->m; k++) {
            places.groups[places.count++] = 1u << quorum->group;
        }
    }
    if (toy->request.returns) {
        places.groups[places.count++] = all;
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        counting |= oracle_counts(toy, i) ? people & 1u << i : 0;
    }
    return oracle_fill(toy, &places, 0, counting);
}

/* Is the request allowed when exactly these people (bits) have approved? */
static bool oracle_allows(const struct toy *toy, unsigned people)
{
    bool any = false;
    for (size_t i = 0; i < WALLETS; i++) {
        if (name_equal(&toy->wallets[i].id, toy->request.wallet) &&
            !oracle_has_asset(toy->wallets[i].assets, toy->wallets[i].asset_count, toy->asset.bytes32[0])) {
            return false;
        }
    }
    for (size_t i = 0; i < toy->policy.rule_count; i++) {
        if (oracle_matches(toy, &toy->rules[i])) {
            any = true;
            if (!oracle_rule(toy, &toy->rules[i], people)) {
                return false;
            }
        }
    }
    return any;
}

static unsigned oracle_approvers(const struct toy *toy)
{
    unsigned people = 0;
    for (size_t i = 0; i < toy->request.approval_count; i++) {
        people |= 1u << (toy->approvals[i].person.text[1] - '0');
    }
    return people;
}

static enum decision oracle_decide(const struct toy *toy)
{
    unsigned now = oracle_approvers(toy);
    if (oracle_allows(toy, now)) {
        return DECISION_ALLOWED;
    }
    for (unsigned people = 0; people < 1u << PEOPLE; people++) {
        if ((people & now) == now && oracle_allows(toy, people)) {
            return DECISION_WAITING;
        }
    }
    return DECISION_DENIED;
}

/* The properties */

Test(evaluate_property, agrees_with_brute_force)
{
    unsigned seen[DECISION_ALLOWED + 1] = {0};
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random(&toy);
        enum decision decision = toy_decide(&toy, &reason);
        cr_assert(decision == oracle_decide(&toy), "round %d: %s", round, decision_text(decision));
        cr_assert((decision == DECISION_ALLOWED) == (reason == STATUS_OK));
        seen[decision]++;
    }
    for (int i = DECISION_DENIED; i <= DECISION_ALLOWED; i++) {
        cr_assert(seen[i] > ROUNDS / 100, "the generator reaches %s", decision_text((enum decision)i));
    }
}

static bool any_allow_matches(const struct toy *toy)
{
    for (size_t i = 0; i < toy->policy.rule_count; i++) {
        if (toy->rules[i].effect == EFFECT_ALLOW && oracle_matches(toy, &toy->rules[i])) {
            return true;
        }
    }
    return false;
}

Test(evaluate_property, adding_a_rule_never_loosens)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random(&toy);
        bool matched = any_allow_matches(&toy);
        enum decision before = toy_decide(&toy, &reason);
        toy.rules[toy.policy.rule_count] = toy.rules[RULES];
        toy.policy.rule_count++;
        cr_assert(!matched || toy_decide(&toy, &reason) <= before, "round %d", round);
    }
}

/* A change of policy never lets anything through that either version stops. */
Test(evaluate_property, two_versions_are_as_strict_as_the_stricter)
{
    unsigned seen[DECISION_ALLOWED + 1] = {0};
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        struct toy later;
        enum status reason;
        struct evaluation both;
        const struct policy *decides = NULL;
        toy_random(&toy);
        toy_random(&later);
        later.policy.digest.bytes32[0] = 1;
        later.request = toy.request;
        enum decision before = toy_decide(&toy, &reason);
        enum decision now = toy_decide(&later, &reason);
        cr_assert(policy_evaluate_both(&both, &decides, &toy.policy, &later.policy, &toy.request, NULL) == STATUS_OK);
        cr_assert(both.decision == (before < now ? before : now), "round %d", round);
        cr_assert(decides == (before < now ? &toy.policy : &later.policy), "round %d", round);
        seen[both.decision]++;
        evaluation_free(&both);
        cr_assert(policy_evaluate_both(&both, &decides, &toy.policy, &toy.policy, &toy.request, NULL) == STATUS_OK);
        cr_assert(both.decision == before, "one version twice is that version");
        evaluation_free(&both);
    }
    cr_assert(seen[DECISION_DENIED] > 0 && seen[DECISION_WAITING] > 0);
}

Test(evaluate_property, removing_an_approver_never_helps)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random(&toy);
        while (toy.request.approval_count > 0) {
            enum decision before = toy_decide(&toy, &reason);
            toy.approvals[random_below(toy.request.approval_count)] = toy.approvals[toy.request.approval_count - 1];
            toy.request.approval_count--;
            cr_assert(toy_decide(&toy, &reason) <= before, "round %d", round);
        }
    }
}

Test(evaluate_property, being_a_return_never_helps)
{
    unsigned harder = 0;
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random(&toy);
        toy.request.returns = false;
        enum decision before = toy_decide(&toy, &reason);
        toy.request.returns = true;
        enum decision after = toy_decide(&toy, &reason);
        cr_assert(after <= before, "round %d", round);
        harder += after < before;
    }
    cr_assert(harder > ROUNDS / 100, "the generator reaches returns that lack one");
}

Test(evaluate_property, more_money_or_time_never_helps)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        toy_random(&toy);
        enum decision before = toy_decide(&toy, &reason);
        toy.request.at_utc_us += (int64_t)random_below(200);
        enum decision later = toy_decide(&toy, &reason);
        cr_assert(later <= before, "round %d", round);
        cr_assert(amount_add(&toy.request.amount, toy.request.amount, amount_from_u64(random_below(10))) == STATUS_OK);
        cr_assert(toy_decide(&toy, &reason) <= later, "round %d", round);
    }
}

Test(evaluate_property, order_and_repetition_never_matter)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        enum status other;
        toy_random(&toy);
        enum decision before = toy_decide(&toy, &reason);
        for (size_t i = toy.policy.rule_count; i > 1; i--) {
            toy_swap(&toy.rules[i - 1], &toy.rules[random_below(i)], sizeof(struct rule));
        }
        size_t count = toy.request.approval_count;
        for (size_t i = 0; i < count; i++) {
            toy.approvals[toy.request.approval_count++] = toy.approvals[random_below(count)];
        }
        for (size_t i = toy.request.approval_count; i > 1; i--) {
            toy_swap(&toy.approvals[i - 1], &toy.approvals[random_below(i)], sizeof(struct evaluation_approval));
        }
        cr_assert(toy_decide(&toy, &other) == before && other == reason, "round %d", round);
    }
}
