/*
 * Until when the hour is what a request waits for. It evaluates at the moments at which some rule's hours begin or end,
 * and judges nothing by itself.
 */
#include "policy/evaluate.h"

#define MINUTE_US 60000000LL
#define DAY_MINUTES 1440
#define DAYS 8      /* each weekday once more, from now on */
#define MOMENTS 200 /* a policy that changes more often before it is over does not say until when */

static void take_earlier(int64_t *inout_next, int64_t after, int64_t minute)
{
    if (minute > after && (*inout_next == 0 || minute < *inout_next)) {
        *inout_next = minute;
    }
}

static void take_edges(int64_t *inout_next, const struct hours *hours, int64_t after, int64_t first_day)
{
    for (int64_t day = first_day; day < first_day + DAYS; day++) {
        if ((hours->days >> ((day + 3) % 7) & 1U) != 0) { /* the epoch began on a Thursday */
            take_earlier(inout_next, after, day * DAY_MINUTES + hours->from);
            take_earlier(inout_next, after, day * DAY_MINUTES + hours->until);
        }
    }
}

/* The next minute after this one with which hours begin or end; 0 when there is none. */
static int64_t next_change(const struct policy *policy, int64_t after, int64_t first_day)
{
    int64_t next = 0;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct when *when = &policy->rules[i].when;
        for (size_t k = 0; k < when->hours_count; k++) {
            take_edges(&next, &when->hours[k], after, first_day);
        }
    }
    return next;
}

bool policy_hours_until(int64_t *out_utc_us, const struct policy *policy, const struct evaluation_request *request)
{
    struct evaluation_request later = *request;
    const int64_t now = request->at_utc_us / MINUTE_US;
    int64_t minute = now;
    for (unsigned i = 0; i < MOMENTS && request->at_utc_us >= 0; i++) {
        struct evaluation evaluation = {0};
        minute = next_change(policy, minute, now / DAY_MINUTES);
        later.at_utc_us = minute * MINUTE_US;
        if (minute == 0 || policy_evaluate(&evaluation, policy, &later, NULL) != STATUS_OK) {
            return false;
        }
        bool waits = evaluation.reason == STATUS_OUTSIDE_HOURS;
        evaluation_free(&evaluation);
        if (!waits) {
            *out_utc_us = later.at_utc_us;
            return true;
        }
    }
    return false;
}
