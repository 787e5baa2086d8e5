/*
 * Withdrawals whose log ended. Each is one transaction of its own, so a start that is killed goes on where it was.
 */
#include "log_fork.h"

#include "policy/intent.h"
#include "policy/transaction.h"
#include "record.h"
#include "store/outbox.h"
#include "withdrawals.h"
#include "workers.h"

struct end {
    struct service *service;
    bool none_left;
};

/* Settling it (settle.c) takes this entry for the one that was recorded before the signature. */
static enum status log_quarantine(const struct end *end, struct store_tx *tx, const struct store_withdrawal *row,
                                  struct fault *fault)
{
    struct audit_event event;
    struct trail_ticket ticket;
    struct digest intent;
    struct digest transaction;
    intent_digest(&intent, row->intent.data, row->intent.len);
    transaction_id(&transaction, row->transaction.data, row->transaction.len);
    record_by_service(&event, end->service, &row->id, AUDIT_WITHDRAWAL_QUARANTINED, AUDIT_OUTCOME_ERROR);
    record_about(&event, &row->id);
    record_reason(&event, STATUS_LOG_ENDED);
    enum status status = audit_event_ref_add(&event, "intent", &intent, fault);
    if (status == STATUS_OK) {
        status = audit_event_ref_add(&event, "transaction", &transaction, fault);
    }
    if (status == STATUS_OK) {
        status = record_terms(&event, end->service, row, fault);
    }
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, end->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

static enum status quarantine(const struct end *end, struct store_tx *tx, struct store_withdrawal *row,
                              struct fault *fault)
{
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_LOG_ENDED)->code};
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_QUARANTINED, &change, fault);
    return status == STATUS_OK ? log_quarantine(end, tx, row, fault) : status;
}

/* Its row says that nobody was asked to sign it; a backup says so of what was promised since. Without the signer's word
 * nothing is free: the start is refused, and the next one begins here. */
static enum status end_open(const struct end *end, struct store_tx *tx, struct store_withdrawal *row,
                            struct fault *fault)
{
    struct service *service = end->service;
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_LOG_ENDED)->code};
    const struct workers_entry entry = {.action = AUDIT_WITHDRAWAL_REJECT, .reason = STATUS_LOG_ENDED};
    struct fault why = {0};
    bool promised = false;
    char id[UUID_TEXT_SIZE];
    enum status status =
        withdrawal_release(&promised, service, service->signers[WIRE_ROLE_TRANSFER], tx, &row->id, &why);
    if (promised) {
        return quarantine(end, tx, row, fault);
    }
    if (status != STATUS_OK) {
        uuid_format(id, &row->id);
        return fault_set(fault, status, why.where, "withdrawal %s of the log that ended cannot be ended: %s", id,
                         why.detail);
    }
    status = store_withdrawal_move(tx, row, WITHDRAWAL_REJECTED, &change, fault);
    return status == STATUS_OK ? workers_log(service, tx, row, &entry, fault) : status;
}

static enum status end_row(const struct end *end, struct store_tx *tx, struct store_withdrawal *row,
                           struct fault *fault)
{
    if (withdrawal_move_allowed(row->state, WITHDRAWAL_REJECTED)) {
        return end_open(end, tx, row, fault);
    }
    return row->state == WITHDRAWAL_QUARANTINED ? log_quarantine(end, tx, row, fault) : quarantine(end, tx, row, fault);
}

static enum status end_next_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct end *end = context;
    struct store_outbox_item item;
    struct store_withdrawal row = {0};
    struct fault why = {0};
    enum status status = store_outbox_end_next(&item, tx, &why);
    end->none_left = status == STATUS_NOT_FOUND;
    if (status != STATUS_OK) {
        return end->none_left ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
    }
    status = store_withdrawal_get_locked(&row, tx, &item.withdrawal, fault);
    if (status == STATUS_OK) {
        status = end_row(end, tx, &row, fault);
    }
    if (status == STATUS_OK) {
        status = store_outbox_done(tx, item.id, fault);
    }
    store_withdrawal_wipe(&row);
    return status;
}

enum status log_fork_end(struct service *service, struct fault *fault)
{
    struct end end = {.service = service};
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !end.none_left) {
        status = store_transact(service->store, end_next_in, &end, fault);
    }
    return status;
}
