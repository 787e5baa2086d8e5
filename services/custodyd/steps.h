/*
 * The steps of a withdrawal after its approval: record, sign, submit, confirm. One outbox item is one step.
 */
#ifndef STRONGROOM_CUSTODYD_STEPS_H
#define STRONGROOM_CUSTODYD_STEPS_H

#include "service.h"
#include "store/outbox.h"

/*
 * Does the step of an item. STATUS_OK: done, and its result recorded. A retryable status (STATUS_KEY_INACTIVE, too):
 * try the item again later. Anything else: the step met what people must look at; the item stays. A withdrawal that is
 * signed already and cannot be carried on goes into quarantine.
 */
MUST_CHECK enum status step_run(struct service *service, const struct store_outbox_item *item, struct fault *fault);

/* Ends withdrawals whose time has passed before they were recorded, at most 100. */
MUST_CHECK enum status step_expire(struct service *service, struct fault *fault);

#endif
