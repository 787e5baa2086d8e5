/*
 * The allow-list, shown again to the signer that holds it, once the signed trail says of an entry that it is handed
 * over: a row alone, whoever signed what it holds, reaches no signer. A guard that was made anew holds none of it; an
 * entry that is on its list already has the same answer as before. Nothing is decided here, and nothing is lost
 * silently.
 */
#include <inttypes.h>

#include "base/log.h"
#include "destinations.h"
#include "record.h"
#include "trail_signed.h"
#include "watch_core.h"

#define SAME_US 60000000LL      /* two estimates of one time */
#define PAUSE_MIN_US 1000000LL  /* an entry of the trail is covered by then */
#define PAUSE_MAX_US 32000000LL /* one that is hidden has not the whole list shown again with each look */

struct page {
    const struct service *service;
    struct destination_page page;
    struct destination_entry entries[DESTINATIONS_PAGE];
};

static enum status page_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct page *page = context;
    return destination_page_read(&page->page, page->service, tx, fault);
}

static enum status tell(struct watch *watch, const struct digest *digest, const struct destination_standing *standing,
                        enum status reason, struct fault *fault)
{
    char value[STORE_MARK_VALUE_SIZE];
    char revoked[STORE_MARK_VALUE_SIZE];
    struct news news = {.action = reason == STATUS_OK ? AUDIT_DESTINATION_HELD : AUDIT_DESTINATION_REFUSED,
                        .object_type = RECORD_DESTINATION,
                        .anyway = reason == STATUS_OK,
                        .reason = reason,
                        .value = value,
                        .lasting = revoked};
    destination_mark_subject(news.subject, digest);
    destination_mark_value(value, standing);
    destination_mark_lasting(revoked);
    digest_format(news.object_id, digest);
    news_ref(&news, "destination", digest);
    if (reason == STATUS_OK) {
        char at[TIME_TEXT_SIZE];
        time_format(at, standing->serving_at_utc_us);
        news_fact(&news, "serving_at", at);
    }
    return watch_tell(watch, &news, fault);
}

static bool same(const struct destination_standing *standing, int64_t serving_at_utc_us)
{
    int64_t apart = standing->serving_at_utc_us - serving_at_utc_us;
    return standing->word == DESTINATION_HELD && apart < SAME_US && apart > -SAME_US;
}

static enum status lose(struct watch *watch, const struct digest *digest, enum status reason, struct fault *fault)
{
    char hex[DIGEST_HEX_LEN + 1];
    digest_format(hex, digest);
    if (reason == STATUS_OK) {
        (void)json_object_del(watch->destinations_lost, hex); /* one that was not there is fine */
        return STATUS_OK;
    }
    json_t *code = json_string(status_info(reason)->code);
    return json_object_set_new(watch->destinations_lost, hex, code) == 0
               ? STATUS_OK
               : fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
}

/* What may pass is asked again with the next look. */
static bool passes(enum status status)
{
    return status_info(status)->retryable || status_info(status)->http >= 500;
}

struct rereading {
    const struct digest *digest;
    struct destination_standing standing;
};

static enum status reread_in(const struct store_tx *tx, void *context, struct fault *fault)
{
    struct rereading *rereading = context;
    return destination_standing_read(&rereading->standing, tx, rereading->digest, fault);
}

/* The signer refuses one that was revoked since the page was read; that is no loss. */
static enum status drop_revoked(enum status *inout_refusal, struct watch *watch, const struct digest *digest,
                                struct fault *fault)
{
    struct rereading rereading = {.digest = digest};
    if (*inout_refusal == STATUS_OK) {
        return STATUS_OK;
    }
    enum status status = store_read(watch->service->store, reread_in, &rereading, fault);
    if (status == STATUS_OK && rereading.standing.word == DESTINATION_REVOKED) {
        *inout_refusal = STATUS_OK;
    }
    return status;
}

struct announcing {
    struct service *service;
    const struct digest *digest;
};

static enum status announce_in(struct store_tx *tx, void *context, struct fault *fault)
{
    const struct announcing *announcing = context;
    struct audit_event event;
    struct trail_ticket ticket;
    const struct uuid fresh = {{0}};
    record_by_service(&event, announcing->service, &fresh, AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_INTENT);
    (void)snprintf(event.object_type, sizeof(event.object_type), "%s", RECORD_DESTINATION);
    digest_format(event.object_id, announcing->digest);
    enum status status = audit_event_ref_add(&event, "destination", announcing->digest, fault);
    if (status == STATUS_OK) {
        status = trail_enqueue(&ticket, announcing->service->trail, tx, &event, fault);
    }
    audit_event_wipe(&event);
    return status;
}

