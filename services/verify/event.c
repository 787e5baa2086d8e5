/*
 * The event of an entry.
 */
#include "event.h"

#include "base/clock.h"

#define EVENT_MAX 57344

static const struct scan_field fields[] = {
    EVENT(SCAN_FIELD, SCAN_FIELD_OPTIONAL, event){"void", SCAN_STRINGS, true, 0, offsetof(struct event, voided)},
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
    if (!span_copy(text, sizeof(text), out->pr) || uuid_parse(&out->producer, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "pr", "must be a UUIDv7 in lower case");
    }
    if (!span_copy(text, sizeof(text), out->ts) || time_parse(&out->at_utc_us, text) != STATUS_OK) {
        return fault_set(fault, STATUS_INVALID, "ts", "must be a time");
    }
    bool good = span_decimal(&out->number, out->pn) && (out->on.at == NULL || span_decimal(&out->ordinal, out->on));
    INVARIANT(good); /* they were looked at as fields */
    bool object = out->ordinal > 0;
    return object == (out->oid.at != NULL) && object == (out->otype.at != NULL) && object == (out->on.at != NULL)
               ? STATUS_OK
               : fault_set(fault, STATUS_INVALID, "on", "oid, on and otype stand together");
}

const char *event_end(unsigned *inout_said, const struct event *event)
{
    enum { ENDED = 1, SIGNED = 2, CONFIRMED = 4 };
    static const struct {
        const char *act;
        unsigned says, against;
    } ends[] = {{"withdrawal.cancel", ENDED, SIGNED | CONFIRMED},
                {"withdrawal.expire", ENDED, SIGNED | CONFIRMED},
                {"withdrawal.reject", ENDED, SIGNED | CONFIRMED},
                {"withdrawal.failed", ENDED, CONFIRMED},
                {"withdrawal.signed", SIGNED, ENDED},
                {"withdrawal.confirmed", CONFIRMED, ENDED}};
    unsigned said = *inout_said;
    size_t i = 0;
    while (i < sizeof(ends) / sizeof(ends[0]) && !span_is(event->act, ends[i].act)) {
        i++;
    }
    if (i == sizeof(ends) / sizeof(ends[0]) || span_is(event->outcome, "deny")) { /* refused, it ended nothing */
        return NULL;
    }
    *inout_said |= ends[i].says;
    return (said & ends[i].against) == 0 ? NULL : (said & ENDED) != 0 ? "had ended" : "was signed or paid";
}
