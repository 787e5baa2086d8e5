/*
 * What a withdrawal holds that ends before it is signed; and one that only seems to, since the signer promised it.
 */
#include "base/log.h"
#include "step_signature.h"
#include "store/lane.h"
#include "store/outbox.h"
#include "withdrawals.h"
#include "workers.h"

enum status withdrawal_drop(struct store_tx *tx, const struct uuid *id, struct fault *fault)
{
    enum status status = store_reservation_drop(tx, id, fault);
    if (status == STATUS_OK) {
        status = store_lane_free(tx, id, false, fault);
    }
    return status;
}

enum status withdrawal_release(bool *out_promised, struct service *service, struct wire_pool *signer,
                               struct store_tx *tx, const struct uuid *id, struct fault *fault)
{
    enum status status = step_end(out_promised, service, signer, tx, id, fault);
    return status == STATUS_OK ? withdrawal_drop(tx, id, fault) : status;
}

struct quarantine {
    struct service *service;
    struct uuid id;
    enum withdrawal_state state;
};

static enum status quarantine_row(struct quarantine *quarantine, struct store_tx *tx, struct store_withdrawal *row,
                                  struct fault *fault)
{
    const struct store_withdrawal_change change = {.reason = status_info(STATUS_CONFLICT)->code};
    const struct workers_entry entry = {.action = AUDIT_WITHDRAWAL_QUARANTINED, .reason = STATUS_CONFLICT};
    enum status status = store_withdrawal_move(tx, row, WITHDRAWAL_QUARANTINED, &change, fault);
    if (status == STATUS_OK) {
        status = store_outbox_drop(tx, &row->id, fault);
    }
    if (status == STATUS_OK) {
        status = workers_log(quarantine->service, tx, row, &entry, fault);
    }
    return status;
}

/* What has gone on since, or ended, is left as it is. */
static enum status quarantine_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct quarantine *quarantine = context;
    struct store_withdrawal row = {0};
    enum status status = store_withdrawal_get_locked(&row, tx, &quarantine->id, fault);
    if (status == STATUS_OK && withdrawal_move_allowed(row.state, WITHDRAWAL_REJECTED)) {
        status = quarantine_row(quarantine, tx, &row, fault);
    }
    quarantine->state = row.state;
    store_withdrawal_wipe(&row);
    return status;
}

enum status withdrawal_quarantine(enum withdrawal_state *out_state, struct service *service, struct store *store,
                                  const struct uuid *id, struct fault *fault)
{
    struct quarantine quarantine = {.service = service, .id = *id};
    char text[UUID_TEXT_SIZE];
    enum status status = store_transact(store, quarantine_in, &quarantine, fault);
    if (status == STATUS_OK) {
        *out_state = quarantine.state;
    }
    if (status == STATUS_OK && quarantine.state == WITHDRAWAL_QUARANTINED) {
        uuid_format(text, id);
        log_event(LOG_LEVEL_WARNING, "withdrawal.promised", "withdrawal", text, "detail",
                  "in quarantine: its row says that nobody was asked to sign it, and the signer promised it", NULL);
    }
    return status;
}
