/*
 * The event parsers under a fuzzer. For any bytes: nothing is read out of bounds, nothing leaks, what is taken as
 * pending is written again as the very same bytes if its action declares it, and can be stamped and then read as
 * stamped.
 */
#include "audit/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pending(const uint8_t *data, size_t size)
{
    struct audit_event event = {0};
    if (audit_event_decode_pending(&event, data, size, NULL) != STATUS_OK) {
        return;
    }
    const struct audit_stamp stamp = {.at_utc_us = 1767323045000000, .boot = event.producer, .epoch = INT64_MAX};
    struct audit_event stamped = {0};
    struct bytes again;
    if (audit_event_encode(&again, &event, NULL) == STATUS_OK) {
        INVARIANT(again.len == size && memcmp(again.data, data, size) == 0);
        bytes_free(&again);
    }
    INVARIANT(audit_event_stamp(&again, &stamped, data, size, &stamp, NULL) == STATUS_OK);
    audit_event_wipe(&stamped);
    INVARIANT(audit_event_decode(&stamped, again.data, again.len, NULL) == STATUS_OK);
    bytes_free(&again);
    audit_event_wipe(&stamped);
    audit_event_wipe(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_event event = {0};
    check_pending(data, size);
    if (audit_event_decode(&event, data, size, NULL) == STATUS_OK) {
        audit_event_wipe(&event);
    }
    return 0;
}
