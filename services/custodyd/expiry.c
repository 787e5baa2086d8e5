/*
 * The end of withdrawals whose time has passed before anybody was asked to sign. Each of them by itself: one that
 * cannot be ended keeps no other from it.
 */
#include "steps.h"
#include "withdrawals.h"
#include "workers.h"

struct expiry {
    struct service *service;
    struct uuid after;
    struct store_withdrawal_names page;
};

static enum status list_expired_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct expiry *expiry = context;
    return store_withdrawal_expired(&expiry->page, tx, clock_utc_us(expiry->service->clock), &expiry->after, fault);
}

/* One of them. */
struct ending {
    struct service *service;
    struct uuid id;
};

static enum status expire_row(struct store_tx *tx, struct service *service, struct store_withdrawal *row,
                              struct fault *fault)
{
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_EXPIRED)->code};
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_EXPIRED, &change, fault);
    if (status == STATUS_OK) {
        status = withdrawal_release(service, tx, &row->id, fault);
    }
    if (status == STATUS_OK) {
        const struct workers_entry entry = {.action = AUDIT_WITHDRAWAL_EXPIRE, .reason = STATUS_OK};
        status = workers_log(service, tx, row, &entry, fault);
    }
    return status;
}

static enum status expire_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct ending *ending = context;
    struct store_withdrawal row;
    enum status status = store_withdrawal_get(&row, tx, &ending->id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (withdrawal_move_allowed(row.state, WITHDRAWAL_EXPIRED)) { /* it may have gone on since the page was read */
        status = expire_row(tx, ending->service, &row, fault);
    }
    store_withdrawal_wipe(&row);
    return status;
}

static enum status expire_one(struct service *service, const struct uuid *id, struct fault *fault)
{
    struct ending ending = {.service = service, .id = *id};
    struct fault why = {0};
    char text[UUID_TEXT_SIZE];
    enum status status = store_transact(service->store, expire_in, &ending, &why);
    if (status == STATUS_OK || status == STATUS_CONFLICT) { /* somebody moved it first, or it was signed (step_end) */
        return STATUS_OK;
    }
    uuid_format(text, id);
    return fault_set(fault, status, why.where, "withdrawal %s: %s", text, why.detail);
}

enum status step_expire(struct service *service, struct uuid *inout_after, struct fault *fault)
{
    struct expiry expiry = {.service = service, .after = *inout_after};
    enum status status = store_transact(service->store, list_expired_in, &expiry, fault);
    for (size_t i = 0; i < expiry.page.count; i++) {
        enum status ended = expire_one(service, &expiry.page.ids[i], fault);
        if (ended == STATUS_UNAVAILABLE || ended == STATUS_TIMED_OUT) {
            return ended; /* signer or database are away, for all of them */
        }
        status = status == STATUS_OK ? ended : status; /* the first fault stays */
    }
    bool more = expiry.page.count == STORE_NAMES_MAX;
    *inout_after = more ? expiry.page.ids[STORE_NAMES_MAX - 1] : (struct uuid){0};
    return status;
}
