/*
 * The workers: threads that carry approved withdrawals on to their end, step by step from the outbox (steps.c), and end
 * those that have expired. They can be killed at any point; the next start goes on from the database, the guard and the
 * ledger.
 */
#ifndef STRONGROOM_CUSTODYD_WORKERS_H
#define STRONGROOM_CUSTODYD_WORKERS_H

#include "audit/event.h"
#include "service.h"
#include "store/withdrawal.h"

struct worker_pool;

/* Starts the threads. Out: workers_stop. */
MUST_CHECK enum status workers_start(struct worker_pool **out, struct service *service, unsigned threads,
                                     struct fault *fault);

/* There is work. NULL is fine. */
void workers_wake(struct worker_pool *pool);

/* Lets the steps under way end, joins, frees. NULL is fine. */
void workers_stop(struct worker_pool *pool);

/* What the service itself did about a withdrawal. */
struct workers_entry {
    enum audit_action action;
    enum status reason;       /* STATUS_OK: outcome ok; another: outcome error with that reason */
    const struct digest *key; /* id of the one that signed; NULL: none did */
};

/* Enqueues the entry, without waiting for it. */
MUST_CHECK enum status workers_log(struct service *service, struct store_tx *tx, const struct store_withdrawal *row,
                                   const struct workers_entry *entry, struct fault *fault);

#endif
