/*
 * The analysis against an oracle that knows nothing of it: policy_evaluate, asked about every set of people, every one
 * of them as the requester, every hour that differs, and every order in which they can approve. The minimal sets that
 * move funds and the minimal sets without whom nobody does must be the same, member by member.
 *
 * Policies are small and random, and below the floors as often as not.
 */
#include "policy/analyse.h"
#include "policy/evaluate.h"

#include "random.h"

#include <criterion/criterion.h>

enum { PEOPLE_MAX = 8, GROUPS = 4, WALLETS = 2, ASSETS = 2, DESTINATIONS = 2, RULES = 4, SUBSETS = 1 << PEOPLE_MAX };
enum { TOP = 5, ROUNDS = 250 }; /* amounts that rules name are below it */
#define HOUR_US (3600LL * 1000000)
#define MONDAY_US (4 * 24 * HOUR_US) /* 1970-01-05 */

struct toy {
    struct policy policy;
    struct person people[PEOPLE_MAX];
    struct group groups[GROUPS];
    struct wallet wallets[WALLETS];
    struct rule rules[RULES];
    struct name destinations[DESTINATIONS];
    size_t members[GROUPS][PEOPLE_MAX];
    struct digest assets[ASSETS];
    struct digest rule_assets[RULES][ASSETS];
    size_t rule_wallets[RULES][WALLETS];
    size_t rule_destinations[RULES][DESTINATIONS];
    size_t rule_requesters[RULES][GROUPS];
    struct hours rule_hours[RULES][2];
    size_t people_count;
    bool ordered; /* steps, no hours; else hours, one step */
};

/* What is asked, of one toy. */
struct question {
    const struct toy *toy;
    size_t wallet;
    size_t asset;
    size_t destination;
    enum analysis_act act;
    unsigned amount;
};

static bool coin(void)
{
    return random_below(2) == 1;
}

static struct name numbered(char letter, size_t number)
{
    struct name name = {{0}};
    (void)snprintf(name.text, sizeof(name.text), "%c%u", letter, (unsigned)number);
    return name;
}

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

/* A list that is often not given. */
static size_t perhaps(size_t *out, size_t count)
{
    return random_below(3) == 0 ? subset(out, count) : 0;
}

static void random_people(struct toy *toy)
{
    toy->people_count = toy->ordered ? 3 + random_below(3) : 4 + random_below(PEOPLE_MAX - 3);
    for (size_t i = 0; i < toy->people_count; i++) {
        struct person *person = &toy->people[i];
        *person = (struct person){.id = numbered('p', i), .duties = DUTY_APPROVER};
        person->duties |= random_below(3) != 0 ? DUTY_REQUESTER : 0;
        if (random_below(6) == 0) {
            person->duties = DUTY_AUTOMATED;
        }
        person->valid_until =
            random_below(8) == 0 ? MONDAY_US : MONDAY_US + (int64_t)(8 + random_below(4)) * 24 * HOUR_US;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        struct group *group = &toy->groups[i];
        *group = (struct group){.id = numbered('g', i), .members = toy->members[i]};
        group->member_count = subset(toy->members[i], toy->people_count);
        for (size_t k = 0; k < group->member_count; k++) {
            group->set.words[0] |= (uint64_t)1 << toy->members[i][k];
        }
    }
}

static void random_hours(struct toy *toy, size_t index)
{
    static const unsigned froms[] = {0, 480, 960};
    struct when *when = &toy->rules[index].when;
    when->hours = toy->rule_hours[index];
    for (size_t i = 0; i < 2 && random_below(3) == 0; i++) {
        const unsigned from = froms[random_below(3)];
        toy->rule_hours[index][when->hours_count++] =
            (struct hours){.days = 1 + (unsigned)random_below(3), .from = from, .until = from + 480};
    }
}

