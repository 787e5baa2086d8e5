/* What is told once in a time for each name, with a clock that the test moves.
 */
#include "rarely.h"

#include <criterion/criterion.h>

#include "policy/policy.h"

#define PAUSE_US 60000000

static int64_t now_us = 1000000000;

static int64_t read_now(void *context)
{
    (void)context;
    return now_us;
}

static int64_t read_utc(void *context)
{
    (void)context;
    cr_assert_fail("a clock that people set decides nothing here");
    return 0;
}

static const struct clock moved = {.utc_us = read_utc, .monotonic_us = read_now};

static struct rarely *made(void)
{
    struct rarely *rarely = NULL;
    cr_assert_eq(rarely_new(&rarely, &moved, PAUSE_US, NULL), STATUS_OK);
    return rarely;
}

Test(rarely, each_name_is_told_once_in_its_time_and_what_comes_between_is_counted)
{
    struct rarely *rarely = made();
    uint64_t left_out = 99;
    cr_expect(rarely_tell(rarely, &left_out, "one"));
    cr_expect_eq(left_out, 0);
    cr_expect(rarely_tell(rarely, &left_out, "two"), "each name for itself");
    for (int i = 0; i < 5; i++) {
        now_us += PAUSE_US / 5 - 1;
        cr_expect_not(rarely_tell(rarely, &left_out, "one"), "%d", i);
    }
    now_us += 5;
    cr_expect(rarely_tell(rarely, &left_out, "one"), "from when it was told, not from when it was asked last");
    cr_expect_eq(left_out, 5);
    cr_expect_not(rarely_tell(rarely, &left_out, "one"));
    cr_expect(rarely_tell(rarely, &left_out, "two"));
    cr_expect_eq(left_out, 0);
    rarely_free(rarely);
}

Test(rarely, what_could_not_be_told_is_told_by_the_next_one)
{
    struct rarely *rarely = made();
    uint64_t left_out = 0;
    cr_expect(rarely_tell(rarely, &left_out, "one"));
    rarely_forget(rarely, "one");
    rarely_forget(rarely, "nobody");
    cr_expect(rarely_tell(rarely, &left_out, "one"));
    cr_expect_not(rarely_tell(rarely, &left_out, "one"));
    rarely_free(rarely);
}

Test(rarely, what_was_left_out_is_taken_when_its_time_is_over)
{
    struct rarely *rarely = made();
    struct name about = {""};
    uint64_t left_out = 0;
    cr_expect(rarely_tell(rarely, &left_out, "one"));
    cr_expect(rarely_tell(rarely, &left_out, "two"));
    cr_expect_not(rarely_tell(rarely, &left_out, "two"));
    cr_expect_not(rarely_tell(rarely, &left_out, "two"));
    cr_expect_not(rarely_take(rarely, &about, &left_out, false), "not before");
    now_us += PAUSE_US;
    cr_assert(rarely_take(rarely, &about, &left_out, false));
    cr_expect_str_eq(about.text, "two");
    cr_expect_eq(left_out, 2);
    cr_expect_not(rarely_take(rarely, &about, &left_out, true), "nothing was left out of the other");
    cr_expect_not(rarely_tell(rarely, &left_out, "two"), "that was telling it");
    cr_expect(rarely_take(rarely, &about, &left_out, true), "who stops waits for no time");
    cr_expect_eq(left_out, 1);
    rarely_free(rarely);
}

Test(rarely, when_there_is_no_room_the_one_told_longest_ago_is_forgotten)
{
    struct rarely *rarely = made();
    uint64_t left_out = 0;
    char about[NAME_SIZE];
    for (int i = 0; i < POLICY_PEOPLE_MAX; i++) {
        (void)snprintf(about, sizeof(about), "person-%d", i);
        now_us++;
        cr_assert(rarely_tell(rarely, &left_out, about));
    }
    cr_expect(rarely_tell(rarely, &left_out, "one-more"));
    cr_expect_not(rarely_tell(rarely, &left_out, "person-1"), "the others are known");
    cr_expect_not(rarely_tell(rarely, &left_out, "one-more"));
    cr_expect(rarely_tell(rarely, &left_out, "person-0"));
    rarely_free(rarely);
}
