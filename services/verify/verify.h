/*
 * The checks of custody-verify. Each prints what it found and answers the verdict.
 */
#ifndef STRONGROOM_VERIFY_VERIFY_H
#define STRONGROOM_VERIFY_VERIFY_H

#include "report.h"
#include "trust.h"

/*
 * An export of the whole trail: every entry parses, links to the one before, stands where its number says, its columns
 * say what it says; ordinals and producer numbers have no gaps; the tree has the root of the signed checkpoint at its
 * end, and at every checkpoint or receipt in `held` the root that was signed then.
 */
enum verdict verify_trail(const struct trust *trust, const char *path, char *const *held, int held_count);

/* An evidence bundle: from the trust file to the block, with nothing believed in between. */
enum verdict verify_evidence(const struct trust *trust, const char *path);

#endif
