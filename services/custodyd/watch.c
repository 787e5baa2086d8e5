/*
 * The watcher. One thread, which never holds a lock while it waits for a signer or the database; what it saw stands on
 * the board for everybody else. It acts on nothing it sees but copied keys: states are the signers' own matter.
 */
#include "watch.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/log.h"
#include "key_address.h"
#include "key_attest.h"
#include "key_spending.h"
#include "media.h"
#include "news.h"
#include "record.h"

#define FOLLOW_EVERY_MS 200
#define LOOK_TIMEOUT_MS 1000
#define TRY_AGAIN_US 10000000
#define DAY_US (24LL * 3600 * 1000000)
#define WARNING_US (30 * DAY_US)
#define REPORTS_MAX 16
#define RENEW_PARTS 7 /* an attestation is renewed after this part of its greatest age */

/* What the watcher keeps in mind of a key from one look to the next. */
struct watched {
    struct key_board_entry entry;
    bool documented; /* `document` is the verified one of entry.key.document */
    bool present;    /* seen in this look */
    struct key_document document;
    int64_t attested_at_utc_us; /* 0: never */
    int64_t attest_after_us;    /* monotonic: not before */
};

struct watch {
    struct service *service;
    struct key_spending *spending;
    struct watched **keys; /* owned */
    size_t key_count;
    json_t *told; /* subject -> value: what is in the marks already */
    int64_t looked_at_us;
    bool troubled; /* the last pass could not do everything, and the log says so */

    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    bool stopping;
    bool woken;
    unsigned alarms; /* after the last look */
    unsigned counting;
    struct key_spending_use reports[REPORTS_MAX];
    size_t report_count;
};

/* Telling. */

static enum status tell(struct watch *watch, const struct news *news, struct fault *fault)
{
    const char *known = json_string_value(json_object_get(watch->told, news->subject));
    watch->counting += news->reason != STATUS_OK ? 1 : 0;
    if (known != NULL && strcmp(known, news->value) == 0) {
        return STATUS_OK;
    }
    enum status status = news_tell(NULL, watch->service, news, fault);
    if (status == STATUS_OK && json_object_set_new(watch->told, news->subject, json_string(news->value)) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "watch", "%s", "");
    }
    return status;
}

/* Texts of devices may hold anything printable; subjects of marks hold no blanks. */
static void without_blanks(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text <= ' ' || *text > '~' ? '_' : *text;
    }
}

static enum status tell_signer(struct watch *watch, enum wire_role role, const struct key_board_signer *signer,
                               struct fault *fault)
{
    bool up = signer->status == STATUS_OK;
    struct news news = {.action = up ? AUDIT_SIGNER_UP : AUDIT_SIGNER_DOWN,
                        .object_type = RECORD_SIGNER,
                        .calm = up,
                        .reason = signer->status,
                        .value = up ? "up" : "down"};
    (void)snprintf(news.subject, sizeof(news.subject), "signer/%s", wire_role_name(role));
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", wire_role_name(role));
    return tell(watch, &news, fault);
}

static enum status tell_token(struct watch *watch, enum wire_role role, const struct wire_token *token,
                              struct fault *fault)
{
    static const struct {
        const char *value;
        enum audit_action action;
        enum status reason;
        bool calm;
    } forms[] = {
        [WIRE_TOKEN_SERVING] = {"serving", AUDIT_TOKEN_UP, STATUS_OK, true},
        [WIRE_TOKEN_STANDBY] = {"standby", AUDIT_TOKEN_UP, STATUS_OK, true},
        [WIRE_TOKEN_DOWN] = {"down", AUDIT_TOKEN_DOWN, STATUS_TOKEN, false},
        [WIRE_TOKEN_LOCKED] = {"locked", AUDIT_TOKEN_LOCKED, STATUS_OK, false},
    };
    bool open = token->state == WIRE_TOKEN_SERVING || token->state == WIRE_TOKEN_STANDBY;
    struct news news = {.action = forms[token->state].action,
                        .object_type = RECORD_TOKEN,
                        .calm = forms[token->state].calm,
                        .reason = forms[token->state].reason,
                        .value = forms[token->state].value};
    if (open && token->reason[0] != '\0') { /* a key of the signer is not on it: as bad as down, for that key */
        news = (struct news){
            .action = AUDIT_TOKEN_DOWN, .object_type = RECORD_TOKEN, .reason = STATUS_TOKEN, .value = "lacks_key"};
    }
    (void)snprintf(news.subject, sizeof(news.subject), "token/%s/%s/%s", wire_role_name(role), token->label,
                   token->serial);
    without_blanks(news.subject);
    (void)snprintf(news.object_id, sizeof(news.object_id), "%.70s", news.subject + strlen("token/"));
    news_fact(&news, "role", wire_role_name(role));
    news_fact(&news, "label", token->label);
    news_fact(&news, "serial", token->serial);
    news_fact(&news, "state", news.value);
    return tell(watch, &news, fault);
}

