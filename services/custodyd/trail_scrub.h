/*
 * Row after row of the trail against the signed tree, without being asked. A row whose column was edited is found by
 * nobody who searches by that column, and one that is gone by nobody at all; so somebody must look at all of them.
 */
#ifndef STRONGROOM_CUSTODYD_TRAIL_SCRUB_H
#define STRONGROOM_CUSTODYD_TRAIL_SCRUB_H

#include "store/trail_read.h"
#include "trail.h"

/*
 * Looks at the rows of up to `tiles` tiles (256 entries each) under the newest checkpoint, from tile *inout_tile on and
 * after the last one at the first again, and whether the trail says that what is before them has left. Any number will
 * do for a start. What is not what was signed, or not there, is told as by trail_corrupt_note, and a number that its
 * object had before is noted (trail_ordinal.h). `call` gets every row
 * that is; no transaction of the trail's reader is open then. STATUS_OK also when something was
 * found, and before the first checkpoint. Errors of the store, and of `call`.
 */
MUST_CHECK enum status trail_scrub(struct trail *trail, uint64_t *inout_tile, unsigned tiles, store_leaf_fn *call,
                                   void *context, struct fault *fault);

#endif
