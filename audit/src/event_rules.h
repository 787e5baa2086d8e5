/* The rules of an event beyond the types of its fields. Private to the room. */
#ifndef STRONGROOM_AUDIT_EVENT_RULES_H
#define STRONGROOM_AUDIT_EVENT_RULES_H

#include "audit/event.h"

/* True for a name of a reference or fact: [a-z0-9_], 1 to 32. */
bool event_name_fits(const char *name);

/* True for a machine value: 1 to 256 printable ASCII characters without space. */
bool event_value_fits(const char *value);

/* Every rule that the field table does not express, but for the stamp. STATUS_INVALID, STATUS_MISSING_FIELD. */
MUST_CHECK enum status event_check(const struct audit_event *event, struct fault *fault);

/*
 * Whether the event carries what the list of actions declares, and no more: object, outcome, references, facts.
 * STATUS_INVALID for what is not declared, STATUS_MISSING_FIELD for what is required and not there.
 */
MUST_CHECK enum status event_check_declared(const struct audit_event *event, struct fault *fault);

#endif
