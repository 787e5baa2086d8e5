/*
 * Columns of the trail's entries. The bytes are the entry; what stands beside them in the row is made from them here,
 * and held against them here.
 */
#include "trail_leaf.h"

#include "audit/leaf.h"

/* Facts with a column (docs/formats.md section 3). What does not have the form of one has no column: it is found by its
 * bytes alone. */

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

struct form {
    const char *characters;
    size_t min;
    size_t max;
    bool number; /* which does not begin with 0 */
};

static const struct form form_amount = {DIGITS, 1, 39, true};
static const struct form form_hash = {DIGITS "abcdef", 64, 64, false};
static const struct form form_address = {DIGITS LETTERS, 1, 127, false};
static const struct form form_version = {DIGITS, 1, 15, true};
static const struct form form_name = {DIGITS LETTERS "-", 1, 63, false};

/* The fact, "" when there is none of this form. */
static const char *fact_of(const struct audit_event *event, const char *name, const struct form *form)
{
    const char *text = audit_event_fact(event, name);
    size_t len = text == NULL ? 0 : strlen(text);
    bool good = len >= form->min && len <= form->max && strspn(text, form->characters) == len;
    return good && !(form->number && text[0] == '0') ? text : "";
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
    bool key = strcmp(event->object_type, "key") == 0;
    text_put(leaf->amount, sizeof(leaf->amount), fact_of(event, "amount", &form_amount));
    text_put(leaf->asset, sizeof(leaf->asset), fact_of(event, "asset", &form_hash));
    text_put(leaf->destination, sizeof(leaf->destination), fact_of(event, "destination", &form_address));
    text_put(leaf->key, sizeof(leaf->key), key ? event->object_id : fact_of(event, "key", &form_hash));
    text_put(leaf->wallet, sizeof(leaf->wallet), fact_of(event, "wallet", &form_name));
    leaf->version = strtoull(fact_of(event, "version", &form_version), NULL, 10);
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