static void random_when(struct toy *toy, size_t index)
{
    struct when *when = &toy->rules[index].when;
    size_t assets[ASSETS];
    when->assets = toy->rule_assets[index];
    do {
        when->asset_count = subset(assets, ASSETS);
    } while (when->asset_count == 0);
    for (size_t i = 0; i < when->asset_count; i++) {
        toy->rule_assets[index][i] = toy->assets[assets[i]];
    }
    when->wallets = toy->rule_wallets[index];
    when->wallet_count = perhaps(when->wallets, WALLETS);
    when->destinations = toy->rule_destinations[index];
    when->destination_count = perhaps(when->destinations, DESTINATIONS);
    when->requesters = toy->rule_requesters[index];
    when->requester_count = perhaps(when->requesters, GROUPS);
    when->types = 1U << (random_below(5) == 0 ? TRANSACTION_ISSUE : TRANSACTION_TRANSFER);
    when->tiers = random_below(5) == 0 ? 1U << TIER_HOT : 0;
    when->above_given = random_below(3) == 0;
    when->above = amount_from_u64(when->above_given ? random_below(3) : 0);
    when->up_to_given = random_below(4) == 0;
    when->up_to = amount_from_u64(when->up_to_given ? 2 + random_below(3) : 0);
    if (!toy->ordered) {
        random_hours(toy, index);
    }
}

static void random_demand(struct toy *toy, size_t index)
{
    struct demand *demand = &toy->rules[index].demand;
    size_t groups[GROUPS];
    demand->max_amount = amount_from_u64(random_below(3) == 0 ? 2 : 4);
    demand->delay_s = (int64_t)random_below(3) * 60;
    demand->step_count = toy->ordered ? 1 + (unsigned)random_below(2) : 1;
    for (unsigned step = 0; step < demand->step_count; step++) {
        const size_t count = subset(groups, GROUPS);
        for (size_t i = 0; i < count && i < 2; i++) {
            demand->entries[demand->entry_count++] = (struct step_entry){{groups[i], 1 + (random_below(3) == 0)}, step};
        }
    }
}

static void random_toy(struct toy *toy)
{
    memset(toy, 0, sizeof(*toy));
    toy->ordered = coin();
    random_people(toy);
    for (size_t i = 0; i < ASSETS; i++) {
        toy->assets[i] = (struct digest){.bytes32 = {(uint8_t)i}};
    }
    for (size_t i = 0; i < WALLETS; i++) {
        toy->wallets[i] = (struct wallet){.id = numbered('w', i),
                                          .assets = toy->assets,
                                          .asset_count = ASSETS,
                                          .tier = i == 0 ? TIER_HOT : TIER_COLD};
    }
    for (size_t i = 0; i < DESTINATIONS; i++) {
        toy->destinations[i] = numbered('d', i);
    }
    const size_t rules = 1 + random_below(RULES);
    for (size_t i = 0; i < rules; i++) {
        toy->rules[i] =
            (struct rule){.id = numbered('r', i), .effect = random_below(6) == 0 ? EFFECT_DENY : EFFECT_ALLOW};
        random_when(toy, i);
        if (toy->rules[i].effect == EFFECT_ALLOW) {
            random_demand(toy, i);
        }
    }
    toy->policy = (struct policy){.people = toy->people,
                                  .person_count = toy->people_count,
                                  .groups = toy->groups,
                                  .group_count = GROUPS,
                                  .wallets = toy->wallets,
                                  .wallet_count = WALLETS,
                                  .rules = toy->rules,
                                  .rule_count = rules,
                                  .destination_groups = toy->destinations,
                                  .destination_group_count = DESTINATIONS,
                                  .governance = {0, 2},
                                  .delay_s = 60};
}

/* The oracle */

/* Whether these approvals, each of which has seen those before it, let the request pass. */
static bool passes(const struct question *question, const struct name *requester, bool is_signed, const size_t *order,
                   size_t count, int64_t at)
{
    const struct toy *toy = question->toy;
    struct evaluation_approval approvals[PEOPLE_MAX];
    struct digest digests[PEOPLE_MAX];
    for (size_t i = 0; i < count; i++) {
        digests[i] = (struct digest){.bytes32 = {1, (uint8_t)order[i]}};
        approvals[i] = (struct evaluation_approval){
            .person = toy->people[order[i]].id, .digest = digests[i], .seen = digests, .seen_count = i};
    }
    const struct evaluation_request request = {.type = question->act == ANALYSIS_ISSUE ? TRANSACTION_ISSUE
                                                                                       : TRANSACTION_TRANSFER,
                                               .chain = &toy->policy.chain,
                                               .wallet = &toy->wallets[question->wallet].id,
                                               .asset = &toy->assets[question->asset],
                                               .amount = amount_from_u64(question->amount),
                                               .destination_listed = true,
                                               .destination_group = &toy->destinations[question->destination],
                                               .returns = question->act == ANALYSIS_RETURN,
                                               .requester = requester,
                                               .requester_signed = is_signed,
                                               .approvals = approvals,
                                               .approval_count = count,
                                               .at_utc_us = at};
    struct evaluation evaluation;
    struct fault fault = {0};
    cr_assert(policy_evaluate(&evaluation, &toy->policy, &request, &fault) == STATUS_OK);
    const bool allowed = evaluation.decision == DECISION_ALLOWED;
    evaluation_free(&evaluation);
    return allowed;
}

