/*
 * The event of an entry.
 */
#include "event.h"

#define EVENT_MAX 57344

#define FIELD(member, kind) CANON_FIELD(struct event, member, kind)
#define FIELD_OPTIONAL(member, kind) CANON_FIELD_OPTIONAL(struct event, member, kind)

static const struct canon_field fields[] = {
    FIELD(act, CANON_TEXT),
    FIELD(actor, CANON_NAME),
    FIELD_OPTIONAL(auth, CANON_HASH),
    FIELD(bt, CANON_TEXT),
    FIELD(corr, CANON_UUID),
    FIELD_OPTIONAL(facts, CANON_OBJECT),
    FIELD_OPTIONAL(oid, CANON_TEXT),
    FIELD_OPTIONAL(on, CANON_COUNTER),
    FIELD_OPTIONAL(otype, CANON_TEXT),
    FIELD(outcome, CANON_TEXT),
    FIELD_OPTIONAL(pii, CANON_ARRAY),
    FIELD(pn, CANON_COUNTER),
    FIELD(pr, CANON_UUID),
    FIELD_OPTIONAL(policy, CANON_HASH),
    FIELD_OPTIONAL(reason, CANON_TEXT),
    FIELD_OPTIONAL(refs, CANON_OBJECT),
    FIELD(ts, CANON_TIME),
    {"void", CANON_ARRAY, true, offsetof(struct event, voided), sizeof(json_t *), 0, 256},
};

enum status event_read(struct event *out, const void *document, size_t len, struct fault *fault)
{
    json_t *object = NULL;
    enum status status = canon_parse(&object, document, len, EVENT_MAX, fault);
    if (status == STATUS_OK) {
        status = canon_decode(out, sizeof(*out), object, fields, sizeof(fields) / sizeof(fields[0]), "", fault);
        out->document = object;
    }
    if (status == STATUS_OK && ((out->on == 0) != (out->oid[0] == '\0') || (out->on == 0) != (out->otype[0] == '\0'))) {
        status = fault_set(fault, STATUS_INVALID, "on", "oid, on and otype stand together");
    }
    if (status != STATUS_OK) {
        json_decref(object);
        *out = (struct event){0};
    }
    return status;
}

void event_free(struct event *event)
{
    json_decref(event->document);
    *event = (struct event){0};
}
