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

#include <criterion/criterion.h>

enum { PEOPLE = 6, GROUPS = 3, WALLETS = 2, ASSETS = 3, RULES = 5, ROUNDS = 4000 };

/* A policy in memory without the floors, so that evaluation alone is under test. */
struct toy {
    struct policy policy;
    struct person people[PEOPLE];
    struct group groups[GROUPS];
    struct wallet wallets[WALLETS];
    struct rule rules[RULES + 1]; /* one more than in use, to be added */
    size_t members[GROUPS][PEOPLE];
    struct digest assets[RULES + 1 + WALLETS][ASSETS];
    size_t rule_wallets[RULES + 1][WALLETS];
    struct evaluation_approval approvals[2 * PEOPLE];
    struct evaluation_request request;
    struct digest asset;
};

static bool coin(void)
{
    return random_below(2) == 1;
}

static struct name numbered(char letter, size_t number)
{
    struct name name;
    (void)snprintf(name.text, sizeof(name.text), "%c%u", letter, (unsigned)number);
    return name;
}

/* A random subset of 0..count-1 in ascending order. */
static size_t subset(size_t *out, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (coin()) {
            out[size++] = i;
        }
    }
    return size;
}

static size_t asset_subset(struct digest *out)
{
    size_t numbers[ASSETS];
    size_t count = subset(numbers, ASSETS);
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct digest){.bytes32 = {(uint8_t)numbers[i]}};
    }
    return count;
}

static void random_rule(struct toy *toy, size_t index)
{
    struct rule *rule = &toy->rules[index];
    *rule = (struct rule){.id = numbered('r', index), .effect = random_below(5) == 0 ? EFFECT_DENY : EFFECT_ALLOW};
    rule->when.types = 1U << TRANSACTION_TRANSFER;
    rule->when.assets = toy->assets[index];
    rule->when.asset_count = asset_subset(rule->when.assets);
    rule->when.wallets = toy->rule_wallets[index];
    rule->when.wallet_count = subset(rule->when.wallets, WALLETS);
    if (rule->effect == EFFECT_DENY) {
        return;
    }
    rule->demand.max_amount = amount_from_u64(random_below(8) == 0 ? 5 : 10);
    size_t groups[GROUPS];
    rule->demand.step_count = 1;
    rule->demand.entry_count = subset(groups, GROUPS);
    for (size_t i = 0; i < rule->demand.entry_count; i++) {
        rule->demand.entries[i].quorum = (struct quorum){groups[i], 1 + (unsigned)random_below(2)};
    }
}

static void random_people(struct toy *toy)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        toy->people[i] = (struct person){.id = numbered('p', i), .valid_until = (int64_t)(50 + random_below(300))};
    }
    for (size_t i = 0; i < GROUPS; i++) {
        toy->groups[i] = (struct group){.id = numbered('g', i), .members = toy->members[i]};
        toy->groups[i].member_count = subset(toy->members[i], PEOPLE);
        for (size_t k = 0; k < toy->groups[i].member_count; k++) {
            toy->groups[i].set.words[0] |= UINT64_C(1) << toy->members[i][k];
        }
    }
}

static void random_request(struct toy *toy)
{
    size_t numbers[PEOPLE];
    size_t count = subset(numbers, PEOPLE);
    for (size_t i = 0; i < count; i++) {
        toy->approvals[i] = (struct evaluation_approval){.person = numbered('p', numbers[i]),
                                                         .digest = {.bytes32 = {(uint8_t)(numbers[i] + 1)}}};
    }
    toy->asset = (struct digest){.bytes32 = {(uint8_t)random_below(ASSETS)}};
    toy->request = (struct evaluation_request){.type = TRANSACTION_TRANSFER,
                                               .chain = &toy->policy.chain,
                                               .wallet = &toy->wallets[random_below(WALLETS)].id,
                                               .asset = &toy->asset,
                                               .amount = amount_from_u64(3 + random_below(9)),
                                               .destination_listed = random_below(8) != 0,
                                               .returns = random_below(3) == 0,
                                               .requester = &toy->people[random_below(PEOPLE)].id,
                                               .approvals = toy->approvals,
                                               .approval_count = count,
                                               .at_utc_us = 100};
}