struct attempt {
    const struct question *question;
    const struct name *requester;
    bool is_signed;
    int64_t at;
};

/* Every order of those from `fixed` on. */
static bool some_order(const struct attempt *attempt, size_t *order, size_t count, size_t fixed)
{
    if (fixed == count || !attempt->question->toy->ordered) {
        return passes(attempt->question, attempt->requester, attempt->is_signed, order, count, attempt->at);
    }
    for (size_t i = fixed; i < count; i++) {
        size_t first = order[fixed];
        order[fixed] = order[i];
        order[i] = first;
        const bool found = some_order(attempt, order, count, fixed + 1);
        first = order[fixed];
        order[fixed] = order[i];
        order[i] = first;
        if (found) {
            return true;
        }
    }
    return false;
}

static bool at_some_hour(const struct question *question, const struct name *requester, bool is_signed, unsigned set)
{
    size_t order[PEOPLE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < question->toy->people_count; i++) {
        if ((set >> i & 1) != 0) {
            order[count++] = i;
        }
    }
    const int hours = question->toy->ordered ? 1 : 7;
    for (int i = 0; i < hours; i++) {
        const struct attempt attempt = {question, requester, is_signed, MONDAY_US + i * 8 * HOUR_US};
        if (some_order(&attempt, order, count, 0)) {
            return true;
        }
    }
    return false;
}

/* Can these people together, one of whom asks? */
static bool can_move(const struct question *question, unsigned set)
{
    for (size_t i = 0; i < question->toy->people_count; i++) {
        const struct person *person = &question->toy->people[i];
        if ((set >> i & 1) != 0 && (person->duties & DUTY_REQUESTER) != 0 && policy_person_valid(person, MONDAY_US) &&
            at_some_hour(question, &person->id, true, set & ~(1U << i))) {
            return true;
        }
    }
    return false;
}

static unsigned people_in(const struct toy *toy, unsigned set)
{
    unsigned count = 0;
    for (size_t i = 0; i < toy->people_count; i++) {
        count += (set >> i & 1) != 0 && (toy->people[i].duties & DUTY_AUTOMATED) == 0;
    }
    return count;
}

static bool has_smaller(const bool *family, unsigned set)
{
    for (unsigned part = (set - 1) & set; set != 0; part = (part - 1) & set) {
        if (family[part]) {
            return true;
        }
        if (part == 0) {
            return false;
        }
    }
    return false;
}

/* The minimal sets of a family that only grows. */
static void minimal(bool *out, const bool *family, unsigned subsets)
{
    for (unsigned set = 0; set < subsets; set++) {
        out[set] = family[set] && !has_smaller(family, set);
    }
}

/* The analysis */

static const struct analysis_case *find_case(const struct analysis *analysis, const struct question *question)
{
    const struct amount amount = amount_from_u64(question->amount);
    for (size_t i = 0; i < analysis->place_count; i++) {
        const struct analysis_place *place = &analysis->places[i];
        for (size_t k = 0; k < place->band_count; k++) {
            const struct analysis_band *band = &place->bands[k];
            if (place->wallet == question->wallet && place->act == question->act &&
                digest_equal(&place->asset, &question->toy->assets[question->asset]) &&
                amount_compare(band->above, amount) < 0 && amount_compare(amount, band->up_to) <= 0 &&
                (band->destinations >> question->destination & 1) != 0) {
                return &analysis->cases[band->at];
            }
        }
    }
    return NULL;
}

/* Whether `set` has exactly so many of each class and nobody else. */
static bool is_instance(const struct analysis_case *one, const uint16_t *counts, unsigned set)
{
    unsigned left = set;
    for (size_t i = 0; i < one->class_count; i++) {
        const unsigned members = set & (unsigned)one->classes[i].people.words[0];
        if ((unsigned)__builtin_popcount(members) != counts[i]) {
            return false;
        }
        left &= ~members;
    }
    return left == 0;
}

