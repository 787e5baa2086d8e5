/*
 * A key of the log is followed by another by an order, which has an entry. An order may take the place of the one
 * before as long as that one has not begun to count.
 */
#include "rotations.h"

/*
 * The last entry about a key of the log, unless another one took its place, says what the trust file says. Of a key
 * that signs later than the trail is long the file may not know yet.
 */
static void settle(struct rotations *rotations, const struct trust *trust)
{
    const struct note_key *key = trust->log.next;
    long long by = rotations->by;
    unsigned long long from = rotations->from;
    while (key != NULL && (key->from != from || !digest_equal(&key->key.id, &rotations->key))) {
        key = key->next;
    }
    if (key != NULL) {
        rotations->told |= 1U << (key - trust->rotations);
    } else if (by > 0 && rotations->unknown_by == 0) {
        rotations->unknown_by = by;
        rotations->unknown_from = from;
    }
}

void rotations_entry(struct rotations *rotations, struct report *report, const struct trust *trust,
                     const struct event *event, int64_t seq)
{
    uint64_t from = 0;
    uint64_t before = rotations->from;
    struct digest key;
    if (!span_is(event->act, "log.key") || !span_is(event->outcome, "ok")) {
        return;
    }
    if (!span_decimal(&from, scan_member(event->facts, "size")) || !span_digest(&key, event->oid)) {
        report_tampered(report, "entry %lld: it does not say which key signs from which size on", (long long)seq);
        return;
    }
    if (from > before && (uint64_t)seq >= before) { /* else it takes the place of the one before */
        settle(rotations, trust);
    }
    rotations->by = seq;
    rotations->from = from;
    rotations->key = key;
}

void rotations_conclude(struct rotations *rotations, struct report *report, const struct trust *trust, bool late,
                        bool newer)
{
    static const char words[] = "entry %lld: it names a key that signs from %llu entries on, the trust file does not";
    settle(rotations, trust);
    long long by = rotations->unknown_by;
    unsigned long long from = rotations->unknown_from;
    if (by > 0 && from > rotations->size) {
        report_checked(words, by, from);
    } else if (by > 0) {
        report_as(report, newer ? VERDICT_INCOMPLETE : VERDICT_TAMPERED, words, by, from);
    }
    for (const struct note_key *key = trust->log.next; key != NULL; key = key->next) {
        bool told = (rotations->told >> (key - trust->rotations) & 1) == 1;
        if (!told && !late && key->from <= rotations->size) { /* else it may be among those that have left */
            report_tampered(report, "the key of the log from %llu entries on: no entry log.key names it",
                            (unsigned long long)key->from);
        }
    }
}
