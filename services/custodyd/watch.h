/*
 * The watcher: looks at the signers every few seconds and tells the trail, each change once, what became of keys and
 * tokens; has every key show that it is there; follows the blocks for what our keys did and received (key_spending.h).
 */
#ifndef STRONGROOM_CUSTODYD_WATCH_H
#define STRONGROOM_CUSTODYD_WATCH_H

#include "alarms.h"
#include "key_spending.h"

struct watch;

/* Looks once and starts the thread. Out: watch_stop. */
MUST_CHECK enum status watch_start(struct watch **out, struct service *service, struct fault *fault);

/* Looks again now, without waiting for it. NULL is fine. */
void watch_wake(struct watch *watch);

/* Tells the watcher that the signer of a role missed a resumption: it is carried there. NULL is fine. */
void watch_missed(struct watch *watch, enum wire_role role);

/*
 * Tells the watcher of a transaction with a good signature of one of our keys that no withdrawal asked for; it deals
 * with it soon. STATUS_BUSY when too many wait: nothing was taken, and whoever brought it must come again.
 */
MUST_CHECK enum status watch_report(struct watch *watch, const struct key_spending_use *use, struct fault *fault);

/*
 * What is not as it should be, as the last look saw it that saw everything; what is wrong with the trail, as it is now.
 * Out, also with a failure: alarm_list_free; *out_at_utc_us is
 * when that look ended, 0 before the first.
 */
MUST_CHECK enum status watch_alarms(struct alarm_list *out, int64_t *out_at_utc_us, struct watch *watch,
                                    struct fault *fault);

/* Lets the pass under way end, joins, frees. NULL is fine. */
void watch_stop(struct watch *watch);

#endif
