/*
 * The watcher. One thread, which never holds a lock while it waits for a signer or the database; what it saw stands on
 * the board for everybody else. It acts on nothing it sees but copied keys: states are the signers' own matter.
 */
#include "watch_core.h"

#include <inttypes.h>

#include "base/log.h"
#include "media.h"
#include "record.h"
#include "subjects.h"
#include "suspense.h"

#define FOLLOW_EVERY_MS 200
#define QUARANTINED_NAMED 64 /* of all there is the number */
#define REPORTS_MAX 4096     /* that wait; the next one is told to come again */

/* A pass. */

static enum status look_at_signers(struct watch *watch, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (int role = WIRE_ROLE_TRANSFER; role < watch->service->role_count; role++) {
        enum status looked = watch_signer(watch, (enum wire_role)role, fault);
        status = status == STATUS_OK ? looked : status;
    }
    return status;
}

static enum status look_at_media(struct watch *watch, struct fault *fault)
{
    return media_watch(&watch->seeing, watch->service, fault);
}

static enum status look_at_reveals(struct watch *watch, struct fault *fault)
{
    return subject_limit_alarms(&watch->seeing, watch->service, fault);
}

static enum status look_at_suspense(struct watch *watch, struct fault *fault)
{
    return suspense_alarms(&watch->seeing, watch->service, fault);
}

struct quarantined {
    struct store_withdrawal_quarantined rows[QUARANTINED_NAMED];
    size_t count;
};

static enum status quarantined_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct quarantined *quarantined = context;
    return store_withdrawal_quarantined_list(quarantined->rows, &quarantined->count, QUARANTINED_NAMED, tx, fault);
}

/* The trail has its entry already, of who put it there. Of what it is about nothing is said: its row may be wrong. */
static enum status look_at_quarantine(struct watch *watch, struct fault *fault)
{
    struct quarantined quarantined = {.count = 0};
    struct news news = {.action = AUDIT_WITHDRAWAL_QUARANTINED, .object_type = RECORD_WITHDRAWAL};
    const struct store_withdrawal_quarantined *rows = quarantined.rows;
    char number[24];
    enum status status = store_read(watch->service->store, quarantined_in, &quarantined, fault);
    for (size_t i = 0; status == STATUS_OK && i < quarantined.count; i++) {
        uuid_format(news.object_id, &rows[i].id);
        news.reason = status_from_code(rows[i].reason);
        status = alarm_list_add(&watch->seeing, &news, rows[i].since_utc_us, fault);
    }
    if (status == STATUS_OK && quarantined.count > 0 && rows[0].number > quarantined.count) {
        (void)snprintf(news.object_id, sizeof(news.object_id), "all");
        (void)snprintf(number, sizeof(number), "%" PRIu64, rows[0].number);
        news.reason = STATUS_CONFLICT;
        news_fact(&news, "number", number);
        status = alarm_list_add(&watch->seeing, &news, rows[0].since_utc_us, fault);
    }
    return status;
}

static enum status remember(struct watch *watch, struct fault *fault)
{
    return key_spending_remember(watch->spending, fault);
}

/* The alarms from `first` on are those of a part of the look. What it could not see is as it was. */
static enum status keep_part(struct watch *watch, size_t first, size_t part, bool whole, struct fault *fault)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && !whole && i < watch->alarms.count; i++) {
        const struct alarm *alarm = &watch->alarms.rows[i];
        if (alarm->part == part && alarm_list_find(&watch->seeing, &alarm->id) == NULL) {
            status = alarm_list_append(&watch->seeing, alarm, fault);
        }
    }
    for (size_t i = first; i < watch->seeing.count; i++) {
        watch->seeing.rows[i].part = part;
    }
    return status;
}

/* Whoever asks for alarms sees those of the last look, and when one last saw everything. */
static void show_alarms(struct watch *watch, bool whole)
{
    (void)pthread_mutex_lock(&watch->mutex);
    struct alarm_list old = watch->alarms;
    watch->alarms = watch->seeing;
    watch->seeing = old;
    watch->alarms_at_utc_us = whole ? clock_utc_us(watch->service->clock) : watch->alarms_at_utc_us;
    (void)pthread_mutex_unlock(&watch->mutex);
}

