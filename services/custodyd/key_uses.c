/*
 * Who waits here was found by key_spending.c. However many there are, each is stopped when it is found; the trail is
 * told of them in turn.
 */
#include "key_uses.h"

#include <inttypes.h>

#include "base/log.h"
#include "key_board.h"
#include "news.h"
#include "record.h"
#include "trail_signed.h"

#define AT_ONCE 64
#define UNTOLD_US 10000000 /* in which the trail tells it */

/* A use that is being dealt with. */
struct copied {
    struct digest transaction;
    struct digest key;
    uint64_t height;
    struct digest *assets; /* owned, until it is stopped */
    size_t asset_count;
    uint64_t on; /* transitions of the key when it is stopped */
    bool stopped;
    int64_t seen_utc_us;
    struct told {
        bool done;
        struct news_telling last;
    } used, dealt_with;
};

struct key_uses {
    struct service *service;
    struct copied *rows; /* owned */
    size_t count;
    size_t unstopped;
    size_t stop_next; /* of those */
    size_t tell_next;
    json_t *seen; /* transaction -> the block it was added for, of all since the start */
};

enum status key_uses_new(struct key_uses **out, struct service *service, struct fault *fault)
{
    struct key_uses *uses = calloc(1, sizeof(*uses));
    json_t *seen = json_object();
    if (uses == NULL || seen == NULL) {
        free(uses);
        json_decref(seen);
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    uses->service = service;
    uses->seen = seen;
    *out = uses;
    return STATUS_OK;
}

void key_uses_free(struct key_uses *uses)
{
    if (uses != NULL) {
        for (size_t i = 0; i < uses->count; i++) {
            free(uses->rows[i].assets);
        }
        free(uses->rows);
        json_decref(uses->seen);
        free(uses);
    }
}

/* Whether the trail has an entry of this action about the transaction. */
static enum status in_trail(bool *out, const struct service *service, const struct digest *transaction,
                            enum audit_action action, struct fault *fault)
{
    char oid[DIGEST_HEX_LEN + 1];
    struct store_leaf_list list = {0};
    digest_format(oid, transaction);
    const struct store_leaf_filter filter = {.otype = RECORD_TRANSACTION, .oid = oid, .act = audit_action_text(action)};
    enum status status = trail_signed_newest(&list, service->trail, &filter, fault);
    *out = status == STATUS_OK && list.count > 0;
    store_leaf_list_free(&list);
    return status;
}

static const struct key_spending_owner *find_owner(const struct key_spending_owners *owners, const struct digest *key)
{
    for (size_t i = 0; i < owners->count; i++) {
        if (digest_equal(&owners->rows[i].key, key)) {
            return &owners->rows[i];
        }
    }
    return NULL;
}

/* A signer that cannot be reached is asked again. One that refuses has nothing to stop: *inout_on stays. */
static enum status stop_key(uint64_t *inout_on, struct service *service, const struct digest *key, struct fault *fault)
{
    struct wire_key_state_reply reply = {0};
    struct wire_key_alarm_request asked = {.key = *key};
    struct fault why = {0};
    char hex[DIGEST_HEX_LEN + 1];
    INVARIANT(name_parse(&asked.reason, "copied-use") == STATUS_OK);
    enum status status = wire_key_alarm(service->urgent_signers[WIRE_ROLE_TRANSFER], &reply, &asked,
                                        service->options.signer_timeout_ms, &why);
    if (status_info(status)->retryable) {
        return fault_set(fault, status, "signer", "%s", why.detail);
    }
    digest_format(hex, key);
    log_event(LOG_LEVEL_ERROR, "key.alarm", "key", hex, "reason", "copied-use", "state",
              status == STATUS_OK ? reply.state : status_info(status)->code, NULL);
    *inout_on = status == STATUS_OK ? reply.on : *inout_on;
    return STATUS_OK;
}

/* The same for an asset. One that no wallet of the policy has is refused, and nobody can move it with us. */
static enum status stop_asset(struct service *service, const struct digest *asset, struct fault *fault)
{
    struct wire_key_state_reply reply = {0};
    struct wire_freeze_alarm_request asked = {.scope = "asset"};
    struct fault why = {0};
    INVARIANT(name_parse(&asked.reason, "copied-use") == STATUS_OK);
    digest_format(asked.subject, asset);
    enum status status = wire_freeze_alarm(service->urgent_signers[WIRE_ROLE_TRANSFER], &reply, &asked,
                                           service->options.signer_timeout_ms, &why);
    if (status_info(status)->retryable) {
        return fault_set(fault, status, "signer", "%s", why.detail);
    }
    log_event(LOG_LEVEL_ERROR, "freeze.alarm", "asset", asked.subject, "reason", "copied-use", "state",
              status == STATUS_OK ? reply.state : status_info(status)->code, NULL);
    return STATUS_OK;
}

/* With `key.copied_use` how often the key had changed when it was stopped: an alarm until it changes again. */
static enum status tell_copied(struct service *service, const struct copied *copied, enum audit_action action,
                               bool anyway, struct fault *fault)
{
    char text[24];
    char key[DIGEST_HEX_LEN + 1];
    struct news news = {
        .action = action, .object_type = RECORD_TRANSACTION, .anyway = anyway, .once = !anyway, .value = "told"};
    digest_format(news.object_id, &copied->transaction);
    (void)snprintf(news.subject, sizeof(news.subject), "%s/%s", audit_action_text(action), news.object_id);
    (void)snprintf(text, sizeof(text), "%" PRIu64, copied->height);
    news.reason = action == AUDIT_KEY_COPIED_USE ? STATUS_MISMATCH : STATUS_OK;
    news_ref(&news, "transaction", &copied->transaction);
    news_ref(&news, "key", &copied->key);
    news_fact(&news, "height", text);
    digest_format(key, &copied->key);
    news_fact(&news, "key", key);
    if (action == AUDIT_KEY_COPIED_USE && copied->on != KEY_SPENDING_ON_UNKNOWN) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, copied->on);
        news_fact(&news, "transitions", text);
    }
    return news_tell(NULL, service, &news, fault);
}

