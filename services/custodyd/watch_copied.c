/*
 * Which keys have been used by a copy and nobody has decided about since: from the signed entries `key.copied_use`,
 * which hold the key and how often it had changed when it was stopped; and from what the trail still lacks. With each
 * further use it is a new alarm: who answered the one before, which may have been a false one, did not know of it.
 */
#include "record.h"
#include "trail_leaf.h"
#include "watch_core.h"

static void spread(struct copied_key *inout, const struct copied_key *other)
{
    bool earlier = other->first_at_utc_us < inout->first_at_utc_us;
    bool later = other->last_at_utc_us > inout->last_at_utc_us;
    inout->first_at_utc_us = earlier ? other->first_at_utc_us : inout->first_at_utc_us;
    inout->last_at_utc_us = later ? other->last_at_utc_us : inout->last_at_utc_us;
}

static enum status add(struct watch *watch, const struct copied_key *found, struct fault *fault)
{
    for (size_t i = 0; i < watch->copied_count; i++) {
        struct copied_key *known = &watch->copied[i];
        if (digest_equal(&known->key, &found->key) && known->on == found->on) {
            spread(known, found);
            return STATUS_OK;
        }
    }
    struct copied_key *grown = realloc(watch->copied, (watch->copied_count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return fault_set(fault, STATUS_NO_MEMORY, "keys", "%s", "");
    }
    watch->copied = grown;
    watch->copied[watch->copied_count++] = *found;
    return STATUS_OK;
}

static enum status take_entry(struct watch *watch, const struct store_leaf *entry, struct fault *fault)
{
    struct audit_event event = {0};
    struct copied_key found = {
        .on = KEY_SPENDING_ON_UNKNOWN, .first_at_utc_us = entry->ts_utc_us, .last_at_utc_us = entry->ts_utc_us};
    enum status status = trail_leaf_event(&event, entry, NULL);
    bool names = status == STATUS_OK && audit_event_ref(&found.key, &event, "key") == STATUS_OK;
    const char *on = names ? audit_event_fact(&event, "transitions") : NULL;
    found.on = on == NULL ? found.on : strtoull(on, NULL, 10);
    audit_event_wipe(&event);
    if (status == STATUS_NO_MEMORY) { /* what cannot be read, or names no key, keeps no other from being told */
        return fault_set(fault, status, "keys", "%s", "");
    }
    return names ? add(watch, &found, fault) : STATUS_OK;
}

/* Whether people have not decided about the key since. */
static bool is_undecided(const struct copied_key *copied, const struct service *service)
{
    struct key_board_entry entry;
    if (key_board_find(&entry, service->board, &copied->key) != STATUS_OK) {
        return true;
    }
    return copied->on == KEY_SPENDING_ON_UNKNOWN
               ? entry.state != KEY_STATE_COMPROMISED && entry.state != KEY_STATE_DESTROYED
               : entry.key.on <= copied->on;
}

static enum status list(struct watch *watch, const struct copied_key *copied, struct fault *fault)
{
    struct news news = {.action = AUDIT_KEY_COPIED_USE,
                        .object_type = RECORD_KEY,
                        .reason = STATUS_MISMATCH,
                        .since_utc_us = copied->first_at_utc_us};
    digest_format(news.object_id, &copied->key);
    for (size_t i = 0; i < watch->seeing.count; i++) {
        const struct alarm *seen = &watch->seeing.rows[i];
        if (seen->code == news.action && strcmp(seen->object_id, news.object_id) == 0) {
            struct copied_key all = {.first_at_utc_us = seen->since_utc_us, .last_at_utc_us = seen->first_seen_utc_us};
            spread(&all, copied);
            return alarm_list_date(&watch->seeing, i, all.first_at_utc_us, all.last_at_utc_us, fault);
        }
    }
    return alarm_list_add(&watch->seeing, &news, copied->last_at_utc_us, fault);
}

enum status watch_copied(struct watch *watch, struct fault *fault)
{
    struct fault why = {0};
    struct copied_key untold = {.on = KEY_SPENDING_ON_UNKNOWN};
    size_t at = 0;
    watch->copies.action = AUDIT_KEY_COPIED_USE;
    watch->copies.take = take_entry;
    enum status status = watch_entries_find(watch, &watch->copies, &why);
    for (size_t i = 0; i < watch->copied_count; i++) {
        enum status listed =
            is_undecided(&watch->copied[i], watch->service) ? list(watch, &watch->copied[i], &why) : STATUS_OK;
        status = status == STATUS_OK ? listed : status;
    }
    while (key_spending_untold(&untold.key, &untold.first_at_utc_us, watch->spending, &at)) {
        untold.last_at_utc_us = untold.first_at_utc_us;
        enum status listed = list(watch, &untold, &why);
        status = status == STATUS_OK ? listed : status;
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}
