/*
 * The event document: one table for both directions and both stages.
 *
 * The last rows of the table are the stamp; a pending document is the table without them. After reading, an event is
 * written again and compared: what the struct cannot hold (an optional field that says "none" in words) is refused so.
 */
#include "audit/event.h"

#include <inttypes.h>

#include "base/canon.h"
#include "base/clock.h"
#include "event_rules.h"
#include "lines.h"

#define ACT_SIZE 48
#define OUTCOME_SIZE 16
#define BT_SIZE (UUID_TEXT_SIZE + 20)

/* The event beside those of its fields that stand in the document as text. */
struct wire {
    struct audit_event event;
    char act[ACT_SIZE];
    char outcome[OUTCOME_SIZE];
    char bt[BT_SIZE];
};

#define FIELD(name, member, type, optional)                                                                            \
    {                                                                                                                  \
        name, type, optional, offsetof(struct wire, member), sizeof(((struct wire *)0)->member), 1, AUDIT_LIST_MAX     \
    }

static const struct canon_field fields[] = {
    FIELD("act", act, CANON_TEXT, false),
    FIELD("actor", event.actor, CANON_NAME, false),
    FIELD("auth", event.auth, CANON_HASH, true),
    FIELD("corr", event.correlation, CANON_UUID, false),
    FIELD("facts", event.facts, CANON_OBJECT, true),
    FIELD("oid", event.object_id, CANON_TEXT, true),
    FIELD("on", event.object_ordinal, CANON_COUNTER, true),
    FIELD("otype", event.object_type, CANON_TEXT, true),
    FIELD("outcome", outcome, CANON_TEXT, false),
    FIELD("pii", event.pii, CANON_ARRAY, true),
    FIELD("pn", event.producer_counter, CANON_COUNTER, false),
    FIELD("policy", event.policy, CANON_HASH, true),
    FIELD("pr", event.producer, CANON_UUID, false),
    FIELD("reason", event.reason, CANON_TEXT, true),
    FIELD("refs", event.refs, CANON_OBJECT, true),
    FIELD("void", event.voided, CANON_ARRAY, true),
    /* the stamp: */
    FIELD("bt", bt, CANON_TEXT, false),
    FIELD("ts", event.at_utc_us, CANON_TIME, false),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))
#define STAMP_COUNT 2

/* What differs between the stages. */
struct stage {
    size_t count;
    size_t max;
    bool stamped;
};

static const struct stage stage_pending = {FIELD_COUNT - STAMP_COUNT, AUDIT_PENDING_MAX, false};
static const struct stage stage_stamped = {FIELD_COUNT, AUDIT_EVENT_MAX, true};

void audit_event_wipe(struct audit_event *event)
{
    json_decref(event->refs);
    json_decref(event->facts);
    json_decref(event->voided);
    json_decref(event->pii);
    *event = (struct audit_event){0};
}

static enum status stamp_write(struct wire *wire, struct fault *fault)
{
    if (wire->event.epoch == 0 || wire->event.epoch > INT64_MAX) {
        return fault_set(fault, STATUS_INVALID, "bt", "an epoch from 1 to 2^63-1");
    }
    char boot[UUID_TEXT_SIZE];
    uuid_format(boot, &wire->event.boot);
    struct uuid checked;
    if (uuid_parse(&checked, boot) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "bt", "a boot id of version 7");
    }
    int len = snprintf(wire->bt, BT_SIZE, "%s/%" PRIu64, boot, wire->event.epoch);
    INVARIANT(len > 0 && len < BT_SIZE);
    return STATUS_OK;
}

static enum status stamp_read(struct wire *wire, struct fault *fault)
{
    char boot[UUID_TEXT_SIZE] = {0};
    struct line line = {.text = wire->bt, .len = strnlen(wire->bt, BT_SIZE)};
    if (line.len > UUID_TEXT_SIZE && line.text[UUID_TEXT_SIZE - 1] == '/') {
        memcpy(boot, line.text, UUID_TEXT_SIZE - 1);
        line.text += UUID_TEXT_SIZE;
        line.len -= UUID_TEXT_SIZE;
    }
    if (uuid_parse(&wire->event.boot, boot) != STATUS_OK || line_decimal(&wire->event.epoch, &line) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "bt", "the boot id of the sequencer, a slash and its epoch");
    }
    return STATUS_OK;
}

