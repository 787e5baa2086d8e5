/*
 * Until when the hour is what a request waits for. It evaluates at the moments at which some rule's hours begin or end,
 * and judges nothing by itself.
 */
#include "policy/evaluate.h"

#define MINUTE_US 60000000LL
#define DAY_MINUTES 1440
#define WEEK_MINUTES (7 * DAY_MINUTES)
#define EPOCH_MINUTE (3 * DAY_MINUTES) /* of the week: the epoch began on a Thursday */
#define MOMENTS 200                    /* a policy that changes more often before it is over does not say until when */

/* The minutes of a week with which some rule's hours begin or end. */
struct edges {
    bool at[WEEK_MINUTES];
};

static void take_edges(struct edges *inout, const struct hours *hours)
{
    for (unsigned day = 0; day < 7; day++) {
        if ((hours->days >> day & 1U) != 0) {
            inout->at[(day * DAY_MINUTES + hours->from) % WEEK_MINUTES] = true;
            inout->at[(day * DAY_MINUTES + hours->until) % WEEK_MINUTES] = true;
        }
    }
}

/* Once: a policy may have thousands of hours. */
static void find_edges(struct edges *out, const struct policy *policy)
{
    *out = (struct edges){0};
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct when *when = &policy->rules[i].when;
        for (size_t k = 0; k < when->hours_count; k++) {
            take_edges(out, &when->hours[k]);
        }
    }
}

/* The next minute after this one, and not after the last, with which hours begin or end; 0 when there is none. */
static int64_t next_change(const struct edges *edges, int64_t after, int64_t last)
{
    for (int64_t minute = after + 1; minute <= last; minute++) {
        if (edges->at[(minute + EPOCH_MINUTE) % WEEK_MINUTES]) {
            return minute;
        }
    }
    return 0;
}

bool policy_hours_until(int64_t *out_utc_us, const struct policy *policy, const struct evaluation_request *request)
{
    struct evaluation_request later = *request;
    const int64_t now = request->at_utc_us / MINUTE_US;
    int64_t minute = now;
    struct edges edges;
    find_edges(&edges, policy);
    for (unsigned i = 0; i < MOMENTS && request->at_utc_us >= 0; i++) {
        struct evaluation evaluation = {0};
        minute = next_change(&edges, minute, now + WEEK_MINUTES);
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
