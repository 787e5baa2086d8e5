/*
 * What the signer's numbers say of one more withdrawal: room, what is left, and when everything fits.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "usage.h"

static struct rule rules[] = {{.id = {"small"}}, {.id = {"large"}}};
static const struct policy policy = {.version = 7, .rules = rules, .rule_count = 2};

static struct wire_usage usage_of(const char *rule, int64_t index, uint64_t count, uint64_t sum)
{
    struct wire_usage usage = {
        .policy_version = 7, .index = index, .count = count, .sum = amount_from_u64(sum), .free_at = 1000 + index};
    (void)snprintf(usage.rule.text, sizeof(usage.rule.text), "%s", rule);
    return usage;
}

static struct wire_usage used(struct wire_usage usage, uint64_t count, uint64_t sum)
{
    usage.used_count = count;
    usage.used_sum = amount_from_u64(sum);
    return usage;
}

Test(usage, has_room_up_to_the_limit_and_not_beyond)
{
    const struct wire_usage both = used(usage_of("small", 0, 3, 100), 2, 60);
    cr_assert(usage_has_room(&both, amount_from_u64(40)));
    cr_assert_not(usage_has_room(&both, amount_from_u64(41)));
    cr_assert(eq(u64, usage_left_count(&both), 1));
    cr_assert(eq(int, amount_compare(usage_left_sum(&both), amount_from_u64(40)), 0));
    const struct wire_usage counted = used(usage_of("small", 0, 3, 100), 3, 60);
    cr_assert_not(usage_has_room(&counted, amount_from_u64(1)));
    cr_assert(eq(u64, usage_left_count(&counted), 0));
    const struct wire_usage any_sum = used(usage_of("small", 0, 3, 0), 2, 1000000);
    cr_assert(usage_has_room(&any_sum, amount_from_u64(1000000)));
    const struct wire_usage any_count = used(usage_of("small", 0, 0, 100), 9, 99);
    cr_assert(usage_has_room(&any_count, amount_from_u64(1)));
}

/* More than the limit is used after a version with a smaller one: nothing is left, and nothing turns around. */
Test(usage, over_the_limit_leaves_nothing)
{
    const struct wire_usage over = used(usage_of("small", 0, 3, 100), 5, 160);
    cr_assert(eq(u64, usage_left_count(&over), 0));
    cr_assert(amount_is_zero(usage_left_sum(&over)));
    cr_assert_not(usage_has_room(&over, amount_from_u64(0)));
    struct wire_usage greatest = used(usage_of("small", 0, 0, 100), 0, 0);
    greatest.used_sum.raw = ~(amount_raw)0;
    cr_assert_not(usage_has_room(&greatest, amount_from_u64(1)), "a sum that cannot be counted is over every limit");
}

static const struct limit any_limit;
static struct obligation asked[] = {
    {&policy, 0, 0, &any_limit}, {&policy, 0, 1, &any_limit}, {&policy, 1, 0, &any_limit}};
static const struct obligations obligations = {.limits = asked, .limit_count = 3};

Test(usage, the_latest_of_the_full_limits_is_waited_for)
{
    struct wire_usage_reply said = {.count = 3};
    struct fault fault = {0};
    int64_t until = -1;
    said.limits[0] = used(usage_of("small", 0, 3, 0), 1, 0);
    said.limits[1] = used(usage_of("small", 1, 3, 0), 1, 0);
    said.limits[2] = used(usage_of("large", 0, 3, 0), 1, 0);
    cr_assert(eq(int, usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault), STATUS_OK));
    cr_assert(eq(i64, until, -1), "written only with a refusal");
    said.limits[0].used_count = 3;
    said.limits[1].used_count = 3;
    said.limits[2].free_at = 9000; /* has room, and is no reason to wait */
    cr_assert(eq(int, usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault), STATUS_LIMIT_EXCEEDED));
    cr_assert(eq(i64, until, 1001));
    cr_assert(strcmp(fault.where, "policy.limits") == 0);
    said.limits[0].free_at = 0;
    cr_assert(eq(int, usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault), STATUS_LIMIT_EXCEEDED));
    cr_assert(eq(i64, until, 0), "one that never fits outlasts every other");
}

/* The signer goes by another version: it said nothing of ours, and its own are not ours to judge. */
Test(usage, limits_of_other_versions_are_left_to_the_signer)
{
    struct wire_usage_reply said = {.count = 2};
    struct fault fault = {0};
    int64_t until = -1;
    said.limits[0] = used(usage_of("small", 0, 1, 0), 1, 0);
    said.limits[0].policy_version = 8;
    said.limits[1] = used(usage_of("small", 5, 1, 0), 1, 0);
    cr_assert(usage_find(&said, 7, "small", 0) == NULL);
    cr_assert(usage_find(&said, 7, "small", 5) == &said.limits[1]);
    cr_assert(eq(int, usage_judge(&until, &said, &obligations, amount_from_u64(5), &fault), STATUS_OK));
}