static bool is_stopping(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->mutex);
    bool stopping = watch->stopping;
    (void)pthread_mutex_unlock(&watch->mutex);
    return stopping;
}

/* No part keeps the others from looking: whoever can spoil one row would have nobody warned of anything else. */
static enum status look(struct watch *watch, struct fault *fault)
{
    static enum status (*const parts[])(struct watch * watch, struct fault * fault) = {
        watch_tables,           look_at_signers,    watch_witnesses, watch_anchors,      watch_policy,
        watch_people,           watch_destinations, watch_listed,    watch_keys,         watch_freezes,
        watch_compromise_drill, look_at_media,      watch_copied,    look_at_reveals,    watch_trail_copies,
        watch_reviews,          look_at_suspense,   watch_announced, look_at_quarantine, watch_trail,
        watch_subjects,         watch_returned,     remember};
    enum status status = STATUS_OK;
    watch->seeing.count = 0;
    fault_clear(&watch->untold);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (is_stopping(watch)) {
            return status;
        }
        size_t first = watch->seeing.count;
        enum status looked = parts[i](watch, fault);
        enum status kept = keep_part(watch, first, i, looked == STATUS_OK, fault);
        looked = looked == STATUS_OK ? kept : looked;
        status = status == STATUS_OK ? looked : status;
    }
    if (status == STATUS_OK && watch->untold.status != STATUS_OK) {
        status = fault_set(fault, watch->untold.status, watch->untold.where, "%s", watch->untold.detail);
    }
    show_alarms(watch, status == STATUS_OK && !key_spending_is_behind(watch->spending));
    return status;
}

/* The oldest report; it stays first in the list until drop_report. */
static bool next_report(struct key_spending_use *out, struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->mutex);
    bool any = watch->report_count > 0;
    if (any) {
        *out = watch->reports[0];
    }
    (void)pthread_mutex_unlock(&watch->mutex);
    return any;
}

static void drop_report(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->mutex);
    watch->report_count--;
    memmove(watch->reports, watch->reports + 1, watch->report_count * sizeof(*watch->reports));
    (void)pthread_mutex_unlock(&watch->mutex);
}

/* Too many that wait for their signer are no trouble: the rest is taken when those are done. */
static enum status take_reports(struct watch *watch, struct fault *fault)
{
    struct key_spending_use use;
    struct fault why = {0};
    while (next_report(&use, watch)) {
        enum status status = key_spending_report(watch->spending, &use, &why);
        if (status != STATUS_OK) {
            return status == STATUS_BUSY ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
        }
        drop_report(watch);
    }
    return STATUS_OK;
}

/* Whose keys are watched. */
struct owners {
    struct key_spending_owner *rows;
    size_t count;
    size_t current; /* of them, those of the version in force, which come first */
};

static void add_wallet(struct owners *owners, const struct watch *watch, const struct wallet *wallet)
{
    const struct watched *key = watch_key_find(watch, &wallet->key_id);
    owners->rows[owners->count++] = (struct key_spending_owner){
        .key = wallet->key_id,
        .account = wallet->account,
        .document = key != NULL && key->documented ? &key->document : NULL,
    };
}

static bool is_owner(const struct owners *owners, const struct policy *in_force, const struct account_id *account)
{
    bool found = policy_find_wallet_by_account(in_force, account) != NULL;
    for (size_t i = owners->current; i < owners->count && !found; i++) {
        found = account_id_equal(&owners->rows[i].account, account);
    }
    return found;
}

