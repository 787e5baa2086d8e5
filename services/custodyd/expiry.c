/*
 * The end of withdrawals whose time has passed before anybody was asked to sign. Each of them by itself: one that
 * cannot be ended keeps no other from it, and is tried again in a second; that is told once in an hour.
 */
#include "base/log.h"
#include "rarely.h"
#include "steps.h"
#include "withdrawals.h"
#include "workers.h"

struct expiry {
    struct service *service;
    struct uuid after;
    struct store_withdrawal_names page;
};

static enum status list_expired_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct expiry *expiry = context;
    return store_withdrawal_expired(&expiry->page, tx, clock_utc_us(expiry->service->clock), &expiry->after, fault);
}

/* One of them. */
struct ending {
    struct service *service;
    struct uuid id;
    bool promised; /* the signer did, so that it does not end */
};

static enum status expire_row(struct ending *ending, struct store_tx *tx, struct store_withdrawal *row,
                              struct fault *fault)
{
    struct service *service = ending->service;
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_EXPIRED)->code};
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_EXPIRED, &change, fault);
    if (status == STATUS_OK) {
        status =
            withdrawal_release(&ending->promised, service, service->signers[WIRE_ROLE_TRANSFER], tx, &row->id, fault);
    }
    if (status == STATUS_OK) {
        const struct workers_entry entry = {.action = AUDIT_WITHDRAWAL_EXPIRE, .reason = STATUS_OK};
        status = workers_log(service, tx, row, &entry, fault);
    }
    return status;
}

static enum status expire_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct ending *ending = context;
    struct store_withdrawal row;
    enum status status = store_withdrawal_get(&row, tx, &ending->id, fault);
    if (status != STATUS_OK) {
        return status;
    }
    if (withdrawal_move_allowed(row.state, WITHDRAWAL_EXPIRED)) { /* it may have gone on since the page was read */
        status = expire_row(ending, tx, &row, fault);
    }
    store_withdrawal_wipe(&row);
    return status;
}

void withdrawal_tell_undone(struct service *service, const char *event, const struct uuid *id, const struct fault *why)
{
    struct fault named = {0};
    uint64_t left_out = 0;
    char text[UUID_TEXT_SIZE];
    char about[NAME_SIZE];
    const struct status_info *info = status_info(why->status);
    bool of_all = info->retryable || why->status == STATUS_ROLLBACK || why->status == STATUS_HALTED;
    uuid_format(text, id);
    (void)snprintf(about, sizeof(about), "%s/%s", event, of_all ? info->code : text);
    if (rarely_tell(service->undone_told, &left_out, about)) {
        (void)fault_set(&named, why->status, why->where, "withdrawal %s: %s", text, why->detail);
        log_fault(event, &named);
    }
}

static enum status expire_one(struct service *service, const struct uuid *id)
{
    struct ending ending = {.service = service, .id = *id};
    struct fault why = {0};
    enum withdrawal_state state = WITHDRAWAL_EXPIRED;
    enum status status = store_transact(service->store, expire_in, &ending, &why);
    if (status == STATUS_CONFLICT) { /* somebody moved it first, or it was promised */
        fault_clear(&why);
        status = ending.promised ? withdrawal_quarantine(&state, service, service->store, id, &why) : STATUS_OK;
    }
    if (status != STATUS_OK) {
        withdrawal_tell_undone(service, "expire", id, &why);
    }
    return status;
}

enum status step_expire(struct service *service, struct uuid *inout_after, struct fault *fault)
{
    struct expiry expiry = {.service = service, .after = *inout_after};
    enum status status = store_read(service->store, list_expired_in, &expiry, fault);
    for (size_t i = 0; i < expiry.page.count; i++) {
        enum status ended = expire_one(service, &expiry.page.ids[i]);
        if (ended == STATUS_UNAVAILABLE || ended == STATUS_TIMED_OUT) {
            *inout_after = expiry.page.ids[i]; /* signer or database are away, or a row says so: go on behind it then */
            return STATUS_OK;
        }
    }
    bool more = expiry.page.count == STORE_NAMES_MAX;
    *inout_after = more ? expiry.page.ids[STORE_NAMES_MAX - 1] : (struct uuid){0};
    return status;
}
