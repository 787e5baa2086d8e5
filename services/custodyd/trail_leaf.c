/*
 * Columns of the trail's entries. The bytes are the entry; what stands beside them in the row is made from them here,
 * and held against them here.
 */
#include "trail_leaf.h"

#include <inttypes.h>

#include "audit/leaf.h"
#include "base/log.h"

void trail_leaf_project(struct store_leaf *leaf, const struct audit_event *event)
{
    leaf->ts_utc_us = event->at_utc_us;
    snprintf(leaf->actor, sizeof leaf->actor, "%s", event->actor.text);
    snprintf(leaf->act, sizeof leaf->act, "%s", audit_action_text(event->action));
    snprintf(leaf->otype, sizeof leaf->otype, "%s", event->object_type);
    snprintf(leaf->oid, sizeof leaf->oid, "%s", event->object_id);
    leaf->ord = event->object_ordinal;
    snprintf(leaf->outcome, sizeof leaf->outcome, "%s", audit_outcome_text(event->outcome));
    leaf->has_corr = true;
    leaf->corr = event->correlation;
}

static bool columns_equal(const struct store_leaf *a, const struct store_leaf *b)
{
    return a->ts_utc_us == b->ts_utc_us && strcmp(a->actor, b->actor) == 0 && strcmp(a->act, b->act) == 0 &&
           strcmp(a->otype, b->otype) == 0 && strcmp(a->oid, b->oid) == 0 && a->ord == b->ord &&
           strcmp(a->outcome, b->outcome) == 0 && a->has_corr == b->has_corr && uuid_equal(&a->corr, &b->corr);
}

static bool columns_are_true(const struct store_leaf *row, const struct audit_leaf *leaf)
{
    struct store_leaf said = {0};
    struct audit_event event;
    if (audit_event_decode(&event, leaf->event, leaf->event_len, NULL) != STATUS_OK) {
        return false;
    }
    trail_leaf_project(&said, &event);
    audit_event_wipe(&event);
    return columns_equal(row, &said);
}

bool trail_leaf_is_true(const struct store_leaf *leaf)
{
    struct audit_leaf said;
    struct digest hash;
    audit_leaf_hash(&hash, leaf->raw.data, leaf->raw.len);
    bool good = audit_leaf_parse(&said, leaf->raw.data, leaf->raw.len, NULL) == STATUS_OK && said.index == leaf->seq &&
                digest_equal(&hash, &leaf->lh) && columns_are_true(leaf, &said);
    if (!good) {
        char entry[24];
        (void)snprintf(entry, sizeof(entry), "%" PRIu64, leaf->seq);
        log_event(LOG_LEVEL_ERROR, "trail.columns", "entry", entry, "detail", "the row is not what its bytes say",
                  NULL);
    }
    return good;
}
