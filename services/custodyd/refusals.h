/*
 * How many refusals of one person the trail tells one by one. What goes beyond in a minute is counted and becomes one
 * entry, so that nobody can fill the trail by being refused.
 */
#ifndef STRONGROOM_CUSTODYD_REFUSALS_H
#define STRONGROOM_CUSTODYD_REFUSALS_H

#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"

#define REFUSALS_PERIOD_US 60000000

struct refusals;

/* Refusals of one person that were counted in one period. */
struct refusals_count {
    struct name person;
    struct digest auth;   /* of the last one: SHA-256 of the token */
    int64_t since_utc_us; /* the first refusal of the period */
    uint64_t count;
};

/* At most `singly` of one person in a period are told one by one. `clock` is borrowed. Out: refusals_free. */
MUST_CHECK enum status refusals_new(struct refusals **out, const struct clock *clock, uint64_t singly,
                                    struct fault *fault);

/* NULL is fine. */
void refusals_free(struct refusals *refusals);

/* A person was refused. True when this is to be told by itself; false when it has been counted. */
bool refusals_tell(struct refusals *refusals, const struct name *person, const struct digest *auth);

/* Takes out what was counted of one person in a period that is over, of any period when `all`; false when there is
 * none. */
bool refusals_take(struct refusals *refusals, struct refusals_count *out, bool all);

/* Puts back what could not be told, to be taken again. */
void refusals_give_back(struct refusals *refusals, const struct refusals_count *count);

#endif
