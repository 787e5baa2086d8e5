/*
 * Withdrawals that were announced to the signer and wait for their delay: an alarm of everybody until it is over, so
 * that nobody can say that they did not see it coming. Which they are and what they pay the signed trail says, and when
 * it is over; a row may only say that one still waits, and until when.
 */
#include "history.h"
#include "record.h"
#include "store/outbox.h"
#include "trail_signed.h"
#include "watch_core.h"

#define ANNOUNCED_MAX 256 /* that are told; the others when these are over */
#define SOON_US 10000000  /* in which the signer says until when */

static int compare(const void *a, const void *b)
{
    const struct announced *one = a;
    const struct announced *other = b;
    return one->seq < other->seq ? -1 : one->seq > other->seq;
}

static enum status take_entry(struct watch *watch, const struct store_leaf *entry, struct fault *fault)
{
    struct announced taken = {.seq = entry->seq, .at_utc_us = entry->ts_utc_us};
    if (uuid_parse(&taken.withdrawal, entry->oid) != STATUS_OK ||
        name_parse(&taken.terms.wallet, entry->wallet) != STATUS_OK) {
        return STATUS_OK; /* none that a signer takes */
    }
    for (size_t i = 0; i < watch->announced_count; i++) {
        if (uuid_equal(&watch->announced[i].withdrawal, &taken.withdrawal)) {
            return STATUS_OK;
        }
    }
    struct announced *grown = realloc(watch->announced, (watch->announced_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "announced", "%s", "");
    }
    memcpy(taken.terms.amount, entry->amount, sizeof(taken.terms.amount));
    (void)snprintf(taken.terms.asset, sizeof(taken.terms.asset), "%.*s", DIGEST_HEX_LEN, entry->asset);
    (void)snprintf(taken.terms.destination, sizeof(taken.terms.destination), "%.*s",
                   (int)sizeof(taken.terms.destination) - 1, entry->destination);
    watch->announced = grown;
    watch->announced[watch->announced_count++] = taken;
    return STATUS_OK;
}

/* Nothing that was announced before is open any more. */
static int64_t oldest(const struct watch *watch)
{
    int64_t life_s = watch->service->options.withdrawal_ttl_s + POLICY_DELAY_MAX_S;
    return clock_utc_us(watch->service->clock) - life_s * 1000000;
}

/* What is over need not be known when it is not found again. */
static void forget(struct watch *watch, uint64_t below)
{
    size_t left = 0;
    for (size_t i = 0; i < watch->announced_count; i++) {
        if (!watch->announced[i].over || watch->announced[i].seq >= below) {
            watch->announced[left++] = watch->announced[i];
        }
    }
    watch->announced_count = left;
}

static enum status find(struct watch *watch, struct fault *fault)
{
    watch->announcements.action = AUDIT_WITHDRAWAL_ANNOUNCED;
    watch->announcements.oldest_utc_us = oldest(watch);
    watch->announcements.take = take_entry;
    enum status status = watch_entries_find(watch, &watch->announcements, fault);
    if (status == STATUS_OK) {
        forget(watch, watch->announcements.again);
    }
    return status;
}

/* When it is over */

static bool ends(const struct store_leaf *entry)
{
    static const enum audit_action acts[] = {
        AUDIT_WITHDRAWAL_SIGNING, AUDIT_WITHDRAWAL_REJECT,      AUDIT_WITHDRAWAL_CANCEL, AUDIT_WITHDRAWAL_EXPIRE,
        AUDIT_WITHDRAWAL_FAILED,  AUDIT_WITHDRAWAL_QUARANTINED, AUDIT_WITHDRAWAL_VETO};
    bool found = false;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        found = found || strcmp(entry->act, audit_action_text(acts[i])) == 0;
    }
    return found && strcmp(entry->outcome, audit_outcome_text(AUDIT_OUTCOME_DENY)) != 0;
}

