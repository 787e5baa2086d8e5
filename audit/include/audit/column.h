/*
 * The facts of an entry that it is found by: those that stand beside its bytes in a row or an export (docs/formats.md,
 * section 3 and trail export).
 */
#ifndef STRONGROOM_AUDIT_COLUMN_H
#define STRONGROOM_AUDIT_COLUMN_H

#include "audit/event.h"

/*
 * What the column `name` of an entry says: "amount", "asset", "destination", "key", "version" or "wallet". "" when the
 * event has no such fact, or one that has not the form of the column: then only its bytes say it. The key of an event
 * about a key is its object. Borrowed until the event changes.
 */
const char *audit_column(const struct audit_event *event, const char *name);

#endif
