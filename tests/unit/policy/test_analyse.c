/*
 * The analysis of policies made by hand, most of them below the floors: one person alone is refused, what is beyond the
 * bounds gets no answer, and the report says what its readers must be told. That the sets are right is for the property
 * test to say.
 */
#include "policy/analyse.h"
#include "policy/transaction.h"

#include <criterion/criterion.h>

#define AT 1000000
#define PEOPLE 80

/* One wallet, one asset, one group of destinations; people and rules are added. */
struct world {
    struct policy policy;
    struct person people[PEOPLE];
    struct group groups[POLICY_GROUPS_MAX];
    size_t members[POLICY_GROUPS_MAX][PEOPLE];
    struct wallet wallet;
    struct name destination;
    struct digest asset;
    struct rule rules[4];
};

static struct name named(const char *text)
{
    struct name name;
    cr_assert(name_parse(&name, text) == STATUS_OK);
    return name;
}

static size_t add_person(struct world *world, const char *name, unsigned duties)
{
    const size_t at = world->policy.person_count++;
    world->people[at] = (struct person){.id = named(name), .duties = duties, .valid_until = 2 * AT};
    return at;
}

static void add_member(struct world *world, size_t group, size_t person)
{
    struct group *into = &world->groups[group];
    world->members[group][into->member_count++] = person;
    into->set.words[person / 64] |= (uint64_t)1 << (person % 64);
}

static size_t add_group(struct world *world, const char *name)
{
    const size_t at = world->policy.group_count++;
    world->groups[at] = (struct group){.id = named(name), .members = world->members[at]};
    return at;
}

static struct rule *add_rule(struct world *world, const char *name)
{
    struct rule *rule = &world->rules[world->policy.rule_count++];
    *rule = (struct rule){.id = named(name), .effect = EFFECT_ALLOW};
    rule->when.types = 1U << TRANSACTION_TRANSFER;
    rule->when.assets = &world->asset;
    rule->when.asset_count = 1;
    rule->demand.max_amount = amount_from_u64(1000);
    rule->demand.step_count = 1;
    return rule;
}

static void add_entry(struct rule *rule, size_t group, unsigned m, unsigned step)
{
    rule->demand.entries[rule->demand.entry_count++] = (struct step_entry){{group, m}, step};
    rule->demand.step_count = step + 1;
}

/* Three administrators of whom two decide, and somebody who requests. */
static void setup(struct world *world)
{
    memset(world, 0, sizeof(*world));
    world->wallet = (struct wallet){.id = named("hot"), .tier = TIER_HOT, .assets = &world->asset, .asset_count = 1};
    world->destination = named("listed");
    world->policy = (struct policy){.people = world->people,
                                    .groups = world->groups,
                                    .wallets = &world->wallet,
                                    .wallet_count = 1,
                                    .rules = world->rules,
                                    .destination_groups = &world->destination,
                                    .destination_group_count = 1,
                                    .issued_at = AT,
                                    .delay_s = 86400,
                                    .cooling_s = 3600,
                                    .governance = {0, 2}};
    (void)add_group(world, "administrators");
    for (size_t i = 0; i < 3; i++) {
        const char *const names[] = {"admin-1", "admin-2", "admin-3"};
        add_member(world, 0, add_person(world, names[i], DUTY_ADMINISTRATOR));
    }
    (void)add_person(world, "ria", DUTY_REQUESTER);
}

static void add_approvers(struct world *world, size_t group)
{
    const char *const names[] = {"ann", "ben", "cleo"};
    for (size_t i = 0; i < 3; i++) {
        add_member(world, group, add_person(world, names[i], DUTY_APPROVER));
    }
}

static void analyse(struct analysis *out, const struct world *world)
{
    struct fault fault = {0};
    cr_assert(policy_analyse(out, &world->policy, AT, &fault) == STATUS_OK, "%s: %s", fault.where, fault.detail);
}

