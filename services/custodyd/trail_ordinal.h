/*
 * Numbers that an object had before. They are rows of the database (custody.object_ordinal), so whoever writes there
 * can set them back; an entry that has one of them is what was signed all the same, nothing mends it, and an entry that
 * is gone beside it leaves no gap.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_ORDINAL_H
#define STRONGROOM_CUSTODYD_TRAIL_ORDINAL_H

#include "store/trail_read.h"
#include "trail.h"

/* So many are told; by then it is known what sort of thing goes on. */
#define TRAIL_REPEATED_MAX 16

struct trail_repeated {
    uint64_t seq;
    uint64_t ordinal;
    int64_t at_utc_us; /* when it was found */
};

/*
 * Looks at the entries from `from_seq` on below `to_seq`, which the newest checkpoint covers: each that is what was
 * signed, with a number that is not above the one of the signed entry before it of its object, is noted. No transaction
 * of the trail's reader is open.
 */
MUST_CHECK enum status trail_ordinals_look(struct trail *trail, uint64_t from_seq, uint64_t to_seq,
                                           struct fault *fault);

/* The same of signed entries of one object, in order of seq. */
void trail_ordinals_note(struct trail *trail, const struct store_leaf_list *list);

/* Those that were noted since the trail was opened, in that order. Answers how many. */
size_t trail_repeated_list(struct trail_repeated out[TRAIL_REPEATED_MAX], struct trail *trail);

#endif
