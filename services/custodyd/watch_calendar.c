/*
 * The calendar of the keys: restore drills, cryptoperiods, proofs of control; and the drill of a compromise, which is
 * everybody's. Dates come from documents that verified, that drill's from the trail; a date that passed is told once
 * and stays an alarm until somebody has done what was due.
 */
#include "key_address.h"
#include "record.h"
#include "trail_signed.h"
#include "watch_core.h"

#define DAY_US (24LL * 3600 * 1000000)
#define WARNING_US (30 * DAY_US)
#define COMPROMISE_DRILL_US (366 * DAY_US)

static bool in_use(const struct watched *key)
{
    return key->entry.state == KEY_STATE_INACTIVE || key->entry.state == KEY_STATE_ACTIVE ||
           key->entry.state == KEY_STATE_SUSPENDED;
}

static enum status tell_drill(struct watch *watch, const struct watched *key, int64_t now, struct fault *fault)
{
    int64_t due = key->entry.key.restored_at + key->document.drill_days * DAY_US;
    char text[TIME_TEXT_SIZE];
    if (key->document.backup == KEY_BACKUP_NONE || (!in_use(key) && key->entry.state != KEY_STATE_RETAINED)) {
        return STATUS_OK;
    }
    struct news news = {.action = AUDIT_KEY_DRILL_OVERDUE, .calm = now < due, .value = now < due ? "done" : "overdue"};
    news.reason = now < due ? STATUS_OK : STATUS_EXPIRED;
    news.since_utc_us = due;
    watch_key_news(&news, key, "drill");
    time_format(text, due);
    news_fact(&news, "due", text);
    return watch_tell(watch, &news, fault);
}

static enum status tell_period(struct watch *watch, const struct watched *key, int64_t now, struct fault *fault)
{
    int64_t end = key->document.valid_until;
    char text[TIME_TEXT_SIZE];
    if (!in_use(key) && key->entry.state != KEY_STATE_RETAINED) {
        return STATUS_OK;
    }
    struct news news = {.action = AUDIT_KEY_CRYPTOPERIOD, .calm = now < end - WARNING_US};
    news.value = news.calm ? "running" : now < end ? "ending" : "over";
    news.reason = now >= end && in_use(key) ? STATUS_EXPIRED : STATUS_OK;
    news.since_utc_us = end;
    watch_key_news(&news, key, "cryptoperiod");
    time_format(text, end);
    news_fact(&news, "phase", news.value);
    news_fact(&news, "valid_until", text);
    return watch_tell(watch, &news, fault);
}

static enum status tell_proof(struct watch *watch, const struct watched *key, int64_t now, struct fault *fault)
{
    struct key_proof proof;
    char text[TIME_TEXT_SIZE];
    if (!key_state_attests(key->entry.state)) {
        return STATUS_OK;
    }
    key_proof_judge(&proof, key_address_interval_us(watch->service, &key->document), key->attested_at_utc_us,
                    key->entry.key.restored_at, now);
    struct news news = {.action = AUDIT_KEY_ATTESTATION_OVERDUE, .value = key_proof_text(proof.standing)};
    news.calm = proof.standing == KEY_PROOF_FRESH;
    news.reason = proof.standing == KEY_PROOF_OVERDUE ? STATUS_EXPIRED : STATUS_OK;
    news.since_utc_us = proof.overdue_at;
    watch_key_news(&news, key, "attestation");
    time_format(text, key->attested_at_utc_us);
    news_fact(&news, "attested_at", text);
    time_format(text, proof.overdue_at);
    news_fact(&news, "due", text);
    news_fact(&news, "standing", news.value);
    return watch_tell(watch, &news, fault);
}

enum status watch_calendar(struct watch *watch, const struct watched *key, struct fault *fault)
{
    static enum status (*const tellers[])(struct watch * watch, const struct watched *key, int64_t now,
                                          struct fault *fault) = {tell_drill, tell_period, tell_proof};
    int64_t now = clock_utc_us(watch->service->clock);
    enum status status = STATUS_OK;
    for (size_t i = 0; key->documented && i < sizeof(tellers) / sizeof(tellers[0]); i++) {
        enum status told = tellers[i](watch, key, now, fault);
        status = status == STATUS_OK ? told : status;
    }
    return status;
}

/*
 * The last drill in the trail; before the first one, the first day of what is kept. An oldest entry that is not what
 * was signed shows no first day: then the drill is due now.
 */
static enum status read_last_drill(int64_t *out_utc_us, const struct service *service, struct fault *fault)
{
    const struct store_leaf_filter filter = {.act = audit_action_text(AUDIT_COMPROMISE_DRILL),
                                             .outcome = audit_outcome_text(AUDIT_OUTCOME_OK)};
    const struct store_leaf_filter any = {.limit = 1};
    struct store_leaf_list list = {0};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    if (status == STATUS_OK && list.count == 0) {
        store_leaf_list_free(&list);
        status = trail_signed_list(&list, NULL, service->trail, &any, fault);
    }
    if (status == STATUS_OK) {
        *out_utc_us = list.count > 0 ? list.rows[0].ts_utc_us : clock_utc_us(service->clock) - COMPROMISE_DRILL_US;
    }
    store_leaf_list_free(&list);
    return status;
}

enum status watch_compromise_drill(struct watch *watch, struct fault *fault)
{
    int64_t last = 0;
    char text[TIME_TEXT_SIZE];
    struct fault why = {0};
    enum status status = read_last_drill(&last, watch->service, &why);
    if (status == STATUS_NOT_READY) {
        return STATUS_OK; /* no entry is signed yet, or known here to be */
    }
    if (status != STATUS_OK) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    int64_t now = clock_utc_us(watch->service->clock);
    struct trail_doubted doubted;
    bool overdue = now >= last + COMPROMISE_DRILL_US;
    bool unknown = overdue && trail_doubted(&doubted, watch->service->trail); /* one of those may be the drill */
    struct news news = {.action = AUDIT_COMPROMISE_DRILL_OVERDUE,
                        .object_type = RECORD_COMPROMISE,
                        .object_id = "drill",
                        .subject = "compromise/drill",
                        .calm = !overdue,
                        .value = unknown   ? "unknown"
                                 : overdue ? "overdue"
                                           : "done",
                        .reason = unknown   ? STATUS_CORRUPT
                                  : overdue ? STATUS_EXPIRED
                                            : STATUS_OK,
                        .since_utc_us = last + COMPROMISE_DRILL_US};
    time_format(text, last + COMPROMISE_DRILL_US);
    news_fact(&news, "due", text);
    return watch_tell(watch, &news, fault);
}