/* Of all other versions: that a key is in no wallet any more is no reason to believe a row about it. */
static void add_former(struct owners *owners, const struct watch *watch, const struct policy *in_force,
                       const struct policy_version *newest)
{
    for (const struct policy_version *at = newest; at != NULL; at = at->older) {
        for (size_t i = 0; i < at->policy.wallet_count; i++) {
            const struct wallet *wallet = &at->policy.wallets[i];
            const struct wallet *now = policy_find_wallet(in_force, &wallet->id);
            bool same = now != NULL && account_id_equal(&now->account, &wallet->account);
            if (!same && !is_owner(owners, in_force, &wallet->account)) {
                add_wallet(owners, watch, wallet);
            }
        }
    }
}

static void add_documented(struct owners *owners, const struct watch *watch, const struct policy *in_force)
{
    for (size_t i = 0; i < watch->key_count; i++) {
        const struct watched *key = watch->keys[i];
        struct account_id account;
        INVARIANT(key != NULL);
        if (key->documented && key->document.purpose == ROLE_TRANSFER &&
            account_id_from_key(&account, &key->document.key, NULL) == STATUS_OK &&
            !is_owner(owners, in_force, &account)) {
            owners->rows[owners->count++] = (struct key_spending_owner){
                .key = key->document.key_id, .account = account, .document = &key->document};
        }
    }
}

/* The wallets of the policy and of its other versions, and the keys with a document that are in none. */
static enum status list_owners(struct owners *out, const struct watch *watch, struct fault *fault)
{
    const struct policy *in_force = service_policy(watch->service);
    const struct policy_version *newest = policies_newest(watch->service->policies); /* others may come meanwhile */
    size_t room = in_force->wallet_count + watch->key_count + 1;
    for (const struct policy_version *at = newest; at != NULL; at = at->older) {
        room += at->policy.wallet_count;
    }
    *out = (struct owners){.rows = calloc(room, sizeof(*out->rows))};
    if (out->rows == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    for (size_t i = 0; i < in_force->wallet_count; i++) {
        add_wallet(out, watch, &in_force->wallets[i]);
    }
    out->current = out->count;
    add_former(out, watch, in_force, newest);
    add_documented(out, watch, in_force);
    return STATUS_OK;
}

static enum status follow(struct watch *watch, struct fault *fault)
{
    struct owners owners;
    enum status status = list_owners(&owners, watch, fault);
    if (status != STATUS_OK) {
        return status;
    }
    enum status taken = take_reports(watch, fault);
    const struct key_spending_owners ours = {.rows = owners.rows, .count = owners.count};
    enum status followed = key_spending_follow(watch->spending, &ours, fault);
    free(owners.rows);
    return taken == STATUS_OK ? followed : taken;
}

static void pass(struct watch *watch, bool look_now)
{
    struct fault fault = {0};
    int64_t now = clock_monotonic_us(watch->service->clock);
    enum status status = STATUS_OK;
    if (look_now || now - watch->looked_at_us >= watch->service->options.watch_ms * 1000) {
        status = look(watch, &fault);
        watch->looked_at_us = clock_monotonic_us(watch->service->clock);
    }
    if (follow(watch, &fault) != STATUS_OK || status != STATUS_OK) {
        if (!watch->troubled) {
            log_fault("watch", &fault);
        }
        watch->troubled = true;
        return;
    }
    watch->troubled = false;
}

/* Answers false when the watcher is to stop. */
static bool wait_for_next(struct watch *watch, bool *out_woken)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)FOLLOW_EVERY_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&watch->mutex);
    while (!watch->stopping && !watch->woken && pthread_cond_timedwait(&watch->changed, &watch->mutex, &until) == 0) {
    }
    *out_woken = watch->woken;
    watch->woken = false;
    bool going_on = !watch->stopping;
    (void)pthread_mutex_unlock(&watch->mutex);
    return going_on;
}

static void *run(void *context)
{
    struct watch *watch = context;
    bool woken = false;
    while (wait_for_next(watch, &woken)) {
        pass(watch, woken);
    }
    return NULL;
}

