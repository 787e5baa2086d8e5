/*
 * The keys, as the signers said last: their states, their papers, and that each shows in time that it is there.
 */
#include <inttypes.h>

#include "base/log.h"
#include "key_address.h"
#include "key_attest.h"
#include "record.h"
#include "watch_core.h"

#define TRY_AGAIN_US 10000000
#define READ_EVERY_US 60000000
#define RENEW_PARTS 7 /* an attestation is renewed after this part of its greatest age */

void watch_key_news(struct news *news, const struct watched *key, const char *what)
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
    struct news news = {.action = AUDIT_KEY_STATE, .unrepeated = true, .value = value};
    news.reason = is_alarm(key) ? STATUS_KEY_INACTIVE : STATUS_OK;
    news.since_utc_us = seen->since;
    watch_key_news(&news, key, "state");
    news_fact(&news, "role", wire_role_name(key->entry.role));
    news_fact(&news, "state", seen->state);
    news_fact(&news, "cause", seen->cause);
    news_fact(&news, "transitions", on);
    news_ref(&news, "document", &seen->document);
    return watch_tell(watch, &news, fault);
}

struct loading {
    struct watch *watch;
    struct watched *key;
};

static enum status load_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct loading *loading = context;
    struct watched *key = loading->key;
    struct key_address address;
    enum status status = key_address_judge(&address, loading->watch->service, tx, &key->entry.key.key, fault);
    if (status == STATUS_OK) {
        if (address.documented) { /* what verified once is not forgotten because somebody edits a row */
            key->documented = true;
            key->document = address.document;
        }
        key->forged = address.forged;
        key->missing = !address.documented && digest_is_zero(&address.forged);
        key->attested_at_utc_us = address.attested ? address.attested_at_utc_us : key->attested_at_utc_us;
    }
    return status;
}

static enum status load_key(struct watch *watch, struct watched *key, struct fault *fault)
{
    struct loading loading = {.watch = watch, .key = key};
    int64_t now = clock_monotonic_us(watch->service->clock);
    if (now < key->read_after_us || digest_is_zero(&key->entry.key.document)) {
        return STATUS_OK;
    }
    enum status status = store_read(watch->service->store, load_in, &loading, fault);
    if (status == STATUS_OK) {
        bool good = key->documented && !key->missing && digest_is_zero(&key->forged);
        key->read_after_us = now + (good ? READ_EVERY_US : 0);
    }
    return status;
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
        key->read_after_us = 0; /* the attestation says when it was made */
        return;
    }
    log_event(LOG_LEVEL_DEBUG, "attestation.failed", "code", status_info(fault.status)->code, "where", fault.where,
              "detail", fault.detail, NULL);
}

struct watched *watch_key_find(const struct watch *watch, const struct digest *id)
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

/* Without its document nobody can say when its time is over, or its drill due. */
static enum status tell_missing(struct watch *watch, const struct watched *key, struct fault *fault)
{
    char text[DIGEST_HEX_LEN + 1];
    struct news news = {.action = AUDIT_KEY_ATTESTATION_ALARM, .reason = STATUS_NOT_FOUND, .value = text};
    digest_format(text, &key->entry.key.document);
    watch_key_news(&news, key, "missing");
    news_fact(&news, "document", text);
    return watch_tell(watch, &news, fault);
}

static enum status tell_papers(struct watch *watch, const struct watched *key, struct fault *fault)
{
    enum status status = STATUS_OK;
    if (!digest_is_zero(&key->forged)) {
        struct news news;
        key_address_forged_news(&news, &key->entry.key.key, &key->forged);
        status = watch_tell(watch, &news, fault);
    }
    return status == STATUS_OK && key->missing ? tell_missing(watch, key, fault) : status;
}

static enum status take_key(struct watch *watch, const struct key_board_entry *entry, struct fault *fault)
{
    struct watched *key = watch_key_find(watch, &entry->key.key);
    enum status status = key == NULL ? add_key(&key, watch, fault) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    if (key->entry.key.on != entry->key.on || !digest_equal(&key->entry.key.document, &entry->key.document)) {
        key->attest_after_us = 0;
        key->read_after_us = 0;
        key->documented = false;
        key->missing = false;
    }
    key->entry = *entry;
    status = load_key(watch, key, fault);
    if (status == STATUS_OK) {
        renew(watch, key);
        status = load_key(watch, key, fault);
    }
    const enum status told[] = {tell_state(watch, key, fault), tell_papers(watch, key, fault),
                                watch_calendar(watch, key, fault)};
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        status = status == STATUS_OK ? told[i] : status;
    }
    return status;
}

enum status watch_keys(struct watch *watch, struct fault *fault)
{
    struct key_board_entry *entries = NULL;
    size_t count = 0;
    enum status status = key_board_all(&entries, &count, watch->service->board, fault);
    for (size_t i = 0; i < count; i++) { /* what is wrong with one keeps nobody from hearing of the others */
        enum status taken = take_key(watch, &entries[i], fault);
        status = status == STATUS_OK ? taken : status;
    }
    free(entries);
    return status;
}
