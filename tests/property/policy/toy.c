/*
 * Random policies, see toy.h.
 */
#include "toy.h"

#include "random.h"

#include <criterion/criterion.h>

bool toy_coin(void)
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
        if (toy_coin()) {
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

void toy_random(struct toy *toy)
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

enum decision toy_decide(const struct toy *toy, enum status *out_reason)
{
    struct evaluation evaluation;
    cr_assert(policy_evaluate(&evaluation, &toy->policy, &toy->request, NULL) == STATUS_OK);
    enum decision decision = evaluation.decision;
    *out_reason = evaluation.reason;
    evaluation_free(&evaluation);
    return decision;
}

void toy_swap(void *a, void *b, size_t size)
{
    uint8_t kept[sizeof(struct rule)];
    memcpy(kept, a, size);
    memmove(a, b, size);
    memcpy(b, kept, size);
}

/* Conditions and steps */

static size_t some_below(size_t *out, size_t count)
{
    return random_below(6) == 0 ? subset(out, count) : 0;
}

static void random_when(struct toy *toy, size_t index)
{
    struct when *when = &toy->rules[index].when;
    when->above_given = random_below(8) == 0;
    when->up_to_given = random_below(8) == 0;
    when->above = amount_from_u64(random_below(6));
    when->up_to = amount_from_u64(6 + random_below(6));
    when->destinations = toy->destinations[index];
    when->destination_count = some_below(when->destinations, GROUPS);
    when->requesters = toy->requesters[index];
    when->requester_count = some_below(when->requesters, GROUPS);
    when->hours = &toy->hours[index];
    when->hours_count = random_below(6) == 0;
    *when->hours =
        (struct hours){.days = (unsigned)random_below(128), .from = (unsigned)random_below(2), .until = 1440};
    when->ledgers = &toy->ledger;
    when->ledger_count = random_below(8) == 0;
    when->tiers = random_below(6) == 0 ? (1U << TIER_HOT | 1U << (TIER_HOT + random_below(3))) : 0;
    when->types = 1U << (random_below(12) == 0 ? TRANSACTION_ISSUE : TRANSACTION_TRANSFER);
}

static void random_steps(struct toy *toy, size_t index)
{
    struct demand *demand = &toy->rules[index].demand;
    unsigned step = 0;
    demand->step_count = 0;
    for (size_t i = 0; i < demand->entry_count; i++) {
        step += i > 0 && toy_coin();
        demand->entries[i].step = step;
        demand->step_count = step + 1;
    }
}

/* Who comes later may have seen who came before. */
static void random_seen(struct toy *toy)
{
    for (size_t i = 0; i < toy->request.approval_count; i++) {
        struct evaluation_approval *approval = &toy->approvals[i];
        bool all = random_below(4) != 0;
        approval->seen = toy->seen[i];
        for (size_t k = 0; k < i; k++) {
            if (all || toy_coin()) {
                toy->seen[i][approval->seen_count++] = toy->approvals[k].digest;
            }
        }
    }
}

/* More people in groups and more approvals, or steps would seldom be filled. */
static void crowd(struct toy *toy)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        toy->people[i].valid_until = random_below(8) == 0 ? 50 : 300;
        toy->approvals[i] =
            (struct evaluation_approval){.person = numbered('p', i), .digest = {.bytes32 = {(uint8_t)(i + 1)}}};
    }
    toy->request.approval_count = PEOPLE;
    for (size_t i = PEOPLE; i > 1; i--) {
        toy_swap(&toy->approvals[i - 1], &toy->approvals[random_below(i)], sizeof(struct evaluation_approval));
    }
    toy->request.approval_count -= random_below(4);
    for (size_t i = 0; i < GROUPS; i++) {
        for (size_t k = 0; k < PEOPLE; k++) {
            if (toy_coin() && (toy->groups[i].set.words[0] >> k & 1) == 0) {
                toy->groups[i].set.words[0] |= UINT64_C(1) << k;
                toy->members[i][toy->groups[i].member_count++] = k;
            }
        }
    }
}

void toy_random_whole(struct toy *toy)
{
    toy_random(toy);
    crowd(toy);
    for (size_t i = 0; i < GROUPS; i++) {
        toy->destination_groups[i] = numbered('d', i);
    }
    for (size_t i = 0; i < WALLETS; i++) {
        toy->wallets[i].tier = (enum wallet_tier)(TIER_HOT + random_below(3));
    }
    toy->policy.rule_count = random_below(4);
    toy->policy.destination_groups = toy->destination_groups;
    toy->policy.destination_group_count = GROUPS;
    for (size_t i = 0; i <= RULES; i++) {
        random_when(toy, i);
        random_steps(toy, i);
    }
    random_seen(toy);
    toy->ledger.bytes32[0] = (uint8_t)random_below(2);
    toy->request.type = random_below(12) == 0 ? TRANSACTION_ISSUE : TRANSACTION_TRANSFER;
    toy->request.requester_signed = random_below(4) != 0;
    size_t group = random_below(GROUPS + 1);
    toy->request.destination_group = group == GROUPS ? NULL : &toy->destination_groups[group];
}