static json_t *report(const struct world *world)
{
    struct analysis analysis;
    json_t *object = NULL;
    analyse(&analysis, world);
    cr_assert(analysis_report(&object, &analysis, NULL) == STATUS_OK);
    analysis_free(&analysis);
    return object;
}

static void expect_verdict(const struct world *world, enum status right, const char *words)
{
    struct analysis analysis;
    struct fault fault = {0};
    analyse(&analysis, world);
    enum status status = analysis_verdict(&analysis, &fault);
    cr_expect(status == right && strstr(fault.detail, words) != NULL, "%s: %s", status_info(status)->code,
              fault.detail);
    analysis_free(&analysis);
}

static const json_t *warning(const json_t *object, const char *code)
{
    const json_t *warnings = json_object_get(object, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *row = json_array_get(warnings, i);
        if (strcmp(json_string_value(json_object_get(row, "code")), code) == 0) {
            return row;
        }
    }
    return NULL;
}

Test(analyse, two_of_three_pass)
{
    struct world world;
    setup(&world);
    const size_t group = add_group(&world, "desk");
    add_approvers(&world, group);
    add_entry(add_rule(&world, "pay"), group, 2, 0);
    expect_verdict(&world, STATUS_OK, "");
}

/* Though it takes a requester, too: whoever owns the service names one. */
Test(analyse, one_approver_is_refused_by_name)
{
    struct world world;
    setup(&world);
    const size_t group = add_group(&world, "desk");
    add_approvers(&world, group);
    add_entry(add_rule(&world, "pay"), group, 1, 0);
    expect_verdict(&world, STATUS_INVALID, "pay");
    expect_verdict(&world, STATUS_INVALID, "ann");
}

Test(analyse, one_person_and_a_program_are_one_person)
{
    struct world world;
    setup(&world);
    const size_t desk = add_group(&world, "desk");
    const size_t programs = add_group(&world, "programs");
    add_approvers(&world, desk);
    add_member(&world, programs, add_person(&world, "screening", DUTY_AUTOMATED));
    struct rule *rule = add_rule(&world, "pay");
    add_entry(rule, desk, 1, 0);
    add_entry(rule, programs, 1, 0);
    expect_verdict(&world, STATUS_INVALID, "pay");
}

Test(analyse, an_administrator_alone_is_refused)
{
    struct world world;
    setup(&world);
    world.policy.governance.m = 1;
    expect_verdict(&world, STATUS_INVALID, "admin-1");
}

/* A person in two groups fills one place of a rule. */
Test(analyse, overlapping_groups_do_not_make_one_person_two)
{
    struct world world;
    setup(&world);
    const size_t desk = add_group(&world, "desk");
    const size_t board = add_group(&world, "board");
    add_approvers(&world, desk);
    add_member(&world, board, 4);
    add_member(&world, board, 5);
    struct rule *rule = add_rule(&world, "pay");
    add_entry(rule, desk, 1, 0);
    add_entry(rule, board, 1, 0);
    expect_verdict(&world, STATUS_OK, "");
}

Test(analyse, classes_beyond_the_bound_get_no_answer)
{
    struct world world;
    struct analysis analysis;
    struct fault fault = {0};
    char name[8];
    setup(&world);
    struct rule *rule = add_rule(&world, "pay");
    for (size_t i = 0; i < 7; i++) {
        (void)snprintf(name, sizeof(name), "g%zu", i);
        add_entry(rule, add_group(&world, name), 1, 0);
    }
    for (size_t i = 1; i <= 64; i++) { /* no two in the same groups */
        (void)snprintf(name, sizeof(name), "p%zu", i);
        const size_t person = add_person(&world, name, DUTY_APPROVER);
        for (size_t bit = 0; bit < 7; bit++) {
            if ((i >> bit & 1) != 0) {
                add_member(&world, 1 + bit, person);
            }
        }
    }
    cr_expect(policy_analyse(&analysis, &world.policy, AT, &fault) == STATUS_TOO_LARGE);
    cr_expect(strstr(fault.detail, "pay") != NULL && strstr(fault.detail, "64 classes") != NULL, "%s", fault.detail);
}

