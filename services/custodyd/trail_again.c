/*
 * Which entries are told again when they leave. They are found by what was signed, not by columns, which anybody who
 * writes to the database may edit: one that is passed over is forgotten for good.
 */
#include "trail_again.h"

#include <stdlib.h>

#include "audit/event.h"
#include "audit/leaf.h"
#include "trail_leaf.h"

#define ROOM 64 /* at first */

static bool is_remembered(const struct audit_event *event)
{
    static const struct {
        enum audit_action action;
        enum audit_outcome outcome;
    } rows[] = {
        {AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_INTENT}, {AUDIT_DESTINATION_ADD, AUDIT_OUTCOME_OK},
        {AUDIT_DESTINATION_HELD, AUDIT_OUTCOME_OK},    {AUDIT_DESTINATION_REVOKE, AUDIT_OUTCOME_OK},
        {AUDIT_KEY_ALARM, AUDIT_OUTCOME_OK},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].action == event->action && rows[i].outcome == event->outcome) {
            return true;
        }
    }
    return false;
}

/* What is no event is nothing that this service said. */
static enum status look_at(bool *out, const void *raw, size_t len, struct fault *fault)
{
    struct audit_leaf leaf;
    struct audit_event event = {0};
    enum status status = audit_leaf_parse(&leaf, raw, len, NULL);
    if (status == STATUS_OK) {
        status = audit_event_decode(&event, leaf.event, leaf.event_len, NULL);
    }
    *out = status == STATUS_OK && is_remembered(&event);
    audit_event_wipe(&event);
    return status == STATUS_NO_MEMORY ? fault_set(fault, status, "trail", "%s", "") : STATUS_OK;
}

enum status trail_again_note(struct trail_again *inout, uint64_t seq, const void *raw, size_t len, struct fault *fault)
{
    bool remembered = false;
    enum status status = look_at(&remembered, raw, len, fault);
    if (status != STATUS_OK || !remembered) {
        return status;
    }
    bool full = (inout->count & (inout->count - 1)) == 0 && (inout->count == 0 || inout->count >= ROOM);
    if (full) {
        size_t room = inout->count < ROOM ? ROOM : 2 * inout->count;
        uint64_t *grown = realloc(inout->seqs, room * sizeof(*grown));
        if (grown == NULL) {
            return fault_set(fault, STATUS_NO_MEMORY, "trail", "%s", "");
        }
        inout->seqs = grown;
    }
    inout->seqs[inout->count++] = seq;
    return STATUS_OK;
}

/* Another status than STATUS_NO_MEMORY: it cannot be put so. */
static enum status read_own(struct audit_event *out, const struct store_leaf *entry)
{
    struct bytes document = {0};
    enum status status = trail_leaf_event(out, entry, NULL);
    if (status == STATUS_OK) {
        status = audit_event_encode(&document, out, NULL);
    }
    bytes_free(&document);
    return status;
}

bool trail_again_can(const struct store_leaf *entry)
{
    struct audit_event event = {0};
    bool can = read_own(&event, entry) == STATUS_OK;
    audit_event_wipe(&event);
    return can;
}

enum status trail_again_tell(struct trail *trail, struct store_tx *tx, const struct store_leaf *entry,
                             struct fault *fault)
{
    struct trail_ticket ticket;
    struct audit_event event = {0};
    enum status status = read_own(&event, entry);
    if (status == STATUS_NO_MEMORY) {
        status = fault_set(fault, status, "trail", "%s", "");
    } else {
        status = status == STATUS_OK ? trail_enqueue(&ticket, trail, tx, &event, fault) : STATUS_OK;
    }
    audit_event_wipe(&event);
    return status;
}

void trail_again_free(struct trail_again *again)
{
    free(again->seqs);
    *again = (struct trail_again){0};
}