/* Writes the document of one stage. */
static enum status event_write(struct bytes *out, const struct audit_event *event, const struct stage *stage,
                               struct fault *fault)
{
    enum status status = event_check(event, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct wire wire = {.event = *event};
    (void)snprintf(wire.act, ACT_SIZE, "%s", audit_action_text(event->action));
    (void)snprintf(wire.outcome, OUTCOME_SIZE, "%s", audit_outcome_text(event->outcome));
    if (stage->stamped) {
        status = stamp_write(&wire, fault);
    }
    return status == STATUS_OK ? canon_encode_bytes(out, &wire, fields, stage->count, stage->max, fault) : status;
}

/* Finishes an event whose fields have been read: texts, stamp, rules, and the comparison with the document. */
static enum status event_complete(struct wire *wire, const struct stage *stage, const void *document, size_t len,
                                  struct fault *fault)
{
    wire->event.action = audit_action_find(wire->act);
    wire->event.outcome = audit_outcome_find(wire->outcome);
    enum status status = stage->stamped ? stamp_read(wire, fault) : STATUS_OK;
    struct bytes again = {0};
    if (status == STATUS_OK) {
        status = event_write(&again, &wire->event, stage, fault);
    }
    if (status == STATUS_OK && (again.len != len || memcmp(again.data, document, len) != 0)) {
        status = fault_set(fault, STATUS_INVALID, "event", "a field that says none is left out");
    }
    bytes_free(&again);
    return status;
}

static enum status event_read(struct audit_event *out, const void *document, size_t len, const struct stage *stage,
                              struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, stage->max, fault);
    if (status != STATUS_OK) {
        return status;
    }
    struct wire wire = {0};
    status = canon_decode(&wire, sizeof(wire), object, fields, stage->count, "", fault);
    if (status == STATUS_OK) {
        status = event_complete(&wire, stage, document, len, fault);
    }
    if (status == STATUS_OK) {
        *out = wire.event;
        json_incref(out->refs); /* the table lends them from the document; the event owns them */
        json_incref(out->facts);
        json_incref(out->voided);
        json_incref(out->pii);
    }
    json_decref(object);
    return status;
}

enum status audit_event_encode(struct bytes *out, const struct audit_event *event, struct fault *fault)
{
    struct bytes document = {0};
    enum status status = event_write(&document, event, &stage_pending, fault);
    if (status == STATUS_OK) {
        status = event_check_declared(event, fault);
    }
    if (status != STATUS_OK) {
        bytes_free(&document);
        return status;
    }
    *out = document; /* transferred */
    return STATUS_OK;
}

/* Where `ts` goes: before `void`, whose list ends the document when there is one, else at its end. */
static size_t ts_place(const uint8_t *pending, size_t len)
{
    size_t at = len - 1;
    if (pending[at - 1] == ']') { /* refs, the other member that may be the last, is an object */
        while (pending[at] != '[') {
            at--;
        }
        at -= sizeof(",\"void\":") - 1;
    }
    return at;
}

enum status audit_event_splice(struct bytes *out, const void *pending, size_t len, const struct audit_stamp *stamp,
                               struct fault *fault)
{
    static const char after_bt[] = ",\"corr\":";
    struct wire wire = {.event = {.boot = stamp->boot, .epoch = stamp->epoch}};
    enum status status = stamp_write(&wire, fault);
    if (status == STATUS_OK && (stamp->at_utc_us < 0 || stamp->at_utc_us > TIME_MAX_UTC_US)) {
        status = fault_set(fault, STATUS_INVALID, "ts", "a time from 1970 to 9999");
    }
    if (status != STATUS_OK) {
        return status;
    }
    char ts[TIME_TEXT_SIZE];
    time_format(ts, stamp->at_utc_us);
    const uint8_t *all = pending;
    const uint8_t *bt = memmem(all, len, after_bt, sizeof(after_bt) - 1); /* the fields before it hold no such text */
    INVARIANT(bt != NULL);
    size_t head = (size_t)(bt - all);
    size_t tail = ts_place(all, len);
    struct buffer buffer;
    buffer_init(&buffer);
    buffer_append(&buffer, all, head);
    buffer_append_format(&buffer, ",\"bt\":\"%s\"", wire.bt);
    buffer_append(&buffer, bt, tail - head);
    buffer_append_format(&buffer, ",\"ts\":\"%s\"", ts);
    buffer_append(&buffer, all + tail, len - tail);
    INVARIANT(buffer.content.len <= AUDIT_EVENT_MAX);
    status = buffer_finish(out, &buffer);
    return status == STATUS_OK ? status : fault_set(fault, status, "event", "stamping");
}

enum status audit_event_stamp(struct bytes *out, struct audit_event *out_event, const void *pending, size_t len,
                              const struct audit_stamp *stamp, struct fault *fault)
{
    struct audit_event event = {0};
    enum status status = event_read(&event, pending, len, &stage_pending, fault);
    if (status != STATUS_OK) {
        return status;
    }
    event.at_utc_us = stamp->at_utc_us;
    event.boot = stamp->boot;
    event.epoch = stamp->epoch;
    status = audit_event_splice(out, pending, len, stamp, fault);
    if (status != STATUS_OK) {
        audit_event_wipe(&event);
        return status;
    }
    *out_event = event; /* transferred */
    return STATUS_OK;
}

enum status audit_event_decode(struct audit_event *out, const void *document, size_t len, struct fault *fault)
{
    return event_read(out, document, len, &stage_stamped, fault);
}

enum status audit_event_decode_pending(struct audit_event *out, const void *pending, size_t len, struct fault *fault)
{
    return event_read(out, pending, len, &stage_pending, fault);
}
