/*
 * Withdrawals by their entries.
 */
#include "history.h"

#include <time.h>

#include "base/log.h"
#include "policy/intent.h"
#include "policy/transaction.h"
#include "record.h"
#include "store/pending.h"
#include "trail_leaf.h"
#include "trail_ordinal.h"
#include "trail_signed.h"

#define LONG_OVER_US (3600 * INT64_C(1000000))
#define LOOK_AGAIN_MS 200

void history_wipe(struct history *history)
{
    store_leaf_list_free(&history->entries);
}

enum status history_read(struct history *out, struct service *service, const struct uuid *withdrawal,
                         struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    size_t left_out = 0;
    uuid_format(id, withdrawal);
    const struct store_leaf_filter filter = {.otype = RECORD_WITHDRAWAL, .oid = id, .limit = STORE_LEAVES_MAX};
    enum status status = trail_signed_list(&out->entries, &left_out, service->trail, &filter, fault);
    if (status != STATUS_OK) {
        return status;
    }
    trail_ordinals_note(service->trail, &out->entries);
    out->whole = left_out == 0 && out->entries.count < STORE_LEAVES_MAX;
    for (size_t i = 0; i < out->entries.count; i++) {
        out->whole = out->whole && out->entries.rows[i].ord == i + 1;
    }
    return STATUS_OK;
}

static enum status unrecorded(struct fault *fault)
{
    return fault_set(fault, STATUS_UNRECORDED, "withdrawal", "the trail has not the entries that lead to this");
}

/* Rows of a later time than the trail (docs/rebuild.md) are not on their way: nothing was ever numbered so here. */
static enum status check_numbered(const struct store_tx *tx, const struct uuid *withdrawal, uint64_t ordinal,
                                  struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    uint64_t last = 0;
    uuid_format(id, withdrawal);
    enum status status = store_ordinal_last(tx, &last, RECORD_WITHDRAWAL, id, fault);
    return status == STATUS_OK && last < ordinal ? unrecorded(fault) : status;
}

static enum status on_its_way(struct fault *fault)
{
    return fault_set(fault, STATUS_NOT_READY, "trail", "the entry before this is not under a signed checkpoint yet");
}

struct numbering {
    const struct uuid *withdrawal;
    uint64_t ordinal;
};

static enum status numbered_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    const struct numbering *numbering = context;
    return check_numbered(tx, numbering->withdrawal, numbering->ordinal, fault);
}

/* Whether an entry of it was numbered, and a decision about it is awaited. */
static enum status awaited_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    const struct uuid *withdrawal = context;
    struct store_withdrawal row = {0};
    enum status status = check_numbered(tx, withdrawal, 1, fault);
    if (status == STATUS_OK) {
        status = store_withdrawal_get(&row, tx, withdrawal, fault);
    }
    bool open = row.state == WITHDRAWAL_RESERVED || row.state == WITHDRAWAL_APPROVING;
    store_withdrawal_wipe(&row);
    return status == STATUS_OK && !open ? fault_set(fault, STATUS_CONFLICT, "state", "no decision is awaited") : status;
}

bool history_may_come(const struct history *history, struct service *service, const struct uuid *withdrawal)
{
    struct uuid id = *withdrawal;
    struct fault why = {0};
    return history->whole && history->entries.count == 0 &&
           store_read(service->store, awaited_in, &id, &why) == STATUS_OK;
}

enum status history_await(struct history *inout, struct service *service, const struct uuid *withdrawal,
                          struct fault *fault)
{
    const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
    int64_t end_us = clock_monotonic_us(service->clock) + service->options.trail_timeout_ms * 1000;
    char id[UUID_TEXT_SIZE];
    enum status status = STATUS_OK;
    uuid_format(id, withdrawal);
    log_event(LOG_LEVEL_INFO, "decision.waits", "withdrawal", id, "for", "a checkpoint over its request", NULL);
    while (status == STATUS_OK && clock_monotonic_us(service->clock) < end_us && !trail_is_halted(service->trail) &&
           history_may_come(inout, service, withdrawal)) {
        history_wipe(inout);
        (void)nanosleep(&pause, NULL);
        status = history_read(inout, service, withdrawal, fault);
    }
    return status;
}

/* What ended before it was signed stays ended, whatever its row says. A refused attempt ended nothing. */
static enum status check_open(const struct history *history, struct fault *fault)
{
    static const enum audit_action ends[] = {AUDIT_WITHDRAWAL_CANCEL, AUDIT_WITHDRAWAL_EXPIRE, AUDIT_WITHDRAWAL_REJECT,
                                             AUDIT_WITHDRAWAL_FAILED};
    for (size_t i = 0; i < history->entries.count; i++) {
        const struct store_leaf *entry = &history->entries.rows[i];
        for (size_t k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
            if (strcmp(entry->act, audit_action_text(ends[k])) == 0 &&
                strcmp(entry->outcome, audit_outcome_text(AUDIT_OUTCOME_DENY)) != 0) {
                return fault_set(fault, STATUS_CONFLICT, "state", "it ended by %s, entry %llu of the trail", entry->act,
                                 (unsigned long long)entry->seq);
            }
        }
    }
    return STATUS_OK;
}

/* Where it begins with what somebody asked for. */
static const struct store_leaf *request_of(const struct history *history)
{
    const struct store_leaf *first = history->entries.rows;
    bool is_request = history->entries.count > 0 && first->ord == 1 &&
                      strcmp(first->act, audit_action_text(AUDIT_WITHDRAWAL_REQUEST)) == 0 &&
                      strcmp(first->outcome, audit_outcome_text(AUDIT_OUTCOME_OK)) == 0;
    return is_request ? first : NULL;
}