/* One that waits for its entry is looked at again with the next look; the entry is made once. */
static enum status announce(bool *out_announced, struct watch *watch, const struct digest *digest, struct fault *fault)
{
    char hex[DIGEST_HEX_LEN + 1];
    struct announcing announcing = {.service = watch->service, .digest = digest};
    enum status status =
        destination_told(out_announced, watch->service, digest, AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_INTENT, fault);
    if (status != STATUS_OK || *out_announced) {
        return status;
    }
    digest_format(hex, digest);
    watch->destinations_wait = true;
    if (json_object_get(watch->destinations_announced, hex) != NULL) {
        return STATUS_OK;
    }
    status = store_transact(watch->service->store, announce_in, &announcing, fault);
    if (status == STATUS_OK && json_object_set_new(watch->destinations_announced, hex, json_true()) != 0) {
        status = fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
    }
    return status;
}

/* Nor what was revoked: its mark may have been edited, and a guard made anew has forgotten it. */
static enum status may_show(bool *out, struct watch *watch, const struct digest *digest, struct fault *fault)
{
    bool revoked = false;
    enum status status = announce(out, watch, digest, fault);
    if (status == STATUS_OK && *out) {
        status = destination_told(&revoked, watch->service, digest, AUDIT_DESTINATION_REVOKE, AUDIT_OUTCOME_OK, fault);
    }
    *out = *out && !revoked;
    return status == STATUS_OK && revoked ? lose(watch, digest, STATUS_DENIED, fault) : status;
}

/* A mark that says so already keeps nothing out of the trail, nor does one from before the log began. */
static enum status tell_held(struct watch *watch, const struct destination_entry *entry, int64_t serving_at_utc_us,
                             struct fault *fault)
{
    static const enum audit_action actions[] = {AUDIT_DESTINATION_ADD, AUDIT_DESTINATION_HELD};
    const struct destination_standing held = {.word = DESTINATION_HELD, .serving_at_utc_us = serving_at_utc_us};
    bool told = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && !told && same(&entry->standing, serving_at_utc_us) && i < 2; i++) {
        status = destination_told(&told, watch->service, &entry->digest, actions[i], AUDIT_OUTCOME_OK, fault);
    }
    return status == STATUS_OK && !told ? tell(watch, &entry->digest, &held, STATUS_OK, fault) : status;
}

static enum status show_one(struct watch *watch, const struct destination_entry *entry, struct fault *fault)
{
    struct service *service = watch->service;
    struct wire_destination_adopt_reply said;
    struct fault why = {0};
    if (entry->standing.word == DESTINATION_REVOKED || clock_utc_us(service->clock) >= entry->destination.valid_until) {
        return STATUS_OK;
    }
    bool shown = false;
    enum status status = may_show(&shown, watch, &entry->digest, fault);
    if (status != STATUS_OK || !shown) {
        return status;
    }
    status = wire_destination_adopt(service->signers[WIRE_ROLE_TRANSFER], &said, &entry->document,
                                    service->options.signer_timeout_ms, &why);
    if (status != STATUS_OK && passes(status)) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    enum status loss = status;
    enum status noted = drop_revoked(&loss, watch, &entry->digest, fault);
    noted = noted == STATUS_OK ? lose(watch, &entry->digest, loss, fault) : noted;
    if (noted != STATUS_OK || loss != status) {
        return noted;
    }
    if (status != STATUS_OK) { /* told with each look, this one too */
        log_fault("destination.refused", &why);
        return STATUS_OK;
    }
    return tell_held(watch, entry, said.serving_at, fault);
}

/* Once for each that is found. */
static void log_unfit(const struct destination_unfit *unfit, const struct destination_unfit *before)
{
    char rows[24];
    char hex[DIGEST_HEX_LEN + 1];
    if (unfit->rows == 0 || (unfit->rows == before->rows && digest_equal(&unfit->digest, &before->digest))) {
        return;
    }
    (void)snprintf(rows, sizeof(rows), "%llu", unfit->rows);
    digest_format(hex, &unfit->digest);
    log_event(LOG_LEVEL_WARNING, "destination.unfit", "rows", rows, "id", unfit->id.text, "digest", hex, "status",
              status_info(unfit->reason)->code, NULL);
}