Test(analyse, steps_that_cross_get_no_answer)
{
    struct world world;
    struct analysis analysis;
    struct fault fault = {0};
    setup(&world);
    const size_t desk = add_group(&world, "desk");
    const size_t board = add_group(&world, "board");
    add_approvers(&world, desk);
    add_member(&world, board, add_person(&world, "eve", DUTY_APPROVER));
    struct rule *first = add_rule(&world, "desk-first");
    add_entry(first, desk, 1, 0);
    add_entry(first, board, 1, 1);
    struct rule *last = add_rule(&world, "desk-last");
    add_entry(last, board, 1, 0);
    add_entry(last, desk, 1, 1);
    cr_expect(policy_analyse(&analysis, &world.policy, AT, &fault) == STATUS_TOO_LARGE);
    cr_expect(strstr(fault.detail, "order") != NULL, "%s", fault.detail);
}

Test(analyse, the_same_bytes_every_time)
{
    struct world world;
    setup(&world);
    const size_t group = add_group(&world, "desk");
    add_approvers(&world, group);
    add_entry(add_rule(&world, "pay"), group, 2, 0);
    json_t *reports[] = {report(&world), report(&world)};
    char *texts[] = {json_dumps(reports[0], JSON_SORT_KEYS), json_dumps(reports[1], JSON_SORT_KEYS)};
    cr_expect_str_eq(texts[0], texts[1]);
    for (size_t i = 0; i < 2; i++) {
        free(texts[i]);
        json_decref(reports[i]);
    }
}

/* Small amounts take fewer people: the large one goes in pieces, unless the wallet has a limit over time. */
Test(analyse, pieces_are_warned_of)
{
    static struct limit limit = {.per = LIMIT_PER_WALLET, .window_s = 86400, .count = 3};
    struct world world;
    setup(&world);
    const size_t desk = add_group(&world, "desk");
    add_approvers(&world, desk);
    struct rule *small = add_rule(&world, "small");
    small->when.up_to_given = true;
    small->when.up_to = amount_from_u64(100);
    add_entry(small, desk, 2, 0);
    struct rule *large = add_rule(&world, "large");
    large->when.above_given = true;
    large->when.above = amount_from_u64(100);
    add_entry(large, desk, 3, 0);
    json_t *object = report(&world);
    cr_expect(warning(object, "in_pieces") != NULL);
    json_decref(object);
    small->demand.limits = &limit;
    small->demand.limit_count = 1;
    object = report(&world);
    cr_expect(warning(object, "in_pieces") == NULL);
    json_decref(object);
}

/* With one requester only there is no spare; with ann gone by then, nobody can. */
Test(analyse, losses_and_ends)
{
    struct world world;
    struct analysis analysis;
    setup(&world);
    const size_t desk = add_group(&world, "desk");
    add_approvers(&world, desk);
    add_entry(add_rule(&world, "pay"), desk, 3, 0);
    world.people[4].valid_until = AT + 500;
    analyse(&analysis, &world);
    cr_expect(analysis.cases[0].until == AT + 500);
    cr_expect(analysis.cases[0].stops.count == 2, "the requester, or any of the three");
    analysis_free(&analysis);
    json_t *object = report(&world);
    cr_expect(warning(object, "no_spare") != NULL);
    cr_expect(json_array_size(json_object_get(object, "loss")) == 3, "ria; one of three; two administrators");
    json_decref(object);
    cr_assert(policy_analyse(&analysis, &world.policy, AT + 500, NULL) == STATUS_OK);
    cr_expect(analysis.cases[0].people == ANALYSIS_NOBODY && analysis.cases[0].stops.count == 0);
    analysis_free(&analysis);
}