enum status watch_start(struct watch **out, struct service *service, struct fault *fault)
{
    pthread_condattr_t attributes;
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL || pthread_condattr_init(&attributes) != 0) {
        free(watch);
        return fault_set(fault, STATUS_NO_MEMORY, "watch", "%s", "");
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&watch->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    (void)pthread_mutex_init(&watch->mutex, NULL);
    watch->service = service;
    watch->told = json_object();
    watch->destinations_announced = json_object();
    watch->destinations_lost = json_object();
    watch->listed_known = json_object();
    watch->erased_known = json_object();
    watch->suspected = json_object();
    memset(watch->away, true, sizeof(watch->away));
    enum status status = key_spending_new(&watch->spending, service, fault);
    if (status == STATUS_OK) {
        watch_anchors_start(watch);
        watch_trail_start(watch);
        pass(watch, true);
        watch->running = pthread_create(&watch->thread, NULL, run, watch) == 0;
        status = watch->running ? STATUS_OK : fault_set(fault, STATUS_UNAVAILABLE, "watch", "could not start a thread");
    }
    if (status != STATUS_OK) {
        watch_stop(watch);
        return status;
    }
    *out = watch;
    return STATUS_OK;
}

void watch_wake(struct watch *watch)
{
    if (watch != NULL) {
        (void)pthread_mutex_lock(&watch->mutex);
        watch->woken = true;
        (void)pthread_cond_broadcast(&watch->changed);
        (void)pthread_mutex_unlock(&watch->mutex);
    }
}

void watch_missed(struct watch *watch, enum wire_role role)
{
    if (watch != NULL) {
        (void)pthread_mutex_lock(&watch->mutex);
        watch->missed[role] = true;
        (void)pthread_mutex_unlock(&watch->mutex);
    }
}

static enum status add_report(struct watch *watch, const struct key_spending_use *use, struct fault *fault)
{
    for (size_t i = 0; i < watch->report_count; i++) {
        if (digest_equal(&watch->reports[i].transaction, &use->transaction)) {
            return STATUS_OK;
        }
    }
    if (watch->report_count == REPORTS_MAX) {
        return fault_set(fault, STATUS_BUSY, "keys", "too many uses of copied keys wait");
    }
    struct key_spending_use *grown = realloc(watch->reports, (watch->report_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    watch->reports = grown;
    watch->reports[watch->report_count++] = *use;
    return STATUS_OK;
}

enum status watch_report(struct watch *watch, const struct key_spending_use *use, struct fault *fault)
{
    (void)pthread_mutex_lock(&watch->mutex);
    enum status status = add_report(watch, use, fault);
    (void)pthread_mutex_unlock(&watch->mutex);
    return status;
}

enum status watch_alarms(struct alarm_list *out, int64_t *out_at_utc_us, struct watch *watch, struct fault *fault)
{
    (void)pthread_mutex_lock(&watch->mutex);
    enum status status = alarm_list_copy(out, &watch->alarms, fault);
    *out_at_utc_us = watch->alarms_at_utc_us;
    (void)pthread_mutex_unlock(&watch->mutex);
    if (status == STATUS_OK) {
        status = watch_trail_alarms(out, watch->service, fault);
    }
    return status;
}

void watch_stop(struct watch *watch)
{
    if (watch == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&watch->mutex);
    watch->stopping = true;
    (void)pthread_cond_broadcast(&watch->changed);
    (void)pthread_mutex_unlock(&watch->mutex);
    if (watch->running) {
        (void)pthread_join(watch->thread, NULL);
    }
    key_spending_free(watch->spending);
    for (size_t i = 0; i < watch->key_count; i++) {
        free(watch->keys[i]);
    }
    free(watch->keys);
    free(watch->reports);
    free(watch->suspects);
    free(watch->announced);
    free(watch->copied);
    free(watch->listed);
    free(watch->erased);
    alarm_list_free(&watch->alarms);
    alarm_list_free(&watch->seeing);
    json_decref(watch->told);
    json_decref(watch->destinations_announced);
    json_decref(watch->destinations_lost);
    json_decref(watch->listed_known);
    json_decref(watch->erased_known);
    json_decref(watch->suspected);
    (void)pthread_cond_destroy(&watch->changed);
    (void)pthread_mutex_destroy(&watch->mutex);
    free(watch);
}
