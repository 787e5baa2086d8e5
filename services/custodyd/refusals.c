/*
 * One row for each person who was refused in the period at hand. A period begins with a refusal, and is over when its
 * time has passed; then its row, unless it has a number that nobody took, is anybody's. So there are as many places as
 * people in a policy, however many people come and go; when they are all taken, whoever else is refused is told one by
 * one.
 */
#include "refusals.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "policy/policy.h"

struct row {
    struct refusals_count counted;
    uint64_t told;
    int64_t since_us; /* monotonic */
};

struct refusals {
    const struct clock *clock;
    uint64_t singly;
    pthread_mutex_t mutex; /* guards what follows */
    size_t count;
    struct row rows[POLICY_PEOPLE_MAX];
};

enum status refusals_new(struct refusals **out, const struct clock *clock, uint64_t singly, struct fault *fault)
{
    struct refusals *refusals = calloc(1, sizeof(*refusals));
    if (refusals == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "refusals", "%s", "");
    }
    refusals->clock = clock;
    refusals->singly = singly;
    (void)pthread_mutex_init(&refusals->mutex, NULL);
    *out = refusals;
    return STATUS_OK;
}

void refusals_free(struct refusals *refusals)
{
    if (refusals != NULL) {
        (void)pthread_mutex_destroy(&refusals->mutex);
        free(refusals);
    }
}

static bool is_over(const struct refusals *refusals, const struct row *row)
{
    return clock_monotonic_us(refusals->clock) - row->since_us >= REFUSALS_PERIOD_US;
}

/* With the mutex: a row for another person; NULL when none is free. */
static struct row *take_place(struct refusals *refusals)
{
    for (size_t i = 0; i < refusals->count; i++) {
        if (refusals->rows[i].counted.count == 0 && is_over(refusals, &refusals->rows[i])) {
            return &refusals->rows[i];
        }
    }
    return refusals->count == POLICY_PEOPLE_MAX ? NULL : &refusals->rows[refusals->count++];
}

/* With the mutex: the row of a person; NULL when there is no place. */
static struct row *find(struct refusals *refusals, const struct name *person)
{
    for (size_t i = 0; i < refusals->count; i++) {
        if (name_equal(&refusals->rows[i].counted.person, person)) {
            return &refusals->rows[i];
        }
    }
    struct row *row = take_place(refusals);
    if (row != NULL) {
        *row = (struct row){.counted.person = *person};
    }
    return row;
}

/* With the mutex. What was counted and not taken yet goes on being counted. */
static bool tell(struct refusals *refusals, struct row *row, const struct digest *auth)
{
    if (row->counted.count == 0 && (row->told == 0 || is_over(refusals, row))) {
        row->told = 0;
        row->since_us = clock_monotonic_us(refusals->clock);
        row->counted.since_utc_us = clock_utc_us(refusals->clock);
    }
    if (row->told < refusals->singly) {
        row->told++;
        return true;
    }
    if (row->counted.count == 0) {
        log_event(LOG_LEVEL_WARNING, "refusals.counted", "person", row->counted.person.text, NULL);
    }
    row->counted.count++;
    row->counted.auth = *auth;
    return false;
}

bool refusals_tell(struct refusals *refusals, const struct name *person, const struct digest *auth)
{
    (void)pthread_mutex_lock(&refusals->mutex);
    struct row *row = find(refusals, person);
    bool single = row == NULL || tell(refusals, row, auth);
    (void)pthread_mutex_unlock(&refusals->mutex);
    return single;
}

bool refusals_take(struct refusals *refusals, struct refusals_count *out, bool all)
{
    bool found = false;
    (void)pthread_mutex_lock(&refusals->mutex);
    for (size_t i = 0; i < refusals->count && !found; i++) {
        struct row *row = &refusals->rows[i];
        found = row->counted.count > 0 && (all || is_over(refusals, row));
        if (found) {
            *out = row->counted;
            row->counted.count = 0;
        }
    }
    (void)pthread_mutex_unlock(&refusals->mutex);
    return found;
}

void refusals_give_back(struct refusals *refusals, const struct refusals_count *count)
{
    (void)pthread_mutex_lock(&refusals->mutex);
    struct row *row = find(refusals, &count->person);
    if (row != NULL) {
        row->counted.count += count->count;
        row->counted.auth = count->auth;
        row->counted.since_utc_us = count->since_utc_us;
    } else {
        log_event(LOG_LEVEL_ERROR, "refusals.lost", "person", count->person.text, NULL);
    }
    (void)pthread_mutex_unlock(&refusals->mutex);
}