static enum status show_all(struct watch *watch, struct page *page, struct fault *fault)
{
    struct destination_page *rows = &page->page;
    watch->destinations_wait = false;
    bool more = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && more) {
        status = store_read(watch->service->store, page_in, page, fault);
        for (size_t i = 0; status == STATUS_OK && i < rows->count; i++) {
            status = show_one(watch, &rows->entries[i], fault);
        }
        more = destination_page_turn(rows);
    }
    destination_page_wipe(rows);
    if (status == STATUS_OK || status == STATUS_CORRUPT) { /* so many that it is not read on */
        log_unfit(&rows->unfit, &watch->destinations_unfit);
        watch->destinations_unfit = rows->unfit;
    }
    return status;
}

/* Nobody is asked about them: the mark is none of an entry. */
static enum status tell_unfit(struct watch *watch, struct fault *fault)
{
    const struct destination_unfit *unfit = &watch->destinations_unfit;
    char value[DIGEST_HEX_LEN + 1];
    struct news news = {.action = AUDIT_DESTINATION_REFUSED,
                        .object_type = RECORD_DESTINATION,
                        .reason = unfit->reason,
                        .value = value};
    if (unfit->rows == 0) {
        return STATUS_OK;
    }
    digest_format(value, &unfit->digest);
    (void)snprintf(news.subject, sizeof(news.subject), "destination/rows");
    (void)snprintf(news.object_id, sizeof(news.object_id), "%s", value);
    news_ref(&news, "destination", &unfit->digest);
    return watch_tell(watch, &news, fault);
}

/* An alarm lasts as long as it is told with each look. */
static enum status tell_lost(struct watch *watch, struct fault *fault)
{
    const char *hex = NULL;
    json_t *code = NULL;
    enum status status = STATUS_OK;
    json_object_foreach(watch->destinations_lost, hex, code)
    {
        const struct destination_standing refused = {.word = DESTINATION_REFUSED};
        struct digest digest;
        if (status == STATUS_OK && digest_parse(&digest, hex) == STATUS_OK) {
            status = tell(watch, &digest, &refused, status_from_code(json_string_value(code)), fault);
        }
    }
    return status;
}

/* That signer has not been shown them since its start or since it was away, or one waits. */
static bool is_due(const struct watch *watch, const struct digest *instance)
{
    return !digest_equal(&watch->destinations_shown, instance) ||
           (watch->destinations_wait && clock_monotonic_us(watch->service->clock) >= watch->destinations_again_us);
}

/* When one waits for its entry, all are shown again, after twice the time that passed before. */
static void note_shown(struct watch *watch, const struct digest *instance)
{
    int64_t pause_us = 2 * watch->destinations_pause_us;
    bool fresh = !digest_equal(&watch->destinations_shown, instance);
    pause_us = pause_us < PAUSE_MIN_US || fresh ? PAUSE_MIN_US : pause_us;
    pause_us = pause_us < PAUSE_MAX_US ? pause_us : PAUSE_MAX_US;
    watch->destinations_shown = *instance;
    watch->destinations_pause_us = watch->destinations_wait ? pause_us : 0;
    watch->destinations_again_us = clock_monotonic_us(watch->service->clock) + pause_us;
}

static enum status show(struct watch *watch, const struct digest *instance, struct fault *fault)
{
    struct fault why = {0};
    struct page *page = calloc(1, sizeof(*page));
    if (page == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "destinations", "%s", "");
    }
    page->service = watch->service;
    page->page = (struct destination_page){.entries = page->entries, .max = DESTINATIONS_PAGE, .front = ""};
    enum status status = show_all(watch, page, &why);
    free(page);
    if (status == STATUS_OK) {
        note_shown(watch, instance);
    } else {
        watch->destinations_shown = (struct digest){{0}};
        log_fault("destination.shown", &why); /* the next look goes on */
    }
    return STATUS_OK;
}

enum status watch_destinations(struct watch *watch, struct fault *fault)
{
    struct key_board_signer signer;
    enum status status = STATUS_OK;
    key_board_signer(&signer, watch->service->board, WIRE_ROLE_TRANSFER);
    if (signer.status != STATUS_OK) {
        watch->destinations_shown = (struct digest){{0}};
    } else if (is_due(watch, &signer.instance)) { /* it may have started between two looks */
        status = show(watch, &signer.instance, fault);
    }
    status = status == STATUS_OK ? tell_unfit(watch, fault) : status;
    return status == STATUS_OK ? tell_lost(watch, fault) : status;
}