static enum status look_at(struct watch *watch, enum wire_role role, struct fault *fault)
{
    struct service *service = watch->service;
    struct key_board_signer signer;
    struct fault why = {0};
    int64_t timeout_ms =
        service->options.signer_timeout_ms < LOOK_TIMEOUT_MS ? service->options.signer_timeout_ms : LOOK_TIMEOUT_MS;
    bool here = key_board_look(service->board, service->signers[role], role, timeout_ms, &why) == STATUS_OK;
    key_board_signer(&signer, service->board, role);
    enum status status = tell_signer(watch, role, &signer, fault);
    for (size_t i = 0; here && status == STATUS_OK && i < signer.token_count; i++) {
        status = tell_token(watch, role, &signer.tokens[i], fault);
    }
    return status;
}

/* Keys. */

static void key_news(struct news *news, const struct watched *key, const char *what)
{
    digest_format(news->object_id, &key->entry.key.key);
    news->object_type = RECORD_KEY;
    (void)snprintf(news->subject, sizeof(news->subject), "key/%s/%s", news->object_id, what);
}

static bool is_alarm(const struct watched *key)
{
    const char *cause = key->entry.key.cause;
    bool own = strcmp(cause, "alarm") == 0 || strcmp(cause, "repeated-r") == 0 || strcmp(cause, "bad-signature") == 0;
    return key->entry.state == KEY_STATE_COMPROMISED || (key->entry.state == KEY_STATE_SUSPENDED && own);
}

static enum status tell_state(struct watch *watch, const struct watched *key, struct fault *fault)
{
    const struct wire_key *seen = &key->entry.key;
    char value[STORE_MARK_VALUE_SIZE];
    char on[24];
    (void)snprintf(on, sizeof(on), "%" PRIu64, seen->on);
    (void)snprintf(value, sizeof(value), "%s/%s/%s", seen->state, seen->cause, on);
    struct news news = {.action = AUDIT_KEY_STATE, .value = value};
    news.reason = is_alarm(key) ? STATUS_KEY_INACTIVE : STATUS_OK;
    key_news(&news, key, "state");
    news_fact(&news, "role", wire_role_name(key->entry.role));
    news_fact(&news, "state", seen->state);
    news_fact(&news, "cause", seen->cause);
    news_fact(&news, "transitions", on);
    news_ref(&news, "document", &seen->document);
    return tell(watch, &news, fault);
}

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
    key_news(&news, key, "drill");
    time_format(text, due);
    news_fact(&news, "due", text);
    return tell(watch, &news, fault);
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
    key_news(&news, key, "cryptoperiod");
    time_format(text, end);
    news_fact(&news, "phase", news.value);
    news_fact(&news, "valid_until", text);
    return tell(watch, &news, fault);
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
    key_news(&news, key, "attestation");
    time_format(text, key->attested_at_utc_us);
    news_fact(&news, "attested_at", text);
    time_format(text, proof.overdue_at);
    news_fact(&news, "due", text);
    news_fact(&news, "standing", news.value);
    return tell(watch, &news, fault);
}

static enum status tell_key(struct watch *watch, const struct watched *key, struct fault *fault)
{
    static enum status (*const tellers[])(struct watch * watch, const struct watched *key, int64_t now,
                                          struct fault *fault) = {tell_drill, tell_period, tell_proof};
    int64_t now = clock_utc_us(watch->service->clock);
    enum status status = tell_state(watch, key, fault);
    for (size_t i = 0; status == STATUS_OK && key->documented && i < sizeof(tellers) / sizeof(tellers[0]); i++) {
        status = tellers[i](watch, key, now, fault);
    }
    return status;
}

struct loading {
    struct watch *watch;
    struct watched *key;
};

/* The papers of a key that is new here or has another document than before. */
static enum status load_in(struct store_tx *tx, void *context, struct fault *fault)
{
    struct loading *loading = context;
    struct watched *key = loading->key;
    struct key_address address;
    enum status status = key_address_judge(&address, loading->watch->service, tx, &key->entry.key.key, fault);
    if (status == STATUS_OK) {
        key->documented = address.documented;
        key->document = address.document;
        key->attested_at_utc_us = address.attested ? address.attested_at_utc_us : key->attested_at_utc_us;
    }
    return status;
}