static void expand(bool *out, const struct analysis_case *one, const struct analysis_sets *sets, unsigned subsets)
{
    memset(out, 0, subsets * sizeof(*out));
    for (size_t i = 0; i < sets->count; i++) {
        for (unsigned set = 0; set < subsets; set++) {
            out[set] = out[set] || is_instance(one, sets->counts + i * sets->width, set);
        }
    }
}

static void expect_same(const struct question *question, const char *what, const bool *found, const bool *right)
{
    for (unsigned set = 0; set < 1U << question->toy->people_count; set++) {
        cr_assert(found[set] == right[set], "%s: wallet %zu asset %zu destination %zu amount %u act %d: set %x is %s",
                  what, question->wallet, question->asset, question->destination, question->amount, (int)question->act,
                  set, right[set] ? "missing" : "wrong");
    }
}

/* The fewest people whose signatures it takes when the service makes up who requests. */
static unsigned fewest_signing(const struct question *question)
{
    const struct name nobody = numbered('x', 0);
    unsigned fewest = ANALYSIS_NOBODY;
    for (unsigned set = 0; set < 1U << question->toy->people_count; set++) {
        const unsigned count = people_in(question->toy, set);
        if (count < fewest && (at_some_hour(question, &nobody, false, set) || can_move(question, set))) {
            fewest = count;
        }
    }
    return fewest;
}

/* Answers whether funds can move. */
static bool check_question(const struct analysis *analysis, const struct question *question)
{
    static const struct analysis_case none = {.people = ANALYSIS_NOBODY, .signing = ANALYSIS_NOBODY};
    const unsigned subsets = 1U << question->toy->people_count;
    bool moving[SUBSETS];
    bool stopping[SUBSETS];
    bool right[SUBSETS];
    bool found[SUBSETS];
    const struct analysis_case *one = find_case(analysis, question);
    one = one == NULL ? &none : one;
    for (unsigned set = 0; set < subsets; set++) {
        moving[set] = can_move(question, set);
    }
    const bool possible = moving[subsets - 1];
    for (unsigned set = 0; set < subsets; set++) {
        stopping[set] = possible && !moving[subsets - 1 - set];
    }
    minimal(right, moving, subsets);
    expand(found, one, &one->moves, subsets);
    expect_same(question, "moves", found, right);
    minimal(right, stopping, subsets);
    expand(found, one, &one->stops, subsets);
    expect_same(question, "stops", found, right);
    cr_assert(one->signing == fewest_signing(question), "signing: %u, not %u", one->signing, fewest_signing(question));
    return possible;
}

static unsigned check_toy(const struct toy *toy, const struct analysis *analysis)
{
    unsigned possible = 0;
    for (size_t wallet = 0; wallet < WALLETS; wallet++) {
        struct question question = {.toy = toy, .wallet = wallet, .asset = random_below(ASSETS)};
        question.destination = random_below(DESTINATIONS);
        question.act = ANALYSIS_TRANSFER + (enum analysis_act)random_below(3);
        for (question.amount = 1; question.amount <= TOP; question.amount++) {
            possible += check_question(analysis, &question);
        }
    }
    return possible;
}

TestSuite(analyse_property, .init = random_open);

Test(analyse_property, minimal_sets_are_those_of_the_oracle, .timeout = 600)
{
    unsigned possible = 0;
    unsigned refused = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct toy toy;
        struct analysis analysis;
        struct fault fault = {0};
        random_toy(&toy);
        enum status status = policy_analyse(&analysis, &toy.policy, MONDAY_US, &fault);
        if (status == STATUS_TOO_LARGE) { /* steps that cross */
            refused++;
            continue;
        }
        cr_assert(status == STATUS_OK, "%s: %s", fault.where, fault.detail);
        possible += check_toy(&toy, &analysis);
        analysis_free(&analysis);
    }
    (void)fprintf(stderr, "%u questions about funds that can move, %u policies without an answer\n", possible, refused);
    cr_expect(possible > ROUNDS / 10, "%u questions were about funds that can move", possible);
    cr_expect(refused < ROUNDS / 4, "%u policies got no answer", refused);
}