/*
 * True when the signed trail tells it. A mark is a row: whoever writes to the database sets it before, so that it seems
 * to be told, and takes an entry away that is on its way. Another process may have told it, too: so that is waited for,
 * not long.
 */
static bool tell_once(struct told *inout, struct service *service, const struct copied *copied,
                      enum audit_action action)
{
    bool known = false;
    enum status status = inout->done ? STATUS_OK : in_trail(&known, service, &copied->transaction, action, NULL);
    inout->done = inout->done || (status == STATUS_OK && known);
    if (inout->done) {
        return true;
    }
    bool lost = news_is_lost(&inout->last, service);
    if ((lost || inout->last.at_us == 0) && tell_copied(service, copied, action, lost, NULL) == STATUS_OK) {
        news_telling_now(&inout->last, service);
    }
    return false;
}

/* As the signer said last; that the key will be stopped, when it is not yet. */
static uint64_t transitions_when_stopped(struct service *service, const struct digest *key)
{
    struct key_board_entry entry;
    if (key_board_find(&entry, service->board, key) != STATUS_OK) {
        return KEY_SPENDING_ON_UNKNOWN;
    }
    return entry.key.on + (entry.state == KEY_STATE_ACTIVE || entry.state == KEY_STATE_INACTIVE ? 1 : 0);
}

static enum status stop_keys(struct service *service, const struct key_spending_owners *owners, struct copied *copied)
{
    const struct digest *key = &copied->key;
    const struct key_spending_owner *owner = find_owner(owners, key);
    struct fault fault = {0};
    uint64_t ignored = 0;
    copied->on = transitions_when_stopped(service, key);
    enum status status = stop_key(&copied->on, service, key, &fault);
    for (size_t i = 0; owner != NULL && i < owners->count; i++) {
        const struct key_spending_owner *other = &owners->rows[i];
        if (other != owner && owner->document != NULL && other->document != NULL &&
            key_document_siblings(owner->document, other->document)) {
            enum status also = stop_key(&ignored, service, &other->key, &fault);
            status = status == STATUS_OK ? also : status;
        }
    }
    return status;
}

/* The key, its siblings and the assets that moved. */
static bool stop(struct service *service, const struct key_spending_owners *owners, struct copied *copied)
{
    struct fault fault = {0};
    enum status status = stop_keys(service, owners, copied);
    for (size_t i = 0; i < copied->asset_count; i++) {
        enum status also = stop_asset(service, &copied->assets[i], &fault);
        status = status == STATUS_OK ? also : status;
    }
    return status == STATUS_OK;
}

