/*
 * Anchors of the trail: the newest checkpoint, as its log signed it, goes into a block of the ledger, one at a time.
 * What stands in a confirmed block is told to the trail. The entry that tells it is no reason for another anchor, so a
 * service where nothing happens anchors its heartbeats and no more.
 */
#include <inttypes.h>

#include "base/crashpoint.h"
#include "base/log.h"
#include "record.h"
#include "signers.h"
#include "watch_core.h"

#define LATE_TIMES 6 /* intervals without an anchor that was due */
#define SUBJECT "anchor/ledger"

static void anchor_news(struct news *news)
{
    news->object_type = RECORD_ANCHOR;
    (void)snprintf(news->object_id, sizeof(news->object_id), "ledger");
}

static enum status tell_anchored(struct watch *watch, const struct ledger_anchored *anchored, struct fault *fault)
{
    char size[STORE_MARK_VALUE_SIZE];
    char height[24];
    struct news news = {.action = AUDIT_TRAIL_ANCHOR, .subject = SUBJECT, .value = size};
    anchor_news(&news);
    (void)snprintf(size, sizeof(size), "%" PRIu64, anchored->checkpoint.size);
    (void)snprintf(height, sizeof(height), "%" PRIu64, anchored->transaction.height);
    news_ref(&news, "checkpoint", &anchored->note);
    news_ref(&news, "transaction", &anchored->transaction.id);
    news_fact(&news, "height", height);
    news_fact(&news, "size", size);
    CRASHPOINT("anchor.confirmed");
    return watch_tell_past(watch, &news, fault);
}

static enum status tell_lateness(struct watch *watch, bool late, struct fault *fault)
{
    struct news news = {.action = late ? AUDIT_ANCHOR_LATE : AUDIT_ANCHOR_BACK,
                        .subject = SUBJECT "/late",
                        .calm = !late,
                        .reason = late ? STATUS_NOT_READY : STATUS_OK,
                        .value = late ? "late" : "there"};
    anchor_news(&news);
    return watch_tell(watch, &news, fault);
}

/* Whether the anchor submitted last is still on its way; then none follows it. */
static bool is_pending(const struct watch *watch)
{
    struct ledger_transaction_status found;
    struct fault why = {0};
    return !digest_is_zero(&watch->anchor_submitted) &&
           ledger_node_transaction(watch->service->node, &found, &watch->anchor_submitted, &why) == STATUS_OK &&
           found.state == LEDGER_PENDING;
}

/* The key whose log the node counts it to: of several that signed the one that was named last. */
static const struct audit_key *note_key(const struct service *service, const struct trail_checkpoint *newest)
{
    struct audit_note note;
    const struct audit_key *key = &service->log_keys[0];
    if (audit_note_parse(&note, newest->note.data, newest->note.len, NULL) != STATUS_OK) {
        return key; /* the node refuses it and says why */
    }
    for (size_t i = 1; i < service->options.log_keys.count; i++) {
        const struct audit_key *other = &service->log_keys[i];
        key = audit_note_verify(NULL, &note, other, NULL) == STATUS_OK ? other : key;
    }
    return key;
}

/* What the node does not take now is tried again with the next look; that it lasts is told as lateness. */
static void submit(struct watch *watch, const struct trail_checkpoint *newest, int64_t now_us)
{
    struct service *service = watch->service;
    struct ledger_transaction_status found;
    struct fault why = {0};
    if (ledger_node_anchor(service->node, &found, &newest->note, note_key(service, newest), &why) == STATUS_OK) {
        watch->anchor_submitted = found.id;
        watch->anchor_submitted_us = now_us;
        watch->anchor_refused = false;
        CRASHPOINT("anchor.submitted");
    } else if (!watch->anchor_refused) {
        watch->anchor_refused = true;
        log_fault("anchor.submit", &why);
    }
}

/* How many entries are not anchored, but for the one about the anchor. */
static uint64_t entries_since(const struct trail_checkpoint *newest, uint64_t anchored_size)
{
    return newest->checkpoint.size > anchored_size + 1 ? newest->checkpoint.size - anchored_size - 1 : 0;
}

static enum status carry_on(struct watch *watch, uint64_t anchored_size, struct fault *fault)
{
    struct trail_checkpoint newest = {0};
    struct fault why = {0};
    int64_t now_us = clock_monotonic_us(watch->service->clock);
    int64_t interval_us = watch->service->options.anchor_interval_s * 1000000;
    if (trail_checkpoint_newest(&newest, watch->service->trail, &why) != STATUS_OK) {
        return STATUS_OK; /* there is nothing yet to be anchored */
    }
    uint64_t entries = entries_since(&newest, anchored_size);
    bool due = now_us - watch->anchor_submitted_us >= interval_us ||
               entries >= (uint64_t)watch->service->options.anchor_entries;
    if (entries == 0 || anchored_size > watch->anchored_size) {
        watch->anchored_size = anchored_size;
        watch->anchor_good_us = now_us;
    }
    if (entries > 0 && due && !is_pending(watch)) {
        submit(watch, &newest, now_us);
    }
    bytes_free(&newest.note);
    return tell_lateness(watch, now_us - watch->anchor_good_us > LATE_TIMES * interval_us, fault);
}

void watch_anchors_start(struct watch *watch)
{
    watch->anchor_submitted_us = clock_monotonic_us(watch->service->clock);
    watch->anchor_good_us = watch->anchor_submitted_us;
}

enum status watch_anchors(struct watch *watch, struct fault *fault)
{
    struct ledger_anchored anchored = {.checkpoint = {.size = 0}};
    struct fault why = {0};
    enum status status = signers_anchored(watch->service, &anchored, &why);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        return fault_set(fault, status, why.where, "%s", why.detail);
    }
    bool confirmed = status == STATUS_OK && anchored.transaction.state == LEDGER_CONFIRMED;
    status = confirmed ? tell_anchored(watch, &anchored, fault) : STATUS_OK;
    return status == STATUS_OK ? carry_on(watch, confirmed ? anchored.checkpoint.size : watch->anchored_size, fault)
                               : status;
}
