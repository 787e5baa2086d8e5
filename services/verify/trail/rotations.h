/*
 * The keys that follow each other in one log: what entries log.key say of them, held against the trust file.
 */
#ifndef STRONGROOM_VERIFY_ROTATIONS_H
#define STRONGROOM_VERIFY_ROTATIONS_H

#include "trust.h"

struct rotations {
    uint64_t size; /* of the trail, from outside */
    int64_t by;    /* the last entry log.key, 0: none, says that */
    uint64_t from; /* from so many entries on */
    struct digest key;
    int64_t unknown_by; /* the first entry, 0: none, of a key that the trust file does not name */
    uint64_t unknown_from;
    unsigned told; /* rotations of the trust file of which an entry told, as bits */
};

/* An entry, which may be of any kind. */
void rotations_entry(struct rotations *rotations, struct report *report, const struct trust *trust,
                     const struct event *event, int64_t seq);

/* At the end of the trail. `late`: older entries have left it. `newer`: than the trust file, by the key that signed. */
void rotations_conclude(struct rotations *rotations, struct report *report, const struct trust *trust, bool late,
                        bool newer);

#endif