/* A signer that is away is waited for once in each call; the next one begins behind that use. */
void key_uses_stop(struct key_uses *uses, const struct key_spending_owners *owners)
{
    bool stopped = true;
    for (size_t i = 0; stopped && uses->unstopped > 0 && i < uses->count; i++) {
        uses->stop_next = uses->stop_next < uses->count ? uses->stop_next : 0;
        struct copied *copied = &uses->rows[uses->stop_next++];
        if (!copied->stopped) {
            stopped = stop(uses->service, owners, copied);
            copied->stopped = stopped;
            uses->unstopped -= stopped ? 1 : 0;
        }
    }
}

/* True when nothing is left to be done. It is told also while its signer is away. */
static bool tell(struct service *service, struct copied *copied)
{
    bool told = tell_once(&copied->used, service, copied, AUDIT_KEY_COPIED_USE);
    return copied->stopped && told && tell_once(&copied->dealt_with, service, copied, AUDIT_KEY_ALARM);
}

void key_uses_tell(struct key_uses *uses)
{
    size_t first = uses->tell_next;
    size_t count = uses->count;
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        struct copied *copied = &uses->rows[i];
        if (i >= first && i - first < AT_ONCE && tell(uses->service, copied)) {
            free(copied->assets);
        } else {
            uses->rows[left++] = *copied;
        }
    }
    uses->tell_next = first + AT_ONCE < count ? first + AT_ONCE - (count - left) : 0;
    uses->count = left;
}

/* What was found. */

bool key_uses_has(const struct key_uses *uses, const struct digest *transaction, uint64_t height)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, transaction);
    const json_t *seen = json_object_get(uses->seen, hex);
    return seen != NULL && (uint64_t)json_integer_value(seen) == height;
}

/* The row of a transaction, a new one at the end when it has none; NULL without memory. */
static struct copied *take_row(struct key_uses *uses, const struct digest *transaction)
{
    for (size_t i = 0; i < uses->count; i++) {
        if (digest_equal(&uses->rows[i].transaction, transaction)) {
            return &uses->rows[i];
        }
    }
    struct copied *grown = realloc(uses->rows, (uses->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return NULL;
    }
    uses->rows = grown;
    uses->rows[uses->count] = (struct copied){
        .transaction = *transaction, .stopped = true, .seen_utc_us = clock_utc_us(uses->service->clock)};
    return &uses->rows[uses->count++];
}

enum status key_uses_add(struct key_uses *uses, const struct key_spending_use *use, struct fault *fault)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, &use->transaction);
    struct digest *assets = calloc(use->asset_count + 1, sizeof(*assets));
    struct copied *row = assets == NULL ? NULL : take_row(uses, &use->transaction);
    if (row == NULL) {
        free(assets);
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    memcpy(assets, use->assets, use->asset_count * sizeof(*assets));
    free(row->assets);
    row->assets = assets;
    row->asset_count = use->asset_count;
    row->key = use->key;
    row->height = use->height;
    row->on = transitions_when_stopped(uses->service, &use->key);
    uses->stop_next = (size_t)(row - uses->rows);
    uses->unstopped += row->stopped ? 1 : 0;
    row->stopped = false;
    return json_object_set_new(uses->seen, hex, json_integer((json_int_t)use->height)) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
}

size_t key_uses_waiting(const struct key_uses *uses)
{
    return uses->count;
}

bool key_uses_untold(struct digest *out_key, int64_t *out_since_utc_us, const struct key_uses *uses, size_t *inout_at)
{
    int64_t before_utc_us = clock_utc_us(uses->service->clock) - UNTOLD_US;
    while (*inout_at < uses->count) {
        const struct copied *copied = &uses->rows[(*inout_at)++];
        if (!copied->used.done && copied->seen_utc_us <= before_utc_us) {
            *out_key = copied->key;
            *out_since_utc_us = copied->seen_utc_us;
            return true;
        }
    }
    return false;
}

enum status key_uses_is_over(bool *out, const struct service *service, const struct digest *transaction,
                             struct fault *fault)
{
    return in_trail(out, service, transaction, AUDIT_KEY_ALARM, fault);
}