static enum status load_key(struct watch *watch, struct watched *key, struct fault *fault)
{
    struct loading loading = {.watch = watch, .key = key};
    bool loaded = key->documented || digest_is_zero(&key->entry.key.document);
    return loaded ? STATUS_OK : store_transact(watch->service->store, load_in, &loading, fault);
}

/* Whether the newest attestation is getting old, or was made in another state than the key has now. */
static bool needs_attestation(const struct watch *watch, const struct watched *key)
{
    int64_t part_us = key_address_interval_us(watch->service, &key->document) / RENEW_PARTS;
    return key->documented && key_state_attests(key->entry.state) &&
           (key->entry.key.since > key->attested_at_utc_us ||
            clock_utc_us(watch->service->clock) - key->attested_at_utc_us >= part_us);
}

/* Not being able to is not told here: it shows as an attestation that is overdue. */
static void renew(struct watch *watch, struct watched *key)
{
    int64_t now = clock_monotonic_us(watch->service->clock);
    struct key_board_signer signer;
    struct fault fault = {0};
    key_board_signer(&signer, watch->service->board, key->entry.role);
    if (signer.status != STATUS_OK || now < key->attest_after_us || !needs_attestation(watch, key)) {
        return;
    }
    bool good = key_attest_renew(watch->service, &key->entry.key.key, &fault) == STATUS_OK;
    int64_t part_us = key_address_interval_us(watch->service, &key->document) / RENEW_PARTS;
    key->attest_after_us = now + (good && part_us < TRY_AGAIN_US ? part_us : TRY_AGAIN_US);
    if (good) {
        key->documented = false; /* to be read again: the attestation says when it was made */
        return;
    }
    log_event(LOG_LEVEL_DEBUG, "attestation.failed", "code", status_info(fault.status)->code, "where", fault.where,
              "detail", fault.detail, NULL);
}

static struct watched *find_key(const struct watch *watch, const struct digest *id)
{
    for (size_t i = 0; i < watch->key_count; i++) {
        if (digest_equal(&watch->keys[i]->entry.key.key, id)) {
            return watch->keys[i];
        }
    }
    return NULL;
}

static enum status add_key(struct watched **out, struct watch *watch, struct fault *fault)
{
    struct watched *key = calloc(1, sizeof(*key));
    struct watched **grown = realloc(watch->keys, (watch->key_count + 1) * sizeof(struct watched *));
    watch->keys = grown == NULL ? watch->keys : grown;
    if (key == NULL || grown == NULL) {
        free(key);
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    watch->keys[watch->key_count++] = key;
    *out = key;
    return STATUS_OK;
}

static enum status take_key(struct watch *watch, const struct key_board_entry *entry, struct fault *fault)
{
    struct watched *key = find_key(watch, &entry->key.key);
    enum status status = key == NULL ? add_key(&key, watch, fault) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    if (key->entry.key.on != entry->key.on || !digest_equal(&key->entry.key.document, &entry->key.document)) {
        key->attest_after_us = 0;
        key->documented = false;
    }
    key->entry = *entry;
    status = load_key(watch, key, fault);
    if (status == STATUS_OK) {
        renew(watch, key);
        status = load_key(watch, key, fault);
    }
    return status == STATUS_OK ? tell_key(watch, key, fault) : status;
}

static enum status tell_freeze(struct watch *watch, const struct wire_freeze *freeze, struct fault *fault)
{
    char value[STORE_MARK_VALUE_SIZE];
    char on[24];
    const char *state = freeze->frozen ? "frozen" : "thawed";
    (void)snprintf(on, sizeof(on), "%" PRIu64, freeze->on);
    (void)snprintf(value, sizeof(value), "%s/%s", state, on);
    struct news news = {.action = AUDIT_FREEZE_STATE, .object_type = RECORD_FREEZE, .value = value};
    news.reason = freeze->frozen ? STATUS_KEY_INACTIVE : STATUS_OK;
    record_freeze_id(news.object_id, freeze->scope, freeze->subject);
    (void)snprintf(news.subject, sizeof(news.subject), "freeze/%s", news.object_id);
    news_fact(&news, "state", state);
    news_fact(&news, "cause", freeze->cause);
    news_fact(&news, "reason", freeze->reason.text);
    news_fact(&news, "number", on);
    return tell(watch, &news, fault);
}

static enum status take_freezes(struct watch *watch, struct fault *fault)
{
    struct wire_freeze freezes[WIRE_FREEZES_MAX];
    size_t count = key_board_freezes(freezes, watch->service->board);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = tell_freeze(watch, &freezes[i], fault);
    }
    return status;
}

