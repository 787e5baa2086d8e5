/*
 * Under which key a withdrawal was asked for (Idempotency-Key). The row says so, and whoever writes to the database can
 * have it say something else: then a request that is repeated would be a second withdrawal, or would be answered by
 * another one. So the entry of the request names the key together with the request, and that is what counts.
 */
#ifndef STRONGROOM_CUSTODYD_ASKED_H
#define STRONGROOM_CUSTODYD_ASKED_H

#include "audit/event.h"
#include "service.h"
#include "store/withdrawal.h"

/* Adds the reference `request` to the entry of a request; `row`: idempotency_key and request. */
MUST_CHECK enum status asked_ref_add(struct audit_event *event, const struct store_withdrawal *row,
                                     struct fault *fault);

/*
 * Nobody has asked for `row` (all that a request has) before: STATUS_CORRUPT (`Idempotency-Key`) when one of the newest
 * signed entries of requests by this person with these terms names its key. One that no checkpoint covers yet is not
 * seen.
 */
MUST_CHECK enum status asked_check_new(const struct service *service, const struct store_withdrawal *row,
                                       struct fault *fault);

/*
 * Withdrawal `found` is the one that was asked for by `row` (key and request): STATUS_CORRUPT (`Idempotency-Key`) when
 * the signed entry of its request names another key or request. An entry that no checkpoint covers yet is not seen,
 * and one from before entries named them says nothing.
 */
MUST_CHECK enum status asked_check_again(const struct service *service, const struct uuid *found,
                                         const struct store_withdrawal *row, struct fault *fault);

#endif