static enum status check_told(const struct history *history, struct fault *fault)
{
    if (!history->whole) {
        return fault_set(fault, STATUS_CORRUPT, "trail", "does not show all entries of the withdrawal");
    }
    return request_of(history) == NULL ? unrecorded(fault) : check_open(history, fault);
}

bool history_asked(struct digest *out, const struct history *history)
{
    const struct store_leaf *request = request_of(history);
    return request != NULL && trail_leaf_ref(out, request, INTENT_KIND);
}

/* People decide about the intent that was asked for. */
static enum status check_intent(const struct history *history, const struct store_withdrawal *row, struct fault *fault)
{
    struct digest asked;
    struct digest is;
    intent_digest(&is, row->intent.data, row->intent.len);
    return history_asked(&asked, history) && digest_equal(&asked, &is)
               ? STATUS_OK
               : fault_set(fault, STATUS_MISMATCH, "intent", "is not the one that the entry of the request names");
}

enum status history_check(const struct history *history, const struct store_tx *tx, const struct store_withdrawal *row,
                          struct fault *fault)
{
    if (history->whole && history->entries.count == 0) {
        enum status status = check_numbered(tx, &row->id, 1, fault);
        return status == STATUS_OK ? on_its_way(fault) : status;
    }
    enum status status = check_told(history, fault);
    return status == STATUS_OK ? check_intent(history, row, fault) : status;
}

static bool is_over_at(int64_t at_utc_us, const struct bytes *intent)
{
    struct intent asked;
    return intent_decode(&asked, intent->data, intent->len, NULL) == STATUS_OK &&
           at_utc_us - asked.expires_at >= LONG_OVER_US;
}

bool history_is_over(const struct service *service, const struct bytes *intent)
{
    return is_over_at(clock_utc_us(service->clock), intent);
}

bool history_is_closed(struct service *service, const struct bytes *intent)
{
    const struct store_leaf_filter any = {.act = NULL};
    struct store_leaf_list newest = {0};
    struct fault why = {0};
    bool closed = history_is_over(service, intent) &&
                  trail_signed_newest(&newest, service->trail, &any, &why) == STATUS_OK && newest.count > 0 &&
                  is_over_at(newest.rows[0].ts_utc_us, intent);
    store_leaf_list_free(&newest);
    return closed;
}

struct looking {
    const struct store_withdrawal *row;
    struct history history;
};

static enum status goes_on_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    const struct looking *looking = context;
    return history_check(&looking->history, tx, looking->row, fault);
}

enum status history_goes_on(struct service *service, const struct store_withdrawal *row, struct fault *fault)
{
    struct looking looking = {.row = row};
    enum status status = history_read(&looking.history, service, &row->id, fault);
    if (status == STATUS_OK) {
        status = store_read(service->store, goes_on_in, &looking, fault);
    }
    history_wipe(&looking.history);
    return status;
}

/* Out: empty when it is not there. */
static void take_entry(struct store_leaf *out, struct history *history, enum audit_action action, uint64_t ordinal)
{
    struct store_leaf *found = NULL;
    for (size_t i = 0; i < history->entries.count; i++) {
        struct store_leaf *entry = &history->entries.rows[i];
        bool fits = strcmp(entry->act, audit_action_text(action)) == 0 && (ordinal == 0 || entry->ord == ordinal);
        found = fits ? entry : found;
    }
    if (found != NULL) {
        *out = *found;
        found->raw = (struct bytes){0}; /* transferred */
    }
}

enum status history_entry(struct store_leaf *out, struct service *service, const struct store_outbox_item *item,
                          enum audit_action action, struct fault *fault)
{
    struct history history = {.whole = false};
    struct numbering numbering = {.withdrawal = &item->withdrawal, .ordinal = item->entry};
    *out = (struct store_leaf){0};
    enum status status = history_read(&history, service, &item->withdrawal, fault);
    if (status == STATUS_OK) {
        take_entry(out, &history, action, item->entry);
        if (!history.whole || history.entries.count > 0) {
            status = check_told(&history, fault);
        }
    }
    bool missing = status == STATUS_OK && out->raw.len == 0;
    if (missing && item->entry > 0 && history.entries.count >= item->entry) {
        status = unrecorded(fault); /* another entry has its number */
    } else if (missing) {
        status = store_read(service->store, numbered_in, &numbering, fault);
        status = status == STATUS_OK ? on_its_way(fault) : status;
    }
    history_wipe(&history);
    return status;
}

enum status history_check_signed(struct service *service, const struct store_withdrawal *row, struct fault *fault)
{
    char id[UUID_TEXT_SIZE];
    struct digest transaction;
    struct digest recorded;
    struct store_leaf_list list = {0};
    uuid_format(id, &row->id);
    transaction_id(&transaction, row->transaction.data, row->transaction.len);
    const struct store_leaf_filter filter = {
        .act = audit_action_text(AUDIT_WITHDRAWAL_SIGNING), .otype = RECORD_WITHDRAWAL, .oid = id};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    if (status == STATUS_OK && list.count == 0) {
        status = history_is_closed(service, &row->intent) ? unrecorded(fault) : on_its_way(fault);
    } else if (status == STATUS_OK &&
               !(trail_leaf_ref(&recorded, &list.rows[0], TRANSACTION_KIND) && digest_equal(&recorded, &transaction))) {
        status = fault_set(fault, STATUS_MISMATCH, "transaction", "is not the one that was recorded to be signed");
    }
    store_leaf_list_free(&list);
    return status;
}