static void random_toy(struct toy *toy)
{
    memset(toy, 0, sizeof(*toy));
    random_people(toy);
    for (size_t i = 0; i < WALLETS; i++) {
        toy->wallets[i] = (struct wallet){.id = numbered('w', i), .assets = toy->assets[RULES + 1 + i]};
        toy->wallets[i].asset_count = asset_subset(toy->wallets[i].assets);
    }
    for (size_t i = 0; i <= RULES; i++) {
        random_rule(toy, i);
    }
    toy->policy = (struct policy){.people = toy->people,
                                  .person_count = PEOPLE,
                                  .groups = toy->groups,
                                  .group_count = GROUPS,
                                  .wallets = toy->wallets,
                                  .wallet_count = WALLETS,
                                  .rules = toy->rules,
                                  .rule_count = random_below(RULES + 1)};
    random_request(toy);
}

static enum decision decide(const struct toy *toy, enum status *out_reason)
{
    struct evaluation evaluation;
    cr_assert(policy_evaluate(&evaluation, &toy->policy, &toy->request, NULL) == STATUS_OK);
    enum decision decision = evaluation.decision;
    *out_reason = evaluation.reason;
    evaluation_free(&evaluation);
    return decision;
}

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
        random_toy(&toy);
        enum decision decision = decide(&toy, &reason);
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
        random_toy(&toy);
        bool matched = any_allow_matches(&toy);
        enum decision before = decide(&toy, &reason);
        toy.rules[toy.policy.rule_count] = toy.rules[RULES];
        toy.policy.rule_count++;
        cr_assert(!matched || decide(&toy, &reason) <= before, "round %d", round);
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
        random_toy(&toy);
        random_toy(&later);
        later.policy.digest.bytes32[0] = 1;
        later.request = toy.request;
        enum decision before = decide(&toy, &reason);
        enum decision now = decide(&later, &reason);
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
        random_toy(&toy);
        while (toy.request.approval_count > 0) {
            enum decision before = decide(&toy, &reason);
            toy.approvals[random_below(toy.request.approval_count)] = toy.approvals[toy.request.approval_count - 1];
            toy.request.approval_count--;
            cr_assert(decide(&toy, &reason) <= before, "round %d", round);
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
        random_toy(&toy);
        toy.request.returns = false;
        enum decision before = decide(&toy, &reason);
        toy.request.returns = true;
        enum decision after = decide(&toy, &reason);
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
        random_toy(&toy);
        enum decision before = decide(&toy, &reason);
        toy.request.at_utc_us += (int64_t)random_below(200);
        enum decision later = decide(&toy, &reason);
        cr_assert(later <= before, "round %d", round);
        cr_assert(amount_add(&toy.request.amount, toy.request.amount, amount_from_u64(random_below(10))) == STATUS_OK);
        cr_assert(decide(&toy, &reason) <= later, "round %d", round);
    }
}

static void swap(void *a, void *b, size_t size)
{
    uint8_t kept[sizeof(struct rule)];
    memcpy(kept, a, size);
    memmove(a, b, size);
    memcpy(b, kept, size);
}

Test(evaluate_property, order_and_repetition_never_matter)
{
    random_open();
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        enum status reason;
        enum status other;
        random_toy(&toy);
        enum decision before = decide(&toy, &reason);
        for (size_t i = toy.policy.rule_count; i > 1; i--) {
            swap(&toy.rules[i - 1], &toy.rules[random_below(i)], sizeof(struct rule));
        }
        size_t count = toy.request.approval_count;
        for (size_t i = 0; i < count; i++) {
            toy.approvals[toy.request.approval_count++] = toy.approvals[random_below(count)];
        }
        for (size_t i = toy.request.approval_count; i > 1; i--) {
            swap(&toy.approvals[i - 1], &toy.approvals[random_below(i)], sizeof(struct evaluation_approval));
        }
        cr_assert(decide(&toy, &other) == before && other == reason, "round %d", round);
    }
}
