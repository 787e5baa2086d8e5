/*
 * How far something reaches in the trail: what people tell of it stands in the trail and nowhere else (copies on other
 * hosts, reviews of key uses). An entry that it has not reached for too long is an alarm.
 */
#ifndef STRONGROOM_CUSTODYD_REACH_H
#define STRONGROOM_CUSTODYD_REACH_H

#include "watch_core.h"

/* What reaches. */
struct reach {
    enum audit_action told;  /* entries of this action with outcome ok tell it; their fact `size` says how far */
    enum audit_action alarm; /* of an entry that is older than `max_age_us` and not reached; `size` again */
    const char *object_id;   /* of that alarm, whose object type is "trail" */
    const char *actor;       /* only what this one tells; NULL: anybody */
    int64_t max_age_us;      /* 0: there is no such alarm */
};

/*
 * How many entries it has reached: the greatest number that signed entries about it say, none more than its own place.
 * STATUS_NOT_READY before the first checkpoint.
 */
MUST_CHECK enum status reach_read(uint64_t *out, struct service *service, const struct reach *reach,
                                  struct fault *fault);

/* The trail had this root with `size` entries, 1 or more: the newest checkpoint extends it. STATUS_MISMATCH. */
MUST_CHECK enum status reach_check_root(struct service *service, uint64_t size, const struct digest *root,
                                        struct fault *fault);

/* Tells whether an entry waits too long to be reached. */
MUST_CHECK enum status reach_watch(struct watch *watch, const struct reach *reach, struct fault *fault);

#endif
