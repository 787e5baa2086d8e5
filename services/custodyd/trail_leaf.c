/*
 * Rows of the trail. The bytes are the entry, and read here; what stands beside them in the row is made from them here,
 * and held against them here.
 */
#include "trail_leaf.h"

#include "audit/column.h"
#include "audit/leaf.h"

enum status trail_leaf_event(struct audit_event *out, const struct store_leaf *leaf, struct fault *fault)
{
    struct audit_leaf said;
    enum status status = audit_leaf_parse(&said, leaf->raw.data, leaf->raw.len, fault);
    return status == STATUS_OK ? audit_event_decode(out, said.event, said.event_len, fault) : status;
}

bool trail_leaf_ref(struct digest *out, const struct store_leaf *leaf, const char *name)
{
    struct audit_event event = {0};
    bool named = trail_leaf_event(&event, leaf, NULL) == STATUS_OK && audit_event_ref(out, &event, name) == STATUS_OK;
    audit_event_wipe(&event);
    return named;
}

static void text_put(char *out, size_t out_size, const char *text)
{
    size_t len = strlen(text);
    len = len < out_size ? len : out_size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

static void project_facts(struct store_leaf *leaf, const struct audit_event *event)
{
    text_put(leaf->amount, sizeof(leaf->amount), audit_column(event, "amount"));
    text_put(leaf->asset, sizeof(leaf->asset), audit_column(event, "asset"));
    text_put(leaf->destination, sizeof(leaf->destination), audit_column(event, "destination"));
    text_put(leaf->key, sizeof(leaf->key), audit_column(event, "key"));
    text_put(leaf->wallet, sizeof(leaf->wallet), audit_column(event, "wallet"));
    leaf->version = strtoull(audit_column(event, "version"), NULL, 10);
}

void trail_leaf_project(struct store_leaf *leaf, const struct audit_event *event)
{
    leaf->ts_utc_us = event->at_utc_us;
    text_put(leaf->actor, sizeof(leaf->actor), event->actor.text);
    text_put(leaf->act, sizeof(leaf->act), audit_action_text(event->action));
    text_put(leaf->otype, sizeof(leaf->otype), event->object_type);
    text_put(leaf->oid, sizeof(leaf->oid), event->object_id);
    leaf->ord = event->object_ordinal;
    text_put(leaf->outcome, sizeof(leaf->outcome), audit_outcome_text(event->outcome));
    leaf->has_corr = true;
    leaf->corr = event->correlation;
    project_facts(leaf, event);
}

static bool facts_equal(const struct store_leaf *a, const struct store_leaf *b)
{
    return strcmp(a->amount, b->amount) == 0 && strcmp(a->asset, b->asset) == 0 &&
           strcmp(a->destination, b->destination) == 0 && strcmp(a->key, b->key) == 0 && a->version == b->version &&
           strcmp(a->wallet, b->wallet) == 0;
}

static bool columns_equal(const struct store_leaf *a, const struct store_leaf *b)
{
    return a->ts_utc_us == b->ts_utc_us && strcmp(a->actor, b->actor) == 0 && strcmp(a->act, b->act) == 0 &&
           strcmp(a->otype, b->otype) == 0 && strcmp(a->oid, b->oid) == 0 && a->ord == b->ord &&
           strcmp(a->outcome, b->outcome) == 0 && a->has_corr == b->has_corr && uuid_equal(&a->corr, &b->corr) &&
           facts_equal(a, b);
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

bool trail_leaf_is(const struct store_leaf *leaf, const struct digest *signed_hash)
{
    struct audit_leaf said;
    struct digest hash;
    audit_leaf_hash(&hash, leaf->raw.data, leaf->raw.len);
    return digest_equal(&hash, signed_hash) && digest_equal(&leaf->lh, signed_hash) &&
           audit_leaf_parse(&said, leaf->raw.data, leaf->raw.len, NULL) == STATUS_OK && said.index == leaf->seq &&
           columns_are_true(leaf, &said);
}
