/*
 * The end of withdrawals whose time has passed before anybody was asked to sign.
 */
#include "steps.h"
#include "withdrawals.h"
#include "workers.h"

#define EXPIRE_LIMIT 100

struct expiry {
    struct service *service;
    struct store_withdrawal_list list;
};

static enum status list_expired_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct expiry *expiry = context;
    store_withdrawal_list_free(&expiry->list);
    return store_withdrawal_list_expired(&expiry->list, tx, clock_utc_us(expiry->service->clock), EXPIRE_LIMIT, fault);
}

/* One of them. */
struct ending {
    struct service *service;
    struct store_withdrawal row; /* borrowed from the list */
};

static enum status expire_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct ending *ending = context;
    struct store_withdrawal row = ending->row; /* borrowed */
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_EXPIRED)->code};
    enum status status = store_withdrawal_move(tx, &row, WITHDRAWAL_EXPIRED, &change, fault);
    if (status == STATUS_OK) {
        status = withdrawal_release(tx, &row.id, fault);
    }
    if (status == STATUS_OK) {
        const struct workers_entry entry = {.action = AUDIT_WITHDRAWAL_EXPIRE, .reason = STATUS_OK};
        status = workers_log(ending->service, tx, &row, &entry, fault);
    }
    return status;
}

enum status step_expire(struct service *service, struct fault *fault)
{
    struct expiry expiry = {.service = service};
    enum status status = store_transact(service->store, list_expired_in, &expiry, fault);
    for (size_t i = 0; status == STATUS_OK && i < expiry.list.count; i++) {
        struct ending ending = {.service = service, .row = expiry.list.rows[i]};
        if (!withdrawal_move_allowed(ending.row.state, WITHDRAWAL_EXPIRED)) {
            continue; /* recorded or later: only the ledger's verdict ends it */
        }
        status = store_transact(service->store, expire_in, &ending, fault);
        if (status == STATUS_CONFLICT) { /* somebody moved it first: not expired then */
            fault_clear(fault);
            status = STATUS_OK;
        }
    }
    store_withdrawal_list_free(&expiry.list);
    return status;
}
