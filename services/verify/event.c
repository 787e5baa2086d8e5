/*
 * The event of an entry.
 */
#include "event.h"

#define EVENT_MAX 57344

#define FIELD(member, kind, max) SCAN_FIELD(struct event, member, kind, max)
#define FIELD_OPTIONAL(member, kind, max) SCAN_FIELD_OPTIONAL(struct event, member, kind, max)

static const struct scan_field fields[] = {
    FIELD(act, SCAN_TEXT, 63),
    FIELD(actor, SCAN_NAME, 0),
    FIELD_OPTIONAL(auth, SCAN_HASH, 0),
    FIELD(bt, SCAN_TEXT, 95),
    FIELD(corr, SCAN_UUID, 0),
    FIELD_OPTIONAL(facts, SCAN_FACTS, 0),
    FIELD_OPTIONAL(oid, SCAN_TEXT, 80),
    FIELD_OPTIONAL(on, SCAN_COUNTER, 0),
    FIELD_OPTIONAL(otype, SCAN_TEXT, 32),
    FIELD(outcome, SCAN_TEXT, 15),
    FIELD_OPTIONAL(pii, SCAN_STRINGS, 0),
    FIELD(pn, SCAN_COUNTER, 0),
    FIELD_OPTIONAL(policy, SCAN_HASH, 0),
    FIELD(pr, SCAN_UUID, 0),
    FIELD_OPTIONAL(reason, SCAN_TEXT, 64),
    FIELD_OPTIONAL(refs, SCAN_OBJECT, 0),
    FIELD(ts, SCAN_TIME, 0),
    {"void", SCAN_STRINGS, true, 0, offsetof(struct event, voided)},
};

enum status event_read(struct event *out, struct span document, struct fault *fault)
{
    char text[UUID_TEXT_SIZE];
    if (document.len > EVENT_MAX) {
        return fault_set(fault, STATUS_TOO_LARGE, "", "at most %d bytes", EVENT_MAX);
    }
    enum status status = scan_object(out, fields, sizeof(fields) / sizeof(fields[0]), document, fault);
    if (status != STATUS_OK) {
        return status;
    }
    out->ordinal = 0;
    bool good = decimal_read(&out->number, out->pn.at, out->pn.len) && span_copy(text, sizeof(text), out->pr) &&
                uuid_parse(&out->producer, text) == STATUS_OK && span_copy(text, sizeof(text), out->ts) &&
                time_parse(&out->at_utc_us, text) == STATUS_OK &&
                (out->on.at == NULL || decimal_read(&out->ordinal, out->on.at, out->on.len));
    INVARIANT(good); /* they were looked at as fields */
    bool object = out->ordinal > 0;
    return object == (out->oid.at != NULL) && object == (out->otype.at != NULL) && object == (out->on.at != NULL)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "on", "oid, on and otype stand together");
}
