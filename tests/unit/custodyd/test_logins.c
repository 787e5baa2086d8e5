/* Logins with a clock that the test moves: the first use of a token and the first after a pause, and nothing between.
 */
#include "logins.h"

#include <criterion/criterion.h>

static int64_t now_us = 1000000000;

static int64_t read_now(void *context)
{
    (void)context;
    return now_us;
}

static const struct clock moved = {.utc_us = read_now, .monotonic_us = read_now};

static struct logins *made(void)
{
    struct logins *logins = NULL;
    cr_assert_eq(logins_new(&logins, &moved, NULL), STATUS_OK);
    return logins;
}

static struct digest token(unsigned number)
{
    struct digest digest = {{0}};
    digest.bytes32[0] = (uint8_t)number;
    digest.bytes32[1] = (uint8_t)(number >> 8);
    return digest;
}

Test(logins, a_token_in_use_is_told_once_and_again_after_a_pause)
{
    struct logins *logins = made();
    const struct digest one = token(1);
    const struct digest two = token(2);
    cr_expect(logins_begin(logins, &one));
    cr_expect(logins_begin(logins, &two), "each token for itself");
    for (int i = 0; i < 100; i++) {
        now_us += LOGINS_PAUSE_US - 1;
        cr_expect_not(logins_begin(logins, &one), "it is in use");
    }
    cr_expect(logins_begin(logins, &two), "it was not");
    now_us += LOGINS_PAUSE_US;
    cr_expect(logins_begin(logins, &one));
    logins_free(logins);
}

Test(logins, what_could_not_be_told_is_told_by_the_next_use)
{
    struct logins *logins = made();
    const struct digest one = token(1);
    cr_expect(logins_begin(logins, &one));
    logins_forget(logins, &one);
    cr_expect(logins_begin(logins, &one));
    cr_expect_not(logins_begin(logins, &one));
    logins_free(logins);
}

Test(logins, when_there_is_no_room_the_one_unused_for_longest_is_forgotten)
{
    struct logins *logins = made();
    for (unsigned i = 0; i < LOGINS_REMEMBERED; i++) {
        const struct digest each = token(i);
        now_us++;
        cr_expect(logins_begin(logins, &each));
    }
    const struct digest first = token(0);
    const struct digest second = token(1);
    const struct digest more = token(LOGINS_REMEMBERED);
    now_us++;
    cr_expect_not(logins_begin(logins, &first));
    now_us++;
    cr_expect(logins_begin(logins, &more));
    cr_expect_not(logins_begin(logins, &first));
    cr_expect(logins_begin(logins, &second), "it had to go");
    logins_free(logins);
}
