/*
 * The entries of a withdrawal, one after the other.
 *
 * Whoever can write to the database of the service can have entries put into the trail that the service never made. So
 * one of withdrawal.signing or withdrawal.announced that is not about the documents of the bundle is passed over, like
 * one more of any other: it neither spoils evidence nor makes any.
 */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>

#include "event.h"
#include "merkle.h"

struct reading {
    struct story *story;
    struct report *report;
    const struct story_claim *claim;
};

static bool fail(const struct reading *reading, const char *part, const char *what)
{
    report_tampered(reading->report, "%s: %s", part, what);
    return false;
}

static bool is_act(const struct event *event, const char *act, const char *outcome)
{
    return span_is(event->act, act) && span_is(event->outcome, outcome);
}

/* True when the entry names exactly these documents. */
static bool names(const struct event *event, const json_t *refs)
{
    char *text = json_dumps(refs, JSON_COMPACT | JSON_SORT_KEYS);
    bool same = text != NULL && span_is(event->refs, text);
    free(text);
    return same;
}

static void note_signing(struct story *story, const struct story_claim *claim, const struct event *event)
{
    char policy[DIGEST_HEX_LEN + 1];
    bool documents = names(event, claim->refs);
    digest_format(policy, claim->policy);
    if (!story->asked) {
        story->signings[0] = event->at_utc_us;
    }
    story->asked = true;
    story->asked_for = story->asked_for || documents;
    if (documents && span_is(event->policy, policy) && story->noted < STORY_SIGNINGS_MAX) {
        story->signings[story->noted++] = event->at_utc_us;
    }
}

static void note_event(struct story *story, const struct story_claim *claim, const struct event *event)
{
    if (is_act(event, "withdrawal.announced", "intent") && story->announced_utc_us == INT64_MAX &&
        span_is(scan_member(event->refs, "intent"), text_of(claim->refs, "intent"))) {
        story->announced_utc_us = event->at_utc_us;
    }
    if (is_act(event, "withdrawal.signing", "intent")) {
        note_signing(story, claim, event);
    }
    if (is_act(event, "withdrawal.signed", "ok")) {
        story->is_signed = true;
        story->signing_count = story->noted; /* what comes later did not stand before the signature */
    }
    story->confirmed = is_act(event, "withdrawal.confirmed", "ok");
}

static bool check_event(const struct reading *reading, const struct event *event, const char *where)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(id, &reading->claim->bundle->withdrawal);
    if (!span_is(event->otype, "withdrawal") || !span_is(event->oid, id) ||
        event->ordinal != reading->story->entry_count) {
        return fail(reading, where, "is not the next entry of this withdrawal");
    }
    if (event->ordinal == 1 && !span_is(event->act, "withdrawal.request")) {
        return fail(reading, where, "is the first, and not withdrawal.request");
    }
    note_event(reading->story, reading->claim, event);
    return true;
}

static bool check_leaf(const struct reading *reading, const struct verify_entry *row, const char *where)
{
    struct story *story = reading->story;
    struct leaf leaf;
    struct event event;
    struct fault fault = {0};
    const char *why = "";
    if (!leaf_read(&leaf, reading->claim->trust->log.name, row->leaf.data, row->leaf.len, &why)) {
        return fail(reading, where, why);
    }
    if (leaf.number != row->index || (story->entry_count > 0 && row->index <= story->last_index)) {
        return fail(reading, where, "stands at another place");
    }
    if (!merkle_leads(&leaf.hash, row->index, story->checkpoint.size, row->proof, &story->checkpoint.root)) {
        return fail(reading, where, "is not in the trail that the checkpoint signs");
    }
    if (event_read(&event, leaf.event, &fault) != STATUS_OK) {
        return report_fault(reading->report, where, &fault);
    }
    story->entry_count++;
    story->last_index = row->index;
    return check_event(reading, &event, where);
}

static bool check_entry(const struct reading *reading, const json_t *object)
{
    struct verify_entry row;
    struct fault fault = {0};
    char where[64];
    if (document_decode(&row, DOCUMENT_ENTRY, object, &fault) != STATUS_OK) {
        return report_fault(reading->report, "entries", &fault);
    }
    (void)snprintf(where, sizeof(where), "entry %llu", (unsigned long long)row.index);
    bool good = check_leaf(reading, &row, where);
    bytes_free(&row.leaf);
    return good;
}

bool story_read(struct story *out, struct report *report, const struct story_claim *claim)
{
    const struct reading reading = {out, report, claim};
    const struct bytes *note = &claim->bundle->checkpoint;
    json_t *value = NULL;
    size_t i = 0;
    const char *why = "";
    *out = (struct story){.announced_utc_us = INT64_MAX};
    if (!checkpoint_read(&out->checkpoint, &claim->trust->log, note->data, note->len, &why)) {
        return fail(&reading, "checkpoint", why);
    }
    (void)trust_witnessed(claim->trust, report, "checkpoint", &out->checkpoint);
    json_array_foreach(claim->bundle->entries, i, value)
    {
        if (!check_entry(&reading, value)) {
            return false;
        }
    }
    out->signing_count = out->is_signed ? out->signing_count : out->noted;
    return (out->asked && out->confirmed) ||
           fail(&reading, "entries", "do not lead over withdrawal.signing to withdrawal.confirmed");
}