static enum status take_keys(struct watch *watch, struct fault *fault)
{
    struct key_board_entry *entries = NULL;
    size_t count = 0;
    enum status status = key_board_all(&entries, &count, watch->service->board, fault);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = take_key(watch, &entries[i], fault);
    }
    free(entries);
    return status;
}

/* A pass. */

static enum status look(struct watch *watch, struct fault *fault)
{
    enum status status = STATUS_OK;
    watch->counting = 0;
    for (int role = WIRE_ROLE_TRANSFER; status == STATUS_OK && role <= WIRE_ROLE_VALIDATOR; role++) {
        status = look_at(watch, (enum wire_role)role, fault);
    }
    if (status == STATUS_OK) {
        status = take_keys(watch, fault);
    }
    if (status == STATUS_OK) {
        status = take_freezes(watch, fault);
    }
    if (status == STATUS_OK) {
        status = media_watch(&watch->counting, watch->service, fault);
    }
    if (status == STATUS_OK) {
        status = key_spending_remember(watch->spending, fault);
    }
    (void)pthread_mutex_lock(&watch->mutex);
    watch->alarms = watch->counting + (unsigned)key_spending_pending(watch->spending);
    (void)pthread_mutex_unlock(&watch->mutex);
    return status;
}

static enum status take_reports(struct watch *watch, struct fault *fault)
{
    struct key_spending_use reports[REPORTS_MAX];
    (void)pthread_mutex_lock(&watch->mutex);
    size_t count = watch->report_count;
    memcpy(reports, watch->reports, sizeof(reports));
    watch->report_count = 0;
    (void)pthread_mutex_unlock(&watch->mutex);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        status = key_spending_report(watch->spending, &reports[i], fault);
    }
    return status;
}

/* The wallets of the policy, and the keys with a document that are in no wallet any more. */
static size_t list_owners(struct key_spending_owner *owners, const struct watch *watch)
{
    const struct policy *policy = &watch->service->policy;
    size_t count = 0;
    for (size_t i = 0; i < policy->wallet_count; i++) {
        const struct watched *key = find_key(watch, &policy->wallets[i].key_id);
        owners[count++] = (struct key_spending_owner){
            .key = policy->wallets[i].key_id,
            .account = policy->wallets[i].account,
            .document = key != NULL && key->documented ? &key->document : NULL,
        };
    }
    for (size_t i = 0; i < watch->key_count; i++) {
        const struct watched *key = watch->keys[i];
        struct account_id account;
        INVARIANT(key != NULL);
        if (key->documented && key->document.purpose == ROLE_TRANSFER &&
            account_id_from_key(&account, &key->document.key, NULL) == STATUS_OK &&
            policy_find_wallet_by_account(policy, &account) == NULL) {
            owners[count++] = (struct key_spending_owner){
                .key = key->document.key_id, .account = account, .document = &key->document};
        }
    }
    return count;
}

static enum status follow(struct watch *watch, struct fault *fault)
{
    struct key_spending_owner *owners =
        calloc(watch->service->policy.wallet_count + watch->key_count + 1, sizeof(*owners));
    if (owners == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    enum status status = take_reports(watch, fault);
    if (status == STATUS_OK) {
        status = key_spending_follow(watch->spending, owners, list_owners(owners, watch), fault);
    }
    free(owners);
    return status;
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
    enum status status = key_spending_new(&watch->spending, service, fault);
    if (status == STATUS_OK) {
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

void watch_report(struct watch *watch, const struct key_spending_use *use)
{
    (void)pthread_mutex_lock(&watch->mutex);
    if (watch->report_count < REPORTS_MAX) {
        watch->reports[watch->report_count++] = *use;
    }
    (void)pthread_mutex_unlock(&watch->mutex);
}

unsigned watch_alarms(struct watch *watch)
{
    (void)pthread_mutex_lock(&watch->mutex);
    unsigned alarms = watch->alarms;
    (void)pthread_mutex_unlock(&watch->mutex);
    return alarms;
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
    json_decref(watch->told);
    (void)pthread_cond_destroy(&watch->changed);
    (void)pthread_mutex_destroy(&watch->mutex);
    free(watch);
}
