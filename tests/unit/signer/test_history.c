/*
 * The history in memory against the plainest way to say the same: all promises, looked at one by one.
 */
#include "history.h"

#include <criterion/criterion.h>

#define PROMISES 600
#define WINDOW_MAX 40

static const char *const names[] = {"ann", "ben", "cleo"};
static struct guard_promise all[PROMISES];
static size_t first; /* those before it are forgotten */
static size_t count;
static struct history *history;
static uint64_t seed = 0x9e3779b97f4a7c15ULL;

static uint64_t pick(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static void start(void)
{
    cr_assert(history_new(&history) == STATUS_OK);
}

static void finish(void)
{
    history_free(history);
}

TestSuite(history, .init = start, .fini = finish);

static struct guard_promise promise_of(uint64_t running_us)
{
    struct guard_promise out = {.running_us = running_us, .amount = amount_from_u64(1 + pick(9))};
    out.asset.bytes32[0] = (uint8_t)pick(2);
    out.destination.digest.bytes32[0] = (uint8_t)pick(3);
    (void)snprintf(out.requester.text, sizeof(out.requester.text), "%s", names[pick(3)]);
    (void)snprintf(out.wallet.text, sizeof(out.wallet.text), "%s", names[pick(2)]);
    out.key = pick(3);
    return out;
}

static bool same_subject(const struct guard_promise *a, const struct guard_promise *b, enum history_per per)
{
    const bool same[HISTORY_PER_COUNT] = {
        [HISTORY_ASSET] = true,
        [HISTORY_DESTINATION] = account_id_equal(&a->destination, &b->destination),
        [HISTORY_REQUESTER] = name_equal(&a->requester, &b->requester),
        [HISTORY_WALLET] = name_equal(&a->wallet, &b->wallet),
        [HISTORY_KEY] = a->key == b->key,
    };
    return digest_equal(&a->asset, &b->asset) && same[per];
}

/* What counts at a time, and whether one more fits. */
static bool plain_fits(const struct history_question *question, uint64_t now_us, uint64_t *out_count, uint64_t *out_sum)
{
    uint64_t sum = 0;
    uint64_t found = 0;
    for (size_t i = first; i < count; i++) {
        bool counts = all[i].running_us + question->window_us > now_us;
        if (counts && same_subject(&all[i], question->promise, question->per)) {
            sum += (uint64_t)all[i].amount.raw; /* Raw: small by construction */
            found++;
        }
    }
    *out_count = found;
    *out_sum = sum;
    uint64_t with = sum + (uint64_t)question->promise->amount.raw; /* Raw: small by construction */
    return (amount_is_zero(question->max_sum) || amount_compare(amount_from_u64(with), question->max_sum) <= 0) &&
           (question->max_count == 0 || found + 1 <= question->max_count);
}

static void compare(uint64_t now_us)
{
    const struct guard_promise next = promise_of(now_us);
    const struct history_question question = {.per = (enum history_per)pick(HISTORY_PER_COUNT),
                                              .promise = &next,
                                              .now_us = now_us,
                                              .window_us = 1 + pick(WINDOW_MAX),
                                              .max_sum = amount_from_u64(pick(60)),
                                              .max_count = pick(9)};
    const struct history_answer answer = history_ask(history, &question);
    uint64_t found = 0;
    uint64_t sum = 0;
    cr_assert(answer.fits == plain_fits(&question, now_us, &found, &sum));
    cr_assert(answer.count == found && amount_compare(answer.sum, amount_from_u64(sum)) == 0);
    uint64_t at_us = now_us;
    uint64_t ignored = 0;
    while (at_us <= now_us + WINDOW_MAX && !plain_fits(&question, at_us, &ignored, &ignored)) {
        at_us++;
    }
    cr_assert(answer.ever == (at_us <= now_us + WINDOW_MAX), "it fits in the end, or never");
    cr_assert(!answer.ever || answer.fits_at_us == at_us, "at %llu, not %llu", (unsigned long long)at_us,
              (unsigned long long)answer.fits_at_us);
}

Test(history, its_windows_are_those_of_a_plain_count)
{
    uint64_t now_us = 5;
    while (count < PROMISES) {
        now_us += pick(3);
        all[count] = promise_of(now_us);
        cr_assert(history_add(history, &all[count++]) == STATUS_OK);
        if (pick(7) == 0) {
            history_take_back(history, 1);
            count--;
        }
        while (first < count && all[first].running_us + WINDOW_MAX <= now_us && pick(3) != 0) {
            history_forget(history, 1);
            first++;
        }
        cr_assert(history_count(history) == count - first);
        cr_assert(first == count || history_at_us(history, 0) == all[first].running_us);
        compare(now_us);
        compare(now_us + pick(WINDOW_MAX));
    }
}

/* Two amounts that together leave their range: the sum does not wrap round to a small one. */
Test(history, a_sum_beyond_an_amount_is_above_every_limit)
{
    struct guard_promise large = {.running_us = 1};
    cr_assert(amount_parse(&large.amount, "340282366920938463463374607431768211455") == STATUS_OK);
    cr_assert(history_add(history, &large) == STATUS_OK);
    const struct history_question question = {
        .per = HISTORY_WALLET, .promise = &large, .now_us = 5, .window_us = 10, .max_sum = large.amount};
    struct history_answer answer = history_ask(history, &question);
    cr_expect(!answer.fits && answer.ever && answer.fits_at_us == 11);
    cr_expect(amount_compare(answer.sum, large.amount) == 0);
    for (int i = 0; i < 3; i++) {
        cr_assert(history_add(history, &large) == STATUS_OK);
    }
    answer = history_ask(history, &question);
    cr_expect(!answer.fits && amount_compare(answer.sum, large.amount) == 0, "told as the greatest amount");
}

Test(history, an_amount_above_the_limit_never_fits)
{
    const struct guard_promise one = {.running_us = 1, .amount = amount_from_u64(7)};
    const struct history_question question = {
        .per = HISTORY_ASSET, .promise = &one, .now_us = 5, .window_us = 10, .max_sum = amount_from_u64(6)};
    const struct history_answer answer = history_ask(history, &question);
    cr_expect(!answer.fits && !answer.ever && answer.count == 0);
}

/* One of each second for longer than a day, and windows over all of it. */
Test(history, a_hundred_thousand_promises_are_no_burden)
{
    const uint64_t many = 100000;
    struct guard_promise one = {.amount = amount_from_u64(1), .requester = {"rita"}, .wallet = {"hot-1"}};
    for (uint64_t i = 1; i <= many; i++) {
        one.running_us = i;
        one.destination.digest.bytes32[0] = (uint8_t)i;
        cr_assert(history_add(history, &one) == STATUS_OK);
        const struct history_question question = {
            .per = HISTORY_REQUESTER, .promise = &one, .now_us = i, .window_us = many, .max_count = many};
        const struct history_answer answer = history_ask(history, &question);
        cr_assert(answer.count == i && answer.fits == (i < many));
    }
    history_forget(history, many);
    cr_expect(history_count(history) == 0);
}
