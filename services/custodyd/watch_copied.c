/*
 * Which keys have been used by a copy and nobody has decided about since: from the signed entries `key.copied_use`,
 * which hold the key and how often it had changed when it was stopped; and from what the trail still lacks.
 */
#include "record.h"
#include "trail_leaf.h"
#include "watch_core.h"

static enum status add(struct watch *watch, const struct copied_key *found, struct fault *fault)
{
    for (size_t i = 0; i < watch->copied_count; i++) {
        struct copied_key *known = &watch->copied[i];
        if (digest_equal(&known->key, &found->key) && known->on == found->on) {
            bool earlier = found->first_at_utc_us < known->first_at_utc_us;
            known->first_at_utc_us = earlier ? found->first_at_utc_us : known->first_at_utc_us;
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
    struct copied_key found = {.on = KEY_SPENDING_ON_UNKNOWN, .first_at_utc_us = entry->ts_utc_us};
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

static enum status list(struct watch *watch, const struct digest *key, int64_t first_at_utc_us, struct fault *fault)
{
    struct news news = {.action = AUDIT_KEY_COPIED_USE, .object_type = RECORD_KEY, .reason = STATUS_MISMATCH};
    digest_format(news.object_id, key);
    for (size_t i = 0; i < watch->seeing.count; i++) {
        const struct alarm *seen = &watch->seeing.rows[i];
        if (seen->code == news.action && strcmp(seen->object_id, news.object_id) == 0) {
            return STATUS_OK;
        }
    }
    return alarm_list_add(&watch->seeing, &news, first_at_utc_us, fault);
}

static int compare(const void *a, const void *b)
{
    const struct copied_key *one = a;
    const struct copied_key *other = b;
    return one->first_at_utc_us < other->first_at_utc_us ? -1 : one->first_at_utc_us > other->first_at_utc_us;
}

enum status watch_copied(struct watch *watch, struct fault *fault)
{
    struct fault why = {0};
    struct digest key;
    int64_t at_utc_us = 0;
    watch->copies.action = AUDIT_KEY_COPIED_USE;
    watch->copies.take = take_entry;
    enum status status = watch_entries_find(watch, &watch->copies, &why);
    if (watch->copied_count > 0) {
        qsort(watch->copied, watch->copied_count, sizeof(*watch->copied), compare);
    }
    for (size_t i = 0; i < watch->copied_count; i++) {
        enum status listed = is_undecided(&watch->copied[i], watch->service)
                                 ? list(watch, &watch->copied[i].key, watch->copied[i].first_at_utc_us, &why)
                                 : STATUS_OK;
        status = status == STATUS_OK ? listed : status;
    }
    for (size_t i = 0; key_spending_untold(&key, &at_utc_us, watch->spending, i); i++) {
        enum status listed = list(watch, &key, at_utc_us, &why);
        status = status == STATUS_OK ? listed : status;
    }
    return status == STATUS_OK ? STATUS_OK : fault_set(fault, status, why.where, "%s", why.detail);
}