static enum status look_for_end(struct announced *inout, struct service *service, struct fault *fault)
{
    struct history history = {.whole = false};
    enum status status = history_read(&history, service, &inout->withdrawal, fault);
    for (size_t i = 0; status == STATUS_OK && i < history.entries.count; i++) {
        inout->over = inout->over || ends(&history.entries.rows[i]);
    }
    history_wipe(&history);
    return status;
}

/* What its rows say. */
struct said {
    const struct uuid *withdrawal;
    bool waits;
    int64_t until_utc_us; /* 0: not known */
};

static enum status ask_rows_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct said *said = context;
    struct store_withdrawal row = {0};
    struct store_outbox_wait wait = {.until_utc_us = 0};
    struct fault why = {0};
    enum status status = store_withdrawal_get(&row, tx, said->withdrawal, &why);
    said->waits = status == STATUS_OK && row.state == WITHDRAWAL_APPROVED;
    store_withdrawal_wipe(&row);
    if (said->waits) {
        status = store_outbox_wait_get(&wait, tx, said->withdrawal, &why);
        said->until_utc_us = status == STATUS_OK ? wait.until_utc_us : 0;
    }
    return status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_CORRUPT
               ? STATUS_OK
               : fault_set(fault, status, why.where, "%s", why.detail);
}

/* Telling */

static enum status tell(struct watch *watch, const struct announced *item, int64_t until_utc_us, struct fault *fault)
{
    char at[TIME_TEXT_SIZE];
    char version[24];
    struct news news = {.action = AUDIT_WITHDRAWAL_WAITING,
                        .object_type = RECORD_WITHDRAWAL,
                        .reason = STATUS_NOT_READY,
                        .value = "waiting"};
    uuid_format(news.object_id, &item->withdrawal);
    (void)snprintf(news.subject, sizeof(news.subject), "withdrawal/%s", news.object_id);
    (void)snprintf(version, sizeof(version), "%lld", (long long)service_policy(watch->service)->version);
    if (until_utc_us != 0) {
        time_format(at, until_utc_us);
        news_fact(&news, "sign_at", at);
    }
    news_fact(&news, "amount", item->terms.amount);
    news_fact(&news, "asset", item->terms.asset);
    news_fact(&news, "destination", item->terms.destination);
    news_fact(&news, "version", version);
    news_fact(&news, "wallet", item->terms.wallet.text);
    return watch_tell(watch, &news, fault);
}

/* Adds it to the alarms unless it is over, or so new that the signer was not heard yet. */
static enum status look_at(struct watch *watch, struct announced *item, struct fault *fault)
{
    struct said said = {.withdrawal = &item->withdrawal};
    item->over = item->at_utc_us < oldest(watch); /* also of one whose rows are gone, which no entry ends */
    int64_t age_us = clock_utc_us(watch->service->clock) - item->at_utc_us;
    enum status status = store_read(watch->service->store, ask_rows_in, &said, fault);
    if (status == STATUS_OK && !said.waits) {
        status = look_for_end(item, watch->service, fault);
    }
    bool early = said.until_utc_us == 0 && age_us >= 0 && age_us < SOON_US;
    return status == STATUS_OK && !item->over && !early ? tell(watch, item, said.until_utc_us, fault) : status;
}

enum status watch_announced(struct watch *watch, struct fault *fault)
{
    struct fault why = {0};
    size_t told = 0;
    enum status status = find(watch, &why);
    if (watch->announced_count > 0) {
        qsort(watch->announced, watch->announced_count, sizeof(*watch->announced), compare);
    }
    for (size_t i = 0; i < watch->announced_count && told < ANNOUNCED_MAX; i++) {
        enum status looked = watch->announced[i].over ? STATUS_OK : look_at(watch, &watch->announced[i], &why);
        told += watch->announced[i].over ? 0 : 1;
        status = status == STATUS_OK ? looked : status;
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}
