/*
 * The steps of a withdrawal after its approval: record, sign, submit, confirm. One outbox item is one step.
 */
#ifndef STRONGROOM_CUSTODYD_STEPS_H
#define STRONGROOM_CUSTODYD_STEPS_H

#include "service.h"
#include "store/outbox.h"

/*
 * Does the step of an item. STATUS_OK: done, and its result recorded. A retryable status (STATUS_KEY_INACTIVE, too):
 * try the item again later; STATUS_LIMIT_EXCEEDED and STATUS_OUTSIDE_HOURS, too, of what time alone keeps from being
 * signed. *out_until_utc_us (always written) is until when it waits, as far as that is known, or 0. Anything else: the
 * step met what people must look at; the item stays. A withdrawal that is signed already and cannot be carried on goes
 * into quarantine.
 */
MUST_CHECK enum status step_run(struct service *service, const struct store_outbox_item *item,
                                int64_t *out_until_utc_us, struct fault *fault);

/*
 * Ends withdrawals whose time has passed before they were recorded, at most STORE_NAMES_MAX. *inout_after, zeros at
 * first and of one thread at a time, is from where on the next call looks: those that cannot be ended keep their places
 * from nobody, and are told in the log, not more than once in an hour. A fault: they could not be read.
 */
MUST_CHECK enum status step_expire(struct service *service, struct uuid *inout_after, struct fault *fault);

#endif
